//! Compiles a site from disk for the other commands, and shows what is wrong with it.

use std::path::{Path, PathBuf};

use super::files::DiskFiles;
use super::output::Output;
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::diag::render;
use crate::plan::Paint;
use crate::site::catalog::Catalog;
use crate::site::{Compiled, compile, compile_catalog};

/// The source that a folder begins with.
pub(super) const ROOT: &str = "site.kdl";

/// A site on disk, compiled.
pub(super) struct Local {
    pub(super) folder: PathBuf,
    pub(super) root: String,
    pub(super) compiled: Compiled,
}

/// Compiles the site at `path`, a file or a folder.
pub(super) fn local(path: &Path) -> Result<Local, Fault> {
    let (folder, root, files) = open(path)?;
    let compiled = compile(&files, &root);
    Ok(Local {
        folder,
        root,
        compiled,
    })
}

/// The same, and of a site without errors the catalog too.
pub(super) fn cataloged(path: &Path) -> Result<(Local, Option<Catalog>), Fault> {
    let (folder, root, files) = open(path)?;
    let (compiled, catalog) = compile_catalog(&files, &root);
    let local = Local {
        folder,
        root,
        compiled,
    };
    Ok((local, catalog))
}

/// The folder, the first source and the files of the site at `path`.
fn open(path: &Path) -> Result<(PathBuf, String, DiskFiles), Fault> {
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
    Ok((folder, root, files))
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
