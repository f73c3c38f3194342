//! Tagged frames: on a link that can carry them, of a VLAN that has an id, each id once.

use std::collections::BTreeMap;

use super::stack::Stack;
use crate::base::limit::MTU_DEFAULT;
use crate::base::name::LinkName;
use crate::base::vlan::VlanProtocol;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::{Span, Spanned};
use crate::lang::Slot;
use crate::lang::node::LinkShape;
use crate::site::resolve::{Link, Plug};

pub(super) fn check(stack: &Stack<'_>, out: &mut Faults) {
    let mut seen: BTreeMap<(&LinkName, VlanProtocol, u16), Span> = BTreeMap::new();
    let mut neighbours: BTreeMap<&LinkName, Vec<&Link>> = BTreeMap::new();
    for link in &stack.host.links {
        let LinkShape::Tagged { on, protocol } = &link.node.shape else {
            continue;
        };
        let Some(on) = on.given() else {
            continue;
        };
        match stack.links.get(&on.value) {
            None => stack.unknown(on, Code::TaggedOn, out),
            Some(below) => {
                out.extend(carried(stack, link, on, below).or_else(|| large(stack, link, below)));
                // What a provider's VLAN carries has VLANs of its own.
                if !is_tagged(below) {
                    out.extend(foreign(stack, link, below));
                }
                if below.plug == Plug::Nothing || is_tagged(below) {
                    neighbours.entry(&on.value).or_default().push(link);
                }
            }
        }
        let Some(id) = id(stack, link, out) else {
            continue;
        };
        let protocol = match protocol {
            Slot::Absent => VlanProtocol::default(),
            Slot::Faulty => continue,
            Slot::Given(protocol) => protocol.value,
        };
        if let Some(first) = seen.insert((&on.value, protocol, id), link.node.span) {
            let message = format!("the vlan id {id} is tagged twice on `{}`", on.value);
            out.push(
                Diagnostic::new(Code::TaggedTwice, message)
                    .label(link.node.span, "tagged again here")
                    .label(first, "first tagged here")
                    .help("one link takes all frames of a vlan: keep one of them"),
            );
        }
    }
    for links in neighbours.values() {
        let mut others = links.iter().skip(1);
        out.extend(others.find_map(|link| foreign(stack, link, links.first()?)));
    }
}

fn is_tagged(link: &Link) -> bool {
    matches!(link.node.shape, LinkShape::Tagged { .. })
}

/// The id of the VLAN of a tagged link; one without is reported.
fn id(stack: &Stack<'_>, link: &Link, out: &mut Faults) -> Option<u16> {
    let Plug::Vlan(vlan) = link.plug else {
        return None;
    };
    let vlan = stack.draft.vlans.get(vlan)?;
    if vlan.node.id.is_absent() {
        let message = format!(
            "the vlan `{}` has no id, and so no tagged frames",
            vlan.path
        );
        let span = link
            .node
            .vlan
            .given()
            .map_or(link.node.span, |vlan| vlan.span);
        out.push(
            Diagnostic::new(Code::TaggedVlan, message)
                .label(span, "tagged here")
                .label(vlan.node.name.span, "the fabric's untagged vlan")
                .help("give it an id, or name it on the link itself: vlan=\"…\""),
        );
    }
    vlan.node.id.value().copied()
}

fn carried(
    stack: &Stack<'_>,
    link: &Link,
    on: &Spanned<LinkName>,
    below: &Link,
) -> Option<Diagnostic> {
    let word = below.node.shape.word();
    let fault = |message: String, there: Span, text: String, help: &str| {
        Diagnostic::new(Code::TaggedOn, message)
            .label(on.span, "tagged on this")
            .label(there, text)
            .help(help)
    };
    // A link on itself is a circle, and told as one.
    if on.value == link.node.name.value {
        return None;
    }
    match below.node.shape {
        LinkShape::Loopback | LinkShape::Vrf { .. } => {
            let message = format!("`{}` cannot carry tagged frames", on.value);
            let help = "tag on a physical link, a bond, a bridge or a tagged link";
            return Some(fault(
                message,
                below.node.span,
                format!("a {word} link"),
                help,
            ));
        }
        LinkShape::Ethernet
        | LinkShape::Bond { .. }
        | LinkShape::Bridge { .. }
        | LinkShape::Tagged { .. }
        | LinkShape::Dummy => {}
    }
    let master = stack.master(&on.value)?;
    matches!(master.node.shape, LinkShape::Bond { .. }).then(|| {
        let message = format!("`{}` is a port of a bond", on.value);
        let help = "tag on the bond: its ports carry nothing of their own";
        fault(message, master.node.span, "the bond".to_owned(), help)
    })
}

/// Frames larger than the link below lets through.
fn large(stack: &Stack<'_>, link: &Link, below: &Link) -> Option<Diagnostic> {
    let wanted = stack.mtu(link)?;
    let has = stack.mtu(below).unwrap_or(MTU_DEFAULT);
    let is_known = !matches!(below.node.mtu, Slot::Faulty);
    (is_known && wanted > has).then(|| {
        let names = (&link.node.name.value, &below.node.name.value);
        let message = format!(
            "`{}` has an MTU of {wanted}, `{}` below it one of {has}",
            names.0, names.1
        );
        Diagnostic::new(Code::LinkMtu, message)
            .label(link.node.span, "larger than what carries it")
            .label(below.node.span, "the link below")
            .help(format!("give the link below mtu={wanted}"))
    })
}

/// A VLAN of another fabric than that of `base_link`: the link below, or another one tagged on the same.
fn foreign(stack: &Stack<'_>, link: &Link, base_link: &Link) -> Option<Diagnostic> {
    let (Plug::Vlan(own), Plug::Vlan(base)) = (link.plug, base_link.plug) else {
        return None;
    };
    let (own, base) = (stack.draft.vlans.get(own)?, stack.draft.vlans.get(base)?);
    (own.path.fabric != base.path.fabric).then(|| {
        let message = format!(
            "the vlan `{}` is not in the fabric `{}`",
            own.path, base.path.fabric
        );
        Diagnostic::new(Code::TaggedVlan, message)
            .label(link.node.span, "tagged here")
            .label(base_link.node.span, "of the other fabric")
            .help("a link is plugged into one fabric")
    })
}
