//! Looks up many keys of a map in their order: a step along it for each, where a search would compare a dozen keys.

use std::cmp::Ordering;
use std::collections::{BTreeMap, btree_map};
use std::iter::Peekable;

/// A walk along a map.
pub struct Along<'a, K, V>(Peekable<btree_map::Iter<'a, K, V>>);

impl<'a, K: Ord, V> Along<'a, K, V> {
    pub fn new(map: &'a BTreeMap<K, V>) -> Self {
        Self(map.iter().peekable())
    }

    /// What the map has for `key`, which must not be less than the one that was asked for before.
    pub fn get(&mut self, key: &K) -> Option<&'a V> {
        loop {
            let (next, value) = self.0.peek()?;
            match (*next).cmp(key) {
                Ordering::Less => drop(self.0.next()),
                Ordering::Equal => return Some(value),
                Ordering::Greater => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_search_finds(map: BTreeMap<u8, u8>, mut keys: Vec<u8>) {
            keys.sort_unstable();
            let mut along = Along::new(&map);
            for key in &keys {
                prop_assert_eq!(along.get(key), map.get(key));
            }
        }
    }
}
