//! The last of many things: the oldest make room.

use std::collections::VecDeque;

#[derive(Debug)]
pub(super) struct Ring<T> {
    kept: VecDeque<T>,
    most: usize,
}

impl<T> Ring<T> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            kept: VecDeque::new(),
            most,
        }
    }

    pub(super) fn push(&mut self, thing: T) {
        if self.kept.len() >= self.most {
            self.kept.pop_front();
        }
        self.kept.push_back(thing);
    }

    /// The oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.kept.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_make_room() {
        let mut ring = Ring::new(3);
        for (thing, kept) in [
            (1, &[1][..]),
            (2, &[1, 2]),
            (3, &[1, 2, 3]),
            (4, &[2, 3, 4]),
            (5, &[3, 4, 5]),
        ] {
            ring.push(thing);
            assert!(ring.iter().eq(kept), "{thing}");
        }
    }
}
