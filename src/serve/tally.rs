//! Counts of what a server did and dropped. Knows neither events nor their meaning.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// How often each event of a server happened.
pub(super) struct Tally<E>(Mutex<BTreeMap<E, u64>>);

impl<E> Default for Tally<E> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<E: Ord + Copy> Tally<E> {
    pub(super) fn count(&self, event: E) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(event).or_default();
        *count = count.saturating_add(1);
    }

    /// Events that never happened are absent.
    pub(super) fn counts(&self) -> BTreeMap<E, u64> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_each_event_by_itself() {
        let tally = Tally::default();
        ["a", "b", "a"]
            .into_iter()
            .for_each(|event| tally.count(event));
        assert_eq!(tally.counts(), BTreeMap::from([("a", 2), ("b", 1)]));
    }
}
