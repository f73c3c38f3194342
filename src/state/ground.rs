//! What things stand on, found fast: a state with its addresses by their prefixes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{Key, State};
use crate::base::addr::{InterfaceAddr, Prefix};
use crate::base::name::HostName;

/// A state to look into.
pub struct Ground<'a> {
    pub(super) state: &'a State,
    by_prefix: BTreeMap<Prefix, Vec<&'a Key>>,
    /// The prefix lengths that addresses have, of IPv4 and of IPv6.
    lengths: [BTreeSet<u8>; 2],
}

impl<'a> Ground<'a> {
    pub fn new(state: &'a State) -> Self {
        let mut ground = Self {
            state,
            by_prefix: BTreeMap::new(),
            lengths: [BTreeSet::new(), BTreeSet::new()],
        };
        for key in state.keys() {
            if let Key::Address { address, .. } = key {
                let [v4, v6] = &mut ground.lengths;
                let lengths = if address.ip().is_ipv4() { v4 } else { v6 };
                lengths.insert(address.prefix_len());
                let prefix = address.prefix();
                ground.by_prefix.entry(prefix).or_default().push(key);
            }
        }
        ground
    }

    /// The addresses of `owner` in whose prefixes `via` lies.
    pub(super) fn reaching(&self, owner: &HostName, via: IpAddr) -> impl Iterator<Item = &'a Key> {
        let [v4, v6] = &self.lengths;
        let lengths = if via.is_ipv4() { v4 } else { v6 };
        let prefixes = lengths.iter().filter_map(move |length| {
            let address = InterfaceAddr::new(via, *length).ok()?;
            self.by_prefix.get(&Prefix::holding(address))
        });
        prefixes.flatten().copied().filter(
            move |key| matches!(key, Key::Address { controller, .. } if controller == owner),
        )
    }
}
