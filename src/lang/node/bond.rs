//! `bond`: several ports as one link, with every mode and parameter that the kernel has.

use super::super::kdl::Node;
use super::super::read::Sink;
use super::super::schema::{Child, Kind, NodeSchema, Property};
use super::address::{ADDRESS, PLACED_ADDRESS};
use super::identity::{CIRCUIT_ID, CLIENT_ID, DUID};
use super::link::{BondSetting, LinkNode, LinkShape, MTU_PROPERTY, NAME, VLAN_PROPERTY, link};
use super::protect::PROTECT;
use super::setting::SETTING_NODES;
use super::{any, arguments, join, open, optional, plain, property};
use crate::base::bond::{
    self, AD_SELECTS, ARP_VALIDATES, BOND_MODES, BondParameter, FAIL_OVER_MACS, LACP_RATES,
    PRIMARY_RESELECTS, TRANSMIT_HASHES,
};
use crate::diag::span::Spanned;
use crate::lang::schema::Argument;

const LACP_RATE: NodeSchema = plain(
    "lacp-rate",
    "How often the partner is asked to send LACPDUs.",
    &[value(Kind::Words(LACP_RATES))],
);
const TRANSMIT_HASH: NodeSchema = plain(
    "transmit-hash",
    "What of a frame chooses the port that it leaves through.",
    &[value(Kind::Words(TRANSMIT_HASHES))],
);
const MII_INTERVAL: NodeSchema = plain(
    "mii-interval",
    "How often the carrier of each port is looked at; the default is 100ms.",
    &[value(Kind::Milliseconds)],
);
const UP_DELAY: NodeSchema = plain(
    "up-delay",
    "How long a port must have carrier before it is used.",
    &[value(Kind::Milliseconds)],
);
const DOWN_DELAY: NodeSchema = plain(
    "down-delay",
    "How long a port may lack carrier before it is given up.",
    &[value(Kind::Milliseconds)],
);
const PEER_NOTIFY_DELAY: NodeSchema = plain(
    "peer-notify-delay",
    "Time between two announcements of a change.",
    &[value(Kind::Milliseconds)],
);
const PRIMARY: NodeSchema = plain(
    "primary",
    "The port that is used while it has carrier.",
    &[value(Kind::LinkName)],
);
const PRIMARY_RESELECT: NodeSchema = plain(
    "primary-reselect",
    "When the primary port is gone back to.",
    &[value(Kind::Words(PRIMARY_RESELECTS))],
);
const FAIL_OVER_MAC: NodeSchema = plain(
    "fail-over-mac",
    "Whose hardware address the bond has.",
    &[value(Kind::Words(FAIL_OVER_MACS))],
);
const GRATUITOUS_ARP: NodeSchema = plain(
    "gratuitous-arp",
    "How many announcements follow a change of the active port.",
    &[value(Kind::Integer {
        least: 0,
        most: 255,
    })],
);
const ARP_INTERVAL: NodeSchema = plain(
    "arp-interval",
    "How often the ARP targets are asked, instead of looking at the carrier.",
    &[value(Kind::Milliseconds)],
);
const ARP_VALIDATE: NodeSchema = plain(
    "arp-validate",
    "Which ARP traffic counts.",
    &[value(Kind::Words(ARP_VALIDATES))],
);
const ARP_ALL_TARGETS: NodeSchema = plain(
    "arp-all-targets",
    "How many targets must answer.",
    &[value(Kind::Words(bond::ARP_ALL_TARGETS))],
);
const MISSED_MAX: NodeSchema = plain(
    "missed-max",
    "How many ARP questions may go unanswered.",
    &[value(Kind::Integer {
        least: 1,
        most: 255,
    })],
);
const MIN_LINKS: NodeSchema = plain(
    "min-links",
    "How many ports need carrier for the bond to have it.",
    &[value(Kind::Integer {
        least: 0,
        most: 65_535,
    })],
);
const AD_SELECT: NodeSchema = plain(
    "ad-select",
    "How an aggregator is chosen.",
    &[value(Kind::Words(AD_SELECTS))],
);
const AD_SYSTEM: NodeSchema = plain(
    "ad-system",
    "The system's hardware address in LACPDUs.",
    &[value(Kind::Mac)],
);
const AD_SYSTEM_PRIORITY: NodeSchema = plain(
    "ad-system-priority",
    "The system's priority in LACPDUs.",
    &[value(Kind::Integer {
        least: 1,
        most: 65_535,
    })],
);
const AD_USER_PORT_KEY: NodeSchema = plain(
    "ad-user-port-key",
    "The upper bits of the port key.",
    &[value(Kind::Integer {
        least: 0,
        most: 1_023,
    })],
);
const LACP_ACTIVE: NodeSchema = plain(
    "lacp-active",
    "Whether LACPDUs are sent without being asked.",
    &[value(Kind::Flag)],
);
const ALL_PORTS_ACTIVE: NodeSchema = plain(
    "all-ports-active",
    "Whether frames on inactive ports are taken.",
    &[value(Kind::Flag)],
);
const PACKETS_PER_PORT: NodeSchema = plain(
    "packets-per-port",
    "How many frames leave through a port before the next; 0 chooses at random.",
    &[value(Kind::Integer {
        least: 0,
        most: 65_535,
    })],
);
const LEARN_PACKET_INTERVAL: NodeSchema = plain(
    "learn-packet-interval",
    "Seconds between learning packets to the switches.",
    &[value(Kind::Integer {
        least: 1,
        most: 2_147_483_647,
    })],
);
const RESEND_IGMP: NodeSchema = plain(
    "resend-igmp",
    "How many membership reports follow a change of the active port.",
    &[value(Kind::Integer {
        least: 0,
        most: 255,
    })],
);
const TLB_DYNAMIC: NodeSchema = plain(
    "tlb-dynamic",
    "Whether load is shared by what each port carries.",
    &[value(Kind::Flag)],
);
const ARP_TARGETS: NodeSchema = plain(
    "arp-targets",
    "Whom to ask by ARP.",
    &[arguments(
        "an address",
        Kind::Ipv4,
        "An IPv4 address; at most sixteen.",
    )],
);

