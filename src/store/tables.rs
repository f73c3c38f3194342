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

/// Octets of a checkpoint that are worth a table of their own: less would leave many small tables, to be merged with large ones.
const TABLE: usize = 1 << 20;

/// How a checkpoint is written.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// With as little work as may be: a large one becomes a table, in one piece, and leaves fjall's journal nothing to replay.
    Shortest,
    /// With as little room as may be: a disk that is almost full takes it bit by bit.
    BitByBit,
}

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
    /// The last key of what is set apart that the tables have.
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
                bytes += size(key, value.as_deref());
                last = key;
            }
            batch.commit().map_err(as_io)?;
            progress(last.to_vec());
        }
        Ok(())
    }

    /// Writes the changes as a table of their own, for good: all of them or none.
    fn ingest(&self, changes: &Changes) -> io::Result<()> {
        let mut table = self.pairs.start_ingestion().map_err(as_io)?;
        for (key, value) in changes {
            let written = match value {
                Some(value) => table.write(key.as_slice(), value.as_slice()),
                None => table.write_tombstone(key.as_slice()),
            };
            written.map_err(as_io)?;
        }
        table.finish().map_err(as_io)
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

    fn set_apart(&self) {
        self.change(|recent| {
            recent.apart = Arc::new(std::mem::take(&mut recent.published));
            recent.done = None;
        });
    }

    /// Writes what is set apart to the tables, for good.
    fn checkpoint(&self, way: Way) -> io::Result<()> {
        let (apart, done) = self.recent(|recent| (Arc::clone(&recent.apart), recent.done.clone()));
        {
            let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
            let opened = open.as_ref().ok_or_else(closed)?;
            match way {
                Way::Shortest if octets(&apart) >= TABLE => opened.ingest(&apart)?,
                Way::Shortest | Way::BitByBit => opened.write(&apart, done, |key| {
                    self.change(|recent| recent.done = Some(key));
                })?,
            }
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

fn octets(changes: &Changes) -> usize {
    let each = changes.iter();
    each.map(|(key, value)| size(key, value.as_deref())).sum()
}

fn size(key: &[u8], value: Option<&[u8]>) -> usize {
    key.len() + value.map_or(0, <[u8]>::len)
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
        self.shelves.set_apart();
        let shelves = Arc::clone(&self.shelves);
        let thread = thread::Builder::new().name("store-checkpoint".to_owned());
        // Without a thread it is done where it is waited for.
        self.running = thread.spawn(move || shelves.checkpoint(Way::Shortest)).ok();
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
        self.shelves.checkpoint(Way::BitByBit)
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// A change of one of a few keys: two of them are large enough for a table.
    fn change() -> impl Strategy<Value = (u8, Option<(u8, usize)>)> {
        let size = prop_oneof![Just(3), Just(TABLE / 2 + 1)];
        (0u8..6, prop::option::of((any::<u8>(), size)))
    }

    #[derive(Debug, Clone)]
    enum Step {
        Publish(Vec<(u8, Option<(u8, usize)>)>),
        Checkpoint,
        /// A checkpoint that came to nothing at first.
        Retried,
        Reopen,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => prop::collection::vec(change(), 1..5).prop_map(Step::Publish),
            2 => Just(Step::Checkpoint),
            1 => Just(Step::Retried),
            1 => Just(Step::Reopen),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
        /// Whichever way it was written, and whatever was written before: readers find the latest, and so they do after an opening.
        #[test]
        fn what_was_published_is_read(steps in prop::collection::vec(step(), 1..12)) {
            let folder = tempfile::tempdir().unwrap();
            let mut tables = Checkpoints::new(Arc::new(Shelves::open(folder.path()).unwrap()));
            let mut model = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Publish(changes) => {
                        let changes = changes.into_iter().map(|(key, value)| {
                            (vec![key], value.map(|(octet, size)| vec![octet; size]))
                        });
                        let changes: Changes = changes.collect();
                        model.extend(changes.clone());
                        tables.publish(changes);
                    }
                    Step::Checkpoint => {
                        tables.begin_checkpoint();
                        tables.finish_checkpoint().unwrap();
                    }
                    Step::Retried => {
                        tables.shelves.set_apart();
                        tables.finish_checkpoint().unwrap();
                    }
                    Step::Reopen => {
                        tables.begin_checkpoint();
                        tables.finish_checkpoint().unwrap();
                        drop(tables);
                        tables = Checkpoints::new(Arc::new(Shelves::open(folder.path()).unwrap()));
                    }
                }
                let mut found = Changes::new();
                let mut each = |key: &[u8], value: &[u8]| {
                    found.insert(key.to_vec(), Some(value.to_vec()));
                };
                tables.shelves.visit(b"", &mut each).unwrap();
                let mut expected = model.clone();
                expected.retain(|_, value| value.is_some());
                prop_assert!(found == expected);
                for (key, value) in &model {
                    prop_assert!(tables.shelves.get(key).unwrap() == *value);
                }
            }
        }
    }
}
