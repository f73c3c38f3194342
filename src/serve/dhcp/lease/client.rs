//! Who a client is: its hardware address, and the key that its leases are known by.

use std::fmt;

use serde::Serialize;
use smallvec::SmallVec;

use crate::base::mac::MacAddr;

/// A hardware address of any type (RFC 2131 2: htype, hlen, chaddr).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "String")]
pub struct Hardware {
    pub(super) kind: u8,
    length: u8,
    bytes: [u8; 16],
}

/// Who a client is: its identifier, else its hardware address. The first byte tells them apart. Most are short, and copied for every
/// message.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientKey(SmallVec<[u8; 24]>);

impl Hardware {
    /// `None` where the length exceeds the field.
    pub fn new(kind: u8, length: u8, bytes: [u8; 16]) -> Option<Self> {
        let mut kept = [0; 16];
        let used = usize::from(length);
        kept.get_mut(..used)?.copy_from_slice(bytes.get(..used)?);
        Some(Self {
            kind,
            length,
            bytes: kept,
        })
    }

    pub fn is_empty(self) -> bool {
        self.length == 0
    }

    /// The address, where it is Ethernet's.
    pub fn mac(self) -> Option<MacAddr> {
        if (self.kind, self.length) != (1, 6) {
            return None;
        }
        self.bytes.first_chunk().copied().map(MacAddr)
    }

    /// Its type (htype).
    pub(in crate::serve::dhcp) fn kind(&self) -> u8 {
        self.kind
    }

    pub(in crate::serve::dhcp) fn used(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or(&[])
    }
}

impl From<MacAddr> for Hardware {
    fn from(MacAddr([a, b, c, d, e, g]): MacAddr) -> Self {
        Self {
            kind: 1,
            length: 6,
            bytes: [a, b, c, d, e, g, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        }
    }
}

impl From<Hardware> for String {
    fn from(hardware: Hardware) -> Self {
        hardware.to_string()
    }
}

impl fmt::Display for Hardware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(self.used(), f)
    }
}

impl fmt::Debug for Hardware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl ClientKey {
    pub fn of_id(id: &[u8]) -> Self {
        Self::joined(&[1], id)
    }

    pub fn of_hardware(hardware: Hardware) -> Self {
        Self::joined(&[0, hardware.kind], hardware.used())
    }

    fn joined(first: &[u8], rest: &[u8]) -> Self {
        let mut bytes = SmallVec::from_slice(first);
        bytes.extend_from_slice(rest);
        Self(bytes)
    }

    /// As it is stored.
    pub(in crate::serve::dhcp) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// From what was stored.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        Self(SmallVec::from_slice(bytes))
    }

    /// The client identifier, where the client sent one.
    pub fn id(&self) -> Option<&[u8]> {
        match self.bytes() {
            [1, id @ ..] => Some(id),
            _ => None,
        }
    }
}

impl Serialize for ClientKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.bytes().serialize(serializer)
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, byte) in bytes.iter().enumerate() {
        let separator = if index == 0 { "" } else { ":" };
        write!(f, "{separator}{byte:02x}")?;
    }
    Ok(())
}
