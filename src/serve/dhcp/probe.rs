//! Whether somebody uses an address already, asked before it is offered (RFC 2131 2.2, 4.3.1): the DISCOVER waits for that alone, and
//! is looked at anew once it is known. Part of the engine, and as pure.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::ask::Ask;
use super::config::Served;
use super::ending::Becomes;
use super::engine::{Action, Engine, Packet};
use super::exchange::{Exchange, InUse};
use super::lease::{ClientKey, LeaseState};
use super::outcome::{Outcome, Silence};
use super::wire::Message;
use crate::base::mac::MacAddr;
use crate::base::probe::ConflictProbe;

/// Addresses asked for at once; beyond that they are offered unasked. Each keeps a message, so that all are two megabytes at most.
const AT_ONCE: usize = 1024;

/// Addresses of one DISCOVER that may be in use before it goes unanswered: the client asks again by itself.
const TRIES: usize = 4;

/// An address that is to be looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    pub address: Ipv4Addr,
    /// A listener of the link that the client's message came by.
    pub via: Ipv4Addr,
    pub way: ProbeWay,
}

/// How an address is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeWay {
    /// By ARP, on the client's own link (RFC 5227 2.1.1).
    Arp,
    /// By ICMP echo, behind a relay agent.
    Echo,
}

/// A DISCOVER that waits until it is known whether its address is in use.
#[derive(Debug)]
struct Waiting {
    bytes: Box<[u8]>,
    from: SocketAddrV4,
    via: Box<[Ipv4Addr]>,
    client: ClientKey,
    mac: Option<MacAddr>,
    /// The message, once that was looked at, with what was found in use before.
    exchange: Option<Exchange>,
}

/// The addresses that are asked for now.
#[derive(Debug, Default)]
pub(super) struct Probes(BTreeMap<Ipv4Addr, Waiting>);

impl Engine {
    /// Has `address` looked for before it is offered, or lets this message wait with one that did; false where it is to be offered at
    /// once.
    pub(super) fn probes_first(
        &mut self,
        ask: &Ask<'_>,
        served: &Served,
        address: Ipv4Addr,
        out: &mut Vec<Action>,
    ) -> bool {
        let policy = served.scope.policy.probe;
        if policy == ConflictProbe::Off && self.probes.0.is_empty() {
            return false;
        }
        let earlier = self.probes.0.remove(&address);
        let is_new = earlier.is_none();
        if is_new && (!self.is_to_probe(ask, policy, address) || !self.has_room()) {
            return false;
        }
        // Who asks again is answered once, and as it asked last.
        if let Some(exchange) = earlier.and_then(|earlier| earlier.exchange) {
            self.conclude(exchange, Silence::Probing.into());
        }
        self.hold_offer(ask, served, address);
        let waiting = Waiting {
            bytes: ask.packet.bytes.into(),
            from: ask.packet.from,
            via: ask.packet.via.into(),
            client: ask.asker.client.clone(),
            mac: ask.asker.hardware.mac(),
            exchange: None,
        };
        self.probes.0.insert(address, waiting);
        if is_new {
            let is_local = ask.message.giaddr.is_unspecified();
            out.push(Action::Probe(Probe {
                address,
                via: ask.via(served),
                way: if is_local {
                    ProbeWay::Arp
                } else {
                    ProbeWay::Echo
                },
            }));
        }
        true
    }

    /// Whether `address` is one to look for. One that the client had, or was offered a moment ago, is its own: it may answer itself.
    fn is_to_probe(&self, ask: &Ask<'_>, policy: ConflictProbe, address: Ipv4Addr) -> bool {
        let is_kind = match policy {
            ConflictProbe::Off => false,
            ConflictProbe::Dynamic => !ask.asker.owns(ask.config, address),
            ConflictProbe::All => true,
        };
        let record = self.table.get(address);
        let record = record.filter(|record| ask.asker.holds(ask.config, record));
        let is_known = record.is_some_and(|record| match record.lease.state {
            LeaseState::Active | LeaseState::Offered => true,
            LeaseState::Idle => record.lease.expires != 0 && !record.lease.was_quarantined(),
            LeaseState::Declined => false,
        });
        is_kind && !is_known
    }

    fn has_room(&mut self) -> bool {
        let has_room = self.probes.0.len() < AT_ONCE;
        self.counters.unprobed += u64::from(!has_room);
        has_room
    }

    /// Keeps a message until its address was looked for.
    pub(super) fn await_probe(&mut self, address: Ipv4Addr, exchange: Exchange) {
        if let Some(waiting) = self.probes.0.get_mut(&address) {
            waiting.exchange = Some(exchange);
        }
    }

    /// Nobody has answered for `address` in time.
    pub(super) fn unanswered(&mut self, now: u64, address: Ipv4Addr, out: &mut Vec<Action>) {
        if let Some(waiting) = self.probed(address) {
            self.look_again(now, waiting, out);
        }
    }

    /// Somebody answered for `address`; who, where the link tells.
    pub(super) fn answered(
        &mut self,
        now: u64,
        (address, by): (Ipv4Addr, Option<MacAddr>),
        out: &mut Vec<Action>,
    ) {
        let Some(mut waiting) = self.probed(address) else {
            return;
        };
        // A client that has the address already may well be offered it.
        if by.is_some() && by == waiting.mac {
            return self.look_again(now, waiting, out);
        }
        self.counters.conflicts += 1;
        let served = self.config.scope_of(address);
        let policy = served.map(|served| served.scope.policy).unwrap_or_default();
        let until = now + u64::from(policy.quarantine_time.0);
        let ended = self.end(address, Becomes::Found { until, by }, now, out);
        if let Some((lease, _)) = ended {
            self.tell_conflict(now, (lease, by), out);
        }
        let Some(mut exchange) = waiting.exchange.take() else {
            return;
        };
        if exchange.in_use.len() + 1 >= TRIES {
            return self.conclude(exchange, Silence::InUse { address, by }.into());
        }
        exchange.in_use.push(InUse { address, by });
        waiting.exchange = Some(exchange);
        self.look_again(now, waiting, out);
    }

    /// Whose probe has ended, if that still waits for it: meanwhile the client may have gone on otherwise.
    fn probed(&mut self, address: Ipv4Addr) -> Option<Waiting> {
        let mut waiting = self.probes.0.remove(&address)?;
        let record = self.table.get(address);
        let waits = record.is_some_and(|record| {
            record.lease.state == LeaseState::Offered
                && record.lease.client == waiting.client
                && record.pending.is_none()
        });
        if waits {
            return Some(waiting);
        }
        if let Some(exchange) = waiting.exchange.take() {
            let outcome = Outcome::Unanswered(Silence::Probing);
            self.conclude(exchange, outcome.into());
        }
        None
    }

    fn look_again(&mut self, now: u64, waiting: Waiting, out: &mut Vec<Action>) {
        let (bytes, from, via) = (&waiting.bytes, waiting.from, &waiting.via);
        let packet = Packet { bytes, from, via };
        // It could be read before.
        if let Ok(message) = Message::read(bytes) {
            self.answer_to(now, &message, (packet, waiting.exchange), out);
        }
    }
}
