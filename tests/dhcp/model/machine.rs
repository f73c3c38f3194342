//! The engine with a disk and a clock, obeyed as the worker does: one commit under way, and what waits goes into the next.

use std::collections::BTreeMap;
use std::future::Future;
use std::mem;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bedplate::base::name::DomainName;
use bedplate::serve::dhcp::{
    Action, BatchId, Config, Engine, Event, Input, Lease, LeaseState, NameChange, PREFIX, Packet,
    Release, Reply,
};
use bedplate::store::{Batch, Faulty, Store, StoreError, Write};
use dhcproto::v4::{DhcpOption, MessageType, OptionCode};
use proptest::prelude::*;

use super::judge::{Asked, FOR_EVER, Heard, Judge, Who, written};
use super::layout::Layout;
use super::{Kind, Route, Said, Step, Target};
use crate::support::{SERVER, read};

type Commit = Pin<Box<dyn Future<Output = Result<(), StoreError>>>>;

/// How the disk takes writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disk {
    Well,
    Stalled,
    Full,
}

/// Seconds of a lease that are left to a client whose renewal cannot be written.
const LEFT: u64 = 10;

pub(super) struct Machine {
    engine: Engine,
    store: Arc<Faulty>,
    waiting: Vec<(BatchId, Lease)>,
    commit: Option<(Commit, Vec<(BatchId, Lease)>)>,
    now: u64,
    layout: Layout,
    judge: Judge,
    /// Messages by their transaction; each has its own.
    asked: Vec<Asked>,
    answered: usize,
    names: BTreeMap<DomainName, Ipv4Addr>,
    disk: Disk,
    /// Addresses that are looked for, until the next step.
    probes: Vec<Ipv4Addr>,
    fault: Result<(), String>,
}

impl Machine {
    pub(super) fn new() -> Self {
        let mut machine = Self {
            engine: Engine::default(),
            store: Arc::default(),
            waiting: Vec::new(),
            commit: None,
            now: 1_000_000,
            layout: Layout::default(),
            judge: Judge::default(),
            asked: Vec::new(),
            answered: 0,
            names: BTreeMap::new(),
            disk: Disk::Well,
            probes: Vec::new(),
            fault: Ok(()),
        };
        machine.configure();
        machine
    }

