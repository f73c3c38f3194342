//! One side of a comparison: a site on disk, or in a git revision. What exists on disk is never taken for a revision.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use super::super::compile::{self, Place};
use super::super::git::{Repository, Revised};
use super::super::output::Output;
use crate::base::digest::Digest;
use crate::diag::fault::Fault;
use crate::diag::render;
use crate::lang::files::{Entry, FileError, Files};
use crate::site::catalog::{Catalog, Detail};
use crate::site::model::Site;
use crate::site::{Compiled, compile_catalog};

/// A compiled side.
pub(super) struct Side {
    pub(super) name: String,
    compiled: Compiled,
    catalog: Option<Catalog>,
}

/// Both sides, and the boot files that a revision does not hold.
pub(super) struct Sides {
    pub(super) old: Side,
    pub(super) new: Side,
    pub(super) unknown: BTreeSet<String>,
}

/// Compiles both sides. A revision without a path means the site that the other side names on disk, else the one in this folder.
pub(super) fn both(old: &str, new: &str) -> Result<Sides, Fault> {
    let beside = [old, new].into_iter().find(|text| is_on_disk(text));
    let beside = Path::new(beside.unwrap_or("."));
    let (old, new) = (Origin::of(old, beside)?, Origin::of(new, beside)?);
    let unknown = RefCell::default();
    let mut first = old.compile(&unknown);
    let told = unknown.borrow().len();
    let second = new.compile(&unknown);
    if unknown.borrow().len() > told {
        first = old.compile(&unknown);
    }
    Ok(Sides {
        old: first,
        new: second,
        unknown: unknown.into_inner(),
    })
}

fn is_on_disk(text: &str) -> bool {
    Path::new(text).exists()
}

/// Where a side is read from.
struct Origin<'a> {
    name: &'a str,
    files: Box<dyn Files>,
    /// The first source.
    root: String,
}

impl<'a> Origin<'a> {
    fn of(text: &'a str, beside: &Path) -> Result<Self, Fault> {
        if is_on_disk(text) {
            let Place { root, files, .. } = compile::place(Path::new(text))?;
            return Ok(Self {
                name: text,
                files: Box::new(files),
                root,
            });
        }
        // A path in a revision is seen from here, as git sees it.
        let beside = if text.contains(':') {
            Path::new(".")
        } else {
            beside
        };
        let (folder, file) = if beside.is_dir() {
            (beside, String::new())
        } else {
            let folder = beside.parent().filter(|one| !one.as_os_str().is_empty());
            let name = beside.file_name().unwrap_or_default();
            let name = name.to_string_lossy().into_owned();
            (folder.unwrap_or(Path::new(".")), name)
        };
        let repository = Repository::holding(folder).map_err(|fault| Fault {
            message: format!("`{text}` is no file or folder here, and {}", fault.message),
            ..fault
        })?;
        let Revised { files, root } = repository.site(text, &file)?;
        Ok(Self {
            name: text,
            files: Box::new(files),
            root,
        })
    }

    fn compile(&self, unknown: &RefCell<BTreeSet<String>>) -> Side {
        let files = Comparable {
            files: &*self.files,
            unknown,
        };
        let (compiled, catalog) = compile_catalog(&files, &self.root, Detail::Full);
        Side {
            name: self.name.to_owned(),
            compiled,
            catalog,
        }
    }
}

/// The files of one side. A boot file that is unknown on one is unknown on both: nobody can say whether it differs.
struct Comparable<'a> {
    files: &'a dyn Files,
    unknown: &'a RefCell<BTreeSet<String>>,
}

impl Files for Comparable<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        self.files.read(path)
    }

    fn folder(&self, path: &str) -> Result<Vec<Entry>, FileError> {
        self.files.folder(path)
    }

    fn digest(&self, path: &str) -> Result<(Digest, u64), FileError> {
        if self.unknown.borrow().contains(path) {
            let path = path.to_owned();
            return Err(FileError::Unknown { path });
        }
        self.files.digest(path).inspect_err(|error| {
            if let FileError::Unknown { path } = error {
                self.unknown.borrow_mut().insert(path.clone());
            }
        })
    }
}

impl Side {
    /// The site and its catalog, where there are no errors.
    pub(super) fn whole(&self) -> Option<(&Site, &Catalog)> {
        Some((self.compiled.site.as_ref()?, self.catalog.as_ref()?))
    }

    pub(super) fn show_faults(&self, out: &Output) {
        compile::show(&self.compiled, out);
    }

    pub(super) fn faults_as_json(&self) -> serde_json::Value {
        render::json(&self.compiled.diagnostics, &self.compiled.sources)
    }
}
