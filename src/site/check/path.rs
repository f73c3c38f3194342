//! A controller's own routes: each leads somewhere that the controller reaches, or says that it leads nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::near::Near;
use super::{edge, named};
use crate::base::addr::{Prefix, is_link_local};
use crate::base::route::{Family, LOCAL_TABLE, MAIN_TABLE, kept_metric};
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::{Span, Spanned};
use crate::lang::Slot;
use crate::lang::node::{ControllerNode, HopNode, PathNode, TableRef};
use crate::site::resolve::{Draft, Host, Role, Tables};

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    let shared = Shared::new(draft);
    for host in &draft.hosts {
        let Role::Controller(node) = &host.role else {
            continue;
        };
        if node.routes.is_empty() {
            continue;
        }
        let near = Near::new(draft, host, &node.routes);
        let tables = Tables::new(draft, host);
        for route in &node.routes {
            out.extend(form(route));
            named::link(draft, host, &route.on, out);
            named::table(draft, host, &route.table, out);
            out.extend(local(&route.table));
            out.extend(source(host, &near, route));
            hops(draft, host, (&near, &tables), route, out);
        }
        unique(host, node, &shared, (&near, &tables), out);
    }
}

fn fault(message: String, span: Span, text: &str) -> Diagnostic {
    Diagnostic::new(Code::RouteForm, message).label(span, text)
}

/// What a route needs, and what it cannot have beside that.
fn form(route: &PathNode) -> Option<Diagnostic> {
    let hop = route.hops.first().map(|hop| hop.span);
    let on = route.on.given().map(|on| on.span);
    let source = route.source.given().map(|source| source.span);
    match &route.kind {
        Slot::Faulty => None,
        Slot::Given(kind) => {
            let extra = hop.or(on).or(source)?;
            let message = format!("a route of the type `{}` leads nowhere", kind.value);
            let fault = fault(message, extra, "it has no use for this");
            Some(fault.label(kind.span, "its type").help("keep one of them"))
        }
        Slot::Absent => match (hop, on) {
            (Some(hop), Some(on)) => {
                let message = "the route has a router and none".to_owned();
                let fault = fault(message, on, "on this link without a router");
                Some(
                    fault
                        .label(hop, "through this router")
                        .help("the link towards a router is its property: via \"…\" on=\"…\""),
                )
            }
            (None, None) if route.on.is_absent() && !route.is_partial => {
                let message = "the route does not say where it leads".to_owned();
                let fault = fault(message, route.span, "no router, link or type");
                Some(fault.help(
                    "add via \"…\" with a router, on \"…\" with a link, or type=\"blackhole\"",
                ))
            }
            (_, _) => None,
        },
    }
}

fn local(table: &Slot<TableRef>) -> Option<Diagnostic> {
    let table = table.given()?;
    (table.value == TableRef::Number(LOCAL_TABLE)).then(|| {
        let message = format!("the kernel itself keeps the routing table {LOCAL_TABLE}");
        Diagnostic::new(Code::InvalidValue, message)
            .label(table.span, "of the host's own addresses")
            .help("leave `table` out, or take another number")
    })
}

/// The address that a host sends from is its own.
fn source(host: &Host<'_>, near: &Near<'_>, route: &PathNode) -> Option<Diagnostic> {
    let source = route.source.given()?;
    let ip = source.value;
    let fault = |message: String, text: &str| {
        Diagnostic::new(Code::RouteSource, message).label(source.span, text)
    };
    let to = route.destination.given()?;
    if Family::of(ip) != Family::of_prefix(to.value) {
        let message = format!("a route to {} cannot send from {ip}", to.value);
        let fault = fault(message, "this is of the other address family");
        return Some(fault.help("source and destination are both IPv4, or both IPv6"));
    }
    (!near.has(ip) && !near.is_unsure).then(|| {
        let message = format!("{} does not have the address {ip}", host.title());
        fault(message, "not its own").help("name one of its addresses, or give it this one")
    })
}

