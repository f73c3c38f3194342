//! The demo's folder: the example site with its boot files, the daemon's state and socket. Removed when dropped.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::mkdtemp;

/// Why there is no folder to work in.
#[derive(Debug, thiserror::Error)]
pub(super) enum ScratchError {
    #[error("cannot make a folder in {parent}")]
    Make {
        parent: PathBuf,
        #[source]
        source: Errno,
    },
    #[error("cannot write {path}")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// A folder that nobody else has.
pub(super) struct Scratch {
    root: PathBuf,
}

impl Scratch {
    pub(super) fn make() -> Result<Self, ScratchError> {
        let parent = std::env::temp_dir();
        let made = mkdtemp(&parent.join("bedplate-demo-XXXXXX"));
        let root = made.map_err(|source| ScratchError::Make { parent, source })?;
        Ok(Self { root })
    }

    /// The folder of the site.
    pub(super) fn site(&self) -> PathBuf {
        self.root.join("site")
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.root.join("bedplate.sock")
    }

    pub(super) fn state(&self) -> PathBuf {
        self.root.join("state")
    }

    /// Writes a file of the site, and the folders above it.
    pub(super) fn write(&self, path: &str, content: &[u8]) -> Result<(), ScratchError> {
        let path = self.site().join(path);
        let parent = path.parent().unwrap_or(Path::new("/"));
        let written = fs::create_dir_all(parent).and_then(|()| fs::write(&path, content));
        written.map_err(|source| ScratchError::Write { path, source })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is what the system clears from its folder of temporary files later.
        let _ = fs::remove_dir_all(&self.root);
    }
}
