//! Exchanges that are over: what each client asked, and what came of it. Part of the engine, and as pure.
//!
//! What went wrong is kept apart from what went well: on a busy site the latter would push it out within seconds.

use std::borrow::Cow;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::engine::{BatchId, Engine, Packet, Pending};
use super::lease::{Hardware, Lease};
use super::outcome::{Conclusion, Outcome, Refusal, Silence};
use super::ring::Ring;
use super::wire::{Kind, Message, OPTIONS_AT, code, part, suboption};
use crate::base::addr::Prefix;
use crate::base::mac::MacAddr;
use crate::base::name::HostName;
use crate::base::vlan::VlanPath;

/// Exchanges kept of either kind: some megabytes at most.
const KEPT: usize = 8192;

/// Bytes kept of what a client says of itself; the rest tells nobody more.
const SAID_BYTES: usize = 64;

/// A message and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// When it came.
    pub at: u64,
    pub hardware: Hardware,
    /// None where the message could not be read.
    pub kind: Option<Kind>,
    /// The VLAN that the client is in, as far as its message tells.
    pub vlan: Option<Arc<VlanPath>>,
    /// The subnet of the scope that it was taken to.
    pub scope: Option<Prefix>,
    /// An address of ours on the link that it came by.
    pub listener: Option<Ipv4Addr>,
    /// Where the relay agent is; unspecified without one (giaddr).
    pub relay: Ipv4Addr,
    /// The address that the client has already (ciaddr).
    pub has: Ipv4Addr,
    pub said: Said,
    /// Whether the answer lacks the option 82 that came with it, for want of room (RFC 3046 2.2).
    pub is_unechoed: bool,
    /// What was free for it and turned out to be in use, in this order; then another address was looked for.
    pub in_use: Vec<InUse>,
    pub outcome: Outcome,
}

/// The options that may have mattered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// Option 50.
    pub requested: Option<Ipv4Addr>,
    /// Option 54.
    pub server: Option<Ipv4Addr>,
    /// The subnet that the relay agent names (RFC 3527, RFC 3011).
    pub subnet: Option<Ipv4Addr>,
    pub client_id: Option<Box<[u8]>>,
    /// The circuit that the relay agent saw it on (RFC 3046 3.1).
    pub circuit: Option<Box<[u8]>>,
    pub vendor_class: Option<Box<[u8]>>,
    /// Option 97, of firmware.
    pub machine_id: Option<Box<[u8]>>,
}

/// An address that was looked for before it was offered, and who answered for it, where that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InUse {
    pub address: Ipv4Addr,
    pub by: Option<MacAddr>,
}

/// What is reserved for a client somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserved {
    pub vlan: Arc<VlanPath>,
    pub host: HostName,
    pub addresses: Vec<Ipv4Addr>,
    /// Which of them it has not, and why.
    pub obstacles: Vec<Obstacle>,
}

/// Why a client has not what is reserved for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    pub address: Ipv4Addr,
    pub why: Refusal,
    /// Until when, where that is known.
    pub until: Option<u64>,
    /// Whether that ends as soon as the client asks: it is the machine that the other has the address as.
    pub gives_way: bool,
}

/// Exchanges that are over.
#[derive(Debug)]
pub(super) struct Exchanges {
    /// How many there were; the number of the next.
    next: u64,
    good: Ring<(u64, Exchange)>,
    bad: Ring<(u64, Exchange)>,
}

impl Default for Exchanges {
    fn default() -> Self {
        Self {
            next: 0,
            good: Ring::new(KEPT),
            bad: Ring::new(KEPT),
        }
    }
}

impl Exchanges {
    fn push(&mut self, exchange: Exchange) {
        let ring = if exchange.outcome.is_good() {
            &mut self.good
        } else {
            &mut self.bad
        };
        ring.push((self.next, exchange));
        self.next += 1;
    }

    /// The last `most` of a client, in their order.
    fn of(&self, mac: MacAddr, most: usize) -> Vec<Exchange> {
        let own = |(_, exchange): &&(u64, Exchange)| exchange.hardware.mac() == Some(mac);
        let last = |ring: &Ring<(u64, Exchange)>| {
            let own = ring.iter().rev().filter(own).take(most);
            own.cloned().collect::<Vec<_>>()
        };
        let mut found = last(&self.good);
        found.extend(last(&self.bad));
        found.sort_by_key(|(number, _)| *number);
        let rest = found.split_off(found.len().saturating_sub(most));
        rest.into_iter().map(|(_, exchange)| exchange).collect()
    }
}

