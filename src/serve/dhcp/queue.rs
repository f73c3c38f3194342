//! Things under ascending numbers: put in at the end, found at once, and taken out mostly from the front. Knows no writes.

use std::collections::VecDeque;

/// A map would move its neighbours whenever one goes, and these are large.
#[derive(Debug)]
pub(super) struct Queue<T> {
    /// The number of the first place.
    first: u64,
    places: VecDeque<Option<T>>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            first: 0,
            places: VecDeque::new(),
        }
    }
}

impl<T> Queue<T> {
    /// Puts a thing in under a number above all before it.
    pub(super) fn push(&mut self, number: u64, thing: T) {
        if self.places.is_empty() {
            self.first = number;
        }
        // Not every number is one of a thing.
        while self.end() < number {
            self.places.push_back(None);
        }
        self.places.push_back(Some(thing));
    }

    fn end(&self) -> u64 {
        let count = u64::try_from(self.places.len()).unwrap_or(u64::MAX);
        self.first.saturating_add(count)
    }

    fn place(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.first)?).ok()
    }

    pub(super) fn get(&self, number: u64) -> Option<&T> {
        self.places.get(self.place(number)?)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let place = self.place(number)?;
        self.places.get_mut(place)?.as_mut()
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<T> {
        let place = self.place(number)?;
        let thing = self.places.get_mut(place)?.take();
        while let Some(None) = self.places.front() {
            self.places.pop_front();
            self.first += 1;
        }
        thing
    }

    /// The places from the first thing to the last: what bounds the memory that they take.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// In the order of their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().flatten()
    }

    /// In the order of their numbers.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.places.iter_mut().flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// It is a map from numbers, and holds no more places than from its first thing to its last.
        #[test]
        fn agrees_with_a_map(steps in prop::collection::vec((0u64..3, any::<prop::sample::Index>()), 1..200)) {
            let (mut ours, mut map, mut next) = (Queue::default(), BTreeMap::new(), 7);
            for (gap, at) in steps {
                if gap > 0 {
                    next += gap;
                    ours.push(next, next);
                    map.insert(next, next);
                } else if next > 7 {
                    let number = 7 + at.index(usize::try_from(next).unwrap()) as u64;
                    prop_assert_eq!(ours.remove(number), map.remove(&number));
                }
                for number in 0..next + 2 {
                    prop_assert_eq!(ours.get(number), map.get(&number));
                    prop_assert_eq!(ours.get_mut(number), map.get_mut(&number));
                }
                prop_assert!(ours.iter().eq(map.values()) && ours.iter_mut().eq(map.values_mut()));
                if let (Some((first, _)), Some((last, _))) = (map.first_key_value(), map.last_key_value()) {
                    prop_assert!(ours.len() as u64 > last - first);
                } else {
                    prop_assert_eq!(ours.len(), 0);
                }
            }
        }
    }
}
