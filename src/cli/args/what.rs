//! What commands tell of that take it in several forms.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use crate::base::addr::{AddrError, Prefix};
use crate::base::mac::{MacAddr, MacError};
use crate::base::name::{DomainName, HostName};

/// What `ip` tells of.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) enum IpWhat {
    Subnet(Prefix),
    Address(IpAddr),
    Mac(MacAddr),
}

impl FromStr for IpWhat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('/') {
            let subnet = text.parse().map(Self::Subnet);
            return subnet.map_err(|error: AddrError| error.to_string());
        }
        let address = text.parse().map(Self::Address);
        let either = address.or_else(|_| MacAddr::loosely(text).map(Self::Mac));
        either.map_err(|_: MacError| {
            "neither a prefix such as 10.0.0.0/24, an address nor a MAC".to_owned()
        })
    }
}

/// Whom `why` tells of.
#[derive(Debug, Clone)]
pub(in crate::cli) enum WhyWhat {
    Mac(MacAddr),
    Address(Ipv4Addr),
    Machine(HostName),
    /// A name in DNS.
    Name(DomainName),
}

impl FromStr for WhyWhat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mac = MacAddr::loosely(text).ok().map(Self::Mac);
        let either = mac.or_else(|| text.parse().ok().map(Self::Address));
        let any = either.or_else(|| text.parse().ok().map(Self::Machine));
        // What ends with a number is an address that went wrong.
        let is_name = text.contains('.') && !text.ends_with(|one: char| one.is_ascii_digit());
        let name = || text.parse().ok().filter(|_| is_name).map(Self::Name);
        any.or_else(name).ok_or_else(|| {
            "neither a MAC, an IPv4 address nor the name of a machine or a client".to_owned()
        })
    }
}
