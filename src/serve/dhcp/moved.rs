//! A client that moves to the address that is reserved for it leaves the one that it had. Part of the engine, and as pure.

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

    /// Leases of who has leased `address`, in the same VLAN, that are not reserved for it; none where `address` is not either. Who calls
    /// itself the same and is another machine keeps its own.
    fn others(&self, address: Ipv4Addr) -> Vec<Lease> {
        let (owner, record) = (self.config.owner(address), self.table.get(address));
        let (Some(owner), Some(record)) = (owner, record) else {
            return Vec::new();
        };
        let vlan = |lease: &Lease| {
            let scope = self.config.scope_of(lease.address);
            let now = scope.and_then(|served| self.config.vlan(served.vlan));
            now.or(lease.vlan.as_ref()).cloned()
        };
        let here = vlan(&record.lease);
        let own = self.table.addresses_of(&record.lease.client).into_iter();
        let others = own.filter(|own| self.config.owner(*own) != Some(owner));
        let leases = others.filter_map(|own| Some(&self.table.get(own)?.lease));
        let is_its = |lease: &Lease| lease.hardware == record.lease.hardware;
        leases
            .filter(|lease| {
                lease.state == LeaseState::Active && is_its(lease) && vlan(lease) == here
            })
            .cloned()
            .collect()
    }
}
