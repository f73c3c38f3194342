//! Bridges that filter VLANs: ports of theirs, VLANs with ids, each said once.

use std::collections::{BTreeMap, BTreeSet};

use super::stack::Stack;
use crate::base::name::LinkName;
use crate::base::vlan::VlanProtocol;
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
        out.extend(filtering(link).and_then(|filter| astray(stack, link, filter)));
    }
    carried(stack, out);
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
    let known: BTreeSet<&LinkName> = Stack::below(link).iter().map(|one| &one.value).collect();
    for port in &filter.ports {
        let name = &port.name.value;
        if let Some(first) = seen.insert(name, port.name.span) {
            let message = format!("the vlans of the port `{name}` are said twice");
            let fault = fault(message, port.name.span, "said again here");
            out.push(
                fault
                    .label(first, "first said here")
                    .help("keep one `port`: several vlans are several arguments of `tagged`"),
            );
        } else if !known.contains(name) && name != bridge {
            let message = format!("`{name}` is no port of the bridge `{bridge}`");
            let fault = fault(message, port.name.span, "not one of its ports");
            out.push(fault.help(format!(
                "name one of its `ports`, or the bridge itself: port \"{bridge}\""
            )));
        }
    }
}

/// A bridge whose own untagged frames are not those of the VLAN that its addresses are in.
fn astray(stack: &Stack<'_>, link: &Link, filter: &FilterNode) -> Option<Diagnostic> {
    let Plug::Vlan(own) = link.plug else {
        return None;
    };
    let Some((port, plugs)) = own_port(link, filter) else {
        return hidden(stack, link, filter, own);
    };
    let Plug::Vlan(untagged) = plugs.untagged else {
        return None;
    };
    let path = |vlan: usize| stack.draft.vlans.get(vlan).map(|vlan| &vlan.path);
    let (own, taken) = (path(own)?, path(untagged)?);
    (own != taken).then(|| {
        let message = format!(
            "the bridge `{}` is in the vlan `{own}`, and takes the untagged frames of `{taken}`",
            link.node.name.value
        );
        let span = port.untagged.given().map_or(port.span, |vlan| vlan.span);
        fault(message, span, "not the bridge's own")
            .label(link.node.span, "in the other vlan")
            .help("what stands on the bridge itself is in the vlan of its untagged frames: name one vlan in both places")
    })
}

/// A bridge that does not speak of itself among its ports, and so takes untagged frames of another VLAN than its own.
fn hidden(stack: &Stack<'_>, link: &Link, filter: &FilterNode, own: usize) -> Option<Diagnostic> {
    let first = filter.ports.first()?;
    let vlan = stack.draft.vlans.get(own)?;
    let id = *vlan.node.id.value()?;
    let pvid = match &filter.default_pvid {
        Slot::Absent => 1,
        Slot::Faulty => return None,
        Slot::Given(pvid) => pvid.value,
    };
    (pvid != id).then(|| {
        let (name, path) = (&link.node.name.value, &vlan.path);
        let message =
            format!("the bridge `{name}` is in the vlan `{path}`, and takes no frames of it");
        fault(
            message,
            link.node.span,
            "the default holds for the bridge itself",
        )
        .label(first.span, "its ports say their vlans")
        .help(format!("add port \"{name}\" {{ untagged \"{path}\" }}"))
    })
}

/// Tagged links on bridges that do not take their frames.
fn carried(stack: &Stack<'_>, out: &mut Faults) {
    let bridges = stack.host.links.iter().filter_map(|link| {
        let filter = filtering(link)?;
        let plugs = own_port(link, filter).map(|(_, plugs)| &plugs.tagged);
        let taken: BTreeSet<usize> = plugs.into_iter().flatten().filter_map(found).collect();
        // One that was not found may be the one that is missed.
        let is_unsure = plugs.is_some_and(|plugs| plugs.contains(&Plug::Unknown));
        (!is_unsure).then_some((&link.node.name.value, (link, taken)))
    });
    let bridges: BTreeMap<&LinkName, (&Link, BTreeSet<usize>)> = bridges.collect();
    for tagged in stack.host.links.iter().filter(|_| !bridges.is_empty()) {
        let LinkShape::Tagged { on, protocol } = &tagged.node.shape else {
            continue;
        };
        // A bridge looks at tags of 802.1Q alone.
        let is_seen = protocol.is_absent() || protocol.value() == Some(&VlanProtocol::Dot1q);
        let below = on.value().and_then(|on| bridges.get(on));
        let (Some((bridge, taken)), Some(vlan), true) = (below, found(&tagged.plug), is_seen)
        else {
            continue;
        };
        let Some(path) = stack.draft.vlans.get(vlan).map(|vlan| &vlan.path) else {
            continue;
        };
        if !taken.contains(&vlan) {
            let name = &bridge.node.name.value;
            let message = format!(
                "the bridge `{name}` does not take tagged frames of the vlan `{path}` itself"
            );
            out.push(
                fault(message, tagged.node.span, "this link would get none")
                    .label(bridge.node.span, "the bridge")
                    .help(format!(
                        "add port \"{name}\" {{ tagged \"{path}\" }} to the bridge"
                    )),
            );
        }
    }
}

/// What a bridge says of VLANs, where it filters them and all of it could be read.
fn filtering(link: &Link) -> Option<&FilterNode> {
    let LinkShape::Bridge {
        filter: Some(filter),
        ..
    } = &link.node.shape
    else {
        return None;
    };
    let is_filtering = filter.filtering.value() == Some(&true) && !link.node.is_partial;
    is_filtering.then_some(&**filter)
}

fn found(plug: &Plug) -> Option<usize> {
    match plug {
        Plug::Vlan(vlan) => Some(*vlan),
        Plug::Nothing | Plug::Unknown => None,
    }
}

/// What a bridge says of itself as a port.
fn own_port<'a>(link: &'a Link, filter: &'a FilterNode) -> Option<(&'a PortNode, &'a PortPlugs)> {
    let mut ports = filter.ports.iter().zip(&link.port_plugs);
    ports.find(|(port, _)| port.name.value == link.node.name.value)
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
    plugs
        .zip(spans)
        .filter_map(|(plug, span)| Some((found(plug)?, span)))
}
