//! DHCP messages as clients and relays send them (RFC 2131 2, 2132). Must not know what becomes of them.
//!
//! A reader of our own: dhcproto's borrowed one joins only neighbouring parts of an option, cuts overloaded fields at their
//! first zero and takes any hardware length on trust.

mod class;
pub(super) mod code;
mod identity;
mod options;
mod relay;

use std::borrow::Cow;
use std::net::Ipv4Addr;

use super::lease::{ClientKey, Hardware};
use crate::base::policy::ClientIdentity;
pub(super) use options::Options;
pub(super) use relay::suboption;

pub(super) const COOKIE: [u8; 4] = [99, 130, 83, 99];

/// Where the options begin: after the fixed fields and the cookie.
pub(super) const OPTIONS_AT: usize = 240;

/// Messages that clients send (RFC 2132 9.6, RFC 951).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Discover,
    Request,
    Decline,
    Release,
    Inform,
    /// A BOOTP request, which has no type.
    Bootp,
}

/// Why a datagram is no message for a DHCP server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum WireError {
    #[error("shorter than the fixed fields")]
    Short,
    #[error("not a request from a client")]
    NotRequest,
    #[error("a hardware address longer than its field")]
    HardwareLength,
    #[error("no DHCP cookie")]
    Cookie,
    #[error("option {0} ends beyond its field")]
    Truncated(u8),
    #[error("a message type that no client sends")]
    Kind,
    #[error("neither a client identifier nor a hardware address")]
    Anonymous,
}

/// A client's message.
#[derive(Debug)]
pub(super) struct Message<'a> {
    /// The fixed fields as they came, for what a reply copies.
    pub fixed: &'a [u8; OPTIONS_AT],
    pub kind: Kind,
    pub hardware: Hardware,
    pub ciaddr: Ipv4Addr,
    pub giaddr: Ipv4Addr,
    pub broadcast: bool,
    pub options: Options<'a>,
}

impl<'a> Message<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (fixed, rest) = bytes
            .split_first_chunk::<OPTIONS_AT>()
            .ok_or(WireError::Short)?;
        let [op, htype, hlen, ..] = *fixed;
        if op != 1 {
            return Err(WireError::NotRequest);
        }
        let chaddr: [u8; 16] = part(fixed, 28);
        let hardware = Hardware::new(htype, hlen, chaddr).ok_or(WireError::HardwareLength)?;
        if part::<4>(fixed, 236) != COOKIE {
            return Err(WireError::Cookie);
        }
        let options = Options::read(fixed, rest)?;
        let message = Self {
            fixed,
            kind: options.kind().ok_or(WireError::Kind)?,
            hardware,
            ciaddr: part::<4>(fixed, 12).into(),
            giaddr: part::<4>(fixed, 24).into(),
            broadcast: part::<1>(fixed, 10) >= [128],
            options,
        };
        if message.hardware.is_empty() && message.client_id().is_empty() {
            return Err(WireError::Anonymous);
        }
        Ok(message)
    }

    /// Option 61, or nothing where it is absent or empty.
    fn client_id(&self) -> Cow<'a, [u8]> {
        self.options.get(code::CLIENT_ID).unwrap_or_default()
    }

    /// Who asks: option 61 wins over the hardware address (RFC 2131 4.2, RFC 6842), unless the VLAN goes by that alone.
    pub(super) fn client(&self, identity: ClientIdentity) -> ClientKey {
        let id = self.client_id();
        let by_hardware = match identity {
            ClientIdentity::ClientId => id.is_empty(),
            ClientIdentity::Mac => !self.hardware.is_empty(),
        };
        if by_hardware {
            ClientKey::of_hardware(self.hardware)
        } else {
            ClientKey::of_id(&id)
        }
    }
}

/// `N` bytes of the fixed fields; zeros where `at` lies beyond, which none of our offsets does.
pub(super) fn part<const N: usize>(fixed: &[u8; OPTIONS_AT], at: usize) -> [u8; N] {
    let found = fixed.get(at..).and_then(|rest| rest.first_chunk::<N>());
    found.copied().unwrap_or([0; N])
}

/// Whether a datagram looks like a DISCOVER, without reading it all: those wait while the server is busy.
pub(super) fn is_discover(bytes: &[u8]) -> bool {
    let mut field = bytes.get(OPTIONS_AT..).unwrap_or_default();
    loop {
        match field {
            [53, 1, kind, ..] => return *kind == 1,
            [0, rest @ ..] => field = rest,
            [255, ..] | [] | [_] => return false,
            [_, length, rest @ ..] => field = rest.get(usize::from(*length)..).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(options: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; OPTIONS_AT];
        bytes[..3].copy_from_slice(&[1, 1, 6]);
        bytes[28..34].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
        bytes[236..240].copy_from_slice(&COOKIE);
        bytes.extend_from_slice(options);
        bytes
    }

    #[test]
    fn faults_are_told_apart() {
        let spoilt = |at: usize, value: u8| {
            let mut bytes = message(&[53, 1, 1, 255]);
            bytes[at] = value;
            Message::read(&bytes).unwrap_err()
        };
        assert_eq!(spoilt(0, 2), WireError::NotRequest);
        assert_eq!(spoilt(2, 17), WireError::HardwareLength);
        assert_eq!(spoilt(2, 255), WireError::HardwareLength);
        assert_eq!(spoilt(2, 0), WireError::Anonymous);
        assert_eq!(spoilt(236, 0), WireError::Cookie);
        assert_eq!(spoilt(242, 2), WireError::Kind);
        assert_eq!(spoilt(241, 9), WireError::Truncated(53));
        assert_eq!(Message::read(&[1; 239]).unwrap_err(), WireError::Short);
        assert_eq!(Message::read(&message(&[255])).unwrap().kind, Kind::Bootp);
    }

    #[test]
    fn parts_are_joined_wherever_they_lie() {
        let mut bytes = message(&[53, 1, 1, 61, 2, 7, 8, 52, 1, 3, 61, 1, 9, 255]);
        bytes[108..112].copy_from_slice(&[61, 1, 0, 255]);
        bytes[44..48].copy_from_slice(&[61, 1, 1, 255]);
        let read = Message::read(&bytes).unwrap();
        let id = read.options.get(code::CLIENT_ID).unwrap();
        assert_eq!(*id, [7, 8, 9, 0, 1]);
        assert!(is_discover(&bytes));
    }
}
