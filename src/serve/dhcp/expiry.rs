//! Leases, offers and quarantines end when their time is over. Part of the engine, and as pure.
//!
//! A lease that a message is about is ended before the message is looked at, so that nothing depends on how far the rest got; the
//! rest is ended a few at a time, so that a site whose leases end all at once is answered meanwhile.

use std::net::Ipv4Addr;

use smallvec::SmallVec;

use super::config::Config;
use super::engine::{Action, Engine};
use super::event::Event;
use super::lease::LeaseState;
use super::wire::{Message, code};
use crate::serve::dhcp::allocate::Asker;

/// Ended at once: a fraction of a millisecond, names included.
const AT_ONCE: usize = 128;

impl Engine {
    /// Whether a tick would end something at `now`.
    pub fn is_behind(&self, now: u64) -> bool {
        self.table.is_due(now)
    }

    /// Up to when all that is over has ended.
    pub(super) fn ended_until(&self, now: u64) -> u64 {
        self.table.first_due().map_or(now, |due| due.min(now))
    }

    pub(super) fn expire(&mut self, now: u64, out: &mut Vec<Action>) {
        for _ in 0..AT_ONCE {
            let Some(address) = self.table.next_due(now) else {
                return;
            };
            self.end_by_time(address, out);
        }
    }

    /// Ends what is over of all that this message may be about: the addresses that its client had, names, or has reserved.
    pub(super) fn settle_for(
        &mut self,
        config: &Config,
        message: &Message<'_>,
        asker: &Asker,
        now: u64,
        out: &mut Vec<Action>,
    ) {
        let reserved = asker.host.and_then(|host| config.reservation(host));
        let reserved = reserved.into_iter().flat_map(|own| &own.addresses);
        let mut about: SmallVec<[Ipv4Addr; 8]> = reserved.copied().collect();
        about.extend(self.table.addresses_of(&asker.client));
        about.extend(message.options.address(code::REQUESTED_ADDRESS));
        about.push(message.ciaddr);
        for address in about {
            self.settle(address, now, out);
        }
    }

    /// Ends what is over of one address.
    pub(super) fn settle(&mut self, address: Ipv4Addr, now: u64, out: &mut Vec<Action>) {
        let record = self.table.get(address);
        if record.is_some_and(|record| record.is_over(now)) {
            self.end_by_time(address, out);
        }
    }

    fn end_by_time(&mut self, address: Ipv4Addr, out: &mut Vec<Action>) {
        let Some(record) = self.table.get(address) else {
            return;
        };
        if record.pending.is_some() {
            // Its fate is being written: it lives on, or is due again where the write fails.
            return;
        }
        let mut lease = record.lease.clone();
        self.renewals.forget(address);
        let was_ever_active = lease.state != LeaseState::Offered || lease.expires != 0;
        self.freed(&lease);
        if lease.state == LeaseState::Active {
            let lease = lease.clone();
            out.push(Action::Event(Event::Expired { lease }));
        }
        self.withdraw(lease.name.take(), address, out);
        lease.become_idle();
        if was_ever_active || self.config.scope_of(address).is_some() {
            self.table.put(lease);
        } else {
            self.table.remove(address);
        }
    }
}
