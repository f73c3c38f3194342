//! `fabric` and all that it holds: VLANs, their DHCP service and their subnets.

use std::net::IpAddr;
use std::str::FromStr;

use super::super::kdl::Node;
use super::super::read::{Reader, Sink};
use super::super::schema::{Kind, NodeSchema};
use super::super::slot::Slot;
use super::link::VlanRef;
use super::{any, argument, arguments, open, optional, property};
use crate::base::addr::{AddressRange, Prefix};
use crate::base::duration::Seconds;
use crate::base::limit;
use crate::base::name::{HostName, Name, NameError};
use crate::diag::span::{Span, Spanned};

#[derive(Debug)]
pub struct FabricNode {
    pub name: Spanned<Name>,
    pub vlans: Vec<VlanNode>,
}

#[derive(Debug)]
pub struct VlanNode {
    pub name: Spanned<Name>,
    pub id: Slot<u16>,
    pub mtu: Slot<u32>,
    pub space: Slot<Name>,
    pub dhcp: Option<DhcpNode>,
    pub subnets: Vec<SubnetNode>,
}

#[derive(Debug)]
pub struct DhcpNode {
    pub controllers: Vec<Spanned<HostName>>,
    /// The VLAN whose servers answer here by way of a relay agent.
    pub relay_to: Slot<VlanRef>,
    pub lease_time: Slot<Seconds>,
    pub image: Slot<Name>,
    /// Whether a part of it could not be read.
    pub is_partial: bool,
    pub span: Span,
}

#[derive(Debug)]
pub struct SubnetNode {
    pub prefix: Spanned<Prefix>,
    pub gateway: Slot<IpAddr>,
    pub dns: Vec<Spanned<DnsServer>>,
    pub dynamic: Vec<Spanned<AddressRange>>,
    pub reserved: Vec<RangeNode>,
}

/// A reserved range and what it is for.
#[derive(Debug)]
pub struct RangeNode {
    pub range: Spanned<AddressRange>,
    pub purpose: Slot<String>,
}

/// A subnet's name server: an address, or the controller that has one there.
#[derive(Debug, Clone)]
pub enum DnsServer {
    Address(IpAddr),
    Controller(HostName),
}

impl FromStr for DnsServer {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text.parse() {
            Ok(address) => Ok(Self::Address(address)),
            Err(_) => text.parse().map(Self::Controller),
        }
    }
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
    children: &[any(&VLAN)],
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
    children: &[optional(&DHCP), any(&SUBNET)],
};

const DHCP: NodeSchema = NodeSchema {
    name: "dhcp",
    doc: "DHCP service on the VLAN.",
    arguments: &[],
    properties: &[],
    children: &[
        optional(&CONTROLLERS),
        optional(&RELAY_TO),
        optional(&LEASE_TIME),
        optional(&DHCP_IMAGE),
    ],
};

const CONTROLLERS: NodeSchema = NodeSchema {
    name: "controllers",
    doc: "Who serves it.",
    arguments: &[arguments(
        "a controller",
        Kind::HostName,
        "A controller with an IPv4 address on the VLAN.",
    )],
    properties: &[],
    children: &[],
};

const RELAY_TO: NodeSchema = NodeSchema {
    name: "relay-to",
    doc: "Instead of `controllers`: a relay agent on the VLAN forwards to the servers of another one.",
    arguments: &[argument(
        "a VLAN",
        Kind::VlanReference,
        "A VLAN that controllers serve.",
    )],
    properties: &[],
    children: &[],
};

const LEASE_TIME: NodeSchema = NodeSchema {
    name: "lease-time",
    doc: "How long a lease lasts; the default is ten minutes.",
    arguments: &[argument(
        "a duration",
        Kind::Duration,
        "From one minute to one year.",
    )],
    properties: &[],
    children: &[],
};

const DHCP_IMAGE: NodeSchema = NodeSchema {
    name: "image",
    doc: "What clients without an image of their own boot.",
    arguments: &[argument("an image", Kind::Reference, "The image's name.")],
    properties: &[],
    children: &[],
};

const SUBNET: NodeSchema = NodeSchema {
    name: "subnet",
    doc: "Addresses that the VLAN uses.",
    arguments: &[argument(
        "a prefix",
        Kind::Prefix,
        "The prefix; those of a site never overlap.",
    )],
    properties: &[],
    children: &[
        optional(&GATEWAY),
        optional(&DNS),
        any(&DYNAMIC),
        any(&RESERVED),
    ],
};

