//! Routes of a controller: its default gateway, its own ones, and the site's static routes.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Changes, Desired, Ground, Key, Resource, Table, list};
use crate::base::addr::{Prefix, is_link_local};
use crate::base::name::{HostName, LinkName};
use crate::base::origin::Origin;
use crate::base::route::{RouteKind, kept_metric, table_among};
use crate::site::model::{Controller, ControllerLink, ControllerRoute, PlacedAddress, Site};

/// What becomes of packets to a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    #[serde(default = "unicast", skip_serializing_if = "is_unicast")]
    pub kind: RouteKind,
    /// The ways on, in the order of their routers; none where packets are dropped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hops: Vec<Hop>,
    /// The address that the host sends from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
}

/// One way on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hop {
    /// None for neighbours on the link.
    pub via: Option<IpAddr>,
    /// None where the site leaves the link to the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkName>,
    /// How much of the packets it has, among several: 1 to 256.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub weight: u16,
    /// Whether the router is taken to be on the link, whatever the addresses there say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub onlink: bool,
}

impl Route {
    /// A route through one router, by whatever link leads to it.
    pub fn through(via: IpAddr) -> Self {
        Self::by(vec![Hop::to(via)])
    }

    /// A route by these ways.
    pub fn by(mut hops: Vec<Hop>) -> Self {
        hops.sort();
        Self {
            kind: RouteKind::Unicast,
            hops,
            source: None,
        }
    }

    /// What each of its ways needs one of, and its source address.
    pub(super) fn ways(&self, key: &Key, ground: &Ground<'_>) -> Vec<Vec<Key>> {
        let Key::Route {
            controller, table, ..
        } = key
        else {
            return Vec::new();
        };
        let hops = self.hops.iter();
        let mut ways: Vec<Vec<Key>> = hops
            .map(|hop| hop.needs_one_of(controller, *table, ground))
            .collect();
        ways.extend(self.source.map(|source| {
            let held = ground.holding(controller, source);
            held.cloned().collect::<Vec<_>>()
        }));
        ways.retain(|way| !way.is_empty());
        ways
    }

    /// The first router, or else the source address, that nothing of `ground` has as a neighbour or for its own.
    pub fn lacks(&self, key: &Key, ground: &Ground<'_>) -> Option<IpAddr> {
        let Key::Route {
            controller, table, ..
        } = key
        else {
            return None;
        };
        let is_far = |hop: &&Hop| hop.needs_one_of(controller, *table, ground).is_empty();
        let routers = self.hops.iter().filter(is_far).filter_map(Hop::router);
        let source = self
            .source
            .filter(|ip| ground.holding(controller, *ip).next().is_none());
        routers.chain(source).next()
    }

    pub(super) fn changes(&self, from: &Self, changes: Changes) -> Changes {
        let none = |source: &Option<IpAddr>| list(source);
        let changes = changes.field("type", &from.kind, &self.kind);
        let changes = if self.goes_as(from) {
            changes
        } else {
            // The field's name is the word before the first one.
            let ways = |hops: &Vec<Hop>| list(hops.iter().map(Hop::way));
            changes.shown("via", &from.hops, &self.hops, ways)
        };
        changes.shown("source", &from.source, &self.source, none)
    }

    /// Whether the ways of `found` are the wanted ones. A link that nobody names is the kernel's to choose.
    fn goes_as(&self, found: &Self) -> bool {
        let strip = |hops: &[Hop], bare: bool| {
            let strip = |hop: &Hop| Hop {
                link: hop.link.clone().filter(|_| !bare),
                ..hop.clone()
            };
            let mut hops: Vec<Hop> = hops.iter().map(strip).collect();
            hops.sort();
            hops
        };
        let bare = self.hops.iter().any(|hop| hop.link.is_none());
        strip(&self.hops, bare) == strip(&found.hops, bare)
    }

    /// The route once made, by the links that the kernel had chosen where it goes the same ways.
    pub(super) fn settled(&self, before: &Self) -> Self {
        let mut settled = self.clone();
        if self.goes_as(before) {
            settled.hops.clone_from(&before.hops);
        }
        settled
    }

    pub(super) fn leave(&mut self, from: &Self, is_left: &dyn Fn(&str) -> bool) {
        if is_left("type") {
            self.kind = from.kind;
        }
        if is_left("via") {
            self.hops.clone_from(&from.hops);
        }
        if is_left("source") {
            self.source = from.source;
        }
    }

    pub(super) fn summary(&self) -> String {
        let mut words = Vec::new();
        if self.kind != RouteKind::Unicast {
            words.push(self.kind.to_string());
        }
        words.extend(self.hops.iter().map(ToString::to_string));
        words.extend(self.source.map(|source| format!("source {source}")));
        words.join(", ")
    }
}

impl Hop {
    /// Through a router, by whatever link leads to it.
    pub fn to(via: IpAddr) -> Self {
        Self {
            via: Some(via),
            link: None,
            weight: 1,
            onlink: false,
        }
    }

