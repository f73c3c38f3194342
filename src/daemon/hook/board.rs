//! How hooks and webhooks do, for those who ask.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::super::who::now;
use crate::base::moment::Moment;
use crate::base::name::Name;

/// How a hook or a webhook did since the daemon's start, or since it is in the site.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookTally {
    /// Events that its program or its receiver took.
    pub delivered: u64,
    /// Events on which it failed, or took too long; of a webhook, those that it gave up.
    pub failed: u64,
    /// Events that found no room.
    pub dropped: u64,
    /// Events that wait, with the one that it is run on.
    pub waiting: u64,
    /// Tries that failed and were followed by another.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retried: u64,
    /// How it failed last, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<Moment>,
}

impl HookTally {
    pub(in crate::daemon) fn ended(&mut self, ended: Result<(), impl Display>) {
        self.waiting = self.waiting.saturating_sub(1);
        match ended {
            Ok(()) => self.delivered += 1,
            Err(failure) => {
                self.failed += 1;
                self.erred(&failure);
            }
        }
    }

    /// Notes a try that another one will follow.
    pub(in crate::daemon) fn tries_again(&mut self, failure: &impl Display) {
        self.retried += 1;
        self.erred(failure);
    }

    fn erred(&mut self, failure: &impl Display) {
        self.last_error = Some(failure.to_string());
        self.failed_at = Some(now());
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// How all who hear of events do.
#[derive(Debug, Clone, Default)]
pub(in crate::daemon) struct Boards {
    pub(in crate::daemon) hooks: Board,
    pub(in crate::daemon) webhooks: Board,
}

/// The tallies of all hooks, or of all webhooks: written by their tasks, read by whoever asks for the status; held for a moment at a time.
#[derive(Debug, Clone, Default)]
pub(in crate::daemon) struct Board(Arc<Mutex<BTreeMap<Name, HookTally>>>);

impl Board {
    pub(in crate::daemon) fn told(&self) -> BTreeMap<Name, HookTally> {
        self.lock().clone()
    }

    /// Forgets all but these.
    pub(super) fn keep<'a>(&self, names: impl Iterator<Item = &'a Name>) {
        let mut tallies = self.lock();
        let kept = names.map(|name| (name.clone(), tallies.remove(name).unwrap_or_default()));
        let kept = kept.collect();
        *tallies = kept;
    }

    /// Notes something of a hook, unless it is forgotten.
    pub(in crate::daemon) fn note(&self, name: &Name, note: impl FnOnce(&mut HookTally)) {
        if let Some(tally) = self.lock().get_mut(name) {
            note(tally);
        }
    }

    #[cfg(test)]
    pub(in crate::daemon) fn of(&self, name: &Name) -> HookTally {
        self.lock()[name].clone()
    }

    /// Whoever panicked with it left whole numbers.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Name, HookTally>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
