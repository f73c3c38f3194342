//! One fault as a value: its code, its words, and the places that it concerns.

use std::collections::BTreeSet;

use super::code::Code;
use super::span::Span;
use crate::base::limit;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
}

/// A place that a fault concerns, and what is wrong there. Places in other files are shown after the first one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub span: Span,
    pub text: String,
    pub primary: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub code: Code,
    pub message: String,
    /// The primary label first; empty where no source is to blame.
    pub labels: Vec<Label>,
    pub help: Option<String>,
}

/// Faults as they are found: of one code at one place the first, since what many share is found for each of them.
#[derive(Debug, Default)]
pub struct Faults {
    all: Vec<Diagnostic>,
    told: BTreeSet<(Code, Span)>,
}

impl Faults {
    pub fn push(&mut self, fault: Diagnostic) {
        if fault
            .place()
            .is_none_or(|place| self.told.insert((fault.code, place)))
        {
            self.all.push(fault);
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.all.iter()
    }

    /// Whether there are so few that guesses at what was meant are worth their time.
    pub fn are_few(&self) -> bool {
        self.all.len() < limit::GUESSES
    }

    pub fn into_vec(self) -> Vec<Diagnostic> {
        self.all
    }
}

impl Extend<Diagnostic> for Faults {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, faults: I) {
        faults.into_iter().for_each(|fault| self.push(fault));
    }
}

impl From<Vec<Diagnostic>> for Faults {
    fn from(faults: Vec<Diagnostic>) -> Self {
        let mut all = Self::default();
        all.extend(faults);
        all
    }
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// What is told of a fault, where it repeats a word of the source that has no end.
fn short(mut text: String) -> String {
    if text.len() > limit::MESSAGE_BYTES {
        text.truncate(text.floor_char_boundary(limit::MESSAGE_BYTES));
        text.push('…');
        text.shrink_to_fit();
    }
    text
}

impl Diagnostic {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: short(message.into()),
            labels: Vec::new(),
            help: None,
        }
    }

    /// Adds a place; the first one added is the primary one.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        let primary = self.labels.is_empty();
        if self.labels.len() >= limit::LABELS {
            return self;
        }
        let text = short(text.into());
        self.labels.push(Label {
            span,
            text,
            primary,
        });
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(short(help.into()));
        self
    }

    /// Adds help where there is some.
    #[must_use]
    pub fn maybe_help(self, help: Option<String>) -> Self {
        match help {
            Some(help) => self.help(help),
            None => self,
        }
    }

    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    pub fn is_error(&self) -> bool {
        self.severity() == Severity::Error
    }

    /// The span of the primary label.
    pub fn place(&self) -> Option<Span> {
        self.labels.first().map(|label| label.span)
    }
}
