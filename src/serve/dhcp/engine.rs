//! The DHCP engine: packets, ticks, configurations and commits in; leases to write, names and replies out.
//!
//! Pure: no socket, no clock, no store. What a client is told of a lease leaves only with [`Input::Committed`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::num::NonZeroU64;
use std::sync::Arc;

use super::admit::WaitingClients;
use super::allocate::{Asker, Cursor};
use super::config::Config;
use super::counters::{Counters, ScopeCounters};
use super::event::Event;
use super::exchange::{Exchange, Exchanges};
use super::lease::{Hardware, Lease, LeaseState};
use super::names::{NameChange, Names};
use super::outcome::{Malformed, Outcome, Silence};
use super::pace::Paces;
use super::probe::{Probe, Probes};
use super::queue::Queue;
use super::rate::Rates;
use super::renewal::{Renewals, goes_on};
use super::reply::Reply;
use super::strain::{Rest, Strain};
use super::table::Table;
use super::wire::Message;
use crate::base::addr::Prefix;
use crate::base::mac::MacAddr;
use crate::base::vlan::VlanPath;

/// Writes that may be under way: many times what one sync takes, and little memory.
const PENDING: usize = 16_384;

/// Names one write, so that its end can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(NonZeroU64);

impl BatchId {
    pub(super) fn number(self) -> u64 {
        self.0.get()
    }
}

/// A datagram as it came.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    pub bytes: &'a [u8],
    pub from: SocketAddrV4,
    /// The addresses that listen on the link that it came to.
    pub via: &'a [Ipv4Addr],
}

/// What happens to the engine.
#[derive(Debug)]
pub enum Input<'a> {
    Packet(Packet<'a>),
    /// The same to the boot server's port (PXE 2.1 2.2.5).
    BootServer(Packet<'a>),
    /// Time has passed: ends some of the leases, offers and quarantines that are due; [`Engine::is_behind`] tells of more.
    Tick,
    Config(Arc<Config>),
    /// A write is durable.
    Committed(BatchId),
    /// A write did not happen.
    Failed(BatchId),
    /// The trial of the store that [`Engine::begin_trial`] began has ended, well or not.
    Tried(bool),
    /// Somebody has an address that was asked for; who, where that is known.
    Answered {
        address: Ipv4Addr,
        by: Option<MacAddr>,
    },
    /// Nobody has an address that was asked for, as far as can be heard.
    Unanswered(Ipv4Addr),
}

/// What the engine wants done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Write the lease under its address, and tell of the end by [`Input::Committed`] or [`Input::Failed`].
    Persist {
        batch: BatchId,
        lease: Lease,
    },
    /// Done once the name resolves, or does no longer.
    Publish(NameChange),
    Send(Reply),
    Event(Event),
    /// Ask who has the address, and tell once by [`Input::Answered`] or within a moment by [`Input::Unanswered`].
    Probe(Probe),
}

/// An answer that waits for its write.
pub(super) struct Pending {
    pub lease: Lease,
    pub reply: Reply,
    pub began: u64,
    /// What the client is told where the write takes too long.
    rest: Option<Rest>,
    /// Until when it was told so.
    pub told: Option<u64>,
    /// The message that began it, once that was looked at.
    pub exchange: Option<Exchange>,
    /// Which configuration it was decided by.
    decided: u64,
}

impl Pending {
    /// What the client is told instead, to be told at once.
    pub(super) fn take_rest(&mut self) -> Option<Rest> {
        let rest = self.rest.take()?;
        self.told = self.told.max(Some(rest.expires));
        Some(rest)
    }
}

/// All that the DHCP server knows and decides.
#[derive(Default)]
pub struct Engine {
    pub(super) config: Arc<Config>,
    pub(super) table: Table,
    pub(super) names: Names,
    pub(super) cursors: BTreeMap<Prefix, Cursor>,
    pub(super) counters: Counters,
    /// By the subnets of the scopes.
    pub(super) scopes: BTreeMap<Prefix, ScopeCounters>,
    pub(super) exchanges: Exchanges,
    /// VLANs that have no address left, which was told.
    pub(super) exhausted: BTreeSet<Arc<VlanPath>>,
    /// Clients that are held; a new configuration may name them.
    pub(super) waiting: WaitingClients,
    /// What strangers can have told.
    pub(super) paces: Paces,
    pub(super) renewals: Renewals,
    pub(super) strain: Strain,
    pub(super) probes: Probes,
    pub(super) rates: Rates,
    /// In the order in which they began.
    pub(super) pending: Queue<Pending>,
    batches: u64,
    /// How many configurations there were.
    configured: u64,
}

