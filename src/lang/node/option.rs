//! `option`: what DHCP tells clients beside what the site says in words of its own. The table of options drives it.

use std::net::Ipv4Addr;

use super::super::kdl::{Node, Scalar, Value};
use super::super::read::{Reader, Sink};
use super::super::schema::{Argument, Count, Kind, NodeSchema};
use super::super::slot::Slot;
use super::super::value::{flag, integer_within, text};
use super::suboption::{ENTERPRISE, SUBOPTION, read_enterprises, read_suboptions};
use super::{any, argument, open};
use crate::base::addr::Prefix;
use crate::base::name::DomainName;
use crate::base::option::{
    OPTIONS, OptionKind, OptionRow, OptionValue, encode, least_value, option_named, option_row,
    said_elsewhere,
};
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{Span, Spanned};
use crate::diag::suggest::did_you_mean;

#[derive(Debug, Clone)]
pub struct OptionNode {
    pub code: Spanned<u8>,
    pub value: Slot<OptionValue>,
    pub span: Span,
}

/// The annotation of bytes that are told as they are.
pub(super) const HEX: &str = "hex";

/// Longest value: more does not fit a message beside anything else (RFC 2132 9.10).
const MOST_BYTES: usize = 1024;

pub(super) const OPTION: NodeSchema = NodeSchema {
    name: "option",
    doc: "A DHCP option. Of several places the nearest wins: the machine, its profile, the client class, the dynamic range, the subnet, the VLAN, the VLAN that it is relayed to, the site; \
          and each of them over what follows from the site.",
    arguments: &[
        argument(
            "an option",
            Kind::OptionName,
            "The option's name, such as `ntp-servers`, or its code from 1 to 254.",
        ),
        Argument {
            name: VALUE,
            doc: "What its type needs: addresses, texts, numbers, `#true`; or `(hex)\"…\"`, bytes as they are. A code without a name needs \
                  these, or suboptions.",
            kind: Kind::OptionValue,
            count: Count::Any,
        },
    ],
    properties: &[],
    children: &[any(&SUBOPTION), any(&ENTERPRISE)],
};

/// What an option without suboptions needs.
const VALUE: &str = "a value";

/// The options in a block.
pub(super) fn read_options(reader: &Reader<'_>, sink: &mut Sink<'_>) -> Vec<OptionNode> {
    let mut options: Vec<OptionNode> = Vec::new();
    for node in reader.children(OPTION.name) {
        let Some(option) = read_option(node, sink) else {
            continue;
        };
        let mut earlier = options.iter();
        if let Some(first) = earlier.find(|one| one.code.value == option.code.value) {
            sink.report(
                Diagnostic::new(Code::RepeatedNode, "an option is given twice")
                    .label(option.code.span, "given again here")
                    .label(first.code.span, "first given here")
                    .help("several values are written as several arguments"),
            );
            continue;
        }
        options.push(option);
    }
    options
}

fn read_option(node: Node<'_>, sink: &mut Sink<'_>) -> Option<OptionNode> {
    let reader = open(node, &OPTION, sink);
    let mut values = reader.values();
    let code = code(values.next()?, sink)?;
    let values: Vec<Value<'_>> = values.collect();
    let has_block = reader.every_child().next().is_some();
    if values.is_empty() && !has_block {
        sink.report(
            Diagnostic::new(Code::Missing, format!("`{}` needs {VALUE}", OPTION.name))
                .label(node.name().span, format!("{VALUE} is missing"))
                .help(format!("write {}", OPTION.example())),
        );
        return None;
    }
    if let Some(why) = said_elsewhere(code.value) {
        sink.report(
            Diagnostic::new(
                Code::OptionElsewhere,
                format!("the option {} is not for a site to set", named(code.value)),
            )
            .label(code.span, why)
            .help("remove it"),
        );
        return None;
    }
    let value = if has_block {
        block(code, &reader, &values, sink)
    } else {
        value(code, &values, reader.span(), sink)
    };
    Some(OptionNode {
        code,
        value,
        span: reader.span(),
    })
}

