//! Where lines begin and where spaces stand. What words and comments say is handed on as it is.

use std::borrow::Cow;

use super::line::Page;
use super::{INDENT, WIDTH};
use crate::lang::kdl::{Mark, Token};

/// Lays out the parts of `text`.
pub(super) fn layout(text: &str, tokens: &[Token]) -> String {
    let mut layout = Layout {
        text,
        tokens,
        measures: measures(text, tokens),
        at: 0,
        last: None,
        page: Page::new(),
    };
    layout.nodes(0, false);
    layout.page.finish()
}

struct Layout<'t> {
    text: &'t str,
    tokens: &'t [Token],
    measures: Vec<Measure>,
    /// The next part.
    at: usize,
    /// The last part on the open line.
    last: Option<Mark>,
    page: Page<'t>,
}

/// Where a part would stand if the whole text were one line.
#[derive(Clone, Copy, Default)]
struct Measure {
    start: usize,
    end: usize,
    /// How many parts up to this one cannot stand within one line.
    breaks: usize,
    /// The brace that closes the block which this one opens.
    close: usize,
    /// Whether a node ends before this part, continued lines between them aside.
    is_end: bool,
}

fn measures(text: &str, tokens: &[Token]) -> Vec<Measure> {
    let mut measures: Vec<Measure> = Vec::with_capacity(tokens.len());
    let (mut last, mut open) = (None, Vec::new());
    let mut before = Measure::default();
    for (index, token) in tokens.iter().enumerate() {
        let word = token.of(text);
        let start = before.end + usize::from(last.is_some_and(|last| is_apart(last, token.mark)));
        let is_break = match token.mark {
            Mark::Newline | Mark::LineComment | Mark::Continuation => true,
            Mark::Word | Mark::BlockComment => word.contains(['\n', '\r']),
            Mark::Open
            | Mark::Close
            | Mark::TypeOpen
            | Mark::TypeClose
            | Mark::End
            | Mark::Equals
            | Mark::Slashdash => false,
        };
        before = Measure {
            start,
            end: start + word.chars().count(),
            breaks: before.breaks + usize::from(is_break),
            close: index,
            is_end: false,
        };
        measures.push(before);
        last = Some(token.mark);
        if token.mark == Mark::Open {
            open.push(index);
        } else if token.mark == Mark::Close
            && let Some(opened) = open.pop().and_then(|index| measures.get_mut(index))
        {
            opened.close = index;
        }
    }
    mark_ends(tokens, &mut measures);
    measures
}

fn mark_ends(tokens: &[Token], measures: &mut [Measure]) {
    let mark = |at: usize| tokens.get(at).map(|token| token.mark);
    for (index, token) in tokens.iter().enumerate().rev() {
        let is_end = match token.mark {
            Mark::Close | Mark::Newline | Mark::LineComment | Mark::End => true,
            Mark::Continuation => {
                let mut next = index + 1;
                next += usize::from(mark(next) == Some(Mark::LineComment));
                next += usize::from(mark(next) == Some(Mark::Newline));
                measures.get(next).is_none_or(|next| next.is_end)
            }
            Mark::Word
            | Mark::BlockComment
            | Mark::Open
            | Mark::TypeOpen
            | Mark::TypeClose
            | Mark::Equals
            | Mark::Slashdash => false,
        };
        if let Some(measure) = measures.get_mut(index) {
            measure.is_end = is_end;
        }
    }
}

/// Whether a space stands between two parts of a line.
fn is_apart(before: Mark, after: Mark) -> bool {
    match (before, after) {
        (_, Mark::End | Mark::TypeClose) | (Mark::TypeOpen, _) | (Mark::Open, Mark::Close) => false,
        (_, Mark::BlockComment | Mark::Continuation) => true,
        (Mark::TypeClose, after) => after != Mark::Word,
        (Mark::Equals | Mark::Slashdash, _) | (Mark::Word, Mark::Equals) => false,
        (
            Mark::Word
            | Mark::LineComment
            | Mark::BlockComment
            | Mark::Newline
            | Mark::Continuation
            | Mark::Open
            | Mark::Close
            | Mark::End,
            _,
        ) => true,
    }
}

