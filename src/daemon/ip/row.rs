//! Addresses as the daemon tells of them. Knows forms, not how they come about.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use crate::base::addr::{AddressRange, Prefix};
use crate::base::mac::MacAddr;
use crate::base::name::DomainName;
use crate::base::origin::Origin;
use crate::base::vlan::VlanPath;
use crate::daemon::lease::{LeaseRow, PastRow};
use crate::serve::dhcp::ScopeCounters;

/// What an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressUse {
    /// Written in the site: a controller's, a router's, a machine's whose MAC is not known.
    Declared,
    /// From the lock.
    Auto,
    /// Written for a machine, and kept for its MAC by DHCP.
    Reserved,
    Leased,
    /// The lease is over for its client, and kept for it a little longer.
    Held,
    Offered,
    /// A client found it in use by another.
    Quarantined,
    /// Leased, and the site has no such place for it any more.
    Stranded,
    /// Of a reserved range.
    ReservedRange,
    /// Of a subnet whose addresses something else gives.
    Unmanaged,
    /// Nobody's, and somebody answered there.
    Seen,
    Free,
}

/// Addresses of a subnet or a range by what they are; counts stop at 2^64-1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub declared: u64,
    pub auto: u64,
    pub reserved: u64,
    pub leased: u64,
    pub held: u64,
    pub offered: u64,
    pub quarantined: u64,
    pub stranded: u64,
    pub reserved_range: u64,
    pub unmanaged: u64,
    pub seen: u64,
    pub free: u64,
}

/// A subnet and how much of it is in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetRow {
    pub vlan: VlanPath,
    pub subnet: Prefix,
    /// Addresses that a host may hold.
    pub size: u64,
    /// How many of them are not free, in percent, rounded down.
    pub used_percent: u8,
    pub counts: Counts,
    pub ranges: Vec<RangeRow>,
    /// Whether DHCP is served here by this controller.
    pub is_served: bool,
    /// What was asked of DHCP here, and what came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dhcp: Option<ScopeCounters>,
}

/// A dynamic range and how much of it is in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeRow {
    pub range: AddressRange,
    pub size: u64,
    pub used_percent: u8,
    pub counts: Counts,
}

/// An address, or a run of them that are alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressRow {
    pub first: IpAddr,
    pub last: IpAddr,
    #[serde(rename = "use")]
    pub what: AddressUse,
    /// The dynamic or reserved range that it lies in, and what a reserved one is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<AddressRange>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Whose it is by the site's word, and where that is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// The MAC that the site says, else that of the client that has it; not of one that has what the site gives to another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware: Option<String>,
    /// The client's, by the same rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<DomainName>,
    /// Whether it is in quarantine, whoever it is given to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_quarantined: bool,
    /// When its lease, an offer or a quarantine ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// Who answered there, as far as this host knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<MacAddr>,
}

/// All subnets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpOverview {
    pub subnets: Vec<SubnetRow>,
    /// Leases in force in no subnet of the site.
    pub outside: Vec<AddressRow>,
    pub conflicts: Vec<Conflict>,
}

/// The addresses of one subnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetListing {
    #[serde(flatten)]
    pub subnet: SubnetRow,
    pub addresses: Vec<AddressRow>,
    pub conflicts: Vec<Conflict>,
}

/// Two that have one address, or one that has it against the site's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    pub address: IpAddr,
    pub kind: ConflictKind,
    /// In a sentence.
    pub because: String,
}

/// How an address is in dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConflictKind {
    /// A client found it in use by another.
    Declined,
    /// Our own probe found it in use, and so nobody was offered it.
    InUse,
    /// Another MAC answers there than its holder's.
    SeenElsewhere,
    /// Leased to another than the site gives it to.
    DeclaredForAnother,
    /// Leased, and in a reserved range.
    InReservedRange,
    /// Leased, and in no dynamic range.
    OutsideRanges,
    /// Leased, and in no subnet of the site.
    OutsideSite,
}

