//! A VLAN's full name, and the protocols of its tags.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::{Name, NameError};

/// A VLAN's full name, `fabric/vlan`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct VlanPath {
    pub fabric: Name,
    pub vlan: Name,
}

impl fmt::Display for VlanPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.fabric, self.vlan)
    }
}

/// Why a text is not a VLAN's full name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VlanPathError {
    #[error("`{0}` is not a VLAN's full name, FABRIC/VLAN")]
    Shape(String),
    #[error(transparent)]
    Name(#[from] NameError),
}

impl FromStr for VlanPath {
    type Err = VlanPathError;

    fn from_str(text: &str) -> Result<Self, VlanPathError> {
        let (fabric, vlan) = text
            .split_once('/')
            .ok_or_else(|| VlanPathError::Shape(text.to_owned()))?;
        Ok(Self {
            fabric: fabric.parse()?,
            vlan: vlan.parse()?,
        })
    }
}

impl From<VlanPath> for String {
    fn from(path: VlanPath) -> Self {
        path.to_string()
    }
}

impl TryFrom<String> for VlanPath {
    type Error = VlanPathError;

    fn try_from(text: String) -> Result<Self, VlanPathError> {
        text.parse()
    }
}

/// The protocol of a tag: that of a customer's VLAN, or of the provider's that carries them (IEEE 802.1Q 9.5).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum VlanProtocol {
    #[default]
    #[serde(rename = "802.1Q")]
    Dot1q,
    #[serde(rename = "802.1ad")]
    Dot1ad,
}

/// The words of the protocols.
pub const VLAN_PROTOCOLS: [&str; 2] = ["802.1Q", "802.1ad"];

/// Why a text is no protocol of tags.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no protocol of tags")]
pub struct VlanProtocolError(String);

impl VlanProtocol {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dot1q => "802.1Q",
            Self::Dot1ad => "802.1ad",
        }
    }
}

impl FromStr for VlanProtocol {
    type Err = VlanProtocolError;

    fn from_str(text: &str) -> Result<Self, VlanProtocolError> {
        let mut all = [Self::Dot1q, Self::Dot1ad].into_iter();
        let found = all.find(|protocol| protocol.as_str() == text);
        found.ok_or_else(|| VlanProtocolError(text.to_owned()))
    }
}

impl fmt::Display for VlanProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
