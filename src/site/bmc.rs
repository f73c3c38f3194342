//! A machine's baseboard management controller, as the resolved site has it.

use std::net::IpAddr;

use crate::base::fingerprint::Fingerprint;
use crate::base::origin::Origin;
use crate::base::secret::SecretRef;

/// A machine's baseboard management controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bmc {
    pub protocol: BmcProtocol,
    pub address: IpAddr,
    /// None for the protocol's usual one.
    pub port: Option<u16>,
    pub username: String,
    pub password: SecretRef,
    pub origin: Origin,
}

/// Which certificates of a BMC are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BmcTrust {
    /// Those that the controller's system trusts.
    System,
    /// Those signed by the authorities in a file on the controller.
    Authority(String),
    /// One, whatever it says of names and dates.
    Pinned(Fingerprint),
}

impl BmcTrust {
    pub fn pinned(&self) -> Option<Fingerprint> {
        match self {
            Self::Pinned(fingerprint) => Some(*fingerprint),
            Self::System | Self::Authority(_) => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BmcProtocol {
    Redfish {
        /// Which of several systems; none where the BMC has one.
        system: Option<String>,
        trusts: BmcTrust,
    },
    Ipmi {
        cipher_suite: Option<u8>,
        privilege: Option<String>,
        key: Option<SecretRef>,
    },
}
