//! Text to a tree of nodes. Never fails: what cannot be read is reported and left out, and its neighbours are read all the same.

use std::ops::Range;

use kdl::{KdlDocument, KdlEntry, KdlError, KdlNode, KdlValue};

use super::scan::{self, Block, Segment};
use super::slot::Gaps;
use crate::base::limit;
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{SourceId, Span, Spanned};

/// What a reader is handed: a node of a tree that outlives it.
pub(super) type Node<'t> = &'t Written;

/// A node as written.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) name: Spanned<String>,
    pub(super) annotation: Option<Span>,
    pub(super) arguments: Vec<Value>,
    pub(super) properties: Vec<Property>,
    pub(super) children: Vec<Self>,
    /// From the name to the last argument or property: what a label underlines.
    pub(super) head: Span,
}

#[derive(Debug, Clone)]
pub(super) struct Property {
    pub(super) name: Spanned<String>,
    pub(super) value: Value,
}

#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) scalar: Scalar,
    pub(super) annotation: Option<Spanned<String>>,
    pub(super) span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    Text(String),
    Integer(i128),
    Float,
    Bool,
    Null,
}

/// The nodes of `text`, which is the source `id`.
pub(super) fn parse(
    id: SourceId,
    text: &str,
    gaps: &mut Gaps,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Written> {
    if let Some(at) = scan::too_deep(text, limit::NESTING) {
        let message = format!("blocks nest deeper than {} levels", limit::NESTING);
        let fault = Diagnostic::new(Code::Limit, message)
            .label(Span::new(id, at, at + 1), "this level is one too many")
            .help("a site needs six levels; is a closing `}` missing?");
        diagnostics.push(fault);
        gaps.everything();
        return Vec::new();
    }
    let mut parser = Parser {
        id,
        text,
        gaps,
        diagnostics,
    };
    parser.region(0..text.len())
}

/// Why a text was not read.
enum Refusal {
    Kdl(KdlError),
    /// The parser's recursion might not end in time.
    Nests,
}

fn read(text: &str) -> Result<KdlDocument, Refusal> {
    if scan::may_nest(text, limit::NESTING) {
        return Err(Refusal::Nests);
    }
    KdlDocument::parse_v2(text).map_err(Refusal::Kdl)
}

struct Parser<'a> {
    id: SourceId,
    text: &'a str,
    gaps: &'a mut Gaps,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl<'a> Parser<'a> {
    fn slice(&self, range: Range<usize>) -> &'a str {
        self.text.get(range).unwrap_or("")
    }

    /// The nodes in a range of the text; where KDL refuses the whole, each node by itself.
    fn region(&mut self, range: Range<usize>) -> Vec<Written> {
        let error = match read(self.slice(range.clone())) {
            Ok(document) => return self.convert(&document, range.start),
            Err(error) => error,
        };
        let segments: Vec<Segment> = scan::segments(self.slice(range.clone()))
            .into_iter()
            .map(|segment| segment.shifted(range.start))
            .collect();
        let reported = self.diagnostics.len();
        let nodes = match segments.as_slice() {
            [only] => self.single(*only, &error),
            several => several
                .iter()
                .flat_map(|segment| self.region(segment.start..segment.end))
                .collect(),
        };
        if self.diagnostics.len() == reported {
            self.report(range, &error);
        }
        nodes
    }

    /// One node that KDL refuses: its head and its block are tried apart.
    fn single(&mut self, segment: Segment, error: &Refusal) -> Vec<Written> {
        match segment.block {
            Block::None => {
                self.report(segment.start..segment.end, error);
                Vec::new()
            }
            Block::Stray => {
                let fault = Diagnostic::new(Code::Syntax, "a `}` closes no block")
                    .label(
                        self.span(segment.start..segment.end),
                        "no `{` belongs to this",
                    )
                    .help("remove it, or open the block that it should close");
                self.diagnostics.push(fault);
                self.gaps.everything();
                Vec::new()
            }
            Block::Unclosed { open } => {
                let fault = Diagnostic::new(Code::Syntax, "a block is never closed")
                    .label(self.span(open..open + 1), "opened here, closed nowhere")
                    .help("add the missing `}`; nothing after this line could be read");
                self.diagnostics.push(fault);
                self.gaps.everything();
                Vec::new()
            }
            Block::Closed { open, close } => self.halves(segment, open, close),
        }
    }

    fn halves(&mut self, segment: Segment, open: usize, close: usize) -> Vec<Written> {
        let after = self.slice(close + 1..segment.end);
        let head = format!("{}{{}}{after}", self.slice(segment.start..open));
        match read(&head) {
            Ok(document) => {
                let mut nodes = self.convert(&document, segment.start);
                let children = self.region(open + 1..close);
                match nodes.as_mut_slice() {
                    [node] => node.children = children,
                    _ => self.gaps.everything(),
                }
                nodes
            }
            Err(error) => {
                self.report(segment.start..open, &error);
                // Its children are read for their own faults only.
                let _orphans = self.region(open + 1..close);
                Vec::new()
            }
        }
    }

    /// Reports why a node cannot be read: its bare addresses, else the first thing that KDL complains about; the rest follows from it.
    fn report(&mut self, range: Range<usize>, error: &Refusal) {
        let text = self.slice(range.clone());
        match scan::first_word(text) {
            Some(word) => self.gaps.add(word),
            None => self.gaps.everything(),
        }
        let bare = scan::bare_addresses(self.slice(range.clone()));
        for (start, end) in &bare {
            let word = self.slice(range.start + start..range.start + end);
            let fault =
                Diagnostic::new(Code::BareAddress, format!("`{word}` stands without quotes"))
                    .help(format!("quote it: \"{word}\""))
                    .label(
                        self.span(range.start + start..range.start + end),
                        "KDL reads this as a malformed number",
                    );
            self.diagnostics.push(fault);
        }
        if !bare.is_empty() {
            return;
        }
        let fault = match error {
            Refusal::Kdl(error) => self.syntax_fault(range, error),
            Refusal::Nests => {
                let start = self.span(range.start..range.start + 1);
                Diagnostic::new(Code::Limit, "a node may nest too deeply to be read")
                    .label(start, "this node")
                    .help("it holds too many braces or comment marks; is a quote missing?")
            }
        };
        self.diagnostics.push(fault);
    }

    fn syntax_fault(&self, range: Range<usize>, error: &KdlError) -> Diagnostic {
        let first = error.diagnostics.first();
        let message = first.and_then(|first| first.message.clone());
        let message = message.map_or_else(
            || "this is not KDL".to_owned(),
            |message| {
                format!(
                    "this is not KDL: {}",
                    lower_first(message.trim_end_matches('.'))
                )
            },
        );
        let text = self.slice(range.clone());
        let whole = range.start..range.start + text.lines().next().unwrap_or(text).len();
        let here = first
            .map(|first| (first.span.offset(), first.span.len()))
            .map(|(start, length)| range.start + start..range.start + start + length)
            .filter(|here| here.end <= range.end && !here.is_empty())
            .filter(|here| {
                self.text.is_char_boundary(here.start) && self.text.is_char_boundary(here.end)
            })
            .map_or(whole, |here| {
                let line = self.slice(here.clone()).lines().next().unwrap_or("").len();
                here.start..here.start + line.max(1)
            });
        let hint = scan::hint(text).map(str::to_owned);
        let help = hint.or_else(|| first.and_then(|first| first.help.clone()));
        let label = first.and_then(|first| first.label.clone());
        Diagnostic::new(Code::Syntax, message)
            .label(self.span(here), label.unwrap_or_else(|| "here".to_owned()))
            .maybe_help(help)
    }

    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.id, range.start, range.end.min(self.text.len()))
    }

    fn convert(&self, document: &KdlDocument, base: usize) -> Vec<Written> {
        document
            .nodes()
            .iter()
            .map(|node| self.node(node, base))
            .collect()
    }

    fn node(&self, node: &KdlNode, base: usize) -> Written {
        let name = self.word(node.name().value(), node.name().span(), base);
        let (mut arguments, mut properties) = (Vec::new(), Vec::new());
        let mut head = name.span;
        for entry in node.entries() {
            let value = self.value(entry, base);
            head = head.to(value.span);
            match entry.name() {
                None => arguments.push(value),
                Some(key) => properties.push(Property {
                    name: self.word(key.value(), key.span(), base),
                    value,
                }),
            }
        }
        Written {
            name,
            annotation: node.ty().map(|ty| self.at(ty.span(), base)),
            arguments,
            properties,
            children: node
                .children()
                .map_or_else(Vec::new, |children| self.convert(children, base)),
            head,
        }
    }

    /// kdl gives an entry's span, not its value's: the value is what ends it.
    fn value(&self, entry: &KdlEntry, base: usize) -> Value {
        let whole = self.at(entry.span(), base);
        let written = entry.format().map_or(0, |format| format.value_repr.len());
        let start = (whole.end as usize)
            .saturating_sub(written)
            .max(whole.start as usize);
        Value {
            scalar: scalar(entry.value()),
            annotation: entry.ty().map(|ty| self.word(ty.value(), ty.span(), base)),
            span: Span::new(self.id, start, whole.end as usize),
        }
    }

    fn word(&self, text: &str, span: miette::SourceSpan, base: usize) -> Spanned<String> {
        Spanned::new(text.to_owned(), self.at(span, base))
    }

    fn at(&self, span: miette::SourceSpan, base: usize) -> Span {
        let start = base + span.offset();
        self.span(start..start + span.len())
    }
}

impl Segment {
    fn shifted(self, by: usize) -> Self {
        let block = match self.block {
            Block::None => Block::None,
            Block::Stray => Block::Stray,
            Block::Unclosed { open } => Block::Unclosed { open: open + by },
            Block::Closed { open, close } => Block::Closed {
                open: open + by,
                close: close + by,
            },
        };
        Self {
            start: self.start + by,
            end: self.end + by,
            block,
        }
    }
}

fn scalar(value: &KdlValue) -> Scalar {
    match value {
        KdlValue::String(text) => Scalar::Text(text.clone()),
        KdlValue::Integer(number) => Scalar::Integer(*number),
        KdlValue::Float(_) => Scalar::Float,
        KdlValue::Bool(_) => Scalar::Bool,
        KdlValue::Null => Scalar::Null,
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        format!("{}{}", first.to_lowercase(), chars.as_str())
    })
}
