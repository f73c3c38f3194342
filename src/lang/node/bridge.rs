//! `bridge`: links joined at layer 2.

use super::super::kdl::Node;
use super::super::read::Sink;
use super::super::schema::{Child, Kind, NodeSchema, Property};
use super::address::{ADDRESS, PLACED_ADDRESS};
use super::filter::{FILTER_NODES, read_filter};
use super::identity::{CIRCUIT_ID, CLIENT_ID, DUID};
use super::link::{LinkNode, LinkShape, MTU_PROPERTY, NAME, VLAN_PROPERTY, link};
use super::protect::PROTECT;
use super::setting::SETTING_NODES;
use super::{any, argument, arguments, first, flag, join, open, optional, property};

/// Who makes a bridge.
const BRIDGE_TYPES: &[&str] = &["standard", "ovs"];

pub(super) const BRIDGE: NodeSchema = NodeSchema {
    name: "bridge",
    doc: "A bridge over other links of the same host.",
    arguments: &[NAME],
    properties: &[
        VLAN_PROPERTY,
        MTU_PROPERTY,
        TYPE,
        CLIENT_ID,
        CIRCUIT_ID,
        DUID,
    ],
    children: &[
        optional(&PORTS),
        optional(&STP),
        optional(&FORWARD_DELAY),
        any(&ADDRESS),
        optional(&PROTECT),
    ],
};

const TYPE: Property = property(
    "type",
    Kind::Words(BRIDGE_TYPES),
    "`standard`, the kernel's own, which is the default; or `ovs`, Open vSwitch, for machines.",
);

/// On a controller.
pub(super) const CONTROLLER_BRIDGE: NodeSchema = NodeSchema {
    properties: &[VLAN_PROPERTY, MTU_PROPERTY, TYPE],
    children: &CHILDREN,
    ..BRIDGE
};

const OWN: [Child; 5] = [
    optional(&PORTS),
    optional(&STP),
    optional(&FORWARD_DELAY),
    any(&PLACED_ADDRESS),
    optional(&PROTECT),
];
const FILTERED: [Child; OWN.len() + FILTER_NODES.len()] = join(&OWN, &FILTER_NODES);
const CHILDREN: [Child; FILTERED.len() + SETTING_NODES.len()] = join(&FILTERED, &SETTING_NODES);

const PORTS: NodeSchema = NodeSchema {
    name: "ports",
    doc: "The links that the bridge joins.",
    arguments: &[arguments(
        "a link",
        Kind::LinkName,
        "A link of the same host, without addresses of its own.",
    )],
    properties: &[],
    children: &[],
};

const STP: NodeSchema = NodeSchema {
    name: "stp",
    doc: "Whether the bridge takes part in the spanning tree protocol; the default is `#false`.",
    arguments: &[argument("a flag", Kind::Flag, "`#true` or `#false`.")],
    properties: &[],
    children: &[],
};

const FORWARD_DELAY: NodeSchema = NodeSchema {
    name: "forward-delay",
    doc: "How long a port listens and learns before it forwards; the default is 15s.",
    arguments: &[argument(
        "a duration",
        Kind::Duration,
        "2s to 30s (IEEE 802.1D); 0s without the spanning tree protocol.",
    )],
    properties: &[],
    children: &[],
};

pub(super) fn read(
    node: Node<'_>,
    schema: &'static NodeSchema,
    sink: &mut Sink<'_>,
) -> Option<LinkNode> {
    let reader = open(node, schema, sink);
    let ports = reader.child("ports").map_or_else(Vec::new, |ports| {
        open(ports, &PORTS, sink).arguments(0, sink)
    });
    let stp = flag(&reader, &STP, sink);
    let forward_delay = first(&reader, &FORWARD_DELAY, sink);
    let shape = LinkShape::Bridge {
        kind: reader.word_property("type", sink),
        ports,
        stp,
        forward_delay,
        filter: read_filter(&reader, sink),
    };
    link(&reader, shape, sink)
}
