//! VLANs on a bridge: whether it filters them, and what each port says of them.

use super::super::kdl::Node;
use super::super::read::{Reader, Sink};
use super::super::schema::{Child, Kind, NodeSchema};
use super::super::slot::Slot;
use super::link::VlanRef;
use super::{any, argument, arguments, first, flag, open, optional, plain};
use crate::base::name::LinkName;
use crate::diag::span::{Span, Spanned};

/// What a bridge says of VLANs.
#[derive(Debug, Clone)]
pub struct FilterNode {
    pub filtering: Slot<bool>,
    pub default_pvid: Slot<u16>,
    pub ports: Vec<PortNode>,
}

/// What a bridge's port says of VLANs.
#[derive(Debug, Clone)]
pub struct PortNode {
    pub name: Spanned<LinkName>,
    pub tagged: Vec<Spanned<VlanRef>>,
    pub untagged: Slot<VlanRef>,
    pub span: Span,
}

pub(super) const FILTER_NODES: [Child; 3] = [
    optional(&VLAN_FILTERING),
    optional(&DEFAULT_PVID),
    any(&PORT),
];

const VLAN_FILTERING: NodeSchema = plain(
    "vlan-filtering",
    "Whether each port takes the frames of its own VLANs only; the default is `#false`.",
    &[argument("a flag", Kind::Flag, "`#true` or `#false`.")],
);

const DEFAULT_PVID: NodeSchema = plain(
    "default-pvid",
    "The VLAN id of untagged frames on ports that are not named here; the default is 1, and 0 drops them.",
    &[argument(
        "a number",
        Kind::Integer {
            least: 0,
            most: 4_094,
        },
        "A VLAN id, or 0.",
    )],
);

const PORT: NodeSchema = NodeSchema {
    name: "port",
    doc: "The VLANs of one of the bridge's ports, or of the bridge itself; it has no others.",
    arguments: &[argument(
        "a link",
        Kind::LinkName,
        "One of the bridge's `ports`, or the bridge.",
    )],
    properties: &[],
    children: &[optional(&TAGGED), optional(&UNTAGGED)],
};

const TAGGED: NodeSchema = plain(
    "tagged",
    "VLANs whose frames bear their ids on this port.",
    &[arguments(
        "a vlan",
        Kind::VlanReference,
        "A VLAN of the site; it has an id.",
    )],
);

const UNTAGGED: NodeSchema = plain(
    "untagged",
    "The VLAN of untagged frames on this port.",
    &[argument(
        "a vlan",
        Kind::VlanReference,
        "A VLAN of the site; it has an id.",
    )],
);

/// What a bridge says of VLANs; none where it says nothing, or its table has no words for it.
pub(super) fn read_filter(reader: &Reader<'_>, sink: &mut Sink<'_>) -> Option<Box<FilterNode>> {
    reader.table_of(PORT.name)?;
    let filter = FilterNode {
        filtering: flag(reader, &VLAN_FILTERING, sink),
        default_pvid: reader
            .child(DEFAULT_PVID.name)
            .map_or(Slot::Absent, |node| {
                open(node, &DEFAULT_PVID, sink).number_argument(sink)
            }),
        ports: reader
            .children(PORT.name)
            .filter_map(|node| read_port(node, sink))
            .collect(),
    };
    let is_silent =
        filter.filtering.is_absent() && filter.default_pvid.is_absent() && filter.ports.is_empty();
    (!is_silent).then(|| Box::new(filter))
}

fn read_port(node: Node<'_>, sink: &mut Sink<'_>) -> Option<PortNode> {
    let reader = open(node, &PORT, sink);
    let name = reader.argument(0, sink).into_given();
    let tagged = reader.child(TAGGED.name).map_or_else(Vec::new, |node| {
        open(node, &TAGGED, sink).arguments(0, sink)
    });
    let untagged = first(&reader, &UNTAGGED, sink);
    Some(PortNode {
        name: name?,
        tagged,
        untagged,
        span: reader.span(),
    })
}
