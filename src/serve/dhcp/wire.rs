//! DHCP messages as clients and relays send them (RFC 2131 2, 2132). Must not know what becomes of them.
//!
//! A reader of our own: dhcproto's borrowed one joins only neighbouring parts of an option, cuts overloaded fields at their
//! first zero and takes any hardware length on trust.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use super::lease::{ClientKey, Hardware};

pub(super) const COOKIE: [u8; 4] = [99, 130, 83, 99];

/// Where the options begin: after the fixed fields and the cookie.
pub(super) const OPTIONS_AT: usize = 240;

/// Codes of the options that the engine itself deals with.
pub(super) mod code {
    pub(in super::super) const HOST_NAME: u8 = 12;
    pub(in super::super) const REQUESTED_ADDRESS: u8 = 50;
    pub(in super::super) const LEASE_TIME: u8 = 51;
    pub(in super::super) const OVERLOAD: u8 = 52;
    pub(in super::super) const MESSAGE_TYPE: u8 = 53;
    pub(in super::super) const SERVER_ID: u8 = 54;
    pub(in super::super) const PARAMETERS: u8 = 55;
    pub(in super::super) const MESSAGE_SIZE: u8 = 57;
    pub(in super::super) const RENEWAL_TIME: u8 = 58;
    pub(in super::super) const REBINDING_TIME: u8 = 59;
    pub(in super::super) const VENDOR_CLASS: u8 = 60;
    pub(in super::super) const CLIENT_ID: u8 = 61;
    pub(in super::super) const TFTP_SERVER: u8 = 66;
    pub(in super::super) const BOOT_FILE: u8 = 67;
    pub(in super::super) const USER_CLASS: u8 = 77;
    pub(in super::super) const RELAY: u8 = 82;
    pub(in super::super) const ARCHITECTURE: u8 = 93;
    pub(in super::super) const MACHINE_ID: u8 = 97;
    pub(in super::super) const SUBNET_SELECTION: u8 = 118;
    pub(in super::super) const IPXE: u8 = 175;
}

/// Messages that clients send (RFC 2132 9.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Discover,
    Request,
    Decline,
    Release,
    Inform,
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
    #[error("no message type that clients send")]
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

/// Options in the order they came; a code may come in several parts (RFC 3396).
#[derive(Debug, Default)]
pub(super) struct Options<'a>(Vec<(u8, &'a [u8])>);

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

    /// Who asks: option 61 wins over the hardware address (RFC 2131 4.2, RFC 6842).
    pub(super) fn client(&self) -> ClientKey {
        let id = self.client_id();
        if id.is_empty() {
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

impl<'a> Options<'a> {
    /// Reads the options field, then `file` and `sname` where option 52 says that they hold options (RFC 2132 9.3).
    fn read(fixed: &'a [u8; OPTIONS_AT], field: &'a [u8]) -> Result<Self, WireError> {
        let mut options = Self(Vec::with_capacity(16));
        options.read_field(field)?;
        let overload = match options.get(code::OVERLOAD).as_deref() {
            Some([flags]) => *flags,
            Some(_) | None => 0,
        };
        for (flag, from, to) in [(1, 108, 236), (2, 44, 108)] {
            if overload & flag != 0 {
                options.read_field(fixed.get(from..to).unwrap_or_default())?;
            }
        }
        Ok(options)
    }

    fn read_field(&mut self, mut field: &'a [u8]) -> Result<(), WireError> {
        loop {
            match field {
                [] | [255, ..] => return Ok(()),
                [0, rest @ ..] => field = rest,
                [code] => return Err(WireError::Truncated(*code)),
                [code, length, rest @ ..] => {
                    let (data, after) = rest
                        .split_at_checked(usize::from(*length))
                        .ok_or(WireError::Truncated(*code))?;
                    self.0.push((*code, data));
                    field = after;
                }
            }
        }
    }

    fn kind(&self) -> Option<Kind> {
        match *self.get(code::MESSAGE_TYPE)? {
            [1] => Some(Kind::Discover),
            [3] => Some(Kind::Request),
            [4] => Some(Kind::Decline),
            [7] => Some(Kind::Release),
            [8] => Some(Kind::Inform),
            _ => None,
        }
    }

    /// The value of an option, its parts joined.
    pub(super) fn get(&self, code: u8) -> Option<Cow<'a, [u8]>> {
        let mut parts = self.0.iter().filter(|(own, _)| *own == code);
        let (_, first) = parts.next()?;
        let mut value = Cow::Borrowed(*first);
        for (_, part) in parts {
            value.to_mut().extend_from_slice(part);
        }
        Some(value)
    }

    pub(super) fn has(&self, code: u8) -> bool {
        self.0.iter().any(|(own, _)| *own == code)
    }

    pub(super) fn address(&self, code: u8) -> Option<Ipv4Addr> {
        let bytes: [u8; 4] = self.get(code)?.as_ref().try_into().ok()?;
        Some(bytes.into())
    }

    pub(super) fn u32(&self, code: u8) -> Option<u32> {
        Some(u32::from_be_bytes(
            self.get(code)?.as_ref().try_into().ok()?,
        ))
    }

    pub(super) fn u16(&self, code: u8) -> Option<u16> {
        Some(u16::from_be_bytes(
            self.get(code)?.as_ref().try_into().ok()?,
        ))
    }

    /// A suboption of option 82 (RFC 3046 2.0).
    pub(super) fn relay_address(&self, suboption: u8) -> Option<Ipv4Addr> {
        let relay = self.get(code::RELAY)?;
        let mut rest: &[u8] = &relay;
        while let [own, length, after @ ..] = rest {
            let (data, next) = after.split_at_checked(usize::from(*length))?;
            if *own == suboption {
                return <[u8; 4]>::try_from(data).ok().map(Ipv4Addr::from);
            }
            rest = next;
        }
        None
    }
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
        assert_eq!(
            Message::read(&message(&[255])).unwrap_err(),
            WireError::Kind
        );
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
