//! What is awaited of machines at this moment, for those who ask while it takes minutes. Decides nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::course::SOFT;
use crate::base::bmc::PowerAction;
use crate::base::name::HostName;

/// What is awaited of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Awaiting {
    /// That its BMC tells how it is.
    Answer,
    /// That it is as it was told to be.
    Power(PowerAction),
    /// That it comes to rest, on a way that somebody else sent it.
    Rest,
    /// That its BMC reports the boot order that it agreed to.
    BootOrder,
}

/// Machines that something is awaited of, and since when.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Mutex<BTreeMap<HostName, (Awaiting, Instant)>>>);

/// A machine that something is awaited of, until it is dropped.
pub(super) struct Awaited<'a> {
    progress: &'a Progress,
    machine: &'a HostName,
}

impl Progress {
    /// The machines of which something is awaited, by their names, and for how long.
    pub fn told(&self) -> Vec<(HostName, Awaiting, Duration)> {
        let awaited = self.lock();
        let awaited = awaited.iter();
        awaited
            .map(|(machine, (what, since))| (machine.clone(), *what, since.elapsed()))
            .collect()
    }

    pub(super) fn begin<'a>(&'a self, machine: &'a HostName) -> Awaited<'a> {
        let awaited = Awaited {
            progress: self,
            machine,
        };
        awaited.is(Awaiting::Answer);
        awaited
    }

    // Whoever panicked with it left it whole.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<HostName, (Awaiting, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Awaited<'a> {
    pub(super) fn machine(&self) -> &'a HostName {
        self.machine
    }

    /// What is awaited from now on; of the same thing it is known for how long already.
    pub(super) fn is(&self, what: Awaiting) {
        let mut awaited = self.progress.lock();
        let known = awaited.get(self.machine);
        if known.is_none_or(|(known, _)| *known != what) {
            awaited.insert(self.machine.clone(), (what, Instant::now()));
        }
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        self.progress.lock().remove(self.machine);
    }
}

impl fmt::Display for Awaiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer => f.write_str("its BMC tells how it is"),
            Self::Power(PowerAction::SoftOff) => write!(
                f,
                "its system stops, as it was asked to; after {} minutes its power is taken away",
                SOFT.as_secs() / 60
            ),
            Self::Power(PowerAction::Off) => f.write_str("it is off, as it was told to be"),
            Self::Power(PowerAction::On | PowerAction::Cycle | PowerAction::Reset) => {
                f.write_str("it is on, as it was told to be")
            }
            Self::Rest => f.write_str("it is on or off: somebody else switched it"),
            Self::BootOrder => f.write_str("its BMC reports the boot order that it agreed to"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_awaited_is_told_and_since_when_until_it_is_over() {
        let progress = Progress::default();
        let machine: HostName = "node-01".parse().unwrap();
        let since = |progress: &Progress| progress.lock()[&machine].1;
        let awaited = progress.begin(&machine);
        let first = since(&progress);
        let asked = Awaiting::Power(PowerAction::SoftOff);
        for (what, is_the_same) in [
            (Awaiting::Answer, true),
            (asked, false),
            (asked, true),
            (Awaiting::Answer, false),
        ] {
            let before = since(&progress);
            awaited.is(what);
            let told = progress.told();
            assert_eq!((told.len(), told[0].1), (1, what));
            assert_eq!(since(&progress) == before, is_the_same, "{what:?}");
        }
        assert!(since(&progress) > first);
        drop(awaited);
        assert_eq!(progress.told(), []);
    }
}
