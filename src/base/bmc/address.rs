//! By where it is, a BMC is kept apart from others.

use std::net::IpAddr;

use crate::base::digest::Digest;

/// Where a BMC is: those of one place are spoken with one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BmcAddress {
    /// At an address, and at a port that is not the protocol's usual one.
    Ip(IpAddr, Option<u16>),
    /// A place of another kind, by the digest of its name.
    Named(Digest),
}

impl BmcAddress {
    pub fn named(place: &str) -> Self {
        Self::Named(Digest::of(place.as_bytes()))
    }

    /// The address on the network, where that is known.
    pub fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Ip(address, _) => Some(address),
            Self::Named(_) => None,
        }
    }

    /// As bytes that tell it from others.
    pub fn bytes(self) -> Vec<u8> {
        match self {
            Self::Ip(address, port) => {
                let address = match address {
                    IpAddr::V4(address) => address.to_ipv6_mapped(),
                    IpAddr::V6(address) => address,
                };
                let port = port.map(u16::to_be_bytes);
                [
                    &address.octets()[..],
                    port.as_ref().map_or(&[], |port| &port[..]),
                ]
                .concat()
            }
            Self::Named(digest) => digest.to_string().into_bytes(),
        }
    }
}

impl From<IpAddr> for BmcAddress {
    fn from(address: IpAddr) -> Self {
        Self::Ip(address, None)
    }
}