    /// The router that some address must have as a neighbour: neighbours need none, and link-local routers have every link's own.
    fn router(&self) -> Option<IpAddr> {
        self.via.filter(|via| !self.onlink && !is_link_local(*via))
    }

    fn needs_one_of(&self, controller: &HostName, table: Table, ground: &Ground<'_>) -> Vec<Key> {
        let on_link = self.link.as_ref().map(|link| Key::link(controller, link));
        let Some(router) = self.router() else {
            return on_link.into_iter().collect();
        };
        let reaching = ground.reaching(controller, router);
        // Where no link is named, the kernel looks for the router in the route's own table, then in the main one (`fib_check_nh_v4_gw`).
        let is_seen = |key: &Key| [table, Table::MAIN].contains(&ground.table(key));
        let is_there = |key: &&Key| match (key, &self.link) {
            (Key::Address { link, .. }, Some(own)) => link == own,
            (_, Some(_)) => true,
            (_, None) => is_seen(key),
        };
        reaching.into_iter().filter(is_there).cloned().collect()
    }
}

impl Hop {
    /// What stands behind `via`, or behind nothing for neighbours.
    fn way(&self) -> String {
        let via = self.via.map(|via| via.to_string());
        let link = self.link.as_ref().map(|link| format!("on {link}"));
        let weight = (self.weight != 1).then(|| format!("weight {}", self.weight));
        let onlink = self.onlink.then(|| "onlink".to_owned());
        let words = [via, link, weight, onlink].into_iter().flatten();
        words.collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.via.is_some() { "via " } else { "" })?;
        f.write_str(&self.way())
    }
}

fn unicast() -> RouteKind {
    RouteKind::Unicast
}

fn is_unicast(kind: &RouteKind) -> bool {
    *kind == RouteKind::Unicast
}

fn one() -> u16 {
    1
}

fn is_one(weight: &u16) -> bool {
    *weight == 1
}

pub(super) fn desired(site: &Site, name: &HostName, controller: &Controller, into: &mut Desired) {
    let mut add = |destination: Prefix, table: u32, metric: u32, route: Route, origin: &Origin| {
        let key = Key::Route {
            controller: name.clone(),
            destination,
            table: Table(table),
            metric: kept_metric(destination, metric),
        };
        into.add(key, Resource::Route(route), origin);
    };
    for gateway in &controller.default_gateways {
        let everything = if gateway.via.is_ipv4() {
            Prefix::EVERY_V4
        } else {
            Prefix::EVERY_V6
        };
        let route = Route::through(gateway.via);
        add(everything, gateway.table, 0, route, &gateway.origin);
    }
    for route in &site.routes {
        let own = || controller.addresses().map(|(_, placed)| placed.address);
        let near = |placed: &&PlacedAddress| placed.address.prefix().contains(route.via);
        // What DHCP gives is IPv4's.
        let may_lease = |link: &ControllerLink| link.dhcp && route.via.is_ipv4();
        let links = || controller.links_in(&route.vlan).map(|(_, link)| link);
        let is_reachable =
            links().any(|link| may_lease(link) || link.addresses.iter().any(|one| near(&one)));
        if is_reachable && own().all(|address| address.ip() != route.via) {
            let leads = links().filter(|link| {
                let mut addresses = link.addresses.iter().filter(near);
                may_lease(link) || addresses.any(|placed| placed.prefix_route)
            });
            let table = table_among(leads.map(|link| link.table));
            let (to, metric) = (route.destination, route.metric);
            add(to, table, metric, Route::through(route.via), &route.origin);
        }
    }
    for route in &controller.routes {
        let (to, table, metric) = (route.destination, route.table, route.metric);
        add(to, table, metric, own(route), &route.origin);
    }
}

/// A route of the controller's own.
fn own(route: &ControllerRoute) -> Route {
    let hops = route.hops.iter().map(|hop| Hop {
        via: hop.via,
        link: hop.link.clone(),
        weight: hop.weight,
        onlink: hop.onlink,
    });
    Route {
        kind: route.kind,
        source: route.source,
        ..Route::by(hops.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_ways_says_via_once() {
        let hop = |via: &str, link: Option<&str>| Hop {
            via: via.parse().ok(),
            link: link.map(|link| link.parse().unwrap()),
            weight: 1,
            onlink: false,
        };
        let found = Route::by(vec![hop("10.0.0.1", Some("eno1"))]);
        for (wanted, expected) in [
            (
                vec![hop("10.0.0.9", None)],
                "via 10.0.0.1 on eno1 -> 10.0.0.9",
            ),
            (
                vec![hop("", Some("eno2"))],
                "via 10.0.0.1 on eno1 -> on eno2",
            ),
            (vec![], "via 10.0.0.1 on eno1 -> none"),
        ] {
            let changes = Route::by(wanted).changes(&found, Changes::default()).0;
            let told = changes
                .iter()
                .map(|change| format!("{} {} -> {}", change.field, change.from, change.to));
            assert_eq!(told.collect::<Vec<_>>(), [expected]);
        }
        assert_eq!(found.summary(), "via 10.0.0.1 on eno1");
    }
}
