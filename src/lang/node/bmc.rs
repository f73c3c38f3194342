//! `bmc` and `power`: a machine's baseboard management controller, and whether the machine should run.

use std::net::IpAddr;

use super::super::kdl::Node;
use super::super::read::Sink;
use super::super::schema::{Child, Kind, NodeSchema};
use super::super::slot::Slot;
use super::account::{USER, UserNode, read_users};
use super::network::{BmcNetworkNode, NETWORK, read_network};
use super::switch::{self, SwitchNode, read_switch};
use super::{any, argument, first, join, open, optional, property};
use crate::base::fingerprint::Fingerprint;
use crate::base::name::Name;
use crate::base::secret::SecretRef;
use crate::diag::span::Span;

#[derive(Debug, Clone)]
pub struct BmcNode {
    pub kind: Slot<String>,
    pub address: Slot<IpAddr>,
    /// Where it listens there, if not at the protocol's usual port.
    pub port: Slot<u16>,
    /// The fabric of the address, where isolated ones have the same.
    pub fabric: Slot<Name>,
    pub username: Slot<String>,
    pub password: Slot<SecretRef>,
    /// IPMI's second secret, shared by all sessions (IPMI 2.0, 13.31).
    pub key: Slot<SecretRef>,
    pub cipher_suite: Slot<u8>,
    pub privilege: Slot<String>,
    pub system: Slot<String>,
    /// The one certificate that is trusted.
    pub fingerprint: Slot<Fingerprint>,
    /// A file on the controller with the authorities that sign the BMCs' certificates.
    pub authority: Slot<String>,
    /// How it is on its own network.
    pub network: Option<Box<BmcNetworkNode>>,
    /// Who else may use it.
    pub users: Vec<UserNode>,
    /// What it says of switching alone.
    pub switch: SwitchNode,
    /// Whether a part of it could not be read.
    pub is_partial: bool,
    pub span: Span,
}

pub(super) const KINDS: &[&str] = &[
    "redfish",
    "ipmi",
    "webhook",
    "wake-on-lan",
    "manual",
    "qemu",
];

/// What `power` may ask for.
pub(super) const POWER_STATES: &[&str] = &["on", "off", "unmanaged"];

/// Where `boot-from` may point.
pub(super) const BOOT_STATES: &[&str] = &["network", "disk"];

impl BmcNode {
    /// A BMC of which nothing is said yet.
    pub(super) fn empty(span: Span) -> Self {
        Self {
            kind: Slot::Absent,
            address: Slot::Absent,
            port: Slot::Absent,
            fabric: Slot::Absent,
            username: Slot::Absent,
            password: Slot::Absent,
            key: Slot::Absent,
            cipher_suite: Slot::Absent,
            privilege: Slot::Absent,
            system: Slot::Absent,
            fingerprint: Slot::Absent,
            authority: Slot::Absent,
            network: None,
            users: Vec::new(),
            switch: SwitchNode::empty(),
            is_partial: false,
            span,
        }
    }
}

pub(super) const BMC: NodeSchema = NodeSchema {
    name: "bmc",
    doc: "The machine's baseboard management controller: its power, its boot order, its sensors.",
    arguments: &[argument(
        "a kind",
        Kind::Words(KINDS),
        "The protocol that it speaks: of a controller of its own (`redfish`, `ipmi`), or of what switches its power and nothing else: any power \
         switch that is asked over HTTP (`webhook`), its network card (`wake-on-lan`), a person (`manual`), the monitor of a virtual machine (`qemu`).",
    )],
    properties: &[
        property("address", Kind::Ip, "Its own address."),
        property(
            "port",
            Kind::Integer {
                least: 1,
                most: 65_535,
            },
            "The port that it listens on; by default 443 for Redfish and 623 for IPMI.",
        ),
        property(
            "fabric",
            Kind::Reference,
            "The fabric that `address` is in; needed where several isolated ones have it.",
        ),
        property("username", Kind::Text, "The account to use."),
        property(
            "password",
            Kind::Secret,
            "Where the account's password is kept.",
        ),
    ],
    children: &BMC_CHILDREN,
};

const BMC_CHILDREN: [Child; 19] = join(
    &[
        optional(&CIPHER_SUITE),
        optional(&PRIVILEGE),
        optional(&KEY),
        optional(&SYSTEM),
        optional(&FINGERPRINT),
        optional(&AUTHORITY),
        optional(&NETWORK),
        any(&USER),
    ],
    &switch::CHILDREN,
);

