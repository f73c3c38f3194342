//! How a BMC is on its network: parameters of its LAN configuration (IPMI 2.0, sections 23.1 and 23.2, and table 23-4).

use std::net::Ipv4Addr;

use super::bytes::Reader;
use crate::base::bmc::AddressSource;

/// A parameter of the LAN configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LanParameter {
    /// Who changes the others says so.
    SetInProgress,
    Address,
    Source,
    Mask,
    Gateway,
    Vlan,
}

/// Set In Progress: nobody sets anything, somebody does, and what was set is to count.
pub(crate) const SET_COMPLETE: u8 = 0x00;
pub(crate) const SET_IN_PROGRESS: u8 = 0x01;
pub(crate) const COMMIT_WRITE: u8 = 0x02;

/// Frames are tagged.
const TAGGED: u16 = 0x8000;

const VLAN_ID: u16 = 0x0fff;

impl LanParameter {
    fn number(self) -> u8 {
        match self {
            Self::SetInProgress => 0,
            Self::Address => 3,
            Self::Source => 4,
            Self::Mask => 6,
            Self::Gateway => 12,
            Self::Vlan => 20,
        }
    }

    /// Get LAN Configuration Parameters: the parameter as it is, of no set and no block.
    pub(crate) fn asked(self, channel: u8) -> [u8; 4] {
        [channel & 0x0f, self.number(), 0, 0]
    }

    /// Set LAN Configuration Parameters.
    pub(crate) fn written(self, channel: u8, data: &[u8]) -> Vec<u8> {
        [&[channel & 0x0f, self.number()], data].concat()
    }
}

/// An answer is the revision of the parameter, then the parameter.
fn parameter<const N: usize>(data: &[u8]) -> Option<[u8; N]> {
    let mut reader = Reader(data);
    reader.u8()?;
    reader.array()
}

pub(crate) fn address(data: &[u8]) -> Option<Ipv4Addr> {
    parameter::<4>(data).map(Ipv4Addr::from)
}

pub(crate) fn source(data: &[u8]) -> Option<AddressSource> {
    let [source] = parameter(data)?;
    Some(match source & 0x0f {
        0x01 => AddressSource::Static,
        0x02 => AddressSource::Dhcp,
        _ => AddressSource::Other,
    })
}

/// What the source is set to; none for one that nobody can set.
pub(crate) fn source_wish(source: AddressSource) -> Option<[u8; 1]> {
    match source {
        AddressSource::Static => Some([0x01]),
        AddressSource::Dhcp => Some([0x02]),
        AddressSource::Other => None,
    }
}

/// Inside: none where frames are not tagged.
pub(crate) fn vlan(data: &[u8]) -> Option<Option<u16>> {
    let vlan = u16::from_le_bytes(parameter(data)?);
    Some((vlan & TAGGED != 0).then_some(vlan & VLAN_ID))
}

pub(crate) fn vlan_wish(vlan: Option<u16>) -> [u8; 2] {
    let vlan = vlan.map_or(0, |vlan| TAGGED | vlan & VLAN_ID);
    vlan.to_le_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parameters_are_read_as_ipmitool_shows_them() {
        assert_eq!(
            address(&[0x11, 10, 0, 0, 9]),
            Some(Ipv4Addr::new(10, 0, 0, 9))
        );
        assert_eq!(address(&[0x11, 10, 0, 0]), None);
        for (byte, expected) in [
            (0x01, AddressSource::Static),
            (0x02, AddressSource::Dhcp),
            (0xf2, AddressSource::Dhcp),
            (0x00, AddressSource::Other),
            (0x03, AddressSource::Other),
        ] {
            assert_eq!(source(&[0x11, byte]), Some(expected));
        }
        for (vlan_id, bytes) in [
            (None, [0, 0]),
            (Some(40), [40, 0x80]),
            (Some(4094), [0xfe, 0x8f]),
        ] {
            assert_eq!(vlan_wish(vlan_id), bytes);
            assert_eq!(vlan(&[0x11, bytes[0], bytes[1]]), Some(vlan_id));
        }
        // An id that does not count.
        assert_eq!(vlan(&[0x11, 40, 0]), Some(None));
        assert_eq!(vlan(&[0x11, 40]), None);
        assert_eq!(LanParameter::Mask.asked(1), [1, 6, 0, 0]);
        assert_eq!(
            LanParameter::Vlan.written(1, &[40, 0x80]),
            [1, 20, 40, 0x80]
        );
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..9)) {
            let _ = (address(&bytes), source(&bytes), vlan(&bytes));
        }
    }
}
