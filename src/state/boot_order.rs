//! What a machine's firmware tries first at every boot: what the site says of it, and what a BMC can tell and set.

use serde::{Deserialize, Serialize};

use super::Changes;
use crate::base::bmc::{BootDevice, BootMode, BootOverride};

/// What comes first. BMCs know one device for all boots; what comes after it is the firmware's own order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootOrder {
    /// None where the firmware goes by its own order alone.
    pub first: Option<BootDevice>,
    /// None where nobody minds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<BootMode>,
}

impl BootOrder {
    /// What a BMC's override comes to. One for the next boot alone says nothing of those after it.
    pub fn of(found: Option<BootOverride>) -> Self {
        let lasting = found.filter(|found| !found.once);
        Self {
            first: lasting.map(|found| found.device),
            mode: lasting.and_then(|found| found.mode),
        }
    }

    /// What to ask a BMC for.
    pub fn wish(&self) -> Option<BootOverride> {
        let mode = self.mode;
        self.first.map(|device| BootOverride {
            device,
            once: false,
            mode,
        })
    }

    /// Whether what a BMC tells is so.
    pub fn is_met_by(&self, found: &Self) -> bool {
        self.changes(found, Changes::default()).0.is_empty()
    }

    pub(super) fn changes(&self, from: &Self, changes: Changes) -> Changes {
        let changes = changes.shown("first", &from.first, &self.first, device);
        match self.mode {
            Some(_) => changes.shown("mode", &from.mode, &self.mode, mode),
            None => changes,
        }
    }

    pub(super) fn summary(&self) -> String {
        match self.mode {
            Some(_) => format!("{} first, {}", device(&self.first), mode(&self.mode)),
            None => format!("{} first", device(&self.first)),
        }
    }
}

fn device(first: &Option<BootDevice>) -> String {
    first.map_or_else(|| "firmware".to_owned(), |device| device.to_string())
}

fn mode(mode: &Option<BootMode>) -> String {
    match mode {
        Some(BootMode::Bios) => "bios".to_owned(),
        Some(BootMode::Efi) => "efi".to_owned(),
        None => "any".to_owned(),
    }
}
