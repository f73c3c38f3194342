//! `machines`: many machines at once, a row of a table each. A table's header holds paths such as `ethernet.eth0.mac`.

use std::collections::BTreeMap;

use super::super::kdl::{Node, Scalar, Value};
use super::super::read::Sink;
use super::super::schema::{Kind, NodeSchema, Property};
use super::super::secret;
use super::super::slot::Slot;
use super::super::table::{self, Cell};
use super::super::value::{integer, text, word};
use super::address::AddressNode;
use super::bmc::{BOOT_STATES, BmcNode, KINDS, POWER_STATES};
use super::fabric::MTU;
use super::host::{HostShape, MachineNode};
use super::link::{LinkNode, LinkShape};
use super::{open, property};
use crate::base::limit;
use crate::base::name::{LinkName, Name};
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{SourceId, Span, Spanned};
use crate::diag::suggest::{did_you_mean, listed};

/// A table of machines.
#[derive(Debug)]
pub struct MachinesNode {
    pub(in crate::lang) profile: Slot<Name>,
    /// The table's file, as an include names it.
    pub(in crate::lang) from: Slot<String>,
}

pub(super) const MACHINES: NodeSchema = NodeSchema {
    name: "machines",
    doc: "Machines from a table of comma-separated values, one a row. Its header holds paths: `name`, `profile`, `image`, `tag`, \
          `power`, `boot-from`, `bmc.kind`, `bmc.address`, `bmc.username`, and `mac`, `vlan`, `mtu` and `address` of `ethernet.NAME`. \
          An empty cell says nothing; several tags or addresses are separated by spaces.",
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

/// What a column holds.
enum Column {
    Name,
    Profile,
    Image,
    Tag,
    Power,
    BootFrom,
    BmcKind,
    BmcAddress,
    BmcUsername,
    Ethernet(Spanned<LinkName>, Part),
}

enum Part {
    Mac,
    Vlan,
    Mtu,
    Address,
}

const PLAIN: [&str; 9] = [
    "name",
    "profile",
    "image",
    "tag",
    "power",
    "boot-from",
    "bmc.kind",
    "bmc.address",
    "bmc.username",
];

/// The machines of a table; rows without a profile have `profile`.
pub(in crate::lang) fn read_table(
    id: SourceId,
    source: &str,
    profile: &Slot<Name>,
    sink: &mut Sink<'_>,
) -> Vec<MachineNode> {
    let reported = sink.diagnostics.len();
    let table = table::read(id, source, sink.diagnostics);
    let Some(table) = table else {
        sink.gaps.add("machine");
        let message = "the table is empty";
        let start = Span::new(id, 0, source.len().min(1));
        sink.report(
            Diagnostic::new(Code::TableShape, message)
                .label(start, "no header")
                .help("begin with a line of column names: name,ethernet.eth0.mac"),
        );
        return Vec::new();
    };
    sink.masked.extend(secret::cells(&table));
    if let Some(fault) = excess(&table.header) {
        sink.gaps.add("machine");
        sink.report(fault);
        return Vec::new();
    }
    let columns: Vec<Option<Column>> = table.header.iter().map(|cell| column(cell, sink)).collect();
    repeated(&table.header, sink);
    if !columns.iter().any(|one| matches!(one, Some(Column::Name))) {
        let span = table::whole(&table.header).unwrap_or(Span::new(id, 0, 1));
        let fault = Diagnostic::new(Code::TableColumn, "the table has no column `name`");
        sink.report(
            fault
                .label(span, "the header")
                .help("add it: each row is a machine"),
        );
        sink.gaps.add("machine");
        return Vec::new();
    }
    let machines = table
        .rows
        .iter()
        .filter_map(|row| machine(row, &columns, profile, sink));
    let mut machines: Vec<MachineNode> = machines.collect();
    if unread_bmc(&table.header, &columns) {
        for machine in &mut machines {
            bmc(&mut machine.shape, machine.name.span).is_partial = true;
        }
    }
    if sink.diagnostics.len() > reported {
        sink.gaps.add("machine");
    }
    machines
}

fn column(cell: &Cell<'_>, sink: &mut Sink<'_>) -> Option<Column> {
    let name: &str = &cell.value;
    if let Some((link, part)) = name
        .strip_prefix("ethernet.")
        .and_then(|rest| rest.rsplit_once('.'))
    {
        let part = match part {
            "mac" => Some(Part::Mac),
            "vlan" => Some(Part::Vlan),
            "mtu" => Some(Part::Mtu),
            "address" => Some(Part::Address),
            _ => None,
        };
        if let Some(part) = part {
            let name: Slot<LinkName> = text(as_value(link, cell.span), Kind::LinkName, sink);
            return name.into_given().map(|name| Column::Ethernet(name, part));
        }
    }
    let found = match name {
        "name" => Column::Name,
        "profile" => Column::Profile,
        "image" => Column::Image,
        "tag" => Column::Tag,
        "power" => Column::Power,
        "boot-from" => Column::BootFrom,
        "bmc.kind" => Column::BmcKind,
        "bmc.address" => Column::BmcAddress,
        "bmc.username" => Column::BmcUsername,
        _ => {
            let help = if name == "bmc.password" {
                "a secret does not stand in a table: write where it is kept in the profile"
                    .to_owned()
            } else {
                did_you_mean(name, PLAIN).unwrap_or_else(|| {
                    format!(
                        "there are {}, and `ethernet.NAME.` with `mac`, `vlan`, `mtu`, `address`",
                        listed(PLAIN.into_iter())
                    )
                })
            };
            let message = format!("machines have no column `{name}`");
            sink.report(
                Diagnostic::new(Code::TableColumn, message)
                    .label(cell.span, "unknown column")
                    .help(help),
            );
            return None;
        }
    };
    Some(found)
}

/// Whether a column of BMCs means nothing, so that more than what is read was said of them.
fn unread_bmc(header: &[Cell<'_>], columns: &[Option<Column>]) -> bool {
    let mut columns = header.iter().zip(columns);
    columns.any(|(cell, column)| column.is_none() && cell.value.starts_with("bmc."))
}

fn repeated(header: &[Cell<'_>], sink: &mut Sink<'_>) {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for cell in header {
        if let Some(first) = seen.get(&*cell.value) {
            let message = format!("the column `{}` stands twice", cell.value);
            sink.report(
                Diagnostic::new(Code::TableColumn, message)
                    .label(cell.span, "again here")
                    .label(*first, "first here")
                    .help("keep one of them; several tags or addresses in a cell are separated by spaces"),
            );
        } else {
            seen.insert(&cell.value, cell.span);
        }
    }
}

/// A header that is too long to be one, such as that of a file which is no table.
fn excess(header: &[Cell<'_>]) -> Option<Diagnostic> {
    let cell = header.get(limit::TABLE_COLUMNS)?;
    let message = format!("a table has at most {} columns", limit::TABLE_COLUMNS);
    Some(Diagnostic::new(Code::Limit, message).label(cell.span, "one too many"))
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
            Column::Profile => own_profile = text(value, Kind::Reference, sink),
            Column::Image => shape.image = text(value, Kind::Reference, sink),
            Column::Tag => {
                let tags = parts(cell).map(|part| text(part, Kind::Name, sink));
                shape.tags = Some(tags.filter_map(Slot::into_given).collect());
            }
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
        Part::Mtu => {
            let number = cell.value.parse().map_or(value.scalar, Scalar::Integer);
            link.mtu = integer(
                Value {
                    scalar: number,
                    ..value
                },
                MTU,
                sink,
            );
        }
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

/// The parts of a cell between spaces; their place is the cell's.
fn parts<'t>(cell: &'t Cell<'_>) -> impl Iterator<Item = Value<'t>> {
    let span = cell.span;
    cell.value
        .split_whitespace()
        .map(move |part| as_value(part, span))
}

fn as_value(text: &str, span: Span) -> Value<'_> {
    Value {
        scalar: Scalar::Text(text),
        annotation: None,
        span,
        is_bare: false,
    }
}
