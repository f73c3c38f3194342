//! The server's beginning: the leases that the store remembers, and what is so until the worker has taken them in. A million of them
//! take it a while, and nobody need wait for it to hear that it serves nothing yet.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::ServerError;
use crate::serve::dhcp::lease::{Lease, LeaseState, PREFIX};
use crate::store::Store;

/// What is so until the leases are taken in.
#[derive(Debug)]
pub(super) struct Beginning {
    is_over: Arc<AtomicBool>,
    leased: usize,
}

impl Beginning {
    /// Whether the worker is not there yet: then nothing is configured, and it listens nowhere.
    pub(super) fn lasts(&self) -> bool {
        !self.is_over.load(Ordering::Acquire)
    }

    /// How many leases are in force.
    pub(super) fn leased(&self) -> usize {
        self.leased
    }
}

/// Ends the beginning when it is dropped: also where the worker panicked, so that nobody is told of one that lasts for ever.
pub(super) struct End(Arc<AtomicBool>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The beginning with these leases at `now`, in the seconds of the wall clock, and what ends it.
pub(super) fn of(leases: &[Lease], now: u64) -> (Beginning, End) {
    let is_in_force = |lease: &&Lease| lease.state == LeaseState::Active && lease.held_until > now;
    let is_over = Arc::new(AtomicBool::new(false));
    let beginning = Beginning {
        is_over: Arc::clone(&is_over),
        leased: leases.iter().filter(is_in_force).count(),
    };
    (beginning, End(is_over))
}

/// Reads them.
///
/// # Errors
/// [`ServerError`] where the store cannot be read, or one of them not: without it its address could be promised twice.
pub(super) fn load(store: &impl Store) -> Result<Vec<Lease>, ServerError> {
    let (mut leases, mut vlans, mut fault) = (Vec::new(), BTreeSet::new(), None);
    let read = store.visit(PREFIX, &mut |key, value| match Lease::decode(key, value) {
        Ok(mut lease) => {
            // Many leases, few VLANs.
            if let Some(vlan) = &lease.vlan {
                vlans.insert(Arc::clone(vlan));
                lease.vlan = vlans.get(vlan).cloned();
            }
            leases.push(lease);
        }
        Err(source) => {
            let key = key.to_vec();
            fault.get_or_insert(ServerError::Lease { key, source });
        }
    });
    read.map_err(ServerError::Load)?;
    fault.map_or(Ok(leases), Err)
}
