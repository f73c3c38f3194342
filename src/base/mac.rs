//! Ethernet hardware addresses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A 48-bit Ethernet address, written `52:54:00:00:00:01`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct MacAddr(pub [u8; 6]);

/// Why a text is not a hardware address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a hardware address such as 52:54:00:00:00:01")]
pub struct MacError(String);

impl MacAddr {
    /// The same, and as labels and other programs have it: without separators, or in groups of four digits with dots between them.
    ///
    /// # Errors
    /// [`MacError`].
    pub fn loosely(text: &str) -> Result<Self, MacError> {
        let groups: Vec<&str> = text.split('.').collect();
        let is_grouped = groups.len() == 3 && groups.iter().all(|group| group.len() == 4);
        let digits = match is_grouped {
            true => groups.concat(),
            false => text.to_owned(),
        };
        if digits.len() != 12 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return text.parse();
        }
        let bytes = digits.as_bytes().chunks(2).map(String::from_utf8_lossy);
        bytes.collect::<Vec<_>>().join(":").parse()
    }

    /// Whether the group bit is set: such an address names no single interface (IEEE 802-2014 8.2).
    pub fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }
}

impl FromStr for MacAddr {
    type Err = MacError;

    /// Six pairs of hexadecimal digits, separated throughout by `:` or by `-`.
    fn from_str(text: &str) -> Result<Self, MacError> {
        let fault = || MacError(text.to_owned());
        let separator = if text.contains('-') { '-' } else { ':' };
        let mut bytes = [0; 6];
        let mut parts = text.split(separator);
        for byte in &mut bytes {
            let part = parts.next().ok_or_else(fault)?;
            if part.len() != 2 || !part.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(fault());
            }
            *byte = u8::from_str_radix(part, 16).map_err(|_| fault())?;
        }
        match parts.next() {
            None => Ok(Self(bytes)),
            Some(_) => Err(fault()),
        }
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl From<MacAddr> for String {
    fn from(mac: MacAddr) -> Self {
        mac.to_string()
    }
}

impl TryFrom<String> for MacAddr {
    type Error = MacError;

    fn try_from(text: String) -> Result<Self, MacError> {
        text.parse()
    }
}

/// How a hardware address begins, written `52:54:00`: one byte to all six.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct MacPrefix(Box<[u8]>);

/// Why a text is not the beginning of a hardware address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the beginning of a hardware address, such as 52:54:00")]
pub struct MacPrefixError(String);

impl MacPrefix {
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for MacPrefix {
    type Err = MacPrefixError;

    /// Up to six pairs of hexadecimal digits, separated throughout by `:` or by `-`.
    fn from_str(text: &str) -> Result<Self, MacPrefixError> {
        let separator = if text.contains('-') { "-" } else { ":" };
        let missing = 6 - text.split(separator).count().min(6);
        // The rest of an address does not matter, but for its form.
        let whole = text.to_owned() + &format!("{separator}00").repeat(missing);
        let read: Result<MacAddr, _> = whole.parse();
        let own = 6 - missing;
        let bytes = read.ok().and_then(|mac| Some(mac.0.get(..own)?.into()));
        bytes
            .map(Self)
            .ok_or_else(|| MacPrefixError(text.to_owned()))
    }
}

impl fmt::Display for MacPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        f.write_str(&pairs.join(":"))
    }
}

impl From<MacPrefix> for String {
    fn from(prefix: MacPrefix) -> Self {
        prefix.to_string()
    }
}

impl TryFrom<String> for MacPrefix {
    type Error = MacPrefixError;

    fn try_from(text: String) -> Result<Self, MacPrefixError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_separators_and_nothing_else() {
        let good = [
            "52:54:00:00:00:01",
            "52-54-00-00-00-01",
            "52:54:00:00:00:0a",
            "52:54:00:00:00:0A",
        ];
        for text in good {
            assert!(text.parse::<MacAddr>().is_ok(), "{text}");
        }
        let bad = [
            "",
            "52:54:00:00:00",
            "52:54:00:00:00:01:02",
            "52:54-00:00:00:01",
            "5:54:00:00:00:01",
            "+2:54:00:00:00:01",
        ];
        for text in bad {
            assert!(text.parse::<MacAddr>().is_err(), "{text}");
        }
    }

    #[test]
    fn labels_have_them_otherwise() {
        for (text, is_one) in [
            ("52:54:00:00:00:0a", true),
            ("52-54-00-00-00-0A", true),
            ("52540000000A", true),
            ("5254.0000.000a", true),
            ("52540000000", false),
            ("52540000000a1", false),
            ("52540000000g", false),
            ("5254.0000.000", false),
            ("525.40000.000a", false),
            ("5254.00.00.000a", false),
            ("12 characters", false),
            ("\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}", false),
        ] {
            let read = MacAddr::loosely(text).ok();
            let expected = is_one.then_some(MacAddr([0x52, 0x54, 0, 0, 0, 0x0a]));
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn prefixes_are_whole_bytes() {
        for (text, expected) in [
            ("52", "52"),
            ("52:54:00", "52:54:00"),
            ("52-54-0A", "52:54:0a"),
            ("52:54:00:00:00:01", "52:54:00:00:00:01"),
        ] {
            let read: MacPrefix = text.parse().unwrap();
            assert_eq!(read.to_string(), expected);
        }
        for text in [
            "",
            "5",
            "525",
            "52:",
            "52:5",
            "5254",
            "52:54-00",
            "52:54:00:00:00:01:02",
            "x",
        ] {
            assert!(text.parse::<MacPrefix>().is_err(), "{text}");
        }
    }
}
