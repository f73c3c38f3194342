//! The clock of leases: seconds since 1970 that pass steadily, whatever happens to the wall clock.
//!
//! The wall clock is read once, at the start. Should it be set while the server runs, no lease ends early or late by that, and what is
//! listed is told in the wall clock's new terms. What is stored stays in the old ones, and the next start reads the wall clock anew:
//! leases granted before such a correction are then over earlier by as much as the clock was put forward, or later by as much as it
//! was put back, until they are renewed once. A host that was suspended counts that time for nothing, so that leases last longer.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::serve::dhcp::lease::Lease;

#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// The wall clock when `began` was now.
    anchor: Duration,
    began: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self {
            anchor: wall(),
            began: Instant::now(),
        }
    }

    /// The seconds that leases are counted in.
    pub(super) fn now(&self) -> u64 {
        self.steady().as_secs()
    }

    fn steady(&self) -> Duration {
        self.anchor + self.began.elapsed()
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
    pub(super) fn told(&self, lease: Lease) -> Lease {
        shifted(lease, self.steady, self.wall)
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

fn shifted(mut lease: Lease, steady: Duration, wall: Duration) -> Lease {
    for time in [&mut lease.since, &mut lease.expires, &mut lease.held_until] {
        if *time != Lease::INFINITE && *time != 0 {
            *time = moved(*time, steady, wall);
        }
    }
    lease
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::mac::MacAddr;
    use crate::serve::dhcp::lease::{ClientKey, LeaseState};

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
            let told = shifted(lease.clone(), steady, wall);
            let times = (told.since, told.expires, told.held_until);
            assert_eq!(times, (0, expires, Lease::INFINITE), "{steady:?} {wall:?}");
        }
    }
}
