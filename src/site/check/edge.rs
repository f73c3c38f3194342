//! Addresses that no host has: a subnet's first and last, and those that mean no host anywhere. Whoever serves has a host's.

use std::net::{IpAddr, Ipv4Addr};

use crate::base::addr::Prefix;
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{Span, Spanned};
use crate::lang::node::{DnsServer, TimeServer};
use crate::site::resolve::{Draft, Role};

pub(super) fn check(draft: &Draft<'_>, out: &mut Vec<Diagnostic>) {
    for site in &draft.declarations.sites {
        let times = site.time_servers.iter();
        let times = times.filter_map(|server| match server.value {
            TimeServer::Address(ip) => Some(Spanned::new(ip, server.span)),
            TimeServer::Name(_) => None,
        });
        // A resolver on the controller itself may be asked, as may its clock.
        let forwarders = site.forwarders.iter().copied();
        let servers = forwarders
            .chain(times)
            .filter(|server| !server.value.is_loopback());
        out.extend(servers.filter_map(|server| nobody(server.value, server.span)));
    }
    for subnet in &draft.subnets {
        for server in &subnet.node.dns {
            if let DnsServer::Address(ip) = server.value {
                out.extend(served(draft, ip, server.span));
            }
        }
    }
    for host in &draft.hosts {
        if let Role::Machine(shape) = &host.role
            && let Some(address) = shape.bmc.as_ref().and_then(|bmc| bmc.address.given())
        {
            out.extend(served(draft, address.value, address.span));
        }
    }
}

/// Why a server in one of the site's subnets, or behind a router, cannot have an address.
fn served(draft: &Draft<'_>, ip: IpAddr, span: Span) -> Option<Diagnostic> {
    nobody(ip, span).or_else(|| {
        let prefix = draft.prefix(draft.index.holding(ip).next()?)?;
        of_subnet(prefix, ip, span)
    })
}

/// Why no host of a subnet has an address.
pub(super) fn of_subnet(prefix: Prefix, ip: IpAddr, span: Span) -> Option<Diagnostic> {
    prefix.is_edge(ip).then(|| {
        let message = format!("{ip} is the network or broadcast address of {prefix}");
        let (first, last) = prefix.host_ends();
        Diagnostic::new(Code::AddressEdge, message)
            .label(span, "no host can have this address")
            .help(format!(
                "its hosts have the addresses from {first} to {last}"
            ))
    })
}

/// Why no host at all has an address.
pub(super) fn nobody(ip: IpAddr, span: Span) -> Option<Diagnostic> {
    let what = if ip.is_unspecified() {
        "the address of nobody in particular"
    } else if ip.is_multicast() {
        "the address of a group"
    } else if ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
        "the address of everybody on a link"
    } else if ip.is_loopback() {
        "each host's own loopback"
    } else {
        return None;
    };
    Some(
        Diagnostic::new(Code::AddressEdge, format!("{ip} is {what}"))
            .label(span, "no host can be reached by this address")
            .help("write the address of one host"),
    )
}
