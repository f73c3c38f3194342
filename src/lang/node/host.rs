//! `controller`, `machine` and `profile`.

use std::net::IpAddr;

use super::super::kdl::Node;
use super::super::read::{Reader, Sink};
use super::super::schema::{Kind, NodeSchema, Property};
use super::super::slot::Slot;
use super::bmc::{BMC, BOOT_FROM, BmcNode, POWER, read_bmc};
use super::bond::{BOND, CONTROLLER_BOND};
use super::boot_order::{BOOT_ORDER, read_boot_order};
use super::bridge::{BRIDGE, CONTROLLER_BRIDGE};
use super::dummy::DUMMY;
use super::link::{CONTROLLER_LOOPBACK, ETHERNET, INTERFACE, LOOPBACK, LinkNode, read_links};
use super::option::{OPTION, OptionNode, read_options};
use super::path::{CONTROLLER_ROUTE, PathNode, read_path};
use super::protect::{PROTECT, ProtectNode, read_protect};
use super::rule::{RULE, RuleNode, read_rule};
use super::tagged::{CONTROLLER_TAGGED, TAGGED};
use super::vrf::VRF;
use super::{any, argument, arguments, first, open, optional, property, text_length, word};
use crate::base::identity::Uuid;
use crate::base::name::{HostName, LinkName, Name};
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{Span, Spanned};

#[derive(Debug)]
pub struct ControllerNode {
    pub name: Spanned<HostName>,
    pub default_gateways: Vec<Spanned<IpAddr>>,
    /// Who must answer after each apply.
    pub reachable: Vec<Spanned<IpAddr>>,
    pub links: Vec<LinkNode>,
    pub routes: Vec<PathNode>,
    pub rules: Vec<RuleNode>,
    /// Names that it had before.
    pub moved: Vec<Spanned<HostName>>,
    pub protect: Option<ProtectNode>,
}

#[derive(Debug)]
pub struct MachineNode {
    pub name: Spanned<HostName>,
    pub profile: Slot<Name>,
    pub shape: HostShape,
    /// Names that it had before.
    pub moved: Vec<Spanned<HostName>>,
}

#[derive(Debug)]
pub struct ProfileNode {
    pub name: Spanned<Name>,
    pub shape: HostShape,
    /// How much text each machine has from it.
    pub length: usize,
}

/// What a machine and a profile both say.
#[derive(Debug, Clone)]
pub struct HostShape {
    /// What its firmware calls it; a machine's own.
    pub uuid: Slot<Uuid>,
    pub image: Slot<Name>,
    /// Unless absent, these replace the profile's.
    pub tags: Option<Vec<Spanned<Name>>>,
    /// Where it stands.
    pub rack: Slot<Name>,
    pub interfaces: Vec<LinkNode>,
    pub bmc: Option<BmcNode>,
    pub power: Slot<String>,
    pub boot_from: Slot<String>,
    /// What its firmware tries first, and in which mode.
    pub boot_order: Slot<String>,
    pub boot_mode: Slot<String>,
    pub options: Vec<OptionNode>,
    /// The routers that it sends everything else to, where it could have several.
    pub default_gateways: Vec<Spanned<IpAddr>>,
    /// Interfaces of the profile that this machine lacks.
    pub removed: Vec<Spanned<LinkName>>,
    pub protect: Option<ProtectNode>,
    pub span: Span,
}

impl HostShape {
    /// A host of which nothing is said.
    pub fn empty(span: Span) -> Self {
        Self {
            uuid: Slot::Absent,
            image: Slot::Absent,
            tags: None,
            rack: Slot::Absent,
            interfaces: Vec::new(),
            bmc: None,
            power: Slot::Absent,
            boot_from: Slot::Absent,
            boot_order: Slot::Absent,
            boot_mode: Slot::Absent,
            options: Vec::new(),
            default_gateways: Vec::new(),
            removed: Vec::new(),
            protect: None,
            span,
        }
    }
}

pub(super) const CONTROLLER: NodeSchema = NodeSchema {
    name: "controller",
    doc: "A host that runs `bedplate serve`.",
    arguments: &[argument("a name", Kind::HostName, "Its host name.")],
    properties: &[],
    children: &[
        optional(&DEFAULT_GATEWAY),
        optional(&REACHABLE),
        any(&ETHERNET),
        any(&CONTROLLER_BOND),
        any(&CONTROLLER_TAGGED),
        any(&CONTROLLER_BRIDGE),
        any(&DUMMY),
        any(&VRF),
        optional(&CONTROLLER_LOOPBACK),
        any(&CONTROLLER_ROUTE),
        any(&RULE),
        any(&MOVED),
        optional(&PROTECT),
    ],
};

