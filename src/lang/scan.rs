//! A tolerant pass over KDL text: how deep it nests, where its nodes begin and end, which words look like bare addresses.
//!
//! It knows strings, comments and braces, and must not judge anything else: the parser does.

use std::net::IpAddr;

use crate::base::mac::MacAddr;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Open,
    Close,
    Newline,
    Semicolon,
    /// `/-`, which comments out what follows it.
    Slashdash,
    /// A quoted string.
    Quoted,
    /// Any other run of characters.
    Word,
}

#[derive(Debug, Clone, Copy)]
struct Token {
    kind: Kind,
    start: usize,
    end: usize,
}

/// The extent of one node within a text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) block: Block,
}

/// The children block of a node, by the offsets of its braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    None,
    Closed {
        open: usize,
        close: usize,
    },
    Unclosed {
        open: usize,
    },
    /// A brace that closes nothing.
    Stray,
}

/// Where the nesting of blocks or of comments first exceeds `limit`.
pub(super) fn too_deep(text: &str, limit: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut scanner = Scanner::new(text, limit);
    for token in scanner.by_ref() {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Newline | Kind::Semicolon | Kind::Slashdash | Kind::Quoted | Kind::Word => {}
        }
        if depth > limit {
            return Some(token.start);
        }
    }
    scanner.too_deep
}

/// Whether a text may make the parser recurse deeper than `limit`, whatever it takes for a string or a comment.
///
/// In malformed text its idea of these may differ from ours, and its recursion has no bound.
pub(super) fn may_nest(text: &str, limit: usize) -> bool {
    let (mut braces, mut comments, mut dashes) = (0_usize, 0_usize, 0_usize);
    let mut last = 0;
    for byte in text.bytes() {
        let is_pair = match (last, byte) {
            (b'/', b'*') => {
                comments += 1;
                true
            }
            (b'*', b'/') => {
                comments = comments.saturating_sub(1);
                true
            }
            (b'/', b'-') => {
                dashes += 1;
                true
            }
            _ => false,
        };
        match byte {
            b'{' => braces += 1,
            b'}' => braces = braces.saturating_sub(1),
            _ => {}
        }
        if !matches!(byte, b'/' | b'-') && !byte.is_ascii_whitespace() {
            dashes = 0;
        }
        if braces + comments + dashes > limit {
            return true;
        }
        last = if is_pair { 0 } else { byte };
    }
    false
}

/// The nodes of a text, or of the inside of a block, without looking into them.
pub(super) fn segments(text: &str) -> Vec<Segment> {
    let mut found = Vec::new();
    let mut current: Option<Segment> = None;
    let mut depth = 0_usize;
    let mut glued = false;
    for Token { kind, start, end } in Scanner::new(text, usize::MAX) {
        let was_glued = std::mem::replace(&mut glued, false);
        match kind {
            Kind::Newline | Kind::Semicolon if depth > 0 => continue,
            Kind::Newline if was_glued => {
                glued = true;
                continue;
            }
            Kind::Newline | Kind::Semicolon => {
                found.extend(current.take());
                continue;
            }
            Kind::Close if depth == 0 => {
                found.extend(current.take());
                let block = Block::Stray;
                found.push(Segment { start, end, block });
                continue;
            }
            Kind::Open | Kind::Close | Kind::Slashdash | Kind::Quoted | Kind::Word => {}
        }
        let segment = current.get_or_insert(Segment {
            start,
            end,
            block: Block::None,
        });
        segment.end = end;
        glued = kind == Kind::Slashdash && depth == 0;
        if kind == Kind::Open {
            depth += 1;
            if depth == 1 && segment.block == Block::None {
                segment.block = Block::Unclosed { open: start };
            }
        }
        if kind == Kind::Close {
            depth -= 1;
            if let (0, Block::Unclosed { open }) = (depth, segment.block) {
                segment.block = Block::Closed { open, close: start };
            }
        }
    }
    found.extend(current);
    found
}

/// Words outside strings that are addresses, prefixes, ranges or hardware addresses, which KDL cannot read without quotes.
pub(super) fn bare_addresses(text: &str) -> Vec<(usize, usize)> {
    Scanner::new(text, usize::MAX)
        .filter(|token| token.kind == Kind::Word)
        .filter_map(|Token { start, end, .. }| {
            let word = text.get(start..end)?;
            is_address(word).then_some((start, end))
        })
        .collect()
}

