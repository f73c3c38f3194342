//! Faults as people read them, and as programs do. Colours only where the caller asks.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::ops::Range;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode};
use serde::Serialize;

use super::mask::harmless;
use super::report::{Diagnostic, Label, Severity};
use super::snippet::{self, Snippet};
use super::span::Sources;
use crate::base::limit;

/// Version of the JSON form.
const FORMAT_VERSION: u32 = 1;

/// Columns that a report may fill before its prose wraps.
const WIDTH: usize = 100;

/// Renders faults for a terminal, at most [`limit::DIAGNOSTICS_SHOWN`] of them, and a line that counts all.
pub fn text(diagnostics: &[Diagnostic], sources: &Sources, colours: bool) -> String {
    let theme = if colours {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(WIDTH)
        .with_links(false);
    let mut out = String::new();
    for diagnostic in sorted(diagnostics, sources)
        .into_iter()
        .take(limit::DIAGNOSTICS_SHOWN)
    {
        let report = Report::new(diagnostic, sources);
        // Writing to a string fails for no reason of its own.
        let _: fmt::Result = handler.render_report(&mut out, &report);
        out.push('\n');
    }
    let counts = Counts::of(diagnostics);
    if counts.hidden > 0 {
        let _: fmt::Result = writeln!(out, "… and {} more not shown", counts.hidden);
    }
    if !diagnostics.is_empty() {
        let _: fmt::Result = writeln!(out, "{counts}");
    }
    out
}

/// Renders faults as one JSON object, sorted as [`text`] sorts them.
pub fn json(diagnostics: &[Diagnostic], sources: &Sources) -> serde_json::Value {
    let shown = sorted(diagnostics, sources)
        .into_iter()
        .take(limit::DIAGNOSTICS_SHOWN)
        .map(|diagnostic| JsonDiagnostic {
            code: diagnostic.code.number(),
            severity: diagnostic.severity().as_str(),
            message: &diagnostic.message,
            help: diagnostic.help.as_deref(),
            labels: diagnostic
                .labels
                .iter()
                .map(|label| JsonLabel::new(label, sources))
                .collect(),
        });
    let Counts {
        errors,
        warnings,
        hidden,
    } = Counts::of(diagnostics);
    serde_json::json!({
        "format_version": FORMAT_VERSION,
        "diagnostics": shown.collect::<Vec<_>>(),
        "counts": { "errors": errors, "warnings": warnings, "hidden": hidden },
    })
}

/// By file, then offset, then code: an order that the order of finding does not show through.
fn sorted<'a>(diagnostics: &'a [Diagnostic], sources: &Sources) -> Vec<&'a Diagnostic> {
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_cached_key(|diagnostic| {
        let place = diagnostic.place();
        let path = place.map(|span| sources.path(span.source));
        (path, place, diagnostic.code)
    });
    sorted
}

/// How many faults there are of each severity, and how many a report leaves out.
struct Counts {
    errors: usize,
    warnings: usize,
    hidden: usize,
}

impl Counts {
    fn of(diagnostics: &[Diagnostic]) -> Self {
        let errors = diagnostics.iter().filter(|one| one.is_error()).count();
        Self {
            errors,
            warnings: diagnostics.len() - errors,
            hidden: diagnostics.len().saturating_sub(limit::DIAGNOSTICS_SHOWN),
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let Self {
            errors, warnings, ..
        } = *self;
        write!(f, "{errors} error{}", plural(errors))?;
        write!(f, ", {warnings} warning{}", plural(warnings))
    }
}

#[derive(Serialize)]
struct JsonDiagnostic<'a> {
    code: &'static str,
    severity: &'static str,
    message: &'a str,
    help: Option<&'a str>,
    labels: Vec<JsonLabel<'a>>,
}

#[derive(Serialize)]
struct JsonLabel<'a> {
    file: &'a str,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    text: &'a str,
}

impl<'a> JsonLabel<'a> {
    fn new(label: &'a Label, sources: &'a Sources) -> Self {
        let (start, end) = (sources.start(label.span), sources.end(label.span));
        Self {
            file: sources.path(label.span.source),
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
            text: &label.text,
        }
    }
}

/// A diagnostic in miette's terms: a snippet holds one file, so labels in other files become reports of their own below it.
#[derive(Debug)]
struct Report {
    message: String,
    code: Option<String>,
    severity: miette::Severity,
    help: Option<String>,
    source: Option<Snippet>,
    labels: Vec<LabeledSpan>,
    elsewhere: Vec<Self>,
}

