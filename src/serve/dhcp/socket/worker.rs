//! Obeys the engine: one thread that owns it with its sockets, reads the clock, and keeps one write under way at a time.
//! Must not decide anything about a client.

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::mem;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::yield_now;
use tokio::time::{MissedTickBehavior, interval};

use super::clock::Clock;
use super::link::{Inbox, Link};
use super::log::{Events, Log};
use super::{Heard, ReleaseError};
use crate::base::addr::InterfaceAddr;
use crate::base::mac::MacAddr;
use crate::base::name::LinkName;
use crate::serve::ListenError;
use crate::serve::dhcp::config::Config;
use crate::serve::dhcp::counters::Counters;
use crate::serve::dhcp::engine::{Action, BatchId, Engine, Input, Packet};
use crate::serve::dhcp::event::Event;
use crate::serve::dhcp::lease::Lease;
use crate::serve::dhcp::names::NameChange;
use crate::serve::dhcp::reply::Reply;
use crate::serve::dhcp::strain::StoreTrouble;
use crate::serve::dhcp::wire;
use crate::state::Listener;
use crate::store::{Batch, Store, StoreError, Write};

/// Batches of packets taken in before any is answered; beyond that the socket's buffer holds them.
const ROUNDS: usize = 16;

/// Leases that may wait for the write under way to end before no more packets are read.
const WAITING: usize = 32_768;

/// Exchanges told of a client.
const EXCHANGES: usize = 16;

/// What the handle asks of the worker.
pub(super) enum Command {
    Open {
        link: LinkName,
        address: (Ipv4Addr, InterfaceAddr),
        done: oneshot::Sender<Result<(), ListenError>>,
    },
    Close {
        address: Ipv4Addr,
        done: oneshot::Sender<()>,
    },
    /// Answered with what was served before, so that its memory is freed elsewhere.
    Configure {
        config: Arc<Config>,
        done: oneshot::Sender<Arc<Config>>,
    },
    Listening(oneshot::Sender<BTreeMap<IpAddr, Listener>>),
    Config(oneshot::Sender<Arc<Config>>),
    /// The first of them from an address on, in their order.
    Leases {
        first: Ipv4Addr,
        most: usize,
        done: oneshot::Sender<Vec<Lease>>,
    },
    /// The first of the events from a number on.
    Events {
        from: u64,
        most: usize,
        done: oneshot::Sender<Events>,
    },
    /// What is known of a client.
    Heard {
        mac: MacAddr,
        done: oneshot::Sender<Heard>,
    },
    /// Answered once that is durable.
    Release {
        address: Ipv4Addr,
        done: oneshot::Sender<Result<Lease, ReleaseError>>,
    },
    Leased(oneshot::Sender<usize>),
    Trouble(oneshot::Sender<Option<StoreTrouble>>),
    Counters(oneshot::Sender<Counters>),
}

type Commit = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

/// A lease that was ended by an operator's word, until that is written.
struct Revoked {
    batch: BatchId,
    lease: Lease,
    done: oneshot::Sender<Result<Lease, ReleaseError>>,
}

/// A datagram that waits its turn.
struct Queued {
    bytes: Vec<u8>,
    from: SocketAddrV4,
    via: Arc<[Ipv4Addr]>,
}

pub(super) struct Worker<S, P> {
    engine: Engine,
    clock: Clock,
    store: Arc<S>,
    publish: P,
    links: BTreeMap<LinkName, Link>,
    inbox: Inbox,
    actions: Vec<Action>,
    waiting: Vec<(BatchId, Lease)>,
    /// The write under way, and what hangs on it.
    commit: Option<(Commit, Vec<BatchId>)>,
    revoked: Vec<Revoked>,
    log: Log,
    unsent: u64,
}

/// What woke the worker.
enum Wake {
    Readable,
    Committed(Result<(), StoreError>),
}

impl<S: Store, P: Fn(NameChange)> Worker<S, P> {
    pub(super) fn new(
        leases: Vec<Lease>,
        store: Arc<S>,
        publish: P,
        news: watch::Sender<u64>,
    ) -> Self {
        let mut actions = Vec::new();
        let clock = Clock::start();
        let engine = Engine::restore(leases, clock.now(), &mut actions);
        let mut worker = Self {
            engine,
            clock,
            store,
            publish,
            links: BTreeMap::new(),
            inbox: Inbox::default(),
            actions,
            waiting: Vec::new(),
            commit: None,
            revoked: Vec::new(),
            log: Log::new(news),
            unsent: 0,
        };
        worker.obey();
        worker
    }

