//! `address`: what an interface is addressed with, written out or left to others.

use std::net::IpAddr;
use std::str::FromStr;

use super::super::kdl::Node;
use super::super::read::{Reader, Sink};
use super::super::schema::{Kind, NodeSchema, Property};
use super::super::slot::Slot;
use super::{argument, open, property};
use crate::base::addr::{AddrError, InterfaceAddr, Prefix};
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{Span, Spanned};

/// An address as a link wants it.
#[derive(Debug, Clone)]
pub struct AddressNode {
    pub wish: AddressWish,
    /// The subnet that an automatic address is taken from, where its VLAN has several.
    pub subnet: Slot<Prefix>,
    /// Where there are some; few addresses have any.
    pub flags: Option<Box<AddressFlags>>,
    pub span: Span,
}

/// What the kernel is told of an address.
#[derive(Debug, Clone)]
pub struct AddressFlags {
    pub prefix_route: Slot<bool>,
    pub preferred: Slot<bool>,
    pub duplicate_detection: Slot<bool>,
}

/// Where an address comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressWish {
    /// It is written out; its subnet gives the length of its prefix, unless it names its own.
    Fixed { ip: IpAddr, length: Option<u8> },
    /// From the lock, which keeps what was once allocated.
    Auto,
    /// From whoever serves DHCP.
    Dhcp,
}

impl FromStr for AddressWish {
    type Err = AddrError;

    fn from_str(text: &str) -> Result<Self, AddrError> {
        match text {
            "auto" => return Ok(Self::Auto),
            "dhcp" => return Ok(Self::Dhcp),
            _ => {}
        }
        if text.contains('/') {
            let address: InterfaceAddr = text.parse()?;
            let length = Some(address.prefix_len());
            return Ok(Self::Fixed {
                ip: address.ip(),
                length,
            });
        }
        let ip = text
            .parse()
            .map_err(|_| AddrError::Interface(text.to_owned()))?;
        Ok(Self::Fixed { ip, length: None })
    }
}

pub(super) const ADDRESS: NodeSchema = NodeSchema {
    name: "address",
    doc: "An address of the link, or where it has one from.",
    arguments: &[argument(
        "an address",
        Kind::Address,
        "An address in a subnet of the link's VLAN, which gives the length of its prefix; `auto` for one that `bedplate lock` \
         allocates and `bedplate.lock` keeps; `dhcp` for whatever DHCP offers.",
    )],
    properties: &[SUBNET],
    children: &[],
};

/// On a controller's link.
pub(super) const PLACED_ADDRESS: NodeSchema = NodeSchema {
    properties: &[SUBNET, PREFIX_ROUTE, PREFERRED, DUPLICATE_DETECTION],
    ..ADDRESS
};

const SUBNET: Property = property(
    "subnet",
    Kind::Prefix,
    "With `auto`: the subnet to allocate from, where the VLAN has several.",
);
const PREFIX_ROUTE: Property = property(
    "prefix-route",
    Kind::Flag,
    "Whether the kernel makes a route to the address's prefix; the default is `#true`.",
);
const PREFERRED: Property = property(
    "preferred",
    Kind::Flag,
    "Whether the host sends from it where nothing else is said; the default is `#true`.",
);
const DUPLICATE_DETECTION: Property = property(
    "duplicate-detection",
    Kind::Flag,
    "Of IPv6: whether the kernel asks first if another host has the address; the default is `#true`.",
);

pub(super) const OWN_ADDRESS: NodeSchema = NodeSchema {
    name: "address",
    doc: "An address with the length of its prefix.",
    arguments: &[argument(
        "an address",
        Kind::Address,
        "An address outside every subnet of the site, with its length, such as `192.0.2.1/32`.",
    )],
    properties: &[],
    children: &[],
};

/// On a controller's own link that no wire has.
pub(super) const PLACED_OWN_ADDRESS: NodeSchema = NodeSchema {
    properties: &[PREFIX_ROUTE, PREFERRED, DUPLICATE_DETECTION],
    ..OWN_ADDRESS
};

/// The addresses in a link's block, and whether there were some that could not be read.
pub(super) fn read_addresses(reader: &Reader<'_>, sink: &mut Sink<'_>) -> (Vec<AddressNode>, bool) {
    let Some(schema) = reader.table_of(ADDRESS.name) else {
        return (Vec::new(), false);
    };
    let nodes: Vec<Option<AddressNode>> = reader
        .children(schema.name)
        .map(|node| read_address(node, schema, sink))
        .collect();
    let has_faulty = nodes.iter().any(Option::is_none);
    let nodes: Vec<AddressNode> = nodes.into_iter().flatten().collect();
    let mut asked = nodes.iter().filter(|one| one.wish == AddressWish::Dhcp);
    if let (Some(first), Some(again)) = (asked.next(), asked.next()) {
        sink.report(
            Diagnostic::new(
                Code::RepeatedNode,
                "a link asks for an address by DHCP twice",
            )
            .label(again.span, "asked again here")
            .label(first.span, "first asked here")
            .help("an interface is one DHCP client: keep one of them"),
        );
    }
    (nodes, has_faulty)
}

fn read_address(
    node: Node<'_>,
    schema: &'static NodeSchema,
    sink: &mut Sink<'_>,
) -> Option<AddressNode> {
    let reader = open(node, schema, sink);
    let wish: Slot<AddressWish> = reader.argument(0, sink);
    let subnet = reader.property("subnet", sink);
    let flags = read_flags(&reader, sink);
    let Spanned { value, span } = wish.into_given()?;
    Some(AddressNode {
        wish: value,
        subnet,
        flags,
        span,
    })
}

fn read_flags(reader: &Reader<'_>, sink: &mut Sink<'_>) -> Option<Box<AddressFlags>> {
    let mut flag = |property: &Property| reader.flag_property(property.name, sink);
    let flags = AddressFlags {
        prefix_route: flag(&PREFIX_ROUTE),
        preferred: flag(&PREFERRED),
        duplicate_detection: flag(&DUPLICATE_DETECTION),
    };
    let AddressFlags {
        prefix_route,
        preferred,
        duplicate_detection,
    } = &flags;
    let all = [prefix_route, preferred, duplicate_detection];
    let is_silent = all.into_iter().all(Slot::is_absent);
    (!is_silent).then(|| Box::new(flags))
}

impl AddressNode {
    /// An address of which nothing else is said.
    pub(super) fn new(wish: Spanned<AddressWish>) -> Self {
        Self {
            wish: wish.value,
            subnet: Slot::Absent,
            flags: None,
            span: wish.span,
        }
    }
}
