//! `route` in a controller's block: a way that this host alone takes.

use std::net::IpAddr;

use super::super::kdl::Node;
use super::super::read::Sink;
use super::super::schema::{Kind, NodeSchema};
use super::super::slot::Slot;
use super::site::METRIC;
use super::table::{TABLE, TableRef, read_table};
use super::{any, argument, first, known, open, optional, plain, property};
use crate::base::addr::Prefix;
use crate::base::name::LinkName;
use crate::base::route::{DEAD_ENDS, RouteKind};
use crate::diag::span::Span;

/// A route of one controller.
#[derive(Debug)]
pub struct PathNode {
    pub destination: Slot<Prefix>,
    /// Absent where it leads somewhere.
    pub kind: Slot<RouteKind>,
    pub hops: Vec<HopNode>,
    /// The link that the destination itself is on.
    pub on: Slot<LinkName>,
    pub metric: Slot<u32>,
    pub table: Slot<TableRef>,
    pub source: Slot<IpAddr>,
    /// Whether a part of it could not be read.
    pub is_partial: bool,
    pub span: Span,
}

/// A router of a route.
#[derive(Debug)]
pub struct HopNode {
    pub via: Slot<IpAddr>,
    pub on: Slot<LinkName>,
    pub weight: Slot<u16>,
    pub onlink: Slot<bool>,
    pub span: Span,
}

pub(super) const CONTROLLER_ROUTE: NodeSchema = NodeSchema {
    name: "route",
    doc: "A route of this controller alone.",
    arguments: &[argument("a prefix", Kind::Prefix, "Where the route leads.")],
    properties: &[property(
        "type",
        Kind::Words(&DEAD_ENDS),
        "For packets that are to go nowhere: `blackhole` drops them, `unreachable` and `prohibit` also tell the sender.",
    )],
    children: &[
        any(&VIA),
        optional(&ON),
        optional(&METRIC),
        optional(&TABLE),
        optional(&SOURCE),
    ],
};

const VIA: NodeSchema = NodeSchema {
    name: "via",
    doc: "A router; of several, each takes its share.",
    arguments: &[argument(
        "an address",
        Kind::Ip,
        "An address that one of the controller's own prefixes holds. An IPv4 route may lead to an IPv6 router (RFC 5549).",
    )],
    properties: &[
        property("on", Kind::LinkName, "The link towards the router."),
        property(
            "weight",
            Kind::Integer {
                least: 1,
                most: 256,
            },
            "How many packets take this router for each that takes one of weight 1, which is the default.",
        ),
        property(
            "onlink",
            Kind::Flag,
            "Whether the router is on the link `on` though no prefix of the controller holds it; the default is `#false`.",
        ),
    ],
    children: &[],
};

const ON: NodeSchema = plain(
    "on",
    "The link that the destination itself is on, without a router.",
    &[argument(
        "a link",
        Kind::LinkName,
        "A link of the controller.",
    )],
);

const SOURCE: NodeSchema = plain(
    "source",
    "The address that the controller sends from.",
    &[argument(
        "an address",
        Kind::Ip,
        "One of the controller's own.",
    )],
);

pub(super) fn read_path(node: Node<'_>, sink: &mut Sink<'_>) -> PathNode {
    let reader = open(node, &CONTROLLER_ROUTE, sink);
    let kind = known(reader.word_property("type", sink));
    PathNode {
        destination: reader.argument(0, sink),
        kind,
        hops: reader
            .children(VIA.name)
            .map(|node| read_hop(node, sink))
            .collect(),
        on: first(&reader, &ON, sink),
        metric: reader.child(METRIC.name).map_or(Slot::Absent, |node| {
            open(node, &METRIC, sink).number_argument(sink)
        }),
        table: read_table(&reader, sink),
        source: first(&reader, &SOURCE, sink),
        is_partial: reader.is_partial(),
        span: reader.span(),
    }
}

fn read_hop(node: Node<'_>, sink: &mut Sink<'_>) -> HopNode {
    let reader = open(node, &VIA, sink);
    HopNode {
        via: reader.argument(0, sink),
        on: reader.property("on", sink),
        weight: reader.number("weight", sink),
        onlink: reader.flag_property("onlink", sink),
        span: reader.span(),
    }
}
