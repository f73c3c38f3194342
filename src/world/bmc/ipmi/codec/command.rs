//! Which commands the driver gives, by their numbers and names (IPMI 2.0, appendix G).

use std::fmt;

use super::bytes::Reader;

/// A command of IPMI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command {
    pub(crate) function: u8,
    pub(crate) code: u8,
    name: &'static str,
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const CHASSIS: u8 = 0x00;
const APPLICATION: u8 = 0x06;

impl Command {
    pub(crate) const CHASSIS_STATUS: Self = Self::of(CHASSIS, 0x01, "Get Chassis Status");
    pub(crate) const CHASSIS_CONTROL: Self = Self::of(CHASSIS, 0x02, "Chassis Control");
    pub(crate) const CHASSIS_IDENTIFY: Self = Self::of(CHASSIS, 0x04, "Chassis Identify");
    pub(crate) const SET_BOOT_OPTIONS: Self = Self::of(CHASSIS, 0x08, "Set System Boot Options");
    pub(crate) const GET_BOOT_OPTIONS: Self = Self::of(CHASSIS, 0x09, "Get System Boot Options");

    pub(crate) const AUTHENTICATION: Self =
        Self::of(APPLICATION, 0x38, "Get Channel Authentication Capabilities");
    pub(crate) const SET_PRIVILEGE: Self =
        Self::of(APPLICATION, 0x3b, "Set Session Privilege Level");
    pub(crate) const CLOSE_SESSION: Self = Self::of(APPLICATION, 0x3c, "Close Session");

    const fn of(function: u8, code: u8, name: &'static str) -> Self {
        Self {
            function,
            code,
            name,
        }
    }
}

/// What a BMC tells before a session (section 22.13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Authentication {
    /// Whether it opens sessions of IPMI 2.0.
    pub(crate) speaks_rmcp_plus: bool,
}

impl Authentication {
    /// Asks about the channel that the question comes in by, as IPMI 2.0 has it, for administrators.
    pub(crate) const REQUEST: [u8; 2] = [0x80 | 0x0e, 0x04];

    pub(crate) fn read(data: &[u8]) -> Option<Self> {
        let [_, kinds, _, extended] = Reader(data).array()?;
        Some(Self {
            speaks_rmcp_plus: kinds & 0x80 != 0 && extended & 0x02 != 0,
        })
    }
}
