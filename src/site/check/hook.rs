//! Hooks and webhooks: each by a name of its own, told of each event once, and for a time that makes sense.

use std::collections::BTreeMap;

use crate::base::duration::Seconds;
use crate::base::hook::HookEvent;
use crate::base::name::Name;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::{Span, Spanned};
use crate::lang::Slot;
use crate::lang::node::{HookNode, WebhookNode};
use crate::site::resolve::Draft;

/// How long a program may run, and a URL may take.
const SHORTEST: Seconds = Seconds(1);
const LONGEST: Seconds = Seconds(600);

/// What hooks and webhooks have in common.
struct Hearer<'a> {
    name: &'a Spanned<Name>,
    events: &'a [Spanned<HookEvent>],
    within: &'a Slot<Seconds>,
}

/// How one kind of them is spoken of.
struct Words {
    noun: &'static str,
    verb: &'static str,
    /// What to do where the time is too short or too long.
    remedy: &'static str,
}

const HOOK: Words = Words {
    noun: "hook",
    verb: "run on",
    remedy: "a program with more to do hands it to one that runs on its own",
};

const WEBHOOK: Words = Words {
    noun: "webhook",
    verb: "told of",
    remedy: "a receiver with more to do answers first and does it then",
};

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    let hooks = draft.declarations.hooks.iter();
    let hooks = hooks.map(|node: &HookNode| Hearer {
        name: &node.name,
        events: &node.events,
        within: &node.within,
    });
    all(hooks, &HOOK, out);
    let webhooks = draft.declarations.webhooks.iter();
    let webhooks = webhooks.map(|node: &WebhookNode| Hearer {
        name: &node.name,
        events: &node.events,
        within: &node.within,
    });
    all(webhooks, &WEBHOOK, out);
}

fn all<'a>(hearers: impl Iterator<Item = Hearer<'a>>, words: &Words, out: &mut Faults) {
    let mut seen: BTreeMap<&Name, Span> = BTreeMap::new();
    for hearer in hearers {
        let name = hearer.name;
        if let Some(first) = seen.get(&name.value) {
            let message = format!("two {}s are named `{}`", words.noun, name.value);
            out.push(
                Diagnostic::new(Code::DuplicateName, message)
                    .label(name.span, "again here")
                    .label(*first, "first here")
                    .help("rename one of them"),
            );
        } else {
            seen.insert(&name.value, name.span);
        }
        events(&hearer, words, out);
        time(hearer.within, words, out);
    }
}

fn events(hearer: &Hearer<'_>, words: &Words, out: &mut Faults) {
    let mut seen: BTreeMap<HookEvent, Span> = BTreeMap::new();
    for event in hearer.events {
        let Some(first) = seen.get(&event.value) else {
            seen.insert(event.value, event.span);
            continue;
        };
        let Words { noun, verb, .. } = words;
        let message = format!(
            "{noun} `{}` is {verb} `{}` twice",
            hearer.name.value, event.value
        );
        out.push(
            Diagnostic::new(Code::DuplicateName, message)
                .label(event.span, "again here")
                .label(*first, "first here")
                .help("keep one of them"),
        );
    }
}

fn time(within: &Slot<Seconds>, words: &Words, out: &mut Faults) {
    let Some(within) = within.given() else {
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
            .help(words.remedy),
    );
}