const GATEWAY: NodeSchema = NodeSchema {
    name: "gateway",
    doc: "The router that machines send everything else to.",
    arguments: &[argument(
        "an address",
        Kind::Ip,
        "An address in the subnet, of a controller or of any other router.",
    )],
    properties: &[],
    children: &[],
};

const DNS: NodeSchema = NodeSchema {
    name: "dns",
    doc: "Name servers for machines; without it, the controllers that serve the VLAN.",
    arguments: &[arguments(
        "a server",
        Kind::DnsServer,
        "An address, or a controller.",
    )],
    properties: &[],
    children: &[],
};

const DYNAMIC: NodeSchema = NodeSchema {
    name: "dynamic-range",
    doc: "Addresses that DHCP hands out to anyone.",
    arguments: &[argument(
        "a range",
        Kind::Range,
        "FIRST-LAST, both included, or a prefix.",
    )],
    properties: &[],
    children: &[],
};

const RESERVED: NodeSchema = NodeSchema {
    name: "reserved-range",
    doc: "Addresses that nothing here hands out.",
    arguments: &[argument(
        "a range",
        Kind::Range,
        "FIRST-LAST, both included, or a prefix.",
    )],
    properties: &[property("for", Kind::Text, "What uses them.")],
    children: &[],
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
    Some(FabricNode { name: name?, vlans })
}

fn read_vlan(node: Node<'_>, sink: &mut Sink<'_>) -> Option<VlanNode> {
    let reader = open(node, &VLAN, sink);
    let name = reader.argument(0, sink).into_given();
    let id = reader.number("id", sink);
    let mtu = reader.number("mtu", sink);
    let space = reader.property("space", sink);
    let dhcp = reader.child("dhcp").map(|dhcp| read_dhcp(dhcp, sink));
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
    })
}

fn read_dhcp(node: Node<'_>, sink: &mut Sink<'_>) -> DhcpNode {
    let reader = open(node, &DHCP, sink);
    DhcpNode {
        controllers: reader.child("controllers").map_or_else(Vec::new, |node| {
            open(node, &CONTROLLERS, sink).arguments(0, sink)
        }),
        relay_to: first(&reader, &RELAY_TO, sink),
        lease_time: first(&reader, &LEASE_TIME, sink),
        image: first(&reader, &DHCP_IMAGE, sink),
        is_partial: reader.is_partial(),
        span: reader.span(),
    }
}

fn read_subnet(node: Node<'_>, sink: &mut Sink<'_>) -> Option<SubnetNode> {
    let reader = open(node, &SUBNET, sink);
    let prefix = reader.argument(0, sink).into_given();
    let gateway = first(&reader, &GATEWAY, sink);
    let dns = reader
        .child("dns")
        .map_or_else(Vec::new, |node| open(node, &DNS, sink).arguments(0, sink));
    let dynamic: Vec<Slot<AddressRange>> = reader
        .children("dynamic-range")
        .map(|node| open(node, &DYNAMIC, sink).argument(0, sink))
        .collect();
    if dynamic.iter().any(|range| range.given().is_none()) {
        sink.gaps.add("dynamic-range");
    }
    let reserved = reader
        .children("reserved-range")
        .filter_map(|node| {
            let reader = open(node, &RESERVED, sink);
            let purpose = reader.property("for", sink);
            let range = reader.argument(0, sink).into_given()?;
            Some(RangeNode { range, purpose })
        })
        .collect();
    if prefix.is_none() {
        sink.gaps.add("subnet");
    }
    Some(SubnetNode {
        prefix: prefix?,
        gateway,
        dns,
        dynamic: dynamic.into_iter().filter_map(Slot::into_given).collect(),
        reserved,
    })
}

/// The first argument of the child that `schema` describes.
pub(super) fn first<T>(
    reader: &Reader<'_>,
    schema: &'static NodeSchema,
    sink: &mut Sink<'_>,
) -> Slot<T>
where
    T: FromStr<Err: std::fmt::Display>,
{
    reader.child(schema.name).map_or(Slot::Absent, |node| {
        open(node, schema, sink).argument(0, sink)
    })
}
