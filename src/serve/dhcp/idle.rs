//! Free addresses that had a client, each with the time since when it is free: within any range the one that is free for longest is
//! found at once, so that ranges may change at no cost. Must not know of clients.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Later than any time: there is none.
const NEVER: u64 = u64::MAX;

/// Times by address, in pages of 256; above them pages of the earliest time of each page.
#[derive(Debug, Default)]
pub(super) struct Idle([BTreeMap<u32, Page>; 2]);

#[derive(Debug)]
struct Page {
    times: Box<[u64; 256]>,
    earliest: u64,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            times: Box::new([NEVER; 256]),
            earliest: NEVER,
        }
    }
}

impl Page {
    fn set(&mut self, slot: u8, time: u64) {
        let Some(own) = self.times.get_mut(usize::from(slot)) else {
            return;
        };
        let before = std::mem::replace(own, time);
        if time <= self.earliest {
            self.earliest = time;
        } else if before == self.earliest && !self.times.contains(&before) {
            self.earliest = self.times.iter().copied().min().unwrap_or(NEVER);
        }
    }

    /// The earliest time of some of its slots, with the first slot that has it.
    fn earliest(&self, first: u8, last: u8) -> Option<(u64, u8)> {
        let own = self.times.get(usize::from(first)..=usize::from(last))?;
        let is_whole = own.len() == self.times.len();
        let time = match is_whole {
            true => self.earliest,
            false => own.iter().copied().min()?,
        };
        let slot = own.iter().position(|own| *own == time)?;
        let slot = first.checked_add(u8::try_from(slot).ok()?)?;
        (time != NEVER).then_some((time, slot))
    }
}

/// The page of a number, and its slot there.
fn place(number: u32) -> (u32, u8) {
    let [a, b, c, slot] = number.to_be_bytes();
    (u32::from_be_bytes([0, a, b, c]), slot)
}

impl Idle {
    /// Notes that an address is free since `time`.
    pub(super) fn insert(&mut self, address: Ipv4Addr, time: u64) {
        self.set(address, time.min(NEVER - 1));
    }

    /// Forgets an address, where it is known.
    pub(super) fn remove(&mut self, address: Ipv4Addr) {
        let own = address.to_bits();
        if self.earliest(0, own, own).is_some() {
            self.set(address, NEVER);
        }
    }

    fn set(&mut self, address: Ipv4Addr, time: u64) {
        let (mut number, mut time) = (address.to_bits(), time);
        for pages in &mut self.0 {
            let (key, slot) = place(number);
            let page = pages.entry(key).or_default();
            let before = page.earliest;
            page.set(slot, time);
            let after = page.earliest;
            if after == NEVER {
                pages.remove(&key);
            }
            if after == before {
                return;
            }
            (number, time) = (key, after);
        }
    }

    /// The address that is free for longest from `first` to `last`, with the time since when it is: the lowest of several; none of
    /// `barred`, which is in order.
    pub(super) fn oldest(
        &self,
        first: Ipv4Addr,
        last: Ipv4Addr,
        barred: &[Ipv4Addr],
    ) -> Option<(u64, Ipv4Addr)> {
        let (mut next, mut found) = (Some(first.to_bits()), None);
        let within = |barred: &&Ipv4Addr| (first..=last).contains(*barred);
        let barred = barred.iter().filter(within);
        // Between two of them, and behind the last one.
        let ends = barred.map(|barred| (barred.to_bits().checked_sub(1), barred.to_bits()));
        for (end, barred) in ends.chain([(Some(last.to_bits()), u32::MAX)]) {
            let here = next
                .zip(end)
                .and_then(|(next, end)| self.earliest(0, next, end));
            found = [found, here].into_iter().flatten().min();
            next = barred.checked_add(1);
        }
        found.map(|(time, address)| (time, Ipv4Addr::from(address)))
    }

    /// The earliest time of a level's numbers from `first` to `last`, with the lowest number that has it.
    fn earliest(&self, level: usize, first: u32, last: u32) -> Option<(u64, u32)> {
        if first > last {
            return None;
        }
        let Some(pages) = self.0.get(level) else {
            let whole = self.0.last()?.range(first..=last);
            return whole.map(|(key, page)| (page.earliest, *key)).min();
        };
        let in_page = |key: u32, first: u8, last: u8| {
            let (time, slot) = pages.get(&key)?.earliest(first, last)?;
            Some((time, (key << 8) | u32::from(slot)))
        };
        let ((page, first), (end, last)) = (place(first), place(last));
        if page == end {
            return in_page(page, first, last);
        }
        let between = self.earliest(level + 1, page + 1, end - 1);
        let between = between.and_then(|(_, page)| in_page(page, 0, u8::MAX));
        let edges = [in_page(page, first, u8::MAX), in_page(end, 0, last)];
        edges.into_iter().chain([between]).flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl Idle {
        /// All of them, in the order of their times.
        pub(in super::super) fn all(&self) -> Vec<(u64, Ipv4Addr)> {
            let slots = |(key, page): (&u32, &Page)| {
                let key = *key;
                let times = page.times.clone();
                let of = move |slot: u8| Ipv4Addr::from((key << 8) | u32::from(slot));
                (0..=u8::MAX).map(move |slot| (times[usize::from(slot)], of(slot)))
            };
            let mut all: Vec<_> = self.0[0].iter().flat_map(slots).collect();
            all.retain(|(time, _)| *time != NEVER);
            all.sort_unstable();
            all
        }
    }

    /// Few enough that they meet, in pages of several sites and at both ends of what there is.
    fn address() -> impl Strategy<Value = Ipv4Addr> {
        let ends = prop_oneof![Just(0u8), Just(1), Just(255)];
        let octets = (ends.clone(), ends.clone(), ends, 0u8..18);
        octets.prop_map(|(a, b, c, d)| Ipv4Addr::new(a, b, c, d * 15))
    }

    proptest! {
        /// It finds what a look at all of them would.
        #[test]
        fn agrees_with_a_map(
            steps in prop::collection::vec((address(), prop::option::of(0u64..5)), 1..200),
            ranges in prop::collection::vec((address(), address()), 1..20),
            mut barred in prop::collection::vec(address(), 0..4)
        ) {
            barred.sort_unstable();
            let (mut ours, mut map) = (Idle::default(), BTreeMap::new());
            for (address, time) in steps {
                match time {
                    Some(time) => {
                        ours.insert(address, time);
                        map.insert(address, time);
                    }
                    None => {
                        ours.remove(address);
                        map.remove(&address);
                    }
                }
            }
            for (first, last) in ranges {
                let within = map.iter().filter(|(own, _)| (first..=last).contains(*own));
                let open = within.filter(|(own, _)| !barred.contains(own));
                let expected = open.map(|(own, time)| (*time, *own)).min();
                let found = if first <= last { ours.oldest(first, last, &barred) } else { None };
                prop_assert_eq!(found, expected);
            }
            let mut all: Vec<_> = map.iter().map(|(own, time)| (*time, *own)).collect();
            all.sort_unstable();
            prop_assert_eq!(ours.all(), all);
            for address in map.keys() {
                ours.remove(*address);
            }
            prop_assert!(ours.0.iter().all(BTreeMap::is_empty));
        }
    }
}
