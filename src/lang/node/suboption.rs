//! `suboption` and `enterprise`: options within options 43 and 125, and within those that no table knows.

use std::collections::BTreeMap;

use super::super::kdl::{Node, Scalar, Value};
use super::super::read::{Reader, Sink};
use super::super::schema::{Kind, NodeSchema};
use super::option::{HEX, bytes, typed};
use super::{argument, arguments, child, open, property};
use crate::base::option::{OptionKind, OptionRow, OptionValue, encode};
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{Span, Spanned};
use crate::lang::schema::Count;

/// Its length stands in one byte.
const MOST_BYTES: usize = 255;

/// The types that a suboption may have, by the words for them.
const TYPES: &[&str] = &[
    "address",
    "addresses",
    "pairs",
    "routes",
    "domains",
    "text",
    "flag",
    "u8",
    "u16",
    "u16s",
    "u32",
    "i32",
];

const CODES: Kind = Kind::Integer {
    least: 1,
    most: 254,
};

pub(super) const SUBOPTION: NodeSchema = NodeSchema {
    name: "suboption",
    doc: "An option within the option, whose vendor says what it means.",
    arguments: &[
        argument("a code", CODES, "The suboption's code."),
        arguments(
            "a value",
            Kind::OptionValue,
            "What its type needs; or `(hex)\"…\"`, bytes as they are.",
        ),
    ],
    properties: &[property(
        "type",
        Kind::Words(TYPES),
        "How the value goes on the wire. A text, a flag and bytes need not say it; a number does.",
    )],
    children: &[],
};

pub(super) const ENTERPRISE: NodeSchema = NodeSchema {
    name: "enterprise",
    doc: "The suboptions of one vendor (RFC 3925).",
    arguments: &[argument(
        "a number",
        Kind::Integer {
            least: 0,
            most: u32::MAX,
        },
        "The vendor's enterprise number (IANA), such as 42623 for ONIE.",
    )],
    properties: &[],
    children: &[child(&SUBOPTION, Count::Many)],
};

type Suboptions = BTreeMap<u8, OptionValue>;

/// The suboptions in a block; nothing where one of them is faulty.
pub(super) fn read_suboptions(reader: &Reader<'_>, sink: &mut Sink<'_>) -> Option<Suboptions> {
    let nodes: Vec<_> = reader.children(SUBOPTION.name).collect();
    // Each is read, so that each fault is told.
    let read = nodes.into_iter().map(|node| read_suboption(node, sink));
    let read: Vec<_> = read.collect();
    by_number(read, "a suboption", sink)
}

/// The vendors in a block, each with its suboptions; nothing where one of them is faulty.
pub(super) fn read_enterprises(
    reader: &Reader<'_>,
    sink: &mut Sink<'_>,
) -> Option<BTreeMap<u32, Suboptions>> {
    let nodes: Vec<_> = reader.children(ENTERPRISE.name).collect();
    let read = nodes.into_iter().map(|node| {
        let reader = open(node, &ENTERPRISE, sink);
        let number: Option<Spanned<u32>> = reader.number_argument(sink).into_given();
        let suboptions = read_suboptions(&reader, sink)?;
        let length = encode(&OptionValue::Encapsulated(suboptions.clone())).len();
        fits(length, reader.span(), sink).then_some((number?, suboptions))
    });
    let read: Vec<_> = read.collect();
    by_number(read, "an enterprise", sink)
}

fn by_number<K: Ord + Copy, V>(
    read: Vec<Option<(Spanned<K>, V)>>,
    what: &str,
    sink: &mut Sink<'_>,
) -> Option<BTreeMap<K, V>> {
    let mut places: BTreeMap<K, Span> = BTreeMap::new();
    let mut found = BTreeMap::new();
    let mut is_whole = true;
    for one in read {
        let Some((number, value)) = one else {
            is_whole = false;
            continue;
        };
        if let Some(first) = places.insert(number.value, number.span) {
            sink.report(
                Diagnostic::new(Code::RepeatedNode, format!("{what} is given twice"))
                    .label(number.span, "given again here")
                    .label(first, "first given here")
                    .help("keep one of them"),
            );
            is_whole = false;
        }
        found.insert(number.value, value);
    }
    is_whole.then_some(found)
}

fn read_suboption(node: Node<'_>, sink: &mut Sink<'_>) -> Option<(Spanned<u8>, OptionValue)> {
    let reader = open(node, &SUBOPTION, sink);
    let code: Option<Spanned<u8>> = reader.number_argument(sink).into_given();
    let word = reader.word_property("type", sink);
    let values: Vec<Value<'_>> = reader.values().skip(1).collect();
    let [first, ..] = values.as_slice() else {
        return None;
    };
    let is_hex = first.annotation.is_some_and(|one| one.value == HEX);
    let value = match word.given() {
        _ if is_hex && values.len() == 1 => OptionValue::Bytes(bytes(*first, sink)?),
        Some(word) => typed(&row(kind(&word.value)?), &values, sink)?,
        None if !word.is_absent() => return None,
        None => match first.scalar {
            Scalar::Text(_) => typed(&row(OptionKind::Text), &values, sink)?,
            Scalar::Bool(_) => typed(&row(OptionKind::Flag), &values, sink)?,
            Scalar::Faulty => return None,
            Scalar::Integer(_) | Scalar::Float(_) | Scalar::Null => {
                let message = "a suboption does not say how its value goes on the wire";
                sink.report(
                    Diagnostic::new(Code::Missing, message)
                        .label(first.span, "how many bytes is it?")
                        .help("write type=\"u8\", or another type, behind it"),
                );
                return None;
            }
        },
    };
    fits(encode(&value).len(), reader.span(), sink).then_some((code?, value))
}

fn fits(length: usize, span: Span, sink: &mut Sink<'_>) -> bool {
    if length > MOST_BYTES {
        let message = format!("{length} bytes do not fit: a length has one byte here");
        let fault = Diagnostic::new(Code::InvalidValue, message);
        sink.report(fault.label(span, format!("{MOST_BYTES} bytes at most")));
    }
    length <= MOST_BYTES
}

fn row(kind: OptionKind) -> OptionRow {
    OptionRow {
        code: 0,
        name: "suboption",
        kind,
    }
}

fn kind(word: &str) -> Option<OptionKind> {
    Some(match word {
        "address" => OptionKind::Address,
        "addresses" => OptionKind::Addresses,
        "pairs" => OptionKind::Pairs,
        "routes" => OptionKind::Routes,
        "domains" => OptionKind::Domains,
        "text" => OptionKind::Text,
        "flag" => OptionKind::Flag,
        "u8" => OptionKind::U8,
        "u16" => OptionKind::U16,
        "u16s" => OptionKind::U16s,
        "u32" => OptionKind::U32,
        "i32" => OptionKind::I32,
        _ => return None,
    })
}
