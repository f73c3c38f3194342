//! What `bedplate.lock` holds: not part of a site file, but of the same notation.

use super::super::schema::{Kind, NodeSchema};
use super::{any, argument};

pub(in crate::lang) const LOCK: NodeSchema = NodeSchema {
    name: "bedplate.lock",
    doc: "The addresses that were allocated.",
    arguments: &[],
    properties: &[],
    children: &[any(&LOCK_ENTRY)],
};

pub(in crate::lang) const LOCK_ENTRY: NodeSchema = NodeSchema {
    name: "address",
    doc: "An address that was allocated to an interface.",
    arguments: &[
        argument("a host", Kind::HostName, "The machine or controller."),
        argument("a link", Kind::LinkName, "Its interface."),
        argument("a prefix", Kind::Prefix, "The subnet."),
        argument("an address", Kind::Ip, "The address."),
    ],
    properties: &[],
    children: &[],
};
