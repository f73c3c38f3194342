//! How a BMC is on its own network.

use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// Where a BMC has its IPv4 address from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressSource {
    Static,
    Dhcp,
    /// The machine's firmware, or something else.
    Other,
}

/// What a BMC tells of its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BmcNetwork {
    pub source: AddressSource,
    pub mask: Ipv4Addr,
    pub gateway: Option<Ipv4Addr>,
    /// The id of the VLAN that its frames are tagged with; none where they are not.
    pub vlan: Option<u16>,
}

/// What a BMC is told of its network; what is none is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BmcNetworkWish {
    /// The address that it is asked at, which stays; with its mask, of a static one.
    pub fixed: Option<(Ipv4Addr, Ipv4Addr)>,
    pub gateway: Option<Ipv4Addr>,
    pub vlan: Option<Option<u16>>,
}

impl fmt::Display for AddressSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Static => "static",
            Self::Dhcp => "dhcp",
            Self::Other => "other",
        })
    }
}
