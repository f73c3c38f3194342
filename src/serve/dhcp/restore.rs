//! What an earlier engine promised is kept: many leases at once, as a start finds them. Must not know where they were.

use super::engine::{Action, Engine};
use super::lease::{Lease, LeaseState};
use super::names::NameChange;

impl Engine {
    /// An engine that keeps what an earlier one promised: leases in the order of their addresses, one of each, as a store has them. `out`
    /// gets the names of those in force.
    pub fn restore(leases: Vec<Lease>, now: u64, out: &mut Vec<Action>) -> Self {
        let mut engine = Self::with_room(leases.len());
        let mut names = Vec::new();
        engine.remember(leases, now, &mut names);
        out.extend(names.into_iter().map(Action::Publish));
        engine
    }

    /// An engine that will remember so many leases.
    pub(super) fn with_room(leases: usize) -> Self {
        let mut engine = Self::default();
        engine.table.reserve(leases);
        engine
    }

    /// The same for some of them; `names` gets those of the leases in force.
    pub(super) fn remember(
        &mut self,
        mut leases: Vec<Lease>,
        now: u64,
        names: &mut Vec<NameChange>,
    ) {
        for lease in &mut leases {
            if lease.held_until <= now {
                lease.become_idle();
            }
        }
        let is_over = |lease: &mut Lease| lease.state != LeaseState::Active;
        let over: Vec<Lease> = leases.extract_if(.., is_over).collect();
        self.republish(&mut leases, names);
        for lease in &mut leases {
            // A renewal that the disk covers is not written: the client may have been told as much as this.
            lease.expires = lease.held_until;
        }
        self.table.fill(leases);
        for lease in over {
            self.table.put(lease);
        }
    }

    /// The names of leases in force, as far as no other lease has them.
    fn republish(&mut self, leases: &mut [Lease], names: &mut Vec<NameChange>) {
        let named = { leases.iter() }.filter_map(|own| Some((own.name.as_ref()?, own.address)));
        let held = self.names.hold_all(named);
        let named = leases.iter_mut().filter(|lease| lease.name.is_some());
        for (lease, is_its) in named.zip(held) {
            let own = lease.name.take().filter(|_| is_its);
            lease.name = own.clone();
            let address = lease.address;
            names.extend(own.map(|name| NameChange::Publish { name, address }));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::base::mac::MacAddr;
    use crate::serve::dhcp::lease::ClientKey;

    fn lease(last: u8, name: Option<&str>, held_until: u64) -> Lease {
        let hardware = MacAddr([2, 0, 0, 0, 0, last]).into();
        Lease {
            address: Ipv4Addr::new(10, 0, 0, last),
            client: ClientKey::of_hardware(hardware),
            hardware,
            state: LeaseState::Active,
            since: 1,
            expires: 2,
            held_until,
            name: name.map(|name| name.parse().unwrap()),
            vlan: None,
            agent: None,
            known: None,
        }
    }

    /// However many are taken in at once, each has its own name, of two that have one the first, and none that is over.
    #[test]
    fn names_find_their_leases() {
        let leases = [
            lease(10, None, 9),
            lease(11, Some("web.example"), 9),
            lease(12, Some("web.example"), 9),
            lease(13, Some("old.example"), 3),
            lease(14, None, 9),
            lease(15, Some("db.example"), 9),
        ];
        let expected = [(11, "web.example"), (15, "db.example")];
        let expected = expected.map(|(last, name)| (Ipv4Addr::new(10, 0, 0, last), name));
        for at_once in 1..=leases.len() {
            let (mut engine, mut names) = (Engine::default(), Vec::new());
            for some in leases.chunks(at_once) {
                engine.remember(some.to_vec(), 5, &mut names);
            }
            let published = names.iter().map(|change| match change {
                NameChange::Publish { name, address } => (*address, name.as_str()),
                NameChange::Withdraw { .. } => panic!("{change:?}"),
            });
            assert!(published.eq(expected), "{at_once} at once: {names:?}");
            let all = engine.leases(5, Ipv4Addr::UNSPECIFIED, 9);
            let named = all
                .iter()
                .filter_map(|own| Some((own.address, own.name.as_ref()?.as_str())));
            assert!(named.eq(expected), "{at_once} at once: {all:?}");
            assert_eq!((all.len(), engine.leased()), (6, 5), "{at_once} at once");
        }
    }
}
