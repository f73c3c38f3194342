//! What else than its hardware address a client of a machine's link is recognised by.

use super::super::kdl::{Scalar, Value};
use super::super::read::{Reader, Sink};
use super::super::schema::{Kind, Property};
use super::super::slot::Slot;
use super::super::value::text;
use super::option::HEX;
use super::property;
use crate::base::identity::{Identity, Label, Octets};
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::Spanned;

/// What a link's client shows, or its relay agent of it.
#[derive(Debug, Clone)]
pub struct IdentityNode {
    pub client_id: Slot<Label>,
    pub circuit_id: Slot<Label>,
    pub duid: Slot<Octets>,
}

pub(super) const CLIENT_ID: Property = property(
    "client-id",
    Kind::Label,
    "The client identifier (option 61) that the interface's client sends: a text, sent with or without the type 0 before it, or \
     `(hex)\"…\"`, the whole option. Of what a client is recognised by, the hardware address counts first, then this, `circuit-id`, \
     `duid` and the machine's `uuid`.",
);

pub(super) const CIRCUIT_ID: Property = property(
    "circuit-id",
    Kind::Label,
    "What the relay agent calls the circuit that the interface hangs on, often a switch's port (option 82, suboption 1): a text or \
     `(hex)\"…\"`. Whatever is plugged in there gets the address.",
);

pub(super) const DUID: Property = property(
    "duid",
    Kind::Octets,
    "The DUID within the client identifier that the interface's client sends (RFC 4361), in hexadecimal.",
);

/// The most that one option holds, less the type before a text.
const LABEL_BYTES: usize = 254;

/// A DUID's type and what it holds (RFC 8415 11.1).
const DUID_BYTES: std::ops::RangeInclusive<usize> = 3..=130;

impl IdentityNode {
    pub(super) fn empty() -> Self {
        Self {
            client_id: Slot::Absent,
            circuit_id: Slot::Absent,
            duid: Slot::Absent,
        }
    }

    fn is_empty(&self) -> bool {
        self.client_id.is_absent() && self.circuit_id.is_absent() && self.duid.is_absent()
    }

    /// Each as it goes on the wire, with the place that says it.
    pub fn identities(&self) -> impl Iterator<Item = Spanned<Identity>> {
        let client = self.client_id.given().into_iter();
        let client = client.flat_map(|id| {
            let forms = id.value.client_ids();
            forms.map(|form| Spanned::new(form, id.span))
        });
        let circuit = self.circuit_id.given().map(|id| {
            let bytes = id.value.bytes().into();
            Spanned::new(Identity::CircuitId(bytes), id.span)
        });
        let duid = self.duid.given().map(|duid| {
            let bytes = duid.value.0.clone();
            Spanned::new(Identity::Duid(bytes), duid.span)
        });
        client.chain(circuit).chain(duid)
    }

    /// What it says, else what a profile does.
    pub fn merged(own: Option<&Self>, base: Option<&Self>) -> Option<Box<Self>> {
        let (own, base) = match (own, base) {
            (Some(own), Some(base)) => (own, base),
            (one, other) => return one.or(other).cloned().map(Box::new),
        };
        Some(Box::new(Self {
            client_id: own.client_id.clone().or(base.client_id.clone()),
            circuit_id: own.circuit_id.clone().or(base.circuit_id.clone()),
            duid: own.duid.clone().or(base.duid.clone()),
        }))
    }
}

/// What a link's node says of its client; a controller's has no such properties.
pub(super) fn read_identity(reader: &Reader<'_>, sink: &mut Sink<'_>) -> Option<Box<IdentityNode>> {
    let mut said = |name: &str| match reader.written(name) {
        Some(value) if reader.schema.property(name).is_some() => label(value, sink),
        Some(_) => Slot::Absent,
        None if reader.is_mistyped(name) => Slot::Faulty,
        None => Slot::Absent,
    };
    let (client_id, circuit_id) = (said(CLIENT_ID.name), said(CIRCUIT_ID.name));
    let duid = bounded_duid(reader.property(DUID.name, sink), sink);
    let read = IdentityNode {
        client_id,
        circuit_id,
        duid,
    };
    (!read.is_empty()).then(|| Box::new(read))
}

fn label(value: Value<'_>, sink: &mut Sink<'_>) -> Slot<Label> {
    let is_hex = value.annotation.is_some_and(|one| one.value == HEX);
    let read = if is_hex {
        let plain = Value {
            annotation: None,
            ..value
        };
        text(plain, Kind::Octets, sink).map(Label::Bytes)
    } else {
        text(value, Kind::Label, sink).map(Label::Text)
    };
    bounded_label(read, sink)
}

/// One that stands in a cell of a table, where bytes have the annotation before them.
pub(super) fn label_cell(value: Value<'_>, sink: &mut Sink<'_>) -> Slot<Label> {
    let digits = match value.scalar {
        Scalar::Text(written) => written.strip_prefix("(hex)"),
        Scalar::Integer(_) | Scalar::Float(_) | Scalar::Bool(_) | Scalar::Null | Scalar::Faulty => {
            None
        }
    };
    let Some(digits) = digits else {
        return label(value, sink);
    };
    let scalar = Scalar::Text(digits);
    let read = text(Value { scalar, ..value }, Kind::Octets, sink);
    bounded_label(read.map(Label::Bytes), sink)
}

pub(super) fn duid_cell(value: Value<'_>, sink: &mut Sink<'_>) -> Slot<Octets> {
    bounded_duid(text(value, Kind::Octets, sink), sink)
}

fn bounded_label(read: Slot<Label>, sink: &mut Sink<'_>) -> Slot<Label> {
    let fits = |label: &Spanned<Label>| (1..=LABEL_BYTES).contains(&label.value.bytes().len());
    let Some(fault) = read.given().filter(|label| !fits(label)) else {
        return read;
    };
    let message = format!("an identifier has 1 to {LABEL_BYTES} bytes");
    let fault = Diagnostic::new(Code::InvalidValue, message).label(fault.span, "none has this");
    sink.report(fault);
    Slot::Faulty
}

fn bounded_duid(read: Slot<Octets>, sink: &mut Sink<'_>) -> Slot<Octets> {
    let fits = |duid: &Spanned<Octets>| DUID_BYTES.contains(&duid.value.0.len());
    let Some(fault) = read.given().filter(|duid| !fits(duid)) else {
        return read;
    };
    let (least, most) = (DUID_BYTES.start(), DUID_BYTES.end());
    let message = format!("a DUID has {least} to {most} bytes");
    sink.report(
        Diagnostic::new(Code::InvalidValue, message)
            .label(fault.span, "no DUID")
            .help("write the DUID alone, from its type on: not the 255 and the IAID before it"),
    );
    Slot::Faulty
}
