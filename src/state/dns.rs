//! DNS zones that the site is authoritative for, their records, and where other questions go.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::iter;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Changes, Desired, Key, RecordName, Resource, Unapplied, list};
use crate::base::duration::Seconds;
use crate::base::name::{DomainName, HostName, LinkName};
use crate::base::origin::Origin;
use crate::lang::node::RecordValue;
use crate::site::model::{PlacedAddress, ReverseDns, Site};

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
    pub values: BTreeSet<RecordData>,
}

/// Resolvers for names outside the site's zones; without any, such questions are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forwarders {
    pub upstreams: Vec<IpAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecordType {
    A,
    Aaaa,
    Cname,
    Mx,
    Ptr,
    Srv,
    Sshfp,
    Txt,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecordData {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Cname(DomainName),
    Mx {
        preference: u16,
        target: DomainName,
    },
    Ptr(DomainName),
    Srv {
        priority: u16,
        weight: u16,
        port: u16,
        target: DomainName,
    },
    /// The fingerprint in hexadecimal (RFC 4255 3.1).
    Sshfp {
        algorithm: u8,
        digest: u8,
        fingerprint: String,
    },
    Txt(String),
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

impl RecordType {
    pub const ALL: [Self; 8] = [
        Self::A,
        Self::Aaaa,
        Self::Cname,
        Self::Mx,
        Self::Ptr,
        Self::Srv,
        Self::Sshfp,
        Self::Txt,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Cname => "CNAME",
            Self::Mx => "MX",
            Self::Ptr => "PTR",
            Self::Srv => "SRV",
            Self::Sshfp => "SSHFP",
            Self::Txt => "TXT",
        }
    }
}

impl RecordData {
    /// The address record for `address`.
    pub fn address(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::A(address),
            IpAddr::V6(address) => Self::Aaaa(address),
        }
    }

    pub fn kind(&self) -> RecordType {
        match self {
            Self::A(_) => RecordType::A,
            Self::Aaaa(_) => RecordType::Aaaa,
            Self::Cname(_) => RecordType::Cname,
            Self::Mx { .. } => RecordType::Mx,
            Self::Ptr(_) => RecordType::Ptr,
            Self::Srv { .. } => RecordType::Srv,
            Self::Sshfp { .. } => RecordType::Sshfp,
            Self::Txt(_) => RecordType::Txt,
        }
    }

    /// What the site says of a name; none for what the name servers of others say.
    fn declared(value: &RecordValue) -> Option<Self> {
        Some(match value.clone() {
            RecordValue::A(address) => Self::A(address),
            RecordValue::Aaaa(address) => Self::Aaaa(address),
            RecordValue::Cname(target) => Self::Cname(target),
            RecordValue::Mx { preference, target } => Self::Mx { preference, target },
            RecordValue::Ns(_) => return None,
            RecordValue::Srv {
                priority,
                weight,
                port,
                target,
            } => Self::Srv {
                priority,
                weight,
                port,
                target,
            },
            RecordValue::Sshfp {
                algorithm,
                digest,
                fingerprint,
            } => Self::Sshfp {
                algorithm,
                digest,
                fingerprint,
            },
            RecordValue::Txt(text) => Self::Txt(text),
        })
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for RecordData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::A(address) => write!(f, "{address}"),
            Self::Aaaa(address) => write!(f, "{address}"),
            Self::Cname(name) | Self::Ptr(name) => write!(f, "{name}"),
            Self::Mx { preference, target } => write!(f, "{preference} {target}"),
            Self::Srv {
                priority,
                weight,
                port,
                target,
            } => write!(f, "{priority} {weight} {port} {target}"),
            Self::Sshfp {
                algorithm,
                digest,
                fingerprint,
            } => write!(f, "{algorithm} {digest} {fingerprint}"),
            Self::Txt(text) => write!(f, "{text:?}"),
        }
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
        zones: BTreeSet::new(),
        records: BTreeMap::new(),
    };
    names.zone(&site.domain, &site.origin);
    let subnets = site.vlans.values().flat_map(|vlan| &vlan.subnets);
    for (prefix, subnet) in subnets.filter(|(_, subnet)| subnet.reverse_dns != ReverseDns::Off) {
        for zone in reverse_zones(prefix.net()) {
            names.zone(&zone, &subnet.origin);
        }
    }
    for (host, controller) in &site.controllers {
        names.host(
            host,
            controller
                .links
                .iter()
                .map(|(link, on)| (link, on.addresses.as_slice())),
        );
    }
    for (host, machine) in &site.machines {
        names.host(
            host,
            machine
                .interfaces
                .iter()
                .map(|(link, on)| (link, on.addresses.as_slice())),
        );
    }
    names.declared();
    names.finish();
}

/// Collects names until all are known, since several may share a record.
struct Names<'a> {
    site: &'a Site,
    into: &'a mut Desired,
    zones: BTreeSet<DomainName>,
    records: BTreeMap<Key, (Record, Origin)>,
}

impl Names<'_> {
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

    /// The first interface with addresses carries the host's own name, each further one `LINK.NAME`.
    fn host<'a>(
        &mut self,
        host: &HostName,
        interfaces: impl Iterator<Item = (&'a LinkName, &'a [PlacedAddress])>,
    ) {
        let Ok(own) = self.site.domain.child(host.as_str()) else {
            return;
        };
        let with_addresses = interfaces.filter(|(_, addresses)| !addresses.is_empty());
        for (index, (link, addresses)) in with_addresses.enumerate() {
            let label = link.as_str().replace('.', "-");
            let Ok(name) = (if index == 0 {
                Ok(own.clone())
            } else {
                own.child(&label)
            }) else {
                continue;
            };
            for placed in addresses {
                self.address(&name, placed);
            }
        }
    }

    fn address(&mut self, name: &DomainName, placed: &PlacedAddress) {
        let address = placed.address.ip();
        let domain = self.site.domain.clone();
        self.record(&domain, name, RecordData::address(address), &placed.origin);
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
                values: BTreeSet::new(),
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
                let data = RecordData::declared(value).filter(|_| !is_wildcard);
                let Some(data) = data else {
                    self.into.unapplied.push(Unapplied {
                        what: format!("zone/{domain}/{name}"),
                        why: "wildcards and zones of others are not served yet".to_owned(),
                        origin: declared.origin.clone(),
                    });
                    continue;
                };
                let kind = data.kind();
                self.record(&domain, name, data, &declared.origin);
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