/// What an option says by its suboptions.
fn block(
    code: Spanned<u8>,
    reader: &Reader<'_>,
    values: &[Value<'_>],
    sink: &mut Sink<'_>,
) -> Slot<OptionValue> {
    let what = named(code.value);
    if let Some(value) = values.first() {
        let message = format!("the option {what} has a value, and suboptions besides");
        let fault = Diagnostic::new(Code::ExtraArgument, message);
        sink.report(fault.label(value.span, "keep this, or the block"));
        return Slot::Faulty;
    }
    let kind = option_row(code.value).map(|row| row.kind);
    let (wrong, help) = match kind {
        Some(OptionKind::Identified) => (
            SUBOPTION.name,
            "write them in a block of their vendor: enterprise 42623 { … }",
        ),
        Some(OptionKind::Encapsulated | OptionKind::Bytes) | None => {
            (ENTERPRISE.name, "write the suboptions without it")
        }
        Some(_) => {
            let message = format!("the option {what} has no suboptions");
            let fault = Diagnostic::new(Code::WrongType, message);
            sink.report(fault.label(reader.span(), "it has a type of its own"));
            return Slot::Faulty;
        }
    };
    if let Some(node) = reader.children(wrong).next() {
        let message = format!("the option {what} takes no `{wrong}`");
        let fault = Diagnostic::new(Code::WrongType, message);
        sink.report(fault.label(node.name().span, "not here").help(help));
        return Slot::Faulty;
    }
    let read = match kind {
        Some(OptionKind::Identified) => read_enterprises(reader, sink).map(OptionValue::Identified),
        Some(_) | None => read_suboptions(reader, sink).map(OptionValue::Encapsulated),
    };
    let is_whole = !reader.is_partial();
    let read = read.filter(|value| is_whole && is_short(value, reader.span(), sink));
    read.map_or(Slot::Faulty, |read| {
        Slot::Given(Spanned::new(read, reader.span()))
    })
}

fn is_short(value: &OptionValue, span: Span, sink: &mut Sink<'_>) -> bool {
    let length = encode(value).len();
    if length > MOST_BYTES {
        let message = format!("an option of {length} bytes fits no message");
        let fault = Diagnostic::new(Code::InvalidValue, message);
        sink.report(fault.label(span, format!("{MOST_BYTES} bytes at most")));
    }
    length <= MOST_BYTES
}

/// An option as messages name it.
fn named(code: u8) -> String {
    option_row(code).map_or_else(|| code.to_string(), |row| format!("`{}`", row.name))
}

/// The codes of options: the first number is a pad, and the last one ends them (RFC 2132 3).
const CODES: (i64, i64) = (1, 254);

fn code(value: Value<'_>, sink: &mut Sink<'_>) -> Option<Spanned<u8>> {
    if matches!(value.scalar, Scalar::Integer(_)) {
        return integer_within(value, Kind::OptionName, CODES, sink).into_given();
    }
    let name: Spanned<String> = text(value, Kind::OptionName, sink).into_given()?;
    if let Some(row) = option_named(&name.value) {
        return Some(Spanned::new(row.code, name.span));
    }
    let message = format!("there is no DHCP option `{}`", name.value);
    let known = OPTIONS.iter().map(|row| row.name);
    let help = did_you_mean(&name.value, known).unwrap_or_else(|| {
        "one without a name is written by its code: option 224 (hex)\"…\"".to_owned()
    });
    sink.report(
        Diagnostic::new(Code::InvalidValue, message)
            .label(name.span, "not an option's name")
            .help(help),
    );
    None
}

fn value(
    code: Spanned<u8>,
    values: &[Value<'_>],
    span: Span,
    sink: &mut Sink<'_>,
) -> Slot<OptionValue> {
    let is_hex = |value: &Value<'_>| value.annotation.is_some_and(|one| one.value == HEX);
    let read = match (values, option_row(code.value)) {
        ([one], _) if is_hex(one) => bytes(*one, sink).map(OptionValue::Bytes),
        (_, Some(row)) if !is_untyped(row.kind) => typed(row, values, sink),
        (_, Some(_) | None) => {
            let what = named(code.value);
            let message = format!("the option {what} is told as bytes, and these are none");
            sink.report(
                Diagnostic::new(Code::WrongType, message)
                    .label(span, "its type is not known")
                    .help("write its bytes, (hex)\"0a0b0c\", or its suboptions in a block: { suboption 1 \"text\" }"),
            );
            None
        }
    };
    read.map_or(Slot::Faulty, |read| Slot::Given(Spanned::new(read, span)))
}

/// Whether an option is told as bytes, unless by its suboptions.
fn is_untyped(kind: OptionKind) -> bool {
    match kind {
        OptionKind::Bytes | OptionKind::Encapsulated | OptionKind::Identified => true,
        OptionKind::Address
        | OptionKind::Addresses
        | OptionKind::Pairs
        | OptionKind::Routes
        | OptionKind::Domains
        | OptionKind::Text
        | OptionKind::Flag
        | OptionKind::U8
        | OptionKind::U16
        | OptionKind::U16s
        | OptionKind::U32
        | OptionKind::I32 => false,
    }
}

pub(super) fn bytes(value: Value<'_>, sink: &mut Sink<'_>) -> Option<Vec<u8>> {
    let Scalar::Text(written) = value.scalar else {
        return text::<String>(value, Kind::OptionValue, sink)
            .into_given()
            .map(|_| Vec::new());
    };
    let digits: Vec<u32> = written
        .chars()
        .filter(|c| !matches!(c, ':' | ' '))
        .map_while(|c| c.to_digit(16))
        .collect();
    let is_whole = digits.len() == written.chars().filter(|c| !matches!(c, ':' | ' ')).count();
    let pairs = digits.chunks_exact(2);
    let fits =
        is_whole && pairs.remainder().is_empty() && (2..=2 * MOST_BYTES).contains(&digits.len());
    let bytes = pairs.filter_map(|pair| match pair {
        [high, low] => u8::try_from(high * 16 + low).ok(),
        _ => None,
    });
    if fits {
        return Some(bytes.collect());
    }
    let message = format!("these are not 1 to {MOST_BYTES} bytes in hexadecimal");
    sink.report(
        Diagnostic::new(Code::InvalidValue, message)
            .label(value.span, "not bytes")
            .help("two digits a byte, such as (hex)\"0a:0b:0c\""),
    );
    None
}

/// Values of the type that the table gives.
pub(super) fn typed(
    row: &OptionRow,
    values: &[Value<'_>],
    sink: &mut Sink<'_>,
) -> Option<OptionValue> {
    let takes_many = match row.kind {
        OptionKind::Addresses
        | OptionKind::Pairs
        | OptionKind::Routes
        | OptionKind::Domains
        | OptionKind::U16s => true,
        OptionKind::Address
        | OptionKind::Text
        | OptionKind::Flag
        | OptionKind::U8
        | OptionKind::U16
        | OptionKind::U32
        | OptionKind::I32
        | OptionKind::Bytes
        | OptionKind::Encapsulated
        | OptionKind::Identified => false,
    };
    let [first, rest @ ..] = values else {
        return None;
    };
    if let Some(extra) = rest.first().filter(|_| !takes_many) {
        let message = format!("the option `{}` is {}", row.name, row.kind.describe());
        sink.report(
            Diagnostic::new(Code::ExtraArgument, message).label(extra.span, "one too many"),
        );
        return None;
    }
    let number = |sink: &mut Sink<'_>, least: i64, most: i64| {
        let read: Option<Spanned<i64>> =
            integer_within(*first, Kind::OptionValue, (least, most), sink).into_given();
        read.map(|read| read.value)
    };
    let least = least_value(row.code);
    Some(match row.kind {
        OptionKind::Address | OptionKind::Addresses => {
            OptionValue::Addresses(all(values, Kind::Ipv4, sink)?)
        }
        OptionKind::Pairs => OptionValue::Pairs(pairs(values, sink)?),
        OptionKind::Routes => OptionValue::Routes(routes(values, sink)?),
        OptionKind::Domains => {
            OptionValue::Domains(all::<DomainName>(values, Kind::DomainName, sink)?)
        }
        OptionKind::Text => OptionValue::Text(whole_text(row, *first, sink)?),
        OptionKind::Flag => OptionValue::Flag(flag(*first, Kind::Flag, sink).into_given()?.value),
        OptionKind::U8 => OptionValue::U8(u8::try_from(number(sink, least, 0xff)?).ok()?),
        OptionKind::U16 => OptionValue::U16(u16::try_from(number(sink, least, 0xffff)?).ok()?),
        OptionKind::U16s => {
            let numbers = values.iter().map(|value| {
                let read = integer_within(*value, Kind::OptionValue, (0, 0xffff), sink);
                read.into_given().map(|read: Spanned<u16>| read.value)
            });
            OptionValue::U16s(numbers.collect::<Option<_>>()?)
        }
        OptionKind::U32 => OptionValue::U32(u32::try_from(number(sink, 0, 0xffff_ffff)?).ok()?),
        OptionKind::I32 => {
            let (least, most) = (i64::from(i32::MIN), i64::from(i32::MAX));
            OptionValue::I32(i32::try_from(number(sink, least, most)?).ok()?)
        }
        OptionKind::Bytes | OptionKind::Encapsulated | OptionKind::Identified => return None,
    })
}

fn whole_text(row: &OptionRow, value: Value<'_>, sink: &mut Sink<'_>) -> Option<String> {
    let text: Spanned<String> = text(value, Kind::Text, sink).into_given()?;
    if text.value.is_empty() || text.value.contains('\0') || text.value.len() > MOST_BYTES {
        let message = format!(
            "the option `{}` is 1 to {MOST_BYTES} bytes, and none is zero",
            row.name
        );
        let fault = Diagnostic::new(Code::InvalidValue, message);
        sink.report(fault.label(text.span, "no such text"));
        return None;
    }
    Some(text.value)
}

fn all<T>(values: &[Value<'_>], kind: Kind, sink: &mut Sink<'_>) -> Option<Vec<T>>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    // Each is read, so that each fault is told.
    let read: Vec<Option<T>> = values
        .iter()
        .map(|value| text(*value, kind, sink).into_given().map(|one| one.value))
        .collect();
    read.into_iter().collect()
}

fn pairs(values: &[Value<'_>], sink: &mut Sink<'_>) -> Option<Vec<(Ipv4Addr, Ipv4Addr)>> {
    let addresses: Vec<Ipv4Addr> = all(values, Kind::Ipv4, sink)?;
    let pairs = addresses.chunks_exact(2);
    if let (Some(last), false) = (values.last(), pairs.remainder().is_empty()) {
        let fault = Diagnostic::new(Code::Missing, "an address has no other one beside it");
        sink.report(fault.label(last.span, "the second address of this pair is missing"));
        return None;
    }
    let pairs = pairs.filter_map(|pair| match pair {
        [a, b] => Some((*a, *b)),
        _ => None,
    });
    Some(pairs.collect())
}

fn routes(values: &[Value<'_>], sink: &mut Sink<'_>) -> Option<Vec<(Prefix, Ipv4Addr)>> {
    // Each is read, so that each fault is told.
    let read: Vec<Option<(Prefix, Ipv4Addr)>> = values
        .chunks(2)
        .map(|route| {
            let [to, rest @ ..] = route else {
                return None;
            };
            let prefix: Option<Spanned<Prefix>> = text(*to, Kind::Prefix, sink).into_given();
            let Some(via) = rest.first() else {
                sink.report(
                    Diagnostic::new(Code::Missing, "a route has no router")
                        .label(to.span, "the address that it leads through is missing")
                        .help("write it after the prefix; 0.0.0.0 where the prefix is on the link"),
                );
                return None;
            };
            let via: Option<Spanned<Ipv4Addr>> = text(*via, Kind::Ipv4, sink).into_given();
            let prefix = prefix?;
            if prefix.value.mask4().is_none() {
                let message = format!("{} is not an IPv4 prefix", prefix.value);
                let fault = Diagnostic::new(Code::InvalidValue, message);
                sink.report(fault.label(prefix.span, "DHCP tells of IPv4 routes"));
                return None;
            }
            Some((prefix.value, via?.value))
        })
        .collect();
    read.into_iter().collect()
}
