//! `fabric` and its VLANs.

use super::super::kdl::{Node, Scalar};
use super::super::read::Sink;
use super::super::schema::{Kind, NodeSchema};
use super::super::slot::Slot;
use super::dhcp::{DHCP, DhcpNode, read_dhcp};
use super::protect::{PROTECT, ProtectNode, read_protect};
use super::subnet::{SUBNET, SubnetNode, read_subnet};
use super::{any, argument, flag, open, optional, property};
use crate::base::limit;
use crate::base::name::Name;
use crate::diag::span::Spanned;

#[derive(Debug)]
pub struct FabricNode {
    pub name: Spanned<Name>,
    /// Whether its addresses are its own, whatever other fabrics have.
    pub isolated: Slot<bool>,
    pub vlans: Vec<VlanNode>,
}

#[derive(Debug)]
pub struct VlanNode {
    pub name: Spanned<Name>,
    pub id: Slot<u16>,
    pub mtu: Slot<u32>,
    pub space: Slot<Name>,
    /// Large, and most VLANs have none.
    pub dhcp: Option<Box<DhcpNode>>,
    pub subnets: Vec<SubnetNode>,
    pub protect: Option<ProtectNode>,
}

/// Bounds of an MTU, as properties state them.
pub(super) const MTU: Kind = Kind::Integer {
    least: limit::MTU_MIN,
    most: limit::MTU_MAX,
};

pub(super) const FABRIC: NodeSchema = NodeSchema {
    name: "fabric",
    doc: "Switches that are connected to each other, and so share their VLANs.",
    arguments: &[argument("a name", Kind::Name, "The fabric's name.")],
    properties: &[],
    children: &[optional(&ISOLATED), any(&VLAN)],
};

const ISOLATED: NodeSchema = NodeSchema {
    name: "isolated",
    doc: "Whether nothing routes between this fabric and others, so that its subnets may have prefixes which others have too; the default is `#false`.",
    arguments: &[argument("a flag", Kind::Flag, "`#true` or `#false`.")],
    properties: &[],
    children: &[],
};

const VLAN: NodeSchema = NodeSchema {
    name: "vlan",
    doc: "A broadcast domain of the fabric.",
    arguments: &[argument(
        "a name",
        Kind::Name,
        "The VLAN's name; elsewhere it is written `vlan`, or `fabric/vlan` where several fabrics have one.",
    )],
    properties: &[
        property(
            "id",
            Kind::Integer {
                least: 1,
                most: 4094,
            },
            "The 802.1Q id; without it, this is the fabric's untagged VLAN.",
        ),
        property("mtu", MTU, "Bytes that a frame may carry."),
        property(
            "space",
            Kind::Reference,
            "The space that the VLAN belongs to.",
        ),
    ],
    children: &[optional(&DHCP), any(&SUBNET), optional(&PROTECT)],
};

pub(super) fn read_fabric(node: Node<'_>, sink: &mut Sink<'_>) -> Option<FabricNode> {
    let reader = open(node, &FABRIC, sink);
    let name = reader.argument(0, sink).into_given();
    let vlans: Vec<_> = reader
        .children("vlan")
        .filter_map(|node| read_vlan(node, sink))
        .collect();
    if name.is_none() {
        sink.gaps.add("fabric");
    }
    Some(FabricNode {
        name: name?,
        isolated: flag(&reader, &ISOLATED, sink),
        vlans,
    })
}

fn read_vlan(node: Node<'_>, sink: &mut Sink<'_>) -> Option<VlanNode> {
    let reader = open(node, &VLAN, sink);
    let name = reader.argument(0, sink).into_given();
    let id = reader.number("id", sink);
    if let Some(zero) = reader
        .written("id")
        .filter(|id| id.scalar == Scalar::Integer(0))
    {
        sink.advise(
            zero.span,
            "the fabric's untagged vlan is the one without id",
        );
    }
    let mtu = reader.number("mtu", sink);
    let space = reader.property("space", sink);
    let dhcp = reader.child("dhcp");
    let dhcp = dhcp.map(|dhcp| Box::new(read_dhcp(dhcp, sink)));
    let subnets: Vec<_> = reader
        .children("subnet")
        .filter_map(|node| read_subnet(node, sink))
        .collect();
    if name.is_none() {
        sink.gaps.add("vlan");
    }
    Some(VlanNode {
        name: name?,
        id,
        mtu,
        space,
        dhcp,
        subnets,
        protect: read_protect(&reader, sink),
    })
}
