//! What baseboard management controllers tell and do, in the words that every protocol of theirs shares. Knows no protocol.

mod address;
mod light;
mod log;
mod network;
mod news;
mod part;
mod remote;
mod request;
mod sensor;
mod user;

pub use address::BmcAddress;
pub use light::Light;
pub use log::{LogEntry, Severity};
pub use network::{AddressSource, BmcInterface, BmcNetwork, BmcNetworkWish};
pub use news::{BmcCondition, BmcNews};
pub use part::{Inventory, NetworkPort, Part, PartKind};
pub use remote::{Media, SerialAccess, SerialProtocol};
pub use request::{
    FieldName, FieldNameError, PLACES, PowerAnswer, PowerAnswerError, PowerRequest, PowerRequests,
    SECRET_PLACES, bears_secrets,
};
pub use sensor::{Health, Sensor, Thresholds, Unit};
pub use user::{BmcUser, Shut, UserRole};

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether a machine runs, as its BMC reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PowerState {
    On,
    Off,
    /// On its way there; Redfish alone tells.
    TurningOn,
    TurningOff,
    /// It has power, and its processors stand still; Redfish alone tells.
    Paused,
    /// The BMC does not know, or says something that we do not.
    Unknown,
}

impl fmt::Display for PowerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::On => "on",
            Self::Off => "off",
            Self::TurningOn => "turning on",
            Self::TurningOff => "turning off",
            Self::Paused => "paused",
            Self::Unknown => "unknown",
        })
    }
}

/// What a BMC can be asked to do with a machine's power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PowerAction {
    On,
    /// Asks the operating system to stop (ACPI).
    SoftOff,
    /// Takes the power away.
    Off,
    /// Off for a moment, then on.
    Cycle,
    /// Restarts without a loss of power.
    Reset,
}

impl PowerAction {
    pub const ALL: [Self; 5] = [Self::On, Self::SoftOff, Self::Off, Self::Cycle, Self::Reset];

    /// In the word of the language and of the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::SoftOff => "soft-off",
            Self::Off => "off",
            Self::Cycle => "cycle",
            Self::Reset => "reset",
        }
    }
}

impl fmt::Display for PowerAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::On => "power on",
            Self::SoftOff => "soft power off",
            Self::Off => "power off",
            Self::Cycle => "power cycle",
            Self::Reset => "reset",
        })
    }
}

/// Where a machine boots from instead of what its firmware is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootDevice {
    /// PXE.
    Network,
    /// UEFI HTTP boot.
    Http,
    Disk,
    /// A compact disc, or the virtual media that stand for one.
    Cd,
    /// The firmware's own settings.
    Setup,
}

impl fmt::Display for BootDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Network => "network",
            Self::Http => "http",
            Self::Disk => "disk",
            Self::Cd => "cd",
            Self::Setup => "setup",
        })
    }
}

/// Which kind of boot the override is for; none says neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootMode {
    Bios,
    Efi,
}

/// A boot override: the firmware goes elsewhere than it is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootOverride {
    pub device: BootDevice,
    /// For the next boot alone.
    pub once: bool,
    pub mode: Option<BootMode>,
}

impl fmt::Display for BootOverride {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = if self.once { "once" } else { "always" };
        write!(f, "{}, {when}", self.device)?;
        match self.mode {
            Some(BootMode::Bios) => f.write_str(", BIOS"),
            Some(BootMode::Efi) => f.write_str(", UEFI"),
            None => Ok(()),
        }
    }
}

/// What a BMC answers to the question how it stands with its machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChassisStatus {
    pub power: PowerState,
    /// Whether the identify light is on; none where the BMC does not tell.
    pub identify: Option<bool>,
}
