//! `rule` in a controller's block: which routing table decides for which packets.

use super::super::kdl::Node;
use super::super::read::Sink;
use super::super::schema::{Kind, NodeSchema};
use super::super::slot::Slot;
use super::table::{TABLE, TableRef, read_table};
use super::{argument, first, known, open, optional, plain, property};
use crate::base::addr::Prefix;
use crate::base::name::LinkName;
use crate::base::route::{DEAD_ENDS, FAMILIES, Family, RouteKind};
use crate::diag::span::Span;

#[derive(Debug)]
pub struct RuleNode {
    pub priority: Slot<u32>,
    pub family: Slot<Family>,
    /// What becomes of the packets where no table decides.
    pub kind: Slot<RouteKind>,
    pub from: Slot<Prefix>,
    pub to: Slot<Prefix>,
    pub incoming: Slot<LinkName>,
    pub outgoing: Slot<LinkName>,
    pub mark: Slot<u32>,
    pub table: Slot<TableRef>,
    /// Whether a part of it could not be read.
    pub is_partial: bool,
    pub span: Span,
}

impl RuleNode {
    /// The address families that it is of: what it says, else those of its prefixes, else both.
    pub fn families(&self) -> &'static [Family] {
        let written = self.family.value().copied();
        let of = |prefix: &Slot<Prefix>| prefix.value().copied().map(Family::of_prefix);
        match written.or_else(|| of(&self.from)).or_else(|| of(&self.to)) {
            Some(Family::Ipv4) => &[Family::Ipv4],
            Some(Family::Ipv6) => &[Family::Ipv6],
            None => &Family::ALL,
        }
    }
}

pub(super) const RULE: NodeSchema = NodeSchema {
    name: "rule",
    doc: "A policy rule of the controller: packets that fit all that it says are routed by its table.",
    arguments: &[argument(
        "a priority",
        Kind::Integer {
            least: 1,
            most: 32_765,
        },
        "Rules are asked from the lowest priority on; the main table comes at 32766.",
    )],
    properties: &[
        property(
            "family",
            Kind::Words(&FAMILIES),
            "The address family; the default is that of `from` and `to`, and both where the rule has neither.",
        ),
        property(
            "type",
            Kind::Words(&DEAD_ENDS),
            "Instead of `table`: `blackhole` drops the packets, `unreachable` and `prohibit` also tell the sender.",
        ),
    ],
    children: &[
        optional(&FROM),
        optional(&TO),
        optional(&INCOMING),
        optional(&OUTGOING),
        optional(&MARK),
        optional(&TABLE),
    ],
};

const FROM: NodeSchema = plain(
    "from",
    "Where the packets are from.",
    &[argument("a prefix", Kind::Prefix, "The senders.")],
);
const TO: NodeSchema = plain(
    "to",
    "Where the packets go.",
    &[argument("a prefix", Kind::Prefix, "The receivers.")],
);
const INCOMING: NodeSchema = plain(
    "incoming",
    "The link that the packets come in through.",
    &[argument(
        "a link",
        Kind::LinkName,
        "A link of the controller; `lo` for what the host sends itself.",
    )],
);
const OUTGOING: NodeSchema = plain(
    "outgoing",
    "The link that the sending program is bound to.",
    &[argument(
        "a link",
        Kind::LinkName,
        "A link of the controller.",
    )],
);
const MARK: NodeSchema = plain(
    "mark",
    "The mark that a firewall gave the packets.",
    &[argument(
        "a number",
        Kind::Integer {
            least: 1,
            most: u32::MAX,
        },
        "The mark.",
    )],
);

pub(super) fn read_rule(node: Node<'_>, sink: &mut Sink<'_>) -> RuleNode {
    let reader = open(node, &RULE, sink);
    let family = known(reader.word_property("family", sink));
    let kind = known(reader.word_property("type", sink));
    RuleNode {
        priority: reader.number_argument(sink),
        family,
        kind,
        from: first(&reader, &FROM, sink),
        to: first(&reader, &TO, sink),
        incoming: first(&reader, &INCOMING, sink),
        outgoing: first(&reader, &OUTGOING, sink),
        mark: reader.child(MARK.name).map_or(Slot::Absent, |node| {
            open(node, &MARK, sink).number_argument(sink)
        }),
        table: read_table(&reader, sink),
        is_partial: reader.is_partial(),
        span: reader.span(),
    }
}
