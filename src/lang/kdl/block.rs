//! Blocks: opened, closed, and what becomes of those whose braces do not match.

use super::parser::{Parser, Partial, Stage, offset};
use crate::base::limit;
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;

/// A block that is open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// The node whose block it is.
    partial: Partial,
    /// Whether the block alone is commented out.
    is_dropped: bool,
    /// How many open nodes there were before it.
    siblings: usize,
    brace: usize,
    /// Columns before the line that opens it.
    indent: usize,
    /// The first node that is indented as if it stood behind the block.
    suspect: Option<usize>,
}

impl Parser<'_, '_> {
    /// Goes into the block that begins here.
    pub(super) fn open_block(&mut self, mut partial: Partial, is_dropped: bool) {
        let brace = self.at;
        if self.frames.len() >= limit::NESTING {
            let message = format!("blocks nest deeper than {} levels", limit::NESTING);
            let fault = Diagnostic::new(Code::Limit, message)
                .label(self.span(brace..brace + 1), "this level is one too many")
                .help("a site needs six levels; is a closing `}` missing?");
            self.report(fault);
            self.gaps.everything();
            self.frames.clear();
            self.open.clear();
            self.at = self.bytes.len();
            return;
        }
        self.at += 1;
        self.last = None;
        if partial.node.arguments.end == u32::MAX {
            partial.node.arguments.end = offset(self.tree.arguments.len());
            partial.node.properties.end = offset(self.tree.properties.len());
        }
        self.frames.push(Frame {
            partial,
            is_dropped,
            siblings: self.open.len(),
            brace,
            indent: self.line_indent,
            suspect: None,
        });
    }

    /// Goes into a block whose brace does not stand on the line of its node, as if it did.
    pub(super) fn late_block(&mut self) {
        let brace = self.at..self.at + 1;
        match self.last.filter(|last| last.stage < Stage::Children) {
            Some(last) => {
                let message = "a `{` stands on the line of its node";
                let fault = self.fault(Code::Syntax, message, brace);
                self.report(fault.help("move it to the end of the line above"));
                let filed = if last.is_dropped {
                    None
                } else {
                    self.open.pop()
                };
                let node = filed.unwrap_or(last.node);
                self.open_block(Partial { node, ..last }, false);
            }
            None => {
                let node = self.nameless(brace.clone());
                let fault = self.fault(Code::Syntax, "a `{` opens the block of no node", brace);
                self.report(fault.help("remove the block, or put its node's name before it"));
                self.gaps.everything();
                let is_dropped = true;
                let stage = Stage::Children;
                self.open_block(
                    Partial {
                        node,
                        is_dropped,
                        stage,
                    },
                    true,
                );
            }
        }
    }

    /// Leaves the block that the brace here closes.
    pub(super) fn close(&mut self) {
        let brace = self.at;
        self.at += 1;
        let Some(frame) = self.frames.pop() else {
            let fault = Diagnostic::new(Code::Syntax, "a `}` closes no block")
                .label(self.span(brace..brace + 1), "no `{` belongs to this")
                .help("remove it, or open the block that it should close");
            self.report(fault);
            self.gaps.everything();
            return;
        };
        if let Some(suspect) = frame.suspect.filter(|_| {
            self.indent(brace)
                .is_some_and(|indent| indent < frame.indent)
        }) {
            self.suspects.push(suspect);
        }
        let partial = self.leave(frame);
        self.rest_of(partial);
    }

    fn leave(&mut self, frame: Frame) -> Partial {
        let mut partial = frame.partial;
        if frame.is_dropped || partial.is_dropped {
            self.open.truncate(frame.siblings);
        } else {
            partial.node.children = self.gather(frame.siblings);
        }
        partial.stage = if frame.is_dropped {
            partial.stage.max(Stage::Blocks)
        } else {
            Stage::Children
        };
        partial
    }

    /// Notes where a node stands as if it were outside the block that it is in.
    pub(super) fn look_for_missing(&mut self) {
        let at = self.at;
        let Some(indent) = self.indent(at) else {
            return;
        };
        self.line_indent = indent;
        if let Some(frame) = self.frames.last_mut()
            && frame.suspect.is_none()
            && indent <= frame.indent
        {
            frame.suspect = Some(at);
        }
    }

    /// Where the first brace seems to be missing that makes the whole not match.
    pub(super) fn torn(&self) -> Option<usize> {
        if self.frames.is_empty() {
            return None;
        }
        let open = self.frames.iter().filter_map(|frame| frame.suspect);
        let closed = self.suspects.iter().copied();
        open.chain(closed).min()
    }

    /// Closes the block whose brace is known to be missing here.
    pub(super) fn close_missing(&mut self) {
        let Some(known) = self.missing.iter().position(|at| *at == self.at) else {
            return;
        };
        self.missing.swap_remove(known);
        let Some(frame) = self.frames.pop() else {
            return;
        };
        let line = self.rest().lines().next().unwrap_or("").trim_end().len();
        let fault = Diagnostic::new(Code::Syntax, "a block is never closed")
            .label(self.span(frame.brace..frame.brace + 1), "opened here")
            .label(
                self.span(self.at..self.at + line.max(1)),
                "this looks as if it stood behind the block",
            )
            .help("add the missing `}`");
        self.report(fault);
        let partial = self.leave(frame);
        self.end(partial);
    }

    /// Ends the innermost block with the text.
    pub(super) fn unclosed_block(&mut self) {
        let Some(frame) = self.frames.pop() else {
            return;
        };
        let fault = Diagnostic::new(Code::Syntax, "a block is never closed")
            .label(
                self.span(frame.brace..frame.brace + 1),
                "opened here, closed nowhere",
            )
            .help("add the missing `}`");
        self.report(fault);
        self.gaps.everything();
        let partial = self.leave(frame);
        self.end(partial);
    }

    /// Columns before `at`, where it is the first of its line.
    fn indent(&self, at: usize) -> Option<usize> {
        let before = self.bytes.get(..at).unwrap_or_default();
        let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
        let columns = before.iter().rev().take_while(is_blank).count();
        match before
            .len()
            .checked_sub(columns + 1)
            .and_then(|last| before.get(last))
        {
            None | Some(b'\n' | b'\r') => Some(columns),
            Some(_) => None,
        }
    }
}
