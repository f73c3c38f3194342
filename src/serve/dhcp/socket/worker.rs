//! Obeys the engine: one thread that owns it with its sockets, reads the clock, and keeps one write under way at a time.
//! Must not decide anything about a client.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::mem;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::ReleaseError;
use super::archive::Archive;
use super::arrived::{Arrived, Datagram};
use super::beginning;
use super::clock::Clock;
use super::command::{Command, Revoked};
use super::link::{Inbox, Link, Outbox};
use super::log::Log;
use super::prober::{Found, Prober};
use super::tell::Teller;
use crate::base::name::LinkName;
use crate::serve::dhcp::engine::{Action, BatchId, Engine, Input};
use crate::serve::dhcp::history::Past;
use crate::serve::dhcp::lease::Lease;
use crate::serve::dhcp::named::named;
use crate::serve::dhcp::names::NameChange;
use crate::serve::dhcp::reply::Reply;
use crate::serve::dhcp::strain::StoreTrouble;
use crate::state::Service;
use crate::store::{Batch, Store, StoreError, Write};

/// Batches of packets taken in before any is answered; beyond that the socket's buffer holds them.
const ROUNDS: usize = 16;

/// Beginnings of transactions between two looks at the store.
const AT_ONCE: usize = 16;

/// Leases that may wait for the write under way to end before no more packets are read.
const WAITING: usize = 32_768;

/// What a trial of the store writes, and how much: more than a page, or on a full disk the last page could have room for it.
const TRIAL_KEY: &[u8] = b"dhcp/trial";
const TRIAL_BYTES: usize = 4096;

type Commit = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

/// The write under way.
struct UnderWay {
    commit: Commit,
    /// What hangs on it.
    batches: Vec<BatchId>,
    /// Whether it shows if the store does well again.
    is_trial: bool,
}

pub(super) struct Worker<S, P> {
    pub(super) engine: Engine,
    pub(super) clock: Clock,
    store: Arc<S>,
    publish: P,
    /// By whose port they are of.
    pub(super) links: BTreeMap<(Service, LinkName), Link>,
    inbox: Inbox,
    outbox: Outbox,
    arrived: Arrived,
    pub(super) actions: Vec<Action>,
    /// Leases to be written next, and what hangs on them.
    waiting: (Vec<Write>, Vec<BatchId>),
    under_way: Option<UnderWay>,
    pub(super) revoked: Vec<Revoked>,
    prober: Prober,
    pub(super) log: Log,
    teller: Teller,
    pub(super) archive: Archive<S>,
    pub(super) unsent: u64,
}

/// What woke the worker.
enum Wake {
    Readable,
    Committed(Result<(), StoreError>),
    Probed(Found),
}

impl<S: Store, P: Fn(NameChange)> Worker<S, P> {
    pub(super) fn new(
        leases: Vec<Lease>,
        store: Arc<S>,
        publish: P,
        (clock, archive): (Clock, Archive<S>),
        log: Log,
    ) -> Self
    where
        P: Sync,
    {
        let engine = beginning::take_in(leases, clock.now(), &publish);
        Self {
            engine,
            clock,
            store,
            publish,
            links: BTreeMap::new(),
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            arrived: Arrived::default(),
            actions: Vec::new(),
            waiting: Default::default(),
            under_way: None,
            revoked: Vec::new(),
            prober: Prober::default(),
            log,
            teller: Teller::default(),
            archive,
            unsent: 0,
        }
    }

