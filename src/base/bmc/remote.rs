//! What a BMC lends a machine from afar: media, and its serial console.

use serde::{Deserialize, Serialize};

/// A drive that is not there, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// By which it is named to the BMC.
    pub id: String,
    pub name: String,
    /// What it can stand for: `CD`, `USBStick`.
    pub kinds: Vec<String>,
    /// Where what is in it comes from, without a user name or a password.
    pub image: Option<String>,
    pub is_inserted: bool,
}

/// A way to a machine's serial console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SerialAccess {
    pub protocol: SerialProtocol,
    /// Where the BMC listens for it; none where it does not tell.
    pub port: Option<u16>,
    pub is_enabled: bool,
    /// What must be typed there to come to the console.
    pub command: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SerialProtocol {
    Ssh,
    Telnet,
    /// Serial over LAN of IPMI 2.0.
    Ipmi,
}
