//! Patience with whoever undoes what is put back: a thing is tried again after a second, then two, four, up to five minutes. Pure: the
//! clock is an argument.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::base::duration::Seconds;
use crate::base::moment::Moment;
use crate::state::Key;

/// After the first time.
const FIRST: Duration = Duration::from_secs(1);

/// However often.
const LONGEST: Duration = Duration::from_secs(300);

/// After so long without another try, all is forgotten.
const PEACE: Duration = Duration::from_secs(600);

/// What is told of a thing that does not stay put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tries {
    pub count: u32,
    pub next: Moment,
}

/// Who was put back of late.
#[derive(Debug, Default)]
pub(super) struct Fights(BTreeMap<Key, Fight>);

#[derive(Debug)]
struct Fight {
    count: u32,
    last: Instant,
    next: Instant,
    told: Moment,
}

impl Fights {
    pub(super) fn may_try(&self, key: &Key, now: Instant) -> bool {
        self.0.get(key).is_none_or(|fight| fight.next <= now)
    }

    /// Takes down a try, whether it succeeded or not.
    pub(super) fn tried(&mut self, key: &Key, now: Instant, wall: Moment) {
        let count = self.0.get(key).map_or(0, |fight| fight.count);
        let wait = FIRST.saturating_mul(1 << count.min(16)).min(LONGEST);
        let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX);
        let fight = Fight {
            count: count.saturating_add(1),
            last: now,
            next: now + wait,
            told: wall.after(Seconds(seconds)),
        };
        self.0.insert(key.clone(), fight);
    }

    /// Forgets what has been left in peace.
    pub(super) fn forget(&mut self, now: Instant) {
        self.0
            .retain(|_, fight| now.saturating_duration_since(fight.last) < PEACE);
    }

    pub(super) fn told(&self, key: &Key) -> Option<Tries> {
        let fight = self.0.get(key)?;
        Some(Tries {
            count: fight.count,
            next: fight.told,
        })
    }

    /// When the first of these may be tried again.
    pub(super) fn next<'a>(&self, keys: impl Iterator<Item = &'a Key>) -> Option<Instant> {
        keys.filter_map(|key| Some(self.0.get(key)?.next)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_grows_to_five_minutes_and_peace_ends_it() {
        let key: Key = "controller/rack-1/link/eno1".parse().unwrap();
        let (mut fights, mut now) = (Fights::default(), Instant::now());
        let mut wall = Moment(1_000);
        for (count, wait) in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
            .into_iter()
            .enumerate()
        {
            assert!(fights.may_try(&key, now), "{count}");
            fights.tried(&key, now, wall);
            let told = fights.told(&key).unwrap();
            assert_eq!(told.count as usize, count + 1);
            assert_eq!(told.next, wall.after(Seconds(wait)));
            let wait = Duration::from_secs(wait.into());
            assert!(!fights.may_try(&key, now + wait - Duration::from_millis(1)));
            assert_eq!(fights.next([&key].into_iter()), Some(now + wait));
            (now, wall) = (now + wait, told.next);
            fights.forget(now);
        }
        // The last try was five minutes ago.
        fights.forget(now + Duration::from_secs(299));
        assert!(fights.told(&key).is_some());
        fights.forget(now + Duration::from_secs(300));
        assert_eq!(fights.told(&key), None);
        assert!(fights.may_try(&key, now));
    }
}
