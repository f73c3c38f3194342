//! What of a state the site protects: what each protected object comes to, by key, and which objects may protect at all.

use std::collections::{BTreeMap, BTreeSet};

use super::{Desired, Guard, Guards, Key, Objects, Record, RecordName, Resource};
use crate::base::care::Protection;
use crate::base::name::{DomainName, FilePath, HostName, LinkName, Name};
use crate::base::record::RecordData;
use crate::base::vlan::VlanPath;
use crate::site::catalog::ObjectKey;
use crate::site::model::{Machine, Site};

/// Notes the protections of what is desired, and who may protect. Of several that speak of a thing, the nearest is told.
pub(super) fn desired(site: &Site, into: &mut Desired) {
    into.objects = objects(site);
    // A large site that protects nothing is not searched.
    if into.objects.values().all(Option::is_none) {
        return;
    }
    let protected = Protected {
        site,
        names: names(site),
        files: files(site),
    };
    let state = into.state.iter();
    let found = state.filter_map(|(key, resource)| {
        let guards = protected.find(key, resource);
        Some((key.clone(), Guards::new(guards)?))
    });
    into.protected = found.collect();
}

fn objects(site: &Site) -> Objects {
    let mut objects = Objects::new();
    let mut add = |key: ObjectKey, protection: &Option<Protection>| {
        objects.insert(key.to_string(), protection.clone());
    };
    for (path, vlan) in &site.vlans {
        add(ObjectKey::Vlan(path.clone()), &vlan.protection);
        for (prefix, subnet) in &vlan.subnets {
            add(ObjectKey::Subnet(path.clone(), *prefix), &subnet.protection);
        }
    }
    for (name, controller) in &site.controllers {
        add(ObjectKey::Controller(name.clone()), &controller.protection);
        for (link, on) in &controller.links {
            let key = ObjectKey::ControllerLink(name.clone(), link.clone());
            add(key, &on.protection);
        }
    }
    for (name, image) in &site.images {
        add(ObjectKey::Image(name.clone()), &image.protection);
    }
    for (name, machine) in &site.machines {
        add(ObjectKey::Machine(name.clone()), &machine.protection);
    }
    objects
}

/// What an object says, if it protects.
fn guard(by: ObjectKey, says: &Option<Protection>) -> Option<Guard> {
    let says = says.clone()?;
    let by = Some(by.to_string());
    Some(Guard { by, says })
}

/// The nearest, and the one around it.
type Pair = [Option<Guard>; 2];

struct Protected<'a> {
    site: &'a Site,
    /// The names of protected machines, whose they are, and what their address records hold.
    names: BTreeMap<DomainName, (&'a HostName, BTreeSet<RecordData>)>,
    files: BTreeMap<&'a FilePath, Vec<Guard>>,
}

impl Protected<'_> {
    fn find(&self, key: &Key, resource: &Resource) -> Vec<Guard> {
        let pair: Pair = match key {
            Key::Link { controller, link }
            | Key::Address {
                controller, link, ..
            } => [self.link(controller, link), self.controller(controller)],
            Key::Route { controller, .. } | Key::Rule { controller, .. } => {
                [self.controller(controller), None]
            }
            Key::BootFile { path } => {
                return self.files.get(path).cloned().unwrap_or_default();
            }
            Key::BootImage { image } => [self.image(image), None],
            Key::Scope { vlan, subnet } => {
                let by = ObjectKey::Subnet(vlan.clone(), *subnet);
                let subnets = self.site.vlans.get(vlan).map(|vlan| &vlan.subnets);
                let own = subnets.and_then(|subnets| subnets.get(subnet));
                let own = own.and_then(|own| guard(by, &own.protection));
                [own, self.vlan(vlan)]
            }
            Key::Reservation { vlan, .. } => [self.holder(resource), self.vlan(vlan)],
            Key::Bmc { machine } => [self.machine(machine), None],
            Key::Record { zone, name, .. } => [self.record(zone, name, resource), None],
            Key::Listener { .. }
            | Key::Forwarders { .. }
            | Key::Zone { .. }
            | Key::Hook { .. }
            | Key::Webhook { .. }
            // No plan takes a machine away. Its users go: who may use a BMC is no part of what is protected.
            | Key::User { .. }
            | Key::Network { .. }
            | Key::BootOrder { .. }
            | Key::Power { .. } => [None, None],
        };
        pair.into_iter().flatten().collect()
    }

    fn controller(&self, name: &HostName) -> Option<Guard> {
        let controller = self.site.controllers.get(name)?;
        guard(ObjectKey::Controller(name.clone()), &controller.protection)
    }

    fn link(&self, controller: &HostName, link: &LinkName) -> Option<Guard> {
        let on = self.site.controllers.get(controller)?.links.get(link)?;
        let by = ObjectKey::ControllerLink(controller.clone(), link.clone());
        guard(by, &on.protection)
    }

    fn vlan(&self, path: &VlanPath) -> Option<Guard> {
        let vlan = self.site.vlans.get(path)?;
        guard(ObjectKey::Vlan(path.clone()), &vlan.protection)
    }

    fn image(&self, name: &Name) -> Option<Guard> {
        let image = self.site.images.get(name)?;
        guard(ObjectKey::Image(name.clone()), &image.protection)
    }

    fn machine(&self, name: &HostName) -> Option<Guard> {
        let machine = self.site.machines.get(name)?;
        guard(ObjectKey::Machine(name.clone()), &machine.protection)
    }

    fn holder(&self, resource: &Resource) -> Option<Guard> {
        if let Resource::Reservation(reservation) = resource {
            self.machine(&reservation.host)
        } else {
            None
        }
    }

    /// A record is a machine's where the name and an address are its own, or where it points to its name.
    fn record(&self, zone: &DomainName, name: &RecordName, resource: &Resource) -> Option<Guard> {
        let Resource::Record(Record { values, .. }) = resource else {
            return None;
        };
        let own = name.absolute(zone).and_then(|name| self.names.get(&name));
        if let Some((host, addresses)) = own
            && values.iter().any(|value| addresses.contains(value))
        {
            return self.machine(host);
        }
        let target = |value: &RecordData| {
            if let RecordData::Ptr(name) = value {
                self.names.get(name)
            } else {
                None
            }
        };
        let (host, _) = values.iter().find_map(target)?;
        self.machine(host)
    }
}

fn names(site: &Site) -> BTreeMap<DomainName, (&HostName, BTreeSet<RecordData>)> {
    let mut names = BTreeMap::new();
    let protected = site.machines.iter();
    for (host, machine) in protected.filter(|(_, machine)| machine.protection.is_some()) {
        let Ok(own) = site.domain.child(host.as_str()) else {
            continue;
        };
        let addresses = addresses(machine);
        for link in machine.interfaces.keys() {
            let label = link.as_str().replace('.', "-");
            if let Ok(name) = own.child(&label) {
                names.insert(name, (host, addresses.clone()));
            }
        }
        names.insert(own, (host, addresses));
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

/// The files of protected images: several may have one.
fn files(site: &Site) -> BTreeMap<&FilePath, Vec<Guard>> {
    let mut files: BTreeMap<&FilePath, Vec<Guard>> = BTreeMap::new();
    for (name, image) in &site.images {
        let Some(guard) = guard(ObjectKey::Image(name.clone()), &image.protection) else {
            continue;
        };
        for path in image.files.keys() {
            files.entry(path).or_default().push(guard.clone());
        }
    }
    files
}
