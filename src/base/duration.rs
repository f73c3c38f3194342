//! Durations as the language writes them: `90s`, `10m`, `1h30m`, `7d`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Whole seconds, written with units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Seconds(pub u32);

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration such as 90s, 10m, 1h30m or 7d")]
pub struct DurationError(String);

const UNITS: [(char, u32); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

impl FromStr for Seconds {
    type Err = DurationError;

    /// Numbers with units, largest unit first, each unit at most once.
    fn from_str(text: &str) -> Result<Self, DurationError> {
        let fault = || DurationError(text.to_owned());
        let mut rest = text;
        let mut total: u32 = 0;
        for (unit, size) in UNITS {
            let Some((number, after)) = rest.split_once(unit) else {
                continue;
            };
            if !number.bytes().all(|b| b.is_ascii_digit()) {
                return Err(fault());
            }
            let number: u32 = number.parse().map_err(|_| fault())?;
            total = number
                .checked_mul(size)
                .and_then(|part| total.checked_add(part))
                .ok_or_else(fault)?;
            rest = after;
        }
        if rest.is_empty() && !text.is_empty() {
            Ok(Self(total))
        } else {
            Err(fault())
        }
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (unit, size) in UNITS {
            if rest >= size {
                write!(f, "{}{unit}", rest / size)?;
                rest %= size;
            }
        }
        Ok(())
    }
}

/// Whole milliseconds, written `100ms` or `2s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Milliseconds(pub u32);

/// Why a text is not a short duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration such as 100ms or 2s")]
pub struct MillisecondsError(String);

impl FromStr for Milliseconds {
    type Err = MillisecondsError;

    fn from_str(text: &str) -> Result<Self, MillisecondsError> {
        let parts = [("ms", 1), ("s", 1000)];
        let found = parts.into_iter().find_map(|(unit, size)| {
            let number = text.strip_suffix(unit)?;
            let is_plain = number.bytes().all(|byte| byte.is_ascii_digit());
            let number: u32 = number.parse().ok().filter(|_| is_plain)?;
            number
                .checked_mul(size)
                .filter(|all| i32::try_from(*all).is_ok())
        });
        found
            .map(Self)
            .ok_or_else(|| MillisecondsError(text.to_owned()))
    }
}

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

impl From<Seconds> for String {
    fn from(seconds: Seconds) -> Self {
        seconds.to_string()
    }
}

impl TryFrom<String> for Seconds {
    type Error = DurationError;

    fn try_from(text: String) -> Result<Self, DurationError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        for (text, seconds, written) in [
            ("10m", 600, "10m"),
            ("1h30m", 5400, "1h30m"),
            ("90s", 90, "1m30s"),
            ("7d", 604_800, "7d"),
            ("0s", 0, "0s"),
        ] {
            let parsed: Seconds = text.parse().unwrap();
            assert_eq!(
                (parsed.0, parsed.to_string().as_str()),
                (seconds, written),
                "{text}"
            );
        }
        for text in ["", "10", "m", "-1s", "1m1h", "99999999d", "1.5h", "1m1m"] {
            assert!(text.parse::<Seconds>().is_err(), "{text}");
        }
    }
}
