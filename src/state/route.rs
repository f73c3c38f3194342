//! Routes of a controller: its default gateway and the site's static routes.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Changes, Desired, Ground, Key, Resource, Table};
use crate::base::addr::Prefix;
use crate::base::name::HostName;
use crate::base::origin::Origin;
use crate::site::model::{Controller, Site};

/// The metric that the kernel gives to an IPv6 route without one (`IP6_RT_PRIO_USER`); there, zero means none.
const IPV6_METRIC: u32 = 1024;

/// A unicast route through a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    pub via: IpAddr,
}

impl Route {
    /// The addresses that make the gateway reachable.
    pub(super) fn requires(&self, key: &Key, ground: &Ground<'_>) -> Vec<Key> {
        let Key::Route { controller, .. } = key else {
            return Vec::new();
        };
        ground.reaching(controller, self.via).cloned().collect()
    }

    pub(super) fn changes(&self, from: &Self, changes: Changes) -> Changes {
        changes.field("via", &from.via, &self.via)
    }

    pub(super) fn summary(&self) -> String {
        format!("via {}", self.via)
    }
}

pub(super) fn desired(site: &Site, name: &HostName, controller: &Controller, into: &mut Desired) {
    let mut add = |destination: Prefix, via: IpAddr, metric: u32, origin: &Origin| {
        let metric = if destination.net().addr().is_ipv6() && metric == 0 {
            IPV6_METRIC
        } else {
            metric
        };
        let key = Key::Route {
            controller: name.clone(),
            destination,
            table: Table::MAIN,
            metric,
        };
        into.add(key, Resource::Route(Route { via }), origin);
    };
    for gateway in &controller.default_gateways {
        let everything = if gateway.via.is_ipv4() {
            Prefix::EVERY_V4
        } else {
            Prefix::EVERY_V6
        };
        add(everything, gateway.via, 0, &gateway.origin);
    }
    for route in &site.routes {
        let own = || controller.addresses().map(|(_, placed)| placed.address);
        let mut near = controller
            .links_in(&route.vlan)
            .flat_map(|(_, link)| &link.addresses);
        let is_reachable = near.any(|placed| placed.address.prefix().contains(route.via));
        if is_reachable && own().all(|address| address.ip() != route.via) {
            add(route.destination, route.via, route.metric, &route.origin);
        }
    }
}
