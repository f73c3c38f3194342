//! `client-class`: clients of a kind, and what they are told.

use super::super::kdl::Node;
use super::super::read::{Reader, Sink};
use super::super::schema::{Kind, NodeSchema};
use super::super::slot::Slot;
use super::option::{OPTION, OptionNode, read_options};
use super::{any, argument, child, first, open, optional, property};
use crate::base::arch::ClientArch;
use crate::base::class::ClassMatch;
use crate::base::mac::MacPrefix;
use crate::base::name::Name;
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{Span, Spanned};
use crate::lang::schema::Count;

#[derive(Debug)]
pub struct ClassNode {
    pub name: Spanned<Name>,
    pub matches: Vec<MatchNode>,
    pub image: Slot<Name>,
    pub options: Vec<OptionNode>,
    pub span: Span,
}

#[derive(Debug)]
pub struct MatchNode {
    pub vendor_class: Slot<String>,
    pub user_class: Slot<String>,
    pub architecture: Slot<ClientArch>,
    pub mac_prefix: Slot<MacPrefix>,
    pub tag: Slot<Name>,
    /// Whether a part of it could not be read.
    pub is_partial: bool,
    pub span: Span,
}

pub(super) const CLIENT_CLASS: NodeSchema = NodeSchema {
    name: "client-class",
    doc: "Clients of a kind, and what they are told: more than their subnet and range say, less than a machine says itself. Of several \
          classes that a client is of, those of the VLAN count before those of the VLAN that it is relayed to and those of the site, and \
          among these the first by name. A VLAN's class stands in the place of one that has the same name farther off.",
    arguments: &[argument("a name", Kind::Name, "The class's name.")],
    properties: &[],
    children: &[
        child(&MATCH, Count::Many),
        any(&OPTION),
        optional(&CLASS_IMAGE),
    ],
};

const MATCH: NodeSchema = NodeSchema {
    name: "match",
    doc: "What a client must show, all of it; of several such nodes one suffices.",
    arguments: &[],
    properties: &[
        property(
            "vendor-class",
            Kind::Text,
            "How its vendor class (option 60) begins, such as `PXEClient`.",
        ),
        property(
            "user-class",
            Kind::Text,
            "One of its user classes (option 77), whole.",
        ),
        property(
            "architecture",
            Kind::Arch,
            "One of its client architectures (option 93); `ipxe` and `onie` by what these show.",
        ),
        property(
            "mac-prefix",
            Kind::Text,
            "How its hardware address begins: one to six pairs of digits, such as `52:54:00`.",
        ),
        property(
            "tag",
            Kind::Reference,
            "A tag of the machine that it is; only machines with an address reserved are known.",
        ),
    ],
    children: &[],
};

const CLASS_IMAGE: NodeSchema = NodeSchema {
    name: "image",
    doc: "What clients of the class boot that are no machine with an image of its own.",
    arguments: &[argument("an image", Kind::Reference, "The image's name.")],
    properties: &[],
    children: &[],
};

/// The longest class that a client can show: one option, its length in one byte.
const MOST_BYTES: usize = 255;

impl MatchNode {
    /// What it asks for; nothing where a part of that could not be read.
    pub fn asked(&self) -> Option<ClassMatch> {
        let Self {
            vendor_class,
            user_class,
            architecture,
            mac_prefix,
            tag,
            is_partial,
            span: _,
        } = self;
        (!is_partial).then(|| ClassMatch {
            vendor_class: vendor_class.value().cloned(),
            user_class: user_class.value().cloned(),
            architecture: architecture.value().copied(),
            mac_prefix: mac_prefix.value().cloned(),
            tag: tag.value().cloned(),
        })
    }
}

/// The classes in a block.
pub(super) fn read_classes(reader: &Reader<'_>, sink: &mut Sink<'_>) -> Vec<ClassNode> {
    let nodes: Vec<_> = reader.children(CLIENT_CLASS.name).collect();
    let classes = nodes.into_iter();
    classes.filter_map(|node| read_class(node, sink)).collect()
}

fn read_class(node: Node<'_>, sink: &mut Sink<'_>) -> Option<ClassNode> {
    let reader = open(node, &CLIENT_CLASS, sink);
    let name = reader.argument(0, sink).into_given();
    let nodes: Vec<_> = reader.children(MATCH.name).collect();
    let matches = nodes.into_iter().map(|node| read_match(node, sink));
    let matches: Vec<_> = matches.collect();
    let (image, options) = (
        first(&reader, &CLASS_IMAGE, sink),
        read_options(&reader, sink),
    );
    let says = |word: &str| reader.children(word).next().is_some();
    if !says(OPTION.name) && !says(CLASS_IMAGE.name) && !reader.is_partial() {
        let message = "`client-class` needs `option` or `image`";
        sink.report(
            Diagnostic::new(Code::Missing, message)
                .label(reader.span(), "its clients are told nothing")
                .help("say what they are told, or remove the class"),
        );
    }
    Some(ClassNode {
        name: name?,
        matches,
        image,
        options,
        span: reader.span(),
    })
}

fn read_match(node: Node<'_>, sink: &mut Sink<'_>) -> MatchNode {
    let reader = open(node, &MATCH, sink);
    let vendor_class = reader.property("vendor-class", sink);
    let user_class = reader.property("user-class", sink);
    let mut read = MatchNode {
        architecture: reader.property("architecture", sink),
        mac_prefix: reader.property("mac-prefix", sink),
        tag: reader.property("tag", sink),
        vendor_class: shown(vendor_class, sink),
        user_class: shown(user_class, sink),
        is_partial: reader.is_partial(),
        span: reader.span(),
    };
    let is_faulty = matches!(read.vendor_class, Slot::Faulty)
        || matches!(read.user_class, Slot::Faulty)
        || matches!(read.architecture, Slot::Faulty)
        || matches!(read.mac_prefix, Slot::Faulty)
        || matches!(read.tag, Slot::Faulty);
    if !is_faulty && !read.is_partial && read.asked().is_some_and(|asked| asked.is_empty()) {
        sink.report(
            Diagnostic::new(Code::Missing, "`match` needs something to ask for")
                .label(reader.span(), "every client would fit")
                .help("write match vendor-class=\"…\"; what every client is told stands in `dhcp` itself"),
        );
        read.is_partial = true;
    }
    read.is_partial |= is_faulty;
    read
}

/// A class that a client can show.
fn shown(class: Slot<String>, sink: &mut Sink<'_>) -> Slot<String> {
    let fault = class
        .given()
        .filter(|class| !(1..=MOST_BYTES).contains(&class.value.len()));
    let Some(fault) = fault else {
        return class;
    };
    let message = format!("a class has 1 to {MOST_BYTES} bytes");
    sink.report(
        Diagnostic::new(Code::InvalidValue, message).label(fault.span, "no client's class"),
    );
    Slot::Faulty
}
