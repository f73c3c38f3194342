//! From what someone types to the object that is meant: a key, a name, an address, a hardware address.

use std::net::IpAddr;

use serde::Serialize;

use super::{Catalog, ObjectKey, Source};
use crate::base::addr::AddressRange;
use crate::base::mac::MacAddr;
use crate::base::name::{DomainName, HostName, LinkName};
use crate::base::origin::Origin;
use crate::diag::suggest::nearest;
use crate::site::model::{PlacedAddress, Site, Subnet};

/// What a text stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Object(ObjectKey),
    /// Several objects, in the order of their keys.
    Several(Vec<ObjectKey>),
    /// An address that no host has, and where it lies.
    Place(Place),
    /// Nothing; the nearest name, if one is near.
    Nothing {
        nearest: Option<String>,
    },
}

/// Where an address lies that no host has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    pub address: IpAddr,
    pub subnet: Option<ObjectKey>,
    pub range: Option<RangePlace>,
    /// Values that name the address: gateways, name servers.
    pub named: Vec<Named>,
}

/// The range of a subnet that holds an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RangePlace {
    pub role: Role,
    pub range: AddressRange,
    pub purpose: Option<String>,
    pub at: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Dynamic,
    Reserved,
}

/// A value that names an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    pub key: ObjectKey,
    pub name: String,
    pub source: Source,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dynamic => "dynamic",
            Self::Reserved => "reserved",
        }
    }
}

/// Looks `what` up: as a full key, as an address or a hardware address, then as a part of a key that is enough to tell.
pub fn find(what: &str, site: &Site, catalog: &Catalog) -> Found {
    if let Some(key) = catalog.objects.keys().find(|key| key.to_string() == what) {
        return Found::Object(key.clone());
    }
    if let Ok(address) = what.parse::<IpAddr>() {
        return of_address(address, site, catalog);
    }
    let keys = || catalog.objects.keys();
    let mut candidates: Vec<ObjectKey> = match what.parse::<MacAddr>() {
        Ok(mac) => ports(site)
            .filter(|port| port.mac == Some(mac))
            .map(|port| port.key())
            .collect(),
        Err(_) => keys().filter(|key| ends_as(key, what)).cloned().collect(),
    };
    if candidates.is_empty() && what == site.name.as_str() {
        candidates.push(ObjectKey::Site);
    }
    if candidates.is_empty()
        && let Some(host) = without_domain(what, &site.domain)
    {
        candidates.extend(keys().filter(|key| ends_as(key, host)).cloned());
    }
    match candidates.as_slice() {
        [] => Found::Nothing {
            nearest: nearest_name(what, catalog),
        },
        [only] => Found::Object(only.clone()),
        _ => {
            candidates.sort();
            Found::Several(candidates)
        }
    }
}

/// Whether `what` is the end of a key, as far as its parts go: some of them may be left out before the last.
fn ends_as(key: &ObjectKey, what: &str) -> bool {
    let (whole, short) = (key.to_string(), key.short());
    let Some(before) = what.strip_suffix(short.as_str()) else {
        return false;
    };
    let Some(before) = before.strip_suffix('/') else {
        return before.is_empty();
    };
    let mut parts = whole.split('/');
    before
        .split('/')
        .all(|wanted| parts.any(|part| part == wanted))
}

fn without_domain<'a>(what: &'a str, domain: &DomainName) -> Option<&'a str> {
    what.strip_suffix(domain.as_str())?.strip_suffix('.')
}

/// A link of a host, or its BMC.
struct Port<'s> {
    host: &'s HostName,
    /// None for the BMC.
    link: Option<&'s LinkName>,
    is_machine: bool,
    mac: Option<MacAddr>,
    addresses: Vec<IpAddr>,
}

impl Port<'_> {
    fn key(&self) -> ObjectKey {
        let host = self.host.clone();
        match (self.link, self.is_machine) {
            (Some(link), true) => ObjectKey::MachineLink(host, link.clone()),
            (Some(link), false) => ObjectKey::ControllerLink(host, link.clone()),
            (None, _) => ObjectKey::MachineBmc(host),
        }
    }
}

