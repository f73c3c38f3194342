//! `bedplate lock`: allocates what `address "auto"` asks for, and writes it down. The only command that changes the lock.

use std::process::ExitCode;

use super::args::SiteArgument;
use super::compile::{self, Place};
use super::output::Output;
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::diag::render;
use crate::diag::report::Diagnostic;
use crate::lang::files::FileError;
use crate::lang::lock_path;
use crate::lang::source::file_fault;
use crate::site::lock::{Lock, LockChange, LockKey, lock as allocate};

/// Version of the JSON form.
const FORMAT_VERSION: u32 = 1;

pub(super) fn lock(argument: &SiteArgument, check: bool, out: &Output) -> Result<ExitCode, Fault> {
    let Place { root, files, .. } = compile::place(&argument.site)?;
    let (compiled, lock) = allocate(&files, &root);
    let Some(lock) = lock else {
        compile::show(&compiled, out);
        return Ok(ExitCode::from(1));
    };
    if !out.json {
        compile::show(&compiled, out);
    }
    let path = lock_path(&root);
    // What was allocated from, not what lies there by now.
    let before = lock.before.as_deref().map(str::as_bytes);
    let needs_none = before.is_none() && lock.entries.is_empty();
    let text = lock.text();
    let is_current = needs_none || before == Some(text.as_bytes());
    if !is_current && !check {
        let written = files.replace(&path, before, text.as_bytes());
        written.map_err(|error| fault(&error))?;
    }
    let diagnostics = render::json(&compiled.diagnostics, &compiled.sources);
    show((&lock, &path), diagnostics, (is_current, check), out)?;
    Ok(ExitCode::from(u8::from(check && !is_current)))
}

/// What an address that stays was for.
fn was(key: &LockKey, from: &LockKey) -> String {
    let mut parts = Vec::new();
    if key.host != from.host {
        parts.push(from.host.to_string());
    }
    if key.link != from.link {
        parts.push(from.link.to_string());
    }
    if key.subnet != from.subnet {
        parts.push(from.subnet.to_string());
    }
    format!("  from {}", parts.join(" "))
}

fn fault(error: &FileError) -> Fault {
    let Diagnostic { code, help, .. } = file_fault(error, Code::FileUnreadable);
    let help = help.unwrap_or_else(|| {
        "make room, or check who may read and write in the site folder".to_owned()
    });
    Fault::new(code, "the lock stays as it is")
        .because(error)
        .help(help)
}

fn show(
    (lock, path): (&Lock, &str),
    diagnostics: serde_json::Value,
    (is_current, check): (bool, bool),
    out: &Output,
) -> Result<(), Fault> {
    if out.json {
        return out.value(&serde_json::json!({
            "format_version": FORMAT_VERSION,
            "diagnostics": diagnostics,
            "entries": lock.entries.len(),
            "changes": lock.changes,
            "current": is_current,
            "written": !is_current && !check,
        }));
    }
    let mut text: String = lock
        .changes
        .iter()
        .map(|change| line(change) + "\n")
        .collect();
    let count = lock.entries.len();
    let plural = if count == 1 { "address" } else { "addresses" };
    text += &match (is_current, check) {
        (true, _) => format!("{path}: {count} {plural}, up to date\n"),
        // Such as lines in another order, or a comment: the addresses are what the site asks for.
        (false, true) if lock.changes.is_empty() => {
            format!("{path} is not in the form that `bedplate lock` writes; run it\n")
        }
        (false, true) => format!("{path} is out of date; run `bedplate lock`\n"),
        (false, false) => format!("{path}: {count} {plural}, written\n"),
    };
    out.text(&text);
    Ok(())
}

fn line(change: &LockChange) -> String {
    let (sign, key, address, tail) = match change {
        LockChange::Allocated { key, address } => ('+', key, address, String::new()),
        LockChange::Freed { key, address } => ('-', key, address, String::new()),
        LockChange::Moved { key, address, from } => ('>', key, address, was(key, from)),
    };
    format!("{sign} {} {}  {address}{tail}", key.host, key.link)
}
