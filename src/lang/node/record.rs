//! `record`: names of the site's domain that no host has, or more about those that one has.

use super::super::kdl::Node;
use super::super::read::{Reader, Sink};
use super::super::schema::{Argument, Kind, NodeSchema, Property};
use super::super::slot::Slot;
use super::{any, argument, arguments, first, open, optional, plain, property};
use crate::base::duration::Seconds;
use crate::base::name::{DomainName, RecordLabel};
use crate::base::record::RecordData;
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{Span, Spanned};

#[derive(Debug)]
pub struct RecordNode {
    pub name: Spanned<RecordLabel>,
    pub ttl: Slot<Seconds>,
    /// In them a name without a dot is one of the site's domain.
    pub values: Vec<Spanned<RecordData>>,
    /// Whether a part of it could not be read.
    pub is_partial: bool,
    pub span: Span,
}

pub(super) const RECORD: NodeSchema = NodeSchema {
    name: "record",
    doc: "A name of the site's domain, and what DNS says of it.",
    arguments: &[argument(
        "a name",
        Kind::RecordLabel,
        "Labels below the site's domain, such as `www` or `_ldap._tcp`; `@` is the domain itself, `*` every name that there is not.",
    )],
    properties: &[],
    children: &[
        any(&A),
        any(&AAAA),
        optional(&CNAME),
        any(&MX),
        any(&NS),
        any(&SRV),
        any(&SSHFP),
        any(&TXT),
        optional(&TTL),
    ],
};

const A: NodeSchema = plain(
    "a",
    "IPv4 addresses.",
    &[arguments("an address", Kind::Ipv4, "An IPv4 address.")],
);
const AAAA: NodeSchema = plain(
    "aaaa",
    "IPv6 addresses.",
    &[arguments("an address", Kind::Ipv6, "An IPv6 address.")],
);
const CNAME: NodeSchema = plain(
    "cname",
    "Another name that this one stands for; then it has nothing else.",
    &[TARGET],
);
const NS: NodeSchema = plain(
    "ns",
    "Name servers of a zone that others serve.",
    &[arguments("a name", Kind::DomainName, TARGET_DOC)],
);
const TXT: NodeSchema = plain(
    "txt",
    "A text.",
    &[argument(
        "a text",
        Kind::Text,
        "At most 255 bytes a part; longer ones are split.",
    )],
);
const TTL: NodeSchema = plain(
    "ttl",
    "How long resolvers may keep it; the default is 30s.",
    &[argument("a duration", Kind::Duration, "Up to a week.")],
);
const MX: NodeSchema = NodeSchema {
    name: "mx",
    doc: "A host that takes mail for the name.",
    arguments: &[TARGET],
    properties: &[number(
        "preference",
        "The lowest is tried first; the default is 10.",
    )],
    children: &[],
};
const SRV: NodeSchema = NodeSchema {
    name: "srv",
    doc: "Where a service is (RFC 2782).",
    arguments: &[TARGET],
    properties: &[
        Property {
            required: true,
            ..number("port", "The service's port.")
        },
        number("priority", "The lowest is tried first; the default is 0."),
        number(
            "weight",
            "The share among those of one priority; the default is 0.",
        ),
    ],
    children: &[],
};
const SSHFP: NodeSchema = NodeSchema {
    name: "sshfp",
    doc: "The fingerprint of a host's SSH key (RFC 4255).",
    arguments: &[argument("a fingerprint", Kind::Text, "In hexadecimal.")],
    properties: &[
        Property {
            name: "algorithm",
            doc: "The key's kind.",
            kind: Kind::Words(&ALGORITHMS),
            required: true,
        },
        property("digest", Kind::Words(&DIGESTS), "The default is `sha256`."),
    ],
    children: &[],
};

const TARGET_DOC: &str = "A full name; one without a dot is a name of the site's domain.";
const TARGET: Argument = argument("a name", Kind::DomainName, TARGET_DOC);

/// Kinds of keys with their numbers (IANA, "SSHFP RR Types for public key algorithms").
const ALGORITHM_NUMBERS: [u8; 4] = [1, 2, 3, 4];
const ALGORITHMS: [&str; 4] = ["rsa", "dsa", "ecdsa", "ed25519"];
/// Digests in the order of their numbers, from 1, and the bytes that each has.
const DIGESTS: [&str; 2] = ["sha1", "sha256"];
const DIGEST_BYTES: [usize; 2] = [20, 32];

const fn number(name: &'static str, doc: &'static str) -> Property {
    let kind = Kind::Integer {
        least: 0,
        most: 65_535,
    };
    property(name, kind, doc)
}

