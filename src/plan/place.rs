//! Which things have one place: what stays keeps it, and what is not there gives it up.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Inputs, Obstruction};
use crate::base::addr::Prefix;
use crate::base::name::DomainName;
use crate::base::record::RecordType;
use crate::state::{Key, RecordName, Reservation, Resource, State};

/// Things of the site whose place is taken by something that stays: an address that moves, or a subnet or a client that has another name
/// now.
pub(super) fn occupied(inputs: Inputs<'_>, staying: &State) -> BTreeMap<Key, Obstruction> {
    if staying.is_empty() {
        return BTreeMap::new();
    }
    let places = Places::new(staying);
    let (desired, observed) = (&inputs.desired.state, &inputs.observed.state);
    let others = desired
        .iter()
        .filter(|(key, _)| !staying.contains_key(*key));
    let taken = others.filter_map(|(key, resource)| {
        let by = places.holder(key, resource, observed.get(key))?;
        Some((key.clone(), Obstruction::Occupied { by: by.clone() }))
    });
    taken.collect()
}

/// Of `absent`, what still has its place once all of `desired` is made.
pub(super) fn placed(absent: State, desired: &State) -> State {
    if absent.is_empty() {
        return absent;
    }
    let places = Places::new(desired);
    let is_free = |key: &Key, resource: &Resource| places.holder(key, resource, None).is_none();
    let all = absent.into_iter();
    all.filter(|(key, resource)| is_free(key, resource))
        .collect()
}

/// The places that are taken.
struct Places<'a> {
    addresses: BTreeMap<IpAddr, &'a Key>,
    subnets: Vec<(Prefix, &'a Key)>,
    reserved: BTreeMap<IpAddr, &'a Key>,
    records: BTreeMap<(&'a DomainName, &'a RecordName), Vec<&'a Key>>,
}

impl<'a> Places<'a> {
    fn new(staying: &'a State) -> Self {
        let mut places = Self {
            addresses: BTreeMap::new(),
            subnets: Vec::new(),
            reserved: BTreeMap::new(),
            records: BTreeMap::new(),
        };
        for (key, resource) in staying {
            if let Some(address) = ip(key) {
                places.addresses.insert(address, key);
            }
            if let Key::Scope { subnet, .. } = key {
                places.subnets.push((*subnet, key));
            }
            if let Key::Record { zone, name, .. } = key {
                places.records.entry((zone, name)).or_default().push(key);
            }
            let reserved = reserved(resource).map(|address| (address, key));
            places.reserved.extend(reserved);
        }
        places
    }

    fn holder(&self, key: &Key, resource: &Resource, found: Option<&Resource>) -> Option<&'a Key> {
        let has_it = |address: &IpAddr| {
            let mut own = found.into_iter().flat_map(reserved);
            own.any(|one| one == *address)
        };
        match key {
            Key::Address { address, .. } if found.is_none() => {
                self.addresses.get(&address.ip()).copied()
            }
            Key::Scope { subnet, .. } if found.is_none() => {
                let overlaps = |(other, _): &&(Prefix, &Key)| {
                    other.contains(subnet.net().network()) || subnet.contains(other.net().network())
                };
                self.subnets.iter().find(overlaps).map(|(_, key)| *key)
            }
            Key::Reservation { .. } => reserved(resource)
                .filter(|address| !has_it(address))
                .find_map(|address| self.reserved.get(&address).copied()),
            // An alias stands alone at its name (RFC 1034 3.6.2).
            Key::Record { zone, name, .. } if found.is_none() => {
                let is_alias = |key: &Key| {
                    matches!(
                        key,
                        Key::Record {
                            kind: RecordType::Cname,
                            ..
                        }
                    )
                };
                let mut beside = self.records.get(&(zone, name)).into_iter().flatten();
                let other = beside.find(|other| is_alias(key) || is_alias(other));
                other.copied()
            }
            Key::Address { .. }
            | Key::Scope { .. }
            | Key::Link { .. }
            | Key::Route { .. }
            | Key::Rule { .. }
            | Key::Listener { .. }
            | Key::Forwarders { .. }
            | Key::BootFile { .. }
            | Key::BootImage { .. }
            | Key::Hook { .. }
            | Key::Webhook { .. }
            | Key::Zone { .. }
            | Key::Record { .. }
            | Key::Bmc { .. }
            | Key::User { .. }
            | Key::Network { .. }
            | Key::BootOrder { .. }
            | Key::Power { .. } => None,
        }
    }
}

fn reserved(resource: &Resource) -> impl Iterator<Item = IpAddr> {
    let reservation = if let Resource::Reservation(reservation) = resource {
        Some(reservation)
    } else {
        None
    };
    let addresses = |one: &'_ Reservation| one.addresses.clone();
    reservation
        .map(addresses)
        .into_iter()
        .flatten()
        .map(IpAddr::V4)
}

pub(super) fn ip(key: &Key) -> Option<IpAddr> {
    if let Key::Address { address, .. } = key {
        Some(address.ip())
    } else {
        None
    }
}
