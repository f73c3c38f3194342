//! `hook`: a program that is run when something happens to a lease.

use super::super::kdl::Node;
use super::super::read::Sink;
use super::super::schema::{Argument, Count, Kind, NodeSchema};
use super::super::slot::Slot;
use super::{argument, arguments, child, first, open, optional, plain};
use crate::base::duration::Seconds;
use crate::base::hook::{HOOK_EVENTS, HookEvent, ProgramPath};
use crate::base::name::Name;
use crate::diag::span::{Span, Spanned};
use crate::lang::schema::Child;

/// A program that is run when something happens to a lease.
#[derive(Debug)]
pub struct HookNode {
    pub name: Spanned<Name>,
    pub events: Vec<Spanned<HookEvent>>,
    pub program: Slot<ProgramPath>,
    pub arguments: Vec<Spanned<String>>,
    pub within: Slot<Seconds>,
    /// Whether a part of it could not be read.
    pub is_partial: bool,
    pub span: Span,
}

pub(super) const HOOK: NodeSchema = NodeSchema {
    name: "hook",
    doc: "A program that the daemon runs on its controller when something happens to a lease there. It gets the event on its standard input, as \
          `bedplate events --json` prints it. No answer to a client waits for it; a hook's events come one after another, and \
          are not kept over a restart.",
    arguments: &[argument("a name", Kind::Name, "The hook's name.")],
    properties: &[],
    children: &CHILDREN,
};

const CHILDREN: [Child; 3] = [
    child(&ON, Count::One),
    child(&RUN, Count::One),
    optional(&WITHIN),
];

/// What hooks and webhooks are told of.
pub(super) const EVENTS: &[Argument] = &[arguments(
    "an event",
    Kind::Words(HOOK_EVENTS),
    "An event, by the words of `bedplate events`.",
)];

/// How long one run or try may take.
pub(super) const TIME: &[Argument] = &[argument(
    "a duration",
    Kind::Duration,
    "From one second to ten minutes.",
)];

const ON: NodeSchema = plain("on", "What it is run on.", EVENTS);

const RUN: NodeSchema = NodeSchema {
    name: "run",
    doc: "What is run: a program with its arguments, without any shell.",
    arguments: &[
        argument(
            "a program",
            Kind::Text,
            "The program's absolute path on the controller.",
        ),
        Argument {
            name: "an argument",
            doc: "What it is given, as it stands.",
            kind: Kind::Text,
            count: Count::Any,
        },
    ],
    properties: &[],
    children: &[],
};

const WITHIN: NodeSchema = plain(
    "within",
    "How long it may run before it is killed with its process group; the default is ten seconds.",
    TIME,
);

pub(super) fn read_hook(node: Node<'_>, sink: &mut Sink<'_>) -> Option<HookNode> {
    let reader = open(node, &HOOK, sink);
    let name = reader.argument(0, sink).into_given();
    let on = reader.child(ON.name).map(|node| open(node, &ON, sink));
    let events: Vec<Spanned<HookEvent>> = on
        .as_ref()
        .map_or_else(Vec::new, |on| on.arguments(0, sink));
    let run = reader.child(RUN.name).map(|node| open(node, &RUN, sink));
    let (program, arguments) = match &run {
        Some(run) => (run.argument(0, sink), run.arguments(1, sink)),
        None => (Slot::Faulty, Vec::new()),
    };
    let count = |written: Option<usize>| written.unwrap_or(0);
    let is_partial = events.len() < count(on.map(|on| on.values().count()))
        || arguments.len() + 1 < count(run.map(|run| run.values().count()));
    Some(HookNode {
        name: name?,
        events,
        program,
        arguments,
        within: first(&reader, &WITHIN, sink),
        is_partial: is_partial || reader.is_partial(),
        span: reader.span(),
    })
}