impl Engine {
    /// `now` is in seconds that never go back; across restarts they are the wall clock's, since leases outlive the server.
    pub fn handle(&mut self, now: u64, input: Input<'_>, out: &mut Vec<Action>) {
        let before = out.len();
        match input {
            Input::Packet(packet) => {
                if let Some(message) = self.read(now, packet) {
                    self.answer(now, &message, packet, out);
                }
            }
            Input::BootServer(packet) => {
                if let Some(message) = self.read(now, packet) {
                    self.boot_server(now, &message, packet, out);
                }
            }
            Input::Tick => {
                self.expire(now, out);
                self.hurry(now, out);
                self.look(now, out);
                self.tell_untold(now, out);
                self.tell_renewed_since(now, out);
            }
            Input::Config(config) => self.reconfigure(config),
            Input::Committed(batch) => {
                self.commit(now, batch, out);
                self.look(now, out);
            }
            Input::Failed(batch) => {
                self.strain.failed();
                self.fail(now, batch, out);
                self.look(now, out);
            }
            Input::Tried(is_ok) => {
                self.strain.tried(now, is_ok);
                self.look(now, out);
            }
            Input::Answered { address, by } => self.answered(now, (address, by), out),
            Input::Unanswered(address) => self.unanswered(now, address, out),
        }
        self.tell_usage(out);
        self.count_unechoed(out.get(before..).unwrap_or_default());
    }

    /// What is served now.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// What was asked in each scope and what came of it, by the scopes' subnets.
    pub fn scopes(&self) -> &BTreeMap<Prefix, ScopeCounters> {
        &self.scopes
    }

    /// Leases in the order of their addresses, as they stand at `now`: the first `most` of those from `first` on. Idle ones are
    /// among them, for their former clients.
    pub fn leases(&self, now: u64, first: Ipv4Addr, most: usize) -> Vec<Lease> {
        let records = self.table.from(first).take(most);
        records.map(|record| record.at(now)).collect()
    }

    /// The leases of a hardware address as they stand at `now`, in the order of their addresses; idle ones too.
    pub fn leases_of(&self, now: u64, hardware: Hardware) -> Vec<Lease> {
        let records = self.table.of_hardware(hardware);
        records.map(|record| record.at(now)).collect()
    }

    /// How many leases are in force; those that were a moment ago are among them.
    pub fn leased(&self) -> usize {
        self.table.leased()
    }

