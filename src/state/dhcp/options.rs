//! The options of a scope: what follows from the site, and what is said nearer to the client instead.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::as_v4;
use crate::base::addr::Prefix;
use crate::base::option::{
    BROADCAST, CLASSLESS_ROUTES, DNS_SERVERS, DOMAIN_NAME, DOMAIN_SEARCH, INTERFACE_MTU,
    NTP_SERVERS, OptionValue, ROUTERS, SUBNET_MASK, option_attribute,
};
use crate::base::vlan::VlanPath;
use crate::lang::node::TimeServer;
use crate::site::model::{Site, Subnet, Vlan};
use crate::state::Changes;

impl Changes {
    /// What changes among options, by their names.
    pub(super) fn options(
        mut self,
        from: &BTreeMap<u8, OptionValue>,
        to: &BTreeMap<u8, OptionValue>,
    ) -> Self {
        let codes: BTreeSet<u8> = from.keys().chain(to.keys()).copied().collect();
        for code in codes {
            let name = option_attribute(code);
            let text = |value: &Option<&OptionValue>| {
                value.map_or_else(|| "none".to_owned(), ToString::to_string)
            };
            self = self.shown(&name, &from.get(&code), &to.get(&code), text);
        }
        self
    }
}

/// What every client of the subnet is told.
pub(super) fn desired(
    site: &Site,
    vlan: (&VlanPath, &Vlan),
    (prefix, subnet): (Prefix, &Subnet),
    server: Ipv4Addr,
) -> BTreeMap<u8, OptionValue> {
    let mut options = following(site, vlan, (prefix, subnet), server);
    // What the site says in so many words wins.
    options.extend(subnet.options.clone());
    options
}

/// What follows from the site.
pub(super) fn following(
    site: &Site,
    (path, vlan): (&VlanPath, &Vlan),
    (prefix, subnet): (Prefix, &Subnet),
    server: Ipv4Addr,
) -> BTreeMap<u8, OptionValue> {
    let mut options = BTreeMap::new();
    let mut addresses = |code, list: Vec<Ipv4Addr>| {
        if !list.is_empty() {
            options.insert(code, OptionValue::Addresses(list));
        }
    };
    addresses(SUBNET_MASK, prefix.mask4().into_iter().collect());
    addresses(
        BROADCAST,
        as_v4(prefix.net().broadcast()).into_iter().collect(),
    );
    addresses(
        ROUTERS,
        subnet.gateway.and_then(as_v4).into_iter().collect(),
    );
    let dns = subnet
        .dns
        .iter()
        .copied()
        .filter_map(as_v4)
        .collect::<Vec<_>>();
    let is_ours = dns.is_empty() && subnet.allow_dns;
    addresses(DNS_SERVERS, if is_ours { vec![server] } else { dns });
    addresses(NTP_SERVERS, time_servers(site));
    let routes = routes(site, path, prefix);
    if !routes.is_empty() {
        options.insert(CLASSLESS_ROUTES, OptionValue::Routes(routes));
    }
    options.insert(DOMAIN_NAME, OptionValue::Text(site.domain.to_string()));
    options.insert(
        DOMAIN_SEARCH,
        OptionValue::Domains(vec![site.domain.clone()]),
    );
    // Clients take 1500 for granted, and some reject being told so.
    let mtu = vlan
        .mtu
        .filter(|mtu| *mtu != 1500)
        .and_then(|mtu| u16::try_from(mtu).ok());
    options.extend(mtu.map(|mtu| (INTERFACE_MTU, OptionValue::U16(mtu))));
    options
}

/// The site's time servers that have addresses: option 42 has no room for names (RFC 2132 8.3).
fn time_servers(site: &Site) -> Vec<Ipv4Addr> {
    let servers = site.time_servers.iter().filter_map(|server| match server {
        TimeServer::Address(address) => as_v4(*address),
        TimeServer::Name(_) => None,
    });
    servers.collect()
}

/// The site's routes whose router is in the subnet. Option 121 has no metrics, and so the best of each destination.
fn routes(site: &Site, path: &VlanPath, prefix: Prefix) -> Vec<(Prefix, Ipv4Addr)> {
    // They are in the order of their destinations, and then of their metrics.
    let mut told: Vec<(Prefix, Ipv4Addr)> = Vec::new();
    for route in &site.routes {
        let is_here = route.vlan == *path && prefix.contains(route.via);
        let is_new = told.last().is_none_or(|(to, _)| *to != route.destination);
        let via = as_v4(route.via).filter(|_| route.destination.mask4().is_some());
        if let Some(via) = via.filter(|_| is_here && is_new) {
            told.push((route.destination, via));
        }
    }
    told
}
