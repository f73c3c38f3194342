//! The boot files that TFTP and HTTP serve: an immutable map from paths to blobs named by their digest.
//! Knows where contents lie, never who asks for them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::base::name::FilePath;
use crate::state::{BootFile, Key, Resource, State};

/// Every boot file of one configuration.
#[derive(Debug, Clone, Default)]
pub struct BootFiles {
    files: BTreeMap<FilePath, StoredFile>,
}

/// A boot file and the blob that holds its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredFile {
    pub(super) file: BootFile,
    pub(super) blob: PathBuf,
}

/// Why a requested name leads to no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FindError {
    Missing,
    /// The name climbs out of the served files.
    Outside,
}

impl BootFiles {
    /// The boot files of `state`; the folder `blobs` holds each content under its digest.
    pub fn new(state: &State, blobs: &Path) -> Self {
        let files = state.iter().filter_map(|(key, resource)| {
            let (Key::BootFile { path }, Resource::BootFile(file)) = (key, resource) else {
                return None;
            };
            let stored = StoredFile {
                file: file.clone(),
                blob: blobs.join(file.digest.to_string()),
            };
            Some((path.clone(), stored))
        });
        Self {
            files: files.collect(),
        }
    }

    /// What is really served: the files whose blobs are there, with the size that they should have.
    pub fn serving(&self) -> State {
        let present = self.files.iter().filter(|(_, stored)| stored.is_present());
        present
            .map(|(path, stored)| {
                let key = Key::BootFile { path: path.clone() };
                (key, Resource::BootFile(stored.file.clone()))
            })
            .collect()
    }

    pub(super) fn get(&self, path: &FilePath) -> Option<&StoredFile> {
        self.files.get(path)
    }

    /// The file that a loader means: Windows and UEFI write `\`, others add or double a `/`.
    pub(super) fn find(&self, requested: &str) -> Result<&StoredFile, FindError> {
        let parts = || {
            requested
                .split(['/', '\\'])
                .filter(|part| !matches!(*part, "" | "."))
        };
        if parts().any(|part| part == "..") {
            return Err(FindError::Outside);
        }
        let path: Vec<_> = parts().collect();
        path.join("/")
            .parse()
            .ok()
            .and_then(|path| self.get(&path))
            .ok_or(FindError::Missing)
    }
}

impl StoredFile {
    /// Opens the content, where it has the size promised to clients.
    pub(super) fn open(&self) -> io::Result<File> {
        let file = File::open(&self.blob)?;
        if file.metadata()?.len() == self.file.size {
            Ok(file)
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }

    fn is_present(&self) -> bool {
        fs::metadata(&self.blob).is_ok_and(|found| found.is_file() && found.len() == self.file.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Digest;

    fn state(path: &str, content: &[u8]) -> State {
        let file = BootFile {
            digest: Digest::of(content),
            size: content.len() as u64,
        };
        let key = Key::BootFile {
            path: path.parse().unwrap(),
        };
        State::from([(key, Resource::BootFile(file))])
    }

    #[test]
    fn loaders_spell_names_in_many_ways() {
        let files = BootFiles::new(&state("boot/grub/x.cfg", b"x"), Path::new("/blobs"));
        let cases = [
            ("boot/grub/x.cfg", None),
            ("/boot/grub/x.cfg", None),
            ("\\boot\\grub\\x.cfg", None),
            ("//boot//grub/./x.cfg", None),
            ("boot/grub", Some(FindError::Missing)),
            ("BOOT/grub/x.cfg", Some(FindError::Missing)),
            ("", Some(FindError::Missing)),
            ("boot/../boot/grub/x.cfg", Some(FindError::Outside)),
            ("..\\etc\\passwd", Some(FindError::Outside)),
            ("boot/grub/x.cfg..", Some(FindError::Missing)),
        ];
        for (name, fault) in cases {
            assert_eq!(files.find(name).err(), fault, "{name:?}");
        }
    }

    #[test]
    fn a_blob_lost_or_cut_is_not_served() {
        let folder = tempfile::tempdir().unwrap();
        let (content, declared) = (b"content", state("a", b"content"));
        let files = BootFiles::new(&declared, folder.path());
        let blob = folder.path().join(Digest::of(content).to_string());
        assert_eq!(files.serving(), State::new());
        fs::write(&blob, content).unwrap();
        assert_eq!(files.serving(), declared);
        fs::write(&blob, b"cut").unwrap();
        assert_eq!(files.serving(), State::new());
        assert!(files.find("a").unwrap().open().is_err());
    }
}
