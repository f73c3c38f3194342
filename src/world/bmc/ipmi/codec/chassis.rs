//! Power, lights and what a chassis says of them (IPMI 2.0, sections 28.2 to 28.5).

use super::bytes::Reader;
use crate::base::bmc::{ChassisStatus, Light, PowerAction, PowerState};

/// The answer to Get Chassis Status.
pub(crate) fn status(data: &[u8]) -> Option<ChassisStatus> {
    let [power, _, misc] = Reader(data).array()?;
    let power = match power & 0x01 {
        0 => PowerState::Off,
        _ => PowerState::On,
    };
    // The light's state means something only where bit 6 says so.
    let identify = (misc & 0x40 != 0).then_some(misc & 0x30 != 0);
    Some(ChassisStatus { power, identify })
}

/// The cause in the answer to Get System Restart Cause (section 28.11); none where the BMC does not know it.
pub(crate) fn restart_cause(data: &[u8]) -> Option<u8> {
    let cause = data.first()? & 0x0f;
    (cause != 0).then_some(cause)
}

/// The data of Chassis Control.
pub(crate) fn control(action: PowerAction) -> u8 {
    match action {
        PowerAction::Off => 0x00,
        PowerAction::On => 0x01,
        PowerAction::Cycle => 0x02,
        PowerAction::Reset => 0x03,
        PowerAction::SoftOff => 0x05,
    }
}

/// The data of Chassis Identify.
pub(crate) fn identify(light: Light) -> Vec<u8> {
    match light {
        Light::On => vec![0, 1],
        Light::For(seconds) => vec![seconds],
        Light::Off => vec![0],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_status_tells_of_power_and_light() {
        for (data, power, identify) in [
            (&[0x01, 0x00, 0x40][..], PowerState::On, Some(false)),
            (&[0x60, 0x00, 0x50, 0x00], PowerState::Off, Some(true)),
            (&[0x61, 0x04, 0x60], PowerState::On, Some(true)),
            (&[0x00, 0x00, 0x30], PowerState::Off, None),
        ] {
            let expected = ChassisStatus { power, identify };
            assert_eq!(status(data), Some(expected), "{data:?}");
        }
        assert_eq!(status(&[1, 0]), None);
    }

    #[test]
    fn a_cause_is_none_where_it_is_not_known() {
        for (data, expected) in [
            (&[0x01, 0x00][..], Some(1)),
            (&[0xf6, 0x01], Some(6)),
            (&[0x00, 0x00], None),
            (&[0xf0], None),
            (&[], None),
        ] {
            assert_eq!(restart_cause(data), expected, "{data:?}");
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..8)) {
            let _ = status(&bytes);
        }
    }
}
