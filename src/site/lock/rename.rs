//! Hosts that have each other's names now: what the lock has under an old name is filed under the new one, all at once.
//!
//! One name for another is no matter, since nobody has the old one. Where the new name was another host's, the lock has entries
//! under both, and those under the old name tell that the move is still to be made: once it is, nobody has them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{LockChange, LockKey, key_of};
use crate::base::name::HostName;
use crate::diag::span::Spanned;
use crate::lang::LockEntry;
use crate::lang::node::Declarations;

/// What was filed under another name.
#[derive(Default)]
pub(super) struct Renamed {
    /// The old keys by the new ones.
    from: BTreeMap<LockKey, LockKey>,
    /// What was under a new name before, and is nobody's.
    freed: Vec<(LockKey, IpAddr)>,
}

impl Renamed {
    /// The key that the lock had an entry under, where that is another one.
    pub(super) fn before(&self, key: &LockKey) -> Option<&LockKey> {
        self.from.get(key)
    }

    /// What became of an entry that its host keeps.
    pub(super) fn change(&self, key: &LockKey, address: IpAddr) -> Option<LockChange> {
        let from = self.before(key)?.clone();
        let key = key.clone();
        Some(LockChange::Moved { key, address, from })
    }

    /// All that nobody asks for, with what is left of the entries.
    pub(super) fn freed(&self, left: BTreeMap<LockKey, IpAddr>) -> BTreeMap<LockKey, IpAddr> {
        let left = left.into_iter();
        let left = left.map(|(key, address)| (self.before(&key).cloned().unwrap_or(key), address));
        left.chain(self.freed.iter().cloned()).collect()
    }
}

/// Files the lock's entries under the names that their hosts have now.
pub(super) fn rename(declarations: &mut Declarations) -> Renamed {
    let mut renamed = Renamed::default();
    let Some(lock) = &declarations.lock else {
        return renamed;
    };
    let locked: BTreeSet<&HostName> = lock.entries.iter().map(|entry| &entry.host).collect();
    let new = new_names(declarations, &locked);
    if new.is_empty() {
        return renamed;
    }
    let taken: BTreeSet<&HostName> = new.values().collect();
    let mut entries = Vec::with_capacity(lock.entries.len());
    for entry in &lock.entries {
        match new.get(&entry.host) {
            Some(host) => {
                let host = host.clone();
                let now = LockEntry {
                    host,
                    ..entry.clone()
                };
                renamed.from.insert(key_of(&now), key_of(entry));
                entries.push(now);
            }
            None if taken.contains(&entry.host) => {
                renamed.freed.push((key_of(entry), entry.address.value))
            }
            None => entries.push(entry.clone()),
        }
    }
    if let Some(lock) = &mut declarations.lock {
        lock.entries = entries;
    }
    renamed
}

/// The new names by the old ones, of hosts whose new names others had.
fn new_names(
    declarations: &Declarations,
    locked: &BTreeSet<&HostName>,
) -> BTreeMap<HostName, HostName> {
    let controllers = declarations.controllers.iter();
    let controllers = controllers.map(|node| (&node.name.value, node.moved.as_slice()));
    let machines = declarations.machines.iter();
    let machines = machines.map(|node| (&node.name.value, node.moved.as_slice()));
    let hosts: BTreeMap<&HostName, &[Spanned<HostName>]> = controllers.chain(machines).collect();
    // Of several old names the first counts that the lock knows.
    let steps = hosts.iter().filter_map(|(now, moved)| {
        let old = moved.iter().find(|old| locked.contains(&old.value))?;
        Some((&old.value, *now))
    });
    let steps: BTreeMap<&HostName, &HostName> = steps.collect();
    let mut new = BTreeMap::new();
    // Where no name is gone, the hosts are where they belong.
    for gone in steps.keys().filter(|old| !hosts.contains_key(*old)) {
        let path = std::iter::successors(Some(*gone), |name| steps.get(name).copied());
        let path: Vec<&HostName> = path.collect();
        if !path.iter().skip(1).any(|name| locked.contains(name)) {
            continue;
        }
        let pairs = path.iter().zip(path.iter().skip(1));
        new.extend(pairs.map(|(old, now)| ((*old).clone(), (*now).clone())));
    }
    new
}
