//! Free addresses of subnets, the lowest first: outside every range, and nobody's.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;

use ipnet::IpNet;

use super::Held;
use crate::base::addr::{AddressRange, Prefix, number, numbered};
use crate::lang::node::SubnetNode;
use crate::site::resolve::Draft;
use crate::site::taken::AllTaken;

/// What is left of each subnet that was asked.
pub(in crate::site) struct Free<'d> {
    taken: AllTaken<'d>,
    /// Addresses that keep their owners under other names, which the draft does not know yet.
    held: Held,
    /// Addresses that lose their owners now. Others may hold on to them for a while, so that they are given last.
    freed: Vec<IpAddr>,
    subnets: HashMap<usize, Left>,
}

/// The free runs of a subnet, both ends included, the lowest last; behind them what was freed just now.
struct Left {
    runs: Vec<(u128, u128)>,
}

impl<'d> Free<'d> {
    pub(super) fn new(taken: AllTaken<'d>, held: Held, mut freed: Vec<IpAddr>) -> Self {
        freed.sort_unstable();
        Self {
            taken,
            held,
            freed,
            subnets: HashMap::new(),
        }
    }

    /// All that may be taken of a subnet where nothing is freed meanwhile, as runs in the order in which they are taken.
    pub(in crate::site) fn runs(
        draft: &Draft<'_>,
        subnet: usize,
        taken: &AllTaken<'_>,
    ) -> Vec<(IpAddr, IpAddr)> {
        let Some(drafted) = draft.subnets.get(subnet) else {
            return Vec::new();
        };
        let net = drafted.node.prefix.value.net();
        let held = taken.within(drafted.domain, net.network(), net.broadcast());
        let left = Left::new(drafted.node, held.map(|one| one.ip), Vec::new());
        let is_v4 = drafted.is_v4();
        let ends =
            |(first, last): (u128, u128)| Some((numbered(is_v4, first)?, numbered(is_v4, last)?));
        left.runs.into_iter().rev().filter_map(ends).collect()
    }

    /// Takes the lowest free address of a subnet.
    pub(super) fn take(&mut self, draft: &'d Draft<'d>, subnet: usize) -> Option<IpAddr> {
        let drafted = draft.subnets.get(subnet)?;
        let is_v4 = drafted.is_v4();
        let left = match self.subnets.entry(subnet) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(vacant) => {
                let prefix = drafted.node.prefix.value;
                let place = |ip| (drafted.domain, ip);
                let net = prefix.net();
                let (first, last) = (net.network(), net.broadcast());
                let taken = self.taken.within(drafted.domain, first, last);
                let held = self.held.range(place(first)..=place(last));
                let held = taken.map(|one| one.ip).chain(held.map(|(_, ip)| *ip));
                let from = self.freed.partition_point(|ip| *ip < first);
                let to = self.freed.partition_point(|ip| *ip <= last);
                let freed = self.freed.get(from..to).unwrap_or_default().to_vec();
                vacant.insert(Left::new(drafted.node, held, freed))
            }
        };
        left.take().and_then(|number| numbered(is_v4, number))
    }
}

impl Left {
    fn new(subnet: &SubnetNode, held: impl Iterator<Item = IpAddr>, freed: Vec<IpAddr>) -> Self {
        let prefix = subnet.prefix.value;
        let range = |range: AddressRange| (number(range.first()), number(range.last()));
        let mut barred: Vec<(u128, u128)> = edges(prefix);
        barred.extend(held.map(|ip| (number(ip), number(ip))));
        barred.extend(subnet.dynamic.iter().map(|one| range(one.range.value)));
        let reserved = subnet.reserved.iter().map(|one| range(one.range.value));
        // Where something else gives the addresses, only what is reserved for this site is its to give.
        let mut open: Vec<(u128, u128)> = if subnet.managed.value() == Some(&false) {
            reserved.collect()
        } else {
            barred.extend(reserved);
            let net = prefix.net();
            vec![(number(net.network()), number(net.broadcast()))]
        };
        let barred = apart(barred);
        open.sort_unstable();
        let mut last: Vec<(u128, u128)> =
            freed.iter().map(|ip| (number(*ip), number(*ip))).collect();
        last.sort_unstable();
        let free = open.into_iter().flat_map(|run| without(run, &barred));
        let free: Vec<(u128, u128)> = free.collect();
        let is_free = |(at, _): &(u128, u128)| {
            let run = free.get(free.partition_point(|run| run.1 < *at));
            run.is_some_and(|run| run.0 <= *at)
        };
        last.retain(is_free);
        let mut runs: Vec<(u128, u128)> = free
            .iter()
            .flat_map(|run| without(*run, &last))
            .chain(last.iter().copied())
            .collect();
        runs.reverse();
        Self { runs }
    }

    fn take(&mut self) -> Option<u128> {
        let (first, last) = self.runs.pop()?;
        if first < last {
            self.runs.push((first + 1, last));
        }
        Some(first)
    }
}

/// Runs sorted, and those that meet made one.
fn apart(mut runs: Vec<(u128, u128)>) -> Vec<(u128, u128)> {
    runs.sort_unstable();
    runs.dedup_by(|(from, to), (_, before)| {
        let meets = *from <= before.saturating_add(1);
        if meets {
            *before = (*before).max(*to);
        }
        meets
    });
    runs
}

/// What is left of a run without those that are barred, which are sorted and apart.
fn without((first, last): (u128, u128), barred: &[(u128, u128)]) -> Vec<(u128, u128)> {
    let mut left = Vec::new();
    let mut next = Some(first);
    let from = barred.partition_point(|(_, to)| *to < first);
    let inside = barred
        .iter()
        .skip(from)
        .take_while(|(from, _)| *from <= last);
    for (from, to) in inside {
        let Some(at) = next else {
            return left;
        };
        if *from > at {
            left.push((at, from - 1));
        }
        next = to.checked_add(1).map(|after| after.max(at));
    }
    left.extend(next.filter(|at| *at <= last).map(|at| (at, last)));
    left
}

/// Addresses that no host of the subnet may hold, and those that routers and people take by hand.
fn edges(prefix: Prefix) -> Vec<(u128, u128)> {
    let (first, last) = (
        number(prefix.net().network()),
        number(prefix.net().broadcast()),
    );
    match prefix.net() {
        IpNet::V4(net) if net.prefix_len() < 31 => vec![(first, first), (last, last)],
        IpNet::V4(_) => Vec::new(),
        // The lowest 2^32 of a /64 are left to those who number by hand, as MAAS does.
        IpNet::V6(net) if net.prefix_len() <= 64 => vec![(first, first | 0xffff_ffff)],
        // The subnet-router anycast address (RFC 4291 2.6.1).
        IpNet::V6(net) if net.prefix_len() < 127 => vec![(first, first)],
        IpNet::V6(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_barred_is_left_out() {
        for (run, barred, left) in [
            ((1, 9), vec![], vec![(1, 9)]),
            ((1, 9), vec![(0, 0), (1, 2), (2, 4), (9, 12)], vec![(5, 8)]),
            (
                (1, 9),
                vec![(3, 3), (5, 5), (5, 5)],
                vec![(1, 2), (4, 4), (6, 9)],
            ),
            ((1, 9), vec![(0, 20)], vec![]),
            ((5, u128::MAX), vec![(7, u128::MAX)], vec![(5, 6)]),
            ((1, 9), vec![(2, 8), (3, 4)], vec![(1, 1), (9, 9)]),
        ] {
            assert_eq!(without(run, &barred), left, "{run:?} without {barred:?}");
        }
    }
}
