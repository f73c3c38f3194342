//! What the worker does at an operator's word, and what it tells of leases. Decides nothing about a client.

use std::net::Ipv4Addr;

use tokio::sync::oneshot;

use super::command::Revoked;
use super::worker::Worker;
use super::{Page, ReleaseError};
use crate::serve::dhcp::lease::{Hardware, Lease};

impl<S, P> Worker<S, P> {
    /// The first `most` leases from `first` on.
    pub(super) fn page(&self, first: Ipv4Addr, most: usize) -> Page {
        let leases = self.engine.leases(self.clock.now(), first, most);
        let clock = self.clock.read();
        let told = leases.into_iter().map(|lease| clock.told(lease));
        let leases: Vec<Lease> = told.collect();
        let end = leases.last().filter(|_| leases.len() == most);
        let after = end.and_then(|lease| u32::from(lease.address).checked_add(1));
        Page {
            next: after.map(Ipv4Addr::from),
            event: self.log.next(),
            leases,
        }
    }

    pub(super) fn leases_of(&self, hardware: Hardware) -> Vec<Lease> {
        let leases = self.engine.leases_of(self.clock.now(), hardware);
        let clock = self.clock.read();
        let told = leases.into_iter().map(|lease| clock.told(lease));
        told.collect()
    }

    /// Ends a lease, unless it is another than was seen.
    pub(super) fn release(
        &mut self,
        address: Ipv4Addr,
        seen: Option<&Lease>,
        done: oneshot::Sender<Result<Lease, ReleaseError>>,
    ) {
        let now = self.clock.now();
        let present = || self.engine.leases(now, address, 1).pop();
        let is_as_seen = seen.is_none_or(|seen| {
            present().is_some_and(|lease| self.clock.read().told(lease) == *seen)
        });
        if !is_as_seen {
            return drop(done.send(Err(ReleaseError::Changed(address))));
        }
        match self.engine.revoke(now, address, &mut self.actions) {
            Some((lease, batch)) => {
                let lease = self.clock.read().told(lease);
                self.revoked.push(Revoked { batch, lease, done });
            }
            None => drop(done.send(Err(ReleaseError::NoLease(address)))),
        }
    }
}
