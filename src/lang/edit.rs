//! Edits of a source's text: what is not edited stays as it stands, byte by byte. Knows nothing of what nodes mean.
//!
//! The kdl crate's document model loses what follows a block on its line (see `format/faith.rs`), so an edit is a few insertions at
//! places that our own parser and tokens tell.

use std::collections::BTreeMap;
use std::ops::Range;

use super::kdl::{Mark, Node, Scalar, Token, parse, tokens};
use super::slot::Gaps;
use crate::diag::span::SourceId;

/// Columns of one level, where a block shows none of its own.
const INDENT: &str = "    ";

/// Columns that a new node on one line may reach.
const WIDTH: usize = 120;

/// Where a node stands: from the top, each node by its word and, where it has one, the name that is its first argument.
pub type NodePath = Vec<(&'static str, Option<String>)>;

/// What becomes of the nodes at some places.
pub type Edits = BTreeMap<NodePath, NodeEdit>;

/// What becomes of one node. Values are as written, quotes included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeEdit {
    pub properties: BTreeMap<&'static str, String>,
    /// Children that hold nothing but arguments, such as `ports`.
    pub values: BTreeMap<&'static str, Values>,
    pub children: Vec<NewNode>,
}

/// What becomes of a child's arguments; the child is made where it is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    Add(Vec<String>),
    /// No fewer than there are.
    Set(Vec<String>),
}

/// A node that is to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewNode {
    /// Its name, arguments and properties.
    pub head: String,
    pub children: Vec<Self>,
}

/// Why a text is not edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("there is no {0}")]
    Missing(String),
    #[error("`{0}` has more values than are to be left")]
    Fewer(&'static str),
    #[error("the text has faults of notation")]
    Faulty,
}

/// A text as KDL has it.
pub fn quoted(text: impl ToString) -> String {
    let text = text.to_string().replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{text}\"")
}

/// The text after the edits.
///
/// # Errors
/// [`EditError`]; a result that cannot be read is never returned.
pub fn edit(id: SourceId, text: &str, edits: &Edits) -> Result<String, EditError> {
    let (mut gaps, mut faults) = (Gaps::default(), Vec::new());
    let tree = parse(id, text, &mut gaps, &mut faults);
    if !faults.is_empty() {
        return Err(EditError::Faulty);
    }
    let page = Page {
        text,
        tokens: tokens(id, text),
        newline: if text.contains("\r\n") { "\r\n" } else { "\n" },
    };
    let mut splices = Vec::new();
    // Deeper ones first: where two places are one, what belongs to the inner node comes first.
    let mut order: Vec<(&NodePath, &NodeEdit)> = edits.iter().collect();
    order.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
    for (path, change) in order {
        let node = find(tree.roots(text), path)?;
        page.node(node, change, &mut splices)?;
    }
    let edited = spliced(text, splices);
    let (mut gaps, mut faults) = (Gaps::default(), Vec::new());
    parse(id, &edited, &mut gaps, &mut faults);
    if faults.is_empty() {
        Ok(edited)
    } else {
        Err(EditError::Faulty)
    }
}

fn find<'t>(
    nodes: impl Iterator<Item = Node<'t>>,
    path: &[(&'static str, Option<String>)],
) -> Result<Node<'t>, EditError> {
    let mut level: Vec<Node<'t>> = nodes.collect();
    let mut found = None;
    for (word, name) in path {
        let is_it = |node: &Node<'t>| {
            node.name().value == *word
                && name.as_ref().is_none_or(|name| {
                    let first = node.argument(0).map(|value| value.scalar);
                    // Host names are the same in either case of letters.
                    matches!(first, Some(Scalar::Text(text)) if text.eq_ignore_ascii_case(name))
                })
        };
        let node = level.iter().copied().find(is_it);
        let node = node.ok_or_else(|| {
            let name = name.as_ref().map(|name| format!(" \"{name}\""));
            EditError::Missing(format!("{word}{}", name.unwrap_or_default()))
        })?;
        level = node.children().collect();
        found = Some(node);
    }
    found.ok_or_else(|| EditError::Missing("node".to_owned()))
}

/// A piece of the text, and what comes in its place.
type Splice = (Range<usize>, String);

