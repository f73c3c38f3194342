//! What a client may be known by when an address is reserved for it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::mac::MacAddr;

/// What a client shows of itself, or its relay agent of it; everything but the first as it goes on the wire.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Identity {
    /// Its Ethernet address.
    Mac(MacAddr),
    /// Option 61 whole (RFC 2132 9.14).
    ClientId(Box<[u8]>),
    /// Suboption 1 of option 82 (RFC 3046 3.1).
    CircuitId(Box<[u8]>),
    /// The DUID within an option 61 of type 255 (RFC 4361 6.1).
    Duid(Box<[u8]>),
    /// Option 97 whole, its type included (RFC 4578 2.3).
    MachineId(Box<[u8]>),
}

/// What kind of [`Identity`] it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentityKind {
    Mac,
    ClientId,
    CircuitId,
    Duid,
    MachineId,
}

impl IdentityKind {
    /// All of them, in the order in which they count.
    pub const ALL: [Self; 5] = [
        Self::Mac,
        Self::ClientId,
        Self::CircuitId,
        Self::Duid,
        Self::MachineId,
    ];
}

impl Identity {
    pub fn kind(&self) -> IdentityKind {
        match self {
            Self::Mac(_) => IdentityKind::Mac,
            Self::ClientId(_) => IdentityKind::ClientId,
            Self::CircuitId(_) => IdentityKind::CircuitId,
            Self::Duid(_) => IdentityKind::Duid,
            Self::MachineId(_) => IdentityKind::MachineId,
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, bytes) = match self {
            Self::Mac(mac) => return write!(f, "{mac}"),
            Self::ClientId(id) => ("client-id", id),
            Self::CircuitId(id) => ("circuit-id", id),
            Self::Duid(id) => ("duid", id),
            Self::MachineId(id) => ("machine-id", id),
        };
        write!(f, "{kind}:")?;
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Why a text is no [`Identity`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a hardware address nor such as client-id:0a0b")]
pub struct IdentityError(String);

impl FromStr for Identity {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        if let Ok(mac) = text.parse() {
            return Ok(Self::Mac(mac));
        }
        let fault = || IdentityError(text.to_owned());
        let (kind, digits) = text.split_once(':').ok_or_else(fault)?;
        let Octets(bytes) = digits.parse().map_err(|_| fault())?;
        match kind {
            "client-id" => Ok(Self::ClientId(bytes)),
            "circuit-id" => Ok(Self::CircuitId(bytes)),
            "duid" => Ok(Self::Duid(bytes)),
            "machine-id" => Ok(Self::MachineId(bytes)),
            _ => Err(fault()),
        }
    }
}

/// At least one byte, each written as two hexadecimal digits; colons and spaces between them mean nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Octets(pub Box<[u8]>);

/// Why a text is no [`Octets`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not bytes, each as two hexadecimal digits")]
pub struct OctetsError(String);

impl FromStr for Octets {
    type Err = OctetsError;

    fn from_str(text: &str) -> Result<Self, OctetsError> {
        let digits = text.chars().filter(|c| !matches!(c, ':' | ' '));
        let digits: Option<Vec<u8>> = digits.map(|c| u8::try_from(c.to_digit(16)?).ok()).collect();
        let digits = digits.filter(|digits| !digits.is_empty() && digits.len() % 2 == 0);
        let digits = digits.ok_or_else(|| OctetsError(text.to_owned()))?;
        let pairs = digits.chunks_exact(2);
        let bytes = pairs.filter_map(|pair| match pair {
            [high, low] => Some(high * 16 + low),
            _ => None,
        });
        Ok(Self(bytes.collect()))
    }
}

impl fmt::Display for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        f.write_str(&pairs.join(":"))
    }
}

/// What a client or its relay agent calls it: a text, or bytes as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    Text(String),
    Bytes(Octets),
}

