//! `ignore`: what others may change without being put back.

use super::super::kdl::Node;
use super::super::read::Sink;
use super::super::schema::{Argument, Count, Kind, NodeSchema};
use super::super::slot::Slot;
use super::{argument, open, property};
use crate::base::care::KeyPattern;
use crate::diag::span::{Span, Spanned};

/// A rule about drift.
#[derive(Debug)]
pub struct IgnoreNode {
    pub pattern: Spanned<KeyPattern>,
    /// What is ignored of the things; empty for everything.
    pub attributes: Vec<Spanned<String>>,
    pub reason: Slot<String>,
    /// Whether an attribute stood here that could not be read.
    pub is_partial: bool,
    pub span: Span,
}

pub(super) const IGNORE: NodeSchema = NodeSchema {
    name: "ignore",
    doc: "What others change on some things is neither put back nor shown as drift, and what others make there is not listed. What the site \
          itself changes is applied all the same; a start of the daemon makes again what is missing.",
    arguments: &[
        argument(
            "a pattern of keys",
            Kind::KeyPattern,
            "Keys as `status` and `plan --json` print them; `*` matches within one component between slashes, `**` across them.",
        ),
        Argument {
            name: "an attribute",
            doc: "An attribute as plans name it, such as `mtu`; without any, everything about the things is ignored.",
            kind: Kind::Text,
            count: Count::Any,
        },
    ],
    properties: &[property("for", Kind::Text, "Why.")],
    children: &[],
};

pub(super) fn read_ignore(node: Node<'_>, sink: &mut Sink<'_>) -> Option<IgnoreNode> {
    let reader = open(node, &IGNORE, sink);
    let pattern = reader.argument(0, sink).into_given();
    let attributes: Vec<Spanned<String>> = reader.arguments(1, sink);
    let reason = reader.property("for", sink);
    let is_partial = attributes.len() + 1 < reader.values().count();
    Some(IgnoreNode {
        pattern: pattern?,
        attributes,
        reason,
        is_partial,
        span: reader.span(),
    })
}
