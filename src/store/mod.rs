//! Durable storage behind one small trait. Knows bytes, never what they mean.

mod embedded;
mod faulty;
mod journal;
mod tables;
#[cfg(test)]
mod torn;
mod writer;

use std::future::Future;

pub use embedded::Embedded;
pub use faulty::Faulty;

/// One change in a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    Put { key: Vec<u8>, value: Vec<u8> },
    Delete { key: Vec<u8> },
}

/// What must hold for a batch to be written: `key` has exactly `expected`, or is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    pub key: Vec<u8>,
    pub expected: Option<Vec<u8>>,
}

/// Changes that happen together or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    pub guards: Vec<Guard>,
    pub writes: Vec<Write>,
}

/// A pair as stored.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Why storage did not do as asked. After any error nothing of the batch is visible. The words have the system's reason in them, since the
/// log shows an error's own words only.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot open the store at {path}: {source}")]
    Open {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot read from the store: {0}")]
    Read(#[source] std::io::Error),
    #[error("cannot write to the store: {0}")]
    Write(#[source] std::io::Error),
    #[error("another writer changed what this one had read")]
    Guard,
    #[error("the store is closed")]
    Closed,
}

/// Ordered pairs of bytes on stable storage.
pub trait Store: Send + Sync + 'static {
    /// # Errors
    /// [`StoreError::Read`] where the disk fails.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Shows `each` pair whose key begins with `prefix`, in the order of their keys: a store may hold more than fits in memory twice.
    ///
    /// # Errors
    /// [`StoreError::Read`] where the disk fails.
    fn visit(&self, prefix: &[u8], each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError>;

    /// The same pairs, where they are few.
    ///
    /// # Errors
    /// [`StoreError::Read`] where the disk fails.
    fn range(&self, prefix: &[u8]) -> Result<Vec<Pair>, StoreError> {
        let mut pairs = Vec::new();
        self.visit(prefix, &mut |key, value| {
            pairs.push((key.to_vec(), value.to_vec()));
        })?;
        Ok(pairs)
    }

    /// Writes a batch; when the future is ready with `Ok`, the batch survives a power cut.
    ///
    /// # Errors
    /// [`StoreError::Guard`] where a guard does not hold, [`StoreError::Write`] where the disk fails or is full.
    fn commit(&self, batch: Batch) -> impl Future<Output = Result<(), StoreError>> + Send;
}
