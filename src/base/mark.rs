//! Which event: its number, and the run of the daemon that it is of.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One run of the daemon, from its start to its end, by a number that no other has: 16 digits in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RunId(pub u64);

/// An event. Numbers begin anew with each run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventMark {
    pub run: RunId,
    pub number: u64,
}

/// The last event that a reader knows: `RUN:N`, or `N` alone, which tells less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct LastKnown {
    pub run: Option<RunId>,
    pub number: u64,
}

/// Why a text is no [`RunId`] or [`LastKnown`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no event such as 3f09c1d2a4b58e67:41, a run of the daemon and a number")]
pub struct EventMarkError(String);

impl FromStr for RunId {
    type Err = EventMarkError;

    fn from_str(text: &str) -> Result<Self, EventMarkError> {
        let is_plain = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok().filter(|_| is_plain);
        number
            .map(Self)
            .ok_or_else(|| EventMarkError(text.to_owned()))
    }
}

impl FromStr for LastKnown {
    type Err = EventMarkError;

    fn from_str(text: &str) -> Result<Self, EventMarkError> {
        let fault = || EventMarkError(text.to_owned());
        let (run, number) = match text.split_once(':') {
            Some((run, number)) => (Some(run.parse().map_err(|_| fault())?), number),
            None => (None, text),
        };
        let is_plain = number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse().ok().filter(|_| is_plain);
        let number = number.ok_or_else(fault)?;
        Ok(Self { run, number })
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for LastKnown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.run {
            Some(run) => write!(f, "{run}:{}", self.number),
            None => write!(f, "{}", self.number),
        }
    }
}

impl From<RunId> for String {
    fn from(run: RunId) -> Self {
        run.to_string()
    }
}

impl TryFrom<String> for RunId {
    type Error = EventMarkError;

    fn try_from(text: String) -> Result<Self, EventMarkError> {
        text.parse()
    }
}

impl From<LastKnown> for String {
    fn from(known: LastKnown) -> Self {
        known.to_string()
    }
}

impl TryFrom<String> for LastKnown {
    type Error = EventMarkError;

    fn try_from(text: String) -> Result<Self, EventMarkError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_named_by_its_run_and_its_number() {
        for text in ["0", "8191", "00000000000000ff:0", "f00000000000000f:12"] {
            let known: LastKnown = text.parse().unwrap();
            assert_eq!(known.to_string(), text);
            assert_eq!(known.run.is_some(), text.contains(':'), "{text}");
        }
        for text in [
            "",
            ":",
            ":1",
            "+1",
            "-1",
            "1:",
            "ff:1",
            "00000000000000ff",
            "00000000000000ff:",
            "00000000000000ff:x",
            "+0000000000000ff:1",
            "00000000000000ff:1:2",
            "18446744073709551616",
        ] {
            assert!(text.parse::<LastKnown>().is_err(), "{text}");
        }
    }
}
