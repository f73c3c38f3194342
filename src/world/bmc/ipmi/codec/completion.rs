//! Why a BMC did not do what it was told, in words (IPMI 2.0, section 5.2).

use std::fmt;

/// A completion code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completion(pub u8);

impl Completion {
    pub(crate) const DONE: Self = Self(0x00);
    pub(crate) const BUSY: Self = Self(0xc0);
    pub(crate) const INVALID_COMMAND: Self = Self(0xc1);
    pub(crate) const RESERVATION_LOST: Self = Self(0xc5);
    pub(crate) const NOT_PRESENT: Self = Self(0xcb);

    /// Whether the request should have had another length.
    pub(crate) fn is_of_length(self) -> bool {
        matches!(self.0, 0xc6..=0xc8)
    }

    /// Whether the BMC does not know the command, or not with these data.
    pub(crate) fn is_unknown_to_it(self) -> bool {
        matches!(self.0, 0xc1 | 0xc2 | 0xc7 | 0xc9 | 0xcc)
    }
}

impl fmt::Display for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.0 {
            0x00 => "done",
            0xc0 => "it is busy",
            0xc1 => "it does not know the command",
            0xc2 => "it does not know the command for this logical unit",
            0xc3 => "it ran out of time",
            0xc4 => "it is out of space",
            0xc5 => "the reservation is cancelled or not valid",
            0xc6 => "the request was cut short",
            0xc7 => "the request has the wrong length",
            0xc8 => "the request is too long",
            0xc9 => "a parameter is out of range",
            0xca => "it cannot return as many bytes as were asked for",
            0xcb => "there is no such sensor, record or part",
            0xcc => "a field of the request is not valid",
            0xcd => "the command makes no sense for this sensor or record",
            0xce => "it could not answer",
            0xcf => "it took the request for a repetition",
            0xd0 => "its sensor records are being updated",
            0xd1 => "its firmware is being updated",
            0xd2 => "it is still starting",
            0xd3 => "the destination is not there",
            0xd4 => "the session's privilege does not suffice, or its firewall forbids it",
            0xd5 => "it cannot do that in its present state",
            0xd6 => "the command is disabled",
            0xff => "it gave no reason",
            0x80..=0xbe => "a reason of this command's own",
            _ => "a reason of its vendor's own",
        };
        write!(f, "{words} (0x{:02x})", self.0)
    }
}
