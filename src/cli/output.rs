//! What people and programs see: values on standard output, progress and faults on standard error.

use std::cell::{Cell, OnceCell};
use std::ffi::OsStr;
use std::io::{Error, ErrorKind, IsTerminal, Write, stderr, stdin, stdout};
use std::os::fd::AsFd as _;
use std::process::ExitCode;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Serialize;

use super::args::Global;
use super::interrupt::INTERRUPTED;
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::plan::Paint;

/// How to print.
pub(super) struct Output {
    pub(super) json: bool,
    pub(super) verbose: bool,
    /// What values are painted with.
    pub(super) paint: Paint,
    /// What faults are painted with: standard error may go elsewhere.
    pub(super) fault_paint: Paint,
    /// Why a value did not reach standard output.
    lost: OnceCell<Error>,
    is_closed: Cell<bool>,
    /// Whether a question was answered by Ctrl-C.
    is_interrupted: Cell<bool>,
}

/// So many of something whose plural ends in s.
pub(super) fn count(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Says for what somebody waits.
pub(super) fn progress(text: &str) {
    // Where nobody reads, nothing is left to say.
    let _ = writeln!(stderr(), "{text}");
}

impl Output {
    pub(super) fn new(global: &Global) -> Self {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == OsStr::new("dumb"));
        let is_plain = is_set("NO_COLOR") || is_dumb || global.json;
        let paint = |is_terminal: bool| match is_terminal && !is_plain {
            true => Paint::Colour,
            false => Paint::Plain,
        };
        Self {
            json: global.json,
            verbose: global.verbose,
            paint: paint(stdout().is_terminal()),
            fault_paint: paint(stderr().is_terminal()),
            ..Self::plain()
        }
    }

    /// For programs, where not even the options are known.
    pub(super) fn of_programs() -> Self {
        Self {
            json: true,
            ..Self::plain()
        }
    }

    fn plain() -> Self {
        Self {
            json: false,
            verbose: false,
            paint: Paint::Plain,
            fault_paint: Paint::Plain,
            lost: OnceCell::new(),
            is_closed: Cell::new(false),
            is_interrupted: Cell::new(false),
        }
    }

    /// Prints text as it is.
    pub(super) fn text(&self, text: &str) {
        let written = stdout()
            .write_all(text.as_bytes())
            .and_then(|()| stdout().flush());
        match written {
            // Whoever closed our output wants no more of it.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => self.is_closed.set(true),
            Err(error) => {
                // The first failure says why; those after it add nothing.
                let _ = self.lost.set(error);
            }
            Ok(()) => {}
        }
    }

    /// Whether whoever read the output went away.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    /// The exit code of a command that came to `code`: a script may not take half an answer for a whole one.
    pub(super) fn finish(&self, code: ExitCode) -> ExitCode {
        let Some(error) = self.lost.get() else {
            return match self.is_interrupted.get() {
                true => ExitCode::from(INTERRUPTED),
                false => code,
            };
        };
        let fault = Fault::new(Code::FileUnwritable, "standard output is not written whole");
        let fault = fault.because(error);
        self.explain(&fault.help("make room where it goes, and run the command again"));
        ExitCode::from(1)
    }

    pub(super) fn value(&self, value: &impl Serialize) -> Result<(), Fault> {
        let text = serde_json::to_string_pretty(value).map_err(|error| {
            Fault::new(Code::Internal, "a value has no JSON form").because(&error)
        })?;
        self.text(&format!("{text}\n"));
        Ok(())
    }

    /// One JSON value a line.
    pub(super) fn line(&self, value: &impl Serialize) {
        self.lines(std::slice::from_ref(value));
    }

    /// Several, as events come.
    pub(super) fn lines<T: Serialize>(&self, values: &[T]) {
        let values = values.iter().map(serde_json::to_string);
        let text: String = values.flatten().map(|text| text + "\n").collect();
        self.text(&text);
    }

    /// Says how far long work is.
    pub(super) fn progress(&self, text: &str) {
        progress(text);
    }

    /// Reports a fault; the exit code that goes with it.
    pub(super) fn fault(&self, fault: &Fault) -> ExitCode {
        if self.json {
            self.line(&serde_json::json!({ "fault": fault }));
        } else {
            self.explain(fault);
        }
        ExitCode::from(1)
    }

    fn explain(&self, fault: &Fault) {
        self.progress(&format!("{fault}\n  more: bedplate explain {}", fault.code));
    }

    /// Asks before something is done that `--yes` would let pass unasked; a fault with this help where there is nobody to ask.
    pub(super) fn agreed(&self, question: &str, help: &str) -> Result<bool, Fault> {
        let fault = |message| Fault::new(Code::BadRequest, message).help(help);
        if self.json {
            return Err(fault("with --json nobody is asked"));
        }
        self.confirmed(question)
            .ok_or_else(|| fault("there is no terminal to ask on"))
    }

    /// Asks a question on the terminal; `None` where there is none to ask on.
    pub(super) fn confirmed(&self, question: &str) -> Option<bool> {
        if !stdin().is_terminal() || !stderr().is_terminal() {
            return None;
        }
        let _ = write!(stderr(), "{question} [y/N] ").and_then(|()| stderr().flush());
        // Reading goes on after a signal that somebody listens for.
        let keys = stdin();
        let mut answered = [PollFd::new(keys.as_fd(), PollFlags::POLLIN)];
        if poll(&mut answered, PollTimeout::NONE) == Err(Errno::EINTR) {
            self.progress("");
            self.is_interrupted.set(true);
            return Some(false);
        }
        let mut answer = String::new();
        stdin().read_line(&mut answer).ok()?;
        Some(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
    }
}
