//! IP prefixes, interface addresses and ranges of addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

/// Why a text is not an address, a prefix or a range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddrError {
    #[error("`{0}` is not a prefix such as 10.0.0.0/24")]
    Prefix(String),
    #[error("`{given}` has host bits set; the prefix is {prefix}")]
    HostBits { given: String, prefix: IpNet },
    #[error("`{0}` is not an address with a prefix length such as 10.0.0.1/24")]
    Interface(String),
    #[error("`{0}` is not a range such as 10.0.0.100-10.0.0.199 or 10.0.0.0/28")]
    Range(String),
    #[error("the range `{0}` mixes IPv4 and IPv6")]
    Families(String),
    #[error("the range `{0}` ends before it begins")]
    Backwards(String),
}

/// An IP prefix whose host bits are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Prefix(IpNet);

impl Prefix {
    /// 0.0.0.0/0, the IPv4 default route's; it sorts before every other prefix.
    pub const EVERY_V4: Self = Self(IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0)));

    /// ::/0, the IPv6 default route's.
    pub const EVERY_V6: Self = Self(IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0)));

    /// The prefix that holds `address`: its host bits are dropped.
    pub fn holding(address: InterfaceAddr) -> Self {
        Self(address.0.trunc())
    }

    pub fn net(self) -> IpNet {
        self.0
    }

    /// The prefix length in bits.
    pub fn length(self) -> u8 {
        self.0.prefix_len()
    }

    /// Whether this is the default route's prefix, which holds every address of its family.
    pub fn is_default(self) -> bool {
        self.length() == 0
    }

    pub fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    pub fn overlaps(self, other: Self) -> bool {
        self.0.contains(&other.0) || other.0.contains(&self.0)
    }

    /// The address `address` as configured on an interface in this prefix.
    pub fn interface(self, address: IpAddr) -> Option<InterfaceAddr> {
        if !self.contains(address) {
            return None;
        }
        IpNet::new(address, self.length()).ok().map(InterfaceAddr)
    }

    /// The subnet mask, for IPv4.
    pub fn mask4(self) -> Option<Ipv4Addr> {
        match self.0 {
            IpNet::V4(net) => Some(net.netmask()),
            IpNet::V6(_) => None,
        }
    }

    /// Whether `address` is the network's own or its broadcast address, which no host may hold. /31 and /32 have none (RFC 3021).
    pub fn is_edge(self, address: IpAddr) -> bool {
        match self.0 {
            IpNet::V4(net) if net.prefix_len() < 31 => {
                address == IpAddr::V4(net.network()) || address == IpAddr::V4(net.broadcast())
            }
            IpNet::V4(_) => false,
            IpNet::V6(net) => net.prefix_len() < 127 && address == IpAddr::V6(net.network()),
        }
    }
}

impl Prefix {
    /// The first and the last address that a host may hold.
    pub fn host_ends(self) -> (IpAddr, IpAddr) {
        let (first, last) = (self.0.network(), self.0.broadcast());
        match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) if self.length() < 31 => {
                let (first, last) = (first.to_bits() + 1, last.to_bits() - 1);
                (Ipv4Addr::from(first).into(), Ipv4Addr::from(last).into())
            }
            (IpAddr::V6(first), IpAddr::V6(_)) if self.length() < 127 => {
                (Ipv6Addr::from(first.to_bits() + 1).into(), last)
            }
            (IpAddr::V4(_) | IpAddr::V6(_), _) => (first, last),
        }
    }
}

impl FromStr for Prefix {
    type Err = AddrError;

    fn from_str(text: &str) -> Result<Self, AddrError> {
        let net = net(text).ok_or_else(|| AddrError::Prefix(text.to_owned()))?;
        if net.trunc() == net {
            Ok(Self(net))
        } else {
            Err(AddrError::HostBits {
                given: text.to_owned(),
                prefix: net.trunc(),
            })
        }
    }
}

/// `ADDRESS/LENGTH`, without the leading zeros that ipnet would take: other programs read them as octal.
fn net(text: &str) -> Option<IpNet> {
    let (address, length) = text.split_once('/')?;
    let is_plain = length == "0" || !length.starts_with(['0', '+']);
    let length = length.parse().ok().filter(|_| is_plain)?;
    IpNet::new(address.parse().ok()?, length).ok()
}

/// An address with the length of its prefix, as an interface carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct InterfaceAddr(IpNet);

impl InterfaceAddr {
    /// # Errors
    /// [`AddrError::Interface`] where the length exceeds the family's.
    pub fn new(address: IpAddr, length: u8) -> Result<Self, AddrError> {
        IpNet::new(address, length)
            .map(Self)
            .map_err(|_| AddrError::Interface(format!("{address}/{length}")))
    }

    pub fn ip(self) -> IpAddr {
        self.0.addr()
    }

    pub fn prefix_len(self) -> u8 {
        self.0.prefix_len()
    }

    pub fn prefix(self) -> Prefix {
        Prefix::holding(self)
    }
}

impl FromStr for InterfaceAddr {
    type Err = AddrError;

    fn from_str(text: &str) -> Result<Self, AddrError> {
        net(text)
            .map(Self)
            .ok_or_else(|| AddrError::Interface(text.to_owned()))
    }
}

/// Whether an address means something on one link only (RFC 4291 2.5.6); IPv4 ones are not told apart.
pub fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// An address as a number of its family.
pub fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The address of a family with this number; none where IPv4 has no such.
pub fn numbered(is_v4: bool, number: u128) -> Option<IpAddr> {
    if is_v4 {
        let bits = u32::try_from(number).ok()?;
        return Some(IpAddr::V4(Ipv4Addr::from_bits(bits)));
    }
    Some(IpAddr::V6(Ipv6Addr::from_bits(number)))
}

