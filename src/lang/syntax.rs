//! The notation alone: whether a text is KDL, whatever it means.

use super::kdl::parse;
use super::slot::Gaps;
use crate::diag::report::Diagnostic;
use crate::diag::span::SourceId;

/// Every fault of notation in the source `id`, and how many nodes it has at the top.
pub fn syntax(id: SourceId, text: &str) -> (usize, Vec<Diagnostic>) {
    let (mut gaps, mut diagnostics) = (Gaps::default(), Vec::new());
    let tree = parse(id, text, &mut gaps, &mut diagnostics);
    (tree.roots(text).count(), diagnostics)
}
