//! When a webhook is tried again: a pure function of what was tried. Knows no clock and no chance.

use std::time::Duration;

/// How patient a webhook is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patience {
    /// What is waited at most after the first try; doubled after each further one.
    pub(super) first: Duration,
    /// What is waited at most after any.
    pub(super) most: Duration,
    /// What a receiver that is busy may ask for at most.
    pub(super) asked: Duration,
    /// Tries of one event, the first one included.
    pub(super) tries: u32,
    /// How old an event may be that is tried again.
    pub(super) age: Duration,
}

impl Patience {
    /// What the README says.
    pub(super) const USUAL: Self = Self {
        first: Duration::from_secs(1),
        most: Duration::from_secs(120),
        asked: Duration::from_secs(300),
        tries: 16,
        age: Duration::from_secs(1800),
    };

    /// How long to wait after so many tries of an event that is so old; none where it is given up. Half of the wait is the same for all,
    /// the other half is `jitter` of 65535, so that many who lost one receiver do not come back at once. A receiver that is busy may
    /// ask for more.
    pub(super) fn wait(
        &self,
        tries: u32,
        age: Duration,
        asked: Option<Duration>,
        jitter: u16,
    ) -> Option<Duration> {
        let doublings = tries.saturating_sub(1).min(31);
        let whole = self.first.saturating_mul(1 << doublings).min(self.most);
        let half = whole / 2;
        let by_chance = half.saturating_mul(jitter.into()) / u16::MAX.into();
        let asked = asked.unwrap_or_default().min(self.asked);
        let wait = asked.max(half + by_chance);
        let is_in_time = tries < self.tries && age.saturating_add(wait) <= self.age;
        is_in_time.then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: u16 = 0;
    const ALL: u16 = u16::MAX;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn waits_double_to_a_bound_and_end() {
        for (tries, age, asked, jitter, expected) in [
            (1, 0, None, NONE, Some(500)),
            (1, 0, None, ALL, Some(1000)),
            (2, 0, None, NONE, Some(1000)),
            (2, 0, None, ALL, Some(2000)),
            (7, 0, None, ALL, Some(64_000)),
            (8, 0, None, ALL, Some(120_000)),
            (15, 0, None, NONE, Some(60_000)),
            // The last try was the last.
            (16, 0, None, NONE, None),
            (u32::MAX, 0, None, ALL, None),
            // What would be too old then is given up now.
            (1, 1799, None, ALL, Some(1000)),
            (1, 1800, None, NONE, None),
            (8, 1700, None, ALL, None),
            // A receiver may ask for more, within bounds, and for no less.
            (1, 0, Some(30), NONE, Some(30_000)),
            (8, 0, Some(1), NONE, Some(60_000)),
            (1, 0, Some(86_400), NONE, Some(300_000)),
            (1, 1600, Some(86_400), NONE, None),
        ] {
            let asked = asked.map(seconds);
            let wait = Patience::USUAL.wait(tries, seconds(age), asked, jitter);
            let expected = expected.map(Duration::from_millis);
            assert_eq!(wait, expected, "try {tries}, age {age}, asked {asked:?}");
        }
    }

    #[test]
    fn chance_moves_a_wait_by_half_at_most() {
        let waits = (0..=u16::MAX).step_by(257);
        let waits = waits.map(|jitter| Patience::USUAL.wait(4, seconds(0), None, jitter).unwrap());
        let waits: Vec<_> = waits.collect();
        assert!(waits.is_sorted());
        assert_eq!(
            (waits.first(), waits.last()),
            (Some(&seconds(4)), Some(&seconds(8)))
        );
    }
}
