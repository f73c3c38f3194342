//! `bedplate fmt`: its layout by example, what it never changes, and the command itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

#[path = "../support/cases.rs"]
mod cases;
mod command;
mod layout;
mod promises;

use bedplate::diag::report::Diagnostic;
use bedplate::diag::span::Sources;

/// The text in the house layout.
pub(crate) fn format(text: &str) -> Result<String, Vec<Diagnostic>> {
    let id = Sources::default().add("t.kdl", text.into());
    bedplate::lang::format(id, text)
}
