//! The options of a message: parts joined, overloaded fields read (RFC 3396, RFC 2132 9.3).

use std::borrow::Cow;
use std::net::Ipv4Addr;

use super::{Kind, OPTIONS_AT, WireError, code};

/// Options in the order they came; a code may come in several parts (RFC 3396).
#[derive(Debug, Default)]
pub(in super::super) struct Options<'a>(Vec<(u8, &'a [u8])>);

impl<'a> Options<'a> {
    /// Reads the options field, then `file` and `sname` where option 52 says that they hold options (RFC 2132 9.3).
    pub(super) fn read(fixed: &'a [u8; OPTIONS_AT], field: &'a [u8]) -> Result<Self, WireError> {
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

    /// What message it is; one without a type is BOOTP's (RFC 1534 2).
    pub(super) fn kind(&self) -> Option<Kind> {
        let Some(kind) = self.get(code::MESSAGE_TYPE) else {
            return Some(Kind::Bootp);
        };
        match *kind {
            [1] => Some(Kind::Discover),
            [3] => Some(Kind::Request),
            [4] => Some(Kind::Decline),
            [7] => Some(Kind::Release),
            [8] => Some(Kind::Inform),
            _ => None,
        }
    }

    /// The value of an option, its parts joined.
    pub(in super::super) fn get(&self, code: u8) -> Option<Cow<'a, [u8]>> {
        let mut parts = self.0.iter().filter(|(own, _)| *own == code);
        let (_, first) = parts.next()?;
        let mut value = Cow::Borrowed(*first);
        for (_, part) in parts {
            value.to_mut().extend_from_slice(part);
        }
        Some(value)
    }

    pub(in super::super) fn has(&self, code: u8) -> bool {
        self.0.iter().any(|(own, _)| *own == code)
    }

    pub(in super::super) fn address(&self, code: u8) -> Option<Ipv4Addr> {
        let bytes: [u8; 4] = self.get(code)?.as_ref().try_into().ok()?;
        Some(bytes.into())
    }

    pub(in super::super) fn u32(&self, code: u8) -> Option<u32> {
        Some(u32::from_be_bytes(
            self.get(code)?.as_ref().try_into().ok()?,
        ))
    }

    pub(in super::super) fn u16(&self, code: u8) -> Option<u16> {
        Some(u16::from_be_bytes(
            self.get(code)?.as_ref().try_into().ok()?,
        ))
    }
}
