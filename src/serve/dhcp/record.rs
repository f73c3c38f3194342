//! What is known of one address. Must not know of others.

use super::circuit::Circuit;
use super::engine::BatchId;
use super::lease::{Known, Lease, LeaseState};

/// A lease as it was promised, and the write under way that would change it.
#[derive(Debug)]
pub(super) struct Record {
    pub lease: Lease,
    pub pending: Option<BatchId>,
    /// Whether another write went before the one under way, or before one that failed: the disk may say what that says.
    pub may_differ: bool,
    /// The circuit that its client is behind.
    pub circuit: Option<Circuit>,
    /// Whether it is reserved for nobody.
    pub is_open: bool,
    /// Whether it is found by its client.
    pub is_found: bool,
    /// Its number among the offers that are listed; 0 for none of them.
    pub listed: u64,
}

impl Record {
    /// Whether its time is over at `now`, noted or not; not while a write is under way that may change that.
    pub(super) fn is_over(&self, now: u64) -> bool {
        self.ends() && self.pending.is_none() && self.lease.held_until <= now
    }

    /// Whether it ends by time.
    pub(super) fn ends(&self) -> bool {
        match self.lease.state {
            LeaseState::Offered | LeaseState::Active | LeaseState::Declined => true,
            LeaseState::Idle => false,
        }
    }

    /// Whether the disk says the same, and will when no more is written.
    pub(super) fn is_on_disk(&self) -> bool {
        self.pending.is_none() && !self.may_differ
    }

    /// Whether a client found it in use, and nobody else did.
    pub(super) fn is_declined(&self) -> bool {
        let is_found = matches!(self.lease.known.as_deref(), Some(Known::Found(_)));
        self.lease.state == LeaseState::Declined && !is_found
    }

    /// Whether it is out of use by a client's word alone, where anybody could have had it.
    pub(super) fn is_out_of_use(&self) -> bool {
        self.is_declined() && self.is_open
    }

    /// The circuit that it counts for.
    pub(super) fn counts_for(&self) -> Option<Circuit> {
        let counts = match self.lease.state {
            LeaseState::Offered | LeaseState::Active => true,
            LeaseState::Idle => false,
            LeaseState::Declined => self.is_declined(),
        };
        self.circuit.filter(|_| counts && self.is_open)
    }

    /// The lease as it stands at `now`.
    pub(super) fn at(&self, now: u64) -> Lease {
        let mut lease = self.lease.clone();
        if self.is_over(now) {
            lease.become_idle();
        }
        lease
    }
}
