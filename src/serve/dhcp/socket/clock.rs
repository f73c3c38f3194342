//! The clock of leases: seconds since 1970 that pass steadily, whatever happens to the wall clock.
//!
//! The wall clock is read once, at the start. Should it be set while the server runs, no lease ends early or late by that, and what is
//! listed is told in the wall clock's new terms. What is stored stays in the old ones, and how far they are from the wall clock's is
//! stored beside it: the next start goes on in them, so that no lease is over early and no address given twice. A host that was
//! suspended counts that time for nothing, so that leases last longer.
//!
//! At a start the wall clock may be wrong, as on a board without a battery before the network has told the time. Leases' time never
//! begins before the latest that the store knows of, or what was promised before would last for as long as the clock is behind. Nor is a
//! time believed in which nobody ran the server for years: it counts for nothing, and leases go on where they were. Of a clock that is
//! less wrong at a start nothing is known.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::serve::dhcp::history::UNTIL;
use crate::serve::dhcp::lease::Lease;
use crate::store::{Store, StoreError, Write};

/// What the distance from the wall clock is stored under, as eight bytes: seconds that leases' time is ahead of it.
const AHEAD: &[u8] = b"dhcp/clock";

/// What leases' time is stored under, as eight bytes: now and then, so that a later start knows how late it was.
const TIME: &[u8] = b"dhcp/time";

/// A distance that differs by less is the same: both clocks are read one after the other.
const SAME_SECONDS: u64 = 2;

/// How old the stored time may become before it goes out with what is written anyway, and before it is worth a write of its own.
const WITH_OTHERS_SECONDS: u64 = 60;
const ALONE_SECONDS: u64 = 24 * 3600;

/// So long a server may have been down: longer, and its wall clock is wrong.
const DOWN_SECONDS: u64 = 366 * 24 * 3600;

#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// The wall clock when `began` was now.
    anchor: Duration,
    began: Instant,
    /// The distance that is stored, as far as is known.
    stored: Option<i64>,
    /// The time that is stored; 0 for none.
    noted: u64,
}

/// What a store knows of the time.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    ahead: i64,
    noted: u64,
    /// The latest that anything else in the store is of.
    latest: u64,
}

