//! How a VLAN's DHCP takes its clients.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::duration::Seconds;
use super::probe::ConflictProbe;

/// How long it is kept who held which address, where nothing is said.
pub const HISTORY_TIME: Seconds = Seconds(90 * 86_400);

/// How a VLAN's DHCP takes its clients. Where nothing is said, it has the last word there, and tells clients apart as RFC 2131 does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct DhcpPolicy {
    /// Whether it refuses addresses to clients that it knows nothing of (RFC 2131 4.3.2); else another server may know them.
    pub authoritative: bool,
    pub identity: ClientIdentity,
    /// The shortest lease that a client may wish for.
    pub least_lease_time: Seconds,
    /// How long leases of firmware and boot loaders last; none where they last as long as others.
    pub boot_lease_time: Option<Seconds>,
    /// How long an offer is held.
    pub offer_time: Seconds,
    /// How long an address that a client found in use by a stranger is out of use.
    pub quarantine_time: Seconds,
    pub unknown_clients: UnknownClients,
    /// Which addresses are looked for before they are offered.
    pub probe: ConflictProbe,
    /// How many leases and offers there may be behind one circuit of a relay agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leases_per_circuit: Option<u32>,
    /// How many messages a second one client may send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_per_client: Option<u32>,
    /// How many may come from behind one circuit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_per_circuit: Option<u32>,
    /// Whether another server gives the addresses, so that firmware alone is answered, with what to boot (PXE 2.1 2.2).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub proxy: bool,
}

/// What becomes of clients that the site does not know in a VLAN.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownClients {
    #[default]
    Allow,
    /// They wait, unanswered and listed, until the site names them.
    Hold,
    Deny,
}

/// The words for [`UnknownClients`].
pub const UNKNOWN_CLIENTS: &[&str] = &["allow", "hold", "deny"];

/// Why a text is no [`UnknownClients`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither allow, hold nor deny")]
pub struct UnknownClientsError(String);

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
            leases_per_circuit: None,
            rate_per_client: None,
            rate_per_circuit: None,
            least_lease_time: Seconds(60),
            boot_lease_time: None,
            // Clients answer within seconds, and an offer costs an address.
            offer_time: Seconds(30),
            quarantine_time: Seconds(3600),
            unknown_clients: UnknownClients::default(),
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

impl FromStr for UnknownClients {
    type Err = UnknownClientsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "allow" => Ok(Self::Allow),
            "hold" => Ok(Self::Hold),
            "deny" => Ok(Self::Deny),
            other => Err(UnknownClientsError(other.to_owned())),
        }
    }
}

impl fmt::Display for UnknownClients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Hold => "hold",
            Self::Deny => "deny",
        })
    }
}
