//! An immutable view of the declared zones and records, ready for lookups. Knows no leases and no messages.

use std::collections::HashMap;
use std::iter;
use std::net::IpAddr;

use compact_str::CompactString;
use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, NS, PTR, SOA, SRV, SSHFP, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::base::name::DomainName;
use crate::base::record::RecordData;
use crate::state::{self, Key, Resource, State, Zone};

/// When secondaries would ask, ask again and give up; we have none, but the fields are there (RFC 1912 2.2).
const REFRESH: i32 = 3600;
const RETRY: i32 = 600;
const EXPIRE: i32 = 604_800;

/// Zones and records of one configuration. Names are keyed as [`fold`] writes them.
#[derive(Default)]
pub(super) struct View {
    state: State,
    apexes: HashMap<CompactString, Apex>,
    /// Every name that exists, those between a record and its zone among them (RFC 8020 2).
    nodes: HashMap<CompactString, Vec<RecordSet>>,
    upstreams: Vec<IpAddr>,
}

/// The top of a zone.
pub(super) struct Apex {
    name: Name,
    primary: Name,
    contact: Name,
    servers: Box<[RData]>,
    ttl: u32,
    negative_ttl: u32,
}

/// All records of one name and type.
pub(super) struct RecordSet {
    pub(super) kind: RecordType,
    pub(super) ttl: u32,
    pub(super) data: Box<[RData]>,
}

impl View {
    /// The zones, records and forwarders among `state`.
    pub(super) fn new(state: &State) -> Self {
        let is_served = |key: &&Key| {
            matches!(
                key,
                Key::Zone { .. } | Key::Record { .. } | Key::Forwarders { .. }
            )
        };
        let many = state.keys().filter(is_served).count();
        // Most names have one record: a table that grows is hashed anew each time.
        let mut view = Self {
            nodes: HashMap::with_capacity(many),
            ..Self::default()
        };
        let mut served = Vec::with_capacity(many);
        for (key, resource) in state {
            if let (Key::Zone { zone }, Resource::Zone(declared)) = (key, resource) {
                let apex = Apex::new(zone, declared);
                view.apexes.insert(zone.as_str().into(), apex);
                view.nodes.entry(zone.as_str().into()).or_default();
            } else if let (Key::Record { zone, name, .. }, Resource::Record(record)) =
                (key, resource)
            {
                if let Some(name) = name.absolute(zone) {
                    view.add(&name, zone, record);
                }
            } else if let Resource::Forwarders(forwarders) = resource {
                view.upstreams.clone_from(&forwarders.upstreams);
            } else {
                continue;
            }
            served.push((key.clone(), resource.clone()));
        }
        // Sorted already, so that the map is built and not searched.
        view.state = served.into_iter().collect();
        view
    }

    fn add(&mut self, name: &DomainName, zone: &DomainName, record: &state::Record) {
        let data: Box<[_]> = record.values.iter().filter_map(wire_data).collect();
        let Some(kind) = data.first().map(RData::record_type) else {
            return;
        };
        let ttl = record.ttl.0;
        let sets = self.nodes.entry(name.as_str().into()).or_default();
        // Most names have one: a vector would make room for four.
        sets.reserve_exact(1);
        sets.push(RecordSet { kind, ttl, data });
        for above in suffixes(name.as_str())
            .skip(1)
            .take_while(|above| *above != zone.as_str())
        {
            self.nodes.entry(above.into()).or_default();
        }
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Where questions outside the zones go.
    pub(super) fn upstreams(&self) -> &[IpAddr] {
        &self.upstreams
    }

    /// The closest zone that holds a name, and whether the name is the zone's own.
    pub(super) fn zone_of(&self, name: &str) -> Option<(&Apex, bool)> {
        suffixes(name).find_map(|zone| Some((self.apexes.get(zone)?, zone.len() == name.len())))
    }

    /// The records of a name; empty where it only has names below it, none where it does not exist.
    pub(super) fn records(&self, name: &str) -> Option<&[RecordSet]> {
        self.nodes.get(name).map(Vec::as_slice)
    }
}

impl Apex {
    fn new(name: &DomainName, zone: &Zone) -> Self {
        let own = wire_name(name);
        let contact = own.prepend_label("hostmaster");
        Self {
            primary: zone.servers.first().map_or_else(|| own.clone(), wire_name),
            contact: contact.unwrap_or_else(|_| own.clone()),
            servers: zone
                .servers
                .iter()
                .map(|server| RData::NS(NS(wire_name(server))))
                .collect(),
            name: own,
            ttl: zone.ttl.0,
            negative_ttl: zone.negative_ttl.0,
        }
    }