/// Pieces do not overlap; of those at one place, the first comes first.
fn spliced(text: &str, mut splices: Vec<Splice>) -> String {
    splices.sort_by_key(|(range, _)| range.start);
    let mut edited = String::with_capacity(text.len());
    let mut at = 0;
    for (range, new) in splices {
        edited.push_str(text.get(at..range.start).unwrap_or(""));
        edited.push_str(&new);
        at = at.max(range.end);
    }
    edited.push_str(text.get(at..).unwrap_or(""));
    edited
}

struct Page<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    newline: &'static str,
}

/// Where a node's children stand.
enum Block {
    /// Nowhere: a block can begin here.
    None(usize),
    /// Between these two of the tokens.
    Between(usize, usize),
}

impl Page<'_> {
    fn node(
        &self,
        node: Node<'_>,
        change: &NodeEdit,
        splices: &mut Vec<Splice>,
    ) -> Result<(), EditError> {
        let head = node.head().end as usize;
        for (name, value) in &change.properties {
            let mut properties = node.properties();
            match properties.find(|property| property.name.value == *name) {
                Some(property) => {
                    let span = property.value.span;
                    splices.push((span.start as usize..span.end as usize, value.clone()));
                }
                None => splices.push((head..head, format!(" {name}={value}"))),
            }
        }
        let mut new = Vec::new();
        for (name, values) in &change.values {
            let mut children = node.children();
            match children.find(|child| child.name().value == *name) {
                Some(child) => arguments(name, child, values, splices)?,
                None => new.push(NewNode::with(name, values)),
            }
        }
        new.extend(change.children.iter().cloned());
        if !new.is_empty() {
            self.children(node, &new, splices);
        }
        Ok(())
    }

    /// Puts new children behind those that there are.
    fn children(&self, node: Node<'_>, new: &[NewNode], splices: &mut Vec<Splice>) {
        let flat: Vec<String> = new.iter().map(NewNode::flat).collect();
        let (open, close) = match self.block(node.head().end as usize) {
            Block::Between(open, close) => (open, close),
            Block::None(at) => {
                let line = self.line(node.name().span.start as usize);
                let block = format!(" {{ {} }}", flat.join("; "));
                let is_short = new.iter().all(|one| one.children.is_empty())
                    && at - line.start + block.len() <= WIDTH;
                if is_short {
                    return splices.push((at..at, block));
                }
                let outer = self.indent(line.start);
                let inner = format!("{outer}{INDENT}");
                let lines = self.lines(new, &inner);
                let block = format!(" {{{0}{lines}{outer}}}", self.newline);
                return splices.push((at..at, block));
            }
        };
        let inner = self.tokens.get(open + 1..close).unwrap_or_default();
        let close_at = self.tokens.get(close).map_or(0, |token| token.start());
        let Some(last) = inner.last() else {
            let from = self.tokens.get(open).map_or(0, |token| self.end(*token));
            return splices.push((from..close_at, format!(" {} ", flat.join("; "))));
        };
        let end = self.end(*last);
        if inner.iter().all(|token| token.mark != Mark::Newline) {
            let separator = if last.mark == Mark::End { "" } else { ";" };
            return splices.push((end..end, format!("{separator} {}", flat.join("; "))));
        }
        let indent = self.indent_of_children(open, close);
        if last.mark == Mark::Newline {
            return splices.push((end..end, self.lines(new, &indent)));
        }
        // The brace stands behind the last child, and goes on doing so.
        let lines = self.lines(new, &indent);
        let lines = lines.strip_suffix(self.newline).unwrap_or(&lines);
        splices.push((end..end, format!("{}{lines}", self.newline)));
    }

    fn lines(&self, new: &[NewNode], indent: &str) -> String {
        let mut text = String::new();
        new.iter()
            .for_each(|node| node.lines(indent, self.newline, &mut text));
        text
    }

    /// What the lines of a block's children begin with.
    fn indent_of_children(&self, open: usize, close: usize) -> String {
        let mut depth = 0_usize;
        let inner = self.tokens.get(open..=close).unwrap_or_default();
        for pair in inner.windows(2) {
            let [before, token] = pair else { continue };
            if before.mark == Mark::Newline && token.mark == Mark::Word && depth == 0 {
                return self.indent(self.end(*before));
            }
            match token.mark {
                Mark::Open => depth += 1,
                Mark::Close => depth = depth.saturating_sub(1),
                Mark::Word
                | Mark::LineComment
                | Mark::BlockComment
                | Mark::Newline
                | Mark::Continuation
                | Mark::TypeOpen
                | Mark::TypeClose
                | Mark::End
                | Mark::Equals
                | Mark::Slashdash => {}
            }
        }
        let at = self.tokens.get(open).map_or(0, |token| token.start());
        format!("{}{INDENT}", self.indent(self.line(at).start))
    }

    /// The block of the node whose name, arguments and properties end at `head`.
    fn block(&self, head: usize) -> Block {
        let mut at = self.tokens.partition_point(|token| token.start() < head);
        let (mut end, mut skips, mut goes_on) = (head, false, false);
        while let Some(token) = self.tokens.get(at) {
            match token.mark {
                Mark::LineComment | Mark::BlockComment => {}
                Mark::Continuation => goes_on = true,
                Mark::Newline if goes_on || skips => goes_on = false,
                Mark::Newline | Mark::End | Mark::Close => break,
                Mark::Slashdash => skips = true,
                Mark::Open if skips => {
                    at = self.close(at);
                    skips = false;
                    end = self.tokens.get(at).map_or(end, |token| self.end(*token));
                }
                Mark::Open => return Block::Between(at, self.close(at)),
                // Only what is commented out: the node's own words end before.
                Mark::Word | Mark::TypeOpen | Mark::TypeClose | Mark::Equals => {
                    skips = false;
                    end = self.end(*token);
                }
            }
            at += 1;
        }
        Block::None(end)
    }

    /// The brace that closes the block which the token at `open` opens.
    fn close(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for (at, token) in self.tokens.iter().enumerate().skip(open) {
            if token.mark == Mark::Open {
                depth += 1;
            } else if token.mark == Mark::Close {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at;
                }
            }
        }
        self.tokens.len()
    }

    fn end(&self, token: Token) -> usize {
        token.start() + token.of(self.text).len()
    }

    /// The line that holds a place, up to that place.
    fn line(&self, at: usize) -> Range<usize> {
        let before = self.text.get(..at).unwrap_or("");
        before.rfind('\n').map_or(0, |newline| newline + 1)..at
    }

    /// The blanks with which a line begins.
    fn indent(&self, line: usize) -> String {
        let rest = self.text.get(line..).unwrap_or("").chars();
        rest.take_while(|c| [' ', '\t'].contains(c)).collect()
    }
}

