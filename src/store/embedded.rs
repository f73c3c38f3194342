//! The store of a single controller: fjall on a local disk, written by one thread that lets many batches share a sync.
//! Must not know what is stored.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{self, JoinHandle};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use tokio::sync::{mpsc, oneshot};

use super::{Batch, Guard, Store, StoreError, Write};

/// Batches that may wait for the writer; callers beyond that wait for room.
const QUEUE: usize = 4096;

/// Most batches under one sync: enough to fill the time of a slow one, little enough to bound a journal record.
const GROUP: usize = 1024;

/// Octets of blocks that are kept in memory once they were read: a server knows what it wrote, and seldom reads it.
const CACHE: u64 = 8 << 20;

/// Octets that were written and are in no table yet: a hundred thousand leases.
const MEMTABLE: u64 = 16 << 20;

/// A store in a folder of its own.
pub struct Embedded {
    disk: Arc<Disk>,
    queue: Option<mpsc::Sender<Request>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

struct Request {
    batch: Batch,
    done: oneshot::Sender<Result<(), StoreError>>,
}

/// What every key of a group will hold, once written.
type Staged = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

struct Disk {
    path: PathBuf,
    open: RwLock<Option<Opened>>,
}

struct Opened {
    database: Database,
    pairs: Keyspace,
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
        let opened = Opened::at(path).map_err(fault)?;
        let disk = Arc::new(Disk {
            path: path.to_owned(),
            open: RwLock::new(Some(opened)),
        });
        let (queue, requests) = mpsc::channel(QUEUE);
        let for_writer = Arc::clone(&disk);
        let writer = thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || write_groups(&for_writer, requests))
            .map_err(fault)?;
        Ok(Self {
            disk,
            queue: Some(queue),
            writer: Mutex::new(Some(writer)),
        })
    }
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
        self.disk.read(|pairs| value(pairs, key))
    }

    fn visit(&self, prefix: &[u8], each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        self.disk.read(|pairs| {
            for pair in pairs.prefix(prefix) {
                let (key, value) = pair.into_inner().map_err(as_io)?;
                each(&key, &value);
            }
            Ok(())
        })
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let (done, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        let request = Request { batch, done };
        queue.send(request).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

impl Opened {
    fn at(path: &Path) -> io::Result<Self> {
        let database = Database::builder(path).cache_size(CACHE);
        let database = database.open().map_err(as_io)?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE);
        let pairs = database.keyspace("pairs", options).map_err(as_io)?;
        Ok(Self { database, pairs })
    }

    /// Writes all of `staged` or nothing; readers see it only after the sync.
    fn write(&self, staged: &Staged) -> io::Result<()> {
        let mut batch = self
            .database
            .batch()
            .durability(Some(PersistMode::SyncData));
        for (key, value) in staged {
            match value {
                Some(value) => batch.insert(&self.pairs, key.as_slice(), value.as_slice()),
                None => batch.remove(&self.pairs, key.as_slice()),
            }
        }
        batch.commit().map_err(as_io)
    }
}

impl Disk {
    fn read<T>(&self, read: impl FnOnce(&Keyspace) -> io::Result<T>) -> Result<T, StoreError> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let opened = open.as_ref().ok_or_else(|| StoreError::Read(closed()))?;
        read(&opened.pairs).map_err(StoreError::Read)
    }

    /// Writes a group; after a failure the database is opened anew, since fjall accepts nothing after one.
    fn write(&self, staged: &Staged, undo: &mut Staged) -> io::Result<()> {
        self.reopen(undo)?;
        let Err(fault) = self.write_opened(staged, undo)? else {
            return Ok(());
        };
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = None;
        Err(fault)
    }

    /// Opens the database again where a failure closed it.
    fn reopen(&self, undo: &mut Staged) -> io::Result<()> {
        let is_open = self
            .open
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some();
        if is_open {
            return Ok(());
        }
        let opened = Opened::at(&self.path)?;
        // A record that failed may lie whole in the journal all the same; what was there before it comes back first.
        opened.write(undo)?;
        undo.clear();
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = Some(opened);
        Ok(())
    }

    /// The outer error is one of reading, the inner one of writing; with the latter, `undo` learns what was there before.
    fn write_opened(&self, staged: &Staged, undo: &mut Staged) -> io::Result<io::Result<()>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let opened = open.as_ref().ok_or_else(closed)?;
        let written = opened.write(staged);
        if written.is_err() {
            for key in staged.keys() {
                undo.insert(key.clone(), value(&opened.pairs, key)?);
            }
        }
        Ok(written)
    }
}

/// The writer thread: what arrived during one sync goes out with the next.
fn write_groups(disk: &Disk, mut requests: mpsc::Receiver<Request>) {
    let mut undo = Staged::new();
    while let Some(first) = requests.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP
            && let Ok(next) = requests.try_recv()
        {
            group.push(next);
        }
        write_group(disk, group, &mut undo);
    }
}

fn write_group(disk: &Disk, group: Vec<Request>, undo: &mut Staged) {
    let mut staged = Staged::new();
    let mut waiting = Vec::with_capacity(group.len());
    for Request { batch, done } in group {
        match disk.guards_hold(&batch.guards, &staged) {
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
    let written = disk.write(&staged, undo);
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

impl Disk {
    /// Guards see what earlier batches of their group will have written.
    fn guards_hold(&self, guards: &[Guard], staged: &Staged) -> Result<(), StoreError> {
        for guard in guards {
            let found = match staged.get(&guard.key) {
                Some(value) => value.clone(),
                None => self.read(|pairs| value(pairs, &guard.key))?,
            };
            if found != guard.expected {
                return Err(StoreError::Guard);
            }
        }
        Ok(())
    }
}

fn value(pairs: &Keyspace, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let found = pairs.get(key).map_err(as_io)?;
    Ok(found.map(|value| value.to_vec()))
}

fn closed() -> io::Error {
    io::Error::other("the store could not be opened again after a failed write")
}

fn as_io(fault: fjall::Error) -> io::Error {
    if let fjall::Error::Io(source) = fault {
        return source;
    }
    io::Error::other(fault)
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
