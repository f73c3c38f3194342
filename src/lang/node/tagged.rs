//! `tagged`: the frames of one VLAN on another link.

use super::super::kdl::Node;
use super::super::read::Sink;
use super::super::schema::{Kind, NodeSchema};
use super::address::ADDRESS;
use super::link::{LinkNode, LinkShape, MTU_PROPERTY, NAME, link};
use super::protect::PROTECT;
use super::{any, open, optional, property};

pub(super) const TAGGED: NodeSchema = NodeSchema {
    name: "tagged",
    doc: "The frames of a VLAN on another link, tagged with the VLAN's id.",
    arguments: &[NAME],
    properties: &[
        property("on", Kind::LinkName, "The link that carries the frames."),
        property("vlan", Kind::VlanReference, "The VLAN; it has an id."),
        MTU_PROPERTY,
    ],
    children: &[any(&ADDRESS), optional(&PROTECT)],
};

pub(super) fn read(node: Node<'_>, sink: &mut Sink<'_>) -> Option<LinkNode> {
    let reader = open(node, &TAGGED, sink);
    let on = reader.property("on", sink);
    link(&reader, LinkShape::Tagged { on }, sink)
}