    /// Serves until the last handle is gone.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // What ends at once is ended a few at a time, and not as fast as may be: a thread that never rests has to wait for the others.
        let mut moments = interval(Duration::from_millis(1));
        moments.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // A store that takes nothing is told of before any client is offered what could not be kept.
        self.under_way = Some(self.write(Some(StoreTrouble::Failing)));
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.execute(command),
                    None => return,
                },
                wake = self.wake() => match wake {
                    Wake::Readable => self.receive(),
                    Wake::Committed(result) => self.committed(result),
                    Wake::Probed(found) => self.probed(found),
                },
                _ = seconds.tick() => self.tick(),
                _ = moments.tick(), if self.engine.is_behind(self.clock.now()) => {
                    // What ended is to be written, and may wait where it is as well as there. Should the disk hang, each second ends some.
                    if !self.archive.is_busy() {
                        self.tick();
                    }
                }
            }
            self.obey();
        }
    }

    fn tick(&mut self) {
        let now = self.clock.now();
        // In trouble, no more is tried than the trial.
        let is_due = match self.engine.trouble(now) {
            Some(_) => self.engine.due_trial(now).is_some(),
            None => self.clock.is_due(),
        };
        if self.under_way.is_none() && is_due {
            self.under_way = Some(self.next_write());
        }
        self.engine.handle(now, Input::Tick, &mut self.actions);
        self.teller.tell_untold(now);
    }

    /// Waits for the write under way or for packets, the write first: its answers are owed.
    async fn wake(&mut self) -> Wake {
        poll_fn(|context| {
            if let Some(UnderWay { commit, .. }) = &mut self.under_way
                && let Poll::Ready(result) = commit.as_mut().poll(context)
            {
                return Poll::Ready(Wake::Committed(result));
            }
            if let Poll::Ready(found) = self.prober.poll(context) {
                return Poll::Ready(Wake::Probed(found));
            }
            if self.waiting.1.len() < WAITING {
                for link in self.links.values() {
                    if link.poll_readable(context).is_ready() {
                        return Poll::Ready(Wake::Readable);
                    }
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Takes in what has arrived. What finishes a transaction is answered before what begins one, so that its write is under way
    /// meanwhile.
    fn receive(&mut self) {
        let mut arrived = mem::take(&mut self.arrived);
        self.take_in(&mut arrived);
        self.answer(&arrived, &arrived.first);
        for some in arrived.later.chunks(AT_ONCE) {
            self.obey();
            self.hear_store();
            self.answer(&arrived, some);
        }
        arrived.clear();
        self.arrived = arrived;
    }

    fn take_in(&mut self, arrived: &mut Arrived) {
        let mut ended = Vec::new();
        for (key, link) in &self.links {
            let (service, name) = key;
            arrived.begin_link(*service, link.listeners.keys());
            for _ in 0..ROUNDS {
                match link.receive(&mut self.inbox, |bytes, from| arrived.push(bytes, from)) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        tracing::error!(%error, link = %name, "the DHCP socket was shut down");
                        ended.push(key.clone());
                        break;
                    }
                }
            }
        }
        self.links.retain(|key, _| !ended.contains(key));
    }

    fn answer(&mut self, arrived: &Arrived, some: &[Datagram]) {
        let now = self.clock.now();
        for input in some.iter().filter_map(|one| arrived.input(one)) {
            self.engine.handle(now, input, &mut self.actions);
        }
    }

    fn probed(&mut self, found: Found) {
        let input = match found {
            Found::Somebody { address, by } => Input::Answered { address, by },
            Found::Nobody(address) => Input::Unanswered(address),
        };
        self.engine
            .handle(self.clock.now(), input, &mut self.actions);
    }

    /// Takes note of a write that has ended meanwhile: its answers are owed.
    fn hear_store(&mut self) {
        let write = self.under_way.as_mut();
        if let Some(result) = write.and_then(|write| write.commit.as_mut().now_or_never()) {
            self.committed(result);
            self.obey();
        }
    }

    fn committed(&mut self, result: Result<(), StoreError>) {
        let Some(UnderWay {
            batches, is_trial, ..
        }) = self.under_way.take()
        else {
            return;
        };
        if let Err(fault) = &result {
            self.clock.not_stored();
            let leases = batches.len();
            // Told once: how often it goes on is for those who look closely.
            if leases == 0 || self.engine.told_trouble() == Some(StoreTrouble::Failing) {
                tracing::debug!(error = %fault, leases, "leases were not stored, and not promised");
            } else {
                tracing::error!(error = %fault, leases, "leases were not stored, and not promised");
            }
        }
        let now = self.clock.now();
        for batch in batches {
            let input = match &result {
                Ok(()) => Input::Committed(batch),
                Err(_) => Input::Failed(batch),
            };
            self.engine.handle(now, input, &mut self.actions);
            let mut written = self.revoked.extract_if(.., |one| one.batch == batch);
            if let Some(Revoked { lease, done, .. }) = written.next() {
                let stored = result.as_ref().map_err(|_| ReleaseError::NotStored);
                drop(done.send(stored.map(|()| lease)));
            }
        }
        if is_trial {
            let input = Input::Tried(result.is_ok());
            self.engine.handle(now, input, &mut self.actions);
        }
    }

    /// Does what the engine wants, and starts the next write.
    fn obey(&mut self) {
        let mut replies: BTreeMap<(Service, Ipv4Addr), Vec<Reply>> = BTreeMap::new();
        let (clock, most) = (self.clock.read(), self.actions.len());
        for action in self.actions.drain(..) {
            match action {
                Action::Persist { batch, lease } => {
                    self.archive.before_write(lease.address);
                    let (key, value) = (lease.key(), lease.encode());
                    self.waiting.0.push(Write::Put { key, value });
                    self.waiting.1.push(batch);
                }
                Action::Publish(change) => (self.publish)(change),
                Action::Probe(probe) => {
                    let mut links = self.links.iter();
                    let here = links.find(|(_, link)| link.listeners.contains_key(&probe.via));
                    self.prober.begin(probe, here.map(|((_, name), _)| name));
                }
                Action::Send(reply) => {
                    if let Some(agent) = reply.unechoed {
                        self.teller.tell_unechoed(agent);
                    }
                    let from = (reply.service(), reply.via);
                    let replies = replies.entry(from);
                    let replies = replies.or_insert_with(|| Vec::with_capacity(most));
                    replies.push(reply);
                }
                Action::Event(event) => {
                    let event = named(self.engine.config(), event);
                    self.teller.tell(self.clock.now(), &event);
                    if let Some(past) = Past::of(&event, self.clock.now()) {
                        self.archive.push(past);
                    }
                    self.log.push(clock, event);
                }
            }
        }
        for ((service, via), replies) in replies {
            let links = self.links.iter().filter(|(key, _)| key.0 == service);
            let mut links = links.map(|(_, link)| link);
            let link = links.find(|link| link.listeners.contains_key(&via));
            self.unsent += match link {
                Some(link) => link.send(&mut self.outbox, &replies),
                None => u64::try_from(replies.len()).unwrap_or(u64::MAX),
            };
        }
        self.log.tell();
        let ended = self.engine.ended_until(self.clock.now());
        self.archive.notice(ended);
        if self.under_way.is_none() && !self.waiting.1.is_empty() {
            self.under_way = Some(self.next_write());
        }
    }

    /// What waits to be written, or a trial where one is due. On a disk that is full a trial goes alone: leases may find room where it
    /// finds none; a slow one writes both at once.
    fn next_write(&mut self) -> UnderWay {
        let trial = self.engine.begin_trial(self.clock.now());
        self.write(trial)
    }

    fn write(&mut self, trial: Option<StoreTrouble>) -> UnderWay {
        let (mut writes, batches) = match trial {
            Some(StoreTrouble::Failing) => Default::default(),
            Some(StoreTrouble::Slow) | None => self.take_waiting(),
        };
        writes.extend(trial.map(|_| Write::Put {
            key: TRIAL_KEY.to_vec(),
            value: vec![0; TRIAL_BYTES],
        }));
        writes.extend(self.clock.unstored().into_iter().flatten());
        let store = Arc::clone(&self.store);
        let batch = Batch {
            guards: Vec::new(),
            writes,
        };
        UnderWay {
            commit: Box::pin(async move { store.commit(batch).await }),
            batches,
            is_trial: trial.is_some(),
        }
    }

    fn take_waiting(&mut self) -> (Vec<Write>, Vec<BatchId>) {
        // As many come while these are written, about.
        let room = self.waiting.1.len();
        let next = (Vec::with_capacity(room), Vec::with_capacity(room));
        mem::replace(&mut self.waiting, next)
    }
}
