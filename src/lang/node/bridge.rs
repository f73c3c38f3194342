//! `bridge`: links joined at layer 2.

use super::super::kdl::Node;
use super::super::read::Sink;
use super::super::schema::{Kind, NodeSchema};
use super::address::ADDRESS;
use super::link::{LinkNode, LinkShape, MTU_PROPERTY, NAME, VLAN_PROPERTY, link};
use super::protect::PROTECT;
use super::{any, argument, arguments, first, flag, open, optional, property};

/// Who makes a bridge.
const BRIDGE_TYPES: &[&str] = &["standard", "ovs"];

pub(super) const BRIDGE: NodeSchema = NodeSchema {
    name: "bridge",
    doc: "A bridge over other links of the same host.",
    arguments: &[NAME],
    properties: &[
        VLAN_PROPERTY,
        MTU_PROPERTY,
        property(
            "type",
            Kind::Words(BRIDGE_TYPES),
            "`standard`, the kernel's own, which is the default; or `ovs`, Open vSwitch, for machines.",
        ),
    ],
    children: &[
        optional(&PORTS),
        optional(&STP),
        optional(&FORWARD_DELAY),
        any(&ADDRESS),
        optional(&PROTECT),
    ],
};

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

pub(super) fn read(node: Node<'_>, sink: &mut Sink<'_>) -> Option<LinkNode> {
    let reader = open(node, &BRIDGE, sink);
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
    };
    link(&reader, shape, sink)
}