impl Exchange {
    /// What is known of a message before it is looked at.
    pub(super) fn begun(now: u64, message: &Message<'_>, packet: Packet<'_>) -> Self {
        let options = &message.options;
        let short = |value: Cow<'_, [u8]>| Box::from(value.get(..SAID_BYTES).unwrap_or(&value));
        let subnet = options.relay_address(suboption::LINK_SELECTION);
        let agent = message.agent();
        let circuit = agent.map(|agent| agent.circuit);
        Self {
            kind: Some(message.kind),
            relay: message.giaddr,
            has: message.ciaddr,
            said: Said {
                requested: options.address(code::REQUESTED_ADDRESS),
                server: options.address(code::SERVER_ID),
                subnet: subnet.or_else(|| options.address(code::SUBNET_SELECTION)),
                client_id: options.get(code::CLIENT_ID).map(short),
                circuit: circuit.filter(|circuit| !circuit.is_empty()),
                vendor_class: options.get(code::VENDOR_CLASS).map(short),
                machine_id: options.get(code::MACHINE_ID).map(short),
            },
            ..Self::blank(now, message.hardware, packet)
        }
    }

    /// Of a message that waited for a probe, and is one with what it was then.
    pub(super) fn resumed(self, earlier: Option<Self>) -> Self {
        match earlier {
            Some(Self { at, in_use, .. }) => Self { at, in_use, ..self },
            None => self,
        }
    }

    /// Of a message that is not looked at.
    pub(super) fn outlined(now: u64, message: &Message<'_>, packet: Packet<'_>) -> Self {
        Self {
            kind: Some(message.kind),
            relay: message.giaddr,
            has: message.ciaddr,
            ..Self::blank(now, message.hardware, packet)
        }
    }

    /// Of a datagram that is no message: its client, where it is long enough to name one.
    pub(super) fn unread(now: u64, packet: Packet<'_>) -> Option<Self> {
        let mut fixed = [0; OPTIONS_AT];
        let length = packet.bytes.len().min(OPTIONS_AT);
        let (into, from) = (fixed.get_mut(..length)?, packet.bytes.get(..length)?);
        into.copy_from_slice(from);
        let [_, kind, length, ..] = fixed;
        let hardware = Hardware::new(kind, length, part(&fixed, 28))?;
        let giaddr = part::<4>(&fixed, 24).into();
        let has = part::<4>(&fixed, 12).into();
        hardware.mac().is_some().then(|| Self {
            relay: giaddr,
            has,
            ..Self::blank(now, hardware, packet)
        })
    }

    fn blank(at: u64, hardware: Hardware, packet: Packet<'_>) -> Self {
        Self {
            at,
            hardware,
            kind: None,
            vlan: None,
            scope: None,
            listener: packet.via.first().copied(),
            relay: Ipv4Addr::UNSPECIFIED,
            has: Ipv4Addr::UNSPECIFIED,
            said: Said::default(),
            is_unechoed: false,
            in_use: Vec::new(),
            outcome: Outcome::Informed { boot: None },
        }
    }
}

impl Engine {
    /// The last exchanges of a client, in their order.
    pub fn exchanges(&self, mac: MacAddr, most: usize) -> Vec<Exchange> {
        self.exchanges.of(mac, most)
    }

    /// Counts what came of a message.
    pub(super) fn tally(&mut self, exchange: &Exchange, outcome: &Outcome) {
        self.counters.count(outcome);
        if let (Some(scope), Some(kind)) = (exchange.scope, exchange.kind) {
            self.scopes.entry(scope).or_default().count(kind, outcome);
        }
    }

    /// Keeps what came of a message, at once or once its write has ended.
    pub(super) fn conclude(&mut self, mut exchange: Exchange, conclusion: Conclusion) {
        match conclusion {
            Conclusion::Now(outcome) => {
                self.tally(&exchange, &outcome);
                exchange.outcome = outcome;
                self.exchanges.push(exchange);
            }
            Conclusion::AtEnd(batch) => self.await_end(batch, exchange),
            Conclusion::Probed(address) => self.await_probe(address, exchange),
        }
    }

    /// Keeps a message until the write that it led to has ended.
    fn await_end(&mut self, batch: BatchId, exchange: Exchange) {
        if let Some(pending) = self.pending.get_mut(batch.number()) {
            pending.exchange = Some(exchange);
        }
    }

    /// Keeps what came of a message whose write has ended, and whether its answer lacks option 82.
    pub(super) fn concluded(
        &mut self,
        exchange: Option<Exchange>,
        (outcome, is_unechoed): (Outcome, bool),
    ) {
        if let Some(exchange) = exchange {
            let exchange = Exchange {
                is_unechoed,
                ..exchange
            };
            self.conclude(exchange, outcome.into());
        }
    }

    /// The same where the write leads to nothing: the client may have been answered before. What was to be written is given back.
    pub(super) fn concluded_unwritten(&mut self, pending: Pending, silence: Silence) -> Lease {
        let Pending {
            lease,
            reply,
            told,
            exchange,
            ..
        } = pending;
        let (address, is_unechoed) = (lease.address, reply.unechoed.is_some());
        let boot = reply.boot;
        let came = match told {
            Some(_) => (Outcome::Acknowledged { address, boot }, is_unechoed),
            None => (Outcome::Unanswered(silence), false),
        };
        self.concluded(exchange, came);
        lease
    }
}
