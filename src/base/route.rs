//! Words of routes and policy rules: what becomes of packets, address families, routing tables.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::addr::Prefix;

/// The kernel's table of the routes that nothing else says the table of (`RT_TABLE_MAIN`).
pub const MAIN_TABLE: u32 = 254;

/// The kernel's own tables: of the last resort, the main one, and that of local addresses (`RT_TABLE_DEFAULT`, `_MAIN`, `_LOCAL`).
pub const KERNEL_TABLES: std::ops::RangeInclusive<u32> = 253..=255;

/// The table of local addresses, which the kernel keeps (`RT_TABLE_LOCAL`).
pub const LOCAL_TABLE: u32 = 255;

/// The metric that the kernel gives to an IPv6 route without one (`IP6_RT_PRIO_USER`); there, zero means none.
pub const IPV6_METRIC: u32 = 1024;

/// The table of a route that names none, by those that its ways lead through: the main one where there are none or any is outside all
/// VRFs, else the first VRF's by number.
pub fn table_among(tables: impl IntoIterator<Item = u32>) -> u32 {
    let order = |table: &u32| (*table != MAIN_TABLE, *table);
    tables.into_iter().min_by_key(order).unwrap_or(MAIN_TABLE)
}

/// What becomes of packets that follow a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteKind {
    /// They are sent on.
    Unicast,
    /// They are dropped.
    Blackhole,
    /// They are dropped, and the sender is told that nobody is there.
    Unreachable,
    /// They are dropped, and the sender is told that it is not allowed.
    Prohibit,
}

/// The words for the kinds of routes that lead nowhere.
pub const DEAD_ENDS: [&str; 3] = ["blackhole", "unreachable", "prohibit"];

/// Why a text is no kind of route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no kind of route")]
pub struct RouteKindError(String);

impl RouteKind {
    const ALL: [Self; 4] = [
        Self::Unicast,
        Self::Blackhole,
        Self::Unreachable,
        Self::Prohibit,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unicast => "unicast",
            Self::Blackhole => "blackhole",
            Self::Unreachable => "unreachable",
            Self::Prohibit => "prohibit",
        }
    }
}

impl FromStr for RouteKind {
    type Err = RouteKindError;

    fn from_str(text: &str) -> Result<Self, RouteKindError> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| RouteKindError(text.to_owned()))
    }
}

impl fmt::Display for RouteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    Ipv4,
    Ipv6,
}

/// The words for address families.
pub const FAMILIES: [&str; 2] = ["ipv4", "ipv6"];

/// Why a text is no address family.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address family")]
pub struct FamilyError(String);

impl Family {
    pub const ALL: [Self; 2] = [Self::Ipv4, Self::Ipv6];

    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }

    pub fn of_prefix(prefix: Prefix) -> Self {
        Self::of(prefix.net().addr())
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }

    /// As sentences have it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        }
    }
}

impl FromStr for Family {
    type Err = FamilyError;

    fn from_str(text: &str) -> Result<Self, FamilyError> {
        let found = Self::ALL.into_iter().find(|family| family.as_str() == text);
        found.ok_or_else(|| FamilyError(text.to_owned()))
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The metric as the kernel keeps it.
pub fn kept_metric(destination: Prefix, metric: u32) -> u32 {
    match (Family::of_prefix(destination), metric) {
        (Family::Ipv6, 0) => IPV6_METRIC,
        (Family::Ipv4 | Family::Ipv6, metric) => metric,
    }
}