fn is_address(word: &str) -> bool {
    let is_ip = |part: &str| part.parse::<IpAddr>().is_ok();
    let starts_as_number = word.starts_with(|c: char| c.is_ascii_digit());
    let is_prefix = || word.split_once('/').is_some_and(|(ip, _)| is_ip(ip));
    let is_range = || word.split_once('-').is_some_and(|(first, _)| is_ip(first));
    starts_as_number
        && (is_ip(word) || is_prefix() || is_range() || word.parse::<MacAddr>().is_ok())
}

/// The usual mends of nodes that KDL refuses with a general complaint.
pub(super) fn hint(text: &str) -> Option<&'static str> {
    Scanner::new(text, usize::MAX).find_map(|Token { kind, start, end }| {
        if kind != Kind::Word {
            return None;
        }
        let before = text.get(..start).unwrap_or("");
        let after = text.get(end..).unwrap_or("");
        match text.get(start..end)? {
            "true" | "false" | "null" => Some("KDL writes #true, #false and #null"),
            "=" if after.trim().is_empty() => Some("give the property a value: name=\"value\""),
            "=" if before.ends_with(' ') || after.starts_with(' ') => {
                Some("write name=value without spaces")
            }
            _ => None,
        }
    })
}

/// The first word of a node, without quotes.
pub(super) fn first_word(text: &str) -> Option<&str> {
    let mut tokens = Scanner::new(text, usize::MAX);
    let Token { start, end, .. } =
        tokens.find(|token| matches!(token.kind, Kind::Word | Kind::Quoted))?;
    text.get(start..end).map(|word| word.trim_matches('"'))
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    /// Deepest nesting of block comments to follow.
    limit: usize,
    /// Where comments nest deeper than that.
    too_deep: Option<usize>,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str, limit: usize) -> Self {
        Self {
            text: text.as_bytes(),
            at: 0,
            limit,
            too_deep: None,
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn looking_at(&self, what: &[u8]) -> bool {
        self.rest().starts_with(what)
    }

    fn skip_line(&mut self) {
        while self.rest().first().is_some_and(|byte| *byte != b'\n') {
            self.at += 1;
        }
    }

    fn skip_comment(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.text.len() {
            if self.looking_at(b"/*") {
                depth += 1;
                self.at += 2;
            } else if self.looking_at(b"*/") {
                depth -= 1;
                self.at += 2;
            } else {
                self.at += 1;
            }
            if depth > self.limit {
                self.too_deep.get_or_insert(self.at - 2);
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// A line that goes on: the newline after `\` is no end.
    fn skip_continuation(&mut self) {
        self.at += 1;
        while let Some(byte) = self.rest().first() {
            match byte {
                b'\n' => {
                    self.at += 1;
                    return;
                }
                b'/' if self.looking_at(b"//") => self.skip_line(),
                byte if byte.is_ascii_whitespace() => self.at += 1,
                _ => return,
            }
        }
    }

    /// From the opening quote to past the closing one; a string of one line ends with its line at the latest.
    fn skip_string(&mut self, hashes: usize) {
        let is_block = self.looking_at(b"\"\"\"");
        let mut close = if is_block {
            b"\"\"\"".to_vec()
        } else {
            b"\"".to_vec()
        };
        close.extend(std::iter::repeat_n(b'#', hashes));
        self.at += if is_block { 3 } else { 1 };
        while let Some(byte) = self.rest().first() {
            if self.looking_at(&close) {
                self.at += close.len();
                return;
            }
            match byte {
                b'\\' if hashes == 0 => self.at = (self.at + 2).min(self.text.len()),
                b'\n' if !is_block => return,
                _ => self.at += 1,
            }
        }
    }

    fn skip_word(&mut self) {
        while let Some(byte) = self.rest().first() {
            let ends = byte.is_ascii_whitespace()
                || matches!(byte, b'{' | b'}' | b'(' | b')' | b';' | b'=' | b'"' | b'\\')
                || self.looking_at(b"//")
                || self.looking_at(b"/*");
            if ends {
                return;
            }
            self.at += 1;
        }
    }

    fn take(&mut self, kind: Kind, length: usize) -> Token {
        let start = self.at;
        self.at += length;
        Token {
            kind,
            start,
            end: self.at,
        }
    }

    fn take_until(&mut self, kind: Kind, skip: impl FnOnce(&mut Self)) -> Token {
        let start = self.at;
        skip(self);
        self.at = self.at.max(start + 1);
        Token {
            kind,
            start,
            end: self.at,
        }
    }
}

impl Iterator for Scanner<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            let hashes = self.rest().iter().take_while(|byte| **byte == b'#').count();
            let is_raw = hashes > 0 && self.rest().get(hashes) == Some(&b'"');
            return Some(match self.rest().first()? {
                b'{' => self.take(Kind::Open, 1),
                b'}' => self.take(Kind::Close, 1),
                b'\n' => self.take(Kind::Newline, 1),
                b';' => self.take(Kind::Semicolon, 1),
                b'"' => self.take_until(Kind::Quoted, |this| this.skip_string(0)),
                b'#' if is_raw => self.take_until(Kind::Quoted, |this| {
                    this.at += hashes;
                    this.skip_string(hashes);
                }),
                b'/' if self.looking_at(b"//") => {
                    self.skip_line();
                    continue;
                }
                b'/' if self.looking_at(b"/*") => {
                    self.skip_comment();
                    continue;
                }
                b'/' if self.looking_at(b"/-") => self.take(Kind::Slashdash, 2),
                b'\\' => {
                    self.skip_continuation();
                    continue;
                }
                byte if byte.is_ascii_whitespace() => {
                    self.at += 1;
                    continue;
                }
                _ => self.take_until(Kind::Word, Self::skip_word),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_found_through_strings_and_comments() {
        let cases: [(&str, &[&str]); 8] = [
            ("a\nb; c", &["a", "b", "c"]),
            ("a { b\n c }\nd", &["a { b\n c }", "d"]),
            ("a \"}\" // }\nb", &["a \"}\"", "b"]),
            ("a #\"\"}\"# /* } /* } */ */\nb", &["a #\"\"}\"#", "b"]),
            ("a \\ // more\n  1\nb", &["a \\ // more\n  1", "b"]),
            ("/- \n a\nb", &["/- \n a", "b"]),
            ("a \"\"\"\n}\n\"\"\"\nb", &["a \"\"\"\n}\n\"\"\"", "b"]),
            ("a \"open\nb", &["a \"open", "b"]),
        ];
        for (text, expected) in cases {
            let found: Vec<_> = segments(text)
                .iter()
                .map(|segment| &text[segment.start..segment.end])
                .collect();
            assert_eq!(found, expected, "{text}");
        }
        assert_eq!(segments("a {\nb").len(), 1);
        assert_eq!(segments("a {\nb")[0].block, Block::Unclosed { open: 2 });
        assert_eq!(segments("}")[0].block, Block::Stray);
    }

    #[test]
    fn bare_addresses_are_found_and_quoted_ones_are_not() {
        let cases: [(&str, &[&str]); 5] = [
            ("subnet 10.0.0.0/24 {", &["10.0.0.0/24"]),
            ("via=10.0.0.1", &["10.0.0.1"]),
            ("r 10.0.0.1-10.0.0.9", &["10.0.0.1-10.0.0.9"]),
            ("mac=52:54:00:00:00:01", &["52:54:00:00:00:01"]),
            ("a \"10.0.0.1\" 1.5 // 10.0.0.2", &[]),
        ];
        for (text, expected) in cases {
            let found: Vec<_> = bare_addresses(text)
                .into_iter()
                .map(|(start, end)| &text[start..end])
                .collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn depth_is_bounded_however_it_is_hidden() {
        assert_eq!(too_deep(&"a {".repeat(64), 64), None);
        assert!(too_deep(&"a {".repeat(65), 64).is_some());
        assert_eq!(too_deep(&"/*".repeat(64), 64), None);
        assert!(too_deep(&"/*".repeat(65), 64).is_some());
        for text in ["/*", "/- ", "\" {", "a\"/*\"\n", "a {"] {
            assert!(!may_nest(&text.repeat(64), 64), "{text}");
            assert!(may_nest(&text.repeat(65), 64), "{text}");
        }
    }
}
