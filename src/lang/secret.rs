//! Where secrets may stand although none should: values and columns by the names that they have. Reports nothing.

use std::collections::BTreeMap;

use super::kdl::{Node, Scalar, Value};
use super::table::{Cell, whole};
use crate::base::bmc::bears_secrets;
use crate::base::secret::SECRET_KINDS;
use crate::diag::mask::without;
use crate::diag::report::{Diagnostic, Label};
use crate::diag::span::Span;
use crate::diag::suggest::nearest;

/// How the names of secrets end, whatever stands before it.
const ENDINGS: [&str; 4] = ["password", "k-g", "secret", "token"];

/// The values below `nodes`, which are read from `text`, that stand where a reference to a secret belongs and are none, or are URLs with
/// credentials; also in nodes that there are not.
pub(super) fn places<'t>(nodes: impl Iterator<Item = Node<'t>>, text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    // A large site has few names, each thousands of times.
    let mut known: BTreeMap<&'t str, bool> = BTreeMap::new();
    let mut bears = |name: &'t str| *known.entry(name).or_insert_with(|| bears(name));
    let mut open: Vec<Node<'t>> = nodes.collect();
    while let Some(node) = open.pop() {
        open.extend(node.children());
        found.extend(shown_in_field(node));
        let mut follows_name = bears(node.name().value);
        for value in node.arguments() {
            if follows_name && !is_reference(value) || has_credentials(value) {
                found.push(value.span);
            }
            // `password: x` is a slip for `password=x`.
            follows_name |= matches!(value.scalar, Scalar::Text(word) if value.is_bare && word.ends_with(':') && bears(word));
        }
        for one in node.properties() {
            let (name, value) = (one.name.value, one.value);
            if bears(name) && !is_reference(value) || has_credentials(value) {
                found.push(value.span);
            } else if is_url(name) {
                found.extend(unclear(value, text));
            }
        }
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

/// The values of a header field that is for secrets and stands there as it is sent.
fn shown_in_field(node: Node<'_>) -> impl Iterator<Item = Span> {
    let mut arguments = node
        .arguments()
        .filter(move |_| node.name().value == "header");
    let text =
        |value: &Value<'_>| matches!(value.scalar, Scalar::Text(text) if text.contains("{{"));
    let name = arguments.next();
    let is_for_secrets =
        name.is_some_and(|name| matches!(name.scalar, Scalar::Text(name) if bears_secrets(name)));
    let values = arguments.filter(move |value| is_for_secrets && !text(value));
    values.map(|value| value.span)
}

/// Whether it looks like a URL with a user name or a password in it.
fn has_credentials(value: Value<'_>) -> bool {
    let Scalar::Text(text) = value.scalar else {
        return false;
    };
    // Most texts of a site are short of it by this alone.
    text.as_bytes().contains(&b'@') && text.contains(":/")
}

fn is_url(name: &str) -> bool {
    name.eq_ignore_ascii_case("url") || name.eq_ignore_ascii_case("uri")
}

/// The place of what is meant as a URL, where nobody can tell what stands in it. Without quotes, what follows `https:` is a comment.
fn unclear(value: Value<'_>, text: &str) -> Option<Span> {
    let mut span = value.span;
    let is_unclear = match value.scalar {
        Scalar::Faulty => true,
        Scalar::Text(word) if value.is_bare && word.ends_with(':') => {
            let rest = text.get(span.end as usize..).unwrap_or_default();
            let rest = rest.split('\n').next().unwrap_or_default();
            span.end = span.end.saturating_add(u32::try_from(rest.len()).ok()?);
            true
        }
        Scalar::Text(word) => word.contains('@'),
        Scalar::Integer(_) | Scalar::Float(_) | Scalar::Bool(_) | Scalar::Null => false,
    };
    is_unclear.then_some(span)
}

fn is_reference(value: Value<'_>) -> bool {
    value
        .annotation
        .is_some_and(|kind| SECRET_KINDS.contains(&kind.value))
}
