//! Which addresses are looked for on the network before they are offered.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which addresses are looked for on the network before they are offered (RFC 2131 2.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConflictProbe {
    #[default]
    Off,
    /// Those of dynamic ranges.
    Dynamic,
    /// Reserved ones too.
    All,
}

/// The words for [`ConflictProbe`].
pub const CONFLICT_PROBES: &[&str] = &["off", "dynamic", "all"];

/// Why a text is no [`ConflictProbe`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is none of off, dynamic and all")]
pub struct ConflictProbeError(String);

impl FromStr for ConflictProbe {
    type Err = ConflictProbeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            "dynamic" => Ok(Self::Dynamic),
            "all" => Ok(Self::All),
            other => Err(ConflictProbeError(other.to_owned())),
        }
    }
}

impl fmt::Display for ConflictProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Dynamic => "dynamic",
            Self::All => "all",
        })
    }
}
