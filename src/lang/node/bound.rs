//! What bounds a VLAN's DHCP sets to how much its clients may have and ask: part of `dhcp`.

use super::super::kdl::Node;
use super::super::read::{Reader, Sink};
use super::super::schema::{Kind, NodeSchema};
use super::super::slot::Slot;
use super::{argument, open, plain};

/// The bounds that a VLAN's `dhcp` sets; what it does not say is unbounded.
#[derive(Debug)]
pub struct BoundsNode {
    pub leases_per_circuit: Slot<u32>,
    pub rate_per_client: Slot<u32>,
    pub rate_per_circuit: Slot<u32>,
}

pub(super) const LEASES_PER_CIRCUIT: NodeSchema = plain(
    "leases-per-circuit",
    "How many leases and offers the clients behind one circuit of a relay agent may have together: where its agent says that they are \
     (option 82). There is no bound by default. Further clients there get no address, which `bedplate why` tells; whoever has a lease \
     renews it. What they declined counts until its quarantine ends. Reserved addresses are not counted, and their hosts are always \
     served.",
    &[argument(
        "a number",
        Kind::Integer {
            least: 1,
            most: 1_000_000,
        },
        "Leases and offers.",
    )],
);

pub(super) const RATE_PER_CLIENT: NodeSchema = plain(
    "rate-per-client",
    "How many messages a second one client may send, by its hardware address, on the average; ten seconds' worth may come at once. What \
     exceeds it is dropped, counted, and told by `bedplate why`. There is no bound by default. A machine that boots sends about \
     ten messages.",
    &[argument("a number", RATE, "Messages a second.")],
);

pub(super) const RATE_PER_CIRCUIT: NodeSchema = plain(
    "rate-per-circuit",
    "How many messages a second may come from behind one circuit of a relay agent (option 82), on the average; ten seconds' worth may \
     come at once. What exceeds it is dropped as with `rate-per-client`. There is no bound by default. Whoever makes up hardware \
     addresses is held by this one alone, and on a link without an agent by none: see `unknown-clients`.",
    &[argument("a number", RATE, "Messages a second.")],
);

const RATE: Kind = Kind::Integer {
    least: 1,
    most: 1_000_000,
};

pub(super) fn read_bounds(reader: &Reader<'_>, sink: &mut Sink<'_>) -> BoundsNode {
    BoundsNode {
        leases_per_circuit: number(
            reader.child(LEASES_PER_CIRCUIT.name),
            &LEASES_PER_CIRCUIT,
            sink,
        ),
        rate_per_client: number(reader.child(RATE_PER_CLIENT.name), &RATE_PER_CLIENT, sink),
        rate_per_circuit: number(reader.child(RATE_PER_CIRCUIT.name), &RATE_PER_CIRCUIT, sink),
    }
}

fn number(node: Option<Node<'_>>, schema: &'static NodeSchema, sink: &mut Sink<'_>) -> Slot<u32> {
    node.map_or(Slot::Absent, |node| {
        open(node, schema, sink).number_argument(sink)
    })
}
