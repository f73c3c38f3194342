//! `bedplate fmt`: the sources of a site in the house layout. A file with faults of notation stays as it is, and keeps no other
//! from being formatted.

use std::io::{Read, stdin};
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use super::compile::{self, Place};
use super::files::DiskFiles;
use super::output::Output;
use crate::base::limit;
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::diag::render;
use crate::diag::report::Diagnostic;
use crate::diag::span::{SourceId, Sources};
use crate::lang::files::MemoryFiles;
use crate::lang::format;
use crate::lang::source::{file_fault, list};

/// What stands for standard input and output among the arguments, and what it is called in reports.
const STREAM: &str = "-";
const STREAM_NAME: &str = "<stdin>";

/// What became of the files.
#[derive(Default)]
struct Outcome {
    changed: Vec<String>,
    unchanged: usize,
    diagnostics: Vec<Diagnostic>,
    /// The formatted text, where it has no file to stand in.
    text: Option<String>,
}

pub(super) fn fmt(path: &Path, is_check: bool, out: &Output) -> Result<ExitCode, Fault> {
    let mut outcome = Outcome::default();
    let sources = if path == Path::new(STREAM) {
        stream(is_check, &mut outcome)?
    } else {
        site(path, is_check, &mut outcome)?
    };
    outcome.show(&sources, out)?;
    let has_faults = !outcome.diagnostics.is_empty();
    let is_refused = is_check && !outcome.changed.is_empty();
    Ok(ExitCode::from(u8::from(has_faults || is_refused)))
}

fn site(path: &Path, is_check: bool, outcome: &mut Outcome) -> Result<Sources, Fault> {
    let Place {
        folder,
        root,
        files,
    } = compile::place(path)?;
    let (ids, sources, diagnostics) = list(&files, &root);
    outcome.diagnostics = diagnostics;
    let disk = (!is_check).then_some(&files);
    for id in ids {
        match source(id, &sources, disk) {
            Ok(true) => outcome.changed.push(shown(&folder, sources.path(id))),
            Ok(false) => outcome.unchanged += 1,
            Err(mut faults) => outcome.diagnostics.append(&mut faults),
        }
    }
    outcome.changed.sort();
    Ok(sources)
}

/// Formats one source, on `disk` where there is one; returns whether it changes.
fn source(
    id: SourceId,
    sources: &Sources,
    disk: Option<&DiskFiles>,
) -> Result<bool, Vec<Diagnostic>> {
    let (path, text) = (sources.path(id), sources.text(id));
    let formatted = format(id, text)?;
    let is_changed = formatted != text;
    if let Some(disk) = disk.filter(|_| is_changed) {
        disk.replace(path, Some(text.as_bytes()), formatted.as_bytes())
            .map_err(|error| vec![file_fault(&error, Code::FileUnwritable)])?;
    }
    Ok(is_changed)
}

/// A path as it leads to the file from where the command was given.
fn shown(folder: &Path, path: &str) -> String {
    let whole = folder.join(path);
    let parts = whole.components();
    let parts = parts.filter(|part| *part != Component::CurDir);
    parts.collect::<PathBuf>().display().to_string()
}

/// Formats what standard input holds, for editors; what it includes is left alone.
fn stream(is_check: bool, outcome: &mut Outcome) -> Result<Sources, Fault> {
    let mut bytes = Vec::new();
    let most = limit::SOURCE_BYTES as u64 + 1;
    let read = stdin().take(most).read_to_end(&mut bytes);
    read.map_err(|error| {
        Fault::new(Code::FileUnreadable, "cannot read standard input").because(&error)
    })?;
    let mut files = MemoryFiles::default();
    files.insert(STREAM_NAME, bytes);
    let (ids, sources, diagnostics) = list(&files, STREAM_NAME);
    let Some(id) = ids.first() else {
        outcome.diagnostics = diagnostics;
        return Ok(sources);
    };
    match format(*id, sources.text(*id)) {
        Ok(formatted) => {
            if formatted == sources.text(*id) {
                outcome.unchanged = 1;
            } else {
                outcome.changed.push(STREAM_NAME.to_owned());
            }
            outcome.text = (!is_check).then_some(formatted);
        }
        Err(faults) => outcome.diagnostics = faults,
    }
    Ok(sources)
}

impl Outcome {
    fn show(&self, sources: &Sources, out: &Output) -> Result<(), Fault> {
        if out.json {
            let mut document = render::json(&self.diagnostics, sources);
            if let Some(fields) = document.as_object_mut() {
                fields.insert("changed".to_owned(), json!(self.changed));
                fields.insert("unchanged".to_owned(), json!(self.unchanged));
                if let Some(text) = &self.text {
                    fields.insert("text".to_owned(), json!(text));
                }
            }
            return out.value(&document);
        }
        let changed = self.changed.iter().map(|path| format!("{path}\n"));
        out.text(&self.text.clone().unwrap_or_else(|| changed.collect()));
        compile::tell(&self.diagnostics, sources, out);
        Ok(())
    }
}
