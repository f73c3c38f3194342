//! Comma-separated tables (RFC 4180): a header and rows of cells, each with its place. Knows nothing of what columns mean.

use std::borrow::Cow;

use crate::base::limit;
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{SourceId, Span, Spanned};

pub(super) type Cell<'t> = Spanned<Cow<'t, str>>;

/// The place of a row.
pub(super) fn whole(row: &[Cell<'_>]) -> Option<Span> {
    Some(row.first()?.span.to(row.last()?.span))
}

/// The fault of a row that does not match the header.
pub(super) fn uneven(row: &[Cell<'_>], header: &[Cell<'_>]) -> Option<Diagnostic> {
    if row.len() == header.len() {
        return None;
    }
    let cells = if row.len() == 1 { "cell" } else { "cells" };
    let message = format!(
        "a row has {} {cells}, and the header {}",
        row.len(),
        header.len()
    );
    let fault = Diagnostic::new(Code::TableShape, message)
        .label(whole(row)?, "this row")
        .label(whole(header)?, "the header");
    Some(
        fault.help("a cell that holds a comma stands in double quotes; an empty one is left empty"),
    )
}

/// Reads rows one after the other; the first one is the header.
pub(super) struct Rows<'t> {
    id: SourceId,
    text: &'t str,
    at: usize,
}

impl<'t> Rows<'t> {
    pub(super) fn new(id: SourceId, text: &'t str) -> Self {
        let at = match text.starts_with('\u{feff}') {
            true => '\u{feff}'.len_utf8(),
            false => 0,
        };
        Self { id, text, at }
    }

    /// The next row in which anything stands: spreadsheets leave rows of commas behind their last one.
    pub(super) fn next(&mut self, out: &mut Vec<Diagnostic>) -> Option<Vec<Cell<'t>>> {
        loop {
            let row = self.row(out)?;
            if row.iter().any(|cell| !cell.value.is_empty()) {
                return Some(row);
            }
        }
    }

    fn row(&mut self, out: &mut Vec<Diagnostic>) -> Option<Vec<Cell<'t>>> {
        while self.rest().starts_with(['\n', '\r']) {
            self.at += 1;
        }
        if self.rest().is_empty() {
            return None;
        }
        let mut row = Vec::new();
        loop {
            row.push(self.cell(out));
            if !self.rest().starts_with(',') {
                return Some(row);
            }
            self.at += 1;
            // One cell more than there may be, and the rest of the line means nothing.
            if row.len() > limit::TABLE_COLUMNS {
                self.at += self.rest().find(['\n', '\r']).unwrap_or(self.rest().len());
                return Some(row);
            }
        }
    }

    fn cell(&mut self, out: &mut Vec<Diagnostic>) -> Cell<'t> {
        if self.rest().starts_with('"') {
            return self.quoted(out);
        }
        let rest = self.rest();
        let cell = rest
            .get(..rest.find([',', '\n', '\r']).unwrap_or(rest.len()))
            .unwrap_or("");
        let start = self.at + (cell.len() - cell.trim_start().len());
        self.at += cell.len();
        let cell = cell.trim();
        Spanned::new(
            Cow::Borrowed(cell),
            Span::new(self.id, start, start + cell.len()),
        )
    }

    /// A cell in quotes, in which two quotes stand for one.
    fn quoted(&mut self, out: &mut Vec<Diagnostic>) -> Cell<'t> {
        let open = self.at;
        let inside = self.text.get(open + 1..).unwrap_or("");
        let mut end = 0;
        let mut has_quotes = false;
        loop {
            let Some(quote) = inside.get(end..).and_then(|rest| rest.find('"')) else {
                self.at = self.text.len();
                let first = Span::new(self.id, open, open + 1);
                out.push(
                    Diagnostic::new(Code::TableShape, "a cell's quotes are never closed")
                        .label(first, "opened here")
                        .help("add the closing quote; a quote inside a cell is written twice"),
                );
                let rest = Span::new(self.id, open, self.at);
                return Spanned::new(Cow::Borrowed(""), rest);
            };
            end += quote;
            if !inside
                .get(end + 1..)
                .is_some_and(|rest| rest.starts_with('"'))
            {
                break;
            }
            has_quotes = true;
            end += 2;
        }
        self.at = open + 1 + end + 1;
        let cell = inside.get(..end).unwrap_or("");
        let after = self.rest();
        let next = after.find([',', '\n', '\r']).unwrap_or(after.len());
        if next > 0 {
            let behind = Span::new(self.id, self.at, self.at + next);
            self.at += next;
            out.push(
                Diagnostic::new(Code::TableShape, "a cell goes on behind its quotes")
                    .label(behind, "this stands behind them")
                    .help("put the whole cell in quotes; a quote inside it is written twice"),
            );
        }
        // What stands behind the quotes belongs to it too.
        let span = Span::new(self.id, open, self.at);
        let value = if has_quotes {
            Cow::Owned(cell.replace("\"\"", "\""))
        } else {
            Cow::Borrowed(cell)
        };
        Spanned::new(value, span)
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::span::Sources;

    #[test]
    fn cells_are_read_with_their_places() {
        let text = "\u{feff}name, tag ,\"a,\"\"b\"\"\"\r\n\r\nx,,y\n , ,\n  \nz,1\n";
        let id = Sources::default().add("t.csv", text.into());
        let mut faults = Vec::new();
        let mut rows = Rows::new(id, text);
        let header = rows.next(&mut faults).unwrap();
        let cells = |row: &[Cell<'_>]| -> Vec<String> {
            row.iter().map(|cell| cell.value.to_string()).collect()
        };
        assert_eq!(cells(&header), ["name", "tag", "a,\"b\""]);
        assert_eq!((header[1].span.start, header[1].span.end), (9, 12));
        let row = rows.next(&mut faults).unwrap();
        assert_eq!(cells(&row), ["x", "", "y"]);
        assert!(uneven(&row, &header).is_none());
        let row = rows.next(&mut faults).unwrap();
        let fault = uneven(&row, &header).unwrap();
        assert_eq!(fault.message, "a row has 2 cells, and the header 3");
        assert!(rows.next(&mut faults).is_none());
        assert!(faults.is_empty());
    }
}
