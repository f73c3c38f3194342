//! What must stay: what is protected, and what that stands on. Such steps are withheld; all others run.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{Inputs, Obstruction};
use crate::base::addr::Prefix;
use crate::base::care::Protection;
use crate::base::name::DomainName;
use crate::base::origin::Origin;
use crate::base::record::RecordType;
use crate::state::{Key, RecordName, Reservation, Resource, State};

/// Things that the site does not speak of, and that stay.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Keep {
    pub(super) staying: BTreeMap<Key, Stay>,
    /// Protected routes that change in place before what held them goes, rather than fall with it.
    pub(super) movers: BTreeSet<Key>,
}

/// Why a thing stays, and where the site said so.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stay {
    pub(super) on: Obstruction,
    pub(super) origin: Origin,
}

/// Protections of things that are still there, and that the site does not speak of any more.
pub(super) fn remembered(inputs: Inputs<'_>) -> BTreeMap<Key, Protection> {
    let Some(applied) = inputs.applied else {
        return BTreeMap::new();
    };
    let is_left = |key: &Key| {
        !inputs.desired.state.contains_key(key) && inputs.observed.state.contains_key(key)
    };
    let protections = applied.protected.iter();
    let left = protections.filter(|(key, _)| is_left(key));
    left.map(|(key, one)| (key.clone(), one.clone())).collect()
}

impl Keep {
    /// What must stay while the things in `obstructed` cannot be made.
    pub(super) fn new(
        inputs: Inputs<'_>,
        remembered: &BTreeMap<Key, Protection>,
        obstructed: &BTreeMap<Key, Obstruction>,
    ) -> Self {
        let observed = &inputs.observed.state;
        let mut keep = Self {
            staying: BTreeMap::new(),
            movers: movers(inputs, obstructed),
        };
        // Of what is desired only a route falls with other things: an address goes with its link, which is desired then too.
        let declared = inputs.desired.protected.iter().filter(|(key, _)| {
            matches!(key, Key::Route { .. })
                && inputs.desired.state.contains_key(*key)
                && !keep.movers.contains(*key)
        });
        let mut open: Vec<(Key, Origin)> = declared
            .chain(remembered)
            .map(|(key, one)| (key.clone(), one.origin.clone()))
            .collect();
        for (key, Protection { reason, origin }) in remembered {
            let reason = reason.clone();
            let on = Obstruction::Protected { reason };
            keep.stay(key, on, origin);
        }
        while let Some((by, origin)) = open.pop() {
            let Some(resource) = observed.get(&by) else {
                continue;
            };
            let ports = ports(&by, observed);
            for key in resource.requires(&by, observed).into_iter().chain(ports) {
                let is_gone = !observed.contains_key(&key);
                let is_safe = inputs.desired.state.contains_key(&key);
                if is_gone || is_safe || keep.staying.contains_key(&key) {
                    continue;
                }
                keep.stay(&key, Obstruction::Needed { by: by.clone() }, &origin);
                open.push((key, origin.clone()));
            }
        }
        // What others made is not taken away in any case.
        keep.staying
            .retain(|key, _| !inputs.observed.is_foreign(key));
        keep
    }

    fn stay(&mut self, key: &Key, on: Obstruction, origin: &Origin) {
        let origin = origin.clone();
        self.staying.insert(key.clone(), Stay { on, origin });
    }

    /// The things that stay, as they are.
    pub(super) fn state(&self, observed: &State) -> State {
        let found = |key: &Key| Some((key.clone(), observed.get(key)?.clone()));
        self.staying.keys().filter_map(found).collect()
    }
}

/// The ports of a bridge: without them it stays, and reaches nobody.
fn ports(bridge: &Key, observed: &State) -> Vec<Key> {
    let Key::Link { link: name, .. } = bridge else {
        return Vec::new();
    };
    let is_port = |resource: &Resource| matches!(resource, Resource::Link(link) if link.bridge.as_ref() == Some(name));
    let ports = observed.iter().filter(|(_, resource)| is_port(resource));
    ports.map(|(key, _)| key.clone()).collect()
}

/// Routes that are protected and lead elsewhere from now on: once changed they need nothing of what held them before, unless an address
/// that one of them is to stand on must come from there.
fn movers(inputs: Inputs<'_>, obstructed: &BTreeMap<Key, Obstruction>) -> BTreeSet<Key> {
    let (desired, observed) = (&inputs.desired.state, &inputs.observed.state);
    let protected = inputs.desired.protected.keys();
    let routes = protected.filter(|key| matches!(key, Key::Route { .. }));
    let changed = routes.filter_map(|key| {
        let (after, before) = (desired.get(key)?, observed.get(key)?);
        let is_changed = !after.changes_from(before).is_empty();
        is_changed.then_some((key, after, before))
    });
    let changed: Vec<_> = changed.collect();
    let going = |key: &Key| !desired.contains_key(key);
    let left: BTreeSet<IpAddr> = changed
        .iter()
        .flat_map(|(key, _, before)| before.requires(key, observed))
        .filter(going)
        .filter_map(|key| ip(&key))
        .collect();
    let is_free = |key: &Key| {
        observed.contains_key(key) || ip(key).is_none_or(|address| !left.contains(&address))
    };
    let moves = |key: &Key, after: &Resource| {
        let ground = after.requires(key, desired);
        !obstructed.contains_key(key) && !ground.is_empty() && ground.iter().all(is_free)
    };
    changed
        .into_iter()
        .filter(|(key, after, _)| moves(key, after))
        .map(|(key, ..)| key.clone())
        .collect()
}

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
            | Key::Listener { .. }
            | Key::Forwarders { .. }
            | Key::BootFile { .. }
            | Key::BootImage { .. }
            | Key::Zone { .. }
            | Key::Record { .. } => None,
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

fn ip(key: &Key) -> Option<IpAddr> {
    if let Key::Address { address, .. } = key {
        Some(address.ip())
    } else {
        None
    }
}
