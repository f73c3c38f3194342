//! What is told of leases that go on: each once a second at most, whatever its client does, and where they differ the end that its
//! client was told last. Part of the engine, and as pure.

use std::collections::{BTreeSet, HashSet};
use std::net::Ipv4Addr;

use super::engine::{Action, Engine};
use super::event::Event;
use super::lease::{Lease, LeaseState};

/// Which leases were told of in this second.
#[derive(Debug, Default)]
pub(super) struct Renewals {
    second: u64,
    told: HashSet<Ipv4Addr>,
    /// Those that went on again in the same second, to be told of in a later one.
    untold: BTreeSet<Ipv4Addr>,
    looked: u64,
}

impl Renewals {
    /// Whether the lease of `address` may be told of now; else it is kept for later.
    fn may(&mut self, now: u64, address: Ipv4Addr) -> bool {
        if self.second != now {
            self.second = now;
            self.told.clear();
        }
        let may = self.told.insert(address);
        match may {
            true => self.untold.remove(&address),
            false => self.untold.insert(address),
        };
        may
    }

    /// Nothing more is to be told of the lease that `address` had.
    pub(super) fn forget(&mut self, address: Ipv4Addr) {
        self.untold.remove(&address);
    }

    /// Those that were kept in an earlier second.
    fn take_due(&mut self, now: u64) -> BTreeSet<Ipv4Addr> {
        if self.looked == now || self.untold.is_empty() {
            return BTreeSet::new();
        }
        self.looked = now;
        let is_due = |address: &Ipv4Addr| self.second != now || !self.told.contains(address);
        let (due, kept) = std::mem::take(&mut self.untold)
            .into_iter()
            .partition(is_due);
        self.untold = kept;
        due
    }
}

/// Whether a lease is another's no longer than before: in the place of what its address was, it goes on.
pub(super) fn goes_on(lease: &Lease, before: &Lease) -> bool {
    before.state == LeaseState::Active && before.client == lease.client
}

impl Engine {
    /// Tells of the lease of `address`, which goes on.
    pub(super) fn tell_renewed(&mut self, now: u64, address: Ipv4Addr, out: &mut Vec<Action>) {
        let record = self.table.get(address);
        let Some(record) = record.filter(|record| record.lease.state == LeaseState::Active) else {
            return;
        };
        if self.renewals.may(now, address) {
            let lease = record.lease.clone();
            out.push(Action::Event(Event::Renewed { lease }));
        }
    }

    /// Tells of those that went on more than once in a second.
    pub(super) fn tell_renewed_since(&mut self, now: u64, out: &mut Vec<Action>) {
        for address in self.renewals.take_due(now) {
            self.tell_renewed(now, address, out);
        }
    }

    /// Tells of the lease of `address`, which begins.
    pub(super) fn tell_committed(&mut self, lease: Lease, out: &mut Vec<Action>) {
        self.renewals.forget(lease.address);
        out.push(Action::Event(Event::Committed { lease }));
    }
}
