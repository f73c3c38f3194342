//! Bridges that filter VLANs: ports of theirs, VLANs with ids, each said once.

use std::collections::BTreeMap;

use super::stack::Stack;
use crate::base::name::LinkName;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::Span;
use crate::lang::Slot;
use crate::lang::node::{FilterNode, LinkShape, PortNode};
use crate::site::resolve::{Link, Plug, PortPlugs};

pub(super) fn check(stack: &Stack<'_>, out: &mut Faults) {
    for link in &stack.host.links {
        if let LinkShape::Bridge {
            filter: Some(filter),
            ..
        } = &link.node.shape
        {
            idle(filter, out);
            ports(link, filter, out);
            vlans(stack, link, filter, out);
        }
    }
}

fn fault(message: String, span: Span, text: &str) -> Diagnostic {
    Diagnostic::new(Code::BridgeVlan, message).label(span, text)
}

/// What means something only on a bridge that filters.
fn idle(filter: &FilterNode, out: &mut Faults) {
    if filter.filtering == Slot::Faulty || filter.filtering.value() == Some(&true) {
        return;
    }
    let port = filter.ports.first().map(|port| ("port", port.span));
    let pvid = filter.default_pvid.given();
    let pvid = pvid.map(|pvid| ("default-pvid", pvid.span));
    if let Some((word, span)) = port.or(pvid) {
        let message = format!("`{word}` means nothing on a bridge that does not filter vlans");
        let fault = fault(message, span, "this bridge takes the frames of every vlan");
        out.push(fault.help("add vlan-filtering #true, or remove this"));
    }
}

/// Each port that is spoken of is one of the bridge's, and spoken of once.
fn ports(link: &Link, filter: &FilterNode, out: &mut Faults) {
    let mut seen: BTreeMap<&LinkName, Span> = BTreeMap::new();
    let bridge = &link.node.name.value;
    for port in &filter.ports {
        let name = &port.name.value;
        let is_port = Stack::below(link).iter().any(|one| one.value == *name);
        if let Some(first) = seen.insert(name, port.name.span) {
            let message = format!("the vlans of the port `{name}` are said twice");
            let fault = fault(message, port.name.span, "said again here");
            out.push(
                fault
                    .label(first, "first said here")
                    .help("keep one `port`: several vlans are several arguments of `tagged`"),
            );
        } else if !is_port && name != bridge {
            let message = format!("`{name}` is no port of the bridge `{bridge}`");
            let fault = fault(message, port.name.span, "not one of its ports");
            out.push(fault.help(format!(
                "name one of its `ports`, or the bridge itself: port \"{bridge}\""
            )));
        }
    }
}

fn vlans(stack: &Stack<'_>, link: &Link, filter: &FilterNode, out: &mut Faults) {
    // A bridge is one network: its ids mean the VLANs of one fabric.
    let mut home: Option<(usize, Span)> = None;
    for (port, plugs) in filter.ports.iter().zip(&link.port_plugs) {
        let mut seen: BTreeMap<usize, Span> = BTreeMap::new();
        for (vlan, span) in named(port, plugs) {
            let Some(draft) = stack.draft.vlans.get(vlan) else {
                continue;
            };
            let path = &draft.path;
            if draft.node.id.is_absent() {
                let message = format!("the vlan `{path}` has no id that a bridge could filter by");
                out.push(
                    fault(message, span, "on this port")
                        .label(draft.node.name.span, "the fabric's untagged vlan")
                        .help("give it an id; on ports where it is `untagged`, its frames stay without a tag"),
                );
            } else if let Some(first) = seen.insert(vlan, span) {
                let message = format!(
                    "the port `{}` takes the vlan `{path}` twice",
                    port.name.value
                );
                out.push(
                    fault(message, span, "again here")
                        .label(first, "first here")
                        .help("a port sends the frames of a vlan with a tag or without"),
                );
            }
            let (first, there) = *home.get_or_insert((vlan, span));
            let other = stack.draft.vlans.get(first).map(|vlan| &vlan.path.fabric);
            if other.is_some_and(|other| *other != path.fabric) {
                let message = format!(
                    "the bridge `{}` has vlans of two fabrics",
                    link.node.name.value
                );
                out.push(
                    fault(message, span, "of one fabric")
                        .label(there, "of another")
                        .help("make a bridge for each fabric"),
                );
                return;
            }
        }
    }
}

/// The VLANs that were found, each where it is named.
fn named<'a>(port: &'a PortNode, plugs: &'a PortPlugs) -> impl Iterator<Item = (usize, Span)> + 'a {
    let tagged = port.tagged.iter().map(|vlan| vlan.span);
    let untagged = port.untagged.given().map(|vlan| vlan.span);
    let spans = tagged.chain(untagged);
    let plugs = plugs.tagged.iter().chain(
        // One that could not be read has no place.
        untagged.map(|_| &plugs.untagged),
    );
    plugs.zip(spans).filter_map(|(plug, span)| match plug {
        Plug::Vlan(vlan) => Some((*vlan, span)),
        Plug::Nothing | Plug::Unknown => None,
    })
}
