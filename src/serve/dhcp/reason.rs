//! Why the engine decided as it did, looked up once it has. Part of the engine, and as pure.

use std::net::Ipv4Addr;

use super::ask::Ask;
use super::engine::Engine;
use super::lease::LeaseState;
use super::outcome::{Refusal, Silence};

impl Engine {
    /// Why the client of `ask` may not have `address`.
    pub(super) fn why_refused(&self, ask: &Ask<'_>, address: Ipv4Addr) -> Refusal {
        let config = ask.config;
        let Some(served) = ask.neighbour(address) else {
            return Refusal::Elsewhere(config.vlan(ask.served.vlan).cloned());
        };
        let owner = config.owner(address);
        let others = owner.filter(|_| owner != ask.asker.host);
        if let Some(reservation) = others.and_then(|host| config.reservation(host)) {
            return Refusal::Reserved(reservation.host.clone());
        }
        if let Some(record) = self.table.get(address) {
            match record.lease.state {
                LeaseState::Declined => return Refusal::Quarantined,
                LeaseState::Active | LeaseState::Offered => {
                    if !ask.asker.holds(config, record) {
                        return Refusal::Held(record.lease.hardware);
                    }
                }
                LeaseState::Idle => {}
            }
        }
        if owner.is_none() && !served.pools_hold(address) {
            return Refusal::OutsideRanges;
        }
        Refusal::NoLease
    }

    /// Why there is no address to offer.
    pub(super) fn why_nothing(&self, ask: &Ask<'_>) -> Silence {
        let config = ask.config;
        let host = ask.asker.host;
        let own = host.and_then(|host| config.reservation(host));
        let own = own.into_iter().flat_map(|own| &own.addresses).copied();
        let mut own = own.filter(|address| ask.neighbour(*address).is_some());
        if let Some(address) = own.next() {
            let why = self.why_refused(ask, address);
            return Silence::ReservedTaken { address, why };
        }
        let vlan = config.vlan(ask.served.vlan).cloned();
        let mut scopes = config.beside(ask.served);
        if scopes.any(|served| served.pool_after(None).is_some()) {
            Silence::Exhausted(vlan)
        } else {
            Silence::NoRange(vlan)
        }
    }
}