const CIPHER_SUITE: NodeSchema = NodeSchema {
    name: "cipher-suite",
    doc: "IPMI alone: how sessions are protected; the default is 17, and 3 where that fails.",
    arguments: &[argument(
        "a number",
        Kind::Integer { least: 0, most: 17 },
        "17 or 3, of IPMI 2.0, table 22-20.",
    )],
    properties: &[],
    children: &[],
};

const PRIVILEGE: NodeSchema = NodeSchema {
    name: "privilege",
    doc: "IPMI alone: the rights to ask for; the default is `operator`.",
    arguments: &[argument(
        "a level",
        Kind::Words(&["user", "operator", "administrator"]),
        "A privilege level.",
    )],
    properties: &[],
    children: &[],
};

const KEY: NodeSchema = NodeSchema {
    name: "k-g",
    doc: "IPMI alone: where the BMC's own key is kept.",
    arguments: &[argument(
        "a reference",
        Kind::Secret,
        "Where the key is kept.",
    )],
    properties: &[],
    children: &[],
};

const SYSTEM: NodeSchema = NodeSchema {
    name: "system",
    doc: "Redfish and webhook: which of several systems behind one BMC is this machine.",
    arguments: &[argument(
        "an id",
        Kind::Text,
        "The system's id, as Redfish lists it; what stands for `{{ system }}` in the requests of a webhook.",
    )],
    properties: &[],
    children: &[],
};

const FINGERPRINT: NodeSchema = NodeSchema {
    name: "fingerprint",
    doc: "Redfish and webhook: the one certificate that the BMC may have, whatever it says of names and dates; `bedplate bmc trust` shows it.",
    arguments: &[argument(
        "a fingerprint",
        Kind::Text,
        "The SHA-256 of the certificate, in hexadecimal digits.",
    )],
    properties: &[],
    children: &[],
};

const AUTHORITY: NodeSchema = NodeSchema {
    name: "certificate-authority",
    doc: "Redfish and webhook: who signs the BMC's certificate; by default those whom the controller's system trusts.",
    arguments: &[argument(
        "a path",
        Kind::Text,
        "A file on the controller, in PEM form, by its absolute path.",
    )],
    properties: &[],
    children: &[],
};

pub(super) const POWER: NodeSchema = NodeSchema {
    name: "power",
    doc: "Whether the machine should run: an apply switches it through its BMC; by default nobody minds.",
    arguments: &[argument(
        "a state",
        Kind::Words(POWER_STATES),
        "`on`, `off` or `unmanaged`.",
    )],
    properties: &[],
    children: &[],
};

pub(super) const BOOT_FROM: NodeSchema = NodeSchema {
    name: "boot-from",
    doc: "Where the machine boots from; by default the network offers it its image.",
    arguments: &[argument(
        "a place",
        Kind::Words(BOOT_STATES),
        "`network`, or `disk`: then no boot program is offered.",
    )],
    properties: &[],
    children: &[],
};

pub(super) fn read_bmc(node: Node<'_>, sink: &mut Sink<'_>) -> BmcNode {
    let reader = open(node, &BMC, sink);
    let key = reader.child(KEY.name).map_or(Slot::Absent, |node| {
        open(node, &KEY, sink).secret_argument(sink)
    });
    let cipher_suite = reader
        .child(CIPHER_SUITE.name)
        .map_or(Slot::Absent, |node| {
            open(node, &CIPHER_SUITE, sink).number_argument(sink)
        });
    let privilege = reader.child(PRIVILEGE.name).map_or(Slot::Absent, |node| {
        open(node, &PRIVILEGE, sink).word_argument(sink)
    });
    BmcNode {
        kind: reader.word_argument(sink),
        address: reader.property("address", sink),
        port: reader.number("port", sink),
        fabric: reader.property("fabric", sink),
        username: reader.property("username", sink),
        password: reader.secret("password", sink),
        key,
        cipher_suite,
        privilege,
        system: first(&reader, &SYSTEM, sink),
        fingerprint: first(&reader, &FINGERPRINT, sink),
        authority: first(&reader, &AUTHORITY, sink),
        network: read_network(&reader, sink),
        users: read_users(&reader, sink),
        switch: read_switch(&reader, sink),
        is_partial: reader.is_partial(),
        span: reader.span(),
    }
}
