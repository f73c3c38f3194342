//! Whether a machine that was told to restart did so, by what its BMC shows from look to look. Pure.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::bmc::{PowerAction, PowerState};

/// For how long a machine that is on may still be about to go off.
const GRACE: Duration = Duration::from_secs(10);

/// How it is known that a machine restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// It was seen to be off, or on its way.
    SeenOff,
    /// The BMC tells of a restart that it did not tell of before.
    Told,
    /// The BMC said that it does it. Nothing shows that it did.
    Unseen,
}

/// What was seen since it was told.
#[derive(Debug)]
pub(super) struct Watch {
    /// What the BMC told of the last restart before; none where it tells nothing.
    before: Option<String>,
    grace: Duration,
    was_off: bool,
}

impl Watch {
    pub(super) fn new(action: PowerAction, before: Option<String>) -> Self {
        let grace = match (action, &before) {
            // Power stays on through a reset: where the BMC tells of none, there is nothing to wait for.
            (PowerAction::Reset, None) => Duration::ZERO,
            (PowerAction::Reset, Some(_))
            | (PowerAction::Cycle | PowerAction::On | PowerAction::Off | PowerAction::SoftOff, _) => {
                GRACE
            }
        };
        Self {
            before,
            grace,
            was_off: false,
        }
    }

    /// Takes a look, so long after the BMC agreed; how it is known that the restart is over, as soon as it is.
    pub(super) fn sees(
        &mut self,
        power: PowerState,
        mark: Option<&str>,
        after: Duration,
    ) -> Option<Restart> {
        match power {
            PowerState::Off | PowerState::TurningOff | PowerState::TurningOn => {
                self.was_off = true;
                None
            }
            PowerState::Paused | PowerState::Unknown => None,
            PowerState::On if self.was_off => Some(Restart::SeenOff),
            PowerState::On => match (self.before.as_deref(), mark) {
                (Some(before), Some(now)) if before != now => Some(Restart::Told),
                _ => (after >= self.grace).then_some(Restart::Unseen),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_is_known_by_what_was_seen() {
        use PowerAction::{Cycle, Reset};
        use PowerState::{Off, On, TurningOn, Unknown};
        // What the BMC told before, then each look: after seconds, the power, and what it tells.
        type Look = (u64, PowerState, Option<&'static str>);
        type Case = (
            PowerAction,
            Option<&'static str>,
            &'static [Look],
            Option<Restart>,
        );
        let cases: &[Case] = &[
            (Cycle, None, &[(0, On, None)], None),
            (Cycle, None, &[(0, On, None), (1, Off, None)], None),
            (
                Cycle,
                None,
                &[(0, On, None), (1, Off, None), (2, On, None)],
                Some(Restart::SeenOff),
            ),
            (
                Cycle,
                None,
                &[(0, TurningOn, None), (1, On, None)],
                Some(Restart::SeenOff),
            ),
            (Cycle, None, &[(0, Unknown, None), (9, On, None)], None),
            (
                Cycle,
                None,
                &[(9, On, None), (10, On, None)],
                Some(Restart::Unseen),
            ),
            (Cycle, Some("1"), &[(1, On, Some("2"))], Some(Restart::Told)),
            (Cycle, Some("1"), &[(1, On, Some("1"))], None),
            (Cycle, Some("1"), &[(1, Off, Some("2"))], None),
            (Cycle, None, &[(1, On, Some("2"))], None),
            (Reset, None, &[(0, On, None)], Some(Restart::Unseen)),
            (Reset, Some("1"), &[(0, On, Some("1"))], None),
            (Reset, Some("1"), &[(1, On, None)], None),
            (Reset, Some("1"), &[(3, On, Some("2"))], Some(Restart::Told)),
            (
                Reset,
                Some("1"),
                &[(10, On, Some("1"))],
                Some(Restart::Unseen),
            ),
        ];
        for (action, before, looks, expected) in cases {
            let mut watch = Watch::new(*action, before.map(str::to_owned));
            let seen = looks
                .iter()
                .map(|(after, power, mark)| watch.sees(*power, *mark, Duration::from_secs(*after)));
            let seen: Vec<Option<Restart>> = seen.collect();
            let (last, earlier) = seen.split_last().unwrap();
            assert_eq!(last, expected, "{action} {before:?} {looks:?}");
            assert!(earlier.iter().all(Option::is_none), "{looks:?}");
        }
    }
}
