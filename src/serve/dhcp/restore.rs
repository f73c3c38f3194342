//! What an earlier engine promised is kept: many leases at once, as a start finds them. Must not know where they were.

use super::engine::{Action, Engine};
use super::holders::is_held;
use super::lease::Lease;
use super::names::NameChange;

impl Engine {
    /// An engine that keeps what an earlier one promised; `out` gets the names of the leases in force.
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
        engine.names.reserve(leases);
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
        let others: Vec<Lease> = leases.extract_if(.., |lease| !is_held(lease)).collect();
        self.republish(&mut leases, names);
        for lease in &mut leases {
            // A renewal that the disk covers is not written: the client may have been told as much as this.
            lease.expires = lease.held_until;
        }
        self.table.fill(leases);
        for lease in others {
            self.table.put(lease);
        }
    }

    /// The names of leases in force, as far as no other lease has them.
    fn republish(&mut self, leases: &mut [Lease], names: &mut Vec<NameChange>) {
        let named = { leases.iter() }.filter_map(|own| Some((own.name.as_ref()?, own.address)));
        let held = self.names.hold_all(named);
        let named = leases.iter_mut().filter(|lease| lease.name.is_some());
        for (lease, is_held) in named.zip(held) {
            let own = lease.name.take().filter(|_| is_held);
            lease.name = own.clone();
            let address = lease.address;
            names.extend(own.map(|name| NameChange::Publish { name, address }));
        }
    }
}
