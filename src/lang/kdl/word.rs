//! Words: identifiers, and strings in quotes.

use std::ops::Range;

use super::blank::{Class, class, is_newline, is_space};
use super::escape::{self, EscapeError};
use super::hint;
use super::parser::Parser;
use super::tree::{Form, Word};
use crate::diag::code::Code;

/// Identifiers that could be taken for keywords.
const KEYWORDS: [&str; 6] = ["true", "false", "null", "inf", "-inf", "nan"];

pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains(&word)
}

impl Parser<'_, '_> {
    /// Goes behind the characters of a word without quotes.
    pub(super) fn skip_bare(&mut self) {
        loop {
            match self.peek().map(class) {
                Some(Class::Word) => self.at += 1,
                Some(Class::High) => match self.rest().chars().next() {
                    Some(c) if !is_space(c) && !is_newline(c) => self.at += c.len_utf8(),
                    _ => return,
                },
                Some(Class::Space | Class::Newline | Class::Mark) | None => return,
            }
        }
    }

    /// Whether a string in quotes, plain or raw, begins here.
    pub(super) fn at_string(&self) -> bool {
        match self.peek() {
            Some(b'"') => true,
            Some(b'#') => {
                let rest = self.rest().trim_start_matches('#');
                rest.starts_with('"')
            }
            _ => false,
        }
    }

    /// The string in quotes that begins here; none where it was reported.
    pub(super) fn string(&mut self) -> Option<Word> {
        let start = self.at;
        while self.peek() == Some(b'#') {
            self.at += 1;
        }
        let hashes = self.at - start;
        if self.looking_at(b"\"\"\"") {
            return self.several_lines(start, hashes);
        }
        self.at += 1;
        if hashes > 0 {
            return self.raw(start, hashes);
        }
        let inside = self.at;
        let mut is_plain = true;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    is_plain = false;
                    self.at += 1;
                    self.skip_escaped();
                }
                Some(b' '..=0x7f) => self.at += 1,
                Some(_) if self.newline() == 0 => {
                    self.at += 1;
                }
                Some(_) | None => {
                    self.unclosed(start);
                    return None;
                }
            }
        }
        let end = self.at;
        self.at += 1;
        if self.is_torn(start) {
            return None;
        }
        if is_plain {
            return self.quoted(start, 1);
        }
        let meaning = escape::decode(self.text.get(inside..end).unwrap_or(""));
        self.decoded(start, inside, meaning)
    }

    /// Goes behind what a backslash makes one: a character, or any number of spaces and newlines.
    fn skip_escaped(&mut self) {
        let rest = self.rest();
        let blank = rest.trim_start_matches(|c| is_space(c) || is_newline(c));
        self.at += match rest.len() - blank.len() {
            0 => rest.chars().next().map_or(0, char::len_utf8),
            blank => blank,
        };
    }

    fn raw(&mut self, start: usize, hashes: usize) -> Option<Word> {
        loop {
            match self.peek() {
                Some(b'"') if self.closes(1, hashes) => {
                    self.at += 1 + hashes;
                    return self.quoted(start, 1 + hashes);
                }
                Some(_) if self.newline() == 0 => self.at += 1,
                Some(_) | None => {
                    self.unclosed(start);
                    return None;
                }
            }
        }
    }

    /// Whether quotes and hashes that end a string stand here.
    fn closes(&self, quotes: usize, hashes: usize) -> bool {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let mark = rest.get(..quotes + hashes);
        mark.is_some_and(|mark| {
            mark.iter().take(quotes).all(|byte| *byte == b'"')
                && mark.iter().skip(quotes).all(|byte| *byte == b'#')
        })
    }

    fn several_lines(&mut self, start: usize, hashes: usize) -> Option<Word> {
        self.at += 3;
        let inside = self.at;
        if self.newline() == 0 {
            let fault = self.fault(
                Code::Syntax,
                "a string of several lines begins on the line below its quotes",
                start..inside,
            );
            self.report(fault.help("end the line after \"\"\", or use single quotes for one line"));
            return self.give_up_string();
        }
        while self.at < self.bytes.len() {
            if self.closes(3, hashes) {
                let text = self.text.get(inside..self.at).unwrap_or("");
                let meaning = escape::lines(text, hashes > 0);
                self.at += 3 + hashes;
                return self.decoded(start, inside, meaning);
            }
            if hashes == 0 && self.peek() == Some(b'\\') {
                self.at += 1;
                self.skip_escaped();
            } else {
                self.at += 1;
            }
        }
        let fault = self.fault(Code::Syntax, "a string is never closed", start..inside);
        let help = "close it with the same quotes, on a line of their own";
        self.report(fault.help(help));
        // Where it should have ended is anyone's guess.
        self.gaps.everything();
        None
    }

    /// Leaves a string on the line that it began on.
    fn give_up_string(&mut self) -> Option<Word> {
        while self.peek().is_some() && self.newline() == 0 && self.peek() != Some(b'"') {
            self.at += 1;
        }
        while matches!(self.peek(), Some(b'"' | b'#')) {
            self.at += 1;
        }
        None
    }

    /// Whether the string from `start` seems to end with the quote that opens the next one: then it is read up to its first space.
    fn is_torn(&mut self, start: usize) -> bool {
        if self.peek().map(class) != Some(Class::Word) {
            return false;
        }
        let rest = self.text.get(start..).unwrap_or("");
        let Some(length) = hint::torn_end(rest, self.at - start) else {
            return false;
        };
        self.at = start + length;
        self.not_closed(start..self.at);
        true
    }

    /// A string that its line does not close: read on where it seems to have been meant to end.
    fn unclosed(&mut self, start: usize) {
        let line_end = self.at;
        let line = self.text.get(start..line_end).unwrap_or("");
        let length = hint::likely_end(line);
        self.at = start + length;
        self.not_closed(start..self.at);
    }

    fn not_closed(&mut self, range: Range<usize>) {
        let fault = self.fault(Code::Syntax, "a string is not closed on its line", range);
        self.report(fault.help(
            "add the closing quote; strings of several lines stand between \"\"\" and \"\"\"",
        ));
    }

    fn quoted(&mut self, start: usize, marks: usize) -> Option<Word> {
        match u8::try_from(marks) {
            Ok(marks) => Some(self.word_from(start, Form::Quoted(marks))),
            Err(_) => {
                let inside = self.text.get(start + marks..self.at - marks);
                let meaning = inside.unwrap_or("").to_owned();
                self.decoded(start, start, Ok(meaning))
            }
        }
    }

    fn decoded(
        &mut self,
        start: usize,
        inside: usize,
        meaning: Result<String, EscapeError>,
    ) -> Option<Word> {
        match meaning {
            Ok(text) => {
                let index = super::parser::offset(self.tree.decoded.len());
                self.tree.decoded.push(text);
                Some(self.word_from(start, Form::Decoded(index)))
            }
            Err(EscapeError {
                at,
                length,
                problem,
            }) => {
                let at = inside + at;
                let fault = self.fault(Code::Syntax, problem.message(), at..at + length.max(1));
                self.report(fault.help(problem.help()));
                None
            }
        }
    }

    /// The word from `start` to here.
    pub(super) fn word_from(&self, start: usize, form: Form) -> Word {
        Word {
            start: super::parser::offset(start),
            end: super::parser::offset(self.at),
            form,
        }
    }
}
