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
}
