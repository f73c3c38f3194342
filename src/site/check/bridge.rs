//! Bridges of controllers and their ports.

use std::collections::BTreeMap;

use crate::base::limit::MTU_DEFAULT;
use crate::base::name::LinkName;
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{Span, Spanned};
use crate::diag::suggest::did_you_mean;
use crate::lang::node::LinkShape;
use crate::site::resolve::{Draft, Host, Link, Plug};

pub(super) fn check(draft: &Draft<'_>, out: &mut Vec<Diagnostic>) {
    for host in &draft.hosts {
        let links: BTreeMap<&LinkName, &Link> = host
            .links
            .iter()
            .map(|link| (&link.node.name.value, link))
            .collect();
        let mut members: BTreeMap<&LinkName, Span> = BTreeMap::new();
        for bridge in &host.links {
            let LinkShape::Bridge { ports } = &bridge.node.shape else {
                continue;
            };
            for port in ports {
                if let Some(first) = members.insert(&port.value, port.span) {
                    out.push(twice(port, first));
                    continue;
                }
                match links.get(&port.value) {
                    None => out.extend(missing(draft, host, port, &links)),
                    Some(link) => suits(draft, bridge, port, link, out),
                }
            }
        }
    }
}

fn twice(port: &Spanned<LinkName>, first: Span) -> Diagnostic {
    Diagnostic::new(
        Code::BridgePortTwice,
        format!("the link `{}` is a port twice", port.value),
    )
    .label(port.span, "a port again here")
    .label(first, "a port here already")
    .help("a link is a port of one bridge at most")
}

fn missing(
    draft: &Draft<'_>,
    host: &Host<'_>,
    port: &Spanned<LinkName>,
    links: &BTreeMap<&LinkName, &Link>,
) -> Option<Diagnostic> {
    if draft.declarations.gaps.may_hide(&["ethernet", "bridge"]) {
        return None;
    }
    let known = links.keys().map(|name| name.as_str());
    let help = did_you_mean(port.value.as_str(), known)
        .unwrap_or_else(|| format!("declare it: ethernet \"{}\"", port.value));
    Some(
        Diagnostic::new(
            Code::BridgePort,
            format!("{} has no link `{}`", host.title(), port.value),
        )
        .label(port.span, "not a link of this controller")
        .help(help),
    )
}

fn suits(
    draft: &Draft<'_>,
    bridge: &Link,
    port: &Spanned<LinkName>,
    link: &Link,
    out: &mut Vec<Diagnostic>,
) {
    let name = &port.value;
    let unfit = |message: String, there: Span, text: &str| {
        Diagnostic::new(Code::BridgePort, message)
            .label(port.span, "made a port here")
            .label(there, text)
    };
    match link.node.shape {
        LinkShape::Bridge { .. } => {
            let message = format!("the bridge `{name}` cannot be a port");
            out.push(unfit(message, link.node.span, "a bridge itself"));
            return;
        }
        LinkShape::Ethernet { .. } => {}
    }
    if let Some(placed) = link.addresses.first() {
        let message = format!("the port `{name}` has an address of its own");
        let help = "a bridge's port carries no address: give it to the bridge";
        out.push(unfit(message, placed.span(), "its address").help(help));
        return;
    }
    if let (Plug::Vlan(own), Plug::Vlan(wanted)) = (link.plug, bridge.plug)
        && own != wanted
    {
        let message = format!("the port `{name}` is in another vlan than its bridge");
        let help = "leave the port's vlan out: it is the bridge's";
        out.push(unfit(message, link.node.span, "in this vlan").help(help));
        return;
    }
    mtu(draft, bridge, port, link, out);
}

fn mtu(
    draft: &Draft<'_>,
    bridge: &Link,
    port: &Spanned<LinkName>,
    link: &Link,
    out: &mut Vec<Diagnostic>,
) {
    let known = |link: &Link| {
        let of_vlan = match link.plug {
            Plug::Vlan(vlan) => draft.vlans.get(vlan).map(|vlan| &vlan.node.mtu),
            Plug::Nothing | Plug::Unknown => None,
        };
        let own = link.node.mtu.value();
        own.or_else(|| of_vlan.and_then(|mtu| mtu.value())).copied()
    };
    let Some(wanted) = known(bridge) else {
        return;
    };
    let has = known(link).unwrap_or(MTU_DEFAULT);
    if has >= wanted || matches!(link.node.mtu, crate::lang::Slot::Faulty) {
        return;
    }
    let message = format!(
        "the port `{}` has an MTU of {has}, its bridge one of {wanted}",
        port.value
    );
    out.push(
        Diagnostic::new(Code::BridgeMtu, message)
            .label(port.span, "this port would drop large frames")
            .label(bridge.node.span, "the bridge")
            .help(format!("give the port mtu={wanted}")),
    );
}
