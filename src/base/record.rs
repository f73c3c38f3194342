//! DNS records: their types and what each says (RFC 1035 3.3, 2782, 3596, 4255).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::name::DomainName;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecordType {
    A,
    Aaaa,
    Cname,
    Mx,
    Ns,
    Ptr,
    Srv,
    Sshfp,
    Txt,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecordData {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Cname(DomainName),
    Mx {
        preference: u16,
        target: DomainName,
    },
    Ns(DomainName),
    Ptr(DomainName),
    Srv {
        priority: u16,
        weight: u16,
        port: u16,
        target: DomainName,
    },
    /// The fingerprint in hexadecimal (RFC 4255 3.1).
    Sshfp {
        algorithm: u8,
        digest: u8,
        fingerprint: String,
    },
    Txt(String),
}

impl RecordType {
    pub const ALL: [Self; 9] = [
        Self::A,
        Self::Aaaa,
        Self::Cname,
        Self::Mx,
        Self::Ns,
        Self::Ptr,
        Self::Srv,
        Self::Sshfp,
        Self::Txt,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Cname => "CNAME",
            Self::Mx => "MX",
            Self::Ns => "NS",
            Self::Ptr => "PTR",
            Self::Srv => "SRV",
            Self::Sshfp => "SSHFP",
            Self::Txt => "TXT",
        }
    }
}

impl RecordType {
    /// The word of the site language.
    pub fn word(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::Aaaa => "aaaa",
            Self::Cname => "cname",
            Self::Mx => "mx",
            Self::Ns => "ns",
            Self::Ptr => "ptr",
            Self::Srv => "srv",
            Self::Sshfp => "sshfp",
            Self::Txt => "txt",
        }
    }
}

impl RecordData {
    /// The address record for `address`.
    pub fn address(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::A(address),
            IpAddr::V6(address) => Self::Aaaa(address),
        }
    }

    pub fn kind(&self) -> RecordType {
        match self {
            Self::A(_) => RecordType::A,
            Self::Aaaa(_) => RecordType::Aaaa,
            Self::Cname(_) => RecordType::Cname,
            Self::Mx { .. } => RecordType::Mx,
            Self::Ns(_) => RecordType::Ns,
            Self::Ptr(_) => RecordType::Ptr,
            Self::Srv { .. } => RecordType::Srv,
            Self::Sshfp { .. } => RecordType::Sshfp,
            Self::Txt(_) => RecordType::Txt,
        }
    }
}

impl RecordData {
    /// The address that it says.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::A(address) => Some(IpAddr::V4(*address)),
            Self::Aaaa(address) => Some(IpAddr::V6(*address)),
            Self::Cname(_)
            | Self::Ns(_)
            | Self::Ptr(_)
            | Self::Mx { .. }
            | Self::Srv { .. }
            | Self::Sshfp { .. }
            | Self::Txt(_) => None,
        }
    }

    /// The name that it leads to.
    pub fn target(&self) -> Option<&DomainName> {
        match self {
            Self::Cname(target)
            | Self::Ns(target)
            | Self::Ptr(target)
            | Self::Mx { target, .. }
            | Self::Srv { target, .. } => Some(target),
            Self::A(_) | Self::Aaaa(_) | Self::Sshfp { .. } | Self::Txt(_) => None,
        }
    }

    /// The same, to be changed.
    pub fn target_mut(&mut self) -> Option<&mut DomainName> {
        match self {
            Self::Cname(target)
            | Self::Ns(target)
            | Self::Ptr(target)
            | Self::Mx { target, .. }
            | Self::Srv { target, .. } => Some(target),
            Self::A(_) | Self::Aaaa(_) | Self::Sshfp { .. } | Self::Txt(_) => None,
        }
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for RecordData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::A(address) => write!(f, "{address}"),
            Self::Aaaa(address) => write!(f, "{address}"),
            Self::Cname(name) | Self::Ns(name) | Self::Ptr(name) => write!(f, "{name}"),
            Self::Mx { preference, target } => write!(f, "{preference} {target}"),
            Self::Srv {
                priority,
                weight,
                port,
                target,
            } => write!(f, "{priority} {weight} {port} {target}"),
            Self::Sshfp {
                algorithm,
                digest,
                fingerprint,
            } => write!(f, "{algorithm} {digest} {fingerprint}"),
            Self::Txt(text) => write!(f, "{text:?}"),
        }
    }
}
