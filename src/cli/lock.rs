//! `bedplate lock`: allocates what `address "auto"` asks for, and writes it down. The only command that changes the lock.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use super::args::SiteArgument;
use super::compile::{self, Site};
use super::output::Output;
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::diag::render;
use crate::lang::LOCK_PATH;
use crate::site::lock::{Lock, LockChange, lock as allocate};

/// Version of the JSON form.
const FORMAT_VERSION: u32 = 1;

pub(super) fn lock(argument: &SiteArgument, check: bool, out: &Output) -> Result<ExitCode, Fault> {
    let Site {
        folder,
        root,
        files,
    } = compile::open(&argument.site)?;
    let (compiled, lock) = allocate(&files, &root);
    let Some(lock) = lock else {
        compile::show(&compiled, out);
        return Ok(ExitCode::from(1));
    };
    if !out.json {
        compile::show(&compiled, out);
    }
    let path = folder.join(LOCK_PATH);
    let before = read(&path)?;
    let needs_none = before.is_none() && lock.entries.is_empty();
    let text = lock.text();
    let is_current = needs_none || before.as_deref() == Some(text.as_bytes());
    if !is_current && !check {
        write(&path, &text).map_err(|error| {
            Fault::new(
                Code::FileUnwritable,
                format!("cannot write {}", path.display()),
            )
            .because(&error)
            .help("nothing was changed; make room, or check who may write there")
        })?;
    }
    let diagnostics = render::json(&compiled.diagnostics, &compiled.sources);
    show(&lock, diagnostics, (is_current, check), out)?;
    Ok(ExitCode::from(u8::from(check && !is_current)))
}

fn show(
    lock: &Lock,
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
        (true, _) => format!("{LOCK_PATH}: {count} {plural}, up to date\n"),
        (false, true) => format!("{LOCK_PATH} is out of date; run `bedplate lock`\n"),
        (false, false) => format!("{LOCK_PATH}: {count} {plural}, written\n"),
    };
    out.text(&text);
    Ok(())
}

fn line(change: &LockChange) -> String {
    let (sign, key, address, tail) = match change {
        LockChange::Allocated { key, address } => ('+', key, address, String::new()),
        LockChange::Freed { key, address } => ('-', key, address, String::new()),
        LockChange::Moved { key, address, from } => ('>', key, address, format!("  from {from}")),
    };
    format!("{sign} {} {}  {address}{tail}", key.host, key.link)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Fault> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Fault::new(
            Code::FileUnreadable,
            format!("cannot read {}", path.display()),
        )
        .because(&error)),
    }
}

/// Writes beside and renames, so that no reader and no crash finds half a lock.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("lock.new");
    let mut file = File::create(&beside)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    let done = written.and_then(|()| fs::rename(&beside, path));
    if done.is_err() {
        // The fault that is told is the first one.
        let _ = fs::remove_file(&beside);
    }
    done
}