pub(super) fn read_record(node: Node<'_>, sink: &mut Sink<'_>) -> Option<RecordNode> {
    let reader = open(node, &RECORD, sink);
    let name = reader.argument(0, sink).into_given();
    let reported = sink.diagnostics.len();
    let mut values = Vec::new();
    for child in reader.every_child() {
        values.extend(read_values(child, sink));
    }
    let ttl = first(&reader, &TTL, sink);
    if name.is_none() {
        sink.gaps.add(RECORD.name);
    }
    let is_partial = reader.is_partial() || sink.diagnostics.len() > reported;
    Some(RecordNode {
        name: name?,
        ttl,
        values,
        is_partial,
        span: reader.span(),
    })
}

fn read_values(node: Node<'_>, sink: &mut Sink<'_>) -> Vec<Spanned<RecordData>> {
    fn all<T>(values: Vec<Spanned<T>>, make: fn(T) -> RecordData) -> Vec<Spanned<RecordData>> {
        let made = values.into_iter();
        made.map(|one| Spanned::new(make(one.value), one.span))
            .collect()
    }
    let one = |value: Option<RecordData>| -> Vec<Spanned<RecordData>> {
        let value = value.map(|value| Spanned::new(value, node.head()));
        value.into_iter().collect()
    };
    match node.name().value {
        "a" => all(open(node, &A, sink).arguments(0, sink), RecordData::A),
        "aaaa" => all(open(node, &AAAA, sink).arguments(0, sink), RecordData::Aaaa),
        "ns" => all(open(node, &NS, sink).arguments(0, sink), RecordData::Ns),
        "cname" => one(target(&open(node, &CNAME, sink), sink).map(RecordData::Cname)),
        "txt" => {
            let text = open(node, &TXT, sink).argument(0, sink).into_given();
            one(text.map(|text| RecordData::Txt(text.value)))
        }
        "mx" => {
            let reader = open(node, &MX, sink);
            let preference = default(&reader, "preference", 10, sink);
            let target = target(&reader, sink);
            one(target.map(|target| RecordData::Mx { preference, target }))
        }
        "srv" => {
            let reader = open(node, &SRV, sink);
            let port: Slot<u16> = reader.number("port", sink);
            let (priority, weight) = (
                default(&reader, "priority", 0, sink),
                default(&reader, "weight", 0, sink),
            );
            let target = target(&reader, sink);
            let port = port.value().copied();
            one(port.zip(target).map(|(port, target)| RecordData::Srv {
                priority,
                weight,
                port,
                target,
            }))
        }
        "sshfp" => one(read_fingerprint(&open(node, &SSHFP, sink), sink)),
        _ => Vec::new(),
    }
}

fn target(reader: &Reader<'_>, sink: &mut Sink<'_>) -> Option<DomainName> {
    let target: Option<Spanned<DomainName>> = reader.argument(0, sink).into_given();
    target.map(|target| target.value)
}

fn default(reader: &Reader<'_>, name: &str, default: u16, sink: &mut Sink<'_>) -> u16 {
    reader
        .number(name, sink)
        .value()
        .copied()
        .unwrap_or(default)
}

fn read_fingerprint(reader: &Reader<'_>, sink: &mut Sink<'_>) -> Option<RecordData> {
    let algorithm = reader.word_property("algorithm", sink).into_given();
    let digest = reader.word_property("digest", sink);
    let written: Spanned<String> = reader.argument(0, sink).into_given()?;
    let digest = match &digest {
        Slot::Absent => DIGESTS[1],
        Slot::Faulty => return None,
        Slot::Given(digest) => digest.value.as_str(),
    };
    let at = DIGESTS.iter().position(|known| *known == digest)?;
    let bytes = *DIGEST_BYTES.get(at)?;
    let is_hex = written.value.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex || written.value.len() != 2 * bytes {
        let message = format!("a {digest} fingerprint is {} hexadecimal digits", 2 * bytes);
        sink.report(
            Diagnostic::new(Code::InvalidValue, message).label(written.span, "not a fingerprint"),
        );
        return None;
    }
    let algorithm = algorithm?;
    let known = ALGORITHMS
        .iter()
        .position(|known| *known == algorithm.value)?;
    Some(RecordData::Sshfp {
        algorithm: *ALGORITHM_NUMBERS.get(known)?,
        digest: u8::try_from(at + 1).ok()?,
        fingerprint: written.value.to_ascii_lowercase(),
    })
}
