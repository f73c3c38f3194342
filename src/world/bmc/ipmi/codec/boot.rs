//! What a machine boots from next (IPMI 2.0, sections 28.12 and 28.13, and table 28-14).

use super::bytes::Reader;
use crate::base::bmc::{BootDevice, BootMode, BootOverride};

/// A parameter of the boot options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parameter {
    /// Who changes the others says so.
    SetInProgress,
    /// When the BMC drops an override by itself.
    ValidBitClearing,
    /// Who has yet to take notice of the override.
    InfoAcknowledge,
    BootFlags,
}

/// Set In Progress: nobody changes anything, or we do.
pub(crate) const SET_COMPLETE: u8 = 0x00;
pub(crate) const SET_IN_PROGRESS: u8 = 0x01;

/// Get System Boot Options: the parameter as it is, of no set and no block.
pub(crate) const WHOLE: [u8; 2] = [0, 0];

/// The firmware has not taken notice yet.
pub(crate) const UNNOTICED: [u8; 2] = [0x01, 0x01];

/// An override for one boot does not end after a minute without a power command, which the BMC may otherwise have it do.
const KEEP_A_MINUTE: u8 = 0x08;

/// A lasting one does not end with a button, the watchdog or an event filter either.
const KEEP_ALWAYS: u8 = 0x1f;

const VALID: u8 = 0x80;
const LASTING: u8 = 0x40;
const EFI: u8 = 0x20;

impl Parameter {
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::SetInProgress => 0x00,
            Self::ValidBitClearing => 0x03,
            Self::InfoAcknowledge => 0x04,
            Self::BootFlags => 0x05,
        }
    }
}

/// The data of the parameter that says when an override ends by itself.
pub(crate) fn clearing(wanted: Option<BootOverride>) -> u8 {
    match wanted {
        Some(BootOverride { once: false, .. }) => KEEP_ALWAYS,
        Some(BootOverride { once: true, .. }) => KEEP_A_MINUTE,
        None => 0,
    }
}

/// The boot flags; none where IPMI has no word for the device.
pub(crate) fn flags(wanted: Option<BootOverride>) -> Option<[u8; 5]> {
    let Some(wanted) = wanted else {
        return Some([VALID, 0, 0, 0, 0]);
    };
    let lasting = if wanted.once { 0 } else { LASTING };
    let mode = match wanted.mode {
        Some(BootMode::Efi) | None => EFI,
        Some(BootMode::Bios) => 0,
    };
    let device = match wanted.device {
        BootDevice::Network => 1,
        BootDevice::Disk => 2,
        BootDevice::Cd => 5,
        BootDevice::Setup => 6,
        BootDevice::Http => return None,
    };
    Some([VALID | lasting | mode, device << 2, 0, 0, 0])
}

/// What Get System Boot Options answers about the flags. Inside: none where nothing is overridden.
pub(crate) fn read(data: &[u8]) -> Option<Option<BootOverride>> {
    let mut reader = Reader(data);
    let [_, parameter] = reader.array()?;
    let [flags, device] = reader.array()?;
    // Bit 7 of the number: the parameter is locked or not set.
    if parameter != Parameter::BootFlags.number() || flags & VALID == 0 {
        return Some(None);
    }
    let device = match device >> 2 & 0x0f {
        1 => BootDevice::Network,
        // The disk's safe mode, and one that the BMC lends.
        2 | 3 | 11 => BootDevice::Disk,
        5 | 8 => BootDevice::Cd,
        6 => BootDevice::Setup,
        _ => return Some(None),
    };
    let mode = match flags & EFI {
        0 => BootMode::Bios,
        _ => BootMode::Efi,
    };
    Some(Some(BootOverride {
        device,
        once: flags & LASTING == 0,
        mode: Some(mode),
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [(BootDevice, u8); 4] = [
        (BootDevice::Network, 0x04),
        (BootDevice::Disk, 0x08),
        (BootDevice::Cd, 0x14),
        (BootDevice::Setup, 0x18),
    ];

    #[test]
    fn an_override_is_written_as_others_do_and_comes_back() {
        for (device, written) in ALL {
            for (once, mode, first) in [
                (true, BootMode::Bios, 0x80),
                (false, BootMode::Bios, 0xc0),
                (true, BootMode::Efi, 0xa0),
                (false, BootMode::Efi, 0xe0),
            ] {
                let mode = Some(mode);
                let wanted = Some(BootOverride { device, once, mode });
                let flags = flags(wanted).unwrap();
                assert_eq!(flags, [first, written, 0, 0, 0]);
                let answer = [&[0x01, 0x05], &flags[..]].concat();
                assert_eq!(read(&answer), Some(wanted));
            }
        }
    }

    #[test]
    fn what_is_no_override_is_read_as_none() {
        for (answer, expected) in [
            (&[0x01, 0x05, 0x80, 0, 0, 0, 0][..], Some(None)),
            (&[0x01, 0x05, 0x40, 0x04, 0, 0, 0], Some(None)),
            (&[0x01, 0x85, 0x80, 0x04, 0, 0, 0], Some(None)),
            (&[0x01, 0x05, 0x80], None),
        ] {
            assert_eq!(read(answer), expected, "{answer:?}");
        }
        let http = BootOverride {
            device: BootDevice::Http,
            once: true,
            mode: None,
        };
        assert_eq!(flags(Some(http)), None);
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..9)) {
            let _ = read(&bytes);
        }
    }
}
