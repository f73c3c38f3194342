//! Lines: indentation, code, and the comment behind it. Comments are aligned when all lines are known. Knows no marks of KDL.

use std::collections::BTreeMap;
use std::ops::Range;

use super::INDENT;

/// A text as it grows, line after line.
#[derive(Default)]
pub(super) struct Page<'t> {
    lines: Vec<Line<'t>>,
    /// The code of all lines, one behind the other.
    code: String,
    is_open: bool,
    /// Whether a block, or the text itself, begins here, so that no blank line may come next.
    is_beginning: bool,
    is_blank: bool,
    /// Columns of the open line, its indentation included.
    width: usize,
}

struct Line<'t> {
    level: usize,
    is_after_blank: bool,
    code: Range<usize>,
    /// Columns of indentation and code; of code with newlines in it, those of its last line.
    width: usize,
    comment: Option<Comment<'t>>,
}

#[derive(Clone, Copy)]
struct Comment<'t> {
    text: &'t str,
    /// Where it stood in its line.
    column: usize,
}

impl<'t> Page<'t> {
    pub(super) fn new() -> Self {
        Self {
            is_beginning: true,
            ..Self::default()
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Columns of the open line so far.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Begins a line, unless one is open.
    pub(super) fn begin(&mut self, level: usize) {
        if self.is_open {
            return;
        }
        let at = self.code.len();
        self.width = level * INDENT;
        self.lines.push(Line {
            level,
            is_after_blank: std::mem::take(&mut self.is_blank),
            code: at..at,
            width: self.width,
            comment: None,
        });
        self.is_open = true;
        self.is_beginning = false;
    }

    pub(super) fn write(&mut self, code: &str) {
        self.code.push_str(code);
        self.width = match code.rsplit_once('\n') {
            Some((_, last)) => last.chars().count(),
            None => self.width + code.chars().count(),
        };
        if let Some(line) = self.lines.last_mut() {
            line.code.end = self.code.len();
            line.width = self.width;
        }
    }

    /// Puts a comment behind the open line, or on a line of its own.
    pub(super) fn comment(&mut self, level: usize, text: &'t str, column: usize) {
        self.begin(level);
        if let Some(line) = self.lines.last_mut() {
            line.comment = Some(Comment { text, column });
        }
    }

    pub(super) fn end(&mut self) {
        self.is_open = false;
    }

    /// The next line, if one comes, stands behind a blank one.
    pub(super) fn blank(&mut self) {
        self.is_blank = !self.is_beginning;
    }

    pub(super) fn begin_block(&mut self) {
        self.is_beginning = true;
    }

    pub(super) fn end_block(&mut self) {
        self.is_blank = false;
    }

    /// The whole text.
    pub(super) fn finish(&self) -> String {
        let columns = self.kept_columns();
        let mut out = String::with_capacity(self.code.len());
        let mut at = 0;
        while let Some(line) = self.lines.get(at) {
            let run = self.run(at);
            if run.is_empty() {
                self.show(line, line.level * INDENT, &mut out);
                at += 1;
                continue;
            }
            let run = self.lines.get(run).unwrap_or_default();
            let column = column_of(run, &columns);
            run.iter()
                .for_each(|line| self.show(line, column, &mut out));
            at += run.len();
        }
        out
    }

    fn show(&self, line: &Line<'_>, column: usize, out: &mut String) {
        if line.is_after_blank {
            out.push('\n');
        }
        let code = self.code.get(line.code.clone()).unwrap_or("");
        let mut width = 0;
        if !code.is_empty() {
            pad(out, line.level * INDENT);
            out.push_str(code);
            width = line.width;
        }
        if let Some(comment) = line.comment {
            pad(out, column.saturating_sub(width));
            out.push_str(comment.text);
        }
        out.push('\n');
    }

    /// The lines from `start` on whose comments are aligned with each other: consecutive ones of one level that have a comment
    /// behind their code, and lines on which such a comment goes on.
    fn run(&self, start: usize) -> Range<usize> {
        let lines = self.lines.get(start..).unwrap_or_default();
        let mut lines = lines.iter();
        let Some(first) = lines.next().filter(|first| first.is_behind_code()) else {
            return start..start;
        };
        let (mut end, mut before) = (start + 1, first);
        for line in lines {
            let is_next = line.is_behind_code() && line.level == first.level;
            if line.is_after_blank || !(is_next || line.goes_on(before)) {
                break;
            }
            end += 1;
            before = line;
        }
        start..end
    }

    /// The columns that several comments of the text share and can keep: a column chosen by the author, for the whole text,
    /// rather than by the code that happens to stand beside it.
    fn kept_columns(&self) -> Vec<usize> {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        let mut at = 0;
        while at < self.lines.len() {
            let run = self.run(at);
            at = run.end.max(at + 1);
            let run = self.lines.get(run).unwrap_or_default();
            let mut columns = comments(run).map(|comment| comment.column);
            let Some(column) = columns.next().filter(|column| *column >= least(run)) else {
                continue;
            };
            if columns.all(|other| other == column) {
                *counts.entry(column).or_default() += run.len();
            }
        }
        let shared = counts.into_iter().filter(|(_, count)| *count > 1);
        shared.map(|(column, _)| column).collect()
    }
}

impl Line<'_> {
    fn is_behind_code(&self) -> bool {
        self.comment.is_some() && !self.code.is_empty()
    }

    /// Whether the comment on the line before goes on here.
    fn goes_on(&self, before: &Self) -> bool {
        let column = |line: &Self| line.comment.map(|comment| comment.column);
        let is_right = column(self).is_some_and(|column| column > self.level * INDENT);
        self.code.is_empty() && is_right && column(self) == column(before)
    }
}

fn comments<'a>(run: &'a [Line<'_>]) -> impl Iterator<Item = Comment<'a>> {
    run.iter().filter_map(|line| line.comment)
}

/// The first column that all comments of a run can have.
fn least(run: &[Line<'_>]) -> usize {
    let code = run.iter().filter(|line| !line.code.is_empty());
    code.map(|line| line.width + 1).max().unwrap_or(0)
}

fn column_of(run: &[Line<'_>], kept: &[usize]) -> usize {
    let least = least(run);
    let mut columns = comments(run).map(|comment| comment.column);
    let chosen = columns.find(|column| *column >= least && kept.binary_search(column).is_ok());
    chosen.unwrap_or(least)
}

fn pad(out: &mut String, columns: usize) {
    out.extend(std::iter::repeat_n(' ', columns));
}
