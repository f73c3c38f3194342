//! What a machine is made of, as its BMC lists it.

use serde::{Deserialize, Serialize};

use crate::base::mac::MacAddr;

/// A machine's identity and its parts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Inventory {
    pub manufacturer: Option<String>,
    pub model: Option<String>,
    pub serial: Option<String>,
    pub asset_tag: Option<String>,
    /// The system UUID as it is written, in lower case.
    pub uuid: Option<String>,
    /// The version of its BIOS or EFI.
    pub firmware: Option<String>,
    pub parts: Vec<Part>,
    pub ports: Vec<NetworkPort>,
}

/// A part that is not a network port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub kind: PartKind,
    /// Where it is, as the BMC names the place.
    pub place: String,
    pub model: Option<String>,
    pub serial: Option<String>,
    /// Bytes of memory or of a disk; cores of a processor.
    pub size: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartKind {
    Board,
    Processor,
    Memory,
    Disk,
    PowerSupply,
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkPort {
    pub name: String,
    pub mac: Option<MacAddr>,
}
