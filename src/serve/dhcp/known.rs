//! Which host with a reservation a client is, beyond what its present message shows. Part of the engine, and as pure.

use std::net::Ipv4Addr;

use super::config::{Config, HostId, Served};
use super::engine::Engine;
use super::exchange::Reserved;
use super::lease::{ClientKey, LeaseState};
use super::outcome::Refusal;
use super::wire::{Message, code};
use crate::base::identity::{Identity, IdentityKind};
use crate::base::mac::MacAddr;

/// How many of a client's last exchanges are looked at for what it showed.
const SHOWN: usize = 16;

impl Engine {
    /// The host that a client is by its machine's number, which firmware tells and systems do not: as long as it has the host's address,
    /// its system has it too.
    pub(super) fn remembered(
        &self,
        config: &Config,
        message: &Message<'_>,
        served: &Served,
        client: &ClientKey,
    ) -> Option<HostId> {
        if !config.asks_for(IdentityKind::MachineId) || message.options.has(code::MACHINE_ID) {
            return None;
        }
        let by_hardware = ClientKey::of_hardware(message.hardware);
        let own = self.table.addresses_of(client).into_iter();
        let mut own = own.chain(self.table.addresses_of(&by_hardware));
        own.find_map(|address| {
            let record = self.table.get(address)?;
            let host = config.owner(address)?;
            let is_its = record.lease.state == LeaseState::Active
                && record.lease.hardware == message.hardware
                && config.is_known_by(host, served.vlan, IdentityKind::MachineId);
            is_its.then_some(host)
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
            found.or_else(|| shown.find_map(|shown| self.config.host(number, shown)))
        });
        for own in &mut reserved {
            let found = own
                .addresses
                .iter()
                .filter_map(|at| self.obstacle(*at, mac));
            own.obstacles = found.collect();
        }
        reserved
    }

    /// Why a client cannot have just now what is reserved for it.
    fn obstacle(
        &self,
        address: Ipv4Addr,
        mac: MacAddr,
    ) -> Option<(Ipv4Addr, Refusal, Option<u64>)> {
        let lease = &self.table.get(address)?.lease;
        match lease.state {
            LeaseState::Declined => Some((address, Refusal::Quarantined, Some(lease.held_until))),
            LeaseState::Active if lease.hardware.mac() != Some(mac) => {
                let until = (!lease.is_infinite()).then_some(lease.expires);
                Some((address, Refusal::Held(lease.hardware), until))
            }
            LeaseState::Active | LeaseState::Offered | LeaseState::Idle => None,
        }
    }
}
