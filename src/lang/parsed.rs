//! Sources parsed and decoded, each by itself, on all processors. Knows neither files nor what includes what.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::sync::Arc;

use super::kdl::{Node, Scalar, Value, parse};
use super::slot::Gaps;
use super::{node, secret};
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{SourceId, Span};

/// A source that is text, waiting to be parsed.
pub(super) struct Unparsed {
    pub(super) visit: usize,
    pub(super) id: SourceId,
    pub(super) text: Arc<str>,
}

pub(super) struct Parsed {
    pub(super) visit: usize,
    pub(super) declarations: node::Declarations,
    /// What it includes, and where it says so.
    pub(super) includes: Vec<(String, Span)>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Where secrets may stand.
    pub(super) masked: Vec<Span>,
}

/// Parses sources on as many threads as there are processors; the order of the result is theirs.
pub(super) fn parse_all(sources: Vec<Unparsed>) -> Vec<Parsed> {
    let parallel = std::thread::available_parallelism().map_or(1, NonZero::get);
    let size = sources.len().div_ceil(parallel).max(1);
    let chunks = sources.chunks(size);
    if chunks.len() < 2 {
        return sources.iter().map(parse_one).collect();
    }
    std::thread::scope(|scope| {
        let threads: Vec<_> = chunks
            .map(|chunk| scope.spawn(move || chunk.iter().map(parse_one).collect::<Vec<_>>()))
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined
            .flat_map(|parsed| parsed.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

fn parse_one(source: &Unparsed) -> Parsed {
    let (mut gaps, mut diagnostics) = (Gaps::default(), Vec::new());
    let tree = parse(source.id, &source.text, &mut gaps, &mut diagnostics);
    let roots = tree.roots(&source.text);
    let syntax = diagnostics.len();
    let includes = roots.clone().flat_map(includes).collect();
    let masked = secret::places(roots.clone(), &source.text);
    let declarations = node::decode(roots, gaps, &mut diagnostics);
    let mut further = diagnostics.split_off(syntax);
    let told: BTreeSet<Span> = diagnostics
        .iter()
        .filter(|fault| fault.code == Code::Syntax)
        .filter_map(Diagnostic::place)
        .collect();
    // What was read for a value that is none has no meaning of its own.
    further.retain(|fault| fault.place().is_none_or(|place| !told.contains(&place)));
    diagnostics.append(&mut further);
    secret::hush(&mut diagnostics, &source.text, &masked);
    Parsed {
        visit: source.visit,
        includes,
        declarations,
        diagnostics,
        masked,
    }
}

/// What a node at the top level includes. Its shape is checked with that of all nodes.
fn includes(node: Node<'_>) -> Vec<(String, Span)> {
    let named = |node: Node<'_>| match node.arguments().next()? {
        Value {
            scalar: Scalar::Text(wanted),
            span,
            ..
        } => Some((wanted.to_owned(), span)),
        _ => None,
    };
    match node.name().value {
        "include" => named(node).into_iter().collect(),
        "site" => {
            let children = node.children();
            let includes = children.filter(|child| child.name().value == "include");
            includes.filter_map(named).collect()
        }
        _ => Vec::new(),
    }
}
