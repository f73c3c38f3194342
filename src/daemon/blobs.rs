//! Boot files by what they hold: one file a digest, complete and synced before it has its name.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{Stream, StreamExt};
use tokio::fs;
use tokio::io::AsyncWriteExt;

use crate::base::digest::{Digest, Digester};

/// Ending of files that are not complete.
const PARTIAL: &str = "part";

/// A folder of content-addressed files.
#[derive(Debug, Clone)]
pub(super) struct Blobs {
    folder: PathBuf,
    /// Uploads so far: two of one digest at a time must not share a file.
    uploads: Arc<AtomicU64>,
}

/// Why content was not kept.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("cannot write {path}")]
    Write {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the upload of {expected} ended early")]
    Upload { expected: Digest },
    #[error("the content has digest {found}, not {expected}")]
    Digest { expected: Digest, found: Digest },
}

impl Blobs {
    /// # Errors
    /// [`BlobError::Write`] where the folder cannot be made.
    pub(super) fn open(folder: PathBuf) -> Result<Self, BlobError> {
        let fault = |source| BlobError::Write {
            path: folder.clone(),
            source,
        };
        std::fs::create_dir_all(&folder).map_err(fault)?;
        for entry in std::fs::read_dir(&folder).map_err(fault)?.flatten() {
            // Left by an upload that a crash cut off.
            if entry
                .path()
                .extension()
                .is_some_and(|extension| extension == PARTIAL)
            {
                std::fs::remove_file(entry.path()).map_err(fault)?;
            }
        }
        Ok(Self {
            folder,
            uploads: Arc::default(),
        })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn holds(&self, digest: Digest) -> bool {
        self.path(digest).exists()
    }

    pub(super) fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join(digest.to_string())
    }

    /// Keeps `content` under its digest once all of it is on disk and the digest is right.
    ///
    /// # Errors
    /// [`BlobError`]; nothing is kept then.
    pub(super) async fn put<B, E>(
        &self,
        expected: Digest,
        content: impl Stream<Item = Result<B, E>> + Send,
    ) -> Result<(), BlobError>
    where
        B: AsRef<[u8]> + Send,
        E: Send,
    {
        if self.holds(expected) {
            return Ok(());
        }
        let upload = self.uploads.fetch_add(1, Ordering::Relaxed);
        let partial = self.folder.join(format!("{expected}.{upload}.{PARTIAL}"));
        let written = self.write(&partial, expected, content).await;
        if written.is_err() {
            // Whatever is left is no blob, and the next upload makes its own.
            let _ = fs::remove_file(&partial).await;
        }
        written
    }

    async fn write<B, E>(
        &self,
        partial: &Path,
        expected: Digest,
        content: impl Stream<Item = Result<B, E>> + Send,
    ) -> Result<(), BlobError>
    where
        B: AsRef<[u8]> + Send,
        E: Send,
    {
        let fault = |source| BlobError::Write {
            path: partial.to_owned(),
            source,
        };
        let mut file = fs::File::create_new(partial).await.map_err(fault)?;
        let mut digester = Digester::default();
        let mut content = std::pin::pin!(content);
        while let Some(chunk) = content.next().await {
            let chunk = chunk.map_err(|_| BlobError::Upload { expected })?;
            digester.update(chunk.as_ref());
            file.write_all(chunk.as_ref()).await.map_err(fault)?;
        }
        let found = digester.finish();
        if found != expected {
            return Err(BlobError::Digest { expected, found });
        }
        file.sync_all().await.map_err(fault)?;
        fs::rename(partial, self.path(expected))
            .await
            .map_err(fault)?;
        // The new name survives a power cut only once its folder is on disk.
        let folder = fs::File::open(&self.folder).await.map_err(fault)?;
        folder.sync_all().await.map_err(fault)
    }
}
