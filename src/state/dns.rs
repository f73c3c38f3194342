//! DNS zones that the site is authoritative for, their records, and where other questions go.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Changes, Desired, Key, RecordName, Resource, Unapplied, list};
use crate::base::duration::Seconds;
use crate::base::name::{DomainName, HostName, LinkName, Name};
use crate::base::origin::Origin;
use crate::base::record::{RecordData, RecordType};
use crate::base::sorted::SortedSet;
use crate::base::vlan::VlanPath;
use crate::site::host_name::{NamedLink, names as host_names};
use crate::site::model::{PlacedAddress, ReverseDns, Site, Subnet};

/// How long resolvers may keep an answer: short, since machines move between edits of the site.
const TTL: Seconds = Seconds(30);

/// Longest part of a zone's SOA for absent names (RFC 2308 5).
const NEGATIVE_TTL: Seconds = Seconds(30);

/// A zone: its SOA and NS, less the serial, which the server counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// Name servers, the primary first; never empty.
    pub servers: Vec<DomainName>,
    pub ttl: Seconds,
    pub negative_ttl: Seconds,
}

/// All records of one name and type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub ttl: Seconds,
    pub values: SortedSet<RecordData>,
}

/// Resolvers for names outside the site's zones; without any, such questions are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forwarders {
    pub upstreams: Vec<IpAddr>,
}

impl Zone {
    pub(super) fn changes(&self, from: &Self, changes: Changes) -> Changes {
        changes
            .shown("servers", &from.servers, &self.servers, |servers| {
                list(servers)
            })
            .field("ttl", &from.ttl, &self.ttl)
            .field("negative-ttl", &from.negative_ttl, &self.negative_ttl)
    }

    pub(super) fn summary(&self) -> String {
        format!("served by {}", list(&self.servers))
    }
}

impl Record {
    pub(super) fn changes(&self, from: &Self, changes: Changes) -> Changes {
        changes
            .shown("values", &from.values, &self.values, |values| list(values))
            .field("ttl", &from.ttl, &self.ttl)
    }
}

impl Forwarders {
    pub(super) fn changes(&self, from: &Self, changes: Changes) -> Changes {
        changes.shown("upstreams", &from.upstreams, &self.upstreams, |upstreams| {
            list(upstreams)
        })
    }
}

/// A record lives in its zone.
pub(super) fn requires(key: &Key) -> Vec<Key> {
    let Key::Record { zone, .. } = key else {
        return Vec::new();
    };
    vec![Key::Zone { zone: zone.clone() }]
}

/// The name that holds the PTR of `address` (RFC 1035 3.5, RFC 3596 2.5).
pub fn reverse_name(address: IpAddr) -> Option<DomainName> {
    let net = IpNet::from(address);
    reverse_zones(net).into_iter().next()
}

/// The reverse zones that hold a prefix: it is cut at octets, for IPv6 at nibbles; a prefix longer than /24 uses its /24.
fn reverse_zones(net: IpNet) -> Vec<DomainName> {
    let (step, longest) = match net {
        IpNet::V4(_) if net.prefix_len() == 32 => (8, 32),
        IpNet::V4(_) => (8, 24),
        IpNet::V6(_) => (4, 128),
    };
    let length = net.prefix_len().next_multiple_of(step).clamp(step, longest);
    let widened = if length < net.prefix_len() {
        IpNet::new(net.addr(), length).map(|net| net.trunc())
    } else {
        Ok(net)
    };
    let Ok(subnets) =
        widened.and_then(|net| net.subnets(length).map_err(|_| ipnet::PrefixLenError))
    else {
        return Vec::new();
    };
    subnets.filter_map(reverse_zone).collect()
}

fn reverse_zone(net: IpNet) -> Option<DomainName> {
    let name = match net {
        IpNet::V4(net) => {
            let kept = usize::from(net.prefix_len() / 8);
            let octets: Vec<_> = net
                .addr()
                .octets()
                .iter()
                .take(kept)
                .rev()
                .map(ToString::to_string)
                .collect();
            format!("{}.in-addr.arpa", octets.join("."))
        }
        IpNet::V6(net) => {
            let kept = usize::from(net.prefix_len() / 4);
            let nibbles = net
                .addr()
                .octets()
                .into_iter()
                .flat_map(|byte| [byte >> 4, byte & 15]);
            let mut nibbles: Vec<_> = nibbles
                .take(kept)
                .map(|nibble| format!("{nibble:x}"))
                .collect();
            nibbles.reverse();
            format!("{}.ip6.arpa", nibbles.join("."))
        }
    };
    name.parse().ok()
}

