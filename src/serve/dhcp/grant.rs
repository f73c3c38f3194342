//! How a lease is granted: what needs no write, what waits for one, and the ACK. Part of the engine, and as pure.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use super::ask::Ask;
use super::config::Served;
use super::engine::{Action, Engine};
use super::lease::{Lease, LeaseState};
use super::outcome::{Conclusion, Outcome, Silence};
use super::record::Record;
use super::reply::Answer;
use super::wire::code;

impl Engine {
    pub(super) fn grant(
        &mut self,
        ask: &Ask<'_>,
        served: &Served,
        address: Ipv4Addr,
        out: &mut Vec<Action>,
    ) -> Conclusion {
        let seconds = ask.lease_seconds(served);
        let expires = ask.now + u64::from(seconds);
        let reply = ask.reply(Answer::Ack, served, address);
        if let Some(batch) = self.under_way_for(&ask.asker, address) {
            let rest = self.rest(ask, served, address);
            self.coalesce((batch, ask.now), expires, (reply, rest), out);
            return Silence::Repeated.into();
        }
        if let Some(silence) = self.why_circuit_has_enough(ask, address) {
            return silence.into();
        }
        let is_reserved = ask.asker.owns(ask.config, address);
        let name = if is_reserved {
            // The zone has it already.
            None
        } else {
            // A machine that the site knows has its own name, whatever it asks for.
            let own = ask.config.unrecorded(ask.asker.host);
            let asked = own.map_or_else(
                || ask.message.options.get(code::HOST_NAME),
                |own| Some(Cow::Borrowed(own.as_str().as_bytes())),
            );
            let domain = &served.scope.domain;
            if let Some(holder) = self.names.holder(domain, asked.as_deref()) {
                self.settle(holder, ask.now, out);
            }
            let asked = (asked.as_deref(), own.is_some());
            self.names.choose(ask.config, domain, asked, address)
        };
        let lease = Lease {
            expires,
            held_until: self
                .counted_on(ask, address)
                .max(expires + u64::from(seconds / 8)),
            name,
            ..self.continued(ask, served, address)
        };
        if self.covers(&lease) {
            let boot = reply.boot.clone();
            out.push(Action::Send(reply));
            // Whoever asks all the time would push out what is told of others.
            if self.table.renew(address, expires) {
                self.tell_renewed(ask.now, address, out);
            }
            return Outcome::Acknowledged { address, boot }.into();
        }
        let rest = self.rest(ask, served, address);
        if !self.is_full() {
            if !self.has_offer(ask, address) {
                self.hold_offer(ask, served, address);
            }
            return Conclusion::AtEnd(self.persist(ask.now, lease, (reply, rest), out));
        }
        self.forgo_name(lease);
        match rest {
            Some(rest) => {
                self.tell_rest((address, ask.now), rest, out);
                let boot = reply.boot;
                Outcome::Acknowledged { address, boot }.into()
            }
            None => Silence::Busy.into(),
        }
    }

    /// Whether the client was offered `address`, under the name that it goes by now.
    fn has_offer(&self, ask: &Ask<'_>, address: Ipv4Addr) -> bool {
        let record = self.table.get(address);
        record.is_some_and(|Record { lease, .. }| {
            lease.state == LeaseState::Offered && lease.client == ask.asker.client
        })
    }

    /// The lease to be granted, as far as it goes on from the present one: a renewal begins nothing, and passes by the relay agent
    /// that told where the client is.
    pub(super) fn continued(&self, ask: &Ask<'_>, served: &Served, address: Ipv4Addr) -> Lease {
        let mut lease = ask.lease(served, address, LeaseState::Active);
        let present = self.table.get(address).map(|record| &record.lease);
        let is_same = |old: &&Lease| old.state == LeaseState::Active && old.client == lease.client;
        if let Some(old) = present.filter(is_same) {
            lease.since = old.since;
            lease.agent = lease.agent.or_else(|| old.agent.clone());
        }
        lease
    }

    /// Until when this client may count on `address` by what it was told before: a shorter time may never reach it, and no message
    /// shows which answers did. Only who has an address for ever has no need to ask for it: one that does was told of an end.
    fn counted_on(&self, ask: &Ask<'_>, address: Ipv4Addr) -> u64 {
        let record = self.table.get(address).filter(|record| {
            record.lease.state == LeaseState::Active && ask.asker.holds(ask.config, record)
        });
        record.map_or(0, |Record { lease, .. }| match lease.held_until {
            Lease::INFINITE => lease.expires,
            until => until,
        })
    }

    /// Gives up the name that a lease not granted would have had; one that the address has already stays.
    pub(super) fn forgo_name(&mut self, lease: Lease) {
        let record = self.table.get(lease.address);
        let present = record.and_then(|record| record.lease.name.as_ref());
        if let Some(name) = lease.name.filter(|name| Some(name) != present) {
            self.names.release(&name, lease.address);
        }
    }

    /// Whether what is on disk promises all of `lease` already, and not much more, so that a renewal needs no write.
    fn covers(&self, lease: &Lease) -> bool {
        let record = self.table.get(lease.address);
        let written = record.filter(|record| record.is_on_disk());
        written.is_some_and(|Record { lease: old, .. }| {
            old.state == LeaseState::Active
                && old.client == lease.client
                && old.hardware == lease.hardware
                && old.name == lease.name
                && old.known == lease.known
                && is_where_it_was(old, lease)
                && (lease.expires..=lease.held_until).contains(&old.held_until)
        })
    }
}

/// Whether the relay agent tells the same of where the client is.
fn is_where_it_was(old: &Lease, lease: &Lease) -> bool {
    match (&old.agent, &lease.agent) {
        (Some(old), Some(new)) => old.says_as(new),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}