impl Clock {
    /// Goes on where the last run was, by what the store knows; `newest` is when the last of its leases began.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(super) fn load(store: &impl Store, newest: u64) -> Result<Self, StoreError> {
        let number = |key: &[u8]| -> Result<Option<[u8; 8]>, StoreError> {
            Ok(store.get(key)?.and_then(|bytes| bytes.try_into().ok()))
        };
        let time = |key: &[u8]| Ok(number(key)?.map_or(0, u64::from_be_bytes));
        let known = Known {
            ahead: number(AHEAD)?.map_or(0, i64::from_be_bytes),
            noted: time(TIME)?,
            latest: newest.max(time(UNTIL)?),
        };
        Ok(Self::start(known))
    }

    fn start(known: Known) -> Self {
        let Known {
            ahead,
            noted,
            latest,
        } = known;
        let distance = Duration::from_secs(ahead.unsigned_abs());
        let by_wall = match ahead {
            0.. => wall().saturating_add(distance),
            _ => wall().saturating_sub(distance),
        };
        let is_believed = noted == 0 || by_wall.as_secs() <= noted.saturating_add(DOWN_SECONDS);
        let by_wall = if is_believed { by_wall } else { Duration::ZERO };
        Self {
            anchor: by_wall.max(Duration::from_secs(noted.max(latest))),
            began: Instant::now(),
            stored: Some(ahead),
            noted,
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

    /// Whether there is something to be stored: the wall clock was set, or nothing was written for long.
    pub(super) fn is_due(&self) -> bool {
        let began = self.anchor.as_secs();
        self.has_moved() || self.now() >= self.noted.max(began).saturating_add(ALONE_SECONDS)
    }

    /// Whether the wall clock was set since the distance from it was stored.
    fn has_moved(&self) -> bool {
        let moved = |stored: i64| stored.abs_diff(self.ahead()) >= SAME_SECONDS;
        self.stored.is_none_or(moved)
    }

    /// What is to go out with a write, where it is other than what is stored.
    pub(super) fn unstored(&mut self) -> Option<[Write; 2]> {
        let now = self.now();
        if !self.has_moved() && now < self.noted.saturating_add(WITH_OTHERS_SECONDS) {
            return None;
        }
        let ahead = self.ahead();
        (self.stored, self.noted) = (Some(ahead), now);
        let put = |key: &[u8], value: [u8; 8]| {
            let (key, value) = (key.to_vec(), value.to_vec());
            Write::Put { key, value }
        };
        Some([
            put(AHEAD, ahead.to_be_bytes()),
            put(TIME, now.to_be_bytes()),
        ])
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
    use crate::store::{Batch, Faulty};

    fn written(writes: [Write; 2]) -> (i64, u64) {
        let [
            Write::Put { key, value },
            Write::Put {
                key: other,
                value: time,
            },
        ] = writes
        else {
            panic!("{writes:?}");
        };
        assert_eq!((&key[..], &other[..]), (AHEAD, TIME));
        let ahead = i64::from_be_bytes(value.try_into().unwrap());
        (ahead, u64::from_be_bytes(time.try_into().unwrap()))
    }

    /// What is stored is where the next start goes on, whichever way the wall clock was set.
    #[test]
    fn the_distance_from_the_wall_clock_is_kept() {
        for ahead in [0i64, 5000, -5000, i64::MIN, i64::MAX] {
            let expected = wall().as_secs().saturating_add_signed(ahead);
            let mut clock = Clock::start(Known {
                ahead,
                noted: expected,
                latest: 0,
            });
            assert!(clock.now().abs_diff(expected) <= 1, "{ahead}");
            if ahead.unsigned_abs() < 10_000 {
                assert!(clock.unstored().is_none(), "{ahead}: nobody set it");
                // As if it had been put forward by an hour.
                clock.anchor -= Duration::from_secs(3600);
                let (stored, time) = written(clock.unstored().expect("it was set"));
                assert!(stored.abs_diff(ahead - 3600) <= 1, "{ahead}: {stored}");
                assert!(time.abs_diff(expected - 3600) <= 1, "{ahead}: {time}");
                assert!(clock.unstored().is_none(), "{ahead}: it is stored");
                clock.not_stored();
                assert!(clock.unstored().is_some(), "{ahead}: it is not");
            }
        }
    }

    /// Where a start goes on, by what the store knows; all but the distance are seconds before or after the present.
    #[tokio::test]
    async fn a_start_begins_where_the_store_was_at_least() {
        const YEAR: i64 = 366 * 24 * 3600;
        for (ahead, noted, newest, until, expected) in [
            (0, None, None, None, 0),
            (-100, None, None, None, -100),
            (0, Some(-100), Some(-50), Some(-20), 0),
            (0, Some(1000), Some(900), Some(900), 1000),
            (0, Some(900), Some(1000), Some(900), 1000),
            (0, Some(900), Some(900), Some(1000), 1000),
            (0, None, Some(50 * YEAR), None, 50 * YEAR),
            (-2000, Some(-1000), None, None, -1000),
            // Nobody ran it for a year, by its own time.
            (0, Some(60 - YEAR), None, None, 0),
            (0, Some(-60 - YEAR), None, None, -60 - YEAR),
            (0, Some(-60 - YEAR), Some(-60), None, -60),
            (50 * YEAR, Some(50 * YEAR), None, None, 50 * YEAR),
            // What a lease began at says nothing of how long it went on.
            (0, None, Some(-2 * YEAR), Some(-3 * YEAR), 0),
        ] {
            let case = (ahead, noted, newest, until);
            let at = |seconds: i64| wall().as_secs().saturating_add_signed(seconds);
            let store = Faulty::default();
            let put = |key: &[u8], value: [u8; 8]| Write::Put {
                key: key.to_vec(),
                value: value.to_vec(),
            };
            let mut writes = vec![put(AHEAD, ahead.to_be_bytes())];
            writes.extend(noted.map(|noted| put(TIME, at(noted).to_be_bytes())));
            writes.extend(until.map(|until| put(UNTIL, at(until).to_be_bytes())));
            let guards = Vec::new();
            store.commit(Batch { guards, writes }).await.unwrap();
            let newest = newest.map_or(0, at);
            let mut clock = Clock::load(&store, newest).unwrap();
            assert!(clock.now().abs_diff(at(expected)) <= 1, "{case:?}");
            // The next start, wherever the wall clock is then, is no earlier.
            if let Some(writes) = clock.unstored() {
                let (stored, time) = written(writes);
                assert!(stored.abs_diff(expected) <= 1, "{case:?}: {stored}");
                assert!(time.abs_diff(at(expected)) <= 1, "{case:?}: {time}");
            }
            assert!(!clock.is_due(), "{case:?}");
        }
    }

    #[test]
    fn what_is_stored_is_never_old() {
        let now = wall().as_secs();
        for (noted, passed, goes_out, is_due) in [
            (now, 0, false, false),
            (now, 50, false, false),
            (now, 70, true, false),
            (now, ALONE_SECONDS + 1, true, true),
            (now - 1000, 0, true, false),
            (now - 2 * ALONE_SECONDS, 0, true, false),
            (0, 0, true, false),
        ] {
            let known = Known {
                noted,
                ..Known::default()
            };
            let mut clock = Clock::start(known);
            // As if the time had passed for both clocks.
            clock.began -= Duration::from_secs(passed);
            clock.stored = Some(clock.ahead());
            assert_eq!(clock.is_due(), is_due, "{noted} {passed}");
            assert_eq!(clock.unstored().is_some(), goes_out, "{noted} {passed}");
        }
    }

    #[tokio::test]
    async fn what_is_no_number_is_none() {
        for spoilt in [&b""[..], b"short", b"much too long"] {
            let store = Faulty::default();
            let writes = [AHEAD, TIME, UNTIL].map(|key| Write::Put {
                key: key.to_vec(),
                value: spoilt.to_vec(),
            });
            let (guards, writes) = (Vec::new(), writes.into());
            store.commit(Batch { guards, writes }).await.unwrap();
            let clock = Clock::load(&store, 0).unwrap();
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
