//! The tree: nodes, arguments and properties each in one array, siblings side by side. Its words stay in the text.

use std::ops::Range;

use crate::diag::span::{SourceId, Span, Spanned};

/// Everything that one source holds, as written.
#[derive(Debug)]
pub(in crate::lang) struct Tree {
    pub(super) source: SourceId,
    pub(super) nodes: Vec<NodeData>,
    pub(super) arguments: Vec<ValueData>,
    pub(super) properties: Vec<PropertyData>,
    pub(super) roots: Items,
    pub(super) annotations: Vec<Word>,
    /// Words that stand in the text in another form.
    pub(super) decoded: Vec<String>,
    pub(super) integers: Vec<i128>,
}

/// A run of one of the arrays.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Items {
    pub(super) start: u32,
    pub(super) end: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct NodeData {
    pub(super) name: Word,
    /// Index of its annotation, if any.
    pub(super) annotation: Option<Index>,
    pub(super) arguments: Items,
    pub(super) properties: Items,
    pub(super) children: Items,
    /// Where its name, arguments and properties end.
    pub(super) head_end: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct ValueData {
    pub(super) scalar: ScalarData,
    pub(super) annotation: Option<Index>,
    pub(super) start: u32,
    pub(super) end: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct PropertyData {
    pub(super) name: Word,
    pub(super) value: ValueData,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum ScalarData {
    Text(Word),
    Integer(Index),
    Float(f64),
    Bool(bool),
    Null,
    Faulty,
}

/// An index that leaves room for none.
pub(super) type Index = std::num::NonZeroU32;

/// A word of the text, quotes included, and how its meaning is had.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) form: Form,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// As it stands.
    Bare,
    /// Between marks of this many bytes.
    Quoted(u8),
    Decoded(u32),
}

/// A node of a tree.
#[derive(Debug, Clone, Copy)]
pub(in crate::lang) struct Node<'t> {
    tree: &'t Tree,
    text: &'t str,
    data: &'t NodeData,
}

/// A value as written.
#[derive(Debug, Clone, Copy)]
pub(in crate::lang) struct Value<'t> {
    pub(in crate::lang) scalar: Scalar<'t>,
    pub(in crate::lang) annotation: Option<Spanned<&'t str>>,
    pub(in crate::lang) span: Span,
    /// Whether it is a word without quotes.
    pub(in crate::lang) is_bare: bool,
}

#[derive(Debug, Clone, Copy)]
pub(in crate::lang) struct Property<'t> {
    pub(in crate::lang) name: Spanned<&'t str>,
    pub(in crate::lang) value: Value<'t>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::lang) enum Scalar<'t> {
    Text(&'t str),
    Integer(i128),
    Float(f64),
    Bool(bool),
    Null,
    /// What could not be read, which was reported.
    Faulty,
}

impl Items {
    pub(super) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl Tree {
    pub(super) fn new(source: SourceId) -> Self {
        Self {
            source,
            nodes: Vec::new(),
            arguments: Vec::new(),
            properties: Vec::new(),
            roots: Items::default(),
            annotations: Vec::new(),
            decoded: Vec::new(),
            integers: Vec::new(),
        }
    }

    /// The nodes at the top; `text` is what the tree was read from.
    pub(in crate::lang) fn roots<'t>(
        &'t self,
        text: &'t str,
    ) -> impl Iterator<Item = Node<'t>> + Clone {
        self.items(text, self.roots)
    }

    fn items<'t>(&'t self, text: &'t str, items: Items) -> impl Iterator<Item = Node<'t>> + Clone {
        let nodes = self.nodes.get(items.range()).unwrap_or_default();
        nodes.iter().map(move |data| Node {
            tree: self,
            text,
            data,
        })
    }

    pub(super) fn word<'t>(&'t self, text: &'t str, word: Word) -> &'t str {
        let (start, end) = (word.start as usize, word.end as usize);
        match word.form {
            Form::Bare => text.get(start..end),
            Form::Quoted(marks) => text.get(start + usize::from(marks)..end - usize::from(marks)),
            Form::Decoded(index) => self.decoded.get(index as usize).map(String::as_str),
        }
        .unwrap_or("")
    }

    fn spanned<'t>(&'t self, text: &'t str, word: Word) -> Spanned<&'t str> {
        Spanned::new(self.word(text, word), self.span(word.start, word.end))
    }

    fn span(&self, start: u32, end: u32) -> Span {
        Span {
            source: self.source,
            start,
            end,
        }
    }

    fn annotation<'t>(&'t self, text: &'t str, index: Option<Index>) -> Option<Spanned<&'t str>> {
        let word = self.annotations.get(index?.get() as usize - 1)?;
        Some(self.spanned(text, *word))
    }

    fn value<'t>(&'t self, text: &'t str, data: &ValueData) -> Value<'t> {
        let mut is_bare = false;
        let scalar = match data.scalar {
            ScalarData::Text(word) => {
                is_bare = matches!(word.form, Form::Bare);
                Scalar::Text(self.word(text, word))
            }
            ScalarData::Integer(index) => {
                let number = self.integers.get(index.get() as usize - 1);
                number.map_or(Scalar::Faulty, |number| Scalar::Integer(*number))
            }
            ScalarData::Float(number) => Scalar::Float(number),
            ScalarData::Bool(flag) => Scalar::Bool(flag),
            ScalarData::Null => Scalar::Null,
            ScalarData::Faulty => Scalar::Faulty,
        };
        Value {
            scalar,
            annotation: self.annotation(text, data.annotation),
            span: self.span(data.start, data.end),
            is_bare,
        }
    }
}

impl<'t> Node<'t> {
    pub(in crate::lang) fn name(self) -> Spanned<&'t str> {
        self.tree.spanned(self.text, self.data.name)
    }

    pub(in crate::lang) fn annotation(self) -> Option<Spanned<&'t str>> {
        self.tree.annotation(self.text, self.data.annotation)
    }

    pub(in crate::lang) fn arguments(self) -> impl ExactSizeIterator<Item = Value<'t>> + Clone {
        let arguments = self.tree.arguments.get(self.data.arguments.range());
        let arguments = arguments.unwrap_or_default().iter();
        arguments.map(move |data| self.tree.value(self.text, data))
    }

    pub(in crate::lang) fn argument(self, index: usize) -> Option<Value<'t>> {
        let arguments = self.tree.arguments.get(self.data.arguments.range());
        let data = arguments?.get(index)?;
        Some(self.tree.value(self.text, data))
    }

    pub(in crate::lang) fn properties(self) -> impl ExactSizeIterator<Item = Property<'t>> + Clone {
        let properties = self.tree.properties.get(self.data.properties.range());
        let properties = properties.unwrap_or_default().iter();
        properties.map(move |data| Property {
            name: self.tree.spanned(self.text, data.name),
            value: self.tree.value(self.text, &data.value),
        })
    }

    pub(in crate::lang) fn children(self) -> impl Iterator<Item = Self> + Clone {
        self.tree.items(self.text, self.data.children)
    }

    /// From the name to the last argument or property: what a label underlines.
    pub(in crate::lang) fn head(self) -> Span {
        self.tree.span(self.data.name.start, self.data.head_end)
    }
}
