//! `subnet`: the addresses that a VLAN uses, and what machines there are told.

use std::net::IpAddr;
use std::str::FromStr;

use super::super::kdl::Node;
use super::super::read::Sink;
use super::super::schema::{Kind, NodeSchema};
use super::super::slot::Slot;
use super::{any, argument, arguments, first, open, optional, property};
use crate::base::addr::{AddressRange, Prefix};
use crate::base::name::{HostName, NameError};
use crate::diag::span::Spanned;

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

pub(super) const SUBNET: NodeSchema = NodeSchema {
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

pub(super) fn read_subnet(node: Node<'_>, sink: &mut Sink<'_>) -> Option<SubnetNode> {
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