const REACHABLE: NodeSchema = NodeSchema {
    name: "reachable",
    doc: "Who must answer an echo request after each apply that changes the host's network: if one that answered before does not within \
          10 s, everything is undone at once.",
    arguments: &[arguments("an address", Kind::Ip, "An address.")],
    properties: &[],
    children: &[],
};

const MOVED: NodeSchema = NodeSchema {
    name: "moved",
    doc: "The host had another name before: it keeps the addresses that `bedplate.lock` has under that name.",
    arguments: &[],
    properties: &[Property {
        name: "from",
        doc: "The old name.",
        kind: Kind::HostName,
        required: true,
    }],
    children: &[],
};

const DEFAULT_GATEWAY: NodeSchema = NodeSchema {
    name: "default-gateway",
    doc: "Where the host sends everything else. A controller has no other default route; a machine is told the gateway of each of its \
          subnets unless it names one.",
    arguments: &[arguments(
        "an address",
        Kind::Ip,
        "A router in a subnet that the host has an address in; at most one of IPv4 and one of IPv6.",
    )],
    properties: &[],
    children: &[],
};

pub(super) const MACHINE: NodeSchema = NodeSchema {
    name: "machine",
    doc: "A host that boots from this site's network.",
    arguments: &[argument("a name", Kind::HostName, "Its host name.")],
    properties: &[
        property(
            "profile",
            Kind::Reference,
            "The profile that it shares; what the machine says itself overrides it.",
        ),
        property(
            "uuid",
            Kind::Uuid,
            "What its firmware calls it (SMBIOS), as a client tells that boots from the network (option 97); in either order of bytes. In each \
             VLAN it stands for the first interface by name that has an IPv4 address there and nothing else to be recognised by, else for the \
             first one.",
        ),
    ],
    children: &[
        optional(&IMAGE),
        optional(&TAG),
        optional(&RACK),
        any(&INTERFACE),
        any(&BOND),
        any(&TAGGED),
        any(&BRIDGE),
        optional(&LOOPBACK),
        optional(&BMC),
        optional(&POWER),
        optional(&BOOT_FROM),
        optional(&BOOT_ORDER),
        any(&OPTION),
        optional(&DEFAULT_GATEWAY),
        any(&REMOVE),
        any(&MOVED),
        optional(&PROTECT),
    ],
};

pub(super) const PROFILE: NodeSchema = NodeSchema {
    name: "profile",
    doc: "What machines of one shape have in common.",
    arguments: &[argument("a name", Kind::Name, "The profile's name.")],
    properties: &[],
    children: &[
        optional(&IMAGE),
        optional(&TAG),
        optional(&RACK),
        any(&INTERFACE),
        any(&BOND),
        any(&TAGGED),
        any(&BRIDGE),
        optional(&LOOPBACK),
        optional(&BMC),
        optional(&POWER),
        optional(&BOOT_FROM),
        optional(&BOOT_ORDER),
        any(&OPTION),
        optional(&DEFAULT_GATEWAY),
        optional(&PROTECT),
    ],
};

const IMAGE: NodeSchema = NodeSchema {
    name: "image",
    doc: "What the machine boots.",
    arguments: &[argument("an image", Kind::Reference, "The image's name.")],
    properties: &[],
    children: &[],
};

const TAG: NodeSchema = NodeSchema {
    name: "tag",
    doc: "Words to select machines by; a machine's own replace its profile's.",
    arguments: &[arguments("a tag", Kind::Name, "A tag.")],
    properties: &[],
    children: &[],
};

const RACK: NodeSchema = NodeSchema {
    name: "rack",
    doc: "The rack that the machine stands in; `rack:NAME` selects its machines where commands take several.",
    arguments: &[argument("a name", Kind::Name, "The rack's name.")],
    properties: &[],
    children: &[],
};

const REMOVE: NodeSchema = NodeSchema {
    name: "remove",
    doc: "Takes out interfaces that the profile has.",
    arguments: &[arguments(
        "a name",
        Kind::LinkName,
        "An interface of the profile.",
    )],
    properties: &[],
    children: &[],
};

