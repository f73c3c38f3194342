//! TFTP's packets as bytes (RFC 1350 5, RFC 2347). Knows no files and no state.

/// A packet from a client, as far as a server that only sends files cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Packet {
    Read(Request),
    Write,
    Acknowledge(u16),
    /// The client gives up; its reason changes nothing.
    Error,
}

/// A request for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) name: String,
    pub(super) mode: Mode,
    pub(super) asked: Asked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Octet,
    Netascii,
    /// Obsolete (RFC 1350 1) or unknown.
    Unsupported,
}

/// Options asked for, with values in their range; others are as if they were not there (RFC 2347).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// RFC 2348: 8 to 65464 octets; more is answered with the most.
    pub(super) block_size: Option<u16>,
    /// RFC 2349: 1 to 255 seconds.
    pub(super) timeout: Option<u8>,
    /// RFC 2349.
    pub(super) transfer_size: bool,
    /// RFC 7440: 1 to 65535 blocks.
    pub(super) window: Option<u16>,
}

/// Why a datagram is no packet for a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum WireError {
    #[error("too short for its kind")]
    Short,
    #[error("operation {0} is not for servers")]
    Operation(u16),
    #[error("a string without end, or not of ASCII")]
    Text,
    #[error("an option without value")]
    LoneOption,
}

/// Error codes (RFC 1350, appendix).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorCode {
    Undefined = 0,
    NotFound = 1,
    Access = 2,
    Illegal = 4,
    UnknownTransfer = 5,
}

pub(super) const BLOCK_SIZE_DEFAULT: u16 = 512;
const BLOCK_SIZE_MIN: u64 = 8;
const BLOCK_SIZE_MAX: u64 = 65_464;

/// Octets before the data of a block.
pub(super) const DATA_HEADER: usize = 4;

impl Packet {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, WireError> {
        let (operation, rest) = take_u16(bytes)?;
        match operation {
            1 => read_request(rest).map(Self::Read),
            2 => Ok(Self::Write),
            4 => take_u16(rest).map(|(block, _)| Self::Acknowledge(block)),
            5 => Ok(Self::Error),
            other => Err(WireError::Operation(other)),
        }
    }
}

fn take_u16(bytes: &[u8]) -> Result<(u16, &[u8]), WireError> {
    let (head, rest) = bytes.split_first_chunk().ok_or(WireError::Short)?;
    Ok((u16::from_be_bytes(*head), rest))
}

fn take_text(bytes: &[u8]) -> Result<(&str, &[u8]), WireError> {
    let end = bytes.iter().position(|byte| *byte == 0);
    let (text, rest) = end
        .and_then(|end| bytes.split_at_checked(end))
        .ok_or(WireError::Text)?;
    let text = str::from_utf8(text).map_err(|_| WireError::Text)?;
    match rest.split_first() {
        Some((_, rest)) if text.is_ascii() => Ok((text, rest)),
        Some(_) | None => Err(WireError::Text),
    }
}

fn read_request(bytes: &[u8]) -> Result<Request, WireError> {
    let (name, rest) = take_text(bytes)?;
    let (mode, mut rest) = take_text(rest)?;
    let mut asked = Asked::default();
    while !rest.is_empty() {
        let (option, after) = take_text(rest)?;
        if after.is_empty() {
            return Err(WireError::LoneOption);
        }
        let (value, after) = take_text(after)?;
        asked.take(option, value);
        rest = after;
    }
    Ok(Request {
        name: name.to_owned(),
        mode: read_mode(mode),
        asked,
    })
}

fn read_mode(mode: &str) -> Mode {
    match mode.to_ascii_lowercase().as_str() {
        "octet" => Mode::Octet,
        "netascii" => Mode::Netascii,
        _ => Mode::Unsupported,
    }
}

