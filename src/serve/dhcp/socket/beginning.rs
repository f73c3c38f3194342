//! The server's beginning: the leases that the store remembers, and what is so until the worker has taken them in. A million of them
//! take it a while, and nobody need wait for it to hear that it serves nothing yet.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SendError, sync_channel};
use std::thread;

use super::ServerError;
use crate::serve::dhcp::engine::Engine;
use crate::serve::dhcp::lease::{Lease, LeaseState, PREFIX};
use crate::serve::dhcp::names::NameChange;
use crate::store::Store;

/// Leases taken in at once: what there is to do for a million of them would take more memory than they do.
const TAKEN_IN: usize = 1024;

/// How often so many names may wait to be published: their memory comes back in one go later, and whoever asks then waits for that.
const AHEAD: usize = 4;

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

/// Reads them, and when the newest of them began.
///
/// # Errors
/// [`ServerError`] where the store cannot be read, or one of them not: without it its address could be promised twice.
pub(super) fn load(store: &impl Store) -> Result<(Vec<Lease>, u64), ServerError> {
    let (mut leases, mut vlans, mut fault) = (Vec::new(), BTreeSet::new(), None);
    let mut newest = 0;
    let read = store.visit(PREFIX, &mut |key, value| match Lease::decode(key, value) {
        Ok(mut lease) => {
            // Many leases, few VLANs.
            if let Some(vlan) = &lease.vlan {
                vlans.insert(Arc::clone(vlan));
                lease.vlan = vlans.get(vlan).cloned();
            }
            newest = lease.since.max(newest);
            leases.push(lease);
        }
        Err(source) => {
            let key = key.to_vec();
            fault.get_or_insert(ServerError::Lease { key, source });
        }
    });
    read.map_err(ServerError::Load)?;
    fault.map_or(Ok((leases, newest)), Err)
}

/// An engine that has taken them in; their names are published beside that, and all are when it is done.
pub(super) fn take_in(
    leases: Vec<Lease>,
    now: u64,
    publish: &(impl Fn(NameChange) + Sync),
) -> Engine {
    let mut engine = Engine::with_room(leases.len());
    let mut leases = leases.into_iter();
    thread::scope(|scope| {
        let (ready, names) = sync_channel::<Vec<NameChange>>(AHEAD);
        let beside = thread::Builder::new().name("dhcp-names".to_owned());
        let beside = beside.spawn_scoped(scope, || names.into_iter().flatten().for_each(publish));
        if let Err(error) = beside {
            tracing::debug!(%error, "names are published one after the other");
        }
        while leases.len() > 0 {
            let mut names = Vec::with_capacity(TAKEN_IN.min(leases.len()));
            let some = leases.by_ref().take(TAKEN_IN).collect();
            engine.remember(some, now, &mut names);
            // Without the other thread nobody is there to take them.
            if let Err(SendError(names)) = ready.send(names) {
                names.into_iter().for_each(publish);
            }
        }
    });
    engine
}
