//! A text without faults cut into its parts, comments and newlines among them. What the parts make together it does not know.

use super::parser::{Parser, offset};
use crate::diag::span::SourceId;
use crate::lang::slot::Gaps;

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lang) enum Mark {
    /// A name, a string, a number or a keyword.
    Word,
    /// To the end of its line. The line that names the version of KDL counts as one: it too must keep its place.
    LineComment,
    BlockComment,
    Newline,
    /// The `\` of a line that goes on.
    Continuation,
    Open,
    Close,
    TypeOpen,
    TypeClose,
    /// `;`
    End,
    Equals,
    /// `/-`
    Slashdash,
}

/// A part and the bytes that it takes.
#[derive(Debug, Clone, Copy)]
pub(in crate::lang) struct Token {
    pub(in crate::lang) mark: Mark,
    start: u32,
    end: u32,
}

impl Token {
    /// The part as it stands in `text`, from which it was cut.
    pub(in crate::lang) fn of(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize)
            .unwrap_or("")
    }

    pub(in crate::lang) fn start(self) -> usize {
        self.start as usize
    }
}

/// Cuts `text`, in which the parser found no fault. The same functions find the ends of words and comments, so both agree.
pub(in crate::lang) fn tokens(source: SourceId, text: &str) -> Vec<Token> {
    let (mut gaps, mut diagnostics) = (Gaps::default(), Vec::new());
    let mut parser = Parser::new(source, text, &mut gaps, &mut diagnostics);
    let mut tokens = Vec::new();
    parser.skip_preamble();
    let preamble = text.get(..parser.at).unwrap_or("");
    let version = preamble.trim_start_matches('\u{feff}');
    if !version.is_empty() {
        tokens.push(Token {
            mark: Mark::LineComment,
            start: offset(parser.at - version.len()),
            end: offset(parser.at),
        });
    }
    while parser.peek().is_some() {
        let space = parser.space();
        if space > 0 {
            parser.at += space;
            continue;
        }
        let start = parser.at;
        let mark = parser.token();
        tokens.push(Token {
            mark,
            start: offset(start),
            end: offset(parser.at),
        });
    }
    tokens
}

impl Parser<'_, '_> {
    /// Goes behind the part that begins here.
    fn token(&mut self) -> Mark {
        let newline = self.newline();
        if newline > 0 {
            self.at += newline;
            return Mark::Newline;
        }
        if self.at_string() {
            let _word = self.string();
            // What strings mean is not wanted here.
            self.tree.decoded.clear();
            return Mark::Word;
        }
        let single = match self.peek() {
            Some(b'/') if self.looking_at(b"//") => {
                self.skip_line();
                return Mark::LineComment;
            }
            Some(b'/') if self.looking_at(b"/*") => {
                self.skip_block_comment();
                return Mark::BlockComment;
            }
            Some(b'/') if self.looking_at(b"/-") => {
                self.at += 2;
                return Mark::Slashdash;
            }
            Some(b'\\') => Mark::Continuation,
            Some(b'{') => Mark::Open,
            Some(b'}') => Mark::Close,
            Some(b'(') => Mark::TypeOpen,
            Some(b')') => Mark::TypeClose,
            Some(b';') => Mark::End,
            Some(b'=') => Mark::Equals,
            Some(_) | None => return self.plain(),
        };
        self.at += 1;
        single
    }

    /// A word without quotes. Any character begins one, so that there is always progress.
    fn plain(&mut self) -> Mark {
        self.at += self.rest().chars().next().map_or(1, char::len_utf8);
        while self.peek() == Some(b'#') {
            self.at += 1;
        }
        self.skip_bare();
        Mark::Word
    }
}