/// What one address is, and was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressDetail {
    pub vlan: Option<VlanPath>,
    pub subnet: Option<Prefix>,
    /// None where no subnet of the site holds it, and nobody has leased it.
    pub address: Option<AddressRow>,
    /// The lease in force, or the last one.
    pub lease: Option<LeaseRow>,
    pub conflicts: Vec<Conflict>,
    /// Who held it, the latest first.
    #[serde(default)]
    pub history: Vec<PastRow>,
}

/// Which addresses a MAC has, and had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MacDetail {
    pub mac: MacAddr,
    /// By the site's word.
    pub declared: Vec<AddressRow>,
    /// Those in force, and the last ones of addresses that nobody else had since.
    pub leases: Vec<LeaseRow>,
    /// Where it answered, as far as this host knows.
    pub seen: Vec<IpAddr>,
    pub conflicts: Vec<Conflict>,
    /// What it held, the latest first.
    #[serde(default)]
    pub history: Vec<PastRow>,
}

/// The next address of a subnet that `lock` would give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextAddress {
    pub vlan: VlanPath,
    pub subnet: Prefix,
    /// None where there is none left.
    pub address: Option<IpAddr>,
    /// The part that it is from: a reserved range of an unmanaged subnet; none for what is outside of all ranges.
    pub range: Option<AddressRange>,
    pub purpose: Option<String>,
    /// Those before it that `lock` would give, and that somebody has.
    pub passed: Vec<Passed>,
}

/// An address that is not given, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    pub address: IpAddr,
    pub because: String,
}

/// What `reclaim` takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reclaim {
    pub addresses: Vec<Ipv4Addr>,
}

/// An address that can be had back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reclaimable {
    pub address: Ipv4Addr,
    pub hardware: String,
    pub reason: ReclaimReason,
    /// In a sentence.
    pub because: String,
}

/// Why an address can be had back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReclaimReason {
    /// Its lease is over for its client, and still kept for it.
    Held,
    /// In quarantine, and nobody answers there.
    Quarantined,
    /// Leased where the site has no such place any more.
    Stranded,
}

/// What became of addresses that were to be had back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reclaimed {
    pub freed: Vec<Ipv4Addr>,
    /// Those that changed meanwhile, or whose end could not be stored.
    pub kept: Vec<Passed>,
}

impl AddressUse {
    /// Its word, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Auto => "auto",
            Self::Reserved => "reserved",
            Self::Leased => "leased",
            Self::Held => "held",
            Self::Offered => "offered",
            Self::Quarantined => "quarantined",
            Self::Stranded => "stranded",
            Self::ReservedRange => "reserved-range",
            Self::Unmanaged => "unmanaged",
            Self::Seen => "seen",
            Self::Free => "free",
        }
    }
}

impl Counts {
    pub(super) fn add(&mut self, what: AddressUse, count: u128) {
        let counter = match what {
            AddressUse::Declared => &mut self.declared,
            AddressUse::Auto => &mut self.auto,
            AddressUse::Reserved => &mut self.reserved,
            AddressUse::Leased => &mut self.leased,
            AddressUse::Held => &mut self.held,
            AddressUse::Offered => &mut self.offered,
            AddressUse::Quarantined => &mut self.quarantined,
            AddressUse::Stranded => &mut self.stranded,
            AddressUse::ReservedRange => &mut self.reserved_range,
            AddressUse::Unmanaged => &mut self.unmanaged,
            AddressUse::Seen => &mut self.seen,
            AddressUse::Free => &mut self.free,
        };
        *counter = counter.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// How many of `size` addresses are not free, in percent, rounded down.
    pub(super) fn used_percent(&self, size: u64) -> u8 {
        let used = u128::from(size.saturating_sub(self.free));
        let percent = (used * 100).checked_div(size.into()).unwrap_or(0);
        u8::try_from(percent).unwrap_or(100)
    }
}
