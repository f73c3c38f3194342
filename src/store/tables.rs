//! The tables of the embedded store, kept by fjall, and over them in memory what is durable in the journal alone.
//! Must not know the journal, nor when what is durable.

use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::{self, JoinHandle};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable as _};

use super::StoreError;
use super::journal::Changes;
use super::writer::Tables;

/// Bytes of a batch of a checkpoint: readers and the journal's syncs do not wait long behind one.
const BATCH: usize = 32 << 10;

/// Octets of blocks that are kept in memory once they were read: a server knows what it wrote, and seldom reads it.
const CACHE: u64 = 8 << 20;

/// Octets that were written and are in no table yet: a hundred thousand leases.
const MEMTABLE: u64 = 16 << 20;

/// What readers read. Locks are taken in the order of the fields.
pub(super) struct Shelves {
    path: PathBuf,
    open: RwLock<Option<Opened>>,
    recent: RwLock<Recent>,
}

struct Opened {
    database: Database,
    pairs: Keyspace,
}

/// What counts before the tables.
#[derive(Default)]
struct Recent {
    published: Changes,
    /// Set apart to be written to the tables; what is published counts before it.
    apart: Arc<Changes>,
    /// The last key of what is set apart that the tables have. A disk that is almost full takes it bit by bit.
    done: Option<Vec<u8>>,
}

impl Recent {
    fn get(&self, key: &[u8]) -> Option<Option<Vec<u8>>> {
        let found = self.published.get(key).or_else(|| self.apart.get(key));
        found.cloned()
    }

    fn within(&self, prefix: &[u8]) -> Changes {
        let mut within = Changes::new();
        for changes in [&*self.apart, &self.published] {
            let from = changes.range(prefix.to_vec()..);
            let from = from.take_while(|(key, _)| key.starts_with(prefix));
            within.extend(from.map(|(key, value)| (key.clone(), value.clone())));
        }
        within
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

    /// Writes the changes after the key `done`, for good, batch by batch; says after each how far it is.
    fn write(
        &self,
        changes: &Changes,
        done: Option<Vec<u8>>,
        mut progress: impl FnMut(Vec<u8>),
    ) -> io::Result<()> {
        let from = done.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = changes.range((from, Bound::Unbounded)).peekable();
        while rest.peek().is_some() {
            let mut batch = { self.database.batch() }.durability(Some(PersistMode::SyncData));
            let (mut bytes, mut last) = (0, &[][..]);
            while bytes < BATCH
                && let Some((key, value)) = rest.next()
            {
                match value {
                    Some(value) => batch.insert(&self.pairs, key.as_slice(), value.as_slice()),
                    None => batch.remove(&self.pairs, key.as_slice()),
                }
                bytes += key.len() + value.as_ref().map_or(0, Vec::len);
                last = key;
            }
            batch.commit().map_err(as_io)?;
            progress(last.to_vec());
        }
        Ok(())
    }
}

impl Shelves {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            open: RwLock::new(Some(Opened::at(path)?)),
            recent: RwLock::default(),
        })
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.recent(|recent| recent.get(key));
        found.map_or_else(
            || {
                self.read(|opened| {
                    let found = opened.pairs.get(key).map_err(as_io)?;
                    Ok(found.map(|value| value.to_vec()))
                })
            },
            Ok,
        )
    }

    pub(super) fn visit(
        &self,
        prefix: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), StoreError> {
        self.read(|opened| {
            // Both at one moment: no group is seen in part.
            let (recent, snapshot) =
                self.recent(|recent| (recent.within(prefix), opened.database.snapshot()));
            let stored = snapshot.prefix(&opened.pairs, prefix);
            merge(
                recent,
                stored.map(|pair| pair.into_inner().map_err(as_io)),
                each,
            )
        })
    }

    fn read<T>(&self, read: impl FnOnce(&Opened) -> io::Result<T>) -> Result<T, StoreError> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let opened = open.as_ref().ok_or_else(|| StoreError::Read(closed()))?;
        read(opened).map_err(StoreError::Read)
    }

    fn recent<T>(&self, read: impl FnOnce(&Recent) -> T) -> T {
        read(&self.recent.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Recent) -> T) -> T {
        change(&mut self.recent.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes what is set apart to the tables, for good.
    fn checkpoint(&self) -> io::Result<()> {
        let (apart, done) = self.recent(|recent| (Arc::clone(&recent.apart), recent.done.clone()));
        {
            let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
            let opened = open.as_ref().ok_or_else(closed)?;
            opened.write(&apart, done, |key| {
                self.change(|recent| recent.done = Some(key));
            })?;
        }
        self.change(|recent| recent.apart = Arc::default());
        Ok(())
    }

    /// Opens the tables anew: fjall accepts nothing after a write that failed.
    fn reopen(&self) -> io::Result<()> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        *open = None;
        *open = Some(Opened::at(&self.path)?);
        Ok(())
    }
}

/// Shows the pairs of the tables, with what was changed since in the place of what was there.
fn merge<B: AsRef<[u8]>>(
    recent: Changes,
    stored: impl Iterator<Item = io::Result<(B, B)>>,
    each: &mut dyn FnMut(&[u8], &[u8]),
) -> io::Result<()> {
    let mut recent = recent.into_iter().peekable();
    let mut show = |key: &[u8], value: Option<&[u8]>| {
        if let Some(value) = value {
            each(key, value);
        }
    };
    for pair in stored {
        let (key, value) = pair?;
        let (key, value) = (key.as_ref(), value.as_ref());
        while let Some((before, value)) = recent.next_if(|(before, _)| **before < *key) {
            show(&before, value.as_deref());
        }
        match recent.next_if(|(same, _)| **same == *key) {
            Some((_, newer)) => show(key, newer.as_deref()),
            None => show(key, Some(value)),
        }
    }
    for (key, value) in recent {
        show(&key, value.as_deref());
    }
    Ok(())
}

/// The tables as the writer has them: a checkpoint runs in a thread of its own, beside the writer.
pub(super) struct Checkpoints {
    shelves: Arc<Shelves>,
    running: Option<JoinHandle<io::Result<()>>>,
}

impl Checkpoints {
    pub(super) fn new(shelves: Arc<Shelves>) -> Self {
        Self {
            shelves,
            running: None,
        }
    }
}

impl Tables for Checkpoints {
    fn publish(&mut self, changes: Changes) {
        self.shelves
            .change(|recent| recent.published.extend(changes));
    }

    fn begin_checkpoint(&mut self) {
        self.shelves.change(|recent| {
            recent.apart = Arc::new(std::mem::take(&mut recent.published));
            recent.done = None;
        });
        let shelves = Arc::clone(&self.shelves);
        let thread = thread::Builder::new().name("store-checkpoint".to_owned());
        // Without a thread it is done where it is waited for.
        self.running = thread.spawn(move || shelves.checkpoint()).ok();
    }

    fn finish_checkpoint(&mut self) -> io::Result<()> {
        let is_done = self
            .running
            .take()
            .is_some_and(|thread| matches!(thread.join(), Ok(Ok(()))));
        if is_done {
            return Ok(());
        }
        self.shelves.reopen()?;
        self.shelves.checkpoint()
    }
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
