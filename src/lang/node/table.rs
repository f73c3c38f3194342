//! `table`: the routing table that a route is in, or that a policy rule leads to.

use std::fmt;

use super::super::kdl::Scalar;
use super::super::read::{Reader, Sink};
use super::super::schema::{Kind, NodeSchema};
use super::super::slot::Slot;
use super::super::value::{integer_within, text};
use super::vrf::MAIN;
use super::{argument, open, plain};
use crate::base::name::LinkName;

/// A routing table as routes and rules name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableRef {
    Main,
    Number(u32),
    /// That of a VRF of the same controller.
    Vrf(LinkName),
}

impl fmt::Display for TableRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Main => f.write_str(MAIN),
            Self::Number(number) => write!(f, "{number}"),
            Self::Vrf(name) => write!(f, "{name}"),
        }
    }
}

pub(super) const TABLE: NodeSchema = plain(
    "table",
    "The routing table.",
    &[argument(
        "a table",
        Kind::RoutingTable,
        "The name of a VRF of the controller, `main`, or a number such as `200`.",
    )],
);

/// The table in a block.
pub(super) fn read_table(reader: &Reader<'_>, sink: &mut Sink<'_>) -> Slot<TableRef> {
    let Some(node) = reader.child(TABLE.name) else {
        return Slot::Absent;
    };
    let own = open(node, &TABLE, sink);
    let Some(value) = own.values().next() else {
        return Slot::Faulty;
    };
    if matches!(value.scalar, Scalar::Integer(_)) {
        return integer_within(value, Kind::RoutingTable, (1, u32::MAX.into()), sink)
            .map(TableRef::Number);
    }
    text::<LinkName>(value, Kind::RoutingTable, sink).map(|name| {
        if name.as_str() == MAIN {
            TableRef::Main
        } else {
            TableRef::Vrf(name)
        }
    })
}
