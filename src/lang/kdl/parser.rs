//! Nodes: their names, what follows them, and where they end.

use std::ops::Range;

use super::block::Frame;
use super::hint;
use super::tree::{Form, Index, Items, NodeData, Tree, Word};
use super::word::is_keyword;
use crate::base::limit;
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{SourceId, Span};
use crate::lang::slot::Gaps;

/// The reading of one source.
pub(super) struct Parser<'t, 'd> {
    pub(super) text: &'t str,
    pub(super) bytes: &'t [u8],
    pub(super) at: usize,
    pub(super) tree: Tree,
    /// Nodes whose siblings are not all read yet.
    pub(super) open: Vec<NodeData>,
    /// The node that was read last of the block that is being read.
    pub(super) last: Option<Partial>,
    pub(super) frames: Vec<Frame>,
    pub(super) gaps: &'d mut Gaps,
    diagnostics: &'d mut Vec<Diagnostic>,
    pub(super) faults: usize,
    /// Where blocks end whose closing brace is missing.
    pub(super) missing: Vec<usize>,
    /// Nodes that stand as if outside a block which was closed by another's brace.
    pub(super) suspects: Vec<usize>,
    /// Columns before the last node that began a line.
    pub(super) line_indent: usize,
    /// Whether our side of a conflict is being read.
    pub(super) in_conflict: bool,
    /// Whether no conflict ends any more, so that it need not be looked for.
    pub(super) is_last_conflict: bool,
}

/// The part of a node that has been read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Partial {
    pub(super) node: NodeData,
    /// Whether it is commented out as a whole.
    pub(super) is_dropped: bool,
    pub(super) stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Entries,
    /// A block that is commented out was read: no arguments or properties may follow.
    Blocks,
    Children,
}

/// The tree of `text`, which is the source `source`.
pub(in crate::lang) fn parse(
    source: SourceId,
    text: &str,
    gaps: &mut Gaps,
    diagnostics: &mut Vec<Diagnostic>,
) -> Tree {
    let mut missing: Vec<usize> = Vec::new();
    loop {
        let (mut seen, mut found) = (Gaps::default(), Vec::new());
        let mut parser = Parser::new(source, text, &mut seen, &mut found);
        parser.missing.clone_from(&missing);
        parser.check_characters();
        parser.run();
        // Read again as if the brace stood where it seems to be missing.
        if let Some(at) = parser
            .torn()
            .filter(|at| missing.len() < REREADS && !missing.contains(at))
        {
            missing.push(at);
            continue;
        }
        let tree = parser.finish();
        gaps.merge(seen);
        diagnostics.append(&mut found);
        return tree;
    }
}

/// Most braces of one source whose absence is mended by reading again.
const REREADS: usize = 4;