    fn read<'p>(&mut self, now: u64, packet: Packet<'p>) -> Option<Message<'p>> {
        self.counters.received += 1;
        match Message::read(packet.bytes) {
            Ok(message) => Some(message),
            Err(error) => {
                let silence = Silence::Malformed(Malformed(error));
                match Exchange::unread(now, packet) {
                    Some(exchange) => self.conclude(exchange, silence.into()),
                    None => self.counters.count(&Outcome::Unanswered(silence)),
                }
                None
            }
        }
    }

    fn reconfigure(&mut self, config: Arc<Config>) {
        self.table.set_subnets(config.subnets());
        self.table.set_pools(&config);
        self.rates.set(&config);
        for cursor in self.cursors.values_mut() {
            cursor.may_rewind = true;
        }
        self.exhausted.clear();
        self.waiting.clear();
        self.paces = Paces::default();
        self.configured += 1;
        self.scopes
            .retain(|subnet, _| config.scopes().any(|served| served.subnet == *subnet));
        self.config = config;
    }

    pub(super) fn next_batch(&mut self) -> BatchId {
        self.batches += 1;
        BatchId(NonZeroU64::MIN.saturating_add(self.batches))
    }

    pub(super) fn is_full(&self) -> bool {
        self.pending.len() >= PENDING
    }

    /// Keeps `reply` until `lease` is durable; `rest` is told where that does not come about. Whoever else waits for the address is not
    /// answered any more: this is what the disk will say.
    pub(super) fn persist(
        &mut self,
        now: u64,
        lease: Lease,
        (reply, rest): (Reply, Option<Rest>),
        out: &mut Vec<Action>,
    ) -> BatchId {
        let record = self.table.get(lease.address);
        if let Some(earlier) = record.and_then(|record| record.pending) {
            self.abandon(earlier);
        }
        let batch = self.next_batch();
        self.table.set_pending(lease.address, Some(batch));
        out.push(Action::Persist {
            batch,
            lease: lease.clone(),
        });
        let pending = Pending {
            lease,
            reply,
            began: now,
            rest,
            told: None,
            exchange: None,
            decided: self.configured,
        };
        self.pending.push(batch.number(), pending);
        self.hurry_one(batch, now, out);
        batch
    }

    /// The write under way that would lease `address` to `asker`, as it calls itself; a reserved host may go by another identifier.
    pub(super) fn under_way_for(&self, asker: &Asker, address: Ipv4Addr) -> Option<BatchId> {
        let batch = self.table.get(address)?.pending?;
        let pending = self.pending.get(batch.number())?;
        (pending.lease.client == asker.client).then_some(batch)
    }

    /// Puts a later answer for the same lease in the place of the one that waits, where the write under way covers it.
    pub(super) fn coalesce(
        &mut self,
        (batch, now): (BatchId, u64),
        expires: u64,
        (reply, rest): (Reply, Option<Rest>),
        out: &mut Vec<Action>,
    ) {
        if let Some(pending) = self.pending.get_mut(batch.number()) {
            if expires <= pending.lease.held_until {
                pending.lease.expires = pending.lease.expires.max(expires);
                pending.reply = reply;
                // Who asks again has not taken what it was told.
                pending.told = None;
            }
            pending.rest = rest;
        }
        self.hurry_one(batch, now, out);
    }

    fn commit(&mut self, now: u64, batch: BatchId, out: &mut Vec<Action>) {
        let Some(pending) = self.pending.remove(batch.number()) else {
            return;
        };
        let Pending {
            lease,
            reply,
            told,
            exchange,
            decided,
            ..
        } = pending;
        let address = lease.address;
        let record = self.table.get(address);
        // A client that released the address meanwhile no longer waits for it.
        let Some(record) = record.filter(|record| record.pending == Some(batch)) else {
            return;
        };
        let (old, new) = (record.lease.name.clone(), lease.name.clone());
        let (is_renewed, begun) = (goes_on(&lease, &record.lease), lease.clone());
        let replaced = replaced(&lease, &record.lease);
        let expires = told.unwrap_or(lease.expires);
        self.table.put(lease);
        self.table.renew(address, expires);
        if old != new {
            self.withdraw(old, address, out);
            out.extend(new.map(|name| Action::Publish(NameChange::Publish { name, address })));
        }
        let boot = reply.boot.clone();
        let outcome = Outcome::Acknowledged { address, boot };
        self.concluded(exchange, (outcome, reply.unechoed.is_some()));
        if told.is_none() {
            out.push(Action::Send(reply));
        }
        out.extend(replaced.map(Action::Event));
        match (told, is_renewed) {
            (Some(_), _) => {}
            (None, true) => self.tell_renewed(now, address, out),
            (None, false) => self.tell_committed(begun, out),
        }
        // What is reserved now may be another's than it was then.
        if decided == self.configured {
            self.leave_others(now, address, out);
        }
    }

    fn fail(&mut self, now: u64, batch: BatchId, out: &mut Vec<Action>) {
        self.counters.unstored += 1;
        let Some(mut pending) = self.pending.remove(batch.number()) else {
            return;
        };
        let rest = pending.take_rest();
        let lease = self.concluded_unwritten(pending, Silence::NotStored);
        let address = lease.address;
        let record = self.table.get(address);
        if record.is_none_or(|record| record.pending != Some(batch)) {
            return;
        }
        self.table.set_pending(address, None);
        self.forgo_name(lease);
        if let Some(rest) = rest {
            self.tell_rest((address, now), rest, out);
        }
    }

    /// Takes back what waits for `batch`, so that nobody is answered upon it; its write happens all the same, and a later one of the
    /// same address must go after it.
    pub(super) fn abandon(&mut self, batch: BatchId) {
        let Some(pending) = self.pending.remove(batch.number()) else {
            return;
        };
        let lease = self.concluded_unwritten(pending, Silence::Overtaken);
        self.forgo_name(lease);
    }

    pub(super) fn withdraw(
        &mut self,
        name: Option<crate::base::name::DomainName>,
        address: Ipv4Addr,
        out: &mut Vec<Action>,
    ) {
        let Some(name) = name else {
            return;
        };
        self.names.release(&name, address);
        out.push(Action::Publish(NameChange::Withdraw { name, address }));
    }
}

/// The lease of another client that this one ends.
fn replaced(lease: &Lease, before: &Lease) -> Option<Event> {
    let is_anothers = before.state == LeaseState::Active && before.client != lease.client;
    let lease = is_anothers.then(|| before.clone())?;
    Some(Event::Replaced { lease })
}
