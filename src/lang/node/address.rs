//! `address`: what an interface is addressed with, written out or left to others.

use std::net::IpAddr;
use std::str::FromStr;

use super::super::kdl::Node;
use super::super::read::{Reader, Sink};
use super::super::schema::{Kind, NodeSchema};
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
    pub span: Span,
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
    properties: &[property(
        "subnet",
        Kind::Prefix,
        "With `auto`: the subnet to allocate from, where the VLAN has several.",
    )],
    children: &[],
};

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

/// The addresses in a link's block, and whether there were some that could not be read.
pub(super) fn read_addresses(
    reader: &Reader<'_>,
    schema: &'static NodeSchema,
    sink: &mut Sink<'_>,
) -> (Vec<AddressNode>, bool) {
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
    let Spanned { value, span } = wish.into_given()?;
    Some(AddressNode {
        wish: value,
        subnet,
        span,
    })
}

impl AddressNode {
    /// An address of which nothing else is said.
    pub(super) fn new(wish: Spanned<AddressWish>) -> Self {
        Self {
            wish: wish.value,
            subnet: Slot::Absent,
            span: wish.span,
        }
    }
}
