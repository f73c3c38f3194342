//! Looks up many keys in their order, in a map or in other pairs that have one: a step along them for each, where a search would compare a dozen keys.

use std::cmp::Ordering;
use std::collections::{BTreeMap, btree_map};
use std::iter::Peekable;

/// A walk along a map, or along other pairs in the order of their keys.
pub struct Along<I: Iterator>(Peekable<I>);

/// A walk along a map.
pub type AlongMap<'a, K, V> = Along<btree_map::Iter<'a, K, V>>;

impl<'a, K: Ord, V> AlongMap<'a, K, V> {
    pub fn new(map: &'a BTreeMap<K, V>) -> Self {
        Self::over(map.iter())
    }
}

impl<'a, K: Ord + 'a, V, I: Iterator<Item = (&'a K, V)>> Along<I> {
    /// Along `pairs`, which are in the order of their keys; of those with one key the first is found.
    pub fn over(pairs: I) -> Self {
        Self(pairs.peekable())
    }
}

impl<'a, K: Ord + 'a, V: Copy, I: Iterator<Item = (&'a K, V)>> Along<I> {
    /// What there is for `key`, which must not be less than the one that was asked for before.
    pub fn get(&mut self, key: &K) -> Option<V> {
        loop {
            let (next, value) = self.0.peek()?;
            match (*next).cmp(key) {
                Ordering::Less => drop(self.0.next()),
                Ordering::Equal => return Some(*value),
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

        #[test]
        fn finds_the_first_of_a_key(mut pairs: Vec<(u8, u8)>, mut keys: Vec<u8>) {
            pairs.sort_by_key(|(key, _)| *key);
            keys.sort_unstable();
            let mut along = Along::over(pairs.iter().map(|(key, value)| (key, *value)));
            for key in &keys {
                let first = pairs.iter().find(|(own, _)| own == key);
                prop_assert_eq!(along.get(key), first.map(|(_, value)| *value));
            }
        }
    }
}
