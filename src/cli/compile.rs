//! Compiles a site from disk for the other commands, and shows what is wrong with it.

use std::path::{Path, PathBuf};

use super::files::DiskFiles;
use super::output::Output;
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::diag::render;
use crate::plan::Paint;
use crate::site::{Compiled, compile};

/// The source that a folder begins with.
const ROOT: &str = "site.kdl";

/// A site on disk, compiled.
pub(super) struct Local {
    pub(super) folder: PathBuf,
    pub(super) root: String,
    pub(super) compiled: Compiled,
}

/// A site on disk: its folder, and the source to begin with.
pub(super) struct Site {
    pub(super) folder: PathBuf,
    pub(super) root: String,
    pub(super) files: DiskFiles,
}

/// Compiles the site at `path`, a file or a folder.
pub(super) fn local(path: &Path) -> Result<Local, Fault> {
    let Site {
        folder,
        root,
        files,
    } = open(path)?;
    let compiled = compile(&files, &root);
    Ok(Local {
        folder,
        root,
        compiled,
    })
}

/// Finds the site at `path`, a file or a folder.
pub(super) fn open(path: &Path) -> Result<Site, Fault> {
    let absent = |error: std::io::Error| {
        Fault::new(
            Code::FileUnreadable,
            format!("cannot read {}", path.display()),
        )
        .because(&error)
        .help("name a .kdl file, or a folder with site.kdl")
    };
    let is_folder = std::fs::metadata(path).map_err(absent)?.is_dir();
    let (folder, root) = if is_folder {
        (path.to_owned(), ROOT.to_owned())
    } else {
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        (parent.to_owned(), name)
    };
    let files = DiskFiles::open(&folder).map_err(|error| {
        Fault::new(
            Code::FileUnreadable,
            format!("cannot read {}", path.display()),
        )
        .because(&error)
    })?;
    Ok(Site {
        folder,
        root,
        files,
    })
}

/// Shows every diagnostic: on standard error for people, on standard output for programs.
pub(super) fn show(compiled: &Compiled, out: &Output) {
    if out.json {
        out.line(&render::json(&compiled.diagnostics, &compiled.sources));
    } else if !compiled.diagnostics.is_empty() {
        let text = render::text(
            &compiled.diagnostics,
            &compiled.sources,
            out.paint == Paint::Colour,
        );
        out.progress(text.trim_end());
    }
}
