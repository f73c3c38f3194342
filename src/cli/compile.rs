//! Compiles a site from disk for the other commands, and shows what is wrong with it.

use std::path::{Path, PathBuf};

use super::files::DiskFiles;
use super::output::Output;
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::diag::render;
use crate::diag::report::Diagnostic;
use crate::diag::span::Sources;
use crate::lang::ROOT;
use crate::plan::Paint;
use crate::site::catalog::{Catalog, Detail};
use crate::site::{Compiled, compile, compile_catalog};

/// A site on disk, compiled.
pub(super) struct Local {
    pub(super) folder: PathBuf,
    pub(super) root: String,
    pub(super) compiled: Compiled,
}

/// A site on disk: its folder, the first source in it, and its files.
pub(super) struct Place {
    pub(super) folder: PathBuf,
    pub(super) root: String,
    pub(super) files: DiskFiles,
}

/// Where the site at `path` lies, a file or a folder.
pub(super) fn place(path: &Path) -> Result<Place, Fault> {
    let unreadable = |error: &(dyn std::error::Error + 'static)| {
        let message = format!("cannot read {}", path.display());
        Fault::new(Code::FileUnreadable, message).because(error)
    };
    let about = std::fs::metadata(path)
        .map_err(|error| unreadable(&error).help("name a .kdl file, or a folder with site.kdl"))?;
    let (folder, root) = if about.is_dir() {
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
    let files = DiskFiles::open(&folder).map_err(|error| unreadable(&error))?;
    Ok(Place {
        folder,
        root,
        files,
    })
}

/// The same, of a folder that has a site.
fn sited(path: &Path) -> Result<Place, Fault> {
    let place = place(path)?;
    // A link that leads nowhere is told by whoever reads it.
    if path.is_dir() && place.folder.join(ROOT).symlink_metadata().is_err() {
        let message = format!("the folder {} has no {ROOT}", path.display());
        let fault = Fault::new(Code::FileUnreadable, message);
        return Err(fault.help("name a .kdl file, or a folder with site.kdl"));
    }
    Ok(place)
}

/// Compiles the site at `path`, a file or a folder.
pub(super) fn local(path: &Path) -> Result<Local, Fault> {
    let Place {
        folder,
        root,
        files,
    } = sited(path)?;
    let compiled = compile(&files, &root);
    Ok(Local {
        folder,
        root,
        compiled,
    })
}

/// The same, and of a site without errors the catalog too.
pub(super) fn cataloged(path: &Path, detail: Detail) -> Result<(Local, Option<Catalog>), Fault> {
    let Place {
        folder,
        root,
        files,
    } = sited(path)?;
    let (compiled, catalog) = compile_catalog(&files, &root, detail);
    let local = Local {
        folder,
        root,
        compiled,
    };
    Ok((local, catalog))
}

/// Shows every diagnostic: on standard error for people, on standard output for programs.
pub(super) fn show(compiled: &Compiled, out: &Output) {
    if out.json {
        out.line(&render::json(&compiled.diagnostics, &compiled.sources));
    } else {
        tell(&compiled.diagnostics, &compiled.sources, out);
    }
}

/// Shows diagnostics to people.
pub(super) fn tell(diagnostics: &[Diagnostic], sources: &Sources, out: &Output) {
    if !diagnostics.is_empty() {
        let text = render::text(diagnostics, sources, out.fault_paint == Paint::Colour);
        out.progress(text.trim_end());
    }
}
