//! The network of machines' BMCs: what the site says of it, and what BMCs tell.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use super::{Changes, Desired, Key, Resource};
use crate::base::bmc::{AddressSource, BmcNetwork, BmcNetworkWish};
use crate::base::name::HostName;
use crate::site::model::{Bmc, Machine};

/// How a BMC is on the network that it is asked by. Its address is none of it: that is where it is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Where its address is from.
    pub source: AddressSource,
    /// None where nobody minds, as with what follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<Ipv4Addr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Ipv4Addr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan: Option<Tagging>,
}

/// Whether a BMC tags its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tagging {
    Untagged,
    /// With the id of this VLAN.
    Tagged(u16),
}

impl Network {
    pub fn found(told: BmcNetwork) -> Self {
        Self {
            source: told.source,
            mask: Some(told.mask),
            gateway: told.gateway,
            vlan: Some(told.vlan.map_or(Tagging::Untagged, Tagging::Tagged)),
        }
    }

    /// What to tell a BMC that is asked at `own`. From somewhere else than itself or DHCP none can be told to have its address.
    pub fn wish(&self, own: Ipv4Addr) -> BmcNetworkWish {
        let fixed = match self.source {
            AddressSource::Static | AddressSource::Other => self.mask.map(|mask| (own, mask)),
            AddressSource::Dhcp => None,
        };
        let vlan = self.vlan.map(|vlan| match vlan {
            Tagging::Untagged => None,
            Tagging::Tagged(id) => Some(id),
        });
        BmcNetworkWish {
            fixed,
            gateway: self.gateway.filter(|_| fixed.is_some()),
            vlan,
        }
    }

    /// Whether what a BMC tells is so.
    pub fn is_met_by(&self, found: &Self) -> bool {
        self.changes(found, Changes::default()).0.is_empty()
    }

    pub(super) fn changes(&self, from: &Self, changes: Changes) -> Changes {
        let mut changes = changes.field("source", &from.source, &self.source);
        if self.mask.is_some() {
            changes = changes.shown("mask", &from.mask, &self.mask, shown);
        }
        if self.gateway.is_some() {
            changes = changes.shown("gateway", &from.gateway, &self.gateway, shown);
        }
        if self.vlan.is_some() {
            changes = changes.shown("vlan", &from.vlan, &self.vlan, tagging);
        }
        changes
    }

    pub fn summary(&self) -> String {
        let mut words = vec![self.source.to_string()];
        words.extend(self.mask.map(|mask| format!("mask {mask}")));
        words.extend(self.gateway.map(|gateway| format!("gateway {gateway}")));
        words.extend(self.vlan.map(|_| format!("vlan {}", tagging(&self.vlan))));
        words.join(", ")
    }
}

fn shown(address: &Option<Ipv4Addr>) -> String {
    address.map_or_else(|| "none".to_owned(), |address| address.to_string())
}

fn tagging(vlan: &Option<Tagging>) -> String {
    match vlan {
        Some(Tagging::Tagged(id)) => id.to_string(),
        Some(Tagging::Untagged) => "untagged".to_owned(),
        None => "any".to_owned(),
    }
}

/// The address that a BMC is asked at, where it is of the family that its network is told in.
pub fn asked_at(bmc: &Bmc) -> Option<Ipv4Addr> {
    match bmc.account()?.address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

/// The network of a machine's BMC, where the site says something of it.
pub(super) fn desired(host: &HostName, machine: &Machine, into: &mut Desired) {
    let Some(wanted) = &machine.bmc_network else {
        return;
    };
    let network = Network {
        source: match wanted.mask {
            Some(_) => AddressSource::Static,
            None => AddressSource::Dhcp,
        },
        mask: wanted.mask,
        gateway: wanted.gateway,
        vlan: wanted
            .vlan
            .map(|vlan| vlan.map_or(Tagging::Untagged, Tagging::Tagged)),
    };
    let key = Key::Network {
        machine: host.clone(),
    };
    into.add(key, Resource::Network(network), &wanted.origin);
}
