//! Leases as the daemon tells of them, and which of them are asked for.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base::addr::Prefix;
use crate::base::glob::matches;
use crate::base::mac::MacAddr;
use crate::base::name::DomainName;
use crate::base::vlan::VlanPath;
use crate::serve::dhcp::{Config, Ending, Known, Lease, LeaseState, Past};

/// One lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRow {
    pub address: Ipv4Addr,
    /// The client's hardware address.
    pub hardware: String,
    /// The identifier that the client gave itself, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    pub state: LeaseState,
    /// Its own, or that of the machine that the address is reserved for.
    pub name: Option<DomainName>,
    /// The VLAN that the client was in when it got the address.
    pub vlan: Option<VlanPath>,
    /// Since when the address is in this state, in seconds since 1970-01-01 UTC.
    pub since: Option<u64>,
    /// When that ends; nothing where it never does. For an idle one, when it ended.
    pub expires: Option<u64>,
}

/// Which leases are asked for: those that all of this is true of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseFilter {
    /// By its full name, or by its own alone.
    pub vlan: Option<String>,
    /// Leases of its addresses.
    pub subnet: Option<Prefix>,
    pub mac: Option<MacAddr>,
    /// The name in DNS or its first label; a pattern.
    pub name: Option<String>,
    /// Without it, leases in force and quarantines.
    pub state: Option<StateFilter>,
}

/// Which states are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateFilter {
    Active,
    Declined,
    Offered,
    Idle,
    All,
}

/// A lease of the past.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastRow {
    pub address: Ipv4Addr,
    /// The client's hardware address.
    pub hardware: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    pub vlan: Option<VlanPath>,
    pub name: Option<DomainName>,
    /// From when to when, in seconds since 1970-01-01 UTC; the first is not known of leases that an early version granted.
    pub since: Option<u64>,
    pub until: u64,
    pub how: Ending,
    /// Whether it was no lease but a quarantine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_quarantine: bool,
}

impl PastRow {
    pub(super) fn of(past: &Past) -> Self {
        let Past { lease, until, how } = past;
        Self {
            address: lease.address,
            hardware: lease.hardware.to_string(),
            client_id: lease.client.id().map(hex),
            vlan: lease.vlan.as_deref().cloned(),
            name: lease.name.clone(),
            since: (lease.since != 0).then_some(lease.since),
            until: *until,
            how: *how,
            is_quarantine: lease.state == LeaseState::Declined,
        }
    }
}

impl LeaseRow {
    pub(super) fn of(lease: &Lease, config: &Config) -> Self {
        Self {
            address: lease.address,
            hardware: lease.hardware.to_string(),
            client_id: lease.client.id().map(hex),
            state: lease.state,
            name: config.name_of(lease).cloned(),
            vlan: lease.vlan.as_deref().cloned(),
            since: (lease.since != 0).then_some(lease.since),
            expires: ends(lease),
        }
    }
}

/// When a lease ends, as whoever looks at it understands that.
fn ends(lease: &Lease) -> Option<u64> {
    match lease.state {
        LeaseState::Active => (!lease.is_infinite()).then_some(lease.expires),
        LeaseState::Offered | LeaseState::Declined | LeaseState::Idle => Some(lease.held_until),
    }
}

/// Who found the address of a quarantine in use.
pub(super) fn disputed(lease: &Lease) -> String {
    let hardware = lease.hardware;
    match lease.known.as_deref() {
        Some(Known::Found(by)) => {
            let by = by.map_or("somebody".to_owned(), |by| by.to_string());
            format!("{by} answered before it was offered to {hardware}")
        }
        Some(Known::By(_) | Known::Untold | Known::Declined) | None => {
            format!("{hardware} found it in use by another")
        }
    }
}

/// Bytes as pairs of hexadecimal digits with colons between them.
pub(super) fn hex(bytes: &[u8]) -> String {
    let pairs: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":")
}

/// Whether a VLAN is meant by its full name, or by its own alone.
pub(super) fn is_called(vlan: &VlanPath, wanted: &str) -> bool {
    vlan.vlan.as_str() == wanted || vlan.to_string() == wanted
}

impl LeaseFilter {
    /// The first and the last address that may be among them; none where only IPv6 could be.
    pub(super) fn ends(&self) -> Option<(Ipv4Addr, Ipv4Addr)> {
        let Some(subnet) = self.subnet else {
            return Some((Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST));
        };
        match (subnet.net().network(), subnet.net().broadcast()) {
            (IpAddr::V4(first), IpAddr::V4(last)) => Some((first, last)),
            (IpAddr::V4(_) | IpAddr::V6(_), _) => None,
        }
    }

    pub(super) fn takes(&self, lease: &Lease, config: &Config) -> bool {
        let vlan = |wanted: &String| {
            let own = lease.vlan.as_deref();
            own.is_some_and(|own| is_called(own, wanted))
        };
        let name = |wanted: &String| {
            // As names in DNS are written: small, and without the dot of the root.
            let wanted = wanted.to_ascii_lowercase();
            let wanted = wanted.strip_suffix('.').unwrap_or(&wanted);
            let own = config.name_of(lease);
            own.is_some_and(|own| matches(wanted, own.as_str()) || matches(wanted, own.label()))
        };
        let is_within = |subnet: Prefix| subnet.contains(IpAddr::V4(lease.address));
        self.takes_state(lease.state)
            && self.subnet.is_none_or(is_within)
            && self.vlan.as_ref().is_none_or(vlan)
            && self.mac.is_none_or(|mac| lease.hardware.mac() == Some(mac))
            && self.name.as_ref().is_none_or(name)
    }

    fn takes_state(&self, state: LeaseState) -> bool {
        match self.state {
            None => matches!(state, LeaseState::Active | LeaseState::Declined),
            Some(StateFilter::All) => true,
            Some(StateFilter::Active) => state == LeaseState::Active,
            Some(StateFilter::Declined) => state == LeaseState::Declined,
            Some(StateFilter::Offered) => state == LeaseState::Offered,
            Some(StateFilter::Idle) => state == LeaseState::Idle,
        }
    }
}

impl StateFilter {
    /// All of them, by their words.
    pub const WORDS: [(&str, Self); 5] = [
        ("active", Self::Active),
        ("declined", Self::Declined),
        ("offered", Self::Offered),
        ("idle", Self::Idle),
        ("all", Self::All),
    ];
}

/// Why a text is no state to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateFilterError;

impl std::error::Error for StateFilterError {}

impl fmt::Display for StateFilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = StateFilter::WORDS.map(|(word, _)| word);
        write!(f, "it may be {}", words.join(", "))
    }
}

impl FromStr for StateFilter {
    type Err = StateFilterError;

    fn from_str(text: &str) -> Result<Self, StateFilterError> {
        let mut known = Self::WORDS.into_iter();
        let found = known.find(|(word, _)| *word == text);
        found.map(|(_, state)| state).ok_or(StateFilterError)
    }
}
