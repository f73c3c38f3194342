//! Addresses, found at once by something that is kept elsewhere. Takes nine octets each where a map of keys would take a hundred.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::Ipv4Addr;

use hashbrown::HashTable;
use smallvec::SmallVec;

/// A few addresses: mostly one or two.
pub type Addresses = SmallVec<[Ipv4Addr; 2]>;

/// Addresses by a key that each has. Whoever calls knows the keys, and tells the same of an address for as long as it is here.
#[derive(Debug, Default)]
pub struct AddressIndex {
    entries: HashTable<Entry>,
    /// Secret, since keys come from the network.
    hasher: RandomState,
}

#[derive(Debug)]
struct Entry {
    /// Of the key: half of it, so that a table can grow without asking for a million keys.
    hash: u32,
    address: u32,
}

impl Entry {
    fn spread(&self) -> u64 {
        spread(self.hash)
    }
}

/// A table looks at the lowest bits and at the highest.
fn spread(hash: u32) -> u64 {
    let hash = u64::from(hash);
    hash << 32 | hash
}

impl AddressIndex {
    /// Makes room for as many more.
    pub fn reserve(&mut self, count: usize) {
        self.entries.reserve(count, Entry::spread);
    }

    /// The addresses whose key is `key`, in their order.
    pub fn of<'k, K: Hash + Eq + ?Sized + 'k>(
        &self,
        key: &K,
        key_of: impl Fn(Ipv4Addr) -> Option<&'k K>,
    ) -> Addresses {
        let alike = self.alike(self.hash(key));
        let mut own: Addresses = alike
            .filter(|address| key_of(*address) == Some(key))
            .collect();
        own.sort_unstable();
        own
    }

    fn alike(&self, hash: u32) -> impl Iterator<Item = Ipv4Addr> {
        let alike = self.entries.iter_hash(spread(hash));
        let alike = alike.filter(move |entry| entry.hash == hash);
        alike.map(|entry| entry.address.into())
    }

    /// Puts in an address that is not here.
    pub fn insert<K: Hash + ?Sized>(&mut self, key: &K, address: Ipv4Addr) {
        self.put(self.entry(key, address));
    }

    /// The same; tells whether it is the only one of its key.
    pub fn insert_only<'k, K: Hash + Eq + ?Sized + 'k>(
        &mut self,
        key: &K,
        address: Ipv4Addr,
        key_of: impl Fn(Ipv4Addr) -> Option<&'k K>,
    ) -> bool {
        let entry = self.entry(key, address);
        let is_only = self
            .alike(entry.hash)
            .all(|other| key_of(other) != Some(key));
        self.put(entry);
        is_only
    }

    /// Puts in many that are not here. In a large index each place is far off in memory: put in one right after the other, many are
    /// waited for at once.
    pub fn extend<'k, K: Hash + ?Sized + 'k>(
        &mut self,
        own: impl IntoIterator<Item = (&'k K, Ipv4Addr)>,
    ) {
        let own = own.into_iter();
        let entries: Vec<Entry> = own.map(|(key, address)| self.entry(key, address)).collect();
        entries.into_iter().for_each(|entry| self.put(entry));
    }

    fn entry<K: Hash + ?Sized>(&self, key: &K, address: Ipv4Addr) -> Entry {
        let (hash, address) = (self.hash(key), address.to_bits());
        Entry { hash, address }
    }

    fn put(&mut self, entry: Entry) {
        self.entries
            .insert_unique(entry.spread(), entry, Entry::spread);
    }

    /// Takes out an address whose key is `key`.
    pub fn remove<K: Hash + ?Sized>(&mut self, key: &K, address: Ipv4Addr) {
        let hash = spread(self.hash(key));
        let is_it = |entry: &Entry| entry.address == address.to_bits();
        if let Ok(found) = self.entries.find_entry(hash, is_it) {
            found.remove();
        }
    }

    fn hash<K: Hash + ?Sized>(&self, key: &K) -> u32 {
        let [a, b, c, d, ..] = self.hasher.hash_one(key).to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// It is a map of sets, in few keys and in many.
        #[test]
        fn agrees_with_a_map_of_sets(
            at_once in prop::collection::btree_map((40u32..60).prop_map(Ipv4Addr::from), 0u8..6, 0..20),
            steps in prop::collection::vec((0u32..60, any::<bool>(), 0u8..6), 1..200)
        ) {
            let (mut ours, mut keys) = (AddressIndex::default(), at_once);
            ours.reserve(9);
            ours.extend(keys.iter().map(|(address, key)| (key, *address)));
            for (number, inserts, key) in steps {
                let address = Ipv4Addr::from(number);
                if let Some(before) = keys.remove(&address) {
                    ours.remove(&before, address);
                }
                if inserts && number % 2 == 0 {
                    let is_only = ours.insert_only(&key, address, |address| keys.get(&address));
                    prop_assert_eq!(is_only, !keys.values().any(|other| *other == key));
                    keys.insert(address, key);
                } else if inserts {
                    keys.insert(address, key);
                    ours.insert(&key, address);
                }
            }
            prop_assert_eq!(ours.len(), keys.len());
            prop_assert_eq!(ours.is_empty(), keys.is_empty());
            for key in 0..6 {
                let all = keys.iter().filter(|(_, own)| **own == key);
                let expected: BTreeSet<Ipv4Addr> = all.map(|(address, _)| *address).collect();
                let found = ours.of(&key, |address| keys.get(&address));
                prop_assert!(found.iter().eq(&expected));
            }
        }
    }
}
