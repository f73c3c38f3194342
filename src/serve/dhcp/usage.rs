//! How full the dynamic ranges of each subnet are, kept as leases begin and end; and what is told of that. Pure.
//!
//! A subnet's ranges count together: they are handed out one after the other, so that the first of several is nearly always full.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::config::{Config, Served};
use super::engine::{Action, Engine};
use super::event::Event;
use crate::base::addr::Prefix;
use crate::base::percent::Percent;
use crate::base::vlan::VlanPath;

/// How far below a threshold use must fall before that is told, in percent: one lease that comes and goes is no news.
const CALM_PERCENT: u8 = 5;

/// How many addresses are in use among 256 that lie side by side, by what these begin with: a range is counted without a look at each of
/// its addresses.
#[derive(Debug, Default)]
struct Tally(BTreeMap<u32, u32>);

impl Tally {
    fn note(&mut self, address: Ipv4Addr, is_used: bool) {
        let page = address.to_bits() >> 8;
        let count = self.0.entry(page).or_default();
        *count = match is_used {
            true => *count + 1,
            false => count.saturating_sub(1),
        };
        if *count == 0 {
            self.0.remove(&page);
        }
    }

    /// How many are in use from `first` to `last`; `few` tells that of what is less than 256 side by side.
    fn count(
        &self,
        (first, last): (Ipv4Addr, Ipv4Addr),
        few: impl Fn(Ipv4Addr, Ipv4Addr) -> u64,
    ) -> u64 {
        let (page, end) = (first.to_bits() >> 8, last.to_bits() >> 8);
        if page >= end {
            return if first <= last { few(first, last) } else { 0 };
        }
        let between = (page + 1 < end).then(|| self.0.range(page + 1..end));
        let within = between.into_iter().flatten();
        let within: u64 = within.map(|(_, count)| u64::from(*count)).sum();
        few(first, (first.to_bits() | 0xff).into()) + within + few((end << 8).into(), last)
    }
}

/// How full each subnet is.
#[derive(Debug, Default)]
pub(super) struct Usage {
    tally: Tally,
    scopes: Vec<ScopeUsage>,
    /// All ranges, in their order, each with the place of its scope.
    pools: Vec<(Ipv4Addr, Ipv4Addr, usize)>,
    /// Scopes whose use has changed since it was looked at.
    changed: Vec<usize>,
    /// Thresholds that are no more and were told as reached, which nobody has been told of yet; the last one is told first.
    gone: Vec<Event>,
}

#[derive(Debug)]
struct ScopeUsage {
    vlan: Arc<VlanPath>,
    subnet: Prefix,
    pools: Vec<(Ipv4Addr, Ipv4Addr)>,
    /// Ascending.
    thresholds: Vec<Threshold>,
    size: u64,
    used: u64,
    is_changed: bool,
}

#[derive(Debug)]
struct Threshold {
    percent: Percent,
    /// Whether it is reached, as was told last.
    is_told: bool,
}

impl Usage {
    /// Takes the ranges of a new configuration; `few` tells how many addresses of a short range are in use, and is asked about the ends
    /// of ranges alone that were not there before.
    pub(super) fn set(&mut self, config: &Config, few: impl Fn(Ipv4Addr, Ipv4Addr) -> u64) {
        let before = std::mem::take(&mut self.scopes);
        self.changed.clear();
        for served in config.scopes() {
            let Some(vlan) = config.vlan(served.vlan) else {
                continue;
            };
            let known = before.binary_search_by_key(&served.subnet, |old| old.subnet);
            let old = known.ok().and_then(|at| before.get(at));
            let known = old.filter(|old| old.pools == served.pools());
            let ranges = served.pools().iter();
            let thresholds = served.scope.thresholds.iter().map(|percent| Threshold {
                percent: *percent,
                is_told: old.is_some_and(|old| old.is_told(*percent)),
            });
            let used = || ranges.map(|range| self.tally.count(*range, &few)).sum();
            self.changed.push(self.scopes.len());
            self.scopes.push(ScopeUsage {
                vlan: Arc::clone(vlan),
                subnet: served.subnet,
                pools: served.pools().to_vec(),
                thresholds: thresholds.collect(),
                size: size(served),
                used: known.map_or_else(used, |old| old.used),
                is_changed: true,
            });
        }
        let pools = self.scopes.iter().enumerate().flat_map(|(at, scope)| {
            let own = scope.pools.iter();
            own.map(move |(first, last)| (*first, *last, at))
        });
        self.pools = pools.collect();
        self.pools.sort_unstable();
        self.forget(&before);
    }

    /// Whoever was told that one of these thresholds is reached is told that it is no more. By their subnets, each in order.
    fn forget(&mut self, before: &[ScopeUsage]) {
        for old in before.iter().rev() {
            let now = self
                .scopes
                .binary_search_by_key(&old.subnet, |scope| scope.subnet);
            let now = now.ok().and_then(|at| self.scopes.get(at));
            let is_kept = |percent| now.is_some_and(|scope| scope.has(percent));
            let told = old.thresholds.iter().filter(|own| own.is_told);
            let gone = told.filter(|own| !is_kept(own.percent));
            self.gone.extend(gone.map(|own| Event::Threshold {
                vlan: Arc::clone(&old.vlan),
                subnet: old.subnet,
                threshold: own.percent,
                used: old.used,
                size: old.size,
                is_above: false,
                is_watched: false,
            }));
        }
    }

