//! Bonds: their modes and parameters, as the kernel has them (Documentation/networking/bonding.rst).

mod parameter;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use parameter::{
    AD_SELECTS, ARP_ALL_TARGETS, ARP_VALIDATES, BondForm, BondParameter, BondValue, FAIL_OVER_MACS,
    LACP_RATES, Needs, PRIMARY_RESELECTS, TRANSMIT_HASHES,
};

/// How a bond shares its ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum BondMode {
    BalanceRr,
    ActiveBackup,
    BalanceXor,
    Broadcast,
    #[serde(rename = "802.3ad")]
    Lacp,
    BalanceTlb,
    BalanceAlb,
}

/// The words of the modes, in the kernel's order.
pub const BOND_MODES: [&str; 7] = [
    "balance-rr",
    "active-backup",
    "balance-xor",
    "broadcast",
    "802.3ad",
    "balance-tlb",
    "balance-alb",
];

/// Why a text is no mode of a bond.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no mode of a bond")]
pub struct BondModeError(String);

impl BondMode {
    pub const ALL: [Self; 7] = [
        Self::BalanceRr,
        Self::ActiveBackup,
        Self::BalanceXor,
        Self::Broadcast,
        Self::Lacp,
        Self::BalanceTlb,
        Self::BalanceAlb,
    ];

    pub fn as_str(self) -> &'static str {
        let named = Self::ALL.into_iter().zip(BOND_MODES);
        let mut named = named.filter(|(mode, _)| *mode == self);
        named.next().map_or("", |(_, name)| name)
    }
}

impl BondMode {
    /// The kernel's number for it (`BOND_MODE_…`).
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The mode of the kernel's number.
    pub fn of_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.number() == number)
    }
}

impl FromStr for BondMode {
    type Err = BondModeError;

    fn from_str(text: &str) -> Result<Self, BondModeError> {
        let mut named = Self::ALL.into_iter().zip(BOND_MODES);
        let found = named.find(|(_, name)| *name == text);
        found
            .map(|(mode, _)| mode)
            .ok_or_else(|| BondModeError(text.to_owned()))
    }
}

impl fmt::Display for BondMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
