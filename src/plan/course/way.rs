//! Where packets to an address go, at each time of a plan: the longest prefix, then the lowest metric, as the kernel looks it up.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Course, Holder, Lane, Standing, prefixes};
use crate::base::addr::Prefix;
use crate::base::name::LinkName;
use crate::base::route::RouteKind;
use crate::state::Hop;

/// Where packets leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) struct Way<'a> {
    pub(in crate::plan) link: Option<&'a LinkName>,
    /// None for neighbours.
    pub(in crate::plan) via: Option<IpAddr>,
    metric: u32,
    /// What the link can do for them.
    pub(in crate::plan) standing: Standing,
}

impl<'a> Course<'a> {
    /// The way to `remote` at `time`; none where no route is for it. One that drops packets is for it, and is not open.
    pub(in crate::plan) fn way(&self, remote: IpAddr, time: usize) -> Option<Way<'a>> {
        prefixes(remote).find_map(|prefix| self.way_by(prefix, time))
    }

    /// The way that the routes of exactly one prefix give.
    pub(in crate::plan) fn way_by(&self, prefix: Prefix, time: usize) -> Option<Way<'a>> {
        let connected = self.by_prefix.get(&prefix).into_iter().flatten();
        let connected = connected.filter_map(|holder| self.over(holder, time));
        let lanes = self.lanes.get(&prefix).into_iter().flatten();
        let lanes = lanes.filter_map(|lane| self.along(lane, time));
        connected
            .chain(lanes)
            .min_by_key(|way| (way.metric, !way.standing.is_open()))
    }

    /// The way to the neighbours of an address.
    fn over(&self, holder: &Holder<'a>, time: usize) -> Option<Way<'a>> {
        let Some(link) = holder.link else {
            return self.is_held(holder, time).then_some(Way {
                link: None,
                via: None,
                metric: 0,
                standing: Standing::Up,
            });
        };
        let standing = self.standing(link, time);
        (standing.is_there() && self.is_held(holder, time)).then_some(Way {
            link: Some(link),
            via: None,
            metric: 0,
            standing,
        })
    }

    /// The way along a route, as long as the kernel keeps it; of several the one that is best off. One that drops its packets leads nowhere,
    /// and keeps shorter prefixes from being asked.
    fn along(&self, lane: &Lane<'a>, time: usize) -> Option<Way<'a>> {
        let hop = |via: Option<IpAddr>, given: Option<&'a LinkName>, metric, since| {
            let link = match (given, via) {
                (Some(link), _) => link,
                (None, Some(via)) => self.next_hop(via, time)?.link?,
                (None, None) => return None,
            };
            let span = self.span(link);
            let is_kept = span.since(since, time).all(Standing::is_there);
            is_kept.then(|| Way {
                link: Some(link),
                via,
                metric,
                standing: span.at(time),
            })
        };
        match lane {
            Lane::Kept { key, metric } => {
                let (route, since) = self.route(key, time);
                let route = route?;
                if route.kind != RouteKind::Unicast {
                    return Some(Way {
                        link: None,
                        via: None,
                        metric: *metric,
                        standing: Standing::Gone,
                    });
                }
                let hops = route.hops.iter();
                let ways = hops.filter_map(|one| hop(one.via, one.link.as_ref(), *metric, since));
                ways.min_by_key(|way| !way.standing.is_open())
            }
            Lane::Beside(route) => hop(route.via, route.link.as_ref(), route.metric, 0),
        }
    }

    /// A gateway is a neighbour.
    fn next_hop(&self, via: IpAddr, time: usize) -> Option<Way<'a>> {
        prefixes(via).find_map(|prefix| {
            let holders = self.by_prefix.get(&prefix)?.iter();
            let ways = holders.filter_map(|holder| self.over(holder, time));
            ways.min_by_key(|way| !way.standing.is_open())
        })
    }

    /// When the way to `remote` may change.
    pub(in crate::plan) fn way_times(&self, remote: IpAddr, times: &mut BTreeSet<usize>) {
        for prefix in prefixes(remote) {
            self.times_by(prefix, times);
        }
    }

    /// When the way by the routes of exactly one prefix may change.
    pub(in crate::plan) fn times_by(&self, prefix: Prefix, times: &mut BTreeSet<usize>) {
        self.connected_times(prefix, times);
        for lane in self.lanes.get(&prefix).into_iter().flatten() {
            match lane {
                Lane::Kept { key, .. } => {
                    let own = self.times(key);
                    times.extend(own);
                    let routes = [0].iter().chain(own);
                    let hops = routes.filter_map(|time| self.route(key, *time).0);
                    let hops: BTreeSet<&Hop> = hops.flat_map(|route| &route.hops).collect();
                    for hop in hops {
                        self.lane_times(hop.link.as_ref(), hop.via, times);
                    }
                }
                Lane::Beside(route) => self.lane_times(route.link.as_ref(), route.via, times),
            }
        }
    }

    fn lane_times(
        &self,
        link: Option<&LinkName>,
        via: Option<IpAddr>,
        times: &mut BTreeSet<usize>,
    ) {
        match (link, via) {
            (Some(link), _) => times.extend(self.span(link).times()),
            (None, Some(via)) => self.hop_times(via, times),
            (None, None) => {}
        }
    }

    fn hop_times(&self, via: IpAddr, times: &mut BTreeSet<usize>) {
        for prefix in prefixes(via) {
            self.connected_times(prefix, times);
        }
    }

    fn connected_times(&self, prefix: Prefix, times: &mut BTreeSet<usize>) {
        for holder in self.by_prefix.get(&prefix).into_iter().flatten() {
            self.times_of(holder, times);
        }
    }
}
