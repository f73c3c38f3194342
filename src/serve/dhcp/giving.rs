//! Offers that nobody has taken up give way once nothing else is free, so that no number of DISCOVERs keeps newcomers out. Part of the
//! engine, and as pure.
//!
//! The origin that has most of them gives its oldest: whoever floods the server loses its own offers, and where everybody asks once
//! none is lost that could be kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::Ipv4Addr;

use super::ask::Ask;
use super::circuit::Circuit;
use super::config::{Config, Served};
use super::engine::Engine;
use crate::base::addr::Prefix;

/// How many offers of one origin are left alone: firmware that contends for the last addresses, and collects offers for seconds, would
/// else take them from each other by turns.
const LEFT_ALONE: usize = 16;

/// Where clients ask from: a circuit of a relay agent, else all of a subnet that no agent tells more of.
pub(super) type Origin = Option<Circuit>;

/// Offers that nobody has taken up yet, by the subnet in whose ranges they are; those in none may be in one again.
#[derive(Debug, Default)]
pub(super) struct Offers(BTreeMap<Option<Prefix>, InSubnet>);

#[derive(Debug, Default)]
struct InSubnet {
    /// Their numbers and addresses: the oldest first.
    by_origin: HashMap<Origin, BTreeSet<(u64, u32)>>,
    /// How many there are from each.
    ranks: BTreeSet<(usize, Origin)>,
}

impl InSubnet {
    fn rank(&mut self, origin: Origin, before: usize, after: usize) {
        if before > 0 {
            self.ranks.remove(&(before, origin));
        }
        if after > 0 {
            self.ranks.insert((after, origin));
        }
    }

    /// The origin that gives way to one that has `own` offers itself, and how many it has.
    fn heaviest(&self, origin: Origin) -> Option<(usize, Origin)> {
        let (most, other) = *self.ranks.last()?;
        let own = self.count(origin);
        Some(if own == most {
            (own, origin)
        } else {
            (most, other)
        })
    }

    fn count(&self, origin: Origin) -> usize {
        self.by_origin.get(&origin).map_or(0, BTreeSet::len)
    }
}

impl Offers {
    pub(super) fn add(&mut self, subnet: Option<Prefix>, origin: Origin, offer: (u64, u32)) {
        let within = self.0.entry(subnet).or_default();
        let offers = within.by_origin.entry(origin).or_default();
        let before = offers.len();
        offers.insert(offer);
        let after = offers.len();
        within.rank(origin, before, after);
    }

    /// Forgets an offer, where it is one.
    pub(super) fn take(&mut self, subnet: Option<Prefix>, origin: Origin, offer: (u64, u32)) {
        let Some(within) = self.0.get_mut(&subnet) else {
            return;
        };
        let Some(offers) = within.by_origin.get_mut(&origin) else {
            return;
        };
        let before = offers.len();
        offers.remove(&offer);
        let after = offers.len();
        if after == 0 {
            within.by_origin.remove(&origin);
        }
        within.rank(origin, before, after);
        if within.by_origin.is_empty() {
            self.0.remove(&subnet);
        }
    }

    /// The same offers under new subnets.
    pub(super) fn sort(&mut self, subnet_of: impl Fn(Ipv4Addr) -> Option<Prefix>) {
        for within in std::mem::take(&mut self.0).into_values() {
            let ranks = within.ranks.iter();
            let all = ranks.filter_map(|(_, origin)| within.by_origin.get_key_value(origin));
            for (origin, offers) in all {
                for offer @ (_, address) in offers {
                    let subnet = subnet_of(Ipv4Addr::from(*address));
                    self.add(subnet, *origin, *offer);
                }
            }
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        let all = self.0.values().flat_map(|within| &within.ranks);
        all.map(|(count, _)| count).sum()
    }

    /// The offer that may give way to a newcomer: the oldest of the origin that has most, unless that is the newcomer's own or nearly,
    /// and they are few.
    fn giving(&self, subnet: Prefix, origin: Origin) -> Option<Ipv4Addr> {
        let within = self.0.get(&Some(subnet))?;
        let (most, from) = within.heaviest(origin)?;
        let gives = most > LEFT_ALONE || most >= within.count(origin) + 2;
        let (_, oldest) = within.by_origin.get(&from).filter(|_| gives)?.first()?;
        Some(Ipv4Addr::from(*oldest))
    }
}

impl Config {
    /// The subnet of the dynamic range that holds `address`.
    pub(super) fn range_of(&self, address: Ipv4Addr) -> Option<Prefix> {
        let served = self.scope_of(address)?;
        served.pools_hold(address).then_some(served.subnet)
    }

    /// Whether its dynamic ranges hold what those of `other` do.
    pub(super) fn has_ranges_of(&self, other: &Self) -> bool {
        fn range(served: &Served) -> (Prefix, &[(Ipv4Addr, Ipv4Addr)], Ipv4Addr) {
            (served.subnet, served.pools(), served.scope.server)
        }
        self.scopes().map(range).eq(other.scopes().map(range))
    }
}

impl Engine {
    /// How many offers wait to be taken up, reserved addresses aside.
    pub fn offered(&self) -> usize {
        self.table.offers().count()
    }

    /// The address of an offer that gives way to this client, where nothing else is free. Its former client is refused it, and asks
    /// anew.
    pub(super) fn given_way<'a>(
        &mut self,
        ask: &Ask<'_>,
        scopes: impl Iterator<Item = &'a Served>,
    ) -> Option<(&'a Served, Ipv4Addr)> {
        let origin = Circuit::of(ask.asker.agent.as_deref());
        let found = { scopes }.find_map(|served| {
            let address = self.table.offers().giving(served.subnet, origin)?;
            Some((served, address))
        });
        self.counters.given_way += u64::from(found.is_some());
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whose offers give way, in a subnet where the origins have so many.
    #[test]
    fn who_has_most_gives_its_oldest() {
        let subnet: Prefix = "10.0.0.0/24".parse().unwrap();
        let origin =
            |number: u8| (number > 0).then(|| Circuit::new(Ipv4Addr::UNSPECIFIED, &[number], &[]));
        for (has, asks, expected) in [
            (&[][..], 0, None),
            (&[(0, 1)], 0, None),
            (&[(0, 1)], 1, None),
            (&[(0, 2)], 1, Some(0)),
            (&[(0, 16)], 0, None),
            (&[(0, 17)], 0, Some(0)),
            (&[(0, 3), (1, 5)], 0, Some(1)),
            (&[(0, 4), (1, 5)], 0, None),
            (&[(0, 20), (1, 21)], 0, Some(1)),
            (&[(0, 5), (1, 5)], 0, None),
            (&[(0, 20), (1, 20)], 0, Some(0)),
            (&[(0, 20), (1, 20)], 1, Some(1)),
            (&[(0, 5), (1, 5)], 2, Some(1)),
        ] {
            let mut offers = Offers::default();
            for (from, count) in has {
                for number in (0..*count).rev() {
                    let address = u32::from(*from) * 256 + number;
                    offers.add(Some(subnet), origin(*from), (u64::from(number), address));
                }
            }
            offers.sort(|_| Some(subnet));
            let giving = offers.giving(subnet, origin(asks));
            let found = giving.map(|oldest| {
                let [_, _, from, number] = oldest.octets();
                assert_eq!(number, 0, "the oldest");
                from
            });
            assert_eq!(found, expected, "{has:?} {asks}");
            let total = has
                .iter()
                .map(|(_, count)| usize::try_from(*count).unwrap());
            assert_eq!(offers.count(), total.sum::<usize>());
        }
    }
}
