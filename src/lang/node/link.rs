//! Links of controllers, interfaces of machines, and the addresses on both.

use std::net::IpAddr;
use std::str::FromStr;

use super::super::kdl::Node;
use super::super::read::{Reader, Sink};
use super::super::schema::{Kind, NodeSchema};
use super::super::slot::Slot;
use super::fabric::MTU;
use super::{any, argument, arguments, child, open, property};
use crate::base::addr::{AddrError, InterfaceAddr};
use crate::base::mac::MacAddr;
use crate::base::name::{LinkName, Name, NameError};
use crate::diag::span::{Span, Spanned};
use crate::lang::schema::Count;

#[derive(Debug, Clone)]
pub struct LinkNode {
    pub name: Spanned<LinkName>,
    pub shape: LinkShape,
    pub vlan: Slot<VlanRef>,
    pub mtu: Slot<u32>,
    pub addresses: Vec<Spanned<AddressText>>,
    /// Whether an address stood here that could not be read.
    pub has_faulty_address: bool,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum LinkShape {
    Ethernet { mac: Slot<MacAddr> },
    Bridge { ports: Vec<Spanned<LinkName>> },
}

/// A VLAN as other nodes name it: `pxe`, or `plant/pxe`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VlanRef {
    pub fabric: Option<Name>,
    pub vlan: Name,
}

/// An address as written: its subnet gives the length of its prefix, unless it names its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressText {
    pub ip: IpAddr,
    pub length: Option<u8>,
}

impl FromStr for VlanRef {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (fabric, vlan) = match text.split_once('/') {
            Some((fabric, vlan)) => (Some(fabric.parse()?), vlan),
            None => (None, text),
        };
        let vlan = vlan.parse()?;
        Ok(Self { fabric, vlan })
    }
}

impl FromStr for AddressText {
    type Err = AddrError;

    fn from_str(text: &str) -> Result<Self, AddrError> {
        if text.contains('/') {
            let address: InterfaceAddr = text.parse()?;
            let length = Some(address.prefix_len());
            return Ok(Self {
                ip: address.ip(),
                length,
            });
        }
        let ip = text
            .parse()
            .map_err(|_| AddrError::Interface(text.to_owned()))?;
        Ok(Self { ip, length: None })
    }
}

const VLAN_DOC: &str = "The VLAN that the link is an access port of.";

const NAME: super::Argument = argument(
    "a name",
    Kind::LinkName,
    "The name that the kernel gives the link.",
);

/// On a controller.
pub(super) const ETHERNET: NodeSchema = NodeSchema {
    name: "ethernet",
    doc: "A physical link of the controller.",
    arguments: &[NAME],
    properties: &[
        property("vlan", Kind::VlanReference, VLAN_DOC),
        property("mtu", MTU, "The link's MTU; the default is its VLAN's."),
    ],
    children: &[any(&ADDRESS)],
};

pub(super) const BRIDGE: NodeSchema = NodeSchema {
    name: "bridge",
    doc: "A bridge over other links of the controller.",
    arguments: &[argument(
        "a name",
        Kind::LinkName,
        "The name that the bridge gets.",
    )],
    properties: &[
        property("vlan", Kind::VlanReference, VLAN_DOC),
        property("mtu", MTU, "The bridge's MTU; the default is its VLAN's."),
    ],
    children: &[child(&PORTS, Count::One), any(&ADDRESS)],
};

const PORTS: NodeSchema = NodeSchema {
    name: "ports",
    doc: "The links that the bridge joins.",
    arguments: &[arguments(
        "a link",
        Kind::LinkName,
        "A link of the same controller, without addresses of its own.",
    )],
    properties: &[],
    children: &[],
};

/// On a machine or in a profile.
pub(super) const INTERFACE: NodeSchema = NodeSchema {
    name: "ethernet",
    doc: "A network interface of the machine.",
    arguments: &[argument(
        "a name",
        Kind::LinkName,
        "A name for the interface; the first one with an address carries the machine's own DNS name.",
    )],
    properties: &[
        property(
            "mac",
            Kind::Mac,
            "The interface's hardware address: what a reservation is for.",
        ),
        property(
            "vlan",
            Kind::VlanReference,
            "The VLAN that the interface is plugged into.",
        ),
    ],
    children: &[any(&ADDRESS)],
};

const ADDRESS: NodeSchema = NodeSchema {
    name: "address",
    doc: "A fixed address; the subnet that holds it gives its prefix length.",
    arguments: &[argument(
        "an address",
        Kind::Address,
        "An address in a subnet of the link's VLAN.",
    )],
    properties: &[],
    children: &[],
};

pub(super) fn read_ethernet(node: Node<'_>, sink: &mut Sink<'_>) -> Option<LinkNode> {
    let reader = open(node, &ETHERNET, sink);
    let mtu = reader.number("mtu", sink);
    let mac = Slot::Absent;
    link(&reader, LinkShape::Ethernet { mac }, mtu, sink)
}

pub(super) fn read_bridge(node: Node<'_>, sink: &mut Sink<'_>) -> Option<LinkNode> {
    let reader = open(node, &BRIDGE, sink);
    let mtu = reader.number("mtu", sink);
    let ports = reader.child("ports").map_or_else(Vec::new, |ports| {
        open(ports, &PORTS, sink).arguments(0, sink)
    });
    link(&reader, LinkShape::Bridge { ports }, mtu, sink)
}

pub(super) fn read_interface(node: Node<'_>, sink: &mut Sink<'_>) -> Option<LinkNode> {
    let reader = open(node, &INTERFACE, sink);
    let mac = reader.property("mac", sink);
    link(&reader, LinkShape::Ethernet { mac }, Slot::Absent, sink)
}

fn link(
    reader: &Reader<'_>,
    shape: LinkShape,
    mtu: Slot<u32>,
    sink: &mut Sink<'_>,
) -> Option<LinkNode> {
    let name = reader.argument(0, sink).into_given();
    if name.is_none() {
        sink.gaps.add("ethernet");
    }
    let vlan = reader.property("vlan", sink);
    let addresses: Vec<Slot<AddressText>> = reader
        .children("address")
        .map(|node| open(node, &ADDRESS, sink).argument(0, sink))
        .collect();
    let has_faulty_address = addresses.iter().any(|slot| slot.given().is_none());
    Some(LinkNode {
        name: name?,
        shape,
        vlan,
        mtu,
        addresses: addresses.into_iter().filter_map(Slot::into_given).collect(),
        has_faulty_address,
        span: reader.span(),
    })
}
