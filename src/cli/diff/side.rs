//! One side of a comparison: a site on disk, or in a git revision. What exists on disk is never taken for a revision.

use std::path::Path;

use super::super::compile;
use super::super::git::Repository;
use super::super::output::Output;
use crate::diag::fault::Fault;
use crate::diag::render;
use crate::site::catalog::{Catalog, Detail};
use crate::site::model::Site;
use crate::site::{Compiled, compile_catalog};

/// A compiled side.
pub(super) struct Side {
    pub(super) name: String,
    compiled: Compiled,
    catalog: Option<Catalog>,
}

/// Compiles both sides. A revision without a path means the site that the other side names on disk, else the one in this folder.
pub(super) fn both(old: &str, new: &str) -> Result<(Side, Side), Fault> {
    let beside = [old, new].into_iter().find(|text| is_on_disk(text));
    let beside = Path::new(beside.unwrap_or("."));
    Ok((side(old, beside)?, side(new, beside)?))
}

fn is_on_disk(text: &str) -> bool {
    Path::new(text).exists()
}

fn side(text: &str, beside: &Path) -> Result<Side, Fault> {
    let (compiled, catalog) = if is_on_disk(text) {
        let (local, catalog) = compile::cataloged(Path::new(text), Detail::Full)?;
        (local.compiled, catalog)
    } else {
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
        let site = repository.site(text, &file)?;
        compile_catalog(&site.files, &site.root, Detail::Full)
    };
    Ok(Side {
        name: text.to_owned(),
        compiled,
        catalog,
    })
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