fn hops(
    draft: &Draft<'_>,
    host: &Host<'_>,
    (near, tables): (&Near<'_>, &Tables<'_>),
    route: &PathNode,
    out: &mut Faults,
) {
    let mut seen = BTreeMap::new();
    for hop in &route.hops {
        named::link(draft, host, &hop.on, out);
        let Some(via) = hop.via.given() else {
            continue;
        };
        if let Some(first) = seen.insert((via.value, hop.on.value()), via.span) {
            let message = format!("the route goes via {} twice", via.value);
            let fault = fault(message, via.span, "again here");
            out.push(
                fault
                    .label(first, "first here")
                    .help("a router that is to take more has a weight: via \"…\" weight=2"),
            );
            continue;
        }
        let fault = foreign(route, via).or_else(|| unreachable(host, near, hop, via));
        out.extend(fault.or_else(|| apart(host, tables, route, hop, via)));
    }
}

/// An IPv6 packet cannot be sent to a router of IPv4.
fn foreign(route: &PathNode, via: &Spanned<IpAddr>) -> Option<Diagnostic> {
    let to = route.destination.given()?;
    let is_foreign =
        Family::of_prefix(to.value) == Family::Ipv6 && Family::of(via.value) == Family::Ipv4;
    is_foreign.then(|| {
        let message = format!("a route to {} cannot go via {}", to.value, via.value);
        Diagnostic::new(Code::RouteDestination, message)
            .label(to.span, "the route leads here")
            .label(via.span, "this is of the other address family")
            .help("name a router of IPv6")
    })
}

/// A router that only a VRF's port leads to is found in that VRF's table alone, unless the link towards it is named.
fn apart(
    host: &Host<'_>,
    tables: &Tables<'_>,
    route: &PathNode,
    hop: &HopNode,
    via: &Spanned<IpAddr>,
) -> Option<Diagnostic> {
    let table = tables.of_route(route)?;
    if !hop.on.is_absent() || tables.finds(via.value, table) {
        return None;
    }
    let place = match table {
        MAIN_TABLE => "the main table".to_owned(),
        other => format!("the table {other}"),
    };
    let message = format!(
        "{} reaches {} through a vrf's port, and the route is in {place}",
        host.title(),
        via.value
    );
    Some(
        Diagnostic::new(Code::HopPlace, message)
            .label(via.span, "not found in that table")
            .help("leave `table` out for the vrf's own, or name the link: via \"…\" on=\"…\""),
    )
}

fn unreachable(
    host: &Host<'_>,
    near: &Near<'_>,
    hop: &HopNode,
    via: &Spanned<IpAddr>,
) -> Option<Diagnostic> {
    let ip = via.value;
    let on = hop.on.given();
    let fault = |message: String, text: &str| {
        Diagnostic::new(Code::HopPlace, message).label(via.span, text)
    };
    if let Some(fault) = edge::nobody(ip, via.span) {
        return Some(fault);
    }
    if near.has(ip) {
        let message = format!("{ip} is an address of {} itself", host.title());
        return Some(
            fault(message, "not another host").help("name a router in one of its subnets"),
        );
    }
    let is_onlink = hop.onlink.value() == Some(&true);
    if is_onlink || is_link_local(ip) {
        let word = if is_onlink {
            "onlink=#true"
        } else {
            "a link-local address"
        };
        return hop.on.is_absent().then(|| {
            let message = format!("{word} does not say on which link the router is");
            fault(message, "on which link?").help("add on=\"…\" beside the router")
        });
    }
    // A link that is not there was told.
    let is_lost = on.is_some_and(|on| host.link(&on.value).is_none());
    if is_lost || hop.onlink == Slot::Faulty || hop.on == Slot::Faulty {
        return None;
    }
    match near.holding(ip, on.map(|on| &on.value)) {
        Some(prefix) => edge::of_subnet(prefix, ip, via.span),
        None if near.is_unsure => None,
        None => {
            let place = on.map_or_else(String::new, |on| format!(" on `{}`", on.value));
            let message = format!("{} cannot reach the router {ip}{place}", host.title());
            Some(fault(message, "in none of its subnets there").help(
                "name a router in one of its subnets, or say that it is there all the same: on=\"…\" onlink=#true",
            ))
        }
    }
}

