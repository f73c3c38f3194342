//! How leases end by their clients' word: RELEASE and DECLINE (RFC 2131 4.3.3, 4.3.4). Part of the engine, and as pure.

use std::net::Ipv4Addr;

use super::ask::Ask;
use super::engine::{Action, BatchId, Engine};
use super::event::{Event, Release};
use super::lease::{Known, Lease, LeaseState};
use super::outcome::{Outcome, Silence};
use super::wire::code;
use crate::base::mac::MacAddr;

/// What an address is once its lease ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Becomes {
    Free,
    /// Its client found it in use, and nobody gets it until then.
    Declined(u64),
    /// The same, but we found it ourselves; and by whom, where the link told.
    Found {
        until: u64,
        by: Option<MacAddr>,
    },
}

/// The server that a client means, where it is not us (RFC 2131 table 5); some name none.
fn other_server(ask: &Ask<'_>) -> Option<Ipv4Addr> {
    let server = ask.message.options.address(code::SERVER_ID)?;
    (!ask.is_us(server)).then_some(server)
}

impl Engine {
    pub(super) fn release(&mut self, ask: &Ask<'_>, out: &mut Vec<Action>) -> Outcome {
        let address = ask.message.ciaddr;
        if address.is_unspecified() {
            return Outcome::Unanswered(Silence::NothingNamed);
        }
        if let Some(silence) = self.why_not_ended(ask, address) {
            return Outcome::Unanswered(silence);
        }
        let lease = self.table.get(address).map(|record| record.lease.clone());
        self.end(address, Becomes::Free, ask.now, out);
        let how = Release::ByClient;
        out.extend(lease.map(|lease| Action::Event(Event::Released { lease, how })));
        Outcome::Released { address }
    }

    pub(super) fn decline(&mut self, ask: &Ask<'_>, out: &mut Vec<Action>) -> Outcome {
        let Some(address) = ask.message.options.address(code::REQUESTED_ADDRESS) else {
            return Outcome::Unanswered(Silence::NothingNamed);
        };
        if let Some(silence) = self.why_not_ended(ask, address) {
            return Outcome::Unanswered(silence);
        }
        let seconds = ask.served.scope.policy.quarantine_time.0;
        let until = ask.now + u64::from(seconds);
        let before = self.table.get(address).map(|record| record.lease.clone());
        let ended = self.end(address, Becomes::Declined(until), ask.now, out);
        let owner = ask.config.owner(address);
        let host = owner.and_then(|host| Some(ask.config.reservation(host)?.host.clone()));
        let freed = self.bound_quarantine(address, ask.now, out);
        if let (Some((lease, _)), Some(before)) = (ended, before) {
            let (of, before) = (lease.clone(), Box::new(before));
            out.push(Action::Event(Event::Declined {
                lease,
                before,
                freed,
            }));
            out.extend(host.map(|host| Action::Event(Event::Contested { lease: of, host })));
        }
        Outcome::Declined { address }
    }

    /// Why the word of a client ends nothing.
    fn why_not_ended(&self, ask: &Ask<'_>, address: Ipv4Addr) -> Option<Silence> {
        if let Some(server) = other_server(ask) {
            return Some(Silence::OtherServer(server));
        }
        (!self.holds_active(ask, address)).then_some(Silence::NotItsLease(address))
    }

    /// Whether the client has leased `address` where it is; one that calls itself the same on another VLAN has not.
    fn holds_active(&self, ask: &Ask<'_>, address: Ipv4Addr) -> bool {
        let record = ask.neighbour(address).and_then(|_| self.table.get(address));
        record.is_some_and(|record| {
            record.lease.state == LeaseState::Active && ask.asker.holds(ask.config, record)
        })
    }

    /// Ends a lease at once, and tells what became of it and by which write. Nobody is promised anything by that, so nothing waits for its write.
    pub(super) fn end(
        &mut self,
        address: Ipv4Addr,
        becomes: Becomes,
        now: u64,
        out: &mut Vec<Action>,
    ) -> Option<(Lease, BatchId)> {
        let record = self.table.get(address)?;
        let (mut lease, pending) = (record.lease.clone(), record.pending);
        if let Some(batch) = pending {
            self.abandon(batch);
        }
        self.renewals.forget(address);
        self.withdraw(lease.name.take(), address, out);
        lease.since = now;
        let (state, until) = match becomes {
            Becomes::Free => {
                lease.leave_quarantine();
                (LeaseState::Idle, now)
            }
            Becomes::Declined(until) => (LeaseState::Declined, until),
            Becomes::Found { until, by } => {
                lease.known = Some(Box::new(Known::Found(by)));
                (LeaseState::Declined, until)
            }
        };
        lease.state = state;
        (lease.expires, lease.held_until) = (until, until);
        if state == LeaseState::Idle {
            self.freed(&lease);
        }
        self.table.put(lease.clone());
        let batch = self.next_batch();
        let stored = lease.clone();
        out.push(Action::Persist {
            batch,
            lease: stored,
        });
        Some((lease, batch))
    }
}