/// Everything of a host that has an address or a hardware address, in the order of the keys.
fn ports(site: &Site) -> impl Iterator<Item = Port<'_>> {
    let ips = |placed: &[PlacedAddress]| placed.iter().map(|one| one.address.ip()).collect();
    let controllers = site.controllers.iter().flat_map(move |(host, controller)| {
        controller.links.iter().map(move |(name, link)| Port {
            host,
            link: Some(name),
            is_machine: false,
            mac: link.mac,
            addresses: ips(&link.addresses),
        })
    });
    let machines = site.machines.iter().flat_map(move |(host, machine)| {
        let links = machine.interfaces.iter().map(move |(name, link)| Port {
            host,
            link: Some(name),
            is_machine: true,
            mac: link.mac,
            addresses: ips(&link.addresses),
        });
        let bmc = machine.bmc.iter().map(move |bmc| Port {
            host,
            link: None,
            is_machine: true,
            mac: None,
            addresses: bmc.bmc.address().ip().into_iter().collect(),
        });
        links.chain(bmc)
    });
    controllers.chain(machines)
}

fn of_address(address: IpAddr, site: &Site, catalog: &Catalog) -> Found {
    let text = address.to_string();
    let mut holders: Vec<ObjectKey> = ports(site)
        .filter(|port| port.addresses.contains(&address))
        .map(|port| port.key())
        .collect();
    holders.sort();
    match holders.as_slice() {
        [only] => return Found::Object(only.clone()),
        [_, ..] => return Found::Several(holders),
        [] => {}
    }
    let mut places = site.vlans.iter().filter_map(|(path, vlan)| {
        let (prefix, subnet) = vlan.subnet_of(address)?;
        Some((ObjectKey::Subnet(path.clone(), prefix), subnet))
    });
    let held = places.next();
    // Isolated fabrics may have the same addresses.
    let others: Vec<ObjectKey> = places.map(|(key, _)| key).collect();
    if let (Some((key, _)), false) = (&held, others.is_empty()) {
        return Found::Several(std::iter::once(key.clone()).chain(others).collect());
    }
    let place = Place {
        address,
        range: held.as_ref().and_then(|(_, subnet)| range(address, subnet)),
        subnet: held.map(|(key, _)| key),
        named: named(&text, catalog),
    };
    if place.subnet.is_none() && place.named.is_empty() {
        return Found::Nothing { nearest: None };
    }
    Found::Place(place)
}

/// The values that name an address. What a subnet says counts once, not again for each host in it.
fn named(text: &str, catalog: &Catalog) -> Vec<Named> {
    let named = catalog.objects.iter().flat_map(|(key, object)| {
        let own = object.values.iter().filter(|value| value.source.is_own());
        let named = own.filter(|value| value.text.split(' ').any(|word| word == text));
        named.map(|value| Named {
            key: key.clone(),
            name: value.name.to_string(),
            source: value.source.clone(),
        })
    });
    named.collect()
}

fn range(address: IpAddr, subnet: &Subnet) -> Option<RangePlace> {
    let dynamic = subnet.dynamic.iter().map(|one| RangePlace {
        role: Role::Dynamic,
        range: one.range,
        purpose: None,
        at: one.origin.clone(),
    });
    let reserved = subnet.reserved.iter().map(|one| RangePlace {
        role: Role::Reserved,
        range: one.range,
        purpose: one.purpose.clone(),
        at: one.origin.clone(),
    });
    dynamic
        .chain(reserved)
        .find(|place| place.range.contains(address))
}

fn nearest_name(what: &str, catalog: &Catalog) -> Option<String> {
    let keys = catalog.objects.keys();
    let words: Vec<String> = if what.contains('/') {
        keys.map(ToString::to_string).collect()
    } else {
        keys.map(ObjectKey::short).collect()
    };
    nearest(what, words.iter().map(String::as_str)).map(str::to_owned)
}
