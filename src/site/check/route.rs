//! Static routes and default gateways.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::base::addr::Prefix;
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{Span, Spanned};
use crate::lang::Slot;
use crate::site::resolve::{Draft, Host, Role};

pub(super) fn check(draft: &Draft<'_>, out: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<(Prefix, u32), Span> = BTreeMap::new();
    for route in &draft.declarations.routes {
        let via = route.via.given();
        if let Some(via) = via {
            gateway(draft, via, out);
        }
        let Some(destination) = route.destination.given() else {
            continue;
        };
        if let Some(fault) = unfit(draft, destination, via) {
            out.push(fault);
            continue;
        }
        let metric = match &route.metric {
            Slot::Absent => 0,
            Slot::Faulty => continue,
            Slot::Given(metric) => metric.value,
        };
        match seen.get(&(destination.value, metric)) {
            None => {
                seen.insert((destination.value, metric), destination.span);
            }
            Some(first) => out.push(
                Diagnostic::new(
                    Code::RouteTwice,
                    format!(
                        "two routes to {} have the metric {metric}",
                        destination.value
                    ),
                )
                .label(destination.span, "declared again here")
                .label(*first, "first declared here")
                .help("give them different metrics: the lowest wins"),
            ),
        }
    }
    for host in &draft.hosts {
        default_gateway(draft, host, out);
    }
}

fn gateway(draft: &Draft<'_>, via: &Spanned<IpAddr>, out: &mut Vec<Diagnostic>) {
    match draft.index.holding(via.value).next() {
        Some(subnet) => {
            let Some(prefix) = draft.prefix(subnet).filter(|one| one.is_edge(via.value)) else {
                return;
            };
            let message = format!(
                "{} is the network or broadcast address of {prefix}",
                via.value
            );
            out.push(
                Diagnostic::new(Code::AddressEdge, message)
                    .label(via.span, "no router can have this address"),
            );
        }
        None if draft
            .declarations
            .gaps
            .may_hide(&["fabric", "vlan", "subnet"]) => {}
        None => out.push(
            Diagnostic::new(
                Code::RouteGateway,
                format!("{} is in no subnet of the site", via.value),
            )
            .label(via.span, "nobody could reach this router")
            .help("name a router in a declared subnet, or declare its subnet"),
        ),
    }
}

fn unfit(
    draft: &Draft<'_>,
    destination: &Spanned<Prefix>,
    via: Option<&Spanned<IpAddr>>,
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
    let home = draft.prefix(draft.index.holding(via.value).next()?)?;
    (home == prefix).then(|| {
        fault(format!("the route's gateway is itself in {prefix}"))
            .label(via.span, "hosts that reach this router are there already")
            .help("name the network behind the router")
    })
}

fn default_gateway(draft: &Draft<'_>, host: &Host<'_>, out: &mut Vec<Diagnostic>) {
    let Role::Controller(node) = &host.role else {
        return;
    };
    let Some(gateway) = node.default_gateway.given() else {
        return;
    };
    let ip = gateway.value;
    let own = || host.links.iter().flat_map(|link| &link.addresses);
    let reachable = own()
        .filter_map(|placed| draft.prefix(placed.subnet?))
        .any(|prefix| prefix.contains(ip) && !prefix.is_edge(ip));
    // An address without a subnet is reported by itself.
    let is_unsure = host.is_partial() || own().any(|placed| placed.subnet.is_none());
    let is_own = own().any(|placed| placed.ip() == ip);
    let problem = if is_own {
        format!("{} is its own default gateway", host.title())
    } else if !reachable && !is_unsure && !super::reference::may_hide(draft, host) {
        format!("{} cannot reach its default gateway {ip}", host.title())
    } else {
        return;
    };
    out.push(
        Diagnostic::new(Code::DefaultGateway, problem)
            .label(
                gateway.span,
                "not another host of a subnet that it has an address in",
            )
            .help("name a router in one of its subnets, or give it an address in the router's"),
    );
}
