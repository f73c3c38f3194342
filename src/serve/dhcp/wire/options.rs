//! The options of a message: parts joined, overloaded fields read (RFC 3396, RFC 2132 9.3).

use std::borrow::Cow;
use std::net::Ipv4Addr;

use super::{Kind, OPTIONS_AT, WireError, code};

/// Options in the order they came; a code may come in several parts (RFC 3396).
#[derive(Debug)]
pub(in super::super) struct Options<'a> {
    parts: Vec<(u8, &'a [u8])>,
    /// Where the first part of each code is, plus 1; 0 for none. Every message is asked for some twenty codes.
    first: [u8; 256],
    /// Whether there may be more than first parts of some code.
    is_split: bool,
}

impl<'a> Options<'a> {
    fn none() -> Self {
        Self {
            parts: Vec::with_capacity(16),
            first: [0; 256],
            is_split: false,
        }
    }

    /// Reads the options field, then `file` and `sname` where option 52 says that they hold options (RFC 2132 9.3).
    pub(super) fn read(fixed: &'a [u8; OPTIONS_AT], field: &'a [u8]) -> Result<Self, WireError> {
        let mut options = Self::none();
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
                    self.push(*code, data);
                    field = after;
                }
            }
        }
    }

    fn push(&mut self, code: u8, data: &'a [u8]) {
        self.parts.push((code, data));
        match (
            self.first.get_mut(usize::from(code)),
            u8::try_from(self.parts.len()),
        ) {
            (Some(first @ 0), Ok(at)) => *first = at,
            _ => self.is_split = true,
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
        if self.is_split {
            return self.joined(code);
        }
        let at = usize::from(*self.first.get(usize::from(code))?);
        let (_, value) = self.parts.get(at.checked_sub(1)?)?;
        Some(Cow::Borrowed(value))
    }

    fn joined(&self, code: u8) -> Option<Cow<'a, [u8]>> {
        let mut parts = self.parts.iter().filter(|(own, _)| *own == code);
        let (_, first) = parts.next()?;
        let mut value = Cow::Borrowed(*first);
        for (_, part) in parts {
            value.to_mut().extend_from_slice(part);
        }
        Some(value)
    }

    pub(in super::super) fn has(&self, code: u8) -> bool {
        self.get(code).is_some()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Zeros between, 300 options of no length, and parts of one code among them.
    #[test]
    fn codes_are_found_among_many() {
        let mut field = vec![0, 12, 1, b'a', 0];
        field.extend((0..300u16).flat_map(|n| [u8::try_from(100 + n % 100).unwrap(), 0]));
        field.extend([12, 1, b'b', 61, 1, 7, 255, 60, 0]);
        for (cut, expected) in [
            (5, [Some(&b"a"[..]), None, None]),
            (205, [Some(b"a"), None, Some(b"")]),
            (field.len(), [Some(b"ab"), Some(&[7]), Some(b"")]),
        ] {
            let options = Options::read(&[0; OPTIONS_AT], &field[..cut]).unwrap();
            let found = [12, 61, 150].map(|code| options.get(code));
            let found = found.each_ref().map(|value| value.as_deref());
            assert_eq!(found, expected, "{cut}");
            assert!(!options.has(60));
        }
    }
}
