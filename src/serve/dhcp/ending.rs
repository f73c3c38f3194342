//! How leases end by their clients' word: RELEASE and DECLINE (RFC 2131 4.3.3, 4.3.4). Part of the engine, and as pure.

use std::net::Ipv4Addr;

use super::ask::Ask;
use super::engine::{Action, BatchId, Engine, Event};
use super::lease::{Lease, LeaseState};
use super::wire::code;

/// How long an address that is in use by a stranger stays out of use.
const QUARANTINE_SECONDS: u64 = 3600;

/// Whether a client that names a server means us (RFC 2131 table 5); some name none.
fn is_for_us(ask: &Ask<'_>) -> bool {
    let server = ask.message.options.address(code::SERVER_ID);
    server.is_none_or(|server| ask.config.is_server(server))
}

impl Engine {
    pub(super) fn release(&mut self, ask: &Ask<'_>, out: &mut Vec<Action>) {
        let address = ask.message.ciaddr;
        if is_for_us(ask) && self.holds_active(ask, address) {
            self.end(address, (LeaseState::Idle, ask.now), ask.now, out);
        } else {
            self.counters.ignored += 1;
        }
    }

    pub(super) fn decline(&mut self, ask: &Ask<'_>, out: &mut Vec<Action>) {
        match ask.message.options.address(code::REQUESTED_ADDRESS) {
            Some(address) if is_for_us(ask) && self.holds_active(ask, address) => {
                let until = ask.now + QUARANTINE_SECONDS;
                let lease = self.end(address, (LeaseState::Declined, until), ask.now, out);
                out.extend(lease.map(|(lease, _)| Action::Event(Event::Declined { lease })));
            }
            Some(_) | None => self.counters.ignored += 1,
        }
    }

    fn holds_active(&self, ask: &Ask<'_>, address: Ipv4Addr) -> bool {
        self.table.get(address).is_some_and(|record| {
            record.lease.state == LeaseState::Active && ask.asker.holds(ask.config, record)
        })
    }

    /// Ends a lease at once, and tells what became of it and by which write. Nobody is promised anything by that, so nothing waits for its write.
    pub(super) fn end(
        &mut self,
        address: Ipv4Addr,
        (state, time): (LeaseState, u64),
        now: u64,
        out: &mut Vec<Action>,
    ) -> Option<(Lease, BatchId)> {
        let record = self.table.get(address)?;
        let (mut lease, pending) = (record.lease.clone(), record.pending);
        if let Some(batch) = pending {
            self.abandon(batch);
        }
        self.withdraw(lease.name.take(), address, out);
        (lease.state, lease.since) = (state, now);
        (lease.expires, lease.held_until) = (time, time);
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
