//! The site as random histories change it: pools that move, reservations that come, go and change hands.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use bedplate::state::State;
use proptest::prelude::*;
use serde_json::json;

use super::judge::Who;

/// What clients may have or ask for; the last lies nowhere.
pub(super) const ADDRESSES: [Ipv4Addr; 9] = [
    near(10),
    near(11),
    near(12),
    near(13),
    near(14),
    near(50),
    far(100),
    far(101),
    Ipv4Addr::new(10, 77, 0, 5),
];

/// What is reserved for one of few.
pub(super) const RESERVED: Ipv4Addr = near(50);

/// What may be reserved; some of it lies in pools at times.
const RESERVABLE: [Ipv4Addr; 4] = [near(10), near(13), near(50), far(101)];

/// Pools of the servers' own subnet; `None` where it is not served at all.
const POOLS: [Option<RangeInclusive<u8>>; 5] = [
    Some(10..=12),
    Some(10..=11),
    Some(12..=14),
    None,
    Some(10..=14),
];

/// Addresses for clients in the layout that histories end with.
pub(super) const SPARE_ADDRESSES: [Ipv4Addr; 3] = [near(10), near(11), near(12)];
pub(super) const SPARE: u8 = 3;

const fn near(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

const fn far(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 9, 0, last)
}

/// Pools, and for whom an address is reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pools: usize,
    has_annex: bool,
    owners: BTreeMap<Ipv4Addr, u8>,
    probe: Probe,
    /// Whether clients are told apart by their hardware addresses alone.
    is_by_mac: bool,
}

/// Whether addresses are looked for, and who is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probe {
    Off,
    Nobody,
    /// Somebody has every odd address.
    Squatter,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            pools: 0,
            has_annex: true,
            owners: BTreeMap::new(),
            probe: Probe::Off,
            is_by_mac: false,
        }
    }
}

pub(super) fn layout() -> impl Strategy<Value = Layout> {
    let owner = || prop_oneof![3 => Just(None), 2 => (0..super::CLIENTS).prop_map(Some)];
    let owners = [owner(), owner(), owner(), owner()];
    let pools = prop_oneof![8 => 0usize..3, 1 => Just(3usize), 2 => Just(4usize)];
    let is_by_mac = prop::bool::weighted(0.2);
    let parts = (pools, 0u8..8, owners, is_by_mac);
    parts.prop_map(|(pools, annex, owners, is_by_mac)| {
        let mut layout = Layout {
            pools,
            has_annex: annex != 0,
            owners: BTreeMap::new(),
            probe: match annex {
                1 | 2 => Probe::Nobody,
                3 | 4 => Probe::Squatter,
                _ => Probe::Off,
            },
            is_by_mac,
        };
        // A host has one address in each subnet at most.
        for (address, owner) in RESERVABLE.into_iter().zip(owners) {
            let Some(owner) = owner else { continue };
            let mut own = layout.owners.iter().filter(|(_, other)| **other == owner);
            if own.all(|(other, _)| other.octets()[1] != address.octets()[1]) {
                layout.owners.insert(address, owner);
            }
        }
        layout
    })
}

/// One address, reserved for one of so many machines or for nobody.
pub(super) fn layout_for(machines: u8) -> impl Strategy<Value = Layout> {
    let owner = prop_oneof![1 => Just(None), 4 => (0..machines).prop_map(Some)];
    (layout(), owner).prop_map(|(layout, owner)| Layout {
        owners: owner.map(|owner| (RESERVED, owner)).into_iter().collect(),
        ..layout
    })
}

impl Layout {
    fn near_pool(&self) -> Option<RangeInclusive<u8>> {
        POOLS[self.pools].clone()
    }

    pub(super) fn serves_near(&self) -> bool {
        self.near_pool().is_some()
    }

    pub(super) fn serves_far(&self) -> bool {
        self.has_annex
    }

    /// Whether a subnet that is served holds `address`.
    pub(super) fn serves(&self, address: Ipv4Addr) -> bool {
        match address.octets() {
            [10, 0, 0, _] => self.serves_near(),
            [10, 9, 0, _] => self.serves_far(),
            _ => false,
        }
    }

    pub(super) fn pools_hold(&self, address: Ipv4Addr) -> bool {
        match address.octets() {
            [10, 0, 0, last] => self.near_pool().is_some_and(|pool| pool.contains(&last)),
            [10, 9, 0, last] => self.has_annex && (100..=101).contains(&last),
            _ => false,
        }
    }

    /// As whom a machine is known by this identifier of its own.
    pub(super) fn who(&self, machine: u8, id: Option<u8>) -> Who {
        (machine, id.filter(|_| !self.is_by_mac))
    }

    /// Whether somebody who is no client has `address`.
    pub(super) fn is_used(&self, address: Ipv4Addr) -> bool {
        self.probe == Probe::Squatter && address.octets()[3] % 2 == 1
    }

    pub(super) fn owner(&self, address: Ipv4Addr) -> Option<u8> {
        self.owners.get(&address).copied()
    }

    pub(super) fn owned_by(&self, machine: u8) -> impl Iterator<Item = Ipv4Addr> {
        let own = self
            .owners
            .iter()
            .filter(move |(_, owner)| **owner == machine);
        own.map(|(address, _)| *address)
    }

    pub(super) fn state(&self) -> State {
        let mut state = serde_json::Map::new();
        let probe = match self.probe {
            Probe::Off => "off",
            Probe::Nobody => "all",
            Probe::Squatter => "dynamic",
        };
        let identity = match self.is_by_mac {
            true => "mac",
            false => "client-id",
        };
        let scope = |pool: String, relay: Option<&str>| {
            json!({ "scope": {
                "server": "10.0.0.1", "pools": [pool], "lease_time": "10m", "domain": "example", "options": {},
                "image": null, "relay": relay, "policy": { "probe": probe, "identity": identity }
            } })
        };
        if let Some(pool) = self.near_pool() {
            let pool = format!("10.0.0.{}-10.0.0.{}", pool.start(), pool.end());
            let key = "vlan/plant/pxe/scope/10.0.0.0/24";
            state.insert(key.to_owned(), scope(pool, None));
        }
        if self.has_annex {
            let pool = "10.9.0.100-10.9.0.101".to_owned();
            let key = "vlan/plant/annex/scope/10.9.0.0/24";
            state.insert(key.to_owned(), scope(pool, Some("plant/pxe")));
        }
        for (address, owner) in &self.owners {
            let vlan = if address.octets()[1] == 9 {
                "annex"
            } else {
                "pxe"
            };
            let key = format!("vlan/plant/{vlan}/reservation/02:00:00:00:00:{owner:02x}");
            let reservation =
                json!({ "host": format!("host-{owner}"), "addresses": [address], "image": null });
            state.insert(key, json!({ "reservation": reservation }));
        }
        serde_json::from_value(state.into()).unwrap()
    }
}