    pub(super) fn ttl(&self) -> u32 {
        self.ttl
    }

    pub(super) fn servers(&self) -> RecordSet {
        RecordSet {
            kind: RecordType::NS,
            ttl: self.ttl,
            data: self.servers.clone(),
        }
    }

    pub(super) fn authority(&self, serial: u32) -> RecordSet {
        RecordSet {
            kind: RecordType::SOA,
            ttl: self.ttl,
            data: [self.soa(serial)].into(),
        }
    }

    /// What tells a resolver how long to remember that something is absent (RFC 2308 3).
    pub(super) fn absence(&self, serial: u32) -> Record {
        let ttl = self.ttl.min(self.negative_ttl);
        Record::from_rdata(self.name.clone(), ttl, self.soa(serial))
    }

    fn soa(&self, serial: u32) -> RData {
        let (primary, contact) = (self.primary.clone(), self.contact.clone());
        let (negative, expire) = (self.negative_ttl, EXPIRE);
        RData::SOA(SOA::new(
            primary, contact, serial, REFRESH, RETRY, expire, negative,
        ))
    }
}

/// A name as lookups key it: lower case, without final dot. A label that no declared name could hold is made one that
/// still cannot, so that a dot within a label never reads as a border.
pub(super) fn fold(name: &Name) -> String {
    let mut folded = String::with_capacity(name.len());
    for label in name.iter() {
        if !folded.is_empty() {
            folded.push('.');
        }
        folded.extend(label.iter().map(|byte| match byte {
            b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' => char::from(*byte),
            b'A'..=b'Z' => char::from(byte.to_ascii_lowercase()),
            _ => '?',
        }));
    }
    folded
}

/// A name, and those above it, nearest first.
pub(super) fn suffixes(name: &str) -> impl Iterator<Item = &str> {
    iter::successors(Some(name), |name| {
        name.split_once('.').map(|(_, rest)| rest)
    })
}

/// A declared name on the wire; its grammar is narrower than DNS's, so it always fits.
pub(super) fn wire_name(name: &DomainName) -> Name {
    Name::from_labels(name.as_str().split('.').map(str::as_bytes)).unwrap_or_default()
}

/// A record's data on the wire; none for a kind or a digest that this release does not know.
fn wire_data(data: &RecordData) -> Option<RData> {
    Some(match data {
        RecordData::A(address) => RData::A(A(*address)),
        RecordData::Aaaa(address) => RData::AAAA(AAAA(*address)),
        RecordData::Cname(name) => RData::CNAME(CNAME(wire_name(name))),
        RecordData::Mx { preference, target } => RData::MX(MX::new(*preference, wire_name(target))),
        RecordData::Ns(name) => RData::NS(NS(wire_name(name))),
        RecordData::Ptr(name) => pointer(name),
        RecordData::Srv {
            priority,
            weight,
            port,
            target,
        } => RData::SRV(SRV::new(*priority, *weight, *port, wire_name(target))),
        RecordData::Sshfp {
            algorithm,
            digest,
            fingerprint,
        } => RData::SSHFP(SSHFP::new(
            (*algorithm).into(),
            (*digest).into(),
            bytes(fingerprint)?,
        )),
        RecordData::Txt(text) => RData::TXT(TXT::new(parts(text))),
    })
}

/// A text in parts of at most 255 bytes, cut between characters (RFC 1035 3.3).
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for c in text.chars() {
        match parts.last_mut() {
            Some(last) if last.len() + c.len_utf8() <= 255 => last.push(c),
            Some(_) | None => parts.push(c.to_string()),
        }
    }
    parts
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = hex
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(high * 16 + low),
            _ => None,
        })
        .collect()
}

/// The data of a PTR record.
pub(super) fn pointer(name: &DomainName) -> RData {
    RData::PTR(PTR(wire_name(name)))
}
