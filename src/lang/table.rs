//! Comma-separated tables (RFC 4180): a header and rows of cells, each with its place. Knows nothing of what columns mean.

use std::borrow::Cow;

use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{SourceId, Span, Spanned};

/// A table whose rows all have as many cells as the header.
pub(super) struct Table<'t> {
    pub(super) header: Vec<Cell<'t>>,
    pub(super) rows: Vec<Vec<Cell<'t>>>,
    /// The rows that do not match it.
    pub(super) left_out: Vec<Span>,
}

pub(super) type Cell<'t> = Spanned<Cow<'t, str>>;

/// Reads a table; rows that do not match the header are reported and left out.
pub(super) fn read<'t>(
    id: SourceId,
    text: &'t str,
    out: &mut Vec<Diagnostic>,
) -> Option<Table<'t>> {
    let start = if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    };
    let mut reader = Reader {
        id,
        text,
        at: start,
    };
    let header = reader.row(out)?;
    let (mut rows, mut left_out) = (Vec::new(), Vec::new());
    while let Some(row) = reader.row(out) {
        if row.len() == header.len() {
            rows.push(row);
            continue;
        }
        let whole = whole(&row)?;
        left_out.push(whole);
        let message = format!(
            "a row has {} cells, and the header {}",
            row.len(),
            header.len()
        );
        let mut fault = Diagnostic::new(Code::TableShape, message).label(whole, "this row");
        if let Some(head) = self::whole(&header) {
            fault = fault.label(head, "the header");
        }
        out.push(
            fault.help(
                "a cell that holds a comma stands in double quotes; an empty one is left empty",
            ),
        );
    }
    Some(Table {
        header,
        rows,
        left_out,
    })
}

/// The place of a row.
pub(super) fn whole(row: &[Cell<'_>]) -> Option<Span> {
    Some(row.first()?.span.to(row.last()?.span))
}

struct Reader<'t> {
    id: SourceId,
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    /// The next row that is not empty.
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
        let text = "\u{feff}name, tag ,\"a,\"\"b\"\"\"\r\n\r\nx,,y\nz,1\n";
        let id = Sources::default().add("t.csv", text.into());
        let mut faults = Vec::new();
        let table = read(id, text, &mut faults).unwrap();
        let cells = |row: &[Cell<'_>]| -> Vec<String> {
            row.iter().map(|cell| cell.value.to_string()).collect()
        };
        assert_eq!(cells(&table.header), ["name", "tag", "a,\"b\""]);
        assert_eq!(
            (table.header[1].span.start, table.header[1].span.end),
            (9, 12)
        );
        let rows: Vec<_> = table.rows.iter().map(|row| cells(row)).collect();
        assert_eq!(rows, [["x", "", "y"]]);
        let told: Vec<_> = faults.iter().map(|one| one.message.as_str()).collect();
        assert_eq!(told, ["a row has 2 cells, and the header 3"]);
    }
}
