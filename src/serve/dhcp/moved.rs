//! A client that moves to the address that is reserved for it leaves the one that it had; and one that moves elsewhere leaves what the
//! site gives to another by now. Part of the engine, and as pure.

use std::net::Ipv4Addr;

use super::ask::Ask;
use super::ending::Becomes;
use super::engine::{Action, Engine};
use super::event::{Event, Release};
use super::lease::{Lease, LeaseState};

impl Engine {
    /// Ends what else the client has in the VLAN, now that it was told of `address`: nobody else could have it as long as it lasts.
    pub(super) fn leave_others(&mut self, now: u64, address: Ipv4Addr, out: &mut Vec<Action>) {
        for lease in self.others(address) {
            self.end(lease.address, Becomes::Free, now, out);
            let how = Release::Moved;
            out.push(Action::Event(Event::Released { lease, how }));
        }
    }

    /// Whether the client asks for an address that it had once, while another one is reserved for it and free.
    pub(super) fn is_due_elsewhere(&self, ask: &Ask<'_>, address: Ipv4Addr) -> bool {
        let record = self.table.get(address);
        let is_over = record.is_some_and(|record| record.lease.state == LeaseState::Idle);
        let own = ask.asker.host.filter(|_| is_over);
        let Some(reservation) = own.and_then(|host| ask.config.reservation(host)) else {
            return false;
        };
        let mut reserved = reservation.addresses.iter();
        !reservation.addresses.contains(&address)
            && reserved.any(|own| {
                let served = ask.neighbour(*own);
                served.is_some_and(|served| self.is_open(ask, served, *own))
            })
    }

    /// What who has leased `address` leaves for it: its leases in the same VLAN that are not reserved for it where `address` is, else
    /// those that are reserved for others. Who calls itself the same and is another machine keeps its own.
    fn others(&self, address: Ipv4Addr) -> Vec<Lease> {
        let Some(record) = self.table.get(address) else {
            return Vec::new();
        };
        let own = self.config.owner(address);
        let leaves = |lease: &Lease| match (own, self.config.owner(lease.address)) {
            (Some(own), other) => other != Some(own),
            (None, Some(other)) => self.config.is_of_another(other, lease),
            (None, None) => false,
        };
        let vlan = |lease: &Lease| {
            let scope = self.config.scope_of(lease.address);
            let now = scope.and_then(|served| self.config.vlan(served.vlan));
            now.or(lease.vlan.as_ref()).cloned()
        };
        let here = vlan(&record.lease);
        let all = self.table.addresses_of(&record.lease.client).into_iter();
        let leases = all.filter_map(|own| Some(&self.table.get(own)?.lease));
        let is_its = |lease: &Lease| lease.hardware == record.lease.hardware;
        leases
            .filter(|lease| {
                let is_other = lease.address != address && leaves(lease);
                is_other
                    && lease.state == LeaseState::Active
                    && is_its(lease)
                    && vlan(lease) == here
            })
            .cloned()
            .collect()
    }
}
