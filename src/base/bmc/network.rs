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

/// The same with the address that it is asked at, as people read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BmcInterface {
    pub address: Ipv4Addr,
    /// None where the BMC tells of no mask, or of one that is none.
    pub prefix: Option<u8>,
    pub source: AddressSource,
    pub gateway: Option<Ipv4Addr>,
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

impl BmcNetwork {
    /// That of a BMC which is asked at `address`.
    pub fn at(self, address: Ipv4Addr) -> BmcInterface {
        let bits = self.mask.to_bits();
        let ones = bits.leading_ones();
        let is_mask = ones > 0 && bits.count_ones() == ones;
        BmcInterface {
            address,
            prefix: u8::try_from(ones).ok().filter(|_| is_mask),
            source: self.source,
            gateway: self.gateway,
            vlan: self.vlan,
        }
    }
}

impl fmt::Display for BmcInterface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        if let Some(prefix) = self.prefix {
            write!(f, "/{prefix}")?;
        }
        write!(f, ", {}", self.source)?;
        if let Some(gateway) = self.gateway {
            write!(f, ", gateway {gateway}")?;
        }
        match self.vlan {
            Some(id) => write!(f, ", vlan {id}"),
            None => f.write_str(", untagged"),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_is_told_as_far_as_its_bmc_tells_of_it() {
        for (mask, source, gateway, vlan, expected) in [
            (
                [255, 255, 0, 0],
                AddressSource::Static,
                Some(1),
                Some(40),
                "10.0.0.9/16, static, gateway 10.0.0.1, vlan 40",
            ),
            (
                [255, 255, 255, 255],
                AddressSource::Dhcp,
                None,
                None,
                "10.0.0.9/32, dhcp, untagged",
            ),
            (
                [0; 4],
                AddressSource::Other,
                None,
                None,
                "10.0.0.9, other, untagged",
            ),
            (
                [255, 0, 255, 0],
                AddressSource::Dhcp,
                None,
                None,
                "10.0.0.9, dhcp, untagged",
            ),
        ] {
            let told = BmcNetwork {
                source,
                mask: mask.into(),
                gateway: gateway.map(|last| Ipv4Addr::new(10, 0, 0, last)),
                vlan,
            };
            let told = told.at(Ipv4Addr::new(10, 0, 0, 9));
            assert_eq!(told.to_string(), expected);
        }
    }
}
