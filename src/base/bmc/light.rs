//! The light by which a person finds a machine.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Light {
    /// On until it is switched off.
    On,
    /// On for so many seconds.
    For(u8),
    Off,
}

impl fmt::Display for Light {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::On => f.write_str("identify light on"),
            Self::For(seconds) => write!(f, "identify light on for {seconds} s"),
            Self::Off => f.write_str("identify light off"),
        }
    }
}
