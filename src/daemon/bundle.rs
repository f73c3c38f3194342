//! A bundle: everything that the daemon needs to compile a site again, the same code on the same text.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::name::FilePath;
use crate::lang::files::MemoryFiles;
use crate::site::inventory::{Inventory, compile_inventory};
use crate::site::{Compiled, compile};

/// Version of the bundle's form.
pub const FORMAT_VERSION: u32 = 1;

/// The sources of a site, and what its boot files hold, by digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    pub format_version: u32,
    /// The source to begin with, relative to the site folder.
    pub root: String,
    /// Shared, since what is in force is known in several places.
    pub sources: BTreeMap<String, Arc<str>>,
    pub files: BTreeMap<FilePath, Content>,
}

/// A boot file's content, by name only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
}

impl Bundle {
    /// The bundle of a site that compiled; `None` where it did not.
    pub fn of(compiled: &Compiled, root: &str) -> Option<Self> {
        let site = compiled.site.as_ref()?;
        let sources = compiled
            .sources
            .iter()
            .map(|(path, text)| (path.to_owned(), text.into()))
            .collect();
        let files = site.images.values().flat_map(|image| &image.files);
        let files = files
            .map(|(path, file)| {
                (
                    path.clone(),
                    Content {
                        digest: file.digest,
                        size: file.size,
                    },
                )
            })
            .collect();
        Some(Self {
            format_version: FORMAT_VERSION,
            root: root.to_owned(),
            sources,
            files,
        })
    }

    pub fn compile(&self) -> Compiled {
        compile(&self.files(), &self.root)
    }

    /// Compiles it for what it does with addresses.
    pub(super) fn inventory(&self) -> (Compiled, Option<Inventory>) {
        compile_inventory(&self.files(), &self.root)
    }

    fn files(&self) -> MemoryFiles {
        let mut files = MemoryFiles::default();
        for (path, text) in &self.sources {
            files.insert(path, text.as_bytes().to_vec());
        }
        for (path, content) in &self.files {
            files.insert_digest(path.as_str(), content.digest, content.size);
        }
        files
    }
}
