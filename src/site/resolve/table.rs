//! Which routing table a route belongs in that names none: a VRF's, where its gateway is reached through a port of that.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{Draft, Host, Link, Placed, Plug, Role};
use crate::base::addr::{InterfaceAddr, Prefix};
use crate::base::name::LinkName;
use crate::base::route::{MAIN_TABLE, table_among};
use crate::lang::Slot;
use crate::lang::node::{HopNode, LinkShape, PathNode};

/// The routing tables of a host's links, and of what it reaches through them.
pub(in crate::site) struct Tables<'a> {
    host: &'a Host<'a>,
    /// VRFs and their ports.
    by_link: BTreeMap<&'a LinkName, u32>,
    /// The tables that packets to a prefix find their way in.
    by_prefix: BTreeMap<Prefix, BTreeSet<u32>>,
    by_subnet: BTreeMap<usize, BTreeSet<u32>>,
    lengths: BTreeSet<u8>,
}

impl<'a> Tables<'a> {
    pub(in crate::site) fn new(draft: &Draft<'_>, host: &'a Host<'a>) -> Self {
        let mut tables = Self {
            host,
            by_link: by_link(host),
            by_prefix: BTreeMap::new(),
            by_subnet: BTreeMap::new(),
            lengths: BTreeSet::new(),
        };
        // Where there is no VRF, all is the main table's.
        if tables.by_link.is_empty() {
            return tables;
        }
        for link in &host.links {
            let table = tables.of_link(&link.node.name.value);
            for placed in &link.addresses {
                tables.address(draft, link, placed, table);
            }
            for subnet in leased(draft, link) {
                tables.by_subnet.entry(subnet).or_default().insert(table);
                tables.extend(draft.prefix(subnet), table);
            }
        }
        let routes: &[PathNode] = match &host.role {
            Role::Controller(node) => &node.routes,
            Role::Machine(_) => &[],
        };
        for route in routes.iter().filter(|route| route.on.value().is_some()) {
            if let Some(table) = tables.of_route(route) {
                tables.extend(route.destination.value().copied(), table);
            }
        }
        tables
    }

    fn address(&mut self, draft: &Draft<'_>, link: &Link, placed: &Placed, table: u32) {
        let leads = !matches!(link.node.shape, LinkShape::Loopback);
        if !leads || !placed.traits.prefix_route {
            return;
        }
        if let Some(subnet) = placed.subnet {
            self.by_subnet.entry(subnet).or_default().insert(table);
        }
        let written = || {
            let address = InterfaceAddr::new(placed.ip, placed.length?).ok()?;
            Some(Prefix::holding(address))
        };
        let subnet = placed.subnet.and_then(|subnet| draft.prefix(subnet));
        self.extend(subnet.or_else(written), table);
    }

    fn extend(&mut self, prefix: Option<Prefix>, table: u32) {
        if let Some(prefix) = prefix {
            self.by_prefix.entry(prefix).or_default().insert(table);
            self.lengths.insert(prefix.length());
        }
    }

    /// The table that routes what comes and goes by a link.
    pub(in crate::site) fn of_link(&self, link: &LinkName) -> u32 {
        self.by_link.get(link).copied().unwrap_or(MAIN_TABLE)
    }

    /// The table for routes through a router, by whatever link leads to it.
    pub(in crate::site) fn towards(&self, via: IpAddr) -> u32 {
        table_among(self.reaching(via))
    }

    /// The table for the site's routes through routers in a subnet that the host has an address in.
    pub(in crate::site) fn of_subnet(&self, subnet: usize) -> u32 {
        table_among(self.by_subnet.get(&subnet).into_iter().flatten().copied())
    }

    /// The table of a route of the host's own: the one that it names, else that of its ways. None where it names one that there is not.
    pub(in crate::site) fn of_route(&self, route: &PathNode) -> Option<u32> {
        match &route.table {
            Slot::Faulty => None,
            Slot::Given(table) => self.host.table(&table.value),
            Slot::Absent => {
                let on = route.on.value().map(|on| self.of_link(on));
                let hops = route.hops.iter().map(|hop| self.of_hop(hop));
                Some(table_among(on.into_iter().chain(hops)))
            }
        }
    }

    /// Whether the kernel finds a router for a route in a table: it looks there, then in the main one.
    pub(in crate::site) fn finds(&self, via: IpAddr, table: u32) -> bool {
        let mut known = self.reaching(via).peekable();
        known.peek().is_none() || known.any(|one| [table, MAIN_TABLE].contains(&one))
    }

    fn of_hop(&self, hop: &HopNode) -> u32 {
        match (hop.on.value(), hop.via.value()) {
            (Some(on), _) => self.of_link(on),
            (None, Some(via)) => self.towards(*via),
            (None, None) => MAIN_TABLE,
        }
    }

    fn reaching(&self, via: IpAddr) -> impl Iterator<Item = u32> {
        let prefixes = self.lengths.iter().filter_map(move |length| {
            let address = InterfaceAddr::new(via, *length).ok()?;
            self.by_prefix.get(&Prefix::holding(address))
        });
        prefixes.flatten().copied()
    }
}

fn by_link<'a>(host: &'a Host<'a>) -> BTreeMap<&'a LinkName, u32> {
    let vrfs = host.links.iter().filter_map(|link| {
        let LinkShape::Vrf { table, ports } = &link.node.shape else {
            return None;
        };
        let ports = ports.iter().map(|port| &port.value);
        let table = *table.value()?;
        let links = ports.chain([&link.node.name.value]);
        Some(links.map(move |link| (link, table)))
    });
    vrfs.flatten().collect()
}

/// The subnets that DHCP may give a link an address of; what it gives is IPv4's.
fn leased<'d>(draft: &'d Draft<'_>, link: &Link) -> impl Iterator<Item = usize> + 'd {
    let plug = link.dhcp.map(|_| link.plug);
    let subnets = draft.subnets.iter().enumerate();
    let near =
        subnets.filter(move |(_, subnet)| subnet.is_v4() && plug == Some(Plug::Vlan(subnet.vlan)));
    near.map(|(index, _)| index)
}