impl Layout<'_> {
    fn peek(&self) -> Option<Mark> {
        self.tokens.get(self.at).map(|token| token.mark)
    }

    /// Lays out nodes up to the end of their block; it recurses once a level, of which `limit::NESTING` bounds the number.
    fn nodes(&mut self, level: usize, is_inline: bool) {
        // The open line, if any, ends before the next node: it opens the block, or has a node already.
        let mut is_complete = true;
        let mut lacks_end = false;
        while let Some(mark) = self.peek() {
            match mark {
                Mark::Close => return,
                Mark::Newline => self.newline(),
                Mark::End | Mark::Continuation => self.at += 1,
                Mark::LineComment => self.line_comment(level),
                Mark::BlockComment
                | Mark::Word
                | Mark::Open
                | Mark::TypeOpen
                | Mark::TypeClose
                | Mark::Equals
                | Mark::Slashdash => {
                    let (comments, is_line_end) = self.block_comments();
                    if is_inline && std::mem::take(&mut lacks_end) {
                        self.page.write(";");
                        self.last = Some(Mark::End);
                    } else if !is_inline && is_complete && !is_line_end {
                        self.end_line();
                    }
                    if comments > 0 {
                        (0..comments).for_each(|_| self.write(level));
                        is_complete = is_line_end;
                    } else {
                        self.node(level, is_inline);
                        (is_complete, lacks_end) = (true, true);
                    }
                }
            }
        }
    }

    fn newline(&mut self) {
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        self.end_line();
        if before.is_some_and(|before| before.mark == Mark::Newline) {
            self.page.blank();
        }
        self.at += 1;
    }

    fn end_line(&mut self) {
        self.page.end();
        self.last = None;
    }

    /// How many block comments stand here side by side, and whether they end their line.
    fn block_comments(&self) -> (usize, bool) {
        let rest = self.tokens.get(self.at..).unwrap_or_default();
        let is_comment = |token: &&Token| token.mark == Mark::BlockComment;
        let count = rest.iter().take_while(is_comment).count();
        let next = rest.get(count).map(|token| token.mark);
        let is_line_end = matches!(
            next,
            None | Some(Mark::Newline | Mark::LineComment | Mark::Close)
        );
        (count, count > 0 && is_line_end)
    }

    /// The line may stay open: the newline behind the comment ends it.
    fn line_comment(&mut self, level: usize) {
        let Some(token) = self.tokens.get(self.at) else {
            return;
        };
        let column = column(self.text, token.start());
        let text = token.of(self.text).trim_end();
        self.page.comment(level, text, column);
        self.at += 1;
    }

    /// Lays out one node, its `;` included, or up to the newline that ends it.
    fn node(&mut self, level: usize, is_inline: bool) {
        let start = self.at;
        let mut indent = level;
        while let Some(mark) = self.peek() {
            match mark {
                Mark::Close | Mark::Newline | Mark::LineComment => return,
                Mark::End => {
                    self.at += 1;
                    return;
                }
                Mark::Continuation => {
                    if self.continuation(level + 1) {
                        indent = level + 1;
                    }
                    if !self.page.is_open() && self.is_end() {
                        return;
                    }
                }
                Mark::Slashdash => {
                    let after = level + usize::from(self.at > start);
                    self.write(indent);
                    if self.after_slashdash(after) {
                        indent = after;
                    }
                }
                Mark::Open => self.block(level, indent, is_inline),
                Mark::Word
                | Mark::BlockComment
                | Mark::TypeOpen
                | Mark::TypeClose
                | Mark::Equals => self.write(indent),
            }
        }
    }

    /// Goes to what is commented out, which may stand lines below; returns whether a line was begun.
    fn after_slashdash(&mut self, level: usize) -> bool {
        let mut is_begun = false;
        loop {
            match self.peek() {
                Some(Mark::Newline | Mark::Continuation) => self.at += 1,
                Some(Mark::BlockComment) => self.write(level),
                Some(Mark::LineComment) => {
                    self.line_comment(level);
                    self.end_line();
                    is_begun = true;
                }
                _ => return is_begun,
            }
        }
    }

    /// Keeps a `\` where it breaks a line between two entries, or before a comment; returns whether a line was begun.
    fn continuation(&mut self, level: usize) -> bool {
        let backslash = self.at;
        self.at += 1;
        while self.peek() == Some(Mark::BlockComment) {
            self.write(level);
        }
        let comment = (self.peek() == Some(Mark::LineComment)).then_some(self.at);
        self.at += usize::from(comment.is_some());
        self.at += usize::from(self.peek() == Some(Mark::Newline));
        let next = self.at;
        let is_kept = match comment {
            Some(_) => !self.is_end(),
            None => self.page.is_open() && self.goes_on(),
        };
        if is_kept {
            self.at = backslash;
            self.write(level);
        }
        if let Some(comment) = comment {
            self.at = comment;
            self.line_comment(level);
        }
        self.at = next;
        let is_begun = is_kept || comment.is_some();
        if is_begun {
            self.end_line();
        }
        is_begun
    }

    /// Whether nothing more of the node comes.
    fn is_end(&self) -> bool {
        self.measures.get(self.at).is_none_or(|next| next.is_end)
    }

    /// Whether another entry, or a comment, stands behind the last one.
    fn goes_on(&self) -> bool {
        let is_begun = matches!(
            self.last,
            Some(Mark::Equals | Mark::TypeOpen | Mark::TypeClose | Mark::Slashdash)
        );
        let next = self.peek();
        let is_entry = matches!(
            next,
            Some(Mark::Word | Mark::TypeOpen | Mark::Slashdash | Mark::BlockComment)
        );
        is_entry && !is_begun
    }

    fn block(&mut self, level: usize, indent: usize, is_inline: bool) {
        if let Some(close) = self.empty() {
            self.write(indent);
            self.at = close;
            return self.write(indent);
        }
        let is_inline = is_inline || self.fits(indent);
        self.write(indent);
        if is_inline {
            self.nodes(level, true);
        } else {
            self.page.begin_block();
            self.nodes(level + 1, false);
            self.end_line();
            self.page.end_block();
        }
        self.write(level);
    }

    /// The brace that closes the block here, where nothing stands in it.
    fn empty(&self) -> Option<usize> {
        let inside = self.tokens.get(self.at + 1..)?;
        let is_blank = |token: &&Token| matches!(token.mark, Mark::Newline | Mark::Continuation);
        let close = self.at + 1 + inside.iter().take_while(is_blank).count();
        let token = self.tokens.get(close)?;
        (token.mark == Mark::Close).then_some(close)
    }

    /// Whether the block here was written on one line, and has room on this one.
    fn fits(&self, indent: usize) -> bool {
        let measure = |at: usize| self.measures.get(at).copied().unwrap_or_default();
        let open = measure(self.at);
        let close = measure(open.close);
        let before = if self.page.is_open() {
            let is_apart = self.last.is_some_and(|last| is_apart(last, Mark::Open));
            self.page.width() + usize::from(is_apart)
        } else {
            indent * INDENT
        };
        close.breaks == open.breaks && before + (close.end - open.start) <= WIDTH
    }

    /// Writes the next part behind the last one, or at the beginning of a line.
    fn write(&mut self, level: usize) {
        let Some(token) = self.tokens.get(self.at) else {
            return;
        };
        if !self.page.is_open() {
            self.page.begin(level);
        } else if self.last.is_some_and(|last| is_apart(last, token.mark)) {
            self.page.write(" ");
        }
        let part = token.of(self.text);
        let part = if !part.contains(['\n', '\r']) {
            Cow::Borrowed(part)
        } else if token.mark == Mark::BlockComment {
            let from = column(self.text, token.start());
            Cow::Owned(moved(&newlines(part), from, self.page.width()))
        } else {
            Cow::Owned(newlines(part))
        };
        self.page.write(&part);
        self.last = Some(token.mark);
        self.at += 1;
    }
}

/// How many characters stand before `at` in its line.
fn column(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or("");
    let line = before.rsplit(['\n', '\r']).next().unwrap_or("");
    line.trim_start_matches('\u{feff}').chars().count()
}

/// A part with one kind of newline: in strings too all kinds mean the same (KDL 2.0, "Multi-line Strings").
pub(super) fn newlines(part: &str) -> String {
    part.replace("\r\n", "\n").replace('\r', "\n")
}

/// A comment of several lines whose first one moves: the others follow, as far as they are indented.
fn moved(comment: &str, from: usize, to: usize) -> String {
    let mut lines = comment.split('\n');
    let mut out = lines.next().unwrap_or("").trim_end().to_owned();
    for line in lines {
        let line = line.trim_end();
        let inside = line.trim_start_matches(' ');
        let indent = line.len() - inside.len();
        out.push('\n');
        if !inside.is_empty() {
            out.extend(std::iter::repeat_n(' ', (indent + to).saturating_sub(from)));
            out.push_str(inside);
        }
    }
    out
}
