//! Static routes and default gateways.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::edge;
use crate::base::addr::Prefix;
use crate::base::name::Name;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::{Span, Spanned};
use crate::lang::Slot;
use crate::site::resolve::{Draft, Host, Link, Placed, Plug, Tables};

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    let mut seen = Seen::new();
    for (route, subnet) in draft.declarations.routes.iter().zip(&draft.routes) {
        let via = route.via.given();
        if let (Some(via), false) = (via, matches!(route.fabric, Slot::Faulty)) {
            gateway(draft, via, route.fabric.given(), *subnet, out);
        }
        let Some(destination) = route.destination.given() else {
            continue;
        };
        if let Some(fault) = unfit(draft, destination, via, *subnet) {
            out.push(fault);
            continue;
        }
        let metric = match &route.metric {
            Slot::Absent => 0,
            Slot::Faulty => continue,
            Slot::Given(metric) => metric.value,
        };
        let Some(subnet) = *subnet else {
            continue;
        };
        let others = seen.entry((destination.value, metric)).or_default();
        match others.iter().find(|(other, _)| *other == subnet) {
            Some((_, first)) => out.push(twice(metric, destination, first.span)),
            None => others.push((subnet, *destination)),
        }
    }
    meeting(draft, &seen, out);
    for host in &draft.hosts {
        default_gateway(draft, host, out);
    }
}

/// By destination and metric, the subnets of the gateways.
type Seen = BTreeMap<Way, Vec<(usize, Spanned<Prefix>)>>;

/// Where a route leads, with its metric: what a host may have once.
type Way = (Prefix, u32);

fn twice(metric: u32, destination: &Spanned<Prefix>, first: Span) -> Diagnostic {
    let message = format!(
        "two routes to {} have the metric {metric}",
        destination.value
    );
    Diagnostic::new(Code::RouteTwice, message)
        .label(destination.span, "declared again here")
        .label(first, "first declared here")
        .help("give them different metrics: the lowest wins")
}

/// Routes to one destination through different subnets are two routes only for a host that is in both, and has both in one table.
fn meeting(draft: &Draft<'_>, seen: &Seen, out: &mut Faults) {
    let mut by_subnet: BTreeMap<usize, Vec<(Way, &Spanned<Prefix>)>> = BTreeMap::new();
    for (key, routes) in seen.iter().filter(|(_, routes)| routes.len() > 1) {
        for (subnet, destination) in routes {
            by_subnet
                .entry(*subnet)
                .or_default()
                .push((*key, destination));
        }
    }
    // Hosts of one rack are in the same subnets, and meet the same routes.
    let mut known: BTreeSet<Vec<(usize, u32)>> = BTreeSet::new();
    for host in draft.hosts.iter().filter(|_| !by_subnet.is_empty()) {
        let addresses = host.links.iter().flat_map(|link| &link.addresses);
        let subnets = addresses.filter_map(|placed| placed.subnet);
        let subnets: BTreeSet<usize> = subnets.filter(|one| by_subnet.contains_key(one)).collect();
        if subnets.len() < 2 {
            continue;
        }
        let tables = Tables::new(draft, host);
        let subnets = subnets.iter();
        let subnets: Vec<(usize, u32)> = subnets
            .map(|subnet| (*subnet, tables.of_subnet(*subnet)))
            .collect();
        if !known.insert(subnets.clone()) {
            continue;
        }
        let mut met: BTreeMap<(Way, u32), &Spanned<Prefix>> = BTreeMap::new();
        let routes = subnets.iter().flat_map(|(subnet, table)| {
            let routes = by_subnet.get(subnet).into_iter().flatten();
            routes.map(move |(key, destination)| (key, *table, destination))
        });
        for (key, table, destination) in routes {
            if let Some(first) = met.insert((*key, table), destination) {
                let fault = twice(key.1, destination, first.span);
                out.push(fault.label(host.name.span, "this host is in the subnets of both"));
            }
        }
    }
}

fn gateway(
    draft: &Draft<'_>,
    via: &Spanned<IpAddr>,
    fabric: Option<&Spanned<Name>>,
    subnet: Option<usize>,
    out: &mut Faults,
) {
    match subnet {
        Some(subnet) => {
            let prefix = draft.prefix(subnet);
            out.extend(prefix.and_then(|prefix| edge::of_subnet(prefix, via.value, via.span)));
        }
        // In several isolated fabrics, or in one that there is not: told where it was looked for.
        None if fabric.is_none() && draft.index.holding(via.value).next().is_some() => {}
        None if fabric.is_some_and(|fabric| !draft.fabrics.has(&fabric.value)) => {}
        None if draft
            .declarations
            .gaps
            .may_hide(&["fabric", "vlan", "subnet"]) => {}
        None => {
            let place = fabric.map_or_else(
                || "the site".to_owned(),
                |fabric| format!("the fabric `{}`", fabric.value),
            );
            let message = format!("{} is in no subnet of {place}", via.value);
            out.push(
                Diagnostic::new(Code::RouteGateway, message)
                    .label(via.span, "nobody could reach this router")
                    .help("name a router in a declared subnet, or declare its subnet"),
            );
        }
    }
}

