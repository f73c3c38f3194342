//! VRFs: each has a routing table that nothing else has.

use std::collections::BTreeMap;

use super::stack::Stack;
use crate::base::route::KERNEL_TABLES;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::Span;
use crate::lang::node::LinkShape;

pub(super) fn check(stack: &Stack<'_>, out: &mut Faults) {
    let mut seen: BTreeMap<u32, Span> = BTreeMap::new();
    for link in &stack.host.links {
        let LinkShape::Vrf { table, .. } = &link.node.shape else {
            continue;
        };
        let Some(table) = table.given() else {
            continue;
        };
        let number = table.value;
        let fault = |message: String, text: &str| {
            Diagnostic::new(Code::VrfTable, message).label(table.span, text)
        };
        if KERNEL_TABLES.contains(&number) {
            let message = format!("the routing table {number} is the kernel's own");
            out.push(
                fault(message, "not for a vrf").help("take another number, such as table=1001"),
            );
        } else if let Some(first) = seen.insert(number, table.span) {
            let message = format!("two vrfs have the routing table {number}");
            out.push(
                fault(message, "used again here")
                    .label(first, "first used here")
                    .help("give each vrf a table of its own"),
            );
        }
    }
}
