//! Whether the world is as a plan says, or as it was before.

use std::collections::BTreeSet;

use crate::plan::Step;
use crate::state::{Key, Observation, State};

/// The keys of `steps` that are not as their last step left them.
pub(super) fn differing(steps: &[Step], observed: &Observation) -> BTreeSet<Key> {
    let mut differs = BTreeSet::new();
    for step in steps {
        let is_as_planned = match (&step.after, observed.state.get(&step.key)) {
            (Some(after), Some(found)) => after.changes_from(found).is_empty(),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        // A later step may say otherwise about the same key: the last one counts.
        if is_as_planned {
            differs.remove(&step.key);
        } else {
            differs.insert(step.key.clone());
        }
    }
    differs
}

/// What no step speaks of, and fell all the same: a driver that takes its link down to change it takes routes along.
pub(super) fn fallen(steps: &[Step], before: &Observation, after: &Observation) -> BTreeSet<Key> {
    let known: BTreeSet<&Key> = steps.iter().map(|step| &step.key).collect();
    let kept = before.state.keys().filter(|key| key.is_host());
    kept.filter(|key| !known.contains(key) && !before.is_foreign(key))
        .filter(|key| !after.state.contains_key(*key))
        .cloned()
        .collect()
}

/// The keys in which two states differ, as far as anybody manages them.
pub(super) fn difference(before: &State, after: &State) -> BTreeSet<Key> {
    let keys: BTreeSet<&Key> = before.keys().chain(after.keys()).collect();
    keys.into_iter()
        .filter(|key| before.get(*key) != after.get(*key))
        .cloned()
        .collect()
}
