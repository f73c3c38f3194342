//! Leases that ran out while nobody ran the server. The store has them until their addresses are given again, and there may be a million:
//! here are their addresses alone, and each lease is read when its past is written, or before it is written over.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::serve::dhcp::history::Past;
use crate::serve::dhcp::lease::Lease;
use crate::store::Store;

pub(super) struct Unread<S> {
    store: Arc<S>,
    /// Sorted.
    addresses: Box<[Ipv4Addr]>,
    /// How many of them were read.
    read: AtomicUsize,
    /// When the server was started, and up to when an earlier one noticed what ran out.
    now: u64,
    noticed: Option<u64>,
    missing: Arc<AtomicU64>,
}

impl<S: Store> Unread<S> {
    /// Those of all leases in the store; in the order of their addresses.
    pub(super) fn among(
        leases: &[Lease],
        store: Arc<S>,
        (now, noticed): (u64, u64),
        missing: &Arc<AtomicU64>,
    ) -> Self {
        let noticed = Some(noticed).filter(|noticed| *noticed != 0);
        let unnoticed = |lease: &&Lease| Past::is_unnoticed(lease, now, noticed);
        let unnoticed = leases.iter().filter(unnoticed);
        let addresses = unnoticed.map(|lease| lease.address).collect();
        let (read, missing) = (AtomicUsize::new(0), Arc::clone(missing));
        Self {
            store,
            addresses,
            read,
            now,
            noticed,
            missing,
        }
    }

    /// Up to when what ran out is of the past once all are read.
    pub(super) fn now(&self) -> u64 {
        self.now
    }

    /// Whether all are read.
    pub(super) fn is_done(&self) -> bool {
        self.read.load(Ordering::Acquire) >= self.addresses.len()
    }

    /// Reads the next of them: one thread does. They count as read once they are, so that none is written over before.
    pub(super) fn next(&self, most: usize) -> Vec<Past> {
        let before = self.read.load(Ordering::Acquire);
        let next = self.addresses.iter().skip(before).take(most);
        let pasts = next.filter_map(|address| self.read(*address)).collect();
        let read = before.saturating_add(most);
        self.read.store(read, Ordering::Release);
        pasts
    }

    /// Reads one that is about to be written over, where nobody has yet. Both may read it, and its past is written once.
    pub(super) fn before_write(&self, address: Ipv4Addr) -> Option<Past> {
        let at = self.addresses.binary_search(&address).ok()?;
        if at < self.read.load(Ordering::Acquire) {
            return None;
        }
        self.read(address)
    }

    /// As the store has it; none where that is another by now.
    fn read(&self, address: Ipv4Addr) -> Option<Past> {
        let key = Lease::key_of(address);
        match self.store.get(&key) {
            Ok(value) => {
                let lease = Lease::decode(&key, &value?).ok()?;
                Past::unnoticed(lease, self.now, self.noticed)
            }
            Err(error) => {
                tracing::debug!(%error, %address, "a lease that ran out is missing from the history");
                self.missing.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }
}