impl Asked {
    fn take(&mut self, option: &str, value: &str) {
        let Ok(value) = value.parse::<u64>() else {
            return;
        };
        match option.to_ascii_lowercase().as_str() {
            "blksize" if value >= BLOCK_SIZE_MIN => {
                self.block_size = u16::try_from(value.min(BLOCK_SIZE_MAX)).ok();
            }
            "timeout" => self.timeout = u8::try_from(value).ok().filter(|seconds| *seconds > 0),
            "tsize" => self.transfer_size = true,
            "windowsize" => self.window = u16::try_from(value).ok().filter(|blocks| *blocks > 0),
            _ => {}
        }
    }
}

/// The header of a data block.
pub(super) fn data_header(block: u16) -> [u8; DATA_HEADER] {
    let [high, low] = block.to_be_bytes();
    [0, 3, high, low]
}

/// An ERROR packet.
pub(super) fn error(code: ErrorCode, message: &str) -> Vec<u8> {
    let mut bytes = vec![0, 5, 0, code as u8];
    bytes.extend_from_slice(message.as_bytes());
    bytes.push(0);
    bytes
}

/// An OACK packet (RFC 2347).
pub(super) fn options(answers: &[(&'static str, u64)]) -> Vec<u8> {
    let mut bytes = vec![0, 6];
    for (option, value) in answers {
        bytes.extend_from_slice(option.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(value.to_string().as_bytes());
        bytes.push(0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(name: &str, mode: Mode, asked: Asked) -> Result<Packet, WireError> {
        Ok(Packet::Read(Request {
            name: name.to_owned(),
            mode,
            asked,
        }))
    }

    #[test]
    fn reads_packets_and_refuses_others() {
        let none = Asked::default();
        let all = Asked {
            block_size: Some(1468),
            timeout: Some(3),
            transfer_size: true,
            window: Some(16),
        };
        let most = Asked {
            block_size: Some(65_464),
            ..none
        };
        let cases: [(&[u8], Result<Packet, WireError>); 14] = [
            (b"\0\x01a/b\0octet\0", request("a/b", Mode::Octet, none)),
            (b"\0\x01a\0NetASCII\0", request("a", Mode::Netascii, none)),
            (b"\0\x01a\0mail\0", request("a", Mode::Unsupported, none)),
            (
                b"\0\x01a\0OCTET\0BLKSIZE\x001468\0tsize\x000\0timeout\x003\0windowsize\x0016\0x\0y\0",
                request("a", Mode::Octet, all),
            ),
            (b"\0\x01a\0octet\0blksize\x0099999\0", request("a", Mode::Octet, most)),
            (
                b"\0\x01a\0octet\0blksize\x007\0timeout\x00256\0windowsize\x000\0blksize\0x\0",
                request("a", Mode::Octet, none),
            ),
            (b"\0\x01a\0octet", Err(WireError::Text)),
            (b"\0\x01a\xff\0octet\0", Err(WireError::Text)),
            (b"\0\x01a\0octet\0blksize\0", Err(WireError::LoneOption)),
            (b"\0\x02a\0octet\0", Ok(Packet::Write)),
            (b"\0\x04\x01\x02", Ok(Packet::Acknowledge(258))),
            (b"\0\x04\x01", Err(WireError::Short)),
            (b"\0\x05\0\x08gone\0", Ok(Packet::Error)),
            (b"\0\x03\0\x01data", Err(WireError::Operation(3))),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Packet::read(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn writes_what_the_rfcs_show() {
        assert_eq!(data_header(0x0102), [0, 3, 1, 2]);
        assert_eq!(error(ErrorCode::NotFound, "no"), b"\0\x05\0\x01no\0");
        let answers = [("blksize", 1468), ("tsize", 70_000)];
        assert_eq!(
            options(&answers),
            b"\0\x06blksize\x001468\0tsize\x0070000\0"
        );
    }

    #[test]
    fn a_request_cut_anywhere_is_refused_or_shorter() {
        let whole = b"\0\x01boot/x\0octet\0blksize\x001468\0";
        let readable: Vec<_> = (0..=whole.len())
            .filter(|length| Packet::read(&whole[..*length]).is_ok())
            .collect();
        assert_eq!(readable, [15, whole.len()]);
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = Packet::read(&bytes);
            let request: Vec<u8> = [b"\0\x01", bytes.as_slice()].concat();
            let _ = Packet::read(&request);
        }
    }
}
