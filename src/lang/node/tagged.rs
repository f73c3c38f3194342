//! `tagged`: the frames of one VLAN on another link.

use super::super::kdl::Node;
use super::super::read::Sink;
use super::super::schema::{Child, Kind, NodeSchema, Property};
use super::address::{ADDRESS, PLACED_ADDRESS};
use super::identity::{CIRCUIT_ID, CLIENT_ID, DUID};
use super::link::{LinkNode, LinkShape, MTU_PROPERTY, NAME, link};
use super::protect::PROTECT;
use super::setting::SETTING_NODES;
use super::{any, join, known, open, optional, property};
use crate::base::vlan::VLAN_PROTOCOLS;

pub(super) const TAGGED: NodeSchema = NodeSchema {
    name: "tagged",
    doc: "The frames of a VLAN on another link, tagged with the VLAN's id.",
    arguments: &[NAME],
    properties: &[
        ON,
        VLAN,
        PROTOCOL,
        MTU_PROPERTY,
        CLIENT_ID,
        CIRCUIT_ID,
        DUID,
    ],
    children: &[any(&ADDRESS), optional(&PROTECT)],
};

const ON: Property = property("on", Kind::LinkName, "The link that carries the frames.");
const VLAN: Property = property("vlan", Kind::VlanReference, "The VLAN; it has an id.");
const PROTOCOL: Property = property(
    "protocol",
    Kind::Words(&VLAN_PROTOCOLS),
    "The protocol of the tags: `802.1Q`, which is the default; or `802.1ad`, a provider's, in whose frames others may be tagged.",
);

/// On a controller.
pub(super) const CONTROLLER_TAGGED: NodeSchema = NodeSchema {
    properties: &[ON, VLAN, PROTOCOL, MTU_PROPERTY],
    children: &CHILDREN,
    ..TAGGED
};

const OWN: [Child; 2] = [any(&PLACED_ADDRESS), optional(&PROTECT)];
const CHILDREN: [Child; OWN.len() + SETTING_NODES.len()] = join(&OWN, &SETTING_NODES);

pub(super) fn read(
    node: Node<'_>,
    schema: &'static NodeSchema,
    sink: &mut Sink<'_>,
) -> Option<LinkNode> {
    let reader = open(node, schema, sink);
    let on = reader.property("on", sink);
    let protocol = known(reader.word_property("protocol", sink));
    link(&reader, LinkShape::Tagged { on, protocol }, sink)
}
