//! `subnet`: the addresses that a VLAN uses, and what machines there are told.

use std::net::IpAddr;
use std::str::FromStr;

use super::super::kdl::{Node, Scalar};
use super::super::read::Sink;
use super::super::schema::{Argument, Kind, NodeSchema};
use super::super::slot::Slot;
use super::option::{OPTION, OptionNode, read_options};
use super::protect::{PROTECT, ProtectNode, read_protect};
use super::threshold::{THRESHOLDS, read_thresholds};
use super::{any, argument, arguments, first, flag, open, optional, property, word};
use crate::base::addr::{AddressRange, Prefix};
use crate::base::arch::ClientArch;
use crate::base::name::{HostName, NameError};
use crate::base::percent::Percent;
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::Spanned;

#[derive(Debug)]
pub struct SubnetNode {
    pub prefix: Spanned<Prefix>,
    pub gateway: Slot<IpAddr>,
    pub dns: Vec<Spanned<DnsServer>>,
    pub dynamic: Vec<PoolNode>,
    pub reserved: Vec<RangeNode>,
    /// Whether addresses here are for this site to give.
    pub managed: Slot<bool>,
    pub reverse_dns: Slot<String>,
    pub allow_dns: Slot<bool>,
    pub active_discovery: Slot<bool>,
    /// Kinds of clients that are not told what to boot.
    pub disabled_boot: Vec<Spanned<ClientArch>>,
    /// How full its dynamic ranges are when that is told.
    pub thresholds: Vec<Spanned<Percent>>,
    pub options: Vec<OptionNode>,
    pub protect: Option<ProtectNode>,
}

