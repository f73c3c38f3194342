//! The clock of leases: seconds since 1970 that pass steadily, whatever happens to the wall clock.
//!
//! The wall clock is read once, at the start. Should it be set while the server runs, no lease ends early or late by that, and what is
//! listed is told in the wall clock's new terms. What is stored stays in the old ones, and how far they are from the wall clock's is
//! stored beside it: the next start goes on in them, so that no lease is over early and no address given twice. Of a clock that is set
//! while no server runs nothing is known. A host that was suspended counts that time for nothing, so that leases last longer.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::serve::dhcp::lease::Lease;
use crate::store::Write;

/// What the distance from the wall clock is stored under, as eight bytes: seconds that leases' time is ahead of it.
pub(super) const KEY: &[u8] = b"dhcp/clock";

/// A distance that differs by less is the same: both clocks are read one after the other.
const SAME_SECONDS: u64 = 2;

#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// The wall clock when `began` was now.
    anchor: Duration,
    began: Instant,
    /// The distance that is stored, as far as is known.
    stored: Option<i64>,
}

impl Clock {
    /// Goes on where the last run was, by what it stored.
    pub(super) fn start(stored: Option<&[u8]>) -> Self {
        let stored = stored.and_then(|bytes| bytes.try_into().ok());
        let ahead = stored.map_or(0, i64::from_be_bytes);
        let distance = Duration::from_secs(ahead.unsigned_abs());
        let anchor = match ahead {
            0.. => wall().saturating_add(distance),
            _ => wall().saturating_sub(distance),
        };
        Self {
            anchor,
            began: Instant::now(),
            stored: Some(ahead),
        }
    }

    /// Seconds that leases' time is ahead of the wall clock.
    fn ahead(&self) -> i64 {
        let (steady, wall) = (self.steady(), wall());
        let seconds = |distance: Duration| i64::try_from(distance.as_secs()).unwrap_or(i64::MAX);
        if steady >= wall {
            seconds(steady - wall)
        } else {
            -seconds(wall - steady)
        }
    }

    /// Whether the wall clock was set since the distance from it was stored.
    pub(super) fn has_moved(&self) -> bool {
        let moved = |stored: i64| stored.abs_diff(self.ahead()) >= SAME_SECONDS;
        self.stored.is_none_or(moved)
    }

    /// The distance to be stored, where it is another one now.
    pub(super) fn unstored(&mut self) -> Option<Write> {
        if !self.has_moved() {
            return None;
        }
        let ahead = self.ahead();
        self.stored = Some(ahead);
        let (key, value) = (KEY.to_vec(), ahead.to_be_bytes().to_vec());
        Some(Write::Put { key, value })
    }

    /// What was to be stored may not be.
    pub(super) fn not_stored(&mut self) {
        self.stored = None;
    }

    /// The seconds that leases are counted in.
    pub(super) fn now(&self) -> u64 {
        self.steady().as_secs()
    }

    fn steady(&self) -> Duration {
        self.anchor.saturating_add(self.began.elapsed())
    }

    /// Both clocks now, for all that is told at once.
    pub(super) fn read(&self) -> Reading {
        Reading {
            steady: self.steady(),
            wall: wall(),
        }
    }
}

/// What the clocks said at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    steady: Duration,
    wall: Duration,
}

impl Reading {
    /// The present, as the wall clock has it.
    pub(super) fn now(&self) -> u64 {
        self.in_wall(self.steady.as_secs())
    }

    /// A time of leases as the wall clock has it.
    pub(super) fn in_wall(&self, time: u64) -> u64 {
        moved(time, self.steady, self.wall)
    }

    /// A lease with its times as the wall clock has them.
    pub(super) fn told(&self, mut lease: Lease) -> Lease {
        self.put(&mut lease);
        lease
    }

    /// Puts a lease's times as the wall clock has them.
    pub(super) fn put(&self, lease: &mut Lease) {
        shift(lease, self.steady, self.wall);
    }
}

/// Time since 1970; a clock before that is as good as unset.
fn wall() -> Duration {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default()
}

fn moved(time: u64, steady: Duration, wall: Duration) -> u64 {
    let rounded = |time: Duration| (time + Duration::from_millis(500)).as_secs();
    let (ahead, behind) = (
        rounded(wall.saturating_sub(steady)),
        rounded(steady.saturating_sub(wall)),
    );
    time.saturating_add(ahead).saturating_sub(behind)
}

fn shift(lease: &mut Lease, steady: Duration, wall: Duration) {
    for time in [&mut lease.since, &mut lease.expires, &mut lease.held_until] {
        if *time != Lease::INFINITE && *time != 0 {
            *time = moved(*time, steady, wall);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::mac::MacAddr;
    use crate::serve::dhcp::lease::{ClientKey, LeaseState};

    /// What is stored is where the next start goes on, whichever way the wall clock was set.
    #[test]
    fn the_distance_from_the_wall_clock_is_kept() {
        for ahead in [0i64, 5000, -5000, i64::MIN, i64::MAX] {
            let mut clock = Clock::start(Some(&ahead.to_be_bytes()));
            let expected = wall().as_secs().saturating_add_signed(ahead);
            assert!(clock.now().abs_diff(expected) <= 1, "{ahead}");
            if ahead.unsigned_abs() < 10_000 {
                assert!(clock.unstored().is_none(), "{ahead}: nobody set it");
                // As if it had been put forward by an hour.
                clock.anchor -= Duration::from_secs(3600);
                let Some(Write::Put { key, value }) = clock.unstored() else {
                    panic!("{ahead}: it was set");
                };
                assert_eq!(key, KEY);
                let stored = i64::from_be_bytes(value.try_into().unwrap());
                assert!(stored.abs_diff(ahead - 3600) <= 1, "{ahead}: {stored}");
                assert!(clock.unstored().is_none(), "{ahead}: it is stored");
                clock.not_stored();
                assert!(clock.unstored().is_some(), "{ahead}: it is not");
            }
        }
        for spoilt in [&b""[..], b"short", b"much too long"] {
            let clock = Clock::start(Some(spoilt));
            assert!(clock.now().abs_diff(wall().as_secs()) <= 1);
        }
    }

    #[test]
    fn leases_are_told_in_the_wall_clocks_terms() {
        let hardware = MacAddr([2, 0, 0, 0, 0, 1]).into();
        let lease = Lease {
            address: [10, 0, 0, 1].into(),
            client: ClientKey::of_hardware(hardware),
            hardware,
            state: LeaseState::Active,
            since: 0,
            expires: 1000,
            held_until: Lease::INFINITE,
            name: None,
            vlan: None,
            agent: None,
            known: None,
        };
        for (steady, wall, expires) in [
            (500_000, 500_000, 1000),
            (500_000, 500_400, 1000),
            (500_900, 500_100, 999),
            (500_000, 900_000, 1400),
            (500_000, 100_000, 600),
            (5_000_000, 1_000, 0),
        ] {
            let [steady, wall] = [steady, wall].map(Duration::from_millis);
            let mut told = lease.clone();
            shift(&mut told, steady, wall);
            let times = (told.since, told.expires, told.held_until);
            assert_eq!(times, (0, expires, Lease::INFINITE), "{steady:?} {wall:?}");
        }
    }
}