    pub(super) fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        self.look();
        match step {
            Step::Say(said) => self.say(said),
            Step::Wait(seconds) => self.now += seconds,
            Step::Tick => self.input(Input::Tick),
            Step::Stall => {
                self.disk = Disk::Stalled;
                self.store.stall();
            }
            Step::Fill => {
                self.disk = Disk::Full;
                self.store.fail(true);
                self.store.release();
            }
            Step::Heal => {
                self.disk = Disk::Well;
                self.store.fail(false);
                self.store.release();
            }
            Step::Crash { written, clock } => self.crash(*written, *clock),
            Step::Swap(layout) => {
                self.layout = layout.clone();
                self.configure();
            }
            Step::Revoke(address) => self.revoke(*address),
        }
        self.write();
        self.try_store();
        self.compare();
        mem::replace(&mut self.fault, Ok(())).map_err(TestCaseError::fail)
    }

    /// Tries whether the disk does well again, where that is due.
    fn try_store(&mut self) {
        let is_well = match self.disk {
            Disk::Well => true,
            Disk::Full => false,
            Disk::Stalled => return,
        };
        if self.engine.begin_trial(self.now).is_some() {
            self.input(Input::Tried(is_well));
        }
    }

    /// Tells whether the addresses that were looked for are used.
    fn look(&mut self) {
        for address in mem::take(&mut self.probes) {
            self.input(match self.layout.is_used(address) {
                true => Input::Answered { address, by: None },
                false => Input::Unanswered(address),
            });
        }
    }

    /// Ends all that is over; then no name is left.
    pub(super) fn run_out(&mut self) -> Result<(), TestCaseError> {
        while self.engine.is_behind(self.now) {
            self.take(&Step::Tick)?;
        }
        let every: Vec<Ipv4Addr> = super::layout::ADDRESSES.into();
        prop_assert_eq!(self.engine.leased(), self.endless(&every), "all is over");
        let over = self.names.values();
        let over = over.filter(|address| self.endless(&[**address]) == 0);
        prop_assert_eq!(over.count(), 0, "names of what is over: {:?}", self.names);
        Ok(())
    }

    /// How many machines from this one on hold something.
    pub(super) fn served_from(&self, first: u8) -> usize {
        let promised = self.judge.promised(self.now).into_iter();
        promised
            .filter(|(_, (machine, _), _)| *machine >= first)
            .count()
    }

    /// How many of these addresses are somebody's for ever.
    pub(super) fn endless(&self, addresses: &[Ipv4Addr]) -> usize {
        let leases = self.engine.leases(self.now, Ipv4Addr::UNSPECIFIED, 100);
        let endless = leases
            .iter()
            .filter(|lease| lease.state == LeaseState::Active && lease.held_until == FOR_EVER);
        endless
            .filter(|lease| addresses.contains(&lease.address))
            .count()
    }

    fn blame(&mut self, words: String) {
        if self.fault.is_ok() {
            self.fault = Err(words);
        }
    }

    fn configure(&mut self) {
        let config = Arc::new(Config::from_state(&self.layout.state()));
        self.input(Input::Config(config));
    }

    fn say(&mut self, said: &Said) {
        let who = self.layout.who(said.client, said.id);
        let known = |map: &BTreeMap<Who, Ipv4Addr>| map.get(&who).copied();
        let about = match said.target {
            Target::Offered => known(&self.judge.offered),
            Target::Granted => known(&self.judge.granted),
            Target::Any(address) => Some(address),
        };
        let about = about.unwrap_or(Ipv4Addr::new(10, 0, 0, 10));
        let number = u32::try_from(self.asked.len()).unwrap();
        let mut ask = written(said, about, number);
        ask.bytes.push(255);
        let asked = Asked {
            who,
            id: said.id,
            kind: said.kind,
            about,
            route: said.route,
            layout: self.layout.clone(),
            at: self.now,
        };
        self.judge.said(&asked, self.now);
        let is_kept = match said.kind {
            Kind::Reboot | Kind::Renew => match self.disk {
                Disk::Well => self.judge.is_kept(&asked, self.now),
                Disk::Full => self.judge.is_kept(&asked, self.now + LEFT),
                Disk::Stalled => false,
            },
            Kind::Discover
            | Kind::Select
            | Kind::Elsewhere
            | Kind::Release
            | Kind::Decline
            | Kind::Inform
            | Kind::Bootp => false,
        };
        self.asked.push(asked);
        let via: &[Ipv4Addr] = match said.route {
            Route::OtherLink => &[Ipv4Addr::new(192, 0, 2, 1)],
            Route::Local | Route::Agent | Route::Annex | Route::Stranger => &[SERVER],
        };
        let (bytes, from, before) = (&ask.bytes[..], ask.from, self.answered);
        self.input(Input::Packet(Packet { bytes, from, via }));
        self.write();
        if is_kept && self.answered == before {
            self.blame("no answer for one who keeps its address".to_owned());
        }
    }

    fn revoke(&mut self, address: Ipv4Addr) {
        let mut actions = Vec::new();
        let revoked = self.engine.revoke(self.now, address, &mut actions);
        if revoked.is_some() {
            self.judge.held.remove(&address);
            self.judge.declined.remove(&address);
        }
        for action in actions {
            self.obey(action);
        }
    }

    fn input(&mut self, input: Input<'_>) {
        let mut actions = Vec::new();
        self.engine.handle(self.now, input, &mut actions);
        for action in actions {
            self.obey(action);
        }
    }

    fn obey(&mut self, action: Action) {
        match action {
            Action::Persist { batch, lease } => {
                let judge = &mut self.judge;
                match lease.state {
                    LeaseState::Active => judge.writes(lease.address, client(&lease), &self.layout),
                    // Half of a range at most is out of use: what comes back early is told by its write.
                    LeaseState::Idle => drop(judge.declined.remove(&lease.address)),
                    LeaseState::Offered | LeaseState::Declined => {}
                }
                self.waiting.push((batch, lease));
            }
            Action::Publish(change) => self.publish(change),
            Action::Send(reply) => {
                self.answered += 1;
                if let Err(words) = self.judge(&reply) {
                    self.blame(words);
                }
            }
            Action::Probe(probe) => self.probes.push(probe.address),
            Action::Event(Event::Released { lease, how }) => {
                let ended = match how {
                    Release::Withdrawn => self.judge.withdrawn(lease.address, &self.layout),
                    Release::Reassigned => {
                        let who = client(&lease);
                        self.judge.reassigned(lease.address, who, &self.layout)
                    }
                    Release::ByClient | Release::ByHand | Release::Moved => {
                        self.judge.ended(lease.address, &self.layout, self.now)
                    }
                };
                if let Err(words) = ended {
                    self.blame(words);
                }
            }
            Action::Event(Event::Declined { lease, .. } | Event::Conflict { lease, .. }) => {
                self.judge.declined.insert(lease.address, lease.held_until);
            }
            Action::Event(
                Event::Committed { .. }
                | Event::Renewed { .. }
                | Event::Expired { .. }
                | Event::Contested { .. }
                | Event::Waiting { .. }
                | Event::Reclaimed { .. }
                | Event::Replaced { .. }
                | Event::Store { .. }
                | Event::Bmc { .. }
                | Event::Threshold { .. }
                | Event::Exhausted { .. },
            ) => {}
        }
    }

    fn publish(&mut self, change: NameChange) {
        match change {
            NameChange::Publish { name, address } => {
                let before = self.names.insert(name.clone(), address);
                if before.is_some_and(|before| before != address) {
                    self.blame(format!("{name} is {before:?} and {address}"));
                }
            }
            NameChange::Withdraw { name, address } => {
                let before = self.names.remove(&name);
                if before != Some(address) {
                    self.blame(format!("{name} was {before:?}, not {address}"));
                }
            }
        }
    }

    /// Writes as far as the disk goes along.
    fn write(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if self.commit.is_none() {
                if self.waiting.is_empty() {
                    self.judge.under_way.clear();
                    return;
                }
                self.begin();
            }
            let Some((commit, _)) = &mut self.commit else {
                return;
            };
            let Poll::Ready(result) = commit.as_mut().poll(&mut context) else {
                return;
            };
            let (_, written) = self.commit.take().unwrap();
            for (batch, _) in written {
                self.input(match result {
                    Ok(()) => Input::Committed(batch),
                    Err(_) => Input::Failed(batch),
                });
            }
        }
    }

    fn begin(&mut self) {
        let waiting = mem::take(&mut self.waiting);
        let put = |(_, lease): &(BatchId, Lease)| Write::Put {
            key: lease.key(),
            value: lease.encode(),
        };
        let writes = waiting.iter().map(put).collect();
        let store = Arc::clone(&self.store);
        let guards = Vec::new();
        let commit = async move { store.commit(Batch { guards, writes }).await };
        self.commit = Some((Box::pin(commit), waiting));
    }

    fn crash(&mut self, written: bool, clock: i64) {
        if written {
            self.store.release();
        }
        self.store.crash();
        (self.commit, self.waiting) = (None, Vec::new());
        self.disk = Disk::Well;
        self.store.fail(false);
        // What is over stays over where the clock was put back.
        let now = self.now;
        self.judge.held.retain(|_, (_, until)| *until > now);
        self.now = now.saturating_add_signed(clock);
        self.names.clear();
        let leases = self.durable();
        // A client that declined asks for nothing; only what was written keeps others from its address.
        let declined = leases
            .iter()
            .filter(|lease| lease.state == LeaseState::Declined);
        self.judge.declined = declined
            .map(|lease| (lease.address, lease.held_until))
            .collect();
        let mut actions = Vec::new();
        self.engine = Engine::restore(leases, self.now, &mut actions);
        for action in actions {
            self.obey(action);
        }
        self.configure();
    }

    fn durable(&self) -> Vec<Lease> {
        let pairs = self.store.range(PREFIX).unwrap();
        let lease = |(key, value): &(Vec<u8>, Vec<u8>)| Lease::decode(key, value).unwrap();
        pairs.iter().map(lease).collect()
    }

    fn judge(&mut self, reply: &Reply) -> Result<(), String> {
        let message = read(reply);
        let mut asked = self.asked[usize::try_from(message.xid()).unwrap()].clone();
        let options = message.opts();
        let is_bootp = options.msg_type().is_none();
        if !is_bootp
            && options.get(OptionCode::ServerIdentifier)
                != Some(&DhcpOption::ServerIdentifier(SERVER))
        {
            return Err("not in our name".to_owned());
        }
        let address = message.yiaddr();
        let end = match options.get(OptionCode::AddressLeaseTime) {
            Some(DhcpOption::AddressLeaseTime(seconds)) => Some(u64::from(*seconds)),
            Some(_) | None => None,
        };
        let kind = options.msg_type();
        let heard = match (kind, end) {
            (Some(MessageType::Offer), Some(_)) => Heard::Offer(address),
            (Some(MessageType::Nak), None) => Heard::Nak,
            (Some(MessageType::Ack), None) if address.is_unspecified() => Heard::Told,
            (Some(MessageType::Ack), Some(seconds)) => Heard::Ack { address, seconds },
            (None, None) => Heard::Ack {
                address,
                seconds: FOR_EVER,
            },
            (kind, end) => return Err(format!("{kind:?} with {end:?} seconds")),
        };
        if let Heard::Offer(_) = heard {
            // Its address was looked for meanwhile: it is answered as things are now.
            (asked.layout, asked.at) = (self.layout.clone(), self.now);
            asked.who = self.layout.who(asked.who.0, asked.id);
        }
        self.judge.heard(&asked, heard, self.now)?;
        match heard {
            Heard::Ack { address, seconds } => {
                self.is_durable(asked.who, address, asked.at.saturating_add(seconds))
            }
            Heard::Offer(_) | Heard::Nak | Heard::Told => Ok(()),
        }
    }

    /// What a restart may find: what is on the disk, the same with the write under way, and with all that waits.
    fn found(&self) -> Vec<BTreeMap<Ipv4Addr, Lease>> {
        let by_address = |lease: Lease| (lease.address, lease);
        let mut disk: BTreeMap<_, _> = self.durable().into_iter().map(by_address).collect();
        let under_way = self.commit.iter().map(|(_, written)| written);
        let mut found = Vec::new();
        for later in under_way.chain([&self.waiting]) {
            if !later.is_empty() {
                found.push(disk.clone());
                let later = later.iter().map(|(_, lease)| lease.clone());
                disk.extend(later.map(by_address));
            }
        }
        found.push(disk);
        found
    }

    /// What is promised lies on the disk by then, and whatever is written later says the same.
    fn is_durable(&self, who: Who, address: Ipv4Addr, until: u64) -> Result<(), String> {
        for found in self.found() {
            let found = found.get(&address);
            if !promises(found, until, |own| own == who) {
                return Err(format!(
                    "{address} until {until} is not on the disk for {who:?}: {found:?}"
                ));
            }
        }
        Ok(())
    }

    /// Every promise in force is one that the engine knows of, and would after a restart.
    fn compare(&mut self) {
        let promised = self.judge.promised(self.now);
        if promised.is_empty() {
            return;
        }
        let known = self.engine.leases(self.now, Ipv4Addr::UNSPECIFIED, 100);
        let known = known.into_iter().map(|lease| (lease.address, lease));
        let mut all = self.found();
        all.push(known.collect());
        for (address, who, until) in promised {
            for known in &all {
                let found = known.get(&address);
                if !promises(found, until, |who| self.judge.may_hold(address, who)) {
                    self.blame(format!(
                        "{address} is {who:?}'s until {until}, now {}: {found:?}",
                        self.now
                    ));
                }
            }
        }
    }
}

/// Whose lease it is, as `written` has them.
fn client(lease: &Lease) -> Who {
    let machine = lease.hardware.mac().unwrap().0[5];
    let id = lease.client.id().map(|id| {
        assert_eq!(id[0], machine, "each machine has its own");
        id[1]
    });
    (machine, id)
}

/// Whether the lease is in force until then, and that of one of these.
fn promises(lease: Option<&Lease>, until: u64, is_one: impl Fn(Who) -> bool) -> bool {
    let active = lease.filter(|lease| lease.state == LeaseState::Active);
    active.is_some_and(|lease| lease.held_until >= until && is_one(client(lease)))
}
