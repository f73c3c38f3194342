//! VLANs of a fabric: one untagged at most, and no id twice.

use std::collections::BTreeMap;

use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::Span;
use crate::lang::Slot;
use crate::site::resolve::Draft;

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    let mut untagged: BTreeMap<&str, Span> = BTreeMap::new();
    let mut ids: BTreeMap<(&str, u16), Span> = BTreeMap::new();
    for vlan in &draft.vlans {
        let fabric = vlan.path.fabric.as_str();
        match &vlan.node.id {
            Slot::Faulty => {}
            Slot::Absent => {
                let here = vlan.node.name.span;
                match untagged.get(fabric) {
                    None => {
                        untagged.insert(fabric, here);
                    }
                    Some(first) => out.push(second_untagged(fabric, here, *first)),
                }
            }
            Slot::Given(id) => match ids.get(&(fabric, id.value)) {
                None => {
                    ids.insert((fabric, id.value), id.span);
                }
                Some(first) => out.push(
                    Diagnostic::new(
                        Code::VlanIdTwice,
                        format!("the fabric `{fabric}` uses VLAN id {} twice", id.value),
                    )
                    .label(id.span, "used again here")
                    .label(*first, "first used here")
                    .help("ids are unique within a fabric"),
                ),
            },
        }
    }
}

fn second_untagged(fabric: &str, here: Span, first: Span) -> Diagnostic {
    Diagnostic::new(
        Code::UntaggedTwice,
        format!("the fabric `{fabric}` has two VLANs without id"),
    )
    .label(here, "a second one without id")
    .label(first, "this one is untagged already")
    .help("add id=… to all but one; frames without a tag belong to one VLAN")
}