fn unfit(
    draft: &Draft<'_>,
    destination: &Spanned<Prefix>,
    via: Option<&Spanned<IpAddr>>,
    subnet: Option<usize>,
) -> Option<Diagnostic> {
    let prefix = destination.value;
    let fault = |message: String| {
        Diagnostic::new(Code::RouteDestination, message)
            .label(destination.span, "the route leads here")
    };
    if prefix.is_default() {
        let message = format!("a route to {prefix} is a default route");
        let help = "controllers have `default-gateway`; machines get the gateway of their subnet";
        return Some(fault(message).help(help));
    }
    let via = via?;
    if prefix.net().network().is_ipv4() != via.value.is_ipv4() {
        let message = format!("a route to {prefix} cannot go via {}", via.value);
        return Some(
            fault(message)
                .label(via.span, "this is of the other address family")
                .help("destination and gateway are both IPv4, or both IPv6"),
        );
    }
    let home = draft.prefix(subnet?)?;
    (home == prefix).then(|| {
        fault(format!("the route's gateway is itself in {prefix}"))
            .label(via.span, "hosts that reach this router are there already")
            .help("name the network behind the router")
    })
}

/// Whether DHCP may give the host a neighbour's address of `ip`: it has a link for that in a VLAN of such a subnet.
fn may_lease(draft: &Draft<'_>, host: &Host<'_>, ip: IpAddr) -> bool {
    let leased = host.links.iter().filter(|link| link.dhcp.is_some());
    let plugs: Vec<Plug> = leased.map(|link| link.plug).collect();
    let mut subnets = draft.subnets.iter();
    // What DHCP gives is IPv4's.
    ip.is_ipv4()
        && subnets.any(|subnet| {
            let prefix = subnet.node.prefix.value;
            prefix.contains(ip) && !prefix.is_edge(ip) && plugs.contains(&Plug::Vlan(subnet.vlan))
        })
}

fn default_gateway(draft: &Draft<'_>, host: &Host<'_>, out: &mut Faults) {
    let gateways = host.default_gateways();
    for (index, gateway) in gateways.iter().enumerate() {
        let mut earlier = gateways.iter().take(index);
        let is_v4 = gateway.value.is_ipv4();
        if let Some(first) = earlier.find(|one| one.value.is_ipv4() == is_v4) {
            let family = if is_v4 { "IPv4" } else { "IPv6" };
            let message = format!("{} has two default gateways of {family}", host.title());
            out.push(
                Diagnostic::new(Code::DefaultGateway, message)
                    .label(gateway.span, "a second one")
                    .label(first.span, "the first one")
                    .help("keep one of each address family"),
            );
            continue;
        }
        out.extend(unreachable(draft, host, gateway));
    }
}

fn unreachable(
    draft: &Draft<'_>,
    host: &Host<'_>,
    gateway: &Spanned<IpAddr>,
) -> Option<Diagnostic> {
    let ip = gateway.value;
    // What is on no wire is in no subnet, and leads nowhere.
    let is_wired = |link: &&Link| link.node.shape.is_wired();
    let own = || {
        host.links
            .iter()
            .filter(is_wired)
            .flat_map(|link| &link.addresses)
    };
    let reachable = own()
        .filter_map(|placed| draft.prefix(placed.subnet?))
        .any(|prefix| prefix.contains(ip) && !prefix.is_edge(ip));
    let is_gateway = |placed: &Placed| {
        let subnet = placed.subnet.and_then(|subnet| draft.subnets.get(subnet));
        subnet.is_some_and(|subnet| subnet.node.gateway.value() == Some(&ip))
    };
    let is_faulty = |placed: &Placed| {
        let subnet = placed.subnet.and_then(|subnet| draft.subnets.get(subnet));
        subnet.is_some_and(|subnet| subnet.node.gateway == Slot::Faulty)
    };
    // An address without a subnet is reported by itself.
    let is_unsure = host.is_partial()
        || own().any(is_faulty)
        || draft.declarations.gaps.may_hide(&["gateway"])
        || own().any(|placed| placed.subnet.is_none())
        || super::reference::may_hide(draft, host);
    let (problem, help) = if own().any(|placed| placed.ip() == ip) {
        (
            format!("{} is its own default gateway", host.title()),
            "name a router in one of its subnets",
        )
    } else if is_unsure {
        return None;
    } else if !host.is_controller() && !own().any(is_gateway) {
        (
            format!(
                "{ip} is the gateway of no subnet that {} has an address in",
                host.title()
            ),
            "a machine chooses among the gateways of its subnets: name one of them",
        )
    } else if !reachable && host.is_controller() && !may_lease(draft, host, ip) {
        (
            format!("{} cannot reach its default gateway {ip}", host.title()),
            "name a router in one of its subnets, or give it an address in the router's",
        )
    } else {
        return None;
    };
    Some(
        Diagnostic::new(Code::DefaultGateway, problem)
            .label(
                gateway.span,
                "not another host of a subnet that it has an address in",
            )
            .help(help),
    )
}