impl Label {
    /// As it goes on the wire.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(Octets(bytes)) => bytes,
        }
    }

    /// The client identifiers that it means. Some clients put before a text the type 0, which says that it is no hardware address
    /// (RFC 2132 9.14), and some do not.
    pub fn client_ids(&self) -> impl Iterator<Item = Identity> {
        let typed = match self {
            Self::Text(text) => Some([&[0], text.as_bytes()].concat()),
            Self::Bytes(_) => None,
        };
        let own = std::iter::once(self.bytes().into());
        own.chain(typed.map(Vec::into)).map(Identity::ClientId)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Bytes(bytes) => write!(f, "{bytes}"),
        }
    }
}

/// What a machine calls itself in its firmware (SMBIOS 7.2.1, RFC 4122 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uuid([u8; 16]);

/// Why a text is no [`Uuid`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a UUID such as 4c4c4544-0042-3510-8052-b4c04f564d31")]
pub struct UuidError(String);

impl Uuid {
    /// Whether it is what firmware says that has none of its own.
    pub fn is_blank(self) -> bool {
        self.0 == [0; 16] || self.0 == [255; 16]
    }

    /// The one that option 97 tells, as it stands there.
    pub fn of_machine_id(id: &[u8]) -> Option<Self> {
        let [0, rest @ ..] = id else {
            return None;
        };
        rest.try_into().ok().map(Self)
    }

    /// What option 97 says of it: as it is written, or with its first three fields the other way round, as UEFI has them (UEFI 2.10
    /// appendix A).
    pub fn machine_ids(self) -> [Identity; 2] {
        let [a, b, c, d, e, f, g, h, rest @ ..] = self.0;
        let [i, j, k, l, m, n, o, p] = rest;
        let said = |id: [u8; 16]| Identity::MachineId([&[0], id.as_slice()].concat().into());
        let swapped = [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p];
        [said(self.0), said(swapped)]
    }
}

impl FromStr for Uuid {
    type Err = UuidError;

    /// Thirty-two hexadecimal digits, in groups of 8, 4, 4, 4 and 12 or all in one.
    fn from_str(text: &str) -> Result<Self, UuidError> {
        let fault = || UuidError(text.to_owned());
        let groups: Vec<usize> = text.split('-').map(str::len).collect();
        let digits = text.replace('-', "");
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_plain || !matches!(groups[..], [32] | [8, 4, 4, 4, 12]) {
            return Err(fault());
        }
        let number = u128::from_str_radix(&digits, 16).map_err(|_| fault())?;
        Ok(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_read_back() {
        for text in [
            "52:54:00:00:00:01",
            "client-id:0a",
            "circuit-id:0a0b",
            "duid:0001",
            "machine-id:00ff",
        ] {
            let read: Identity = text.parse().unwrap();
            assert_eq!(read.to_string(), text);
        }
        for text in ["", "client-id", "client-id:", "client-id:0", "id:00", "x"] {
            assert!(text.parse::<Identity>().is_err(), "{text}");
        }
    }

    #[test]
    fn uuids_go_both_ways_round() {
        let uuid: Uuid = "4C4C4544-0042-3510-8052-B4C04F564D31".parse().unwrap();
        assert_eq!(uuid.to_string(), "4c4c4544-0042-3510-8052-b4c04f564d31");
        let [written, swapped] = uuid.machine_ids().map(|id| id.to_string());
        assert_eq!(written, "machine-id:004c4c4544004235108052b4c04f564d31");
        assert_eq!(swapped, "machine-id:0044454c4c420010358052b4c04f564d31");
        assert_eq!("4c4c4544004235108052b4c04f564d31".parse(), Ok(uuid));
        for text in [
            "",
            "4c4c4544",
            "4c4c-454400423510-8052-b4c04f564d31",
            "+c4c4544-0042-3510-8052-b4c04f564d31",
        ] {
            assert!(text.parse::<Uuid>().is_err(), "{text}");
        }
    }
}
