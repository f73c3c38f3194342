//! `vrf`: links whose packets a routing table of their own routes.

use super::super::kdl::Node;
use super::super::read::Sink;
use super::super::schema::{Child, Kind, NodeSchema, Property};
use super::link::{LinkNode, LinkShape, NAME, link};
use super::protect::PROTECT;
use super::setting::SETTING_NODES;
use super::{arguments, join, open, optional, plain};
use crate::base::name::LinkName;
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::Spanned;

pub(super) const VRF: NodeSchema = NodeSchema {
    name: "vrf",
    doc: "Links of the controller whose packets are routed by a table of their own.",
    arguments: &[NAME],
    properties: &[Property {
        name: "table",
        doc: "The number of its routing table: another for each VRF of a controller, and not 253 to 255, which are the kernel's.",
        kind: Kind::Integer {
            least: 1,
            most: u32::MAX,
        },
        required: true,
    }],
    children: &CHILDREN,
};

const OWN: [Child; 2] = [optional(&PORTS), optional(&PROTECT)];
const CHILDREN: [Child; OWN.len() + SETTING_NODES.len()] = join(&OWN, &SETTING_NODES);

const PORTS: NodeSchema = plain(
    "ports",
    "The links that the VRF routes for.",
    &[arguments(
        "a link",
        Kind::LinkName,
        "A link of the same controller; it keeps its addresses and its VLAN.",
    )],
);

/// What `table` calls the main routing table, so that no VRF may be called so.
pub(super) const MAIN: &str = "main";

pub(super) fn read(
    node: Node<'_>,
    schema: &'static NodeSchema,
    sink: &mut Sink<'_>,
) -> Option<LinkNode> {
    let reader = open(node, schema, sink);
    let ports = reader.child(PORTS.name).map_or_else(Vec::new, |ports| {
        open(ports, &PORTS, sink).arguments(0, sink)
    });
    let table = reader.number("table", sink);
    let read = link(&reader, LinkShape::Vrf { table, ports }, sink)?;
    refuse_main(&read.name, sink);
    Some(read)
}

fn refuse_main(name: &Spanned<LinkName>, sink: &mut Sink<'_>) {
    if name.value.as_str() == MAIN {
        let fault = Diagnostic::new(
            Code::InvalidName,
            "`main` is the routing table that every host has",
        );
        sink.report(
            fault
                .label(name.span, "not a name for a VRF")
                .help("give the VRF another name"),
        );
    }
}
