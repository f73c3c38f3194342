//! How many things two desired states differ by, kind by kind. Says nothing about how to get from one to the other.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Key, State};

/// How many things of a kind differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub created: usize,
    pub changed: usize,
    pub deleted: usize,
}

/// What differs between two states, by the word for each kind.
pub fn tally(old: &State, new: &State) -> BTreeMap<&'static str, Tally> {
    let keys: BTreeSet<&Key> = old.keys().chain(new.keys()).collect();
    let mut tallies: BTreeMap<&'static str, Tally> = BTreeMap::new();
    for key in keys {
        let (before, after) = (old.get(key), new.get(key));
        let Some(kind) = after.or(before).filter(|_| before != after) else {
            continue;
        };
        let tally = tallies.entry(kind.kind()).or_default();
        match (before, after) {
            (None, _) => tally.created += 1,
            (Some(_), Some(_)) => tally.changed += 1,
            (Some(_), None) => tally.deleted += 1,
        }
    }
    tallies
}
