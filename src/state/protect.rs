//! What of a state the site protects: what each protected object comes to, by key.

use std::collections::{BTreeMap, BTreeSet};

use super::{Desired, Key, Record, RecordName, Resource};
use crate::base::care::Protection;
use crate::base::name::{DomainName, FilePath, HostName, LinkName};
use crate::base::record::RecordData;
use crate::base::vlan::VlanPath;
use crate::site::model::{Machine, Site};

/// Notes the protections of what is desired. Of several that speak of a thing, the nearest counts.
pub(super) fn desired(site: &Site, into: &mut Desired) {
    if !says_any(site) {
        return;
    }
    let protected = Protected {
        site,
        names: names(site),
        files: files(site),
    };
    let state = into.state.iter();
    let found = state.filter_map(|(key, resource)| {
        let protection = protected.find(key, resource)?;
        Some((key.clone(), protection.clone()))
    });
    into.protected = found.collect();
}

/// A large site that protects nothing is not searched.
fn says_any(site: &Site) -> bool {
    let vlans = || site.vlans.values();
    let subnets = || vlans().flat_map(|vlan| vlan.subnets.values());
    let controllers = || site.controllers.values();
    let links = || controllers().flat_map(|controller| controller.links.values());
    vlans().any(|one| one.protection.is_some())
        || subnets().any(|one| one.protection.is_some())
        || controllers().any(|one| one.protection.is_some())
        || links().any(|one| one.protection.is_some())
        || site.images.values().any(|one| one.protection.is_some())
        || site.machines.values().any(|one| one.protection.is_some())
}

struct Protected<'a> {
    site: &'a Site,
    /// The names of protected machines, and what their address records hold.
    names: BTreeMap<DomainName, (&'a Protection, BTreeSet<RecordData>)>,
    files: BTreeMap<&'a FilePath, &'a Protection>,
}

impl<'a> Protected<'a> {
    fn find(&self, key: &Key, resource: &Resource) -> Option<&'a Protection> {
        match key {
            Key::Link { controller, link }
            | Key::Address {
                controller, link, ..
            } => self.link(controller, link),
            Key::Route { controller, .. } => self.controller(controller),
            Key::BootFile { path } => self.files.get(path).copied(),
            Key::BootImage { image } => self.site.images.get(image)?.protection.as_ref(),
            Key::Scope { vlan, subnet } => {
                let subnets = &self.site.vlans.get(vlan)?.subnets;
                let own = subnets.get(subnet)?.protection.as_ref();
                own.or_else(|| self.vlan(vlan))
            }
            Key::Reservation { vlan, .. } => self.machine(resource).or_else(|| self.vlan(vlan)),
            Key::Record { zone, name, .. } => self.record(zone, name, resource),
            Key::Listener { .. } | Key::Forwarders { .. } | Key::Zone { .. } => None,
        }
    }

    fn controller(&self, name: &HostName) -> Option<&'a Protection> {
        self.site.controllers.get(name)?.protection.as_ref()
    }

    fn link(&self, controller: &HostName, link: &LinkName) -> Option<&'a Protection> {
        let links = &self.site.controllers.get(controller)?.links;
        let own = links.get(link).and_then(|link| link.protection.as_ref());
        own.or_else(|| self.controller(controller))
    }

    fn vlan(&self, vlan: &VlanPath) -> Option<&'a Protection> {
        self.site.vlans.get(vlan)?.protection.as_ref()
    }

    fn machine(&self, resource: &Resource) -> Option<&'a Protection> {
        let Resource::Reservation(reservation) = resource else {
            return None;
        };
        let machine = self.site.machines.get(&reservation.host)?;
        machine.protection.as_ref()
    }

    /// A record is a machine's where the name and an address are its own, or where it points to its name.
    fn record(
        &self,
        zone: &DomainName,
        name: &RecordName,
        resource: &Resource,
    ) -> Option<&'a Protection> {
        let Resource::Record(Record { values, .. }) = resource else {
            return None;
        };
        let own = name.absolute(zone).and_then(|name| self.names.get(&name));
        if let Some((protection, addresses)) = own
            && !addresses.is_disjoint(values)
        {
            return Some(protection);
        }
        let target = |value: &RecordData| {
            if let RecordData::Ptr(name) = value {
                self.names.get(name)
            } else {
                None
            }
        };
        let (protection, _) = values.iter().find_map(target)?;
        Some(protection)
    }
}

fn names(site: &Site) -> BTreeMap<DomainName, (&Protection, BTreeSet<RecordData>)> {
    let mut names = BTreeMap::new();
    for (host, machine) in &site.machines {
        let Some(protection) = &machine.protection else {
            continue;
        };
        let Ok(own) = site.domain.child(host.as_str()) else {
            continue;
        };
        let addresses = addresses(machine);
        for link in machine.interfaces.keys() {
            let label = link.as_str().replace('.', "-");
            if let Ok(name) = own.child(&label) {
                names.insert(name, (protection, addresses.clone()));
            }
        }
        names.insert(own, (protection, addresses));
    }
    names
}

fn addresses(machine: &Machine) -> BTreeSet<RecordData> {
    let interfaces = machine.interfaces.values();
    let placed = interfaces.flat_map(|interface| &interface.addresses);
    placed
        .map(|placed| RecordData::address(placed.address.ip()))
        .collect()
}

fn files(site: &Site) -> BTreeMap<&FilePath, &Protection> {
    let mut files = BTreeMap::new();
    for image in site.images.values() {
        for path in image.files.keys() {
            if let Some(protection) = &image.protection {
                files.entry(path).or_insert(protection);
            }
        }
    }
    files
}
