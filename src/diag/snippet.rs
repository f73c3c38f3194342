//! The part of a source that a fault is shown in. Of a large text, or of one with very long lines, a piece of one line is all that is shown:
//! terminals wrap the rest into noise, and what lays it out cannot count that far.

use std::ops::Range;

use miette::{MietteError, MietteSpanContents, NamedSource, SourceCode, SourceSpan, SpanContents};

use super::report::Label;
use super::span::{SourceId, Sources};

/// Longest text that is shown with the lines around a fault.
const WHOLE: usize = 256 * 1024;

/// Longest line that is shown whole.
const LINE: usize = 400;

/// As much as is shown of a label, and on each side of it, where a line is longer.
const LABEL: usize = 80;
const AROUND: usize = 40;

/// Most lines that a label is shown over.
const LINES: usize = 8;

#[derive(Debug)]
pub(super) enum Snippet {
    Whole(NamedSource<String>),
    Piece(Piece),
}

/// A part of one line, with one label.
#[derive(Debug)]
pub(super) struct Piece {
    path: String,
    text: String,
    /// From 0, as miette counts.
    line: usize,
    column: usize,
}

/// The text that holds labels of one source, and where they are in it; none where it is too large to be shown whole.
pub(super) fn whole(
    id: SourceId,
    labels: &[&Label],
    sources: &Sources,
) -> Option<(Snippet, Vec<Range<usize>>)> {
    let text = sources.text(id);
    let is_short = |label: &&Label| {
        let Range { start, end } = lines_around(text, range(label));
        let lines = text.get(start..end).unwrap_or("");
        lines.lines().all(|line| line.len() <= LINE)
    };
    if text.len() > WHOLE || !labels.iter().all(is_short) {
        return None;
    }
    let shown = sources.shown(id, 0..text.len());
    let place = |label: &&Label| {
        let Range { start, end } = few_lines(text, range(label));
        shown.place(start)..shown.place(end).max(shown.place(start))
    };
    let places = labels.iter().map(place).collect();
    let source = NamedSource::new(sources.path(id), shown.text);
    Some((Snippet::Whole(source), places))
}

/// A piece of the line that a label begins on, and where the label is in it.
pub(super) fn piece(label: &Label, sources: &Sources) -> (Snippet, Range<usize>) {
    let text = sources.text(label.span.source);
    let Range { start, end } = range(label);
    let line = line_of(text, start);
    let label_end = text
        .floor_char_boundary(end.min(start + LABEL).min(line.end))
        .max(start);
    let from = text.floor_char_boundary(start.saturating_sub(AROUND).max(line.start));
    let to = text
        .floor_char_boundary((label_end + AROUND).min(line.end))
        .max(label_end);
    let mark = |is_cut: bool| if is_cut { "…" } else { "" };
    let before = mark(from > line.start);
    let shown = sources.shown(label.span.source, from..to);
    let position = sources.start(label.span);
    let place = |at: usize| before.len() + shown.place(at - from);
    let place = place(start)..place(label_end);
    let piece = Piece {
        path: sources.path(label.span.source).to_owned(),
        text: format!("{before}{}{}", shown.text, mark(to < line.end)),
        line: position.line.saturating_sub(1) as usize,
        column: position.column.saturating_sub(1) as usize,
    };
    (Snippet::Piece(piece), place)
}

/// What a label underlines; of one over many lines, the first.
fn few_lines(text: &str, Range { start, end }: Range<usize>) -> Range<usize> {
    let inside = text.get(start..end).unwrap_or("");
    match inside.match_indices('\n').nth(LINES) {
        None => start..end,
        Some(_) => start..line_of(text, start).end.max(start),
    }
}

fn range(label: &Label) -> Range<usize> {
    label.span.start as usize..label.span.end as usize
}

/// The line that holds `at`, without its end.
fn line_of(text: &str, at: usize) -> Range<usize> {
    let at = text.floor_char_boundary(at);
    let (before, after) = text.split_at(at);
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let end = after.find(['\r', '\n']).map_or(text.len(), |end| at + end);
    start..end
}

/// The lines of a range, and the ones before and after it.
fn lines_around(text: &str, range: Range<usize>) -> Range<usize> {
    let first = line_of(text, range.start).start;
    let last = line_of(text, range.end).end;
    let next = text.get(last..).and_then(|rest| rest.find('\n'));
    let next = next.map_or(last, |newline| last + newline + 1);
    line_of(text, first.saturating_sub(1)).start..line_of(text, next).end
}

impl SourceCode for Snippet {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let piece = match self {
            Self::Whole(source) => return source.read_span(span, before, after),
            Self::Piece(piece) => piece,
        };
        // Without context it is asked where the span itself begins.
        let start = if before == 0 { span.offset() } else { 0 };
        let data = piece.text.as_bytes().get(start..);
        let data = data.ok_or(MietteError::OutOfBounds)?;
        let here = SourceSpan::from((start, data.len()));
        let (line, column) = (piece.line, piece.column);
        let path = piece.path.clone();
        let contents = MietteSpanContents::new_named(path, data, here, line, column, 1);
        Ok(Box::new(contents))
    }
}
