//! BOOTP (RFC 951, RFC 1534, RFC 1542): a reserved host gets its address for ever; nobody else gets any, since none would ever come
//! back. Part of the engine, and as pure.

use std::net::Ipv4Addr;

use super::ask::Ask;
use super::config::Served;
use super::engine::{Action, Engine};
use super::lease::{Lease, LeaseState};
use super::outcome::{Conclusion, Outcome, Silence};
use super::reply::Answer;
use super::wire::part;

impl Engine {
    pub(super) fn bootp(&mut self, ask: &Ask<'_>, out: &mut Vec<Action>) -> Conclusion {
        // RFC 951 7.3: one that names a server means that one alone, and we have no name.
        if part::<1>(ask.message.fixed, 44) != [0] {
            return Silence::NamedServer.into();
        }
        match self.declared_for(ask) {
            Some((served, address)) => self.grant_for_ever(ask, served, address, out),
            None => Silence::BootpUnreserved.into(),
        }
    }

    /// The address that is reserved for the client: where it says that it has one, no other.
    fn declared_for<'a>(&self, ask: &Ask<'a>) -> Option<(&'a Served, Ipv4Addr)> {
        let reservation = ask.config.reservation(ask.asker.host?)?;
        let own = ask.message.ciaddr;
        let places = reservation.addresses.iter();
        let places = places
            .filter(|address| own.is_unspecified() || **address == own)
            .filter_map(|address| Some((ask.neighbour(*address)?, *address)));
        let open = places.filter(|(served, address)| self.is_open(ask, served, *address));
        // The subnet that the message came from counts before its neighbours.
        open.min_by_key(|(served, _)| served.subnet != ask.served.subnet)
    }

    fn grant_for_ever(
        &mut self,
        ask: &Ask<'_>,
        served: &Served,
        address: Ipv4Addr,
        out: &mut Vec<Action>,
    ) -> Conclusion {
        let reply = ask.reply(Answer::Ack, served, address);
        if let Some(batch) = self.under_way_for(&ask.asker, address) {
            self.coalesce((batch, ask.now), Lease::INFINITE, (reply, None), out);
            return Silence::Repeated.into();
        }
        let is_written = self.table.get(address).is_some_and(|record| {
            let old = &record.lease;
            record.is_on_disk()
                && old.state == LeaseState::Active
                && old.client == ask.asker.client
                && old.held_until == Lease::INFINITE
        });
        if is_written {
            self.table.renew(address, Lease::INFINITE);
            let boot = reply.boot.clone();
            out.push(Action::Send(reply));
            return Outcome::Acknowledged { address, boot }.into();
        }
        if self.is_full() {
            return Silence::Busy.into();
        }
        let lease = Lease {
            expires: Lease::INFINITE,
            held_until: Lease::INFINITE,
            ..self.continued(ask, served, address)
        };
        self.hold_offer(ask, served, address);
        Conclusion::AtEnd(self.persist(ask.now, lease, (reply, None), out))
    }
}