/// The zones and records of a site.
pub(super) fn desired(site: &Site, name: &HostName, into: &mut Desired) {
    if !site.forwarders.is_empty() {
        let forwarders = Forwarders {
            upstreams: site.forwarders.clone(),
        };
        into.add(
            Key::Forwarders {
                controller: name.clone(),
            },
            Resource::Forwarders(forwarders),
            &site.origin,
        );
    }
    let mut names = Names {
        site,
        into,
        reach: reach(site, name),
        zones: BTreeSet::new(),
        records: BTreeMap::new(),
    };
    names.zone(&site.domain, &site.origin);
    for (path, vlan) in &site.vlans {
        let subnets = vlan.subnets.iter();
        let is_named = |subnet: &Subnet| {
            subnet.reverse_dns != ReverseDns::Off && names.reach.contains(&names.isolation(path))
        };
        let named: Vec<_> = subnets.filter(|(_, subnet)| is_named(subnet)).collect();
        for (prefix, subnet) in named {
            for zone in reverse_zones(prefix.net()) {
                names.zone(&zone, &subnet.origin);
            }
        }
    }
    for (host, controller) in &site.controllers {
        let links = controller.links.iter();
        let links = links.map(|(name, link)| HostLink {
            name,
            vlan: link.vlan.as_ref(),
            addresses: &link.addresses,
            is_served: link
                .vlan
                .as_ref()
                .is_some_and(|vlan| site.serves(host, vlan)),
        });
        names.host(host, links.collect());
    }
    for (host, machine) in &site.machines {
        let links = machine.interfaces.iter();
        let links = links.map(|(name, link)| HostLink {
            name,
            vlan: link.vlan.as_ref(),
            addresses: &link.addresses,
            is_served: link
                .vlan
                .as_ref()
                .is_some_and(|vlan| site.offers_dhcp(vlan)),
        });
        names.host(host, links.collect());
    }
    names.declared();
    names.finish();
}

/// A link of a host, as far as its names go.
struct HostLink<'a> {
    name: &'a LinkName,
    vlan: Option<&'a VlanPath>,
    addresses: &'a [PlacedAddress],
    /// As in `NamedLink`.
    is_served: bool,
}

fn isolation<'a>(site: &'a Site, vlan: &VlanPath) -> Option<&'a Name> {
    let (name, fabric) = site.fabrics.get_key_value(&vlan.fabric)?;
    fabric.isolated.then_some(name)
}

fn reach<'a>(site: &'a Site, controller: &HostName) -> BTreeSet<Option<&'a Name>> {
    let links = site.controllers.get(controller).into_iter();
    let links = links.flat_map(|controller| controller.links.values());
    let vlans = links.filter_map(|link| link.vlan.as_ref());
    vlans.map(|vlan| isolation(site, vlan)).collect()
}

/// Collects names until all are known, since several may share a record.
struct Names<'a> {
    site: &'a Site,
    into: &'a mut Desired,
    /// The isolation domains that the controller is in: those of others may have the same addresses.
    reach: BTreeSet<Option<&'a Name>>,
    zones: BTreeSet<DomainName>,
    records: BTreeMap<Key, (Record, Origin)>,
}

impl<'a> Names<'a> {
    fn zone(&mut self, zone: &DomainName, origin: &Origin) {
        self.zones.insert(zone.clone());
        let key = Key::Zone { zone: zone.clone() };
        let servers = self
            .site
            .servers()
            .filter_map(|host| self.site.domain.child(host.as_str()).ok())
            .collect();
        self.into.add_once(
            key,
            Resource::Zone(Zone {
                servers,
                ttl: TTL,
                negative_ttl: NEGATIVE_TTL,
            }),
            origin,
        );
    }

