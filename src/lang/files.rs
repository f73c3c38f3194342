//! The files of a site as the language sees them: by path, wherever they lie. Touches no disk, and knows nothing of what they hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::digest::Digest;
use crate::base::limit;

/// Why a file of the site cannot be had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FileError {
    #[error("`{path}` does not exist")]
    Missing { path: String },
    /// The site may well have it, but not in what it is read from.
    #[error("the content of `{path}` is not known here")]
    Unknown { path: String },
    #[error("`{path}` leads out of the site folder")]
    Outside { path: String },
    #[error("`{path}` is not a file")]
    NotAFile { path: String },
    #[error("`{path}` has {size} bytes; a source has at most {most}", most = limit::SOURCE_BYTES)]
    TooLarge { path: String, size: u64 },
    #[error("`{path}` cannot be read: {source}")]
    Read {
        path: String,
        source: Arc<std::io::Error>,
    },
    #[error("`{path}` is a symbolic link that leads nowhere")]
    Dangling { path: String },
    /// Since it was read, and before it would have been written.
    #[error("`{path}` changed meanwhile")]
    Changed { path: String },
    #[error("`{path}` cannot be written: {source}")]
    Write {
        path: String,
        source: Arc<std::io::Error>,
    },
}

/// One name in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    pub name: String,
    pub is_folder: bool,
}

/// The files of a site, by `/`-separated paths relative to its folder.
pub trait Files {
    /// # Errors
    /// [`FileError`], also where the file exceeds [`limit::SOURCE_BYTES`].
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError>;

    /// What a folder holds, sorted; the empty path is the site folder.
    ///
    /// # Errors
    /// [`FileError`]
    fn folder(&self, path: &str) -> Result<Vec<Entry>, FileError>;

    /// The digest and the size of a file of any size.
    ///
    /// # Errors
    /// [`FileError`]
    fn digest(&self, path: &str) -> Result<(Digest, u64), FileError>;
}

/// The files of a site as if one of them had another text, be it there or not.
pub struct Overlay<'f> {
    pub files: &'f dyn Files,
    pub path: &'f str,
    pub text: &'f str,
}

impl Files for Overlay<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        if path == self.path {
            return Ok(self.text.as_bytes().to_vec());
        }
        self.files.read(path)
    }

    fn folder(&self, path: &str) -> Result<Vec<Entry>, FileError> {
        self.files.folder(path)
    }

    fn digest(&self, path: &str) -> Result<(Digest, u64), FileError> {
        self.files.digest(path)
    }
}

/// Files held in memory: a bundle's sources, and of its boot files only the digests.
#[derive(Debug, Clone, Default)]
pub struct MemoryFiles {
    files: BTreeMap<String, Vec<u8>>,
    digests: BTreeMap<String, (Digest, u64)>,
}

impl MemoryFiles {
    pub fn insert(&mut self, path: &str, bytes: Vec<u8>) {
        self.files.insert(path.to_owned(), bytes);
    }

    /// Adds a file of which only the digest and the size are known.
    pub fn insert_digest(&mut self, path: &str, digest: Digest, size: u64) {
        self.digests.insert(path.to_owned(), (digest, size));
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        let bytes = self.files.get(path).ok_or_else(|| FileError::Missing {
            path: path.to_owned(),
        })?;
        if bytes.len() > limit::SOURCE_BYTES {
            return Err(FileError::TooLarge {
                path: path.to_owned(),
                size: bytes.len() as u64,
            });
        }
        Ok(bytes.clone())
    }

    fn folder(&self, path: &str) -> Result<Vec<Entry>, FileError> {
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        let inside = self
            .files
            .range(prefix.clone()..)
            .map_while(|(path, _)| path.strip_prefix(&prefix));
        let entries: BTreeSet<Entry> = inside
            .map(|rest| {
                let (name, is_folder) = rest
                    .split_once('/')
                    .map_or((rest, false), |(name, _)| (name, true));
                Entry {
                    name: name.to_owned(),
                    is_folder,
                }
            })
            .collect();
        if entries.is_empty() {
            return Err(FileError::Missing {
                path: path.to_owned(),
            });
        }
        Ok(entries.into_iter().collect())
    }

    fn digest(&self, path: &str) -> Result<(Digest, u64), FileError> {
        if let Some(known) = self.digests.get(path) {
            return Ok(*known);
        }
        let bytes = self.files.get(path).ok_or_else(|| FileError::Missing {
            path: path.to_owned(),
        })?;
        Ok((Digest::of(bytes), bytes.len() as u64))
    }
}