    /// Serves until the last handle is gone.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.execute(command),
                    None => return,
                },
                wake = self.wake() => match wake {
                    Wake::Readable => self.receive(),
                    Wake::Committed(result) => self.committed(result),
                },
                _ = seconds.tick() => self.tick(),
                // What ends at once is ended between packets: those that came meanwhile are seen after each few.
                () = yield_now(), if self.engine.is_behind(self.clock.now()) => self.tick(),
            }
            self.obey();
        }
    }

    fn tick(&mut self) {
        self.engine
            .handle(self.clock.now(), Input::Tick, &mut self.actions);
    }

    /// Waits for the write under way or for packets, the write first: its answers are owed.
    async fn wake(&mut self) -> Wake {
        poll_fn(|context| {
            if let Some((commit, _)) = &mut self.commit
                && let Poll::Ready(result) = commit.as_mut().poll(context)
            {
                return Poll::Ready(Wake::Committed(result));
            }
            if self.waiting.len() < WAITING {
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

    /// Takes in what has arrived; what finishes a transaction is answered before what begins one.
    fn receive(&mut self) {
        let (mut first, mut later) = (Vec::new(), Vec::new());
        let mut ended = Vec::new();
        for (name, link) in &self.links {
            let via: Arc<[Ipv4Addr]> = link.listeners.keys().copied().collect();
            for _ in 0..ROUNDS {
                let more = link.receive(&mut self.inbox, |bytes, from| {
                    let queue = if wire::is_discover(bytes) {
                        &mut later
                    } else {
                        &mut first
                    };
                    let (bytes, via) = (bytes.to_vec(), Arc::clone(&via));
                    queue.push(Queued { bytes, from, via });
                });
                match more {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        tracing::error!(%error, link = %name, "the DHCP socket was shut down");
                        ended.push(name.clone());
                        break;
                    }
                }
            }
        }
        self.links.retain(|name, _| !ended.contains(name));
        let now = self.clock.now();
        for Queued { bytes, from, via } in first.into_iter().chain(later) {
            let (bytes, via) = (&bytes, &via);
            let packet = Packet { bytes, from, via };
            self.engine
                .handle(now, Input::Packet(packet), &mut self.actions);
        }
    }

    fn committed(&mut self, result: Result<(), StoreError>) {
        let Some((_, batches)) = self.commit.take() else {
            return;
        };
        if let Err(fault) = &result {
            let leases = batches.len();
            // Told once: how often it goes on is for those who look closely.
            if self.engine.trouble() == Some(StoreTrouble::Failing) {
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
    }

    /// Does what the engine wants, and starts the next write.
    fn obey(&mut self) {
        let mut replies: BTreeMap<Ipv4Addr, Vec<Reply>> = BTreeMap::new();
        for action in self.actions.drain(..) {
            match action {
                Action::Persist { batch, lease } => self.waiting.push((batch, lease)),
                Action::Publish(change) => (self.publish)(change),
                Action::Send(reply) => replies.entry(reply.via).or_default().push(reply),
                Action::Event(event) => {
                    tell(&event);
                    self.log.push(&self.clock, event);
                }
            }
        }
        for (via, replies) in replies {
            let mut links = self.links.values();
            let link = links.find(|link| link.listeners.contains_key(&via));
            self.unsent += match link {
                Some(link) => link.send(&replies),
                None => u64::try_from(replies.len()).unwrap_or(u64::MAX),
            };
        }
        self.log.tell();
        if self.commit.is_none() && !self.waiting.is_empty() {
            self.commit = Some(self.next_commit());
        }
    }

    fn next_commit(&mut self) -> (Commit, Vec<BatchId>) {
        let waiting = mem::take(&mut self.waiting);
        let batches = waiting.iter().map(|(batch, _)| *batch).collect();
        let put = |(_, lease): &(BatchId, Lease)| Write::Put {
            key: lease.key(),
            value: lease.encode(),
        };
        let writes = waiting.iter().map(put).collect();
        let store = Arc::clone(&self.store);
        let batch = Batch {
            guards: Vec::new(),
            writes,
        };
        (Box::pin(async move { store.commit(batch).await }), batches)
    }

    fn execute(&mut self, command: Command) {
        // A caller that no longer waits needs no answer.
        match command {
            Command::Open {
                link,
                address,
                done,
            } => drop(done.send(self.open(link, address))),
            Command::Close { address, done } => {
                self.close(address);
                let _ = done.send(());
            }
            Command::Configure { config, done } => {
                let before = Arc::clone(self.engine.config());
                self.engine
                    .handle(self.clock.now(), Input::Config(config), &mut self.actions);
                drop(done.send(before));
            }
            Command::Listening(done) => drop(done.send(self.listening())),
            Command::Config(done) => drop(done.send(Arc::clone(self.engine.config()))),
            Command::Leases { first, most, done } => {
                let leases = self.engine.leases(self.clock.now(), first, most);
                let told = leases.into_iter().map(|lease| self.clock.told(lease));
                let _ = done.send(told.collect());
            }
            Command::Events { from, most, done } => drop(done.send(self.log.since(from, most))),
            Command::Heard { mac, done } => drop(done.send(self.heard(mac))),
            Command::Release { address, done } => {
                let now = self.clock.now();
                match self.engine.revoke(now, address, &mut self.actions) {
                    Some((lease, batch)) => {
                        let lease = self.clock.told(lease);
                        self.revoked.push(Revoked { batch, lease, done });
                    }
                    None => drop(done.send(Err(ReleaseError::NoLease(address)))),
                }
            }
            Command::Trouble(done) => drop(done.send(self.engine.trouble())),
            Command::Leased(done) => drop(done.send(self.engine.leased())),
            Command::Counters(done) => {
                let unsent = self.unsent;
                let counters = self.engine.counters();
                let _ = done.send(Counters { unsent, ..counters });
            }
        }
    }

    fn heard(&self, mac: MacAddr) -> Heard {
        let exchanges = self.engine.exchanges(mac, EXCHANGES).into_iter();
        let with_link = exchanges.map(|mut exchange| {
            exchange.at = self.clock.in_wall(exchange.at);
            let listener = exchange.listener;
            let came_by =
                |link: &Link| listener.is_some_and(|own| link.listeners.contains_key(&own));
            let link = self.links.iter().find(|(_, link)| came_by(link));
            (exchange, link.map(|(name, _)| name.clone()))
        });
        let mut reserved = self.engine.reserved_for(mac);
        for (_, _, until) in reserved.iter_mut().flat_map(|own| &mut own.obstacles) {
            *until = until.map(|until| self.clock.in_wall(until));
        }
        Heard {
            exchanges: with_link.collect(),
            reserved,
        }
    }

    fn open(
        &mut self,
        name: LinkName,
        (address, carried): (Ipv4Addr, InterfaceAddr),
    ) -> Result<(), ListenError> {
        self.close(address);
        // One whose device was replaced has sockets that nobody reaches.
        let gone: BTreeSet<_> = self
            .links
            .iter()
            .filter(|(_, link)| !link.is_alive())
            .map(|(name, _)| name.clone())
            .collect();
        self.links.retain(|name, _| !gone.contains(name));
        let link = match self.links.remove(&name) {
            Some(link) => link,
            None => Link::open(&name, address)?,
        };
        let link = self.links.entry(name).or_insert(link);
        link.listeners.insert(address, carried);
        Ok(())
    }

    fn close(&mut self, address: Ipv4Addr) {
        for link in self.links.values_mut() {
            link.listeners.remove(&address);
        }
        self.links.retain(|_, link| !link.listeners.is_empty());
    }

    fn listening(&self) -> BTreeMap<IpAddr, Listener> {
        let alive = self.links.iter().filter(|(_, link)| link.is_alive());
        alive
            .flat_map(|(name, link)| link.listeners.iter().map(move |own| (name, own)))
            .map(|(name, (address, carried))| {
                let (link, address_on_link) = (name.clone(), *carried);
                let listener = Listener {
                    link,
                    address: address_on_link,
                };
                (IpAddr::V4(*address), listener)
            })
            .collect()
    }
}

fn tell(event: &Event) {
    match event {
        Event::Declined { lease } => tracing::warn!(
            address = %lease.address, client = %lease.hardware,
            "an address is in use by a stranger; it is quarantined"
        ),
        Event::Contested { lease, host } => tracing::warn!(
            address = %lease.address, %host,
            "what a stranger uses is reserved for a host"
        ),
        Event::Reclaimed { lease } => tracing::info!(
            address = %lease.address, client = %lease.hardware,
            "a client was told to give up an address that is now reserved for another"
        ),
        Event::Exhausted { vlan, hardware } => tracing::warn!(
            %vlan, client = %hardware,
            "every address in the dynamic ranges of a VLAN is in use"
        ),
        Event::Committed { .. }
        | Event::Renewed { .. }
        | Event::Expired { .. }
        | Event::Released { .. } => {}
        Event::Store {
            trouble: Some(StoreTrouble::Slow),
        } => tracing::error!(
            "leases take seconds to be stored; known clients are served for as long as is promised already, new ones are not"
        ),
        Event::Store {
            trouble: Some(StoreTrouble::Failing),
        } => tracing::error!(
            "leases cannot be stored; known clients are served for as long as is promised already, new ones are not"
        ),
        Event::Store { trouble: None } => tracing::info!("leases are stored again"),
    }
}
