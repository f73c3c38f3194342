//! Links of controllers and machines, and the addresses on them: what all kinds share, and the simplest ones.

use std::str::FromStr;

use super::super::kdl::Node;
use super::super::read::{Reader, Sink};
use super::super::schema::{Child, Kind, NodeSchema, Property};
use super::super::slot::Slot;
use super::address::{
    ADDRESS, AddressNode, OWN_ADDRESS, PLACED_ADDRESS, PLACED_OWN_ADDRESS, read_addresses,
};
use super::fabric::MTU;
use super::filter::FilterNode;
use super::identity::{CIRCUIT_ID, CLIENT_ID, DUID, IdentityNode, read_identity};
use super::protect::{PROTECT, ProtectNode, read_protect};
use super::setting::{SETTING_NODES, SettingNode, read_settings};
use super::{any, argument, bond, bridge, child, join, open, optional, property, tagged, vrf};
use crate::base::bond::{BondMode, BondParameter};
use crate::base::duration::Seconds;
use crate::base::identity::Identity;
use crate::base::mac::MacAddr;
use crate::base::name::{LinkName, Name, NameError};
use crate::base::vlan::VlanProtocol;
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{Span, Spanned};
use crate::lang::schema::Count;

#[derive(Debug, Clone)]
pub struct LinkNode {
    pub name: Spanned<LinkName>,
    pub shape: LinkShape,
    pub mac: Slot<MacAddr>,
    /// What else its client is recognised by; of a machine's.
    pub identity: Option<Box<IdentityNode>>,
    pub vlan: Slot<VlanRef>,
    pub mtu: Slot<u32>,
    pub addresses: Vec<AddressNode>,
    /// Whether an address stood here that could not be read.
    pub has_faulty_address: bool,
    /// Whether a part of it could not be read, so that what is missing may have stood there.
    pub is_partial: bool,
    /// Of a controller's link.
    pub settings: Box<[SettingNode]>,
    /// Of a controller's link.
    pub protect: Option<ProtectNode>,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum LinkShape {
    Ethernet,
    Bond {
        mode: Slot<BondMode>,
        ports: Vec<Spanned<LinkName>>,
        parameters: Vec<BondSetting>,
    },
    /// The frames of one VLAN on another link.
    Tagged {
        on: Slot<LinkName>,
        protocol: Slot<VlanProtocol>,
    },
    Bridge {
        kind: Slot<String>,
        ports: Vec<Spanned<LinkName>>,
        stp: Slot<bool>,
        forward_delay: Slot<Seconds>,
        /// What it says of VLANs; of a controller's.
        filter: Option<Box<FilterNode>>,
    },
    Loopback,
    /// Addresses of the host itself; a controller's, as is the next.
    Dummy,
    Vrf {
        table: Slot<u32>,
        ports: Vec<Spanned<LinkName>>,
    },
}

/// A parameter of a bond, in the words of its kind.
#[derive(Debug, Clone)]
pub struct BondSetting {
    pub name: Spanned<BondParameter>,
    pub value: Slot<String>,
}

/// A VLAN as other nodes name it: `pxe`, or `plant/pxe`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VlanRef {
    pub fabric: Option<Name>,
    pub vlan: Name,
}

impl LinkNode {
    /// What its client is recognised by beside a hardware address.
    pub fn identities(&self) -> impl Iterator<Item = Spanned<Identity>> {
        let said = self.identity.as_deref().into_iter();
        said.flat_map(IdentityNode::identities)
    }

    /// A link of which nothing else is said yet.
    pub(super) fn empty(name: Spanned<LinkName>, shape: LinkShape) -> Self {
        Self {
            span: name.span,
            name,
            shape,
            mac: Slot::Absent,
            identity: None,
            vlan: Slot::Absent,
            mtu: Slot::Absent,
            addresses: Vec::new(),
            has_faulty_address: false,
            is_partial: false,
            settings: Box::default(),
            protect: None,
        }
    }
}

impl LinkShape {
    /// Whether it has an MTU that a site may set.
    pub fn is_sized(&self) -> bool {
        match self {
            Self::Ethernet
            | Self::Bond { .. }
            | Self::Tagged { .. }
            | Self::Bridge { .. }
            | Self::Dummy => true,
            Self::Loopback | Self::Vrf { .. } => false,
        }
    }

    /// Whether frames leave the host through it, so that its addresses are in subnets.
    pub fn is_wired(&self) -> bool {
        match self {
            Self::Ethernet | Self::Bond { .. } | Self::Tagged { .. } | Self::Bridge { .. } => true,
            Self::Loopback | Self::Dummy | Self::Vrf { .. } => false,
        }
    }

    /// The word that declares it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Ethernet => "ethernet",
            Self::Bond { .. } => "bond",
            Self::Tagged { .. } => "tagged",
            Self::Bridge { .. } => "bridge",
            Self::Loopback => "loopback",
            Self::Dummy => "dummy",
            Self::Vrf { .. } => "vrf",
        }
    }
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

const VLAN_DOC: &str = "The VLAN that the link is an access port of.";

pub(super) const NAME: super::Argument = argument(
    "a name",
    Kind::LinkName,
    "The name that the kernel gives the link.",
);

const MAC_DOC: &str = "The hardware address that the link is found by.";

