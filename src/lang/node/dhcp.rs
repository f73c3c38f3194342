//! `dhcp`: the service that a VLAN has, from controllers or through a relay agent; and what it tells everywhere in a site.

use super::super::kdl::Node;
use super::super::read::Sink;
use super::super::schema::{Kind, NodeSchema};
use super::super::slot::Slot;
use super::bound::{
    BoundsNode, LEASES_PER_CIRCUIT, RATE_PER_CIRCUIT, RATE_PER_CLIENT, read_bounds,
};
use super::class::{CLIENT_CLASS, ClassNode, read_classes};
use super::link::VlanRef;
use super::option::{OPTION, OptionNode, read_options};
use super::threshold::{THRESHOLDS, read_thresholds};
use super::{
    any, argument, arguments, first, flag, known, open, optional, plain, text_length, word,
};
use crate::base::duration::Seconds;
use crate::base::name::{HostName, Name};
use crate::base::percent::Percent;
use crate::base::policy::{CLIENT_IDENTITIES, ClientIdentity, UNKNOWN_CLIENTS, UnknownClients};
use crate::base::probe::{CONFLICT_PROBES, ConflictProbe};
use crate::diag::span::{Span, Spanned};

#[derive(Debug)]
pub struct DhcpNode {
    pub controllers: Vec<Spanned<HostName>>,
    /// The VLAN whose servers answer here by way of a relay agent.
    pub relay_to: Slot<VlanRef>,
    pub lease_time: Slot<Seconds>,
    pub least_lease_time: Slot<Seconds>,
    pub boot_lease_time: Slot<Seconds>,
    pub offer_time: Slot<Seconds>,
    pub quarantine_time: Slot<Seconds>,
    pub image: Slot<Name>,
    pub authoritative: Slot<bool>,
    pub identity: Slot<ClientIdentity>,
    /// Whether another server gives the addresses.
    pub proxy: Slot<bool>,
    pub probe: Slot<ConflictProbe>,
    pub unknown_clients: Slot<UnknownClients>,
    pub bounds: BoundsNode,
    pub thresholds: Vec<Spanned<Percent>>,
    pub options: Vec<OptionNode>,
    pub classes: Vec<ClassNode>,
    /// How much text its subnets have from it, and each VLAN that is relayed to it.
    pub length: usize,
    /// Whether a part of it could not be read.
    pub is_partial: bool,
    pub span: Span,
}

/// What holds for DHCP everywhere in the site.
#[derive(Debug)]
pub struct SiteDhcpNode {
    pub history_time: Slot<Seconds>,
    pub thresholds: Vec<Spanned<Percent>>,
    pub options: Vec<OptionNode>,
    pub classes: Vec<ClassNode>,
    /// How much text each subnet has from it.
    pub length: usize,
}

pub(super) const SITE_DHCP: NodeSchema = NodeSchema {
    name: "dhcp",
    doc: "What holds for DHCP on every VLAN that it serves.",
    arguments: &[],
    properties: &[],
    children: &[
        optional(&HISTORY_TIME),
        optional(&THRESHOLDS),
        any(&OPTION),
        any(&CLIENT_CLASS),
    ],
};

pub(super) const DHCP: NodeSchema = NodeSchema {
    name: "dhcp",
    doc: "DHCP service on the VLAN.",
    arguments: &[],
    properties: &[],
    children: &[
        optional(&CONTROLLERS),
        optional(&RELAY_TO),
        optional(&LEASE_TIME),
        optional(&LEAST_LEASE_TIME),
        optional(&BOOT_LEASE_TIME),
        optional(&OFFER_TIME),
        optional(&QUARANTINE_TIME),
        optional(&DHCP_IMAGE),
        optional(&AUTHORITATIVE),
        optional(&IDENTITY),
        optional(&PROXY),
        optional(&PROBE),
        optional(&UNKNOWN),
        optional(&LEASES_PER_CIRCUIT),
        optional(&RATE_PER_CLIENT),
        optional(&RATE_PER_CIRCUIT),
        optional(&THRESHOLDS),
        any(&OPTION),
        any(&CLIENT_CLASS),
    ],
};

