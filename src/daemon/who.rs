//! Who asked for something, and when: users as the kernel names them, moments as the wall clock has them.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::unistd::{Uid, User, geteuid};
use serde::{Deserialize, Serialize};

use crate::base::moment::Moment;

/// A user of this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    pub uid: u32,
    /// What the host calls that user, where it knows.
    pub name: Option<String>,
}

impl Who {
    pub(super) fn of(user: Uid) -> Self {
        let known = User::from_uid(user).ok().flatten();
        Self {
            uid: user.as_raw(),
            name: known.map(|user| user.name),
        }
    }

    /// The daemon itself, in one of its parts.
    pub(super) fn daemon(part: &str) -> Self {
        Self {
            uid: geteuid().as_raw(),
            name: Some(part.to_owned()),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} (uid {})", self.uid),
            None => write!(f, "uid {}", self.uid),
        }
    }
}

/// What the wall clock says. Only told, never waited for: it may jump.
pub fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Moment(since.map_or(0, |since| since.as_secs()))
}
