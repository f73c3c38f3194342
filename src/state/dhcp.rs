//! DHCP service of a subnet, and the machines that have an address reserved there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use super::{Changes, Desired, Key, Resource, Service, State, Unapplied, list};
use crate::base::addr::{AddressRange, Prefix};
use crate::base::arch::ClientArch;
use crate::base::duration::Seconds;
use crate::base::name::{DomainName, HostName, Name};
use crate::base::option::{
    BROADCAST, DNS_SERVERS, DOMAIN_NAME, DOMAIN_SEARCH, INTERFACE_MTU, OptionValue, ROUTERS,
    SUBNET_MASK, option_attribute,
};
use crate::base::vlan::VlanPath;
use crate::site::model::{Controller, Dhcp, Machine, MachineInterface, Site, Subnet, Vlan};

/// What DHCP says to the clients of one IPv4 subnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Our address towards these clients: server identifier, next server and host of boot URLs.
    pub server: Ipv4Addr,
    /// Addresses for any client, in order; none overlap.
    pub pools: Vec<AddressRange>,
    pub lease_time: Seconds,
    /// The domain that names of leases live in.
    pub domain: DomainName,
    /// What every client is told, by option code.
    pub options: BTreeMap<u8, OptionValue>,
    /// What clients without a reservation boot.
    pub image: Option<Name>,
    /// Kinds of clients that are not told what to boot.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub disabled_boot: BTreeSet<ClientArch>,
}

/// Addresses that belong to one hardware address on a VLAN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    pub host: HostName,
    /// At most one in each subnet of the VLAN.
    pub addresses: BTreeSet<Ipv4Addr>,
    pub image: Option<Name>,
    /// Whether it is not told what to boot, not even what the scope offers.
    #[serde(default, skip_serializing_if = "is_false")]
    pub boots_from_disk: bool,
    /// What it is told instead of what the scope says, by option code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<u8, OptionValue>,
    /// What it is not told though the scope says it, by option code.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub withheld: BTreeSet<u8>,
}

/// Attributes that are rarely set are left out of what is written down.
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Scope {
    pub(super) fn requires(&self, _key: &Key, state: &State) -> Vec<Key> {
        let serves = |key: &&Key| matches!(key, Key::Listener { service: Service::Dhcp, address, .. } if *address == IpAddr::V4(self.server));
        let mut keys: Vec<Key> = state.keys().filter(serves).cloned().collect();
        keys.extend(self.image.clone().map(|image| Key::BootImage { image }));
        keys
    }

    pub(super) fn changes(&self, from: &Self, changes: Changes) -> Changes {
        let image = |image: &Option<Name>| list(image);
        let changes = changes
            .field("server", &from.server, &self.server)
            .shown("pools", &from.pools, &self.pools, |pools| list(pools))
            .field("lease-time", &from.lease_time, &self.lease_time)
            .field("domain", &from.domain, &self.domain)
            .shown("image", &from.image, &self.image, image)
            .shown(
                "disable-boot",
                &from.disabled_boot,
                &self.disabled_boot,
                |archs| list(archs),
            );
        changes.options(&from.options, &self.options)
    }

    pub(super) fn summary(&self) -> String {
        format!("lease {}, pools {}", self.lease_time, list(&self.pools))
    }
}

impl Changes {
    /// What changes among options, by their names.
    fn options(mut self, from: &BTreeMap<u8, OptionValue>, to: &BTreeMap<u8, OptionValue>) -> Self {
        let codes: BTreeSet<u8> = from.keys().chain(to.keys()).copied().collect();
        for code in codes {
            let name = option_attribute(code);
            let text = |value: &Option<&OptionValue>| {
                value.map_or_else(|| "none".to_owned(), ToString::to_string)
            };
            self = self.shown(&name, &from.get(&code), &to.get(&code), text);
        }
        self
    }
}

