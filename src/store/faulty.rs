//! A store in memory that loses what was not synced, for tests: its disk can stall, fail and lose power on request.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};

use super::{Batch, Store, StoreError, Write};

/// Behaves as a store on a disk that the test commands.
pub struct Faulty {
    disk: Mutex<Disk>,
    /// How many batches wait for a sync.
    waiting: watch::Sender<usize>,
}

#[derive(Default)]
struct Disk {
    durable: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Written, not yet synced: lost in a crash, and not visible.
    unsynced: VecDeque<(Batch, oneshot::Sender<Result<(), StoreError>>)>,
    stalled: bool,
    failing: bool,
}

impl Default for Faulty {
    fn default() -> Self {
        Self {
            disk: Mutex::default(),
            waiting: watch::Sender::new(0),
        }
    }
}

impl Faulty {
    /// From now on syncs take until [`Self::release`].
    pub fn stall(&self) {
        self.disk().stalled = true;
    }

    /// Lets the waiting sync return, and those after it.
    pub fn release(&self) {
        let mut disk = self.disk();
        disk.stalled = false;
        disk.sync();
        self.waiting.send_replace(disk.unsynced.len());
    }

    /// Whether writes fail from now on, as on a full disk.
    pub fn fail(&self, failing: bool) {
        self.disk().failing = failing;
    }

    /// Cuts the power: what was not synced is gone, and nobody learns what became of it.
    pub fn crash(&self) {
        let mut disk = self.disk();
        disk.unsynced.clear();
        disk.stalled = false;
        self.waiting.send_replace(0);
    }

    /// Returns once at least `count` batches wait for a sync.
    pub async fn until_waiting(&self, count: usize) {
        let mut waiting = self.waiting.subscribe();
        // The sender lives in `self`, so waiting cannot end early.
        let _ = waiting.wait_for(|now| *now >= count).await;
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    fn sync(&mut self) {
        while let Some((batch, done)) = self.unsynced.pop_front() {
            let answer = self.apply(batch);
            // A caller that no longer waits needs no answer.
            drop(done.send(answer));
        }
    }

    fn apply(&mut self, batch: Batch) -> Result<(), StoreError> {
        if self.failing {
            return Err(StoreError::Write(io::ErrorKind::StorageFull.into()));
        }
        let holds = |guard: &super::Guard| self.durable.get(&guard.key) == guard.expected.as_ref();
        if !batch.guards.iter().all(holds) {
            return Err(StoreError::Guard);
        }
        for write in batch.writes {
            match write {
                Write::Put { key, value } => drop(self.durable.insert(key, value)),
                Write::Delete { key } => drop(self.durable.remove(&key)),
            }
        }
        Ok(())
    }
}

impl Store for Faulty {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.disk().durable.get(key).cloned())
    }

    fn visit(&self, prefix: &[u8], each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        let disk = self.disk();
        let within = disk
            .durable
            .range(prefix.to_vec()..)
            .take_while(|(key, _)| key.starts_with(prefix));
        within.for_each(|(key, value)| each(key, value));
        Ok(())
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let (done, answer) = oneshot::channel();
        {
            let mut disk = self.disk();
            disk.unsynced.push_back((batch, done));
            if !disk.stalled {
                disk.sync();
            }
            self.waiting.send_replace(disk.unsynced.len());
        }
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn forgets_what_was_not_synced() {
        let put = |key: &[u8]| Batch {
            writes: vec![Write::Put {
                key: key.into(),
                value: b"v".into(),
            }],
            ..Batch::default()
        };
        let store = Faulty::default();
        store.commit(put(b"kept")).await.unwrap();
        store.stall();
        let (lost, ()) = tokio::join!(store.commit(put(b"lost")), async {
            store.until_waiting(1).await;
            assert_eq!(store.get(b"lost").unwrap(), None);
            store.crash();
        });
        assert!(matches!(lost, Err(StoreError::Closed)));
        store.fail(true);
        let failed = store.commit(put(b"failed")).await;
        assert!(matches!(failed, Err(StoreError::Write(_))));
        assert_eq!(
            store.range(b"").unwrap(),
            [(b"kept".to_vec(), b"v".to_vec())]
        );
    }
}
