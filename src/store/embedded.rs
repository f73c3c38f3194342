//! The store of a single controller: a journal and tables on a local disk, written by one thread that lets many
//! batches share a sync. Must not know what is stored.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::{mpsc, oneshot};

use super::journal::{CAPACITY, Changes, Journal, OnDisk};
use super::tables::{Checkpoints, Shelves};
use super::writer::Writer;
use super::{Batch, Guard, Store, StoreError, Write};

/// Batches that may wait for the writer; callers beyond that wait for room.
const QUEUE: usize = 4096;

/// Most batches under one sync: enough to fill the time of a slow one, little enough to bound a journal record.
const GROUP: usize = 1024;

/// Bytes after which a group takes no further batch: most groups fit what is left of a segment.
const GROUP_BYTES: usize = 1 << 20;

/// A store in a folder of its own.
pub struct Embedded {
    shelves: Arc<Shelves>,
    queue: Option<mpsc::Sender<Request>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

struct Request {
    batch: Batch,
    done: oneshot::Sender<Result<(), StoreError>>,
}

impl Embedded {
    /// Opens or creates the store in the folder `path`.
    ///
    /// # Errors
    /// [`StoreError::Open`] where the folder cannot be used, or another process holds it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let fault = |source| StoreError::Open {
            path: path.display().to_string(),
            source,
        };
        let shelves = Arc::new(Shelves::open(path).map_err(fault)?);
        let (journal, recovered) = open_journal(path).map_err(fault)?;
        let (queue, requests) = mpsc::channel(QUEUE);
        let for_writer = Arc::clone(&shelves);
        let tables = Checkpoints::new(Arc::clone(&shelves));
        // Here, so that what was recovered is there for the first reader.
        let mut writer = Writer::new(journal, recovered, tables);
        let writer = thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                write_groups(&for_writer, &mut writer, requests);
                // What the tables lack then is in the journal.
                let _ = writer.close();
            })
            .map_err(fault)?;
        Ok(Self {
            shelves,
            queue: Some(queue),
            writer: Mutex::new(Some(writer)),
        })
    }
}

/// The journal in its two files.
fn open_journal(path: &Path) -> io::Result<(Journal<OnDisk>, Changes)> {
    let [a, b] = ["journal.a", "journal.b"].map(|name| OnDisk::open(&path.join(name)));
    let segments = [a?, b?];
    File::open(path)?.sync_all()?;
    Journal::open(segments, CAPACITY)
}

impl Drop for Embedded {
    /// Waits for the writer, so that the folder can be opened again at once.
    fn drop(&mut self) {
        self.queue = None;
        let writer = self
            .writer
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(writer) = writer.take() {
            // A writer that panicked has nothing left to say here: every caller has seen `Closed`.
            let _ = writer.join();
        }
    }
}

impl Store for Embedded {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.shelves.get(key)
    }

    fn visit(&self, prefix: &[u8], each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        self.shelves.visit(prefix, each)
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let (done, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        let request = Request { batch, done };
        queue.send(request).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

type Journaled = Writer<OnDisk, Checkpoints>;

/// The writer thread: what arrived during one sync goes out with the next.
fn write_groups(shelves: &Shelves, writer: &mut Journaled, mut requests: mpsc::Receiver<Request>) {
    while let Some(first) = requests.blocking_recv() {
        let mut bytes = size(&first.batch);
        let mut group = vec![first];
        while group.len() < GROUP
            && bytes < GROUP_BYTES
            && let Ok(next) = requests.try_recv()
        {
            bytes += size(&next.batch);
            group.push(next);
        }
        write_group(shelves, writer, group);
    }
}

fn size(batch: &Batch) -> usize {
    let write = |write: &Write| match write {
        Write::Put { key, value } => key.len() + value.len(),
        Write::Delete { key } => key.len(),
    };
    batch.writes.iter().map(write).sum()
}

fn write_group(shelves: &Shelves, writer: &mut Journaled, group: Vec<Request>) {
    let mut staged = Changes::new();
    let mut waiting = Vec::with_capacity(group.len());
    for Request { batch, done } in group {
        match guards_hold(shelves, &batch.guards, &staged) {
            Ok(()) => {
                staged.extend(batch.writes.into_iter().map(|write| match write {
                    Write::Put { key, value } => (key, Some(value)),
                    Write::Delete { key } => (key, None),
                }));
                waiting.push(done);
            }
            // A caller that no longer waits needs no answer; so too below.
            Err(fault) => drop(done.send(Err(fault))),
        }
    }
    let written = writer.write(staged);
    for done in waiting {
        let answer = match &written {
            Ok(()) => Ok(()),
            Err(fault) => Err(StoreError::Write(io::Error::new(
                fault.kind(),
                fault.to_string(),
            ))),
        };
        drop(done.send(answer));
    }
}

/// Guards see what earlier batches of their group will have written.
fn guards_hold(shelves: &Shelves, guards: &[Guard], staged: &Changes) -> Result<(), StoreError> {
    for guard in guards {
        let found = match staged.get(&guard.key) {
            Some(value) => value.clone(),
            None => shelves.get(&guard.key)?,
        };
        if found != guard.expected {
            return Err(StoreError::Guard);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str, value: &str) -> Write {
        Write::Put {
            key: key.into(),
            value: value.into(),
        }
    }

    fn guarded(key: &str, expected: Option<&str>, value: &str) -> Batch {
        Batch {
            guards: vec![Guard {
                key: key.into(),
                expected: expected.map(Into::into),
            }],
            writes: vec![put(key, value)],
        }
    }

    #[tokio::test]
    async fn keeps_what_it_committed_across_openings() {
        let folder = tempfile::tempdir().unwrap();
        let store = Embedded::open(folder.path()).unwrap();
        let batch = Batch {
            writes: vec![put("a/1", "x"), put("a/2", "y"), put("b/1", "z")],
            ..Batch::default()
        };
        store.commit(batch).await.unwrap();
        let delete = Batch {
            writes: vec![Write::Delete { key: b"a/1".into() }],
            ..Batch::default()
        };
        store.commit(delete).await.unwrap();
        drop(store);
        let store = Embedded::open(folder.path()).unwrap();
        assert_eq!(
            store.range(b"a/").unwrap(),
            [(b"a/2".to_vec(), b"y".to_vec())]
        );
        assert_eq!(store.get(b"b/1").unwrap(), Some(b"z".to_vec()));
        assert!(matches!(
            Embedded::open(folder.path()),
            Err(StoreError::Open { .. })
        ));
    }

    #[tokio::test]
    async fn of_two_that_guard_the_same_key_one_wins() {
        let folder = tempfile::tempdir().unwrap();
        let store = Embedded::open(folder.path()).unwrap();
        let (one, two) = tokio::join!(
            store.commit(guarded("k", None, "1")),
            store.commit(guarded("k", None, "2"))
        );
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
        let winner = store.get(b"k").unwrap().unwrap();
        let winner = String::from_utf8(winner).unwrap();
        let refused = store.commit(guarded("k", None, "3")).await;
        assert!(matches!(refused, Err(StoreError::Guard)));
        store
            .commit(guarded("k", Some(&winner), "4"))
            .await
            .unwrap();
        assert_eq!(store.get(b"k").unwrap(), Some(b"4".to_vec()));
    }
}
