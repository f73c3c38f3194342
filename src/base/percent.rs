//! Shares as the language writes them: `80%`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A whole share of something, from 1% to 100%.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Percent(u8);

/// Why a text is not a [`Percent`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a share from 1% to 100%, such as 80%")]
pub struct PercentError(String);

impl Percent {
    /// What is told of how full a subnet's dynamic ranges are, where it says nothing of that.
    pub const THRESHOLDS: [Self; 2] = [Self(80), Self(95)];

    pub fn number(self) -> u8 {
        self.0
    }
}

impl FromStr for Percent {
    type Err = PercentError;

    fn from_str(text: &str) -> Result<Self, PercentError> {
        let number = text.strip_suffix('%').and_then(|number| {
            let is_plain =
                number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
            number.parse().ok().filter(|_| is_plain)
        });
        let share = number.filter(|number| (1..=100).contains(number));
        share.map(Self).ok_or_else(|| PercentError(text.to_owned()))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

impl From<Percent> for String {
    fn from(percent: Percent) -> Self {
        percent.to_string()
    }
}

impl TryFrom<String> for Percent {
    type Error = PercentError;

    fn try_from(text: String) -> Result<Self, PercentError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_shares_are_read() {
        for text in ["1%", "80%", "100%"] {
            assert_eq!(text.parse::<Percent>().unwrap().to_string(), text);
        }
        for text in [
            "", "%", "80", "0%", "080%", "101%", "-1%", "+1%", "8.5%", "80 %", "300%",
        ] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
    }
}