const CONTROLLERS: NodeSchema = NodeSchema {
    name: "controllers",
    doc: "Who serves it.",
    arguments: &[arguments(
        "a controller",
        Kind::HostName,
        "A controller with an IPv4 address on the VLAN.",
    )],
    properties: &[],
    children: &[],
};

const RELAY_TO: NodeSchema = NodeSchema {
    name: "relay-to",
    doc: "Instead of `controllers`: a relay agent on the VLAN forwards to the servers of another one.",
    arguments: &[argument(
        "a VLAN",
        Kind::VlanReference,
        "A VLAN that controllers serve.",
    )],
    properties: &[],
    children: &[],
};

const LEASE_TIME: NodeSchema = NodeSchema {
    name: "lease-time",
    doc: "How long a lease lasts; the default is ten minutes.",
    arguments: &[argument(
        "a duration",
        Kind::Duration,
        "From one minute to one year.",
    )],
    properties: &[],
    children: &[],
};

const LEAST_LEASE_TIME: NodeSchema = plain(
    "least-lease-time",
    "The shortest lease that a client may wish for (option 51); the default is one minute. `lease-time` is the longest.",
    &[argument(
        "a duration",
        Kind::Duration,
        "From ten seconds to `lease-time`.",
    )],
);

const BOOT_LEASE_TIME: NodeSchema = plain(
    "boot-lease-time",
    "How long a lease of firmware or a boot loader lasts: of a client that shows an architecture (option 93), the vendor class \
     `PXEClient` or `HTTPClient`, or that it is iPXE. The system that it starts has `lease-time`, also where it goes by the same \
     identifier. The default is `lease-time`. It must do until the system is loaded: firmware seldom renews.",
    &[argument(
        "a duration",
        Kind::Duration,
        "From one minute to `lease-time`.",
    )],
);

const OFFER_TIME: NodeSchema = plain(
    "offer-time",
    "How long an offered address is held for its client; the default is thirty seconds. Once no other address is left, the oldest offer \
     of whoever has most of them gives way to a newcomer: of one circuit of a relay agent, or of all in the subnet that no agent tells a \
     circuit of, where these have more than sixteen, or two more than the newcomer's.",
    &[argument(
        "a duration",
        Kind::Duration,
        "From two seconds to ten minutes.",
    )],
);

const QUARANTINE_TIME: NodeSchema = plain(
    "quarantine-time",
    "How long an address that a client found in use by a stranger (DECLINE) is out of use; the default is one hour. Clients put no \
     more than half of a subnet's dynamic addresses out of use by that: beyond it what was declined first is free again early, \
     as the log says.",
    &[argument(
        "a duration",
        Kind::Duration,
        "From ten seconds to thirty days.",
    )],
);

const DHCP_IMAGE: NodeSchema = NodeSchema {
    name: "image",
    doc: "What clients without an image of their own boot.",
    arguments: &[argument("an image", Kind::Reference, "The image's name.")],
    properties: &[],
    children: &[],
};

const HISTORY_TIME: NodeSchema = plain(
    "history-time",
    "How long it is kept who held which address, for `bedplate ip ADDRESS` and `bedplate ip MAC`; the default is 90 days. A million leases \
     of the past are kept at most. A shorter time forgets at once what is older.",
    &[argument(
        "a duration",
        Kind::Duration,
        "From one day to ten years.",
    )],
);

pub(super) fn read_site_dhcp(node: Node<'_>, sink: &mut Sink<'_>) -> SiteDhcpNode {
    let reader = open(node, &SITE_DHCP, sink);
    SiteDhcpNode {
        history_time: first(&reader, &HISTORY_TIME, sink),
        thresholds: read_thresholds(&reader, sink),
        options: read_options(&reader, sink),
        classes: read_classes(&reader, sink),
        length: text_length(node),
    }
}

