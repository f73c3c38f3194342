//! How full the dynamic ranges of each subnet are, kept as leases begin and end; and what is told of that. Pure.
//!
//! A subnet's ranges count together: they are handed out one after the other, so that the first of several is nearly always full.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::config::{Config, Served};
use super::engine::{Action, Engine};
use super::event::Event;
use crate::base::addr::Prefix;
use crate::base::percent::Percent;
use crate::base::vlan::VlanPath;

/// How far below a threshold use must fall before that is told, in percent: one lease that comes and goes is no news.
const CALM_PERCENT: u8 = 5;

/// How full each subnet is.
#[derive(Debug, Default)]
pub(super) struct Usage {
    scopes: Vec<ScopeUsage>,
    /// All ranges, in their order, each with the place of its scope.
    pools: Vec<(Ipv4Addr, Ipv4Addr, usize)>,
    /// Scopes whose use has changed since it was looked at.
    changed: Vec<usize>,
}

#[derive(Debug)]
struct ScopeUsage {
    vlan: Arc<VlanPath>,
    subnet: Prefix,
    pools: Vec<(Ipv4Addr, Ipv4Addr)>,
    /// Ascending.
    thresholds: Vec<Percent>,
    size: u64,
    used: u64,
    /// How many of the thresholds are reached, as was told last.
    told: usize,
    is_changed: bool,
}

impl Usage {
    /// Takes the ranges of a new configuration; `count` tells how many addresses of a range are in use, and is asked about ranges alone
    /// that were not there before.
    pub(super) fn set(&mut self, config: &Config, count: impl Fn(Ipv4Addr, Ipv4Addr) -> u64) {
        let before = std::mem::take(&mut self.scopes);
        self.changed.clear();
        for served in config.scopes() {
            let Some(vlan) = config.vlan(served.vlan) else {
                continue;
            };
            let known = before.binary_search_by_key(&served.subnet, |old| old.subnet);
            let known = known.ok().and_then(|at| before.get(at));
            let known = known.filter(|old| old.pools == served.pools());
            let ranges = served.pools().iter();
            let thresholds: Vec<Percent> = served.scope.thresholds.iter().copied().collect();
            let told = known.filter(|old| old.thresholds == thresholds);
            let used = || ranges.map(|(first, last)| count(*first, *last)).sum();
            self.changed.push(self.scopes.len());
            self.scopes.push(ScopeUsage {
                vlan: Arc::clone(vlan),
                subnet: served.subnet,
                pools: served.pools().to_vec(),
                told: told.map_or(0, |old| old.told),
                thresholds,
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
    }

    /// An address is in use, or no longer.
    pub(super) fn note(&mut self, address: Ipv4Addr, is_used: bool) {
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

    /// What is to be told of a scope whose use has changed.
    fn next_news(&mut self) -> Option<Event> {
        while let Some(at) = self.changed.pop() {
            let Some(scope) = self.scopes.get_mut(at) else {
                continue;
            };
            scope.is_changed = false;
            if let Some(event) = scope.news() {
                return Some(event);
            }
        }
        None
    }
}

/// The addresses of a scope's ranges that a client may get.
fn size(served: &Served) -> u64 {
    let of = |address: Ipv4Addr| u64::from(u32::from(address));
    let ranges = served.pools().iter();
    let all: u64 = ranges.map(|(first, last)| of(*last) - of(*first) + 1).sum();
    let net = served.subnet.net();
    let edges = [net.network(), net.broadcast()].into_iter();
    let edges = edges.filter(|edge| served.subnet.is_edge(*edge));
    let barred = edges.chain([IpAddr::V4(served.scope.server)]);
    let barred = barred.filter(|own| {
        let mut ranges = served.pools().iter();
        ranges.any(|(first, last)| (IpAddr::V4(*first)..=IpAddr::V4(*last)).contains(own))
    });
    all.saturating_sub(u64::try_from(barred.count()).unwrap_or(0))
}

impl ScopeUsage {
    fn is_at_least(&self, percent: u8) -> bool {
        self.used * 100 >= u64::from(percent) * self.size
    }

    /// Tells that a threshold was reached, or that use has fallen well below it.
    fn news(&mut self) -> Option<Event> {
        let reached = |own: &&Percent| self.is_at_least(own.number());
        let reached = self.thresholds.iter().take_while(reached).count();
        let is_calm = |own: &Percent| {
            let calm = own.number().saturating_sub(CALM_PERCENT);
            self.used * 100 <= u64::from(calm) * self.size
        };
        let kept = self
            .thresholds
            .iter()
            .take_while(|own| !is_calm(own))
            .count();
        let told = self.told;
        let (is_above, crossed) = if self.size > 0 && reached > told {
            self.told = reached;
            (true, reached.checked_sub(1)?)
        } else if kept < told {
            self.told = kept;
            (false, kept)
        } else {
            return None;
        };
        Some(Event::Threshold {
            vlan: Arc::clone(&self.vlan),
            subnet: self.subnet,
            threshold: *self.thresholds.get(crossed)?,
            used: self.used,
            size: self.size,
            is_above,
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
