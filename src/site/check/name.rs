//! Names as DNS has them: no two links of a host under one, and no resolver that asks itself.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::Span;
use crate::site::host_name::label;
use crate::site::resolve::{Domain, Draft, Host};

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    for host in draft.hosts.iter().filter(|host| host.links.len() > 1) {
        labels(host, out);
    }
    forwarders(draft, out);
}

/// `LINK.HOST` is one label for the link: a dot in it becomes a hyphen.
fn labels(host: &Host<'_>, out: &mut Faults) {
    let mut seen: BTreeMap<String, (&str, Span)> = BTreeMap::new();
    let links = host.links.iter().filter(|link| link.has_address());
    for link in links {
        let name = &link.node.name;
        let label = label(&name.value);
        let Some((first, span)) = seen.insert(label, (name.value.as_str(), name.span)) else {
            continue;
        };
        if first == name.value.as_str() {
            continue;
        }
        let message = format!("`{first}` and `{}` have one name in DNS", name.value);
        out.push(
            Diagnostic::new(Code::LabelTwice, message)
                .label(name.span, "a dot in a link's name is a hyphen in DNS")
                .label(span, "the other one")
                .help("rename one of them"),
        );
    }
}

/// Questions that a controller forwards to itself never end.
fn forwarders(draft: &Draft<'_>, out: &mut Faults) {
    let controllers = draft.hosts.iter().filter(|host| host.is_controller());
    let own: BTreeMap<IpAddr, (&Host<'_>, Span)> = controllers
        .flat_map(|host| host.links.iter().map(move |link| (host, link)))
        .flat_map(|(host, link)| link.addresses.iter().map(move |placed| (host, placed)))
        // What the controllers ask is in the shared domain.
        .filter(|(_, placed)| draft.domain(placed) == Domain::Shared)
        .map(|(host, placed)| (placed.ip(), (host, placed.span())))
        .collect();
    let sites = draft.declarations.sites.iter();
    for forwarder in sites.flat_map(|site| &site.forwarders) {
        let Some((host, span)) = own.get(&forwarder.value) else {
            continue;
        };
        let message = format!(
            "questions are forwarded to {}, who would forward them again",
            host.title()
        );
        out.push(
            Diagnostic::new(Code::ForwarderOwn, message)
                .label(forwarder.span, "forwarded here")
                .label(*span, "its own address")
                .help("name a resolver outside of this site"),
        );
    }
}
