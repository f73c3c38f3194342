//! How a machine comes to run or to rest: what to do next, by what its BMC reports. Knows neither BMC nor clock.

use std::time::Duration;

use crate::base::bmc::{PowerAction, PowerState};

/// How long an operating system may take to stop before its power is taken away.
pub(super) const SOFT: Duration = Duration::from_secs(120);

/// How long a machine may take to be on or off, once that is asked for.
const HARD: Duration = Duration::from_secs(60);

/// How long a machine that is on its way somewhere is left to it.
const MOVING: Duration = Duration::from_secs(60);

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Move {
    Ask(PowerAction),
    /// Look again in a moment.
    Wait,
    Done,
    GiveUp,
}

/// The way of one machine to where it should be.
#[derive(Debug)]
pub(super) struct Course {
    wanted: PowerState,
    /// What was asked for last, and when.
    asked: Option<(PowerAction, Duration)>,
    /// Whether its system was asked to stop: a second time some take for an end by force.
    has_pressed: bool,
}

impl Course {
    pub(super) fn new(wanted: PowerState) -> Self {
        Self {
            wanted,
            asked: None,
            has_pressed: false,
        }
    }

    /// What to do where the BMC reports `seen`, so long after the beginning.
    pub(super) fn next(&mut self, at: Duration, seen: PowerState) -> Move {
        if seen == self.wanted {
            return Move::Done;
        }
        let is_moving = match seen {
            PowerState::TurningOn | PowerState::TurningOff => true,
            PowerState::On | PowerState::Off | PowerState::Paused | PowerState::Unknown => false,
        };
        let Some((action, since)) = self.asked else {
            return match is_moving && at < MOVING {
                true => Move::Wait,
                false => self.ask(at),
            };
        };
        let patience = match action {
            PowerAction::SoftOff => SOFT,
            PowerAction::On | PowerAction::Off | PowerAction::Cycle | PowerAction::Reset
                if is_moving =>
            {
                HARD + MOVING
            }
            PowerAction::On | PowerAction::Off | PowerAction::Cycle | PowerAction::Reset => HARD,
        };
        if at.saturating_sub(since) < patience {
            return Move::Wait;
        }
        match action {
            PowerAction::SoftOff => self.ask(at),
            PowerAction::On | PowerAction::Off | PowerAction::Cycle | PowerAction::Reset => {
                Move::GiveUp
            }
        }
    }

    /// What to do where the BMC would not: nothing where that was the last there is.
    pub(super) fn refused(&mut self, at: Duration) -> Option<Move> {
        match self.asked {
            Some((PowerAction::SoftOff, _)) => Some(self.ask(at)),
            Some(_) | None => None,
        }
    }

    /// Nobody knows whether the BMC heard what was asked for. Told twice, on and off are what they were told once.
    pub(super) fn unsure(&mut self) {
        if !matches!(self.asked, Some((PowerAction::SoftOff, _))) {
            self.asked = None;
        }
    }

    /// What was asked for last.
    pub(super) fn asked(&self) -> Option<PowerAction> {
        self.asked.map(|(action, _)| action)
    }

    fn ask(&mut self, at: Duration) -> Move {
        let action = match self.wanted {
            PowerState::Off if self.has_pressed => PowerAction::Off,
            PowerState::Off => PowerAction::SoftOff,
            PowerState::On
            | PowerState::TurningOn
            | PowerState::TurningOff
            | PowerState::Paused
            | PowerState::Unknown => PowerAction::On,
        };
        self.has_pressed |= action == PowerAction::SoftOff;
        self.asked = Some((action, at));
        Move::Ask(action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Move::{Ask, Done, GiveUp, Wait};
    use PowerState::{Off, On, Paused, TurningOff, TurningOn, Unknown};

    /// What a BMC reports and when, and what is to be done.
    fn check(wanted: PowerState, reports: &[(u64, PowerState, Move)]) {
        let mut course = Course::new(wanted);
        for (at, seen, expected) in reports {
            let next = course.next(Duration::from_secs(*at), *seen);
            assert_eq!(next, *expected, "{wanted} at {at} s: {seen}");
        }
    }

    #[test]
    fn reports_lead_to_where_a_machine_should_be() {
        let (on, off, soft) = (PowerAction::On, PowerAction::Off, PowerAction::SoftOff);
        check(On, &[(0, On, Done)]);
        check(Off, &[(0, Off, Done)]);
        check(On, &[(0, Off, Ask(on)), (1, Off, Wait), (2, On, Done)]);
        // One that promises and does nothing.
        check(On, &[(0, Off, Ask(on)), (59, Off, Wait), (60, Off, GiveUp)]);
        // A minute on its way is no failure.
        check(
            On,
            &[
                (0, Off, Ask(on)),
                (1, TurningOn, Wait),
                (61, TurningOn, Wait),
                (62, On, Done),
            ],
        );
        check(On, &[(0, Off, Ask(on)), (120, TurningOn, GiveUp)]);
        // On its way already, by somebody else's hand: the right way, the wrong way, and neither for too long.
        check(On, &[(0, TurningOn, Wait), (59, On, Done)]);
        check(
            On,
            &[(0, TurningOff, Wait), (9, Off, Ask(on)), (10, On, Done)],
        );
        check(On, &[(0, TurningOff, Wait), (60, TurningOff, Ask(on))]);
        check(
            On,
            &[(0, Unknown, Ask(on)), (1, Paused, Wait), (2, On, Done)],
        );
        // First gently, then not.
        check(
            Off,
            &[
                (0, On, Ask(soft)),
                (1, On, Wait),
                (2, TurningOff, Wait),
                (3, Off, Done),
            ],
        );
        check(
            Off,
            &[
                (0, On, Ask(soft)),
                (119, On, Wait),
                (120, On, Ask(off)),
                (121, On, Wait),
                (122, Off, Done),
            ],
        );
        check(
            Off,
            &[(0, On, Ask(soft)), (120, On, Ask(off)), (180, On, GiveUp)],
        );
    }

    #[test]
    fn who_will_not_stop_is_stopped_and_nobody_is_pressed_twice() {
        let at = Duration::from_secs;
        let mut course = Course::new(Off);
        assert_eq!(course.next(at(0), On), Ask(PowerAction::SoftOff));
        course.unsure();
        assert_eq!(course.next(at(9), On), Wait);
        assert_eq!(course.refused(at(9)), Some(Ask(PowerAction::Off)));
        assert_eq!(course.refused(at(9)), None);
        course.unsure();
        assert_eq!(course.next(at(10), On), Ask(PowerAction::Off));
        let mut course = Course::new(On);
        assert_eq!(course.next(at(0), Off), Ask(PowerAction::On));
        course.unsure();
        assert_eq!(course.next(at(5), Off), Ask(PowerAction::On));
        assert_eq!(course.refused(at(5)), None);
    }
}
