//! `site`, `include`, `space` and `route`.

use std::net::IpAddr;
use std::str::FromStr;

use super::super::kdl::Node;
use super::super::read::Sink;
use super::super::schema::{Kind, NodeSchema, Property};
use super::super::slot::Slot;
use super::dhcp::{SITE_DHCP, SiteDhcpNode, read_site_dhcp};
use super::{any, argument, arguments, child, open, optional, property};
use crate::base::addr::Prefix;
use crate::base::name::{DomainName, Name, NameError};
use crate::diag::span::{Span, Spanned};
use crate::lang::schema::Count;

#[derive(Debug)]
pub struct SiteNode {
    pub name: Slot<Name>,
    pub domain: Slot<DomainName>,
    pub forwarders: Vec<Spanned<IpAddr>>,
    pub time_servers: Vec<Spanned<TimeServer>>,
    pub dhcp: Option<SiteDhcpNode>,
    pub span: Span,
}

/// An NTP server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimeServer {
    Address(IpAddr),
    Name(DomainName),
}

impl FromStr for TimeServer {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text.parse() {
            Ok(address) => Ok(Self::Address(address)),
            Err(_) => text.parse().map(Self::Name),
        }
    }
}

#[derive(Debug)]
pub struct SpaceNode {
    pub name: Spanned<Name>,
}

#[derive(Debug)]
pub struct RouteNode {
    pub destination: Slot<Prefix>,
    pub via: Slot<IpAddr>,
    pub metric: Slot<u32>,
    /// The fabric of the gateway, where isolated ones have the same address.
    pub fabric: Slot<Name>,
    pub span: Span,
}

pub(super) const SITE: NodeSchema = NodeSchema {
    name: "site",
    doc: "The site itself; a site has exactly one.",
    arguments: &[argument("a name", Kind::Name, "The site's name.")],
    properties: &[Property {
        name: "domain",
        doc: "The DNS domain that machines and controllers are named in.",
        kind: Kind::DomainName,
        required: true,
    }],
    children: &[
        optional(&DNS),
        optional(&NTP),
        optional(&SITE_DHCP),
        any(&INCLUDE),
    ],
};

const DNS: NodeSchema = NodeSchema {
    name: "dns",
    doc: "Name service of the site.",
    arguments: &[],
    properties: &[],
    children: &[optional(&FORWARD)],
};

const NTP: NodeSchema = NodeSchema {
    name: "ntp",
    doc: "The time of the site.",
    arguments: &[],
    properties: &[],
    children: &[child(&UPSTREAM, Count::One)],
};

const UPSTREAM: NodeSchema = NodeSchema {
    name: "upstream",
    doc: "Where the controllers have the time from. DHCP tells machines of those that are given by an IPv4 address.",
    arguments: &[arguments(
        "a server",
        Kind::TimeServer,
        "The address or the name of an NTP server.",
    )],
    properties: &[],
    children: &[],
};

const FORWARD: NodeSchema = NodeSchema {
    name: "forward",
    doc: "Resolvers that answer for names outside the site.",
    arguments: &[arguments(
        "an address",
        Kind::Ip,
        "A resolver; they are tried in this order.",
    )],
    properties: &[],
    children: &[],
};

pub(super) const INCLUDE: NodeSchema = NodeSchema {
    name: "include",
    doc: "Reads further files, as if their nodes stood at the top level.",
    arguments: &[argument(
        "a path",
        Kind::Text,
        "A path relative to this file; `*` and `?` match within one component.",
    )],
    properties: &[],
    children: &[],
};

pub(super) const SPACE: NodeSchema = NodeSchema {
    name: "space",
    doc: "A group of VLANs that can reach each other.",
    arguments: &[argument("a name", Kind::Name, "The space's name.")],
    properties: &[],
    children: &[],
};

pub(super) const ROUTE: NodeSchema = NodeSchema {
    name: "route",
    doc: "A route for every controller and machine with an address in the subnet that holds `via`. DHCP tells machines of IPv4 ones, where they ask (option 121).",
    arguments: &[argument("a prefix", Kind::Prefix, "Where the route leads.")],
    properties: &[property(
        "fabric",
        Kind::Reference,
        "The fabric that `via` is in; needed where several isolated ones have its address.",
    )],
    children: &[child(&VIA, Count::One), optional(&METRIC)],
};

const VIA: NodeSchema = NodeSchema {
    name: "via",
    doc: "The router.",
    arguments: &[argument(
        "an address",
        Kind::Ip,
        "An address in one of the site's subnets.",
    )],
    properties: &[],
    children: &[],
};

pub(super) const METRIC: NodeSchema = NodeSchema {
    name: "metric",
    doc: "Preference among routes to one destination; the lowest wins, and the default is 0.",
    arguments: &[argument(
        "a number",
        Kind::Integer {
            least: 0,
            most: u32::MAX,
        },
        "The metric.",
    )],
    properties: &[],
    children: &[],
};

pub(super) fn read_site(node: Node<'_>, sink: &mut Sink<'_>) -> SiteNode {
    let reader = open(node, &SITE, sink);
    let name = reader.argument(0, sink);
    let domain = reader.property("domain", sink);
    for include in reader.children("include") {
        read_include(include, sink);
    }
    let mut forwarders = Vec::new();
    if let Some(dns) = reader.child("dns") {
        let dns = open(dns, &DNS, sink);
        if let Some(forward) = dns.child("forward") {
            forwarders = open(forward, &FORWARD, sink).arguments(0, sink);
        }
    }
    let ntp = reader.child(NTP.name).map(|node| open(node, &NTP, sink));
    let upstream = ntp.and_then(|ntp| ntp.child(UPSTREAM.name));
    let time_servers = upstream.map_or_else(Vec::new, |node| {
        open(node, &UPSTREAM, sink).arguments(0, sink)
    });
    SiteNode {
        name,
        domain,
        forwarders,
        time_servers,
        dhcp: reader
            .child(SITE_DHCP.name)
            .map(|node| read_site_dhcp(node, sink)),
        span: reader.span(),
    }
}

/// The loader follows includes; here only their shape is checked.
pub(super) fn read_include(node: Node<'_>, sink: &mut Sink<'_>) {
    let _path: Slot<String> = open(node, &INCLUDE, sink).argument(0, sink);
}

pub(super) fn read_space(node: Node<'_>, sink: &mut Sink<'_>) -> Option<SpaceNode> {
    let name = open(node, &SPACE, sink).argument(0, sink).into_given();
    if name.is_none() {
        sink.gaps.add("space");
    }
    name.map(|name| SpaceNode { name })
}

pub(super) fn read_route(node: Node<'_>, sink: &mut Sink<'_>) -> RouteNode {
    let reader = open(node, &ROUTE, sink);
    RouteNode {
        destination: reader.argument(0, sink),
        fabric: reader.property("fabric", sink),
        via: reader
            .child("via")
            .map_or(Slot::Faulty, |via| open(via, &VIA, sink).argument(0, sink)),
        metric: reader.child("metric").map_or(Slot::Absent, |metric| {
            open(metric, &METRIC, sink).number_argument(sink)
        }),
        span: reader.span(),
    }
}
