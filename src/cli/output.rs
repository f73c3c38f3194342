//! What people and programs see: values on standard output, progress and faults on standard error.

use std::io::{IsTerminal, Write, stderr, stdin, stdout};
use std::process::ExitCode;

use serde::Serialize;

use super::args::Global;
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::plan::Paint;

/// How to print.
pub(super) struct Output {
    pub(super) json: bool,
    pub(super) verbose: bool,
    pub(super) paint: Paint,
}

impl Output {
    pub(super) fn new(global: &Global) -> Self {
        let is_colourless = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let paint = if stdout().is_terminal() && !is_colourless && !global.json {
            Paint::Colour
        } else {
            Paint::Plain
        };
        Self {
            json: global.json,
            verbose: global.verbose,
            paint,
        }
    }

    /// Prints text as it is.
    pub(super) fn text(&self, text: &str) {
        // Whoever closed our output wants no more of it.
        let _ = stdout()
            .write_all(text.as_bytes())
            .and_then(|()| stdout().flush());
    }

    pub(super) fn value(&self, value: &impl Serialize) -> Result<(), Fault> {
        let text = serde_json::to_string_pretty(value).map_err(|error| {
            Fault::new(Code::Internal, "a value has no JSON form").because(&error)
        })?;
        self.text(&format!("{text}\n"));
        Ok(())
    }

    /// One JSON value a line, as events come.
    pub(super) fn line(&self, value: &impl Serialize) {
        if let Ok(text) = serde_json::to_string(value) {
            self.text(&format!("{text}\n"));
        }
    }

    /// Says how far long work is.
    pub(super) fn progress(&self, text: &str) {
        let _ = writeln!(stderr(), "{text}");
    }

    /// Reports a fault; the exit code that goes with it.
    pub(super) fn fault(&self, fault: &Fault) -> ExitCode {
        if self.json {
            self.line(&serde_json::json!({ "fault": fault }));
        } else {
            let _ = writeln!(stderr(), "{fault}\n  more: bedplate explain {}", fault.code);
        }
        ExitCode::from(1)
    }

    /// Asks a question on the terminal; `None` where there is none to ask on.
    pub(super) fn confirmed(&self, question: &str) -> Option<bool> {
        if !stdin().is_terminal() || !stderr().is_terminal() {
            return None;
        }
        let _ = write!(stderr(), "{question} [y/N] ").and_then(|()| stderr().flush());
        let mut answer = String::new();
        stdin().read_line(&mut answer).ok()?;
        Some(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
    }
}
