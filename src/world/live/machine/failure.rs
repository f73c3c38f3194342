//! What an error means to whoever plans and applies: why nothing is known of a machine, and what to do about it.

use std::error::Error as _;

use super::MachineError;
use crate::diag::fault::chain;
use crate::state::Silence;
use crate::world::bmc::Trouble;

impl MachineError {
    /// What to do about it, where that is known.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Target { source, .. } | Self::Password { source, .. } => Some(source.help()),
            Self::NoBmc
            | Self::Refused { .. }
            | Self::OwnAccount
            | Self::Taken { .. }
            | Self::NotLetIn { .. }
            | Self::Ending
            | Self::BrokenOff
            | Self::Bmc { .. }
            | Self::NotThere { .. } => None,
        }
    }
}

/// Why nothing is known.
pub(super) fn silence(error: &MachineError) -> Silence {
    match error {
        MachineError::Target { .. } => Silence::Secret,
        MachineError::Password { .. } => Silence::Password,
        MachineError::Bmc { source, .. } => match source.trouble() {
            Trouble::Unreachable => Silence::Unreachable,
            Trouble::Credentials => Silence::Credentials,
            Trouble::Untrusted => Silence::Untrusted,
            Trouble::Failed => Silence::Failed,
        },
        MachineError::Refused { .. } => Silence::Credentials,
        MachineError::NoBmc
        | MachineError::OwnAccount
        | MachineError::Taken { .. }
        | MachineError::NotLetIn { .. }
        | MachineError::Ending
        | MachineError::BrokenOff
        | MachineError::NotThere { .. } => Silence::Failed,
    }
}

/// What lies behind an error, and what to do about it.
pub(super) fn cause(error: &MachineError) -> String {
    match error.help() {
        Some(help) => format!("{}; {help}", inner(error)),
        None => inner(error),
    }
}

/// What lies behind an error, in the words of who met it.
pub(super) fn inner(error: &MachineError) -> String {
    error.source().map(chain).unwrap_or_default().join(": ")
}
