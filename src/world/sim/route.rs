//! What a kernel does to routes beside what it is told: which it takes, and which fall with addresses and links.

use std::collections::{BTreeMap, BTreeSet};

use super::kernel::{Kernel, link_of, refused};
use crate::base::name::LinkName;
use crate::state::{Ground, Key, Resource, Route};
use crate::world::WorldError;

/// Routes with what leads to their gateways, and what is their source.
pub(super) type Held = BTreeMap<Key, (Vec<Key>, Vec<Key>)>;

/// A route by its ways alone.
fn bare(route: &Route) -> Route {
    Route {
        source: None,
        ..route.clone()
    }
}

impl Kernel<'_> {
    /// A gateway must be within reach, over a link that is up (`fib_check_nh`), and a source address the host's own.
    pub(super) fn make_route(&mut self, key: &Key, route: &Resource) -> Result<(), WorldError> {
        let ground = Ground::new(self.state);
        if route.requires(key, &ground).is_empty() {
            return Err(refused(key, "its gateway is not in reach"));
        }
        if let Resource::Route(route) = route {
            let ways = Resource::Route(bare(route)).ways(key, &ground);
            if !ways.iter().all(|way| way.iter().any(|on| self.is_up(on))) {
                return Err(refused(key, "its link is down"));
            }
            if route.lacks(key, &ground).is_some() {
                return Err(refused(key, "its source is not the host's"));
            }
        }
        self.insert(key, route);
        Ok(())
    }

    /// Whether the link of an address, or a link itself, is up.
    fn is_up(&self, holder: &Key) -> bool {
        let link = link_of(holder).and_then(|name| self.link(name));
        link.is_none_or(|(_, link)| link.up)
    }

    /// Drops the routes that nothing but addresses of a prefix holds.
    pub(super) fn unsettle(&mut self, of: &Key) {
        let gone: BTreeSet<Key> = self.beside(of).chain([of]).cloned().collect();
        let held = self.held();
        self.drop_those(&held, |key| gone.contains(key));
    }

    /// The routes that addresses hold, each with those that lead to its gateways, and those that are its source.
    pub(super) fn held(&self) -> Held {
        let ground = Ground::new(self.state);
        let routes = self.state.iter().filter_map(|(key, resource)| {
            let (Resource::Route(route), Key::Route { controller, .. }) = (resource, key) else {
                return None;
            };
            let mut hops = Resource::Route(bare(route)).requires(key, &ground);
            if hops.iter().any(|holder| self.is_up(holder)) {
                hops.retain(|holder| self.is_up(holder));
            }
            let source = route.source.into_iter();
            let source = source.flat_map(|ip| ground.holding(controller, ip));
            Some((key.clone(), (hops, source.cloned().collect())))
        });
        routes.collect()
    }

    /// Routes of which nothing is left that held them.
    pub(super) fn drop_routes(&mut self, held: &Held) {
        let there: BTreeSet<Key> = held
            .values()
            .flat_map(|(hops, source)| hops.iter().chain(source))
            .filter(|key| self.state.contains_key(*key))
            .cloned()
            .collect();
        self.drop_those(held, |key| !there.contains(key));
    }

    /// Routes whose gateways are reached by nothing but what is lost, and those whose source is (`fib_sync_down_addr`): of IPv6 these
    /// stay without it (`rt6_remove_prefsrc`).
    fn drop_those(&mut self, held: &Held, is_lost: impl Fn(&Key) -> bool) {
        for (key, (hops, source)) in held {
            let has_source = source.is_empty() || !source.iter().all(&is_lost);
            let is_v4 =
                matches!(key, Key::Route { destination, .. } if destination.net().addr().is_ipv4());
            let leads = hops.is_empty() || !hops.iter().all(&is_lost);
            if !leads || (is_v4 && !has_source) {
                self.state.remove(key);
            } else if let (false, Some(Resource::Route(route))) =
                (has_source, self.state.get_mut(key))
            {
                route.source = None;
            }
        }
    }

    /// Routes that lead through a link that goes down; its addresses are the host's all the same.
    pub(super) fn drop_through(&mut self, held: &Held, name: &LinkName) {
        let ways = held.iter();
        let ways = ways.map(|(route, (hops, _))| (route.clone(), (hops.clone(), Vec::new())));
        self.drop_those(&ways.collect(), |key| link_of(key) == Some(name));
    }
}