impl Reservation {
    pub(super) fn requires(&self, key: &Key, state: &State) -> Vec<Key> {
        let Key::Reservation { vlan: own, .. } = key else {
            return Vec::new();
        };
        // Keys are ordered, and no prefix sorts before 0.0.0.0/0.
        let first = Key::Scope {
            vlan: own.clone(),
            subnet: Prefix::EVERY_V4,
        };
        let scopes = state
            .range(first..)
            .map(|(key, _)| key)
            .take_while(|key| matches!(key, Key::Scope { vlan, .. } if vlan == own));
        let holds = |key: &&Key| matches!(key, Key::Scope { subnet, .. } if self.addresses.iter().any(|address| subnet.contains(IpAddr::V4(*address))));
        let mut keys: Vec<Key> = scopes.filter(holds).cloned().collect();
        keys.extend(self.image.clone().map(|image| Key::BootImage { image }));
        keys
    }

    pub(super) fn changes(&self, from: &Self, changes: Changes) -> Changes {
        changes
            .field("host", &from.host, &self.host)
            .shown("addresses", &from.addresses, &self.addresses, |addresses| {
                list(addresses)
            })
            .shown("image", &from.image, &self.image, |image| list(image))
            .field(
                "boots-from-disk",
                &from.boots_from_disk,
                &self.boots_from_disk,
            )
            .shown("withheld", &from.withheld, &self.withheld, |codes| {
                list(codes)
            })
            .options(&from.options, &self.options)
    }

    pub(super) fn summary(&self) -> String {
        format!("{} for {}", list(&self.addresses), self.host)
    }
}

/// The interfaces of machines in each VLAN, in the order of their machines.
pub(super) type Interfaces<'a> =
    BTreeMap<&'a VlanPath, Vec<(&'a HostName, &'a Machine, &'a MachineInterface)>>;

/// Looks once at every machine, however many VLANs a controller serves.
pub(super) fn interfaces(site: &Site) -> Interfaces<'_> {
    let mut interfaces = Interfaces::new();
    for (host, machine) in &site.machines {
        for interface in machine.interfaces.values() {
            if let Some(vlan) = &interface.vlan {
                let there = interfaces.entry(vlan).or_default();
                there.push((host, machine, interface));
            }
        }
    }
    interfaces
}

/// The scopes and reservations of one VLAN, as `controller` serves them.
pub(super) fn desired(
    site: &Site,
    controller: &Controller,
    (path, vlan): (&VlanPath, &Vlan),
    dhcp: &Dhcp,
    interfaces: &Interfaces<'_>,
    into: &mut Desired,
) {
    let subnets = vlan.subnets.iter();
    // Here DHCP is DHCPv4: an IPv6 subnet has no scope.
    let served =
        |(prefix, subnet): &(&Prefix, &Subnet)| prefix.net().addr().is_ipv4() && subnet.managed;
    for (prefix, subnet) in subnets.filter(served) {
        let home = dhcp.relay.as_ref().unwrap_or(path);
        let key = Key::Scope {
            vlan: path.clone(),
            subnet: *prefix,
        };
        let Some(server) = server_address(controller, home, *prefix) else {
            into.unapplied.push(Unapplied {
                what: key.to_string(),
                why: "the controller's link there is not set up".to_owned(),
                origin: subnet.origin.clone(),
            });
            continue;
        };
        let scope = Scope {
            server,
            pools: subnet.dynamic.iter().map(|dynamic| dynamic.range).collect(),
            lease_time: dhcp.lease_time,
            domain: site.domain.clone(),
            options: options(site, (vlan, dhcp), (*prefix, subnet), server),
            image: dhcp.image.clone(),
            disabled_boot: subnet.disabled_boot.clone(),
        };
        into.add(key, Resource::Scope(scope), &subnet.origin);
    }
    for (host, machine, interface) in interfaces.get(path).into_iter().flatten() {
        reservation((path, vlan), host, machine, interface, into);
    }
}

/// Our address in the subnet, else our first in its VLAN.
fn server_address(controller: &Controller, vlan: &VlanPath, subnet: Prefix) -> Option<Ipv4Addr> {
    let own = || {
        controller
            .links_in(vlan)
            .flat_map(|(_, link)| &link.addresses)
            .filter_map(|placed| as_v4(placed.address.ip()))
    };
    own()
        .find(|address| subnet.contains(IpAddr::V4(*address)))
        .or_else(|| own().next())
}

fn as_v4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

