//! What separates words: spaces, newlines, comments, line continuations.

use super::parser::Parser;
use crate::diag::code::Code;

/// What a byte may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Part of a word without quotes.
    Word,
    Space,
    Newline,
    /// A mark of the notation, or a character that stands nowhere.
    Mark,
    /// The first byte of a character beyond ASCII.
    High,
}

const CLASSES: [Class; 256] = classes();

#[expect(
    clippy::indexing_slicing,
    reason = "a constant: an index out of bounds would not compile"
)]
const fn classes() -> [Class; 256] {
    let mut classes = [Class::Word; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'\t' | b' ' => Class::Space,
            b'\n' | b'\r' | 0x0b | 0x0c => Class::Newline,
            b'\\' | b'/' | b'(' | b')' | b'{' | b'}' | b';' | b'[' | b']' | b'"' | b'#' | b'=' => {
                Class::Mark
            }
            0x80.. => Class::High,
            _ => Class::Word,
        };
        byte += 1;
    }
    classes
}

pub(super) fn class(byte: u8) -> Class {
    CLASSES
        .get(usize::from(byte))
        .copied()
        .unwrap_or(Class::Mark)
}

pub(super) fn is_space(c: char) -> bool {
    matches!(
        c,
        '\t' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

pub(super) fn is_newline(c: char) -> bool {
    matches!(
        c,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

impl<'t> Parser<'t, '_> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    pub(super) fn looking_at(&self, what: &[u8]) -> bool {
        self.bytes
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(what))
    }

    fn character(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Bytes of the space here; none where there is none.
    pub(super) fn space(&self) -> usize {
        match self.peek().map(class) {
            Some(Class::Space) => 1,
            Some(Class::High) => self
                .character()
                .filter(|c| is_space(*c))
                .map_or(0, char::len_utf8),
            Some(Class::Word | Class::Newline | Class::Mark) | None => 0,
        }
    }

    /// Bytes of the newline here; none where there is none.
    pub(super) fn newline(&self) -> usize {
        match self.peek() {
            Some(b'\r') if self.looking_at(b"\r\n") => 2,
            Some(byte) => match class(byte) {
                Class::Newline => 1,
                Class::High => self
                    .character()
                    .filter(|c| is_newline(*c))
                    .map_or(0, char::len_utf8),
                Class::Word | Class::Space | Class::Mark => 0,
            },
            None => 0,
        }
    }

    /// Skips spaces and block comments; returns whether there were any.
    pub(super) fn skip_spaces(&mut self) -> bool {
        let start = self.at;
        loop {
            let space = self.space();
            if space > 0 {
                self.at += space;
            } else if self.looking_at(b"/*") {
                self.skip_block_comment();
            } else {
                return self.at > start;
            }
        }
    }

    /// Skips spaces, block comments and continued lines.
    pub(super) fn skip_node_space(&mut self) -> bool {
        let start = self.at;
        loop {
            self.skip_spaces();
            if self.peek() != Some(b'\\') {
                return self.at > start;
            }
            self.skip_continuation();
        }
    }

    /// Skips everything that may stand between two nodes.
    pub(super) fn skip_line_space(&mut self) {
        loop {
            self.skip_node_space();
            if self.looking_at(b"//") {
                self.skip_line();
            }
            match self.newline() {
                0 => return,
                length => self.at += length,
            }
        }
    }

    /// Goes to the newline that ends this line.
    pub(super) fn skip_line(&mut self) {
        while self.at < self.bytes.len() && self.newline() == 0 {
            self.at += 1;
            while !self.text.is_char_boundary(self.at) {
                self.at += 1;
            }
        }
    }

    pub(super) fn skip_block_comment(&mut self) {
        let start = self.at;
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'/' if self.looking_at(b"/*") => {
                    depth += 1;
                    self.at += 2;
                }
                b'*' if self.looking_at(b"*/") => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return;
                    }
                }
                _ => self.at += 1,
            }
        }
        self.gaps.everything();
        let fault = self.fault(Code::Syntax, "a comment is never closed", start..start + 2);
        self.report(fault.help("add the missing `*/`; nothing after this line could be read"));
    }

    fn skip_continuation(&mut self) {
        let start = self.at;
        self.at += 1;
        self.skip_spaces();
        if self.looking_at(b"//") {
            self.skip_line();
        }
        match self.newline() {
            0 if self.at >= self.bytes.len() => {}
            0 => {
                let fault = self.fault(
                    Code::Syntax,
                    "a `\\` continues a line, and this line goes on",
                    start..start + 1,
                );
                self.report(fault.help("remove it, or end the line here"));
            }
            length => self.at += length,
        }
    }
}
