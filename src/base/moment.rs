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

/// Days from 0000-03-01 to 1970-01-01.
const EPOCH: u64 = 719_468;

impl Moment {
    /// A date (year, month, day) and a time (hour, minute, second) of the Gregorian calendar; none before 1970 and for days that there
    /// never were. A leap second is the second after it.
    pub fn at(on: (u64, u64, u64), at: (u64, u64, u64)) -> Option<Self> {
        let ((year, month, day), (hour, minute, second)) = (on, at);
        let is_time = hour <= 23 && minute <= 59 && second <= 60;
        if !(1970..=9999).contains(&year) || day > 31 || !is_time {
            return None;
        }
        // Years from March, as `date` counts them.
        let (year, month) = match month {
            1..=2 => (year - 1, month + 9),
            3..=12 => (year, month - 3),
            _ => return None,
        };
        let (era, of_era) = (year / 400, year % 400);
        let of_year = (153 * month + 2) / 5 + day;
        let days = era * ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
        let days = days.checked_sub(EPOCH + 1)?;
        (date(days) == on).then_some(Self(days * DAY + hour * 3600 + minute * 60 + second))
    }

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
    let day = day + EPOCH;
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
    fn dates_are_moments() {
        for (on, at, expected) in [
            ((1970, 1, 1), (0, 0, 0), Some(0)),
            ((2000, 2, 29), (0, 0, 0), Some(951_782_400)),
            ((2025, 12, 31), (23, 59, 59), Some(1_767_225_599)),
            ((2100, 3, 1), (0, 0, 0), Some(4_107_542_400)),
            ((2100, 2, 29), (0, 0, 0), None),
            ((2024, 4, 31), (0, 0, 0), None),
            ((2024, 4, 0), (0, 0, 0), None),
            ((2024, 13, 1), (0, 0, 0), None),
            ((2024, 0, 1), (0, 0, 0), None),
            ((2024, 1, 1), (24, 0, 0), None),
            ((1969, 12, 31), (0, 0, 0), None),
            ((u64::MAX, 1, 1), (0, 0, 0), None),
            ((2024, 1, u64::MAX), (0, 0, 0), None),
        ] {
            assert_eq!(Moment::at(on, at), expected.map(Moment), "{on:?} {at:?}");
        }
        for day in 0..200_000 {
            assert_eq!(Moment::at(date(day), (0, 0, 0)), Some(Moment(day * DAY)));
        }
    }

    #[test]
    fn what_has_passed_is_not_left() {
        let now = Moment(100);
        assert_eq!(now.after(Seconds(20)).from(now), Some(Seconds(20)));
        assert_eq!(now.from(now.after(Seconds(1))), None);
    }
}
