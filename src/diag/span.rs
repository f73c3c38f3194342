//! Places in source text, and the table of sources that turns them into lines and columns.

use std::ops::Range;
use std::sync::Arc;

use super::mask::Masked;
use crate::base::origin::Origin;

/// One source file of a site, by its place in [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(u32);

/// Bytes `start..end` of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    pub source: SourceId,
    pub start: u32,
    pub end: u32,
}

/// A value with the place that it was written at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spanned<T> {
    pub value: T,
    pub span: Span,
}

/// A line and a column, both from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

/// Every source read for a site, in the order of reading.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

#[derive(Debug, Clone)]
struct SourceFile {
    path: Arc<str>,
    text: Arc<str>,
    /// Offset of each line's first byte.
    lines: Vec<u32>,
    /// What may be a secret.
    masked: Vec<Span>,
}

impl Span {
    pub fn new(source: SourceId, start: usize, end: usize) -> Self {
        Self {
            source,
            start: offset(start),
            end: offset(end.max(start)),
        }
    }

    /// The smallest span that holds both; `self` where they lie in different sources.
    pub fn to(self, other: Self) -> Self {
        if self.source != other.source {
            return self;
        }
        Self {
            source: self.source,
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }
}

impl<T> Spanned<T> {
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// `limit::SOURCE_BYTES` keeps every offset far below the bound.
fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

impl Sources {
    pub fn add(&mut self, path: &str, text: Arc<str>) -> SourceId {
        let id = SourceId(offset(self.files.len()));
        let after_newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0)
            .chain(after_newlines.map(|(at, _)| offset(at + 1)))
            .collect();
        self.files.push(SourceFile {
            path: Arc::from(path),
            text,
            lines,
            masked: Vec::new(),
        });
        id
    }

    /// Keeps places from being shown, since a secret may stand there.
    pub fn mask(&mut self, places: impl IntoIterator<Item = Span>) {
        for place in places {
            if let Some(file) = self.files.get_mut(place.source.0 as usize) {
                file.masked.push(place);
            }
        }
    }

    /// A part of a source's text as it may be shown.
    pub(super) fn shown(&self, id: SourceId, part: Range<usize>) -> Masked {
        let masked = self.file(id).map_or(&[][..], |file| &file.masked);
        let inside = |at: u32| (at as usize).clamp(part.start, part.end) - part.start;
        let masked = masked
            .iter()
            .map(|place| Span::new(id, inside(place.start), inside(place.end)))
            .filter(|place| place.start < place.end);
        let text = self.text(id).get(part.clone()).unwrap_or("");
        Masked::new(text, &masked.collect::<Vec<_>>())
    }

    /// The path of a source, relative to the site folder.
    pub fn path(&self, id: SourceId) -> &str {
        self.file(id).map_or("", |file| &file.path)
    }

    pub fn text(&self, id: SourceId) -> &str {
        self.file(id).map_or("", |file| &file.text)
    }

    pub fn start(&self, span: Span) -> Position {
        self.position(span.source, span.start)
    }

    pub fn end(&self, span: Span) -> Position {
        self.position(span.source, span.end)
    }

    /// Where a span begins, as a value that outlives the sources.
    pub fn origin(&self, span: Span) -> Origin {
        let Position { line, column } = self.start(span);
        Origin {
            file: self
                .file(span.source)
                .map_or_else(|| Arc::from(""), |file| Arc::clone(&file.path)),
            line,
            column,
        }
    }

    /// The start of the first source.
    pub fn root(&self) -> Option<Span> {
        let first = self.files.first()?;
        let end = usize::from(!first.text.is_empty());
        Some(Span::new(SourceId(0), 0, end))
    }

    /// Paths and texts, in the order of reading.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|file| (&*file.path, &*file.text))
    }

    fn file(&self, id: SourceId) -> Option<&SourceFile> {
        self.files.get(id.0 as usize)
    }

    fn position(&self, id: SourceId, at: u32) -> Position {
        let first = Position { line: 1, column: 1 };
        let Some(file) = self.file(id) else {
            return first;
        };
        let line = file.lines.partition_point(|start| *start <= at);
        let Some(start) = line.checked_sub(1).and_then(|index| file.lines.get(index)) else {
            return first;
        };
        let before = file.text.get(*start as usize..at as usize).unwrap_or("");
        Position {
            line: offset(line),
            column: offset(before.chars().count() + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters() {
        let mut sources = Sources::default();
        let id = sources.add("site.kdl", Arc::from("ab\nçd\n"));
        for (at, line, column) in [(0, 1, 1), (2, 1, 3), (3, 2, 1), (5, 2, 2), (7, 3, 1)] {
            let found = sources.start(Span::new(id, at, at));
            assert_eq!(found, Position { line, column }, "offset {at}");
        }
    }
}
