//! DHCP service of a subnet, and the machines that have an address reserved there.

mod options;
mod reservation;
mod scope;
mod told;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::{Desired, Key, Resource, Unapplied};
use crate::base::addr::Prefix;
use crate::base::name::HostName;
use crate::base::vlan::VlanPath;
use crate::site::model::{Controller, Dhcp, Machine, MachineInterface, Site, Subnet, Vlan};
pub use reservation::Reservation;
pub use scope::Scope;
use scope::server_address;
pub use told::{OptionPart, OptionStanding, OptionWord, Told, told};

/// The interfaces of machines in each VLAN, in the order of their machines.
pub(in crate::state) type Interfaces<'a> =
    BTreeMap<&'a VlanPath, Vec<(&'a HostName, &'a Machine, &'a MachineInterface)>>;

/// Looks once at every machine, however many VLANs a controller serves.
pub(in crate::state) fn interfaces(site: &Site) -> Interfaces<'_> {
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
pub(in crate::state) fn desired(
    site: &Site,
    controller: &Controller,
    (path, vlan): (&VlanPath, &Vlan),
    dhcp: &Dhcp,
    interfaces: &Interfaces<'_>,
    into: &mut Desired,
) {
    let subnets = vlan.subnets.iter();
    // Here DHCP is DHCPv4: an IPv6 subnet has no scope. A proxy is for subnets that something else gives the addresses of.
    let proxy = dhcp.policy.proxy;
    let served = |(prefix, subnet): &(&Prefix, &Subnet)| {
        prefix.net().addr().is_ipv4() && (subnet.managed || proxy)
    };
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
            options: options::desired(site, (path, vlan), (*prefix, subnet), server),
            pool_options: subnet
                .dynamic
                .iter()
                .filter(|dynamic| !dynamic.options.is_empty())
                .map(|dynamic| (dynamic.range, dynamic.options.clone()))
                .collect(),
            classes: dhcp.classes.clone(),
            image: dhcp.image.clone(),
            relay: dhcp.relay.clone(),
            policy: dhcp.policy,
            disabled_boot: subnet.disabled_boot.clone(),
            thresholds: subnet.thresholds.clone(),
            history_time: site.history_time,
        };
        into.add(key, Resource::Scope(Box::new(scope)), &subnet.origin);
    }
    let tags = reservation::asked_tags(dhcp);
    for (host, machine, interface) in interfaces.get(path).into_iter().flatten() {
        reservation::desired((path, vlan, dhcp), &tags, host, machine, interface, into);
    }
}

fn as_v4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
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

    /// Of a relayed VLAN too, and what it does not say itself is its servers'.
    #[test]
    fn how_a_vlan_takes_its_clients_is_said_in_its_scopes() {
        let mut files = MemoryFiles::default();
        let text = r#"
            site "a" domain="a.example"
            fabric "f" {
                vlan "pxe" id=2 { dhcp { controllers "c"; identity "mac"; boot-lease-time "2m"; quarantine-time "5m"; probe "dynamic"; leases-per-circuit 8; rate-per-circuit 9 }; subnet "10.0.0.0/24" { dynamic-range "10.0.0.100-10.0.0.109" } }
                vlan "far" id=3 { dhcp { relay-to "pxe"; authoritative #false; rate-per-client 5 }; subnet "10.1.0.0/24" { dynamic-range "10.1.0.100-10.1.0.109" } }
                vlan "own" id=4 { dhcp { controllers "c" }; subnet "10.2.0.0/24" { dynamic-range "10.2.0.100-10.2.0.109" } }
            }
            controller "c" {
                ethernet "eno1" vlan="pxe" { address "10.0.0.2" }
                ethernet "eno2" vlan="own" { address "10.2.0.2" }
            }
        "#;
        files.insert("site.kdl", text.as_bytes().to_vec());
        let compiled = compile(&files, "site.kdl");
        assert_eq!(compiled.diagnostics, []);
        let desired = crate::state::desired(&compiled.site.unwrap(), &"c".parse().unwrap());
        let policy = |(key, resource): (&Key, &Resource)| {
            let text = serde_json::to_value(resource).unwrap()["scope"]["policy"].clone();
            matches!(key, Key::Scope { .. }).then(|| (key.to_string(), text))
        };
        let found: Vec<_> = desired.state.iter().filter_map(policy).collect();
        let said = |authoritative: bool| {
            serde_json::json!({
                "authoritative": authoritative, "identity": "mac", "least-lease-time": "1m", "boot-lease-time": "2m",
                "offer-time": "30s", "quarantine-time": "5m", "unknown-clients": "allow", "probe": "dynamic",
                "leases-per-circuit": 8, "rate-per-circuit": 9
            })
        };
        let mut far = said(false);
        far["rate-per-client"] = 5.into();
        let expected = [
            ("vlan/f/far/scope/10.1.0.0/24".to_owned(), far),
            (
                "vlan/f/own/scope/10.2.0.0/24".to_owned(),
                serde_json::Value::Null,
            ),
            ("vlan/f/pxe/scope/10.0.0.0/24".to_owned(), said(true)),
        ];
        assert_eq!(found, expected);
    }
}
