//! What the owner of the world does at this moment, for those who wait for it: it has no ear for anybody meanwhile.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::drift::TOLD;
use super::who::{Who, now};
use crate::base::moment::Moment;
use crate::base::name::HostName;
use crate::world::{Awaiting, Progress};

/// What takes long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// Makes a plan, for which BMCs are asked.
    Plan { who: Who },
    /// Runs a plan.
    Apply { plan: String, who: Who },
    /// Goes back from an apply.
    Revert,
    /// Looks at the host, and puts back what others changed.
    Mend,
}

/// What is done, and what is awaited of machines for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doing {
    pub deed: Deed,
    pub since: Moment,
    #[serde(flatten)]
    pub machines: AwaitedMachines,
}

/// Machines that something is awaited of; the first [`TOLD`] of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwaitedMachines {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub awaited: Vec<AwaitedMachine>,
    /// How many there are.
    #[serde(default, skip_serializing_if = "is_none")]
    pub awaiting: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwaitedMachine {
    pub machine: HostName,
    /// What is to come, …
    pub until: Awaiting,
    /// … and since when it is awaited.
    pub since: Moment,
}

// What serde asks for takes a reference.
fn is_none(count: &usize) -> bool {
    *count == 0
}

/// Where the owner says what it does, and others read it.
#[derive(Debug, Clone)]
pub(super) struct Doings {
    now: Arc<Mutex<Option<(Deed, Moment)>>>,
    progress: Progress,
}

/// Something that is being done, until it is dropped.
pub(super) struct UnderHand(Doings);

impl Doings {
    pub(super) fn new(progress: Progress) -> Self {
        Self {
            now: Arc::default(),
            progress,
        }
    }

    /// The owner does one thing at a time.
    pub(super) fn begin(&self, deed: Deed) -> UnderHand {
        *self.lock() = Some((deed, now()));
        UnderHand(self.clone())
    }

    pub(super) fn now(&self) -> Option<Doing> {
        let (deed, since) = self.lock().clone()?;
        Some(Doing {
            deed,
            since,
            machines: self.machines(),
        })
    }

    pub(super) fn machines(&self) -> AwaitedMachines {
        let told = self.progress.told();
        let (awaiting, now) = (told.len(), now());
        let awaited = told.into_iter().take(TOLD);
        AwaitedMachines {
            awaited: awaited
                .map(|(machine, until, long)| AwaitedMachine {
                    machine,
                    until,
                    since: Moment(now.0.saturating_sub(long.as_secs())),
                })
                .collect(),
            awaiting,
        }
    }

    // Whoever panicked with it left it whole.
    fn lock(&self) -> MutexGuard<'_, Option<(Deed, Moment)>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UnderHand {
    fn drop(&mut self) {
        *self.0.lock() = None;
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan { who } => write!(f, "plans for {who}"),
            Self::Apply { plan, who } => write!(f, "applies {plan} of {who}"),
            Self::Revert => f.write_str("goes back from an apply"),
            Self::Mend => f.write_str("looks after the host"),
        }
    }
}

impl fmt::Display for AwaitedMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            machine,
            until,
            since,
        } = self;
        write!(f, "{machine} since {since} until {until}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_is_told_until_it_is_over() {
        let doings = Doings::new(Progress::default());
        assert_eq!(doings.now(), None);
        let under_hand = doings.begin(Deed::Revert);
        assert_eq!(doings.now().map(|doing| doing.deed), Some(Deed::Revert));
        drop(under_hand);
        assert_eq!(doings.now(), None);
    }
}
