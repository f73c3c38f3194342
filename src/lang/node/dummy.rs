//! `dummy`: a link on no wire, for addresses of the host itself.

use super::super::schema::{Child, Count, Kind, NodeSchema};
use super::address::PLACED_OWN_ADDRESS;
use super::link::{MTU_PROPERTY, NAME};
use super::protect::PROTECT;
use super::setting::SETTING_NODES;
use super::{child, join, optional, property};

pub(super) const DUMMY: NodeSchema = NodeSchema {
    name: "dummy",
    doc: "A link on no wire, whose addresses are the host's own, such as a routing daemon announces.",
    arguments: &[NAME],
    properties: &[
        MTU_PROPERTY,
        property("mac", Kind::Mac, "The link's hardware address."),
    ],
    children: &CHILDREN,
};

const OWN: [Child; 2] = [child(&PLACED_OWN_ADDRESS, Count::Any), optional(&PROTECT)];
const CHILDREN: [Child; OWN.len() + SETTING_NODES.len()] = join(&OWN, &SETTING_NODES);
