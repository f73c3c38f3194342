//! `machines`: many machines at once, a row of a table each. A table's header holds paths such as `ethernet.eth0.mac`.

use std::borrow::Cow;

use super::super::kdl::{Node, Scalar, Value, conflict_mark};
use super::super::read::Sink;
use super::super::schema::{Kind, NodeSchema, Property};
use super::super::secret;
use super::super::slot::Slot;
use super::super::table::{self, Cell, Rows};
use super::super::value::{integer, text, word};
use super::address::AddressNode;
use super::bmc::{BOOT_STATES, BmcNode, KINDS, POWER_STATES};
use super::column::{Column, Part, as_value, columns};
use super::fabric::MTU;
use super::host::{self, HostShape, MachineNode};
use super::identity::{IdentityNode, duid_cell, label_cell};
use super::link::{LinkNode, LinkShape};
use super::{open, property};
use crate::base::name::{LinkName, Name};
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{SourceId, Span, Spanned};

/// A table of machines.
#[derive(Debug)]
pub struct MachinesNode {
    pub(in crate::lang) profile: Slot<Name>,
    /// The table's file, as an include names it.
    pub(in crate::lang) from: Slot<String>,
}

pub(super) const MACHINES: NodeSchema = NodeSchema {
    name: "machines",
    doc: "Machines from a table of comma-separated values, one a row. Its header holds paths: `name`, `profile`, `uuid`, `image`, \
          `tag`, `rack`, `power`, `boot-from`, `bmc.kind`, `bmc.address`, `bmc.username`, and `mac`, `vlan`, `mtu`, `address`, `client-id`, \
          `circuit-id` and `duid` of `ethernet.NAME`; bytes of the latter as `(hex)0a0b`. An empty cell says nothing; several tags or addresses are separated by spaces.",
    arguments: &[],
    properties: &[
        property(
            "profile",
            Kind::Reference,
            "The profile of rows that name none.",
        ),
        Property {
            name: "from",
            doc: "The table's file, relative to this one.",
            kind: Kind::Path,
            required: true,
        },
    ],
    children: &[],
};

pub(super) fn read_machines(node: Node<'_>, sink: &mut Sink<'_>) -> MachinesNode {
    let reader = open(node, &MACHINES, sink);
    let from: Slot<String> = reader.property("from", sink);
    if from.given().is_none() {
        sink.gaps.add("machine");
    }
    MachinesNode {
        profile: reader.property("profile", sink),
        from,
    }
}

/// The machines of a table; rows without a profile have `profile`.
pub(in crate::lang) fn read_table(
    id: SourceId,
    source: &str,
    profile: &Slot<Name>,
    sink: &mut Sink<'_>,
) -> Vec<MachineNode> {
    let reported = sink.diagnostics.len();
    let mut rows = Rows::new(id, source);
    let mut machines = Vec::new();
    let Some(header) = rows.next(sink.diagnostics) else {
        sink.gaps.add("machine");
        let start = Span::new(id, 0, source.len().min(1));
        sink.report(
            Diagnostic::new(Code::TableShape, "the table is empty")
                .label(start, "no header")
                .help("begin with a line of column names: name,ethernet.eth0.mac"),
        );
        return machines;
    };
    let secret = secret::columns(&header);
    if let Some(columns) = columns(&header, sink) {
        let mut conflict = Conflict::default();
        let mut known = sink.diagnostics.len();
        while let Some(row) = rows.next(sink.diagnostics) {
            let is_torn = sink.diagnostics.len() > known;
            sink.masked.extend(secret.cells(&row));
            match table::uneven(&row, &header) {
                _ if conflict.takes(&row, sink) => {}
                Some(fault) if !is_torn => sink.report(fault),
                Some(_) => {}
                None => machines.extend(machine(&row, &columns, profile, sink)),
            }
            known = sink.diagnostics.len();
            if let Some(here) = table::whole(&row).filter(|_| sink.is_full()) {
                sink.give_up(here);
                break;
            }
        }
        if unread_bmc(&header, &columns) {
            for machine in &mut machines {
                bmc(&mut machine.shape, machine.name.span).is_partial = true;
            }
        }
    } else if let Some(row) = rows.next(&mut Vec::new()) {
        // A snippet of the header shows the row below it.
        sink.masked.extend(secret.cells(&row));
    }
    if sink.diagnostics.len() > reported {
        sink.gaps.add("machine");
    }
    machines
}

/// What a merge left of a table: our side is read, the other one is not.
#[derive(Default)]
struct Conflict {
    is_told: bool,
    is_in_other: bool,
}

