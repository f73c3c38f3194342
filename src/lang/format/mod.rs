//! The house layout of KDL: text to text, the same meaning, every comment kept. Knows nothing of what nodes mean.
//!
//! It lays out the parts that our parser cuts a text into. The kdl crate's own document model cannot carry this: what follows a
//! block on its line, comments and the newline included, is missing from it, and `autoformat` replaces the rest of the layout
//! by its own. The crate is asked afterwards instead, whether both texts mean the same (see `faith.rs`).

mod faith;
mod layout;
mod line;

use super::kdl::{parse, tokens};
use super::secret;
use super::slot::Gaps;
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{SourceId, Span};

/// Columns of one level.
const INDENT: usize = 4;

/// Columns that a block on one line may reach; a longer one is broken.
const WIDTH: usize = 120;

/// The source `id` in the house layout.
///
/// # Errors
/// Its faults of notation; or that the result would mean something else, which is a fault of ours.
pub fn format(id: SourceId, text: &str) -> Result<String, Vec<Diagnostic>> {
    let (mut gaps, mut faults) = (Gaps::default(), Vec::new());
    let tree = parse(id, text, &mut gaps, &mut faults);
    if !faults.is_empty() {
        secret::hush(&mut faults, text, &secret::places(tree.roots(text), text));
        return Err(faults);
    }
    let before = tokens(id, text);
    let formatted = layout::layout(text, &before);
    if formatted == text || faith::is_kept(id, (text, &before, &tree), &formatted) {
        return Ok(formatted);
    }
    let fault = Diagnostic::new(
        Code::Internal,
        "formatting would change what this text means",
    )
    .label(
        Span::new(id, 0, usize::from(!text.is_empty())),
        "the file is left as it is",
    )
    .help("lay it out by hand, and please report it");
    Err(vec![fault])
}
