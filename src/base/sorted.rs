//! A set that mostly has one member: sorted, and without an allocation of its own then.

use std::slice::Iter;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

/// Members in their order, each once. A tree makes room for eleven, which a large site's records have no use for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SortedSet<T>(SmallVec<[T; 1]>);

impl<T> Default for SortedSet<T> {
    fn default() -> Self {
        Self(SmallVec::new())
    }
}

impl<T: Ord> SortedSet<T> {
    /// Whether it was not there before.
    pub fn insert(&mut self, member: T) -> bool {
        let place = self.0.binary_search(&member);
        if let Err(at) = place {
            self.0.insert(at, member);
        }
        place.is_err()
    }
}

impl<T> SortedSet<T> {
    pub fn iter(&self) -> Iter<'_, T> {
        self.0.iter()
    }
}

impl<'a, T> IntoIterator for &'a SortedSet<T> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: Ord> FromIterator<T> for SortedSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(members: I) -> Self {
        let mut all: SmallVec<[T; 1]> = members.into_iter().collect();
        all.sort_unstable();
        all.dedup();
        Self(all)
    }
}

impl<T: Serialize> Serialize for SortedSet<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.0)
    }
}

impl<'de, T: Ord + Deserialize<'de>> Deserialize<'de> for SortedSet<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Vec::<T>::deserialize(deserializer)?;
        Ok(members.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// It is a tree set, as JSON too.
        #[test]
        fn agrees_with_a_tree_set(members in prop::collection::vec(0u8..9, 0..12)) {
            let tree: BTreeSet<u8> = members.iter().copied().collect();
            let expected: Vec<u8> = tree.iter().copied().collect();
            let gathered: SortedSet<u8> = members.iter().copied().collect();
            prop_assert_eq!(gathered.iter().copied().collect::<Vec<_>>(), expected);
            let (mut inserted, mut beside) = (SortedSet::default(), BTreeSet::new());
            for member in &members {
                prop_assert_eq!(inserted.insert(*member), beside.insert(*member));
            }
            prop_assert_eq!(&inserted, &gathered);
            let text = serde_json::to_string(&members).unwrap();
            prop_assert_eq!(serde_json::from_str::<SortedSet<u8>>(&text).unwrap(), gathered.clone());
            prop_assert_eq!(serde_json::to_string(&gathered).unwrap(), serde_json::to_string(&tree).unwrap());
        }
    }
}
