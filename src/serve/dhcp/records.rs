//! What is known of each address: found at once, and walked in order. Must not know what a record means.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Addresses in a block: pools are dense, so that blocks are few and their tree is small.
const BLOCK: usize = 256;

/// Things by address.
#[derive(Debug)]
pub(super) struct Records<T> {
    /// By their first three octets.
    blocks: BTreeMap<u32, Block<T>>,
}

#[derive(Debug)]
struct Block<T> {
    /// `BLOCK` of them, by the last octet.
    records: Vec<Option<Box<T>>>,
    used: usize,
}

impl<T> Default for Records<T> {
    fn default() -> Self {
        let blocks = BTreeMap::new();
        Self { blocks }
    }
}

impl<T> Default for Block<T> {
    fn default() -> Self {
        let records = std::iter::repeat_with(|| None).take(BLOCK).collect();
        Self { records, used: 0 }
    }
}

/// The block of an address, and its place there.
fn place(address: Ipv4Addr) -> (u32, usize) {
    let bits = address.to_bits();
    (bits >> 8, usize::from(bits.to_be_bytes()[3]))
}

impl<T> Records<T> {
    pub(super) fn get(&self, address: Ipv4Addr) -> Option<&T> {
        let (block, at) = place(address);
        self.blocks.get(&block)?.records.get(at)?.as_deref()
    }

    pub(super) fn get_mut(&mut self, address: Ipv4Addr) -> Option<&mut T> {
        let (block, at) = place(address);
        let block = self.blocks.get_mut(&block)?;
        block.records.get_mut(at)?.as_deref_mut()
    }

    /// Writes over what there was.
    pub(super) fn insert(&mut self, address: Ipv4Addr, record: T) {
        let (block, at) = place(address);
        let block = self.blocks.entry(block).or_default();
        match block.records.get_mut(at) {
            Some(Some(present)) => **present = record,
            Some(empty) => {
                *empty = Some(Box::new(record));
                block.used += 1;
            }
            // A block is as long as an octet has values.
            None => {}
        }
    }

    pub(super) fn remove(&mut self, address: Ipv4Addr) -> Option<T> {
        let (number, at) = place(address);
        let block = self.blocks.get_mut(&number)?;
        let removed = block.records.get_mut(at)?.take()?;
        block.used -= 1;
        if block.used == 0 {
            self.blocks.remove(&number);
        }
        Some(*removed)
    }

    /// From `first` on, in the order of their addresses.
    pub(super) fn from(&self, first: Ipv4Addr) -> impl Iterator<Item = &T> {
        let (block, at) = place(first);
        let mut blocks = self.blocks.range(block..);
        let begun = blocks.next().map(|(number, begun)| {
            let skipped = if *number == block { at } else { 0 };
            begun.records.iter().skip(skipped)
        });
        let rest = blocks.flat_map(|(_, block)| &block.records);
        begun
            .into_iter()
            .flatten()
            .chain(rest)
            .flatten()
            .map(|record| &**record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// It is a sorted map.
        #[test]
        fn agrees_with_a_sorted_map(
            steps in prop::collection::vec((0u32..600, any::<bool>(), any::<u8>()), 1..200),
            first in 0u32..700
        ) {
            let (mut ours, mut map) = (Records::default(), BTreeMap::new());
            for (bits, inserts, value) in steps {
                let address = Ipv4Addr::from(bits);
                if inserts {
                    ours.insert(address, value);
                    map.insert(address, value);
                } else {
                    prop_assert_eq!(ours.remove(address), map.remove(&address));
                }
                prop_assert_eq!(ours.get(address), map.get(&address));
                prop_assert_eq!(ours.get_mut(address), map.get_mut(&address));
            }
            let first = Ipv4Addr::from(first);
            let expected: Vec<_> = map.range(first..).map(|(_, value)| value).collect();
            prop_assert_eq!(ours.from(first).collect::<Vec<_>>(), expected);
            map.keys().for_each(|address| {
                let _ = ours.remove(*address);
            });
            prop_assert!(ours.blocks.is_empty());
        }
    }
}
