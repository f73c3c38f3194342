//! How a VLAN's DHCP takes its clients.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::probe::ConflictProbe;

/// How a VLAN's DHCP takes its clients. Where nothing is said, it has the last word there, and tells clients apart as RFC 2131 does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct DhcpPolicy {
    /// Whether it refuses addresses to clients that it knows nothing of (RFC 2131 4.3.2); else another server may know them.
    pub authoritative: bool,
    pub identity: ClientIdentity,
    /// Which addresses are looked for before they are offered.
    pub probe: ConflictProbe,
    /// Whether another server gives the addresses, so that firmware alone is answered, with what to boot (PXE 2.1 2.2).
    #[serde(skip_serializing_if = "is_false")]
    pub proxy: bool,
}

/// Policies that are rarely set are left out of what is written down.
fn is_false(flag: &bool) -> bool {
    !flag
}

/// What a client's leases are kept under.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientIdentity {
    /// Its identifier, where it sends one, else its hardware address (RFC 2131 4.2).
    #[default]
    ClientId,
    /// Its hardware address, so that firmware, boot loader and system have one lease.
    Mac,
}

/// The words for [`ClientIdentity`].
pub const CLIENT_IDENTITIES: &[&str] = &["client-id", "mac"];

/// Why a text is no [`ClientIdentity`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither client-id nor mac")]
pub struct ClientIdentityError(String);

impl Default for DhcpPolicy {
    fn default() -> Self {
        Self {
            authoritative: true,
            identity: ClientIdentity::default(),
            proxy: false,
            probe: ConflictProbe::default(),
        }
    }
}

impl DhcpPolicy {
    /// Whether it is what holds where nothing is said.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl FromStr for ClientIdentity {
    type Err = ClientIdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "client-id" => Ok(Self::ClientId),
            "mac" => Ok(Self::Mac),
            other => Err(ClientIdentityError(other.to_owned())),
        }
    }
}

impl fmt::Display for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientId => "client-id",
            Self::Mac => "mac",
        })
    }
}