/// Those of one value; `arp-targets` has several.
const PARAMETERS: [&NodeSchema; 25] = [
    &LACP_RATE,
    &TRANSMIT_HASH,
    &MII_INTERVAL,
    &UP_DELAY,
    &DOWN_DELAY,
    &PEER_NOTIFY_DELAY,
    &PRIMARY,
    &PRIMARY_RESELECT,
    &FAIL_OVER_MAC,
    &GRATUITOUS_ARP,
    &ARP_INTERVAL,
    &ARP_VALIDATE,
    &ARP_ALL_TARGETS,
    &MISSED_MAX,
    &MIN_LINKS,
    &AD_SELECT,
    &AD_SYSTEM,
    &AD_SYSTEM_PRIORITY,
    &AD_USER_PORT_KEY,
    &LACP_ACTIVE,
    &ALL_PORTS_ACTIVE,
    &PACKETS_PER_PORT,
    &LEARN_PACKET_INTERVAL,
    &RESEND_IGMP,
    &TLB_DYNAMIC,
];

pub(super) const BOND: NodeSchema = NodeSchema {
    name: "bond",
    doc: "Several physical links of the same host as one.",
    arguments: &[NAME],
    properties: &[
        MODE,
        VLAN_PROPERTY,
        MTU_PROPERTY,
        MAC,
        CLIENT_ID,
        CIRCUIT_ID,
        DUID,
    ],
    children: &CHILDREN,
};

const MODE: Property = property(
    "mode",
    Kind::Words(&BOND_MODES),
    "How the ports are shared.",
);

const MAC: Property = property(
    "mac",
    Kind::Mac,
    "The bond's hardware address; the default is its first port's.",
);

/// On a controller.
pub(super) const CONTROLLER_BOND: NodeSchema = NodeSchema {
    properties: &[MODE, VLAN_PROPERTY, MTU_PROPERTY, MAC],
    children: &CONTROLLER_CHILDREN,
    ..BOND
};

const CHILDREN: [Child; PARTS.len() + 1] = join(&PARTS, &[any(&ADDRESS)]);
const OWN: [Child; PARTS.len() + 1] = join(&PARTS, &[any(&PLACED_ADDRESS)]);
const CONTROLLER_CHILDREN: [Child; OWN.len() + SETTING_NODES.len()] = join(&OWN, &SETTING_NODES);

const PARTS: [Child; 28] = [
    optional(&PORTS),
    optional(&LACP_RATE),
    optional(&TRANSMIT_HASH),
    optional(&MII_INTERVAL),
    optional(&UP_DELAY),
    optional(&DOWN_DELAY),
    optional(&PEER_NOTIFY_DELAY),
    optional(&PRIMARY),
    optional(&PRIMARY_RESELECT),
    optional(&FAIL_OVER_MAC),
    optional(&GRATUITOUS_ARP),
    optional(&ARP_INTERVAL),
    optional(&ARP_VALIDATE),
    optional(&ARP_ALL_TARGETS),
    optional(&MISSED_MAX),
    optional(&MIN_LINKS),
    optional(&AD_SELECT),
    optional(&AD_SYSTEM),
    optional(&AD_SYSTEM_PRIORITY),
    optional(&AD_USER_PORT_KEY),
    optional(&LACP_ACTIVE),
    optional(&ALL_PORTS_ACTIVE),
    optional(&PACKETS_PER_PORT),
    optional(&LEARN_PACKET_INTERVAL),
    optional(&RESEND_IGMP),
    optional(&TLB_DYNAMIC),
    optional(&ARP_TARGETS),
    optional(&PROTECT),
];

const PORTS: NodeSchema = NodeSchema {
    name: "ports",
    doc: "The links that the bond is made of.",
    arguments: &[arguments(
        "a link",
        Kind::LinkName,
        "A physical link of the same host, without addresses and VLAN of its own.",
    )],
    properties: &[],
    children: &[],
};

const fn value(kind: Kind) -> Argument {
    super::argument("a value", kind, "Its value.")
}

pub(super) fn read(
    node: Node<'_>,
    schema: &'static NodeSchema,
    sink: &mut Sink<'_>,
) -> Option<LinkNode> {
    let reader = open(node, schema, sink);
    let ports = reader.child("ports").map_or_else(Vec::new, |ports| {
        open(ports, &PORTS, sink).arguments(0, sink)
    });
    let mut parameters: Vec<BondSetting> = PARAMETERS
        .iter()
        .filter_map(|schema| {
            let node = reader.child(schema.name)?;
            Some(BondSetting {
                name: Spanned::new(BondParameter::named(schema.name)?, node.name().span),
                value: open(node, schema, sink).word_argument(sink),
            })
        })
        .collect();
    parameters.extend(reader.child(ARP_TARGETS.name).map(|node| {
        let targets = open(node, &ARP_TARGETS, sink).arguments::<std::net::Ipv4Addr>(0, sink);
        let words: Vec<String> = targets.iter().map(|one| one.value.to_string()).collect();
        BondSetting {
            name: Spanned::new(BondParameter::ArpTargets, node.name().span),
            value: crate::lang::Slot::Given(Spanned::new(words.join(","), node.head())),
        }
    }));
    let mode = reader.property("mode", sink);
    let shape = LinkShape::Bond {
        mode,
        ports,
        parameters,
    };
    link(&reader, shape, sink)
}