/// A dynamic range and what its clients are told.
#[derive(Debug)]
pub struct PoolNode {
    pub range: Spanned<AddressRange>,
    pub options: Vec<OptionNode>,
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
        "The prefix; only those of isolated fabrics may overlap others.",
    )],
    properties: &[],
    children: &[
        optional(&GATEWAY),
        optional(&DNS),
        any(&DYNAMIC),
        any(&RESERVED),
        optional(&MANAGED),
        optional(&REVERSE_DNS),
        optional(&ALLOW_DNS),
        optional(&ACTIVE_DISCOVERY),
        optional(&DISABLE_BOOT),
        optional(&THRESHOLDS),
        any(&OPTION),
        optional(&PROTECT),
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

const MANAGED: NodeSchema = NodeSchema {
    name: "managed",
    doc: "Whether addresses here are for this site to give; the default is `#true`. Where something else gives them, DHCP is not served, \
          and what this site may allocate are its reserved ranges.",
    arguments: &[FLAG],
    properties: &[],
    children: &[],
};

/// What `rdns` may ask for.
const REVERSE_DNS_MODES: &[&str] = &["zone", "rfc2317", "off"];

const REVERSE_DNS: NodeSchema = NodeSchema {
    name: "rdns",
    doc: "How names of addresses are served: in the zone that holds the prefix, the default; in a zone of the prefix alone, to which \
          the zone above points (RFC 2317), where the prefix is longer than /24; or not at all.",
    arguments: &[argument(
        "a mode",
        Kind::Words(REVERSE_DNS_MODES),
        "`zone`, `rfc2317` or `off`.",
    )],
    properties: &[],
    children: &[],
};

const ALLOW_DNS: NodeSchema = NodeSchema {
    name: "allow-dns",
    doc: "Whether machines here are told of the controllers' name service; the default is `#true`.",
    arguments: &[FLAG],
    properties: &[],
    children: &[],
};

const ACTIVE_DISCOVERY: NodeSchema = NodeSchema {
    name: "active-discovery",
    doc: "Whether the subnet is searched for hosts that the site does not know; the default is `#false`.",
    arguments: &[FLAG],
    properties: &[],
    children: &[],
};

const DISABLE_BOOT: NodeSchema = NodeSchema {
    name: "disable-boot",
    doc: "Kinds of clients that are not told here what to boot.",
    arguments: &[arguments(
        "an architecture",
        Kind::Arch,
        "A client architecture, as in an image's `boot`.",
    )],
    properties: &[],
    children: &[],
};

const FLAG: Argument = argument("a flag", Kind::Flag, "`#true` or `#false`.");

const DYNAMIC: NodeSchema = NodeSchema {
    name: "dynamic-range",
    doc: "Addresses that DHCP hands out to anyone.",
    arguments: &[argument(
        "a range",
        Kind::Range,
        "FIRST-LAST, both included, or a prefix.",
    )],
    properties: &[],
    children: &[any(&OPTION)],
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

/// The fault of a range whose ends are two values.
fn in_two(node: Node<'_>) -> Option<Diagnostic> {
    let mut ends = node.arguments().map(|value| match value.scalar {
        Scalar::Text(text) => text.parse::<IpAddr>().ok().map(|ip| (ip, value.span)),
        Scalar::Integer(_) | Scalar::Float(_) | Scalar::Bool(_) | Scalar::Null | Scalar::Faulty => {
            None
        }
    });
    let (Some(Some(first)), Some(Some(last)), None) = (ends.next(), ends.next(), ends.next())
    else {
        return None;
    };
    let message = format!("`{}` takes one argument", node.name().value);
    let fault = Diagnostic::new(Code::ExtraArgument, message);
    Some(
        fault
            .label(first.1.to(last.1), "two ends of one range")
            .help(format!("write \"{}-{}\"", first.0, last.0)),
    )
}

pub(super) fn read_subnet(node: Node<'_>, sink: &mut Sink<'_>) -> Option<SubnetNode> {
    let reader = open(node, &SUBNET, sink);
    let prefix = reader.argument(0, sink).into_given();
    let gateway = first(&reader, &GATEWAY, sink);
    let dns = reader
        .child("dns")
        .map_or_else(Vec::new, |node| open(node, &DNS, sink).arguments(0, sink));
    let dynamic: Vec<Option<PoolNode>> = reader
        .children(DYNAMIC.name)
        .map(|node| read_pool(node, sink))
        .collect();
    if dynamic.iter().any(Option::is_none) {
        sink.gaps.add("dynamic-range");
    }
    let reserved = reader
        .children("reserved-range")
        .filter_map(|node| {
            if let Some(fault) = in_two(node) {
                sink.report(fault);
                return None;
            }
            let reader = open(node, &RESERVED, sink);
            let purpose = reader.property("for", sink);
            let range = reader.argument(0, sink).into_given()?;
            Some(RangeNode { range, purpose })
        })
        .collect();
    if prefix.is_none() {
        sink.gaps.add("subnet");
    }
    let disabled_boot = reader
        .child(DISABLE_BOOT.name)
        .map_or_else(Vec::new, |node| {
            open(node, &DISABLE_BOOT, sink).arguments(0, sink)
        });
    let thresholds = read_thresholds(&reader, sink);
    Some(SubnetNode {
        prefix: prefix?,
        thresholds,
        gateway,
        dns,
        dynamic: dynamic.into_iter().flatten().collect(),
        reserved,
        managed: flag(&reader, &MANAGED, sink),
        reverse_dns: word(&reader, &REVERSE_DNS, sink),
        allow_dns: flag(&reader, &ALLOW_DNS, sink),
        active_discovery: flag(&reader, &ACTIVE_DISCOVERY, sink),
        disabled_boot,
        options: read_options(&reader, sink),
        protect: read_protect(&reader, sink),
    })
}

fn read_pool(node: Node<'_>, sink: &mut Sink<'_>) -> Option<PoolNode> {
    if let Some(fault) = in_two(node) {
        sink.report(fault);
        return None;
    }
    let reader = open(node, &DYNAMIC, sink);
    let range = reader.argument(0, sink).into_given();
    let options = read_options(&reader, sink);
    Some(PoolNode {
        range: range?,
        options,
    })
}