pub(super) fn read_controller(node: Node<'_>, sink: &mut Sink<'_>) -> Option<ControllerNode> {
    let reader = open(node, &CONTROLLER, sink);
    let name = reader.argument(0, sink).into_given();
    let default_gateways = default_gateways(&reader, sink);
    let reachable = reader.child(REACHABLE.name);
    let reachable = reachable.map_or_else(Vec::new, |node| {
        open(node, &REACHABLE, sink).arguments(0, sink)
    });
    let moved = moved(&reader, sink);
    let links = read_links(&reader, sink);
    let routes = reader.children(CONTROLLER_ROUTE.name);
    let routes = routes.map(|node| read_path(node, sink)).collect();
    let rules = reader.children(RULE.name);
    let rules = rules.map(|node| read_rule(node, sink)).collect();
    if name.is_none() {
        sink.gaps.add("controller");
    }
    Some(ControllerNode {
        name: name?,
        default_gateways,
        reachable,
        links,
        routes,
        rules,
        moved,
        protect: read_protect(&reader, sink),
    })
}

pub(super) fn read_machine(node: Node<'_>, sink: &mut Sink<'_>) -> Option<MachineNode> {
    let reader = open(node, &MACHINE, sink);
    let name = reader.argument(0, sink).into_given();
    let profile = reader.property("profile", sink);
    let removed = reader
        .children("remove")
        .flat_map(|node| open(node, &REMOVE, sink).arguments(0, sink))
        .collect();
    let moved = moved(&reader, sink);
    let mut shape = shape(&reader, sink);
    shape.uuid = uuid(reader.property("uuid", sink), sink);
    shape.removed = removed;
    if name.is_none() {
        sink.gaps.add("machine");
    }
    Some(MachineNode {
        name: name?,
        profile,
        shape,
        moved,
    })
}

pub(super) fn read_profile(node: Node<'_>, sink: &mut Sink<'_>) -> Option<ProfileNode> {
    let reader = open(node, &PROFILE, sink);
    let name = reader.argument(0, sink).into_given();
    let shape = shape(&reader, sink);
    if name.is_none() {
        sink.gaps.add("profile");
    }
    Some(ProfileNode {
        name: name?,
        shape,
        length: text_length(node),
    })
}

/// A UUID that tells a machine from others.
pub(super) fn uuid(read: Slot<Uuid>, sink: &mut Sink<'_>) -> Slot<Uuid> {
    let Some(blank) = read.given().filter(|uuid| uuid.value.is_blank()) else {
        return read;
    };
    sink.report(
        Diagnostic::new(
            Code::InvalidValue,
            "firmware says this that has no UUID of its own",
        )
        .label(blank.span, "many machines may say so")
        .help("recognise the machine by the hardware addresses of its interfaces"),
    );
    Slot::Faulty
}

fn default_gateways(reader: &Reader<'_>, sink: &mut Sink<'_>) -> Vec<Spanned<IpAddr>> {
    let node = reader.child(DEFAULT_GATEWAY.name);
    node.map_or_else(Vec::new, |node| {
        open(node, &DEFAULT_GATEWAY, sink).arguments(0, sink)
    })
}

fn moved(reader: &Reader<'_>, sink: &mut Sink<'_>) -> Vec<Spanned<HostName>> {
    let nodes = reader.children(MOVED.name);
    let names = nodes.map(|node| open(node, &MOVED, sink).property("from", sink));
    names.filter_map(Slot::into_given).collect()
}

fn shape(reader: &Reader<'_>, sink: &mut Sink<'_>) -> HostShape {
    let (boot_order, boot_mode) = read_boot_order(reader, sink);
    HostShape {
        uuid: Slot::Absent,
        image: first(reader, &IMAGE, sink),
        rack: first(reader, &RACK, sink),
        tags: reader
            .child("tag")
            .map(|node| open(node, &TAG, sink).arguments(0, sink)),
        interfaces: read_links(reader, sink),
        bmc: reader.child(BMC.name).map(|node| read_bmc(node, sink)),
        power: word(reader, &POWER, sink),
        boot_from: word(reader, &BOOT_FROM, sink),
        boot_order,
        boot_mode,
        options: read_options(reader, sink),
        default_gateways: default_gateways(reader, sink),
        removed: Vec::new(),
        protect: read_protect(reader, sink),
        span: reader.span(),
    }
}