impl<'t, 'd> Parser<'t, 'd> {
    /// At the beginning of `text`.
    pub(super) fn new(
        source: SourceId,
        text: &'t str,
        gaps: &'d mut Gaps,
        diagnostics: &'d mut Vec<Diagnostic>,
    ) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
            tree: Tree::new(source),
            open: Vec::new(),
            last: None,
            frames: Vec::new(),
            gaps,
            diagnostics,
            faults: 0,
            missing: Vec::new(),
            suspects: Vec::new(),
            line_indent: 0,
            in_conflict: false,
            is_last_conflict: false,
        }
    }

    fn run(&mut self) {
        self.skip_preamble();
        loop {
            self.skip_line_space();
            self.close_missing();
            match self.peek() {
                None => break,
                Some(b'}') => self.close(),
                Some(b'{') => self.late_block(),
                Some(b';') => {
                    let fault =
                        self.fault(Code::Syntax, "a `;` ends no node", self.at..self.at + 1);
                    self.report(fault.help("remove it"));
                    self.at += 1;
                }
                Some(_) if self.at_conflict() => self.conflict(),
                Some(_) => self.node(),
            }
            if self.faults >= limit::SYNTAX_FAULTS {
                return;
            }
        }
    }

    fn finish(mut self) -> Tree {
        while !self.frames.is_empty() {
            self.unclosed_block();
        }
        let roots = self.gather(0);
        self.tree.roots = roots;
        self.tree
    }

    /// Moves the nodes from `start` on, which are all of their parent's, side by side.
    pub(super) fn gather(&mut self, start: usize) -> Items {
        let from = offset(self.tree.nodes.len());
        self.tree.nodes.extend(self.open.drain(start..));
        Items {
            start: from,
            end: offset(self.tree.nodes.len()),
        }
    }

    /// A byte order mark, and a line that names the version of KDL.
    pub(super) fn skip_preamble(&mut self) {
        if self.rest().starts_with('\u{feff}') {
            self.at += '\u{feff}'.len_utf8();
        }
        let line = self.rest().lines().next().unwrap_or("");
        let version = line
            .strip_prefix("/-")
            .and_then(|rest| rest.trim().strip_prefix("kdl-version"));
        match version.map(str::trim) {
            Some("2") => self.at += line.len(),
            Some("1") => {
                let fault = self.fault(
                    Code::Syntax,
                    "a site is written in KDL 2",
                    self.at..self.at + line.len(),
                );
                self.report(fault.help("write `/- kdl-version 2`, or leave the line out"));
                self.at += line.len();
            }
            Some(_) | None => {}
        }
    }

    fn node(&mut self) {
        self.look_for_missing();
        let is_dropped = self.slashdash();
        if is_dropped && matches!(self.peek(), None | Some(b'}' | b';')) {
            let fault = self.fault(
                Code::Syntax,
                "`/-` comments out nothing",
                self.at.saturating_sub(2)..self.at,
            );
            self.report(fault.help("remove it, or write // for the rest of a line"));
            return;
        }
        let annotation = self.annotation();
        if annotation.is_some() {
            self.skip_node_space();
        }
        let start = self.at;
        let name = self.name();
        let end = offset(self.at.max(start));
        let node = NodeData {
            name: name.unwrap_or_else(|| self.word_at(start..self.at)),
            annotation,
            arguments: Items::at(self.tree.arguments.len()),
            properties: Items::at(self.tree.properties.len()),
            children: Items::default(),
            head_end: end,
        };
        if name.is_none() && !is_dropped {
            self.gaps.everything();
        }
        self.rest_of(Partial {
            node,
            is_dropped: is_dropped || name.is_none(),
            stage: Stage::Entries,
        });
    }

    /// A node whose name is missing.
    pub(super) fn nameless(&self, place: Range<usize>) -> NodeData {
        NodeData {
            head_end: offset(place.end),
            name: self.word_at(place),
            annotation: None,
            arguments: Items::at(self.tree.arguments.len()),
            properties: Items::at(self.tree.properties.len()),
            children: Items::default(),
        }
    }

    /// Skips `/-` and what may stand between it and what it comments out.
    fn slashdash(&mut self) -> bool {
        if !self.looking_at(b"/-") {
            return false;
        }
        self.at += 2;
        self.skip_line_space();
        let again = self.at;
        while self.looking_at(b"/-") {
            self.at += 2;
            self.skip_line_space();
        }
        if self.at > again {
            let message = "what is commented out cannot be so again";
            let fault = self.fault(Code::Syntax, message, again..again + 2);
            self.report(fault.help("remove one `/-`"));
        }
        true
    }

    /// The name of a node; none where it was reported.
    fn name(&mut self) -> Option<Word> {
        let start = self.at;
        if self.at_string() {
            return self.string();
        }
        self.skip_bare();
        let text = self.text.get(start..self.at).unwrap_or("");
        if !text.is_empty() && !is_keyword(text) && !hint::is_numeric(text) {
            return Some(self.word_from(start, Form::Bare));
        }
        if text.is_empty() {
            self.at += self.rest().chars().next().map_or(0, char::len_utf8);
            if matches!(self.peek(), Some(b' ' | b'\t')) && self.bytes.get(start) == Some(&b'#') {
                self.skip_line();
                let fault = self.fault(
                    Code::Syntax,
                    "`#` begins no comment in KDL",
                    start..start + 1,
                );
                self.report(fault.help("comments begin with //"));
                return None;
            }
            self.skip_bare();
        }
        let word = self.text.get(start..self.at).unwrap_or("");
        let message = format!("`{word}` cannot begin a node");
        let fault = self.fault(Code::Syntax, message, start..self.at.max(start + 1));
        self.report(fault.help("a node begins with its name, such as `subnet`"));
        None
    }

    /// Reads on from the name, or from the end of a block of the node.
    pub(super) fn rest_of(&mut self, mut partial: Partial) {
        loop {
            let is_spaced = self.skip_node_space();
            match self.peek() {
                None | Some(b'}') => return self.end(partial),
                Some(b';') => {
                    self.at += 1;
                    return self.end(partial);
                }
                Some(b'{') if partial.stage < Stage::Children => {
                    return self.open_block(partial, false);
                }
                Some(_) if self.newline() > 0 || self.looking_at(b"//") => {
                    return self.end(partial);
                }
                Some(b'/') if self.looking_at(b"/-") => {
                    let start = self.at;
                    self.slashdash();
                    if self.peek() == Some(b'{') && is_spaced {
                        return self.open_block(partial, true);
                    }
                    let is_nothing = matches!(self.peek(), None | Some(b'}' | b';'));
                    if is_nothing || partial.stage > Stage::Entries || !is_spaced {
                        let fault = self.fault(
                            Code::Syntax,
                            "`/-` has nothing here to comment out",
                            start..start + 2,
                        );
                        self.report(fault.help("it stands, after a space, before a node, an argument, a property or a block"));
                    }
                    if self.peek() == Some(b'{') {
                        return self.open_block(partial, true);
                    }
                    if !is_nothing {
                        self.entry(&mut partial.node, true);
                    }
                }
                Some(b'=') if partial.stage == Stage::Entries && self.is_bare_so_far(&partial) => {
                    self.assigned(&mut partial);
                }
                // A second block is told where nodes are read.
                Some(b'{') => return self.end(partial),
                Some(_) if partial.stage > Stage::Entries => {
                    self.crowded();
                    return self.end(partial);
                }
                Some(_) => {
                    let start = self.at;
                    if !is_spaced {
                        self.glued(start);
                    }
                    if self.at_end_of_entries() {
                        continue;
                    }
                    self.entry(&mut partial.node, partial.is_dropped);
                }
            }
            if self.faults >= limit::SYNTAX_FAULTS {
                return self.end(partial);
            }
        }
    }

    /// Whether a node has nothing but its name yet.
    fn is_bare_so_far(&self, partial: &Partial) -> bool {
        let NodeData {
            arguments,
            properties,
            ..
        } = &partial.node;
        arguments.start == offset(self.tree.arguments.len())
            && properties.start == offset(self.tree.properties.len())
    }

    /// A node is written as if it were a property: what follows is its first argument.
    fn assigned(&mut self, partial: &mut Partial) {
        let name = partial.node.name;
        let name = self.text.get(name.start as usize..name.end as usize);
        let name = name.unwrap_or("");
        let message = "a `=` stands behind the name of a node";
        let help = format!("a node has no `=`: {name} \"…\"");
        let fault = self.fault(Code::Syntax, message, self.at..self.at + 1);
        self.report(fault.help(help));
        self.at += 1;
        self.skip_node_space();
        if !self.at_end_of_entries() {
            self.entry(&mut partial.node, partial.is_dropped);
        }
    }

    /// Whether the arguments and properties of a node end here.
    fn at_end_of_entries(&self) -> bool {
        matches!(self.peek(), None | Some(b'{' | b'}' | b';'))
            || self.newline() > 0
            || self.looking_at(b"//")
    }

    /// Something follows a block on its line.
    fn crowded(&mut self) {
        let start = self.at;
        self.skip_bare();
        let end = self.at.max(start + 1);
        self.at = start;
        let fault = self.fault(Code::Syntax, "two nodes stand on one line", start..end);
        self.report(fault.help("begin a new line, or write `;` between them"));
    }

    /// A value follows another one without a space.
    fn glued(&mut self, start: usize) {
        let is_comma = self.rest().starts_with(',');
        let end = start + self.rest().chars().next().map_or(1, char::len_utf8);
        let fault = self.fault(
            Code::Syntax,
            if is_comma {
                "values are not separated by commas"
            } else {
                "a space is missing"
            },
            start..end,
        );
        let help = if is_comma {
            "separate them by spaces"
        } else {
            "put a space before this"
        };
        self.report(fault.help(help));
        if is_comma {
            self.at += 1;
            self.skip_node_space();
        }
    }

    /// Files a node whose last part has been read.
    pub(super) fn end(&mut self, partial: Partial) {
        self.last = Some(partial);
        let Partial {
            mut node,
            is_dropped,
            ..
        } = partial;
        if is_dropped {
            return;
        }
        if node.arguments.end == u32::MAX {
            node.arguments.end = offset(self.tree.arguments.len());
            node.properties.end = offset(self.tree.properties.len());
        }
        self.open.push(node);
    }

    pub(super) fn fault(
        &self,
        code: Code,
        message: impl Into<String>,
        range: Range<usize>,
    ) -> Diagnostic {
        let end = range.end.min(self.text.len());
        Diagnostic::new(code, message).label(self.span(range.start..end), "here")
    }

    pub(super) fn report(&mut self, fault: Diagnostic) {
        self.faults += 1;
        if self.faults <= limit::SYNTAX_FAULTS {
            self.diagnostics.push(fault);
        }
        if self.faults == limit::SYNTAX_FAULTS {
            self.gaps.everything();
            let message = format!(
                "more than {} faults of syntax; the rest is not read",
                limit::SYNTAX_FAULTS
            );
            let fault = self.fault(Code::Limit, message, self.at..self.at);
            self.diagnostics.push(fault.help("is this a site file?"));
        }
    }

    pub(super) fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.tree.source, range.start, range.end)
    }
}

/// A place in a source, or in a tree of one; `limit::SOURCE_BYTES` keeps both far below the bound.
pub(super) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The index of the last of `length` things.
pub(super) fn index_of(length: usize) -> Index {
    Index::new(offset(length)).unwrap_or(Index::MAX)
}

impl Items {
    /// What begins at `start` and is not ended yet.
    fn at(start: usize) -> Self {
        Self {
            start: offset(start),
            end: u32::MAX,
        }
    }
}
