//! What hooks are run on, and the programs that they are.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What happens to leases and BMCs, by the words of `bedplate events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HookEvent {
    Commit,
    Renew,
    Expiry,
    Release,
    Decline,
    Conflict,
    Replace,
    Waiting,
    Exhaustion,
    Threshold,
    Store,
    Bmc,
}

/// The words for [`HookEvent`].
pub const HOOK_EVENTS: &[&str] = &[
    "commit",
    "renew",
    "expiry",
    "release",
    "decline",
    "conflict",
    "replace",
    "waiting",
    "exhaustion",
    "threshold",
    "store",
    "bmc",
];

/// Why a text is no [`HookEvent`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no event")]
pub struct HookEventError(String);

/// The absolute path of a program.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ProgramPath(String);

/// Why a text is no [`ProgramPath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no absolute path of a program, such as /usr/local/bin/inventory")]
pub struct ProgramPathError(String);

impl HookEvent {
    pub const ALL: [Self; 12] = [
        Self::Commit,
        Self::Renew,
        Self::Expiry,
        Self::Release,
        Self::Decline,
        Self::Conflict,
        Self::Replace,
        Self::Waiting,
        Self::Exhaustion,
        Self::Threshold,
        Self::Store,
        Self::Bmc,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Renew => "renew",
            Self::Expiry => "expiry",
            Self::Release => "release",
            Self::Decline => "decline",
            Self::Conflict => "conflict",
            Self::Replace => "replace",
            Self::Waiting => "waiting",
            Self::Exhaustion => "exhaustion",
            Self::Threshold => "threshold",
            Self::Store => "store",
            Self::Bmc => "bmc",
        }
    }
}

impl FromStr for HookEvent {
    type Err = HookEventError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|event| event.as_str() == text);
        known.ok_or_else(|| HookEventError(text.to_owned()))
    }
}

impl fmt::Display for HookEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ProgramPath {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProgramPath {
    type Err = ProgramPathError;

    /// No shell looks at it, so that nothing in it means anything but itself.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_absolute = text.starts_with('/') && !text.ends_with('/') && !text.contains('\0');
        let path = is_absolute.then(|| Self(text.to_owned()));
        path.ok_or_else(|| ProgramPathError(text.to_owned()))
    }
}

impl TryFrom<String> for ProgramPath {
    type Error = ProgramPathError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ProgramPath> for String {
    fn from(path: ProgramPath) -> Self {
        path.0
    }
}

impl fmt::Display for ProgramPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_its_word() {
        let words: Vec<_> = HookEvent::ALL.iter().map(|event| event.as_str()).collect();
        assert_eq!(words, HOOK_EVENTS);
        for word in HOOK_EVENTS {
            assert_eq!(word.parse::<HookEvent>().unwrap().as_str(), *word);
            let text = serde_json::to_string(&word.parse::<HookEvent>().unwrap()).unwrap();
            assert_eq!(text, format!("\"{word}\""));
        }
    }

    #[test]
    fn a_program_is_named_by_its_absolute_path() {
        for (text, is_path) in [
            ("/bin/true", true),
            ("/a b/$HOME", true),
            ("bin/true", false),
            ("./true", false),
            ("/", false),
            ("/bin/", false),
            ("/bin/\0", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<ProgramPath>().is_ok(), is_path, "{text:?}");
        }
    }
}
