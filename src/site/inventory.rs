//! What a site does with the addresses of its subnets: who has which, which ranges there are, and what is left to give.
//!
//! It is made from a draft without faults, for the daemon, which knows beside it what was granted and what was seen.

use std::net::IpAddr;

use super::lock::Free;
use super::resolve::{Draft, Host, Link, Plug};
use super::taken::{Owner, taken};
use super::{Compiled, compile_with};
use crate::base::addr::{AddressRange, Prefix};
use crate::base::mac::MacAddr;
use crate::base::name::HostName;
use crate::base::origin::Origin;
use crate::base::vlan::VlanPath;
use crate::diag::span::Sources;
use crate::lang::files::Files;

/// Every subnet of a site, in the order of their prefixes and VLANs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    pub subnets: Vec<SubnetInventory>,
}

/// A subnet with what the site says of its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubnetInventory {
    pub vlan: VlanPath,
    pub subnet: Prefix,
    /// Whether addresses here are for this site to give.
    pub managed: bool,
    /// Whether its fabric's addresses are its own, whatever other fabrics have.
    pub isolated: bool,
    /// Sorted; none overlap.
    pub dynamic: Vec<AddressRange>,
    /// Sorted, each with what it is for.
    pub reserved: Vec<(AddressRange, Option<String>)>,
    /// In the order of their addresses, one for each.
    pub holders: Vec<Holder>,
    /// The runs that `lock` allocates from, in that order; both ends are included.
    pub free: Vec<(IpAddr, IpAddr)>,
}

/// Who has an address by the site's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub address: IpAddr,
    pub how: Hold,
    /// In words: `machine node-01/eth0`, `the gateway`.
    pub who: String,
    pub host: Option<HostName>,
    pub mac: Option<MacAddr>,
    pub origin: Origin,
}

/// How an address is somebody's by the site's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Written in the site.
    Declared,
    /// Written for a machine whose MAC is known, so that DHCP keeps it for that.
    Reserved,
    /// From the lock.
    Auto,
}

/// Compiles the site whose first source is `root`, and of one without errors makes the inventory.
pub fn compile_inventory(files: &dyn Files, root: &str) -> (Compiled, Option<Inventory>) {
    compile_with(files, root, inventory)
}

fn inventory(draft: &Draft<'_>, sources: &Sources) -> Inventory {
    let of_hosts = of_hosts(draft, sources);
    let taken = taken(draft);
    let subnets = draft.subnets.iter().enumerate().filter_map(|(at, subnet)| {
        let (vlan, node) = (draft.vlan_of(at)?, subnet.node);
        let prefix = node.prefix.value;
        let (first, last) = (prefix.net().network(), prefix.net().broadcast());
        let from = of_hosts.partition_point(|(subnet, _)| *subnet < at);
        let to = of_hosts.partition_point(|(subnet, _)| *subnet <= at);
        let own = of_hosts.get(from..to).unwrap_or_default().iter();
        let mut holders: Vec<Holder> = own.map(|(_, holder)| holder.clone()).collect();
        let others = taken.within(subnet.domain, first, last);
        holders.extend(others.map(|one| Holder {
            address: one.ip,
            how: Hold::Declared,
            who: one.by.to_string().replace('`', ""),
            host: host_of(one.by),
            mac: None,
            origin: sources.origin(one.span),
        }));
        // A host's link says most, a host more than a role, and what sorts first of the rest is as good as any.
        holders.sort_by_key(|one| (one.address, one.mac.is_none(), one.host.is_none()));
        holders.dedup_by_key(|one| one.address);
        let mut dynamic: Vec<_> = node.dynamic.iter().map(|one| one.range.value).collect();
        dynamic.sort_unstable();
        let reserved = node.reserved.iter();
        let mut reserved: Vec<_> = reserved
            .map(|one| (one.range.value, one.purpose.value().cloned()))
            .collect();
        reserved.sort_unstable();
        Some(SubnetInventory {
            vlan: vlan.path.clone(),
            subnet: prefix,
            managed: node.managed.value() != Some(&false),
            isolated: subnet.domain.is_isolated(),
            dynamic,
            reserved,
            holders,
            free: Free::runs(draft, at, &taken),
        })
    });
    let mut subnets: Vec<_> = subnets.collect();
    subnets.sort_by(|a, b| (a.subnet, &a.vlan).cmp(&(b.subnet, &b.vlan)));
    Inventory { subnets }
}

