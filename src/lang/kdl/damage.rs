//! What other programs leave in a text: characters that may stand nowhere, and the marks of a merge.

use super::hint;
use super::parser::Parser;
use crate::base::limit;
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;

impl Parser<'_, '_> {
    /// Reports characters that may stand nowhere, such as those that turn the direction of text.
    pub(super) fn check_characters(&mut self) {
        let suspicious = |byte: &u8| matches!(byte, 0..=8 | 0x0e..=0x1f | 0x7f | 0xe2 | 0xef);
        let mut from = 0;
        while let Some(found) = self
            .bytes
            .get(from..)
            .and_then(|rest| rest.iter().position(suspicious))
        {
            let at = from + found;
            from = at + 1;
            let Some(c) = self.text.get(at..).and_then(|rest| rest.chars().next()) else {
                continue;
            };
            if !is_disallowed(c) || (at == 0 && c == '\u{feff}') {
                continue;
            }
            let message = format!("the character U+{:04X} may not stand in KDL", u32::from(c));
            let fault = self.fault(Code::Syntax, message, at..at + c.len_utf8());
            self.report(fault.help("remove it; in a string it may be written \\u{…}"));
            if self.faults >= limit::SYNTAX_FAULTS {
                return;
            }
        }
    }

    pub(super) fn at_conflict(&self) -> bool {
        let is_line = self.at == 0 || matches!(self.bytes.get(self.at - 1), Some(b'\n' | b'\r'));
        is_line && hint::conflict_mark(self.rest()).is_some()
    }

    /// A conflict that a merge left: our side is read, the other is not.
    pub(super) fn conflict(&mut self) {
        let start = self.at;
        let mark = hint::conflict_mark(self.rest());
        self.skip_line();
        let first = start..self.at;
        if matches!(mark, Some('=' | '|')) {
            self.skip_other_side();
        }
        self.gaps.everything();
        let was_told = std::mem::replace(&mut self.in_conflict, mark == Some('<'));
        if was_told {
            return;
        }
        let end = self.conflict_end(start);
        let mut fault = Diagnostic::new(Code::MergeConflict, "a merge left a conflict here")
            .label(self.span(first), "it begins here");
        if let Some(end) = end {
            let line = self
                .text
                .get(end..)
                .and_then(|rest| rest.lines().next())
                .unwrap_or("")
                .len();
            fault = fault.label(self.span(end..end + line), "and ends here");
        }
        self.report(fault.help("keep what is right of both sides, and remove the marks"));
    }

    fn skip_other_side(&mut self) {
        if let Some(end) = self.conflict_end(self.at) {
            self.at = end;
            self.skip_line();
        }
    }

    /// Where the line begins that ends a conflict.
    fn conflict_end(&mut self, from: usize) -> Option<usize> {
        if self.is_last_conflict {
            return None;
        }
        let rest = self.text.get(from..)?;
        let found = rest.find("\n>>>>>>>").map(|at| from + at + 1);
        self.is_last_conflict = found.is_none();
        found
    }
}

/// KDL 2.0, "Disallowed Literal Code Points".
fn is_disallowed(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{7f}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}
