//! What machines boot: images, which name a program for each class of client, and the files served for them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Changes, Desired, Key, Resource};
use crate::base::arch::ClientArch;
use crate::base::digest::Digest;
use crate::base::name::FilePath;
use crate::site::model::Site;

/// First boot program for each class of client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootImage {
    pub programs: BTreeMap<ClientArch, FilePath>,
}

/// A file served over TFTP and HTTP under its path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootFile {
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
}

impl BootImage {
    pub(super) fn requires(&self) -> Vec<Key> {
        self.programs
            .values()
            .map(|path| Key::BootFile { path: path.clone() })
            .collect()
    }

    pub(super) fn changes(&self, from: &Self, changes: Changes) -> Changes {
        changes.shown("programs", &from.programs, &self.programs, programs)
    }

    pub(super) fn summary(&self) -> String {
        programs(&self.programs)
    }
}

fn programs(programs: &BTreeMap<ClientArch, FilePath>) -> String {
    super::list(programs.iter().map(|(arch, path)| format!("{arch} {path}")))
}

impl BootFile {
    pub(super) fn changes(&self, from: &Self, changes: Changes) -> Changes {
        changes
            .field("sha256", &from.digest.short(), &self.digest.short())
            .field("bytes", &from.size, &self.size)
    }

    pub(super) fn summary(&self) -> String {
        format!("{} bytes, sha256 {}", self.size, self.digest.short())
    }
}

/// The images of the site and their files.
pub(super) fn desired(site: &Site, into: &mut Desired) {
    for (image, declared) in &site.images {
        let programs = declared.programs.clone();
        into.add(
            Key::BootImage {
                image: image.clone(),
            },
            Resource::BootImage(BootImage { programs }),
            &declared.origin,
        );
        for (path, file) in &declared.files {
            let resource = Resource::BootFile(BootFile {
                digest: file.digest,
                size: file.size,
            });
            into.add_once(Key::BootFile { path: path.clone() }, resource, &file.origin);
        }
    }
}
