//! By where it is, a BMC is kept apart from others.

use std::net::IpAddr;

use crate::base::digest::Digest;

/// Where a BMC is: those of one place are spoken with one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BmcAddress {
    Ip(IpAddr),
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
            Self::Ip(address) => Some(address),
            Self::Named(_) => None,
        }
    }

    /// As bytes that tell it from others.
    pub fn bytes(self) -> Vec<u8> {
        match self {
            Self::Ip(IpAddr::V4(address)) => address.to_ipv6_mapped().octets().to_vec(),
            Self::Ip(IpAddr::V6(address)) => address.octets().to_vec(),
            Self::Named(digest) => digest.to_string().into_bytes(),
        }
    }
}

impl From<IpAddr> for BmcAddress {
    fn from(address: IpAddr) -> Self {
        Self::Ip(address)
    }
}