fn arguments(
    name: &'static str,
    child: Node<'_>,
    values: &Values,
    splices: &mut Vec<Splice>,
) -> Result<(), EditError> {
    let head = child.head().end as usize;
    let had = child.arguments().len();
    let added = match values {
        Values::Add(added) => added.as_slice(),
        Values::Set(set) => {
            let (first, rest) = set.split_at_checked(had).ok_or(EditError::Fewer(name))?;
            for (old, new) in child.arguments().zip(first) {
                let span = old.span;
                let is_same = matches!(old.scalar, Scalar::Text(text) if quoted(text) == *new);
                if !is_same {
                    splices.push((span.start as usize..span.end as usize, new.clone()));
                }
            }
            rest
        }
    };
    splices.extend(added.iter().map(|value| (head..head, format!(" {value}"))));
    Ok(())
}

impl NewNode {
    /// A node without children.
    pub fn leaf(head: impl Into<String>) -> Self {
        Self {
            head: head.into(),
            children: Vec::new(),
        }
    }

    fn with(name: &str, values: &Values) -> Self {
        let (Values::Add(values) | Values::Set(values)) = values;
        Self::leaf(format!("{name} {}", values.join(" ")))
    }

    /// On one line, whatever its length.
    pub fn flat(&self) -> String {
        if self.children.is_empty() {
            return self.head.clone();
        }
        let children: Vec<String> = self.children.iter().map(Self::flat).collect();
        format!("{} {{ {} }}", self.head, children.join("; "))
    }

    /// On one line where that is short and no block stands in a block, else on several.
    fn lines(&self, indent: &str, newline: &str, text: &mut String) {
        let flat = self.flat();
        let is_plain = self.children.iter().all(|one| one.children.is_empty());
        if is_plain && indent.len() + flat.len() <= WIDTH {
            text.push_str(&format!("{indent}{flat}{newline}"));
            return;
        }
        text.push_str(&format!("{indent}{} {{{newline}", self.head));
        let inner = format!("{indent}{INDENT}");
        let children = self.children.iter();
        children.for_each(|child| child.lines(&inner, newline, text));
        text.push_str(&format!("{indent}}}{newline}"));
    }
}

#[cfg(test)]
mod tests;