    /// The isolated fabric that a VLAN is in; none for all others, which share their addresses.
    fn isolation(&self, vlan: &VlanPath) -> Option<&'a Name> {
        isolation(self.site, vlan)
    }

    fn host(&mut self, host: &HostName, links: Vec<HostLink<'_>>) {
        let with_addresses = || links.iter().filter(|link| !link.addresses.is_empty());
        let named = with_addresses().map(|link| NamedLink {
            link: link.name,
            is_served: link.is_served,
        });
        let named: BTreeMap<&LinkName, DomainName> = host_names(&self.site.domain, host, named)
            .into_iter()
            .collect();
        for link in with_addresses() {
            let Some(name) = named.get(link.name) else {
                continue;
            };
            for placed in link.addresses {
                self.address(name, link.vlan, placed);
            }
        }
    }

    fn address(&mut self, name: &DomainName, vlan: Option<&VlanPath>, placed: &PlacedAddress) {
        let address = placed.address.ip();
        let domain = self.site.domain.clone();
        self.record(&domain, name, RecordData::address(address), &placed.origin);
        if !self.is_reversed(vlan, placed) {
            return;
        }
        let Some(reverse) = reverse_name(address) else {
            return;
        };
        let zone = iter::successors(Some(reverse.clone()), DomainName::parent)
            .find(|zone| self.zones.contains(zone));
        if let Some(zone) = zone {
            self.record(
                &zone,
                &reverse,
                RecordData::Ptr(name.clone()),
                &placed.origin,
            );
        }
    }

    /// Whether the name of an address is served here: as its own subnet says, and by controllers in its own isolation domain.
    fn is_reversed(&self, vlan: Option<&VlanPath>, placed: &PlacedAddress) -> bool {
        let Some(path) = vlan else {
            return true;
        };
        let vlan = self.site.vlans.get(path);
        let subnet = vlan.and_then(|vlan| vlan.subnets.get(&placed.address.prefix()));
        let is_off = subnet.is_some_and(|subnet| subnet.reverse_dns == ReverseDns::Off);
        !is_off && self.reach.contains(&self.isolation(path))
    }

    fn record(&mut self, zone: &DomainName, name: &DomainName, data: RecordData, origin: &Origin) {
        let Some(relative) = RecordName::relative(name, zone) else {
            return;
        };
        let key = Key::Record {
            zone: zone.clone(),
            name: relative,
            kind: data.kind(),
        };
        let empty = || {
            let record = Record {
                ttl: TTL,
                values: SortedSet::default(),
            };
            (record, origin.clone())
        };
        let (record, _) = self.records.entry(key).or_insert_with(empty);
        record.values.insert(data);
    }

    /// What the site says of names itself.
    fn declared(&mut self) {
        let domain = self.site.domain.clone();
        for (name, declared) in &self.site.records {
            let is_wildcard = name.as_str().starts_with('*');
            for value in &declared.values {
                let kind = value.kind();
                if is_wildcard || kind == RecordType::Ns {
                    self.into.unapplied.push(Unapplied {
                        what: format!("zone/{domain}/{name}"),
                        why: "wildcards and zones of others are not served yet".to_owned(),
                        origin: declared.origin.clone(),
                    });
                    continue;
                }
                self.record(&domain, name, value.clone(), &declared.origin);
                let Some(relative) = RecordName::relative(name, &domain) else {
                    continue;
                };
                let key = Key::Record {
                    zone: domain.clone(),
                    name: relative,
                    kind,
                };
                if let (Some((record, _)), Some(ttl)) = (self.records.get_mut(&key), declared.ttl) {
                    record.ttl = ttl;
                }
            }
        }
    }

    fn finish(self) {
        for (key, (record, origin)) in self.records {
            self.into.add(key, Resource::Record(record), &origin);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::files::MemoryFiles;
    use crate::site::compile;

    #[test]
    fn the_own_name_of_a_machine_is_where_it_is_served() {
        let text = r#"site "s" domain="s.example"
            fabric "f" {
                vlan "storage" id=100 { subnet "10.1.0.0/24" }
                vlan "pxe" id=5 { dhcp { controllers "c" }; subnet "10.2.0.0/24" }
                vlan "far" id=6 { dhcp { relay-to "pxe" }; subnet "10.3.0.0/24" }
            }
            controller "c" {
                ethernet "a" vlan="far" { address "10.3.0.2" }
                ethernet "b" vlan="pxe" { address "10.2.0.2" }
            }
            machine "m" {
                ethernet "eth0" mac="52:54:00:00:00:01"
                bond "bond0" mode="802.3ad" { ports "eth1" }
                ethernet "eth1" mac="52:54:00:00:00:02"
                tagged "bond0.100" on="bond0" vlan="storage" { address "10.1.0.11" }
                tagged "eth0.6" on="eth0" vlan="far" { address "10.3.0.11" }
                tagged "eth0.5" on="eth0" vlan="pxe" { address "10.2.0.11" }
            }"#;
        let mut files = MemoryFiles::default();
        files.insert("site.kdl", text.as_bytes().to_vec());
        let compiled = compile(&files, "site.kdl");
        let site = compiled.site.unwrap();
        let desired = super::super::desired::desired(&site, &"c".parse().unwrap());
        for (name, address) in [
            ("m", "10.2.0.11"),
            ("eth0-6.m", "10.3.0.11"),
            ("bond0-100.m", "10.1.0.11"),
            ("c", "10.2.0.2"),
            ("a.c", "10.3.0.2"),
        ] {
            let key: Key = format!("zone/s.example/{name}/A").parse().unwrap();
            let Some(Resource::Record(record)) = desired.state.get(&key) else {
                panic!("no {key}");
            };
            assert_eq!(list(&record.values), address, "{name}");
        }
    }

    #[test]
    fn prefixes_are_cut_at_octets_and_nibbles() {
        let cases: [(&str, usize, &str); 6] = [
            ("10.10.0.0/16", 1, "10.10.in-addr.arpa"),
            ("10.0.0.0/20", 16, "0.0.10.in-addr.arpa"),
            ("10.0.7.128/25", 1, "7.0.10.in-addr.arpa"),
            ("10.0.0.0/8", 1, "10.in-addr.arpa"),
            ("fd00::/8", 1, "d.f.ip6.arpa"),
            ("2001:db8::/30", 4, "8.b.d.0.1.0.0.2.ip6.arpa"),
        ];
        for (prefix, count, first) in cases {
            let zones = reverse_zones(prefix.parse().unwrap());
            assert_eq!((zones.len(), zones[0].as_str()), (count, first), "{prefix}");
        }
        assert_eq!(
            reverse_name("10.10.0.2".parse().unwrap()).unwrap().as_str(),
            "2.0.10.10.in-addr.arpa"
        );
    }
}