const AUTHORITATIVE: NodeSchema = NodeSchema {
    name: "authoritative",
    doc: "Whether clients that come up with an address nobody here knows of are refused it, the default; else another server may know \
          them, and they get no answer.",
    arguments: &[argument("a flag", Kind::Flag, "`#true` or `#false`.")],
    properties: &[],
    children: &[],
};

const IDENTITY: NodeSchema = NodeSchema {
    name: "identity",
    doc: "What a client's leases are kept under: its client identifier, where it sends one, the default; or its MAC, so that firmware, \
          boot loader and system have one address though each calls itself differently.",
    arguments: &[argument(
        "a kind",
        Kind::Words(CLIENT_IDENTITIES),
        "`client-id` or `mac`.",
    )],
    properties: &[],
    children: &[],
};

const PROXY: NodeSchema = NodeSchema {
    name: "proxy",
    doc: "Whether another server gives the addresses (proxyDHCP): then firmware alone is answered, with what to boot, and nobody gets a lease \
          from here.",
    arguments: &[argument(
        "a flag",
        Kind::Flag,
        "`#true` or `#false`, the default.",
    )],
    properties: &[],
    children: &[],
};

const PROBE: NodeSchema = NodeSchema {
    name: "probe",
    doc: "Which addresses are looked for on the network before they are offered, by ARP or, behind a relay agent, by ICMP echo. An offer waits \
          300 ms for that, unless the client had the address before. One that somebody answers for is quarantined, and another offered.",
    arguments: &[argument(
        "which",
        Kind::Words(CONFLICT_PROBES),
        "`off`, the default; `dynamic` for those of dynamic ranges; `all` for reserved ones too.",
    )],
    properties: &[],
    children: &[],
};

const UNKNOWN: NodeSchema = plain(
    "unknown-clients",
    "What becomes of clients that the site does not know here: whom nothing is reserved for, and who are no interface of a machine that \
     is declared to be in this VLAN. They are allowed, the default; held, unanswered until the site names them, and listed by `bedplate \
     why` and `bedplate events`; or denied, unanswered and counted. Leases in force are not renewed then.",
    &[argument(
        "a word",
        Kind::Words(UNKNOWN_CLIENTS),
        "`allow`, `hold` or `deny`.",
    )],
);

pub(super) fn read_dhcp(node: Node<'_>, sink: &mut Sink<'_>) -> DhcpNode {
    let reader = open(node, &DHCP, sink);
    let named = reader.child(CONTROLLERS.name);
    let controllers = named.map_or_else(Vec::new, |node| {
        open(node, &CONTROLLERS, sink).arguments(0, sink)
    });
    DhcpNode {
        is_partial: reader.is_partial() || (named.is_some() && controllers.is_empty()),
        controllers,
        relay_to: first(&reader, &RELAY_TO, sink),
        lease_time: first(&reader, &LEASE_TIME, sink),
        least_lease_time: first(&reader, &LEAST_LEASE_TIME, sink),
        boot_lease_time: first(&reader, &BOOT_LEASE_TIME, sink),
        offer_time: first(&reader, &OFFER_TIME, sink),
        quarantine_time: first(&reader, &QUARANTINE_TIME, sink),
        image: first(&reader, &DHCP_IMAGE, sink),
        authoritative: flag(&reader, &AUTHORITATIVE, sink),
        identity: known(word(&reader, &IDENTITY, sink)),
        proxy: flag(&reader, &PROXY, sink),
        probe: known(word(&reader, &PROBE, sink)),
        unknown_clients: known(word(&reader, &UNKNOWN, sink)),
        bounds: read_bounds(&reader, sink),
        thresholds: read_thresholds(&reader, sink),
        options: read_options(&reader, sink),
        classes: read_classes(&reader, sink),
        length: text_length(node),
        span: reader.span(),
    }
}