impl Report {
    fn new(diagnostic: &Diagnostic, sources: &Sources) -> Self {
        let home = diagnostic.place().map(|span| span.source);
        let (here, mut away): (Vec<&Label>, Vec<&Label>) = diagnostic
            .labels
            .iter()
            .partition(|label| Some(label.span.source) == home);
        let whole = home.and_then(|id| snippet::whole(id, &here, sources));
        let (source, labels) = match (whole, here.as_slice()) {
            (Some((whole, places)), _) => {
                let labels = here.iter().zip(places);
                let labels = labels.map(|(label, place)| labelled(label, place));
                (Some(whole), labels.collect())
            }
            // What does not fit beside the first one is told below it.
            (None, [first, rest @ ..]) => {
                away.splice(0..0, rest.iter().copied());
                let (piece, place) = snippet::piece(first, sources);
                (Some(piece), vec![labelled(first, place)])
            }
            (None, []) => (None, Vec::new()),
        };
        Self {
            message: harmless(&diagnostic.message).into_owned(),
            code: Some(diagnostic.code.to_string()),
            severity: match diagnostic.severity() {
                Severity::Error => miette::Severity::Error,
                Severity::Warning => miette::Severity::Warning,
            },
            help: diagnostic
                .help
                .as_deref()
                .map(harmless)
                .map(Cow::into_owned),
            source,
            labels,
            elsewhere: away
                .into_iter()
                .map(|label| Self::elsewhere(label, sources))
                .collect(),
        }
    }

    /// The same fault's place somewhere else: told as advice, since it is no fault of its own.
    fn elsewhere(label: &Label, sources: &Sources) -> Self {
        let origin = sources.origin(label.span);
        let whole = snippet::whole(label.span.source, &[label], sources);
        let (source, places) = whole.unwrap_or_else(|| {
            let (piece, place) = snippet::piece(label, sources);
            (piece, vec![place])
        });
        let places = places.into_iter();
        Self {
            message: harmless(&format!("see {origin}: {}", label.text)).into_owned(),
            code: None,
            severity: miette::Severity::Advice,
            help: None,
            source: Some(source),
            labels: places.map(|place| labelled(label, place)).collect(),
            elsewhere: Vec::new(),
        }
    }
}

fn labelled(label: &Label, place: Range<usize>) -> LabeledSpan {
    let place = (place.start, place.len());
    let text = Some(harmless(&label.text).into_owned());
    if label.primary {
        LabeledSpan::new_primary_with_span(text, place)
    } else {
        LabeledSpan::new_with_span(text, place)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Report {}

impl miette::Diagnostic for Report {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.code.as_ref().map(|code| Box::new(code) as _)
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as _)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as _)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        if self.elsewhere.is_empty() {
            return None;
        }
        Some(Box::new(self.elsewhere.iter().map(|report| report as _)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diag::code::Code;
    use crate::diag::span::Span;

    fn fault() -> (Sources, Vec<Diagnostic>) {
        let mut sources = Sources::default();
        let one = sources.add("site.kdl", Arc::from("space \"a\"\n"));
        let two = sources.add("more.kdl", Arc::from("space \"a\"\n"));
        let fault = Diagnostic::new(Code::DuplicateName, "the space `a` is declared twice")
            .label(Span::new(one, 6, 9), "declared again here")
            .label(Span::new(two, 6, 9), "first declared here")
            .help("rename one");
        (sources, vec![fault])
    }

    #[test]
    fn both_files_of_a_conflict_are_shown_and_colours_are_a_choice() {
        let (sources, faults) = fault();
        let plain = text(&faults, &sources, false);
        for part in [
            "E021",
            "the space `a` is declared twice",
            "site.kdl",
            "more.kdl",
            "first declared here",
            "rename one",
            "1 error, 0 warnings",
        ] {
            assert!(plain.contains(part), "{part} missing in\n{plain}");
        }
        assert!(!plain.contains('\u{1b}'));
        assert!(text(&faults, &sources, true).contains('\u{1b}'));
    }

    #[test]
    fn json_says_the_same() {
        let (sources, faults) = fault();
        let value = json(&faults, &sources);
        assert_eq!(value["counts"]["errors"], 1);
        let label = &value["diagnostics"][0]["labels"][0];
        assert_eq!(label["file"], "site.kdl");
        assert_eq!(
            (&label["column"], &label["end_column"]),
            (&7.into(), &10.into())
        );
    }

    #[test]
    fn of_long_lines_a_piece_is_shown() {
        let mut sources = Sources::default();
        let text = format!(
            "é{}here é there{}",
            " x".repeat(100_000),
            "é".repeat(100_000)
        );
        let id = sources.add("site.kdl", Arc::from(text));
        let [here, there] = [(200_002, 200_006), (200_010, 300_000)];
        let fault = Diagnostic::new(Code::Syntax, "y".repeat(100_000))
            .label(Span::new(id, here.0, here.1), "this one")
            .label(Span::new(id, there.0, there.1), "and that one")
            .help("z".repeat(100_000));
        let shown = super::text(&[fault], &sources, false);
        assert!(shown.len() < 8_000, "{} bytes", shown.len());
        for part in [
            "site.kdl:1:200002]",
            "x xhere é there",
            "see site.kdl:1: and that one",
        ] {
            assert!(shown.contains(part), "{part} missing in\n{shown}");
        }
        assert!(
            shown.lines().all(|line| line.chars().count() < 400),
            "{shown}"
        );
    }

    #[test]
    fn the_rest_is_counted() {
        let (sources, faults) = fault();
        let many: Vec<_> = std::iter::repeat_n(faults[0].clone(), 60).collect();
        let value = json(&many, &sources);
        assert_eq!(value["diagnostics"].as_array().unwrap().len(), 50);
        assert_eq!(value["counts"]["hidden"], 10);
        assert!(text(&many, &sources, false).contains("and 10 more not shown"));
    }
}
