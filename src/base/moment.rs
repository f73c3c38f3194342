//! A moment in time as people read it. Knows no clock.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::duration::Seconds;

/// Seconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(pub u64);

const DAY: u64 = 86_400;

/// Days of 400 years, after which the calendar begins anew.
const ERA: u64 = 146_097;

impl Moment {
    #[must_use]
    pub fn after(self, time: Seconds) -> Self {
        Self(self.0.saturating_add(time.0.into()))
    }

    /// The time from `now` to this moment; none where it has passed.
    pub fn from(self, now: Self) -> Option<Seconds> {
        let left = self.0.checked_sub(now.0)?;
        u32::try_from(left).ok().map(Seconds)
    }
}

impl fmt::Display for Moment {
    /// `2026-07-14 09:30:05 UTC`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.0 / DAY);
        let rest = self.0 % DAY;
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC"
        )
    }
}

/// The Gregorian date of a day since 1970-01-01. Counts years from March, so that a leap day is the last of its year.
fn date(day: u64) -> (u64, u64, u64) {
    // From 0000-03-01 to 1970-01-01.
    let day = day + 719_468;
    let (era, of_era) = (day / ERA, day % ERA);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, carried) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + carried, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_dates_do() {
        // Each as `date --utc --date=@N` has it.
        for (moment, expected) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_078_012_800, "2004-02-29 00:00:00 UTC"),
            (1_709_251_199, "2024-02-29 23:59:59 UTC"),
            (1_767_225_599, "2025-12-31 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(Moment(moment).to_string(), expected);
        }
    }

    #[test]
    fn what_has_passed_is_not_left() {
        let now = Moment(100);
        assert_eq!(now.after(Seconds(20)).from(now), Some(Seconds(20)));
        assert_eq!(now.from(now.after(Seconds(1))), None);
    }
}
