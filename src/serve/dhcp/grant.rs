//! How a lease is granted: what needs no write, what waits for one, and the ACK. Part of the engine, and as pure.

use std::net::Ipv4Addr;

use super::ask::Ask;
use super::config::Served;
use super::engine::{Action, Engine, begun};
use super::event::Event;
use super::lease::{Lease, LeaseState};
use super::outcome::{Conclusion, Outcome, Silence};
use super::reply::{Answer, Reply};
use super::table::Record;
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
        if let Some(batch) = self.table.get(address).and_then(|record| record.pending) {
            self.coalesce(batch, expires, reply);
            return Silence::Repeated.into();
        }
        let is_reserved = ask.asker.owns(ask.config, address);
        let name = if is_reserved {
            // The zone has it already.
            None
        } else {
            let asked = ask.message.options.get(code::HOST_NAME);
            let domain = &served.scope.domain;
            if let Some(holder) = self.names.holder(domain, asked.as_deref()) {
                self.settle(holder, ask.now, out);
            }
            self.names
                .choose(ask.config, domain, asked.as_deref(), address)
        };
        let lease = Lease {
            expires,
            held_until: expires + u64::from(seconds / 8),
            name,
            ..self.continued(ask, served, address)
        };
        if self.covers(&lease) {
            self.table.renew(address, expires);
            out.push(Action::Send(reply));
            out.push(Action::Event(Event::Renewed { lease }));
            Outcome::Acknowledged { address }.into()
        } else if is_reserved {
            self.grant_reserved(lease, reply, out).into()
        } else if self.is_full() {
            self.forgo_name(lease);
            Silence::Busy.into()
        } else {
            self.hold_offer(ask, served, address);
            Conclusion::AtEnd(self.persist(lease, reply, out))
        }
    }

    /// The lease to be granted, as far as it goes on from the present one: a renewal begins nothing, and passes by the relay agent
    /// that told where the client is.
    fn continued(&self, ask: &Ask<'_>, served: &Served, address: Ipv4Addr) -> Lease {
        let mut lease = ask.lease(served, address, LeaseState::Active);
        let present = self.table.get(address).map(|record| &record.lease);
        let is_same = |old: &&Lease| old.state == LeaseState::Active && old.client == lease.client;
        if let Some(old) = present.filter(is_same) {
            lease.since = old.since;
            lease.agent = lease.agent.or_else(|| old.agent.clone());
        }
        lease
    }

    /// Gives up the name that a lease not granted would have had; one that the address has already stays.
    fn forgo_name(&mut self, lease: Lease) {
        let record = self.table.get(lease.address);
        let present = record.and_then(|record| record.lease.name.as_ref());
        if let Some(name) = lease.name.filter(|name| Some(name) != present) {
            self.names.release(&name, lease.address);
        }
    }

    /// Whether what is on disk promises all of `lease` already, so that a renewal needs no write.
    fn covers(&self, lease: &Lease) -> bool {
        let record = self.table.get(lease.address);
        record.is_some_and(|Record { lease: old, .. }| {
            old.state == LeaseState::Active
                && old.client == lease.client
                && old.hardware == lease.hardware
                && old.name == lease.name
                && old.agent == lease.agent
                && lease.expires <= old.held_until
        })
    }

    /// A declared address is promised by the applied site, which is durable and gives it to nobody else; the lease is
    /// written behind the answer, for those who ask who is there.
    fn grant_reserved(&mut self, lease: Lease, reply: Reply, out: &mut Vec<Action>) -> Outcome {
        let address = lease.address;
        let before = self.table.get(address).map(|record| &record.lease);
        let former = before.and_then(|old| old.name.clone());
        let event = match before {
            Some(before) => begun(lease.clone(), before),
            None => Event::Committed {
                lease: lease.clone(),
            },
        };
        self.table.put(lease.clone());
        self.withdraw(former, address, out);
        let batch = self.next_batch();
        out.push(Action::Persist { batch, lease });
        out.push(Action::Send(reply));
        out.push(Action::Event(event));
        Outcome::Acknowledged { address }
    }
}