impl Conflict {
    /// Whether a row is a mark of a merge, or of the other side.
    fn takes(&mut self, row: &[Cell<'_>], sink: &mut Sink<'_>) -> bool {
        let mark = row.first().and_then(|cell| conflict_mark(&cell.value));
        match mark {
            Some('<') if !self.is_told => {
                self.is_told = true;
                let fault = Diagnostic::new(Code::MergeConflict, "a merge left a conflict here");
                let fault = match table::whole(row) {
                    Some(here) => fault.label(here, "it begins here"),
                    None => fault,
                };
                sink.report(fault.help("keep what is right of both sides, and remove the marks"));
            }
            Some('|' | '=') => self.is_in_other = true,
            Some('>') => self.is_in_other = false,
            Some(_) => {}
            None => return self.is_in_other,
        }
        true
    }
}

/// Whether a column of BMCs means nothing, so that more than what is read was said of them.
fn unread_bmc(header: &[Cell<'_>], columns: &[Option<Column>]) -> bool {
    let mut columns = header.iter().zip(columns);
    columns.any(|(cell, column)| column.is_none() && cell.value.starts_with("bmc."))
}

fn machine(
    row: &[Cell<'_>],
    columns: &[Option<Column>],
    profile: &Slot<Name>,
    sink: &mut Sink<'_>,
) -> Option<MachineNode> {
    let span = table::whole(row)?;
    let mut name = Slot::Absent;
    let mut own_profile = Slot::Absent;
    let mut shape = HostShape::empty(span);
    for (cell, column) in row.iter().zip(columns) {
        let Some(column) = column else {
            continue;
        };
        if cell.value.is_empty() {
            continue;
        }
        let value = as_value(&cell.value, cell.span);
        match column {
            Column::Name => name = text(value, Kind::HostName, sink),
            Column::Uuid => shape.uuid = host::uuid(text(value, Kind::Uuid, sink), sink),
            Column::Profile => own_profile = text(value, Kind::Reference, sink),
            Column::Image => shape.image = text(value, Kind::Reference, sink),
            Column::Tag => {
                let tags = parts(cell).map(|part| text(part, Kind::Name, sink));
                shape.tags = Some(tags.filter_map(Slot::into_given).collect());
            }
            Column::Rack => shape.rack = text(value, Kind::Name, sink),
            Column::Power => shape.power = word(value, Kind::Words(POWER_STATES), sink),
            Column::BootFrom => shape.boot_from = word(value, Kind::Words(BOOT_STATES), sink),
            Column::BmcKind => bmc(&mut shape, span).kind = word(value, Kind::Words(KINDS), sink),
            Column::BmcAddress => bmc(&mut shape, span).address = text(value, Kind::Ip, sink),
            Column::BmcUsername => bmc(&mut shape, span).username = text(value, Kind::Text, sink),
            Column::Ethernet(link, part) => ethernet(&mut shape, link, part, cell, sink),
        }
    }
    if name.is_absent() {
        sink.report(
            Diagnostic::new(Code::Missing, "a row names no machine")
                .label(span, "`name` is empty here")
                .help("fill it, or remove the row"),
        );
    }
    Some(MachineNode {
        name: name.into_given()?,
        profile: own_profile.or(profile.clone()),
        shape,
        moved: Vec::new(),
    })
}

fn bmc(shape: &mut HostShape, span: Span) -> &mut BmcNode {
    shape.bmc.get_or_insert_with(|| BmcNode::empty(span))
}

fn ethernet(
    shape: &mut HostShape,
    name: &Spanned<LinkName>,
    part: &Part,
    cell: &Cell<'_>,
    sink: &mut Sink<'_>,
) {
    let known = shape
        .interfaces
        .iter()
        .position(|link| link.name.value == name.value);
    let index = known.unwrap_or_else(|| {
        let name = Spanned::new(name.value.clone(), cell.span);
        shape
            .interfaces
            .push(LinkNode::empty(name, LinkShape::Ethernet));
        shape.interfaces.len() - 1
    });
    let Some(link) = shape.interfaces.get_mut(index) else {
        return;
    };
    let value = as_value(&cell.value, cell.span);
    match part {
        Part::Mac => link.mac = text(value, Kind::Mac, sink),
        Part::Vlan => link.vlan = text(value, Kind::VlanReference, sink),
        Part::Mtu => link.mtu = number(cell, sink),
        Part::ClientId => identity_of(link).client_id = label_cell(value, sink),
        Part::CircuitId => identity_of(link).circuit_id = label_cell(value, sink),
        Part::Duid => identity_of(link).duid = duid_cell(value, sink),
        Part::Address => {
            for part in parts(cell) {
                match text(part, Kind::Address, sink) {
                    Slot::Given(wish) => link.addresses.push(AddressNode::new(wish)),
                    Slot::Absent | Slot::Faulty => link.has_faulty_address = true,
                }
            }
        }
    }
}

fn identity_of(link: &mut LinkNode) -> &mut IdentityNode {
    let empty = || Box::new(IdentityNode::empty());
    link.identity.get_or_insert_with(empty)
}

/// The MTU that a cell holds.
fn number(cell: &Cell<'_>, sink: &mut Sink<'_>) -> Slot<u32> {
    let value = as_value(&cell.value, cell.span);
    if let Ok(number) = cell.value.parse() {
        let scalar = Scalar::Integer(number);
        return integer(Value { scalar, ..value }, MTU, sink);
    }
    let message = format!("`{}` is not {}", cell.value, MTU.describe());
    sink.report(Diagnostic::new(Code::InvalidValue, message).label(cell.span, "not a number"));
    Slot::Faulty
}

/// The parts of a cell between spaces, each with its place; in a cell with quotes inside, that of the cell.
fn parts<'t>(cell: &'t Cell<'_>) -> impl Iterator<Item = Value<'t>> {
    let whole = cell.span;
    let length = (whole.end - whole.start) as usize;
    let quote = usize::from(length > cell.value.len());
    let is_as_written = matches!(cell.value, Cow::Borrowed(_));
    let mut read = 0;
    cell.value.split_whitespace().map(move |part| {
        let rest = cell.value.get(read..).unwrap_or("");
        let from = read + rest.find(part).unwrap_or(0);
        read = from + part.len();
        let start = whole.start as usize + quote + from;
        let place = Span::new(whole.source, start, start + part.len());
        as_value(part, if is_as_written { place } else { whole })
    })
}