fn options(
    site: &Site,
    (vlan, dhcp): (&Vlan, &Dhcp),
    (prefix, subnet): (Prefix, &Subnet),
    server: Ipv4Addr,
) -> BTreeMap<u8, OptionValue> {
    let mut options = BTreeMap::new();
    let mut addresses = |code, list: Vec<Ipv4Addr>| {
        if !list.is_empty() {
            options.insert(code, OptionValue::Addresses(list));
        }
    };
    addresses(SUBNET_MASK, prefix.mask4().into_iter().collect());
    addresses(
        BROADCAST,
        as_v4(prefix.net().broadcast()).into_iter().collect(),
    );
    addresses(
        ROUTERS,
        subnet.gateway.and_then(as_v4).into_iter().collect(),
    );
    let dns = subnet
        .dns
        .iter()
        .copied()
        .filter_map(as_v4)
        .collect::<Vec<_>>();
    let is_ours = dns.is_empty() && subnet.allow_dns;
    addresses(DNS_SERVERS, if is_ours { vec![server] } else { dns });
    options.insert(DOMAIN_NAME, OptionValue::Text(site.domain.to_string()));
    options.insert(
        DOMAIN_SEARCH,
        OptionValue::Domains(vec![site.domain.clone()]),
    );
    // Clients take 1500 for granted, and some reject being told so.
    let mtu = vlan
        .mtu
        .filter(|mtu| *mtu != 1500)
        .and_then(|mtu| u16::try_from(mtu).ok());
    options.extend(mtu.map(|mtu| (INTERFACE_MTU, OptionValue::U16(mtu))));
    // What is said nearer to the client wins.
    options.extend(dhcp.options.clone());
    options.extend(subnet.options.clone());
    options
}

fn reservation(
    (path, vlan): (&VlanPath, &Vlan),
    host: &HostName,
    machine: &Machine,
    interface: &MachineInterface,
    into: &mut Desired,
) {
    let addresses: BTreeSet<Ipv4Addr> = interface
        .addresses
        .iter()
        .filter_map(|placed| as_v4(placed.address.ip()))
        .collect();
    let Some(mac) = interface.mac.filter(|_| !addresses.is_empty()) else {
        return;
    };
    // Of several gateways a machine has one: what leads elsewhere is not told.
    let is_elsewhere = addresses.iter().all(|address| {
        let subnet = vlan.subnet_of(IpAddr::V4(*address));
        let gateway = subnet.and_then(|(_, subnet)| subnet.gateway);
        gateway.is_none_or(|gateway| !machine.default_gateways.contains(&gateway))
    });
    let is_chosen = machine.default_gateways.iter().any(IpAddr::is_ipv4);
    let reservation = Reservation {
        host: host.clone(),
        withheld: (is_chosen && is_elsewhere)
            .then_some(ROUTERS)
            .into_iter()
            .collect(),
        addresses,
        image: machine.image.clone().filter(|_| !machine.boots_from_disk),
        boots_from_disk: machine.boots_from_disk,
        options: machine.options.clone(),
    };
    into.add(
        Key::Reservation {
            vlan: path.clone(),
            mac,
        },
        Resource::Reservation(reservation),
        &interface.origin,
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::files::MemoryFiles;
    use crate::site::compile;

    #[test]
    fn an_ipv6_subnet_beside_a_served_one_has_no_scope() {
        let mut files = MemoryFiles::default();
        let text = r#"
            site "a" domain="a.example"
            fabric "f" { vlan "pxe" {
                dhcp { controllers "c" }
                subnet "10.0.0.0/24" { dynamic-range "10.0.0.100-10.0.0.199" }
                subnet "fd00::/64"
            } }
            controller "c" { ethernet "eno1" vlan="pxe" { address "10.0.0.2"; address "fd00::2" } }
        "#;
        files.insert("site.kdl", text.as_bytes().to_vec());
        let compiled = compile(&files, "site.kdl");
        assert_eq!(compiled.diagnostics, []);
        let desired = crate::state::desired(&compiled.site.unwrap(), &"c".parse().unwrap());
        let is_scope = |key: &&Key| matches!(key, Key::Scope { .. });
        let scopes: Vec<_> = desired
            .state
            .keys()
            .filter(is_scope)
            .map(Key::to_string)
            .collect();
        assert_eq!(scopes, ["vlan/f/pxe/scope/10.0.0.0/24"]);
    }
}
