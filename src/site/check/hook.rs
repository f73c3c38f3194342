//! Hooks: each by a name of its own, run on each event once, and for a time that makes sense.

use std::collections::BTreeMap;

use crate::base::duration::Seconds;
use crate::base::hook::HookEvent;
use crate::base::name::Name;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::Span;
use crate::lang::node::HookNode;
use crate::site::resolve::Draft;

/// How long a program may run.
const SHORTEST: Seconds = Seconds(1);
const LONGEST: Seconds = Seconds(600);

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    let mut seen: BTreeMap<&Name, Span> = BTreeMap::new();
    for hook in &draft.declarations.hooks {
        let name = &hook.name;
        if let Some(first) = seen.get(&name.value) {
            let message = format!("two hooks are named `{}`", name.value);
            out.push(
                Diagnostic::new(Code::DuplicateName, message)
                    .label(name.span, "again here")
                    .label(*first, "first here")
                    .help("rename one of them"),
            );
        } else {
            seen.insert(&name.value, name.span);
        }
        events(hook, out);
        time(hook, out);
    }
}

fn events(hook: &HookNode, out: &mut Faults) {
    let mut seen: BTreeMap<HookEvent, Span> = BTreeMap::new();
    for event in &hook.events {
        let Some(first) = seen.get(&event.value) else {
            seen.insert(event.value, event.span);
            continue;
        };
        let message = format!(
            "hook `{}` is run on `{}` twice",
            hook.name.value, event.value
        );
        out.push(
            Diagnostic::new(Code::DuplicateName, message)
                .label(event.span, "again here")
                .label(*first, "first here")
                .help("keep one of them"),
        );
    }
}

fn time(hook: &HookNode, out: &mut Faults) {
    let Some(within) = hook.within.given() else {
        return;
    };
    if (SHORTEST..=LONGEST).contains(&within.value) {
        return;
    }
    let message = format!(
        "a time limit of {} is not between {SHORTEST} and {LONGEST}",
        within.value
    );
    out.push(
        Diagnostic::new(Code::HookTime, message)
            .label(within.span, "out of bounds")
            .help("a program with more to do hands it to one that runs on its own"),
    );
}
