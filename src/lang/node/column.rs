//! The columns of a table of machines: paths such as `ethernet.eth0.mac`, and what people write in their place.

use std::collections::BTreeMap;

use super::super::kdl::{Scalar, Value};
use super::super::read::Sink;
use super::super::schema::Kind;
use super::super::slot::Slot;
use super::super::table::{self, Cell};
use super::super::value::text;
use crate::base::limit;
use crate::base::name::LinkName;
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{Span, Spanned};
use crate::diag::suggest::{listed, nearest};

/// What a column holds.
pub(super) enum Column {
    Name,
    Profile,
    Uuid,
    Image,
    Tag,
    Rack,
    Power,
    BootFrom,
    BmcKind,
    BmcAddress,
    BmcUsername,
    Ethernet(Spanned<LinkName>, Part),
}

pub(super) enum Part {
    Mac,
    Vlan,
    Mtu,
    Address,
    ClientId,
    CircuitId,
    Duid,
}

const PLAIN: [&str; 11] = [
    "name",
    "profile",
    "uuid",
    "image",
    "tag",
    "rack",
    "power",
    "boot-from",
    "bmc.kind",
    "bmc.address",
    "bmc.username",
];

/// What the columns of an interface end in.
const PARTS: [&str; 7] = [
    "mac",
    "vlan",
    "mtu",
    "address",
    "client-id",
    "circuit-id",
    "duid",
];

/// The columns of a table, none for those that were reported; nothing at all where the rows would mean nothing.
pub(super) fn columns(header: &[Cell<'_>], sink: &mut Sink<'_>) -> Option<Vec<Option<Column>>> {
    if let Some(fault) = foreign(header).or_else(|| excess(header)) {
        sink.report(fault);
        return None;
    }
    let columns: Vec<Option<Column>> = header.iter().map(|cell| column(cell, sink)).collect();
    repeated(header, sink);
    if columns.iter().any(|one| matches!(one, Some(Column::Name))) {
        return Some(columns);
    }
    let known = || PLAIN.into_iter();
    let is_mistyped = header
        .iter()
        .any(|cell| nearest(&cell.value, known()) == Some("name"));
    if !is_mistyped {
        let fault = Diagnostic::new(Code::TableColumn, "the table has no column `name`");
        sink.report(
            fault
                .label(table::whole(header)?, "the header")
                .help("add it: each row is a machine"),
        );
    }
    None
}

/// The fault of a header whose cells are separated by something else.
fn foreign(header: &[Cell<'_>]) -> Option<Diagnostic> {
    let [only] = header else {
        return None;
    };
    let word = match only.value.chars().find(|c| matches!(c, ';' | '\t' | '|'))? {
        ';' => "semicolons",
        '\t' => "tabs",
        _ => "bars",
    };
    let message = format!("the columns of a table are separated by commas, and these by {word}");
    let fault = Diagnostic::new(Code::TableShape, message).label(only.span, "one cell");
    Some(fault.help("save the table with commas as separators"))
}

/// A header that is too long to be one, such as that of a file which is no table.
fn excess(header: &[Cell<'_>]) -> Option<Diagnostic> {
    let cell = header.get(limit::TABLE_COLUMNS)?;
    let message = format!("a table has at most {} columns", limit::TABLE_COLUMNS);
    Some(Diagnostic::new(Code::Limit, message).label(cell.span, "one too many"))
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
            "client-id" => Some(Part::ClientId),
            "circuit-id" => Some(Part::CircuitId),
            "duid" => Some(Part::Duid),
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
        "uuid" => Column::Uuid,
        "image" => Column::Image,
        "tag" => Column::Tag,
        "rack" => Column::Rack,
        "power" => Column::Power,
        "boot-from" => Column::BootFrom,
        "bmc.kind" => Column::BmcKind,
        "bmc.address" => Column::BmcAddress,
        "bmc.username" => Column::BmcUsername,
        _ => {
            sink.report(unknown(cell));
            return None;
        }
    };
    Some(found)
}

fn unknown(cell: &Cell<'_>) -> Diagnostic {
    let name: &str = &cell.value;
    if name.is_empty() {
        return Diagnostic::new(Code::TableColumn, "a column has no name")
            .label(cell.span, "nothing here")
            .help("name it, or remove the commas at the ends of the lines");
    }
    let lower = name.to_ascii_lowercase();
    let last = lower.rsplit(['.', ' ', '_']).next().unwrap_or("");
    let help = if name.starts_with('#') {
        "a table has no comments: it begins with the line of column names".to_owned()
    } else if lower.ends_with("password") {
        "a secret does not stand in a table: write where it is kept in the profile".to_owned()
    } else if let Some(meant) = nearest(name, PLAIN) {
        format!("did you mean `{meant}`?")
    } else if let Some(part) = PARTS.into_iter().find(|part| *part == last) {
        format!("did you mean `ethernet.NAME.{part}`, with the interface's name?")
    } else {
        let (plain, parts) = (listed(PLAIN.into_iter()), listed(PARTS.into_iter()));
        format!("there are {plain}, and `ethernet.NAME.` with {parts}")
    };
    Diagnostic::new(
        Code::TableColumn,
        format!("machines have no column `{name}`"),
    )
    .label(cell.span, "unknown column")
    .help(help)
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

/// A cell, or a part of it, as a text in a site file.
pub(super) fn as_value(text: &str, span: Span) -> Value<'_> {
    Value {
        scalar: Scalar::Text(text),
        annotation: None,
        span,
        is_bare: false,
    }
}
