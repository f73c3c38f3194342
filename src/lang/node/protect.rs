//! `protect`: what no plan may take away.

use super::super::read::{Reader, Sink};
use super::super::schema::{Argument, Count, Kind, NodeSchema};
use super::open;
use crate::diag::span::{Span, Spanned};

/// That what the block around it comes to is protected.
#[derive(Debug, Clone)]
pub struct ProtectNode {
    pub reason: Option<String>,
    pub span: Span,
}

pub(super) const PROTECT: NodeSchema = NodeSchema {
    name: "protect",
    doc: "No plan deletes, replaces or gives back what this comes to: such a step waits, and the rest of the plan runs. That holds on when \
          the whole block is gone from the site, until it is declared again without `protect` and applied.",
    arguments: &[Argument {
        name: "a reason",
        doc: "Why; plans show it.",
        kind: Kind::Text,
        count: Count::Optional,
    }],
    properties: &[],
    children: &[],
};

/// The `protect` in a block.
pub(super) fn read_protect(reader: &Reader<'_>, sink: &mut Sink<'_>) -> Option<ProtectNode> {
    let own = open(reader.child(PROTECT.name)?, &PROTECT, sink);
    let reasons: Vec<Spanned<String>> = own.arguments(0, sink);
    Some(ProtectNode {
        reason: reasons.into_iter().next().map(|reason| reason.value),
        span: own.span(),
    })
}
