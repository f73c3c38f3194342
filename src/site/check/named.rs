//! Links and routing tables of a controller that its routes and rules name.

use crate::base::name::LinkName;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::Spanned;
use crate::diag::suggest::did_you_mean;
use crate::lang::Slot;
use crate::lang::node::{LinkShape, TableRef};
use crate::site::resolve::{Draft, Host};

/// Reports a link that the host does not have; every host has the loopback.
pub(super) fn link(draft: &Draft<'_>, host: &Host<'_>, name: &Slot<LinkName>, out: &mut Faults) {
    let Some(name) = name.given() else {
        return;
    };
    let is_there = name.value == LinkName::loopback() || host.link(&name.value).is_some();
    if is_there || super::reference::may_lack(draft, host) {
        return;
    }
    let known = host.links.iter().map(|link| link.node.name.value.as_str());
    let guess = out
        .are_few()
        .then(|| did_you_mean(name.value.as_str(), known));
    let help = guess
        .flatten()
        .unwrap_or_else(|| format!("declare it: ethernet \"{}\"", name.value));
    let message = format!("{} has no link `{}`", host.title(), name.value);
    out.push(
        Diagnostic::new(Code::UnknownReference, message)
            .label(name.span, "not a link of this host")
            .help(help),
    );
}

/// Reports a table of a VRF that the host does not have.
pub(super) fn table(draft: &Draft<'_>, host: &Host<'_>, table: &Slot<TableRef>, out: &mut Faults) {
    let Some(Spanned {
        value: TableRef::Vrf(name),
        span,
    }) = table.given()
    else {
        return;
    };
    let is_vrf = |shape: &LinkShape| matches!(shape, LinkShape::Vrf { .. });
    let found = host.link(name);
    if found.is_some_and(|link| is_vrf(&link.node.shape)) {
        return;
    }
    if super::reference::may_lack(draft, host) {
        return;
    }
    let message = format!("{} has no vrf `{name}`", host.title());
    let fault = Diagnostic::new(Code::UnknownReference, message)
        .label(*span, "a table is named by its vrf, or by its number");
    let vrfs = host.links.iter().map(|link| &link.node);
    let vrfs = vrfs.filter(|node| is_vrf(&node.shape));
    let known = vrfs.map(|node| node.name.value.as_str());
    let guess = out.are_few().then(|| did_you_mean(name.as_str(), known));
    let fault = match found {
        Some(link) => fault.label(link.node.span, format!("a {} link", link.node.shape.word())),
        None => fault,
    };
    out.push(fault.help(guess.flatten().unwrap_or_else(|| {
        format!("declare it: vrf \"{name}\" table=1001; or write a number, such as table 200")
    })));
}
