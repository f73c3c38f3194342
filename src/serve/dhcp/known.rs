//! Which host with a reservation a client is, beyond what its present message shows. Part of the engine, and as pure.

use std::net::Ipv4Addr;

use super::config::{Config, HostId, Served};
use super::engine::Engine;
use super::exchange::{Exchange, Obstacle, Reserved};
use super::lease::{ClientKey, Known, LeaseState};
use super::outcome::Refusal;
use super::wire::{Message, code};
use crate::base::identity::{Identity, IdentityKind};
use crate::base::mac::MacAddr;
use crate::base::policy::ClientIdentity;

/// What a client may have shown before and not now.
const REMEMBERED: [IdentityKind; 3] = [
    IdentityKind::ClientId,
    IdentityKind::Duid,
    IdentityKind::MachineId,
];

/// How many of a client's last exchanges are looked at for what it showed.
const SHOWN: usize = 16;

impl Engine {
    /// The host that a client is by what it showed before: as long as it has the host's address, it is that host.
    ///
    /// Firmware tells the machine's number and systems do not. Under `identity "mac"` firmware and system are one client, whatever
    /// each calls itself.
    pub(super) fn remembered(
        &self,
        config: &Config,
        message: &Message<'_>,
        served: &Served,
        client: &ClientKey,
    ) -> Option<(HostId, Option<Box<Known>>)> {
        let is_by_mac = served.scope.policy.identity == ClientIdentity::Mac;
        let is_unsaid = |kind| match kind {
            IdentityKind::Mac | IdentityKind::CircuitId => false,
            IdentityKind::ClientId | IdentityKind::Duid => is_by_mac,
            IdentityKind::MachineId => !message.options.has(code::MACHINE_ID),
        };
        if !REMEMBERED
            .into_iter()
            .any(|kind| is_unsaid(kind) && config.asks_for(kind))
        {
            return None;
        }
        let by_hardware = ClientKey::of_hardware(message.hardware);
        let own = self.table.addresses_of(client).into_iter();
        let mut own = own.chain(self.table.addresses_of(&by_hardware));
        own.find_map(|address| {
            let lease = &self.table.get(address)?.lease;
            let host = config.owner(address)?;
            let is_its = match lease.known.as_deref()? {
                Known::By(identity) => {
                    is_unsaid(identity.kind()) && config.knows(host, served.vlan, identity)
                }
                // Not in force, and so nobody's.
                Known::Found(_) | Known::Declined => false,
                Known::Untold => REMEMBERED
                    .into_iter()
                    .any(|kind| is_unsaid(kind) && config.is_known_by(host, served.vlan, kind)),
            };
            let is_in_force = lease.state == LeaseState::Active;
            let is_its = is_its && is_in_force && lease.hardware == message.hardware;
            is_its.then(|| (host, lease.known.clone()))
        })
    }

    /// What is reserved for a client, in whichever VLANs: by its hardware address, or by what else it showed there lately.
    pub fn reserved_for(&self, mac: MacAddr) -> Vec<Reserved> {
        let heard = self.exchanges(mac, SHOWN);
        let mut reserved = self.config.reserved_where(|vlan| {
            let own = move |kind| (kind == IdentityKind::Mac).then_some(Identity::Mac(mac));
            let here = heard
                .iter()
                .rev()
                .filter(|one| one.vlan.as_ref() == Some(vlan));
            let number = self.config.number(vlan)?;
            let mut shown = here.map(|exchange| |kind| exchange.said.identity(kind));
            let found = self.config.host(number, own);
            let found = found.or_else(|| shown.find_map(|shown| self.config.host(number, shown)));
            found.or_else(|| self.in_force(mac, number))
        });
        for own in &mut reserved {
            let found = own
                .addresses
                .iter()
                .filter_map(|at| self.obstacle(*at, mac, &heard));
            own.obstacles = found.collect();
        }
        reserved
    }

    /// The host whose address in this VLAN a client has.
    fn in_force(&self, mac: MacAddr, vlan: usize) -> Option<HostId> {
        let mut own = self.table.of_hardware(mac.into());
        own.find_map(|record| {
            let lease = &record.lease;
            let host = self.config.host(vlan, |kind| lease.identity(kind))?;
            let is_its = self.config.owner(lease.address) == Some(host);
            (is_its && lease.state == LeaseState::Active).then_some(host)
        })
    }

    /// Why a client has not what is reserved for it; `heard` are its last exchanges.
    fn obstacle(&self, address: Ipv4Addr, mac: MacAddr, heard: &[Exchange]) -> Option<Obstacle> {
        let lease = &self.table.get(address)?.lease;
        let (why, until) = match lease.state {
            LeaseState::Declined => (Refusal::Quarantined, Some(lease.held_until)),
            LeaseState::Active if lease.hardware.mac() != Some(mac) => {
                let until = (!lease.is_infinite()).then_some(lease.expires);
                (Refusal::Held(lease.hardware), until)
            }
            LeaseState::Active | LeaseState::Offered | LeaseState::Idle => return None,
        };
        let circuit = lease.agent.as_ref().map(|agent| &agent.circuit);
        let circuit = circuit.filter(|circuit| !circuit.is_empty());
        let last = heard.last().map(|exchange| &exchange.said);
        let gives_way = last.is_some_and(|said| {
            let by_circuit = circuit.is_some() && said.circuit.as_ref() == circuit;
            let id = lease.client.id();
            by_circuit || (id.is_some() && said.client_id.as_deref() == id)
        });
        Some(Obstacle {
            address,
            why,
            until,
            gives_way: gives_way && lease.state == LeaseState::Active,
        })
    }
}
