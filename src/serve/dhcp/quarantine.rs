//! How much of a subnet is out of use by the word of clients alone (DECLINE, RFC 2131 4.3.3): whoever makes up clients can decline all
//! that these get. Part of the engine, and as pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::ending::Becomes;
use super::engine::{Action, Engine};
use super::lease::Lease;
use crate::base::addr::Prefix;

/// What share of a subnet's dynamic addresses can be out of use by that: one in so many.
const SHARE: u64 = 2;

/// What clients declined, by subnet: since when, and which. Neither what is reserved, which its host alone can decline, nor what was
/// found in use without them.
#[derive(Debug, Default)]
pub(super) struct Quarantine(BTreeMap<Option<Prefix>, BTreeSet<(u64, u32)>>);

/// Since when an address is out of use.
fn declined(lease: &Lease) -> (u64, u32) {
    (lease.since, lease.address.to_bits())
}

impl Quarantine {
    pub(super) fn add(&mut self, subnet: Option<Prefix>, lease: &Lease) {
        self.0.entry(subnet).or_default().insert(declined(lease));
    }

    /// Forgets an address, where it is one of them.
    pub(super) fn take(&mut self, subnet: Option<Prefix>, lease: &Lease) {
        let Some(within) = self.0.get_mut(&subnet) else {
            return;
        };
        within.remove(&declined(lease));
        if within.is_empty() {
            self.0.remove(&subnet);
        }
    }

    /// The same addresses under new subnets.
    pub(super) fn sort(&mut self, subnet_of: impl Fn(Ipv4Addr) -> Option<Prefix>) {
        for declined in std::mem::take(&mut self.0).into_values().flatten() {
            let subnet = subnet_of(Ipv4Addr::from(declined.1));
            self.0.entry(subnet).or_default().insert(declined);
        }
    }

    /// The address that was declined first, where more than `most` of the subnet are out of use; `last` is the one declined now.
    fn beyond(&self, subnet: Prefix, most: u64, last: Ipv4Addr) -> Option<Ipv4Addr> {
        let within = self.0.get(&Some(subnet))?;
        let count = u64::try_from(within.len()).unwrap_or(u64::MAX);
        let mut all = within.iter().map(|(_, at)| Ipv4Addr::from(*at));
        all.find(|address| count > most && *address != last)
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> BTreeSet<(Option<Prefix>, Ipv4Addr)> {
        let each = self.0.iter();
        let each = each.flat_map(|(subnet, within)| within.iter().map(|(_, at)| (*subnet, *at)));
        each.map(|(subnet, at)| (subnet, Ipv4Addr::from(at)))
            .collect()
    }
}

impl Engine {
    /// A client has declined `address`: where more than half of its subnet is out of use by that, what was declined first is free again,
    /// and told.
    pub(super) fn bound_quarantine(
        &mut self,
        address: Ipv4Addr,
        now: u64,
        out: &mut Vec<Action>,
    ) -> Option<Ipv4Addr> {
        let subnet = self.config.scope_of(address)?.subnet;
        let most = self.table.usage.size_of(subnet).div_ceil(SHARE);
        let first = self.table.quarantine.beyond(subnet, most, address)?;
        self.end(first, Becomes::Free, now, out);
        self.counters.freed_early += 1;
        Some(first)
    }
}
