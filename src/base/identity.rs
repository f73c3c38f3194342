//! What a client may be known by when an address is reserved for it.

use std::fmt;

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
            Self::Mac(mac) => return write!(f, "mac {mac}"),
            Self::ClientId(id) => ("client-id", id),
            Self::CircuitId(id) => ("circuit-id", id),
            Self::Duid(id) => ("duid", id),
            Self::MachineId(id) => ("machine-id", id),
        };
        write!(f, "{kind} ")?;
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
