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
const SENSOR: u8 = 0x04;
const APPLICATION: u8 = 0x06;
const STORAGE: u8 = 0x0a;
const TRANSPORT: u8 = 0x0c;

impl Command {
    pub(crate) const CHASSIS_STATUS: Self = Self::of(CHASSIS, 0x01, "Get Chassis Status");
    pub(crate) const CHASSIS_CONTROL: Self = Self::of(CHASSIS, 0x02, "Chassis Control");
    pub(crate) const CHASSIS_IDENTIFY: Self = Self::of(CHASSIS, 0x04, "Chassis Identify");
    pub(crate) const RESTART_CAUSE: Self = Self::of(CHASSIS, 0x07, "Get System Restart Cause");
    pub(crate) const SET_BOOT_OPTIONS: Self = Self::of(CHASSIS, 0x08, "Set System Boot Options");
    pub(crate) const GET_BOOT_OPTIONS: Self = Self::of(CHASSIS, 0x09, "Get System Boot Options");

    pub(crate) const AUTHENTICATION: Self =
        Self::of(APPLICATION, 0x38, "Get Channel Authentication Capabilities");
    pub(crate) const SET_PRIVILEGE: Self =
        Self::of(APPLICATION, 0x3b, "Set Session Privilege Level");
    pub(crate) const CLOSE_SESSION: Self = Self::of(APPLICATION, 0x3c, "Close Session");

    pub(crate) const SYSTEM_GUID: Self = Self::of(APPLICATION, 0x37, "Get System GUID");

    pub(crate) const ACTIVATE_PAYLOAD: Self = Self::of(APPLICATION, 0x48, "Activate Payload");
    pub(crate) const DEACTIVATE_PAYLOAD: Self = Self::of(APPLICATION, 0x49, "Deactivate Payload");
    pub(crate) const PAYLOAD_INSTANCE: Self =
        Self::of(APPLICATION, 0x4b, "Get Payload Instance Info");

    pub(crate) const CHANNEL_INFO: Self = Self::of(APPLICATION, 0x42, "Get Channel Info");
    pub(crate) const SET_USER_ACCESS: Self = Self::of(APPLICATION, 0x43, "Set User Access");
    pub(crate) const GET_USER_ACCESS: Self = Self::of(APPLICATION, 0x44, "Get User Access");
    pub(crate) const SET_USER_NAME: Self = Self::of(APPLICATION, 0x45, "Set User Name");
    pub(crate) const GET_USER_NAME: Self = Self::of(APPLICATION, 0x46, "Get User Name");
    pub(crate) const SET_USER_PASSWORD: Self = Self::of(APPLICATION, 0x47, "Set User Password");

    pub(crate) const SENSOR_FACTORS: Self = Self::of(SENSOR, 0x23, "Get Sensor Reading Factors");
    pub(crate) const SENSOR_THRESHOLDS: Self = Self::of(SENSOR, 0x27, "Get Sensor Thresholds");
    pub(crate) const SENSOR_READING: Self = Self::of(SENSOR, 0x2d, "Get Sensor Reading");

    pub(crate) const FRU_INFO: Self = Self::of(STORAGE, 0x10, "Get FRU Inventory Area Info");
    pub(crate) const READ_FRU: Self = Self::of(STORAGE, 0x11, "Read FRU Data");
    pub(crate) const RESERVE_SDR: Self = Self::of(STORAGE, 0x22, "Reserve SDR Repository");
    pub(crate) const GET_SDR: Self = Self::of(STORAGE, 0x23, "Get SDR");
    pub(crate) const SEL_INFO: Self = Self::of(STORAGE, 0x40, "Get SEL Info");
    pub(crate) const RESERVE_SEL: Self = Self::of(STORAGE, 0x42, "Reserve SEL");
    pub(crate) const SEL_ENTRY: Self = Self::of(STORAGE, 0x43, "Get SEL Entry");
    pub(crate) const CLEAR_SEL: Self = Self::of(STORAGE, 0x47, "Clear SEL");

    pub(crate) const SET_LAN: Self = Self::of(TRANSPORT, 0x01, "Set LAN Configuration Parameters");
    pub(crate) const GET_LAN: Self = Self::of(TRANSPORT, 0x02, "Get LAN Configuration Parameters");

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn capabilities_tell_of_rmcp_plus() {
        for (data, expected) in [
            // ipmi_sim's, and pyghmi's.
            (&[1, 0x97, 0x06, 0x03, 0, 0, 0, 0][..], Some(true)),
            (&[1, 0x80, 0x04, 0x02, 0, 0, 0, 0], Some(true)),
            // One of IPMI 1.5 does not know what the third bit is about.
            (&[1, 0x17, 0x06, 0x02, 0, 0, 0, 0], Some(false)),
            (&[1, 0x97, 0x06, 0x01, 0, 0, 0, 0], Some(false)),
            (&[1, 0x97, 0x06], None),
        ] {
            let read = Authentication::read(data).map(|told| told.speaks_rmcp_plus);
            assert_eq!(read, expected, "{data:?}");
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..10)) {
            let _ = Authentication::read(&bytes);
        }
    }
}