    /// An address is in use, or no longer.
    pub(super) fn note(&mut self, address: Ipv4Addr, is_used: bool) {
        self.tally.note(address, is_used);
        let after = self.pools.partition_point(|(first, ..)| *first <= address);
        let pool = after.checked_sub(1).and_then(|at| self.pools.get(at));
        let Some((_, _, at)) = pool.filter(|(_, last, _)| address <= *last) else {
            return;
        };
        let Some(scope) = self.scopes.get_mut(*at) else {
            return;
        };
        scope.used = match is_used {
            true => scope.used + 1,
            false => scope.used.saturating_sub(1),
        };
        if !scope.is_changed {
            scope.is_changed = true;
            self.changed.push(*at);
        }
    }

    /// How many addresses the dynamic ranges of a subnet have.
    pub(super) fn size_of(&self, subnet: Prefix) -> u64 {
        let known = self
            .scopes
            .binary_search_by_key(&subnet, |scope| scope.subnet);
        let scope = known.ok().and_then(|at| self.scopes.get(at));
        scope.map_or(0, |scope| scope.size)
    }

    /// What is to be told next: of thresholds that are no more, then of the scopes whose use has changed.
    fn next_news(&mut self) -> Option<Event> {
        if let Some(event) = self.gone.pop() {
            return Some(event);
        }
        while let Some(at) = self.changed.last() {
            if let Some(scope) = self.scopes.get_mut(*at) {
                if let Some(event) = scope.next_news() {
                    return Some(event);
                }
                scope.is_changed = false;
            }
            self.changed.pop();
        }
        None
    }
}

/// The addresses of a scope's ranges that a client may get.
fn size(served: &Served) -> u64 {
    let of = |address: Ipv4Addr| u64::from(u32::from(address));
    let ranges = served.pools().iter();
    let all: u64 = ranges.map(|(first, last)| of(*last) - of(*first) + 1).sum();
    let barred = served.barred().filter(|own| {
        let mut ranges = served.pools().iter();
        ranges.any(|(first, last)| (*first..=*last).contains(own))
    });
    all.saturating_sub(u64::try_from(barred.count()).unwrap_or(0))
}

impl ScopeUsage {
    fn has(&self, percent: Percent) -> bool {
        self.thresholds.iter().any(|own| own.percent == percent)
    }

    fn is_told(&self, percent: Percent) -> bool {
        let mut told = self.thresholds.iter().filter(|own| own.is_told);
        told.any(|own| own.percent == percent)
    }

    /// Tells of one threshold that was reached, or that use has fallen well below; the nearest to what use was is the first.
    fn next_news(&mut self) -> Option<Event> {
        let Self { used, size, .. } = *self;
        let is_above = |own: &&mut Threshold| {
            !own.is_told && size > 0 && used * 100 >= u64::from(own.percent.number()) * size
        };
        let is_below = |own: &&mut Threshold| {
            let calm = own.percent.number().saturating_sub(CALM_PERCENT);
            own.is_told && used * 100 <= u64::from(calm) * size
        };
        let crossed = match self.thresholds.iter_mut().find(is_above) {
            Some(reached) => reached,
            None => self.thresholds.iter_mut().rev().find(is_below)?,
        };
        crossed.is_told = !crossed.is_told;
        Some(Event::Threshold {
            vlan: Arc::clone(&self.vlan),
            subnet: self.subnet,
            threshold: crossed.percent,
            used,
            size,
            is_above: crossed.is_told,
            is_watched: true,
        })
    }
}

impl Engine {
    /// Tells of subnets that have reached a threshold, or fallen below it.
    pub(super) fn tell_usage(&mut self, out: &mut Vec<Action>) {
        while let Some(event) = self.table.usage.next_news() {
            out.push(Action::Event(event));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Few enough that they meet, at the ends of pages and of what there is.
    fn address() -> impl Strategy<Value = Ipv4Addr> {
        let octet = || prop_oneof![Just(0u8), Just(1), Just(2), Just(254), Just(255)];
        let octets = (octet(), octet(), octet(), octet());
        octets.prop_map(|(a, b, c, d)| Ipv4Addr::new(a, b, c, d))
    }

    proptest! {
        /// It counts what a look at each would, and looks at no more than the ends of a range.
        #[test]
        fn a_tally_agrees_with_a_set(
            steps in prop::collection::vec((address(), any::<bool>()), 1..200),
            ranges in prop::collection::vec((address(), address()), 1..20)
        ) {
            let (mut tally, mut set) = (Tally::default(), BTreeSet::new());
            for (address, is_used) in steps {
                let changes = if is_used { set.insert(address) } else { set.remove(&address) };
                if changes {
                    tally.note(address, is_used);
                }
            }
            let within = |first: Ipv4Addr, last: Ipv4Addr| {
                let own = set.iter().filter(|own| (first..=last).contains(*own));
                u64::try_from(own.count()).unwrap()
            };
            for (first, last) in ranges {
                let few = |first: Ipv4Addr, last: Ipv4Addr| {
                    assert!(last.to_bits() - first.to_bits() < 256, "{first} to {last}");
                    within(first, last)
                };
                prop_assert_eq!(tally.count((first, last), few), within(first, last));
            }
            for address in std::mem::take(&mut set) {
                tally.note(address, false);
            }
            prop_assert!(tally.0.is_empty());
        }
    }
}
