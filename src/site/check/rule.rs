//! Policy rules: each has one outcome, one family or both, and a priority of its own.

use std::collections::BTreeMap;

use super::named;
use crate::base::addr::Prefix;
use crate::base::route::Family;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::{Span, Spanned};
use crate::lang::Slot;
use crate::lang::node::{ControllerNode, RuleNode};
use crate::site::resolve::{Draft, Role};

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    for host in &draft.hosts {
        let Role::Controller(node) = &host.role else {
            continue;
        };
        for rule in &node.rules {
            out.extend(outcome(rule));
            out.extend(families(rule));
            named::link(draft, host, &rule.incoming, out);
            named::link(draft, host, &rule.outgoing, out);
            named::table(draft, host, &rule.table, out);
        }
        priorities(node, out);
    }
}

/// A rule leads to a table, or says what becomes of packets.
fn outcome(rule: &RuleNode) -> Option<Diagnostic> {
    let fault = |message: &str, span: Span, text: &str| {
        Diagnostic::new(Code::RuleForm, message).label(span, text)
    };
    match (&rule.kind, &rule.table) {
        (Slot::Given(kind), Slot::Given(table)) => Some(
            fault("a rule with two outcomes", table.span, "one of them")
                .label(kind.span, "the other")
                .help("keep `table` or `type`"),
        ),
        (Slot::Absent, Slot::Absent) if !rule.is_partial => Some(
            fault(
                "the rule does not say what becomes of its packets",
                rule.span,
                "no table, and no type",
            )
            .help("add table \"…\" to its block, or type=\"blackhole\" beside its priority"),
        ),
        (_, _) => None,
    }
}

/// All that a rule says is of one address family.
fn families(rule: &RuleNode) -> Option<Diagnostic> {
    let of = |prefix: &Slot<Prefix>| {
        let given = prefix.given()?;
        Some(Spanned::new(Family::of_prefix(given.value), given.span))
    };
    let said = [rule.family.given().copied(), of(&rule.from), of(&rule.to)];
    let mut said = said.into_iter().flatten();
    let first = said.next()?;
    let other = said.find(|one| one.value != first.value)?;
    let message = "a rule cannot be of IPv4 and of IPv6 at once";
    Some(
        Diagnostic::new(Code::RuleForm, message)
            .label(other.span, other.value.title())
            .label(first.span, first.value.title())
            .help("write a rule for each address family"),
    )
}

fn priorities(node: &ControllerNode, out: &mut Faults) {
    let mut seen: BTreeMap<(u32, Family), Span> = BTreeMap::new();
    for rule in &node.rules {
        let Some(priority) = rule.priority.given() else {
            continue;
        };
        if rule.family == Slot::Faulty || rule.from == Slot::Faulty || rule.to == Slot::Faulty {
            continue;
        }
        let ways = || rule.families().iter().map(|one| (priority.value, *one));
        if let Some(first) = ways().find_map(|way| seen.get(&way)) {
            let message = format!("two rules have the priority {}", priority.value);
            out.push(
                Diagnostic::new(Code::RuleTwice, message)
                    .label(priority.span, "used again here")
                    .label(*first, "first used here")
                    .help("the kernel would ask them in no settled order: give each its own"),
            );
            continue;
        }
        seen.extend(ways().map(|way| (way, priority.span)));
    }
}
