//! What is protected: things that can be taken away. A machine's links are no such things.

use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::lang::node::{HostShape, LinkShape};
use crate::site::resolve::Draft;

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    let machines = draft.declarations.machines.iter();
    let profiles = draft.declarations.profiles.iter();
    for node in machines {
        out.extend(links(&node.shape, "machine"));
    }
    for node in profiles {
        out.extend(links(&node.shape, "profile"));
    }
}

fn links<'a>(shape: &'a HostShape, whose: &'a str) -> impl Iterator<Item = Diagnostic> + use<'a> {
    let links = shape.interfaces.iter();
    // In the block of a machine's `ethernet` it is no node at all, and was reported.
    let links = links.filter(|link| !matches!(link.shape, LinkShape::Ethernet));
    links.filter_map(move |link| {
        let protect = link.protect.as_ref()?;
        let message = format!("a link of a {whose} is nothing that a plan takes away");
        let fault = Diagnostic::new(Code::ProtectPlace, message)
            .label(protect.span, "protects nothing")
            .help(format!(
                "write it into the block of the {whose}: it then protects reservations and names"
            ));
        Some(fault)
    })
}
