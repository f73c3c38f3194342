//! What becomes of BMCs while they are watched.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::name::HostName;

/// In which way a BMC is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BmcCondition {
    /// It does not answer, or has no time or no room.
    Unreachable,
    /// It is there, and nothing listens at its port.
    Closed,
    /// This controller has no route to it.
    NoRoute,
    /// It does not let us in. The same credentials are not tried again by themselves.
    Refused,
    /// It is not known to be who it should be: its certificate, or its ciphers.
    Untrusted,
    /// It answers, and what it says cannot be used, or is a refusal.
    Failing,
    /// What it lets us in by cannot be read on this controller.
    NoSecret,
    /// A person is asked to switch its machine, and has not said that it is done.
    Asking,
    /// Its machine is between on and off, or in no state that it names.
    Unsettled,
}

/// A change of how a BMC does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BmcNews {
    pub machine: HostName,
    /// Where it is, in words; nothing of a person.
    pub address: Option<String>,
    /// None where it is fine again, or is no longer watched.
    pub condition: Option<BmcCondition>,
    /// How it was before, where that was not fine.
    pub was: Option<BmcCondition>,
    /// Not where the site has it no more, there: nobody knows then whether it is fine.
    pub is_watched: bool,
    /// Why it is so; what was, where it is fine again.
    pub why: String,
}

impl BmcCondition {
    /// That something is so no longer: all is fine, or nobody watches it any more.
    pub fn ended(was: Option<Self>, is_watched: bool) -> &'static str {
        match is_watched {
            true => was.map_or("is fine again", Self::over),
            false => "is no longer watched",
        }
    }

    fn over(self) -> &'static str {
        match self {
            Self::Unreachable | Self::Closed | Self::NoRoute => "answers again",
            Self::Refused => "lets us in again",
            Self::Untrusted => "is trusted again",
            Self::Failing => "fails no longer",
            Self::NoSecret => "can be asked again",
            Self::Asking => "waits for nobody any more",
            Self::Unsettled => "is between states no longer",
        }
    }
}

impl fmt::Display for BmcCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "does not answer",
            Self::Closed => "has its port closed",
            Self::NoRoute => "is out of reach",
            Self::Refused => "does not let us in",
            Self::Untrusted => "is not trusted",
            Self::Failing => "fails",
            Self::NoSecret => "cannot be asked",
            Self::Asking => "waits for a person",
            Self::Unsettled => "is between states",
        })
    }
}