/// Addresses from `first` to `last`, both included, of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct AddressRange {
    first: IpAddr,
    last: IpAddr,
}

impl AddressRange {
    /// # Errors
    /// [`AddrError::Families`] or [`AddrError::Backwards`].
    pub fn new(first: IpAddr, last: IpAddr) -> Result<Self, AddrError> {
        let text = || format!("{first}-{last}");
        if first.is_ipv4() != last.is_ipv4() {
            return Err(AddrError::Families(text()));
        }
        if last < first {
            return Err(AddrError::Backwards(text()));
        }
        Ok(Self { first, last })
    }

    pub fn first(self) -> IpAddr {
        self.first
    }

    pub fn last(self) -> IpAddr {
        self.last
    }

    pub fn contains(self, address: IpAddr) -> bool {
        self.first <= address && address <= self.last
    }

    pub fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    pub fn is_within(self, prefix: Prefix) -> bool {
        prefix.contains(self.first) && prefix.contains(self.last)
    }

    /// How many addresses it holds, at most what a `u128` can count.
    pub fn count(self) -> u128 {
        (number(self.last) - number(self.first)).saturating_add(1)
    }

    /// Both ends, where the range is of IPv4.
    pub fn ends4(self) -> Option<(Ipv4Addr, Ipv4Addr)> {
        match (self.first, self.last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => Some((first, last)),
            (IpAddr::V6(_), _) | (_, IpAddr::V6(_)) => None,
        }
    }
}

impl FromStr for AddressRange {
    type Err = AddrError;

    /// `FIRST-LAST`, or a prefix, which stands for all its addresses.
    fn from_str(text: &str) -> Result<Self, AddrError> {
        let fault = || AddrError::Range(text.to_owned());
        if let Some((first, last)) = text.split_once('-') {
            let read = |part: &str| part.trim().parse::<IpAddr>().map_err(|_| fault());
            return Self::new(read(first)?, read(last)?);
        }
        let Prefix(net) = text
            .parse()
            .map_err(|fault_in_prefix| match fault_in_prefix {
                AddrError::HostBits { .. } => fault_in_prefix,
                AddrError::Prefix(_)
                | AddrError::Interface(_)
                | AddrError::Range(_)
                | AddrError::Families(_)
                | AddrError::Backwards(_) => fault(),
            })?;
        Self::new(net.network(), net.broadcast())
    }
}

/// Renders through the inner value, and gives the JSON form.
macro_rules! text_form {
    ($type:ident, $value:ident => $($format:tt)+) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $value = self;
                write!(f, $($format)+)
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }

        impl TryFrom<String> for $type {
            type Error = AddrError;

            fn try_from(text: String) -> Result<Self, AddrError> {
                text.parse()
            }
        }
    };
}

text_form!(Prefix, prefix => "{}", prefix.0);
text_form!(InterfaceAddr, address => "{}", address.0);
text_form!(AddressRange, range => "{}-{}", range.first, range.last);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_refuse_host_bits() {
        assert!("10.0.0.0/24".parse::<Prefix>().is_ok());
        let fault = "10.0.0.1/24".parse::<Prefix>().unwrap_err();
        assert_eq!(
            fault.to_string(),
            "`10.0.0.1/24` has host bits set; the prefix is 10.0.0.0/24"
        );
        for text in [
            "10.0.0.0/33",
            "10.04.0.0/24",
            "10.4.0.0/024",
            "10.4.0.0/+8",
            "10.0.0.0",
            "fe80::%e/64",
        ] {
            assert!(text.parse::<Prefix>().is_err(), "{text}");
            assert!(text.parse::<InterfaceAddr>().is_err(), "{text}");
        }
        assert!("fd00::/64".parse::<Prefix>().is_ok());
    }

    #[test]
    fn ranges_read_both_forms() {
        let good = [
            ("10.0.0.1-10.0.0.9", "10.0.0.1-10.0.0.9"),
            ("10.0.0.0/30", "10.0.0.0-10.0.0.3"),
        ];
        for (text, written) in good {
            assert_eq!(text.parse::<AddressRange>().unwrap().to_string(), written);
        }
        for text in ["10.0.0.9-10.0.0.1", "10.0.0.1-fd00::1", "10.0.0.1", "", "-"] {
            assert!(text.parse::<AddressRange>().is_err(), "{text}");
        }
    }

    #[test]
    fn edges_are_not_for_hosts() {
        let net: Prefix = "10.0.0.0/30".parse().unwrap();
        let edges = ["10.0.0.0", "10.0.0.3"].map(|text| net.is_edge(text.parse().unwrap()));
        assert_eq!(edges, [true, true]);
        let ends = ["10.0.0.0/30", "10.0.0.0/31", "fd00::/64"].map(|text| {
            let (first, last) = text.parse::<Prefix>().unwrap().host_ends();
            format!("{first} {last}")
        });
        let expected = [
            "10.0.0.1 10.0.0.2",
            "10.0.0.0 10.0.0.1",
            "fd00::1 fd00::ffff:ffff:ffff:ffff",
        ];
        assert_eq!(ends, expected);
        let point_to_point: Prefix = "10.0.0.0/31".parse().unwrap();
        assert!(!point_to_point.is_edge("10.0.0.0".parse().unwrap()));
    }
}
