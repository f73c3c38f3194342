//! Links that a site knows by their hardware address go by the name that the host has for them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::{Desired, Key, LinkKind, Observation, Resource};
use crate::base::bond::BondValue;
use crate::base::mac::MacAddr;
use crate::base::name::LinkName;

/// Names in the site, and the host's names for the same links.
type Renames = BTreeMap<LinkName, LinkName>;

impl Desired {
    /// What should exist under the names that the host has. The permanent address counts before the present one: ports of a bond share
    /// theirs. What is found under no name keeps the site's.
    pub fn found_in<'a>(&'a self, observed: &Observation) -> Cow<'a, Self> {
        let renames = self.renames(observed);
        if renames.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut found = self.clone();
        found.state = renamed(&self.state, &renames);
        for resource in found.state.values_mut() {
            rename_within(resource, &renames);
        }
        found.origins = renamed(&self.origins, &renames);
        found.protected = renamed(&self.protected, &renames);
        found.by_mac = renamed(&self.by_mac, &renames);
        Cow::Owned(found)
    }

    /// The names that the host has for these.
    pub fn found_keys(&self, keys: &BTreeSet<Key>, observed: &Observation) -> BTreeSet<Key> {
        let renames = self.renames(observed);
        keys.iter().map(|key| renamed_key(key, &renames)).collect()
    }

    fn renames(&self, observed: &Observation) -> Renames {
        let host = Host::new(observed);
        let declared =
            |key: &Key| Some((link_of(key)?.clone(), host.link(*self.by_mac.get(key)?)?));
        let mut renames: Renames = self.by_mac.keys().filter_map(declared).collect();
        renames.retain(|name, found| name != found);
        let links: BTreeSet<&LinkName> = self.state.keys().filter_map(link_of).collect();
        // Of two that would be one, the one that is named so has it.
        let moved: BTreeSet<LinkName> = renames.keys().cloned().collect();
        renames.retain(|_, found| !links.contains(found) || moved.contains(found));
        renames
    }
}

/// The host's physical links by their hardware addresses.
struct Host<'a> {
    permanent: BTreeMap<MacAddr, &'a LinkName>,
    present: BTreeMap<MacAddr, &'a LinkName>,
}

impl<'a> Host<'a> {
    fn new(observed: &'a Observation) -> Self {
        let mut host = Self {
            permanent: BTreeMap::new(),
            present: BTreeMap::new(),
        };
        for (key, resource) in &observed.state {
            let (Key::Link { link: name, .. }, Resource::Link(link)) = (key, resource) else {
                continue;
            };
            let fact = observed.facts.links.get(name);
            let Some(fact) = fact.filter(|_| link.kind == LinkKind::Physical) else {
                continue;
            };
            host.permanent
                .extend(fact.permanent_mac.map(|mac| (mac, name)));
            host.present.extend(fact.mac.map(|mac| (mac, name)));
        }
        host
    }

    fn link(&self, mac: MacAddr) -> Option<LinkName> {
        let found = self.permanent.get(&mac).or_else(|| self.present.get(&mac));
        found.map(|name| (*name).clone())
    }
}

fn link_of(key: &Key) -> Option<&LinkName> {
    if let Key::Link { link, .. } = key {
        Some(link)
    } else {
        None
    }
}

fn renamed<T: Clone>(all: &BTreeMap<Key, T>, renames: &Renames) -> BTreeMap<Key, T> {
    let all = all.iter();
    all.map(|(key, one)| (renamed_key(key, renames), one.clone()))
        .collect()
}

fn renamed_key(key: &Key, renames: &Renames) -> Key {
    let mut key = key.clone();
    if let Key::Link { link, .. } | Key::Address { link, .. } = &mut key {
        rename(link, renames);
    }
    key
}

fn rename(link: &mut LinkName, renames: &Renames) {
    if let Some(found) = renames.get(link) {
        link.clone_from(found);
    }
}

fn rename_within(resource: &mut Resource, renames: &Renames) {
    match resource {
        Resource::Link(link) => {
            if let Some(of) = &mut link.port_of {
                rename(of, renames);
            }
            match &mut link.kind {
                LinkKind::Tagged(tagged) => rename(&mut tagged.on, renames),
                LinkKind::Bond(bond) => {
                    for value in bond.parameters.values_mut() {
                        if let BondValue::Port(port) = value {
                            rename(port, renames);
                        }
                    }
                }
                LinkKind::Physical
                | LinkKind::Loopback
                | LinkKind::Bridge(_)
                | LinkKind::Dummy
                | LinkKind::Vrf(_) => {}
            }
        }
        Resource::Listener(listener) => rename(&mut listener.link, renames),
        Resource::Route(route) => {
            let links = route.hops.iter_mut().filter_map(|hop| hop.link.as_mut());
            links.for_each(|link| rename(link, renames));
        }
        Resource::Rule(rule) => {
            let links = [&mut rule.incoming, &mut rule.outgoing]
                .into_iter()
                .flatten();
            links.for_each(|link| rename(link, renames));
        }
        Resource::Address(_)
        | Resource::Forwarders(_)
        | Resource::Scope(_)
        | Resource::Reservation(_)
        | Resource::Zone(_)
        | Resource::Record(_)
        | Resource::BootImage(_)
        | Resource::BootFile(_)
        | Resource::Hook(_)
        | Resource::Webhook(_)
        | Resource::Bmc(_)
        | Resource::User(_)
        | Resource::Network(_)
        | Resource::BootOrder(_)
        | Resource::Power(_) => {}
    }
}
