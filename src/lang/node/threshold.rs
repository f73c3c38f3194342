//! `thresholds`: how full the dynamic ranges of a subnet are when that is told; part of `subnet` and of `dhcp`.

use super::super::read::{Reader, Sink};
use super::super::schema::{Kind, NodeSchema};
use super::{arguments, open, plain};
use crate::base::percent::Percent;
use crate::diag::span::Spanned;

pub(super) const THRESHOLDS: NodeSchema = plain(
    "thresholds",
    "How full the dynamic ranges of a subnet are, all together, when an event tells of that. The nearest counts: what the subnet says, the \
     `dhcp` of its VLAN, that of the VLAN which this is relayed to, that of the site; the default is 80% and 95%. Once they are five percent \
     below, that is told as well.",
    &[arguments(
        "a share",
        Kind::Percent,
        "From \"1%\" to \"100%\".",
    )],
);

pub(super) fn read_thresholds(reader: &Reader<'_>, sink: &mut Sink<'_>) -> Vec<Spanned<Percent>> {
    let node = reader.child(THRESHOLDS.name);
    node.map_or_else(Vec::new, |node| {
        open(node, &THRESHOLDS, sink).arguments(0, sink)
    })
}
