//! What is known of each address: found at once, and walked in order. Must not know what a record means.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Things by address: a tree of pages by the first two octets, since sites are few, and pages of slots by the others, since pools are
/// dense.
#[derive(Debug)]
pub(super) struct Records<T>(BTreeMap<u16, Page<Page<Box<T>>>>);

/// A slot for each value of an octet.
#[derive(Debug)]
struct Page<T> {
    slots: Box<[Option<T>; 256]>,
    used: usize,
}

impl<T> Default for Records<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        let slots = Box::new([const { None }; 256]);
        Self { slots, used: 0 }
    }
}

impl<T> Page<T> {
    fn get(&self, octet: u8) -> Option<&T> {
        self.slots.get(usize::from(octet))?.as_ref()
    }

    fn get_mut(&mut self, octet: u8) -> Option<&mut T> {
        self.slots.get_mut(usize::from(octet))?.as_mut()
    }

    /// What is in a slot, made where it is empty; a page has a slot for every octet.
    fn slot(&mut self, octet: u8) -> Option<&mut Option<T>> {
        let slot = self.slots.get_mut(usize::from(octet))?;
        self.used += usize::from(slot.is_none());
        Some(slot)
    }

    fn take(&mut self, octet: u8) -> Option<T> {
        let taken = self.slots.get_mut(usize::from(octet))?.take()?;
        self.used -= 1;
        Some(taken)
    }

    /// The first slot from `octet` on that is empty.
    fn first_empty(&self, octet: u8) -> Option<u8> {
        if self.used == self.slots.len() {
            return None;
        }
        let slots = (0..=u8::MAX).zip(self.slots.iter());
        let mut slots = slots.skip(usize::from(octet));
        slots.find_map(|(octet, slot)| slot.is_none().then_some(octet))
    }

    fn from(&self, octet: u8) -> impl Iterator<Item = (u8, &T)> {
        let slots = (0..=u8::MAX).zip(self.slots.iter());
        let slots = slots.skip(usize::from(octet));
        slots.filter_map(|(octet, slot)| Some((octet, slot.as_ref()?)))
    }
}

/// The tree's key, and the slots within its pages.
fn place(address: Ipv4Addr) -> (u16, u8, u8) {
    let [a, b, c, d] = address.octets();
    (u16::from_be_bytes([a, b]), c, d)
}

impl<T> Records<T> {
    pub(super) fn get(&self, address: Ipv4Addr) -> Option<&T> {
        let (key, page, slot) = place(address);
        Some(self.0.get(&key)?.get(page)?.get(slot)?)
    }

    pub(super) fn get_mut(&mut self, address: Ipv4Addr) -> Option<&mut T> {
        let (key, page, slot) = place(address);
        Some(self.0.get_mut(&key)?.get_mut(page)?.get_mut(slot)?)
    }

    /// Writes over what there was.
    pub(super) fn insert(&mut self, address: Ipv4Addr, record: T) {
        let (key, page, slot) = place(address);
        let pages = self.0.entry(key).or_default();
        let slot = pages
            .slot(page)
            .and_then(|page| page.get_or_insert_default().slot(slot));
        match slot {
            Some(Some(present)) => **present = record,
            Some(empty) => *empty = Some(Box::new(record)),
            None => {}
        }
    }

    pub(super) fn remove(&mut self, address: Ipv4Addr) -> Option<T> {
        let (key, page, slot) = place(address);
        let pages = self.0.get_mut(&key)?;
        let records = pages.get_mut(page)?;
        let removed = records.take(slot)?;
        if records.used == 0 {
            pages.take(page);
        }
        if pages.used == 0 {
            self.0.remove(&key);
        }
        Some(*removed)
    }

    /// The first address from `first` to `last` that there is nothing at; full pages are passed over at once.
    pub(super) fn gap(&self, first: Ipv4Addr, last: Ipv4Addr) -> Option<Ipv4Addr> {
        let mut next = first;
        while next <= last {
            let (key, page, slot) = place(next);
            let records = self.0.get(&key).and_then(|pages| pages.get(page));
            match records.map(|records| records.first_empty(slot)) {
                None => return Some(next),
                Some(Some(empty)) => {
                    let found = Ipv4Addr::from((next.to_bits() & !0xff) | u32::from(empty));
                    return (found <= last).then_some(found);
                }
                Some(None) => next = (next.to_bits() | 0xff).checked_add(1)?.into(),
            }
        }
        None
    }

    /// From `first` on, in the order of their addresses.
    pub(super) fn from(&self, first: Ipv4Addr) -> impl Iterator<Item = &T> {
        let (key, page, slot) = place(first);
        let pages = self.0.range(key..).flat_map(move |(own, pages)| {
            let is_first = *own == key;
            let pages = pages.from(if is_first { page } else { 0 });
            pages.map(move |(own, records)| (is_first && own == page, records))
        });
        let records = pages
            .flat_map(move |(is_first, records)| records.from(if is_first { slot } else { 0 }));
        records.map(|(_, record)| &**record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Few enough that they meet, in several pages of several sites.
    fn address() -> impl Strategy<Value = Ipv4Addr> {
        let octets = (
            0u8..2,
            0u8..2,
            prop_oneof![Just(0u8), Just(7), Just(255)],
            0u8..9,
        );
        octets.prop_map(|(a, b, c, d)| Ipv4Addr::new(a, b, c, d * 31))
    }

    #[test]
    fn a_gap_is_found_behind_full_pages() {
        let at = |c: u8, d: u8| Ipv4Addr::new(10, 0, c, d);
        let mut records = Records::default();
        for number in 0..512 {
            records.insert(Ipv4Addr::from(at(0, 0).to_bits() + number), ());
        }
        for address in [at(0, 9), at(1, 3)] {
            records.remove(address);
        }
        for (first, last, expected) in [
            (at(0, 0), at(1, 255), Some(at(0, 9))),
            (at(0, 0), at(0, 8), None),
            (at(0, 9), at(0, 9), Some(at(0, 9))),
            (at(0, 10), at(1, 255), Some(at(1, 3))),
            (at(0, 10), at(1, 2), None),
            (at(1, 4), at(1, 255), None),
            (at(1, 4), at(2, 7), Some(at(2, 0))),
            (at(7, 7), at(7, 9), Some(at(7, 7))),
            (at(7, 7), at(7, 6), None),
        ] {
            assert_eq!(records.gap(first, last), expected, "{first} to {last}");
        }
        let end = Ipv4Addr::BROADCAST;
        records.insert(end, ());
        assert_eq!(records.gap(end, end), None);
    }

    proptest! {
        /// It is a sorted map.
        #[test]
        fn agrees_with_a_sorted_map(
            steps in prop::collection::vec((address(), any::<bool>(), any::<u8>()), 1..200),
            first in address()
        ) {
            let (mut ours, mut map) = (Records::default(), BTreeMap::new());
            for (address, inserts, value) in steps {
                if inserts {
                    ours.insert(address, value);
                    map.insert(address, value);
                } else {
                    prop_assert_eq!(ours.remove(address), map.remove(&address));
                }
                prop_assert_eq!(ours.get(address), map.get(&address));
                prop_assert_eq!(ours.get_mut(address), map.get_mut(&address));
            }
            let expected: Vec<_> = map.range(first..).map(|(_, value)| value).collect();
            prop_assert_eq!(ours.from(first).collect::<Vec<_>>(), expected);
            for address in map.keys() {
                ours.remove(*address);
            }
            prop_assert!(ours.0.is_empty());
        }
    }
}
