//! Where secrets may stand although none should: values and columns by the names that they have. Reports nothing.

use std::collections::BTreeMap;

use super::kdl::{Node, Scalar, Value};
use super::table::{Cell, whole};
use crate::base::secret::SECRET_KINDS;
use crate::diag::mask::without;
use crate::diag::report::{Diagnostic, Label};
use crate::diag::span::Span;
use crate::diag::suggest::nearest;

/// How the names of secrets end, whatever stands before it.
const ENDINGS: [&str; 4] = ["password", "k-g", "secret", "token"];

/// The values below `nodes` that stand where a reference to a secret belongs and are none; also in nodes that there are not.
pub(super) fn places<'t>(nodes: impl Iterator<Item = Node<'t>>) -> Vec<Span> {
    let mut found = Vec::new();
    // A large site has few names, each thousands of times.
    let mut known: BTreeMap<&'t str, bool> = BTreeMap::new();
    let mut bears = |name: &'t str| *known.entry(name).or_insert_with(|| bears(name));
    let mut open: Vec<Node<'t>> = nodes.collect();
    while let Some(node) = open.pop() {
        open.extend(node.children());
        let mut follows_name = bears(node.name().value);
        for value in node.arguments() {
            if follows_name && !is_reference(value) {
                found.push(value.span);
            }
            // `password: x` is a slip for `password=x`.
            follows_name |= matches!(value.scalar, Scalar::Text(word) if value.is_bare && word.ends_with(':') && bears(word));
        }
        let properties = node.properties();
        let secret = properties.filter(|one| bears(one.name.value) && !is_reference(one.value));
        found.extend(secret.map(|one| one.value.span));
    }
    found
}

/// The columns of a table that may hold secrets.
pub(super) struct SecretColumns {
    columns: Vec<usize>,
    width: usize,
}

/// Finds the columns by the names of secrets.
pub(super) fn columns(header: &[Cell<'_>]) -> SecretColumns {
    let columns = header.iter().enumerate();
    let columns = columns.filter(|(_, cell)| bears(&cell.value));
    SecretColumns {
        columns: columns.map(|(column, _)| column).collect(),
        width: header.len(),
    }
}

impl SecretColumns {
    /// The places of a row's secrets; of a row that does not match the header, the whole row.
    pub(super) fn cells(&self, row: &[Cell<'_>]) -> Vec<Span> {
        if self.columns.is_empty() {
            return Vec::new();
        }
        if row.len() != self.width {
            return whole(row).into_iter().collect();
        }
        let cells = self.columns.iter().filter_map(|column| row.get(*column));
        cells.map(|cell| cell.span).collect()
    }
}

/// Takes what is masked out of the words of faults that lie there.
pub(super) fn hush(diagnostics: &mut [Diagnostic], text: &str, masked: &[Span]) {
    if masked.is_empty() {
        return;
    }
    for fault in diagnostics {
        let is_inside = |label: &&Label| {
            let span = label.span;
            masked.iter().any(|place| {
                place.source == span.source && place.start <= span.start && span.end <= place.end
            })
        };
        let labels = fault.labels.iter().filter(is_inside);
        let secrets: Vec<&str> = labels
            .filter_map(|label| text.get(label.span.start as usize..label.span.end as usize))
            .collect();
        for secret in secrets {
            fault.message = without(&fault.message, secret);
            fault.help = fault.help.as_deref().map(|help| without(help, secret));
        }
    }
}

/// Whether something of this name may be a secret; slips of the pen count.
fn bears(name: &str) -> bool {
    let name = name.trim_end_matches(':');
    let ends = |ending: &str| {
        let start = name.len().checked_sub(ending.len());
        let tail = start.and_then(|start| name.as_bytes().get(start..));
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(ending.as_bytes()))
    };
    // Most names are far from any of these, and every name of a site comes by here.
    let near = |ending: &&str| {
        let first = |word: &str| word.as_bytes().first().map(u8::to_ascii_lowercase);
        first(ending) == first(name) && ending.len().abs_diff(name.len()) <= 2
    };
    let mut near = ENDINGS.into_iter().filter(near).peekable();
    ENDINGS.into_iter().any(ends)
        || near.peek().is_some() && nearest(&name.to_ascii_lowercase(), near).is_some()
}

fn is_reference(value: Value<'_>) -> bool {
    value
        .annotation
        .is_some_and(|kind| SECRET_KINDS.contains(&kind.value))
}