pub(super) const VLAN_PROPERTY: Property = property("vlan", Kind::VlanReference, VLAN_DOC);
pub(super) const MTU_PROPERTY: Property =
    property("mtu", MTU, "The link's MTU; the default is its VLAN's.");

/// On a controller.
pub(super) const ETHERNET: NodeSchema = NodeSchema {
    name: "ethernet",
    doc: "A physical link of the controller.",
    arguments: &[NAME],
    properties: &[
        VLAN_PROPERTY,
        MTU_PROPERTY,
        property("mac", Kind::Mac, MAC_DOC),
    ],
    children: &CHILDREN,
};

const OWN: [Child; 2] = [any(&PLACED_ADDRESS), optional(&PROTECT)];
const CHILDREN: [Child; OWN.len() + SETTING_NODES.len()] = join(&OWN, &SETTING_NODES);

/// On a machine or in a profile.
pub(super) const INTERFACE: NodeSchema = NodeSchema {
    name: "ethernet",
    doc: "A network interface of the machine.",
    arguments: &[argument(
        "a name",
        Kind::LinkName,
        "A name for the interface; of those with addresses, the first by name carries the machine's own DNS name, one where DHCP is served before others.",
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
        MTU_PROPERTY,
        CLIENT_ID,
        CIRCUIT_ID,
        DUID,
    ],
    children: &[any(&ADDRESS)],
};

pub(super) const LOOPBACK: NodeSchema = NodeSchema {
    name: "loopback",
    doc: "Addresses of the host itself, on no wire, such as a routing daemon announces.",
    arguments: &[],
    properties: &[],
    children: &[child(&OWN_ADDRESS, Count::Many), optional(&PROTECT)],
};

/// On a controller.
pub(super) const CONTROLLER_LOOPBACK: NodeSchema = NodeSchema {
    children: &[child(&PLACED_OWN_ADDRESS, Count::Many), optional(&PROTECT)],
    ..LOOPBACK
};

/// The links in a host's block, of every kind.
pub(super) fn read_links(reader: &Reader<'_>, sink: &mut Sink<'_>) -> Vec<LinkNode> {
    let mut links = Vec::new();
    for node in reader.every_child() {
        let word = node.name().value;
        let Some(schema) = reader.table_of(word) else {
            continue;
        };
        links.extend(match word {
            "ethernet" => link(&open(node, schema, sink), LinkShape::Ethernet, sink),
            "bond" => bond::read(node, schema, sink),
            "tagged" => tagged::read(node, schema, sink),
            "bridge" => bridge::read(node, schema, sink),
            "loopback" => loopback(node, schema, sink),
            "dummy" => link(&open(node, schema, sink), LinkShape::Dummy, sink),
            "vrf" => vrf::read(node, schema, sink),
            _ => None,
        });
    }
    // A large site has hundreds of thousands of these lists, and most hold one or two.
    links.shrink_to_fit();
    links
}

fn loopback(node: Node<'_>, schema: &'static NodeSchema, sink: &mut Sink<'_>) -> Option<LinkNode> {
    let reader = open(node, schema, sink);
    let name = Spanned::new(LinkName::loopback(), node.name().span);
    let (addresses, has_faulty_address) = read_addresses(&reader, sink);
    Some(LinkNode {
        name,
        shape: LinkShape::Loopback,
        mac: Slot::Absent,
        identity: None,
        vlan: Slot::Absent,
        mtu: Slot::Absent,
        addresses,
        has_faulty_address,
        is_partial: reader.is_partial(),
        settings: Box::default(),
        protect: read_protect(&reader, sink),
        span: reader.span(),
    })
}

/// Names that the kernel has, refuses, or puts a number into.
fn unnameable(name: &Spanned<LinkName>) -> Option<Diagnostic> {
    let (message, help) = if name.value == LinkName::loopback() {
        (
            "`lo` is the loopback, which every host has",
            "its further addresses stand in loopback { address \"…\" }",
        )
    } else if name.value.as_str().contains('%') {
        (
            "a link's name holds no `%`: the kernel puts a number there",
            "write the whole name, such as \"eth0\"",
        )
    } else if ["all", "default"].contains(&name.value.as_str()) {
        (
            "the kernel gives no link the name `all` or `default`: its settings of every link stand there",
            "choose another name, such as \"eth0\"",
        )
    } else {
        return None;
    };
    let fault = Diagnostic::new(Code::InvalidName, message);
    Some(fault.label(name.span, "not a link name").help(help))
}

/// What links of all kinds have in common.
pub(super) fn link(reader: &Reader<'_>, shape: LinkShape, sink: &mut Sink<'_>) -> Option<LinkNode> {
    let name: Option<Spanned<LinkName>> = reader.argument(0, sink).into_given();
    match &name {
        None => sink.gaps.add("ethernet"),
        Some(name) => {
            if let Some(fault) = unnameable(name) {
                sink.report(fault);
            }
        }
    }
    let (addresses, has_faulty_address) = read_addresses(reader, sink);
    Some(LinkNode {
        name: name?,
        shape,
        mac: reader.property("mac", sink),
        identity: read_identity(reader, sink),
        vlan: reader.property("vlan", sink),
        mtu: reader.number("mtu", sink),
        addresses,
        has_faulty_address,
        is_partial: reader.is_partial(),
        settings: read_settings(reader, sink),
        protect: read_protect(reader, sink),
        span: reader.span(),
    })
}