fn metric(metric: &Slot<u32>) -> Option<u32> {
    match metric {
        Slot::Absent => Some(0),
        Slot::Faulty => None,
        Slot::Given(metric) => Some(metric.value),
    }
}

/// What tells routes of a host apart: destination, table and metric.
type Way = (Prefix, u32, u32);

/// The site's own routes, which hosts get by their subnets: for each destination, metric and subnet the first router, and where the
/// route is declared.
struct Shared<'a>(BTreeMap<Goal, Routers<'a>>);

/// A destination with a metric.
type Goal = (Prefix, u32);

/// By subnet.
type Routers<'a> = BTreeMap<usize, (&'a IpAddr, Span)>;

impl<'a> Shared<'a> {
    fn new(draft: &Draft<'a>) -> Self {
        let mut shared: BTreeMap<Goal, Routers<'a>> = BTreeMap::new();
        for (route, subnet) in draft.declarations.routes.iter().zip(&draft.routes) {
            if let (Some(to), Some(via), Some(metric), Some(subnet)) = (
                route.destination.given(),
                route.via.value(),
                metric(&route.metric),
                *subnet,
            ) {
                let way = (to.value, kept_metric(to.value, metric));
                let routers = shared.entry(way).or_default();
                routers.entry(subnet).or_insert((via, to.span));
            }
        }
        Self(shared)
    }

    /// The route of one way that a host in these subnets gets; the router itself gets none.
    fn find(
        &self,
        (to, table, metric): &Way,
        subnets: &BTreeSet<usize>,
        (near, tables): (&Near<'_>, &Tables<'_>),
    ) -> Option<Span> {
        let routers = self.0.get(&(*to, *metric))?;
        let of = |subnet: &usize| {
            let (via, span) = routers.get(subnet)?;
            let is_here = !near.has(**via) && tables.of_subnet(*subnet) == *table;
            is_here.then_some(*span)
        };
        // Either may be many, and rarely both.
        if routers.len() < subnets.len() {
            let mut known = routers.keys().filter(|subnet| subnets.contains(subnet));
            return known.find_map(of);
        }
        subnets.iter().find_map(of)
    }
}

/// Reports routes of a host that are told apart by nothing.
fn unique(
    host: &Host<'_>,
    node: &ControllerNode,
    shared: &Shared<'_>,
    (near, tables): (&Near<'_>, &Tables<'_>),
    out: &mut Faults,
) {
    let mut seen: BTreeMap<Way, Span> = BTreeMap::new();
    for gateway in &node.default_gateways {
        let everything = match Family::of(gateway.value) {
            Family::Ipv4 => Prefix::EVERY_V4,
            Family::Ipv6 => Prefix::EVERY_V6,
        };
        let table = tables.towards(gateway.value);
        let way = (everything, table, kept_metric(everything, 0));
        seen.entry(way).or_insert(gateway.span);
    }
    let placed = host.links.iter().flat_map(|link| &link.addresses);
    let subnets: BTreeSet<usize> = placed.filter_map(|placed| placed.subnet).collect();
    for route in &node.routes {
        let (Some(to), Some(table), Some(metric)) = (
            route.destination.given(),
            tables.of_route(route),
            metric(&route.metric),
        ) else {
            continue;
        };
        let way = (to.value, table, kept_metric(to.value, metric));
        let first = seen.get(&way).copied();
        match first.or_else(|| shared.find(&way, &subnets, (near, tables))) {
            Some(first) => out.push(twice(host, &way, to.span, first)),
            None => drop(seen.insert(way, to.span)),
        }
    }
}

fn twice(host: &Host<'_>, (to, table, metric): &Way, again: Span, first: Span) -> Diagnostic {
    let place = match *table {
        MAIN_TABLE => String::new(),
        other => format!(" in the table {other}"),
    };
    let message = format!(
        "{} has two routes to {to} with the metric {metric}{place}",
        host.title()
    );
    Diagnostic::new(Code::RouteTwice, message)
        .label(again, "declared again here")
        .label(first, "the other one")
        .help(
            "give them different metrics: the lowest wins; several routers are several `via` of one route",
        )
}
