//! `network` of a `bmc`: how it is on the network that it is asked by.

use std::net::Ipv4Addr;

use super::super::read::{Reader, Sink};
use super::super::schema::{Kind, NodeSchema};
use super::super::slot::Slot;
use super::{argument, open, property};
use crate::diag::span::Span;

#[derive(Debug, Clone)]
pub struct BmcNetworkNode {
    pub source: Slot<String>,
    pub gateway: Slot<Ipv4Addr>,
    pub tagged: Slot<bool>,
    pub span: Span,
}

pub(super) const NETWORK: NodeSchema = NodeSchema {
    name: "network",
    doc: "Redfish and IPMI: how the BMC is on its own network; by default nobody minds. Its address is that of the `bmc`, and its subnet and \
          VLAN are those of the site that hold it.",
    arguments: &[argument(
        "a source",
        Kind::Words(&["static", "dhcp"]),
        "Where the BMC has its address from: `static`, it is set to it, with the subnet's mask; or `dhcp`.",
    )],
    properties: &[
        property(
            "gateway",
            Kind::Ipv4,
            "With `static`: its router; by default that of the subnet, where that has one.",
        ),
        property(
            "tagged",
            Kind::Flag,
            "Whether the BMC tags its frames with the id of the VLAN; by default as it is.",
        ),
    ],
    children: &[],
};

pub(super) fn read_network(
    reader: &Reader<'_>,
    sink: &mut Sink<'_>,
) -> Option<Box<BmcNetworkNode>> {
    let reader = open(reader.child(NETWORK.name)?, &NETWORK, sink);
    Some(Box::new(BmcNetworkNode {
        source: reader.word_argument(sink),
        gateway: reader.property("gateway", sink),
        tagged: reader.flag_property("tagged", sink),
        span: reader.span(),
    }))
}