/// The addresses of links, each with the number of its subnet, in the order of these.
fn of_hosts(draft: &Draft<'_>, sources: &Sources) -> Vec<(usize, Holder)> {
    let mut found = Vec::new();
    for host in &draft.hosts {
        for link in &host.links {
            for placed in &link.addresses {
                let Some(subnet) = placed.subnet else {
                    continue;
                };
                let mac = host.mac_of(link).value().copied();
                let holder = Holder {
                    address: placed.ip(),
                    how: hold(draft, host, link, placed.is_locked),
                    who: format!("{}/{}", title(host), link.node.name.value),
                    host: Some(host.name.value.clone()),
                    mac,
                    origin: sources.origin(placed.span()),
                };
                found.push((subnet, holder));
            }
        }
    }
    found.sort_by(|(a, one), (b, other)| (a, one.address).cmp(&(b, other.address)));
    found
}

fn hold(draft: &Draft<'_>, host: &Host<'_>, link: &Link, is_locked: bool) -> Hold {
    let has_mac = host.mac_of(link).value().is_some();
    let is_served = matches!(link.plug, Plug::Vlan(_)) && draft.is_served(host, link);
    if is_locked {
        Hold::Auto
    } else if has_mac && is_served && !host.is_controller() {
        Hold::Reserved
    } else {
        Hold::Declared
    }
}

fn title(host: &Host<'_>) -> String {
    host.title().replace('`', "")
}

fn host_of(owner: Owner<'_>) -> Option<HostName> {
    match owner {
        Owner::Host(host) | Owner::Bmc(host) => Some(host.name.value.clone()),
        Owner::Gateway
        | Owner::NameServer
        | Owner::Router
        | Owner::DefaultGateway
        | Owner::TimeServer
        | Owner::Forwarder
        | Owner::Server
        | Owner::Record => None,
    }
}

impl Inventory {
    pub fn has(&self, subnet: Prefix) -> bool {
        self.subnets.iter().any(|one| one.subnet == subnet)
    }

    /// The subnet that holds `address`; one of the shared space before those of isolated fabrics.
    pub fn holding(&self, address: IpAddr) -> Option<&SubnetInventory> {
        let holding = || {
            self.subnets
                .iter()
                .filter(|one| one.subnet.contains(address))
        };
        let shared = holding().find(|one| !one.isolated);
        shared.or_else(|| holding().next())
    }
}

impl SubnetInventory {
    /// Who has `address` by the site's word.
    pub fn holder(&self, address: IpAddr) -> Option<&Holder> {
        let at = self
            .holders
            .binary_search_by_key(&address, |one| one.address);
        self.holders.get(at.ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::files::MemoryFiles;

    const SITE: &str = r#"
        site "a" domain="a.example"
        fabric "f" { vlan "pxe" {
            dhcp { controllers "c" }
            subnet "10.0.0.0/28" {
                gateway "10.0.0.1"
                dns "10.0.0.4"
                dynamic-range "10.0.0.8-10.0.0.9"
                reserved-range "10.0.0.11-10.0.0.13" for="switches"
            }
        } }
        controller "c" { ethernet "eno1" vlan="pxe" { address "10.0.0.2" } }
        machine "m" {
            ethernet "e0" mac="02:00:00:00:00:01" vlan="pxe" { address "10.0.0.5" }
            ethernet "e1" mac="02:00:00:00:00:02" vlan="pxe" { address "auto" }
        }
    "#;

    #[test]
    fn every_address_is_accounted_for() {
        let mut files = MemoryFiles::default();
        files.insert("site.kdl", SITE.as_bytes().to_vec());
        let lock = "address \"m\" \"e1\" \"10.0.0.0/28\" \"10.0.0.3\"\n";
        files.insert("bedplate.lock", lock.as_bytes().to_vec());
        let (compiled, inventory) = compile_inventory(&files, "site.kdl");
        assert_eq!(compiled.diagnostics, []);
        let inventory = inventory.unwrap();
        let subnet = inventory.holding("10.0.0.7".parse().unwrap()).unwrap();
        let holders: Vec<_> = subnet
            .holders
            .iter()
            .map(|one| format!("{} {:?} {}", one.address, one.how, one.who))
            .collect();
        assert_eq!(
            holders,
            [
                "10.0.0.1 Declared the gateway",
                "10.0.0.2 Declared controller c/eno1",
                "10.0.0.3 Auto machine m/e1",
                "10.0.0.4 Declared a name server",
                "10.0.0.5 Reserved machine m/e0",
            ]
        );
        let free: Vec<_> = subnet
            .free
            .iter()
            .map(|(first, last)| format!("{first}-{last}"))
            .collect();
        assert_eq!(
            free,
            [
                "10.0.0.6-10.0.0.7",
                "10.0.0.10-10.0.0.10",
                "10.0.0.14-10.0.0.14"
            ]
        );
        assert_eq!(
            subnet.holder("10.0.0.5".parse().unwrap()).unwrap().how,
            Hold::Reserved
        );
        assert_eq!(inventory.holding("10.0.1.1".parse().unwrap()), None);
    }
}
