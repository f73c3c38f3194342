//! The DHCP server's handle: starts the worker with the leases that the store remembers, and talks to it.

mod answer;
mod archive;
mod arrived;
mod beginning;
mod clock;
mod command;
mod frame;
mod link;
mod log;
mod prober;
mod tell;
mod worker;

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::runtime;
use tokio::sync::{mpsc, oneshot, watch};

use crate::base::addr::{InterfaceAddr, Prefix};
use crate::base::mac::MacAddr;
use crate::base::mark::RunId;
use crate::base::name::LinkName;
use crate::serve::ListenError;
use crate::serve::dhcp::admit::Waiting;
use crate::serve::dhcp::config::Config;
use crate::serve::dhcp::counters::{Counters, ScopeCounters};
use crate::serve::dhcp::event::Event;
use crate::serve::dhcp::exchange::{Exchange, Reserved};
use crate::serve::dhcp::history::Past;
use crate::serve::dhcp::lease::{Hardware, Lease, LeaseError};
use crate::serve::dhcp::names::NameChange;
use crate::serve::dhcp::strain::StoreTrouble;
use crate::state::{Listener, Service};
use crate::store::{Store, StoreError};
use archive::Whose;
use beginning::Beginning;
use clock::Clock;
use command::Command;
use log::Log;
pub use log::{Events, Told};
use worker::Worker;

/// Commands that may wait; each caller waits for its own answer, so there are never many.
const COMMANDS: usize = 64;

/// Leases copied at once: a fraction of a millisecond.
const PAGE: usize = 512;

/// Why there is no DHCP server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("cannot load the leases")]
    Load(#[source] StoreError),
    /// Starting without it could promise its address twice.
    #[error("cannot read the stored lease {key:?}")]
    Lease {
        key: Vec<u8>,
        #[source]
        source: LeaseError,
    },
    #[error("cannot start the DHCP server")]
    Start(#[source] io::Error),
    #[error("the DHCP server has stopped")]
    Stopped,
}

/// Some leases at one moment.
#[derive(Debug)]
pub struct Page {
    pub leases: Vec<Lease>,
    /// Where the next page begins; none after the last one.
    pub next: Option<Ipv4Addr>,
    /// All events before this one are in it.
    pub event: u64,
}

/// What is known of a client.
#[derive(Debug)]
pub struct Heard {
    /// Its last exchanges, in their order, each with the link that it came by, where that is there yet.
    pub exchanges: Vec<(Exchange, Option<LinkName>)>,
    pub reserved: Vec<Reserved>,
}

/// Why a lease was not ended by an operator's word.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    #[error("{0} is not leased")]
    NoLease(Ipv4Addr),
    #[error("the lease of {0} has changed meanwhile")]
    Changed(Ipv4Addr),
    /// Ended in memory alone: the next start would find it again.
    #[error("the store did not take the end of the lease")]
    NotStored,
    #[error(transparent)]
    Stopped(#[from] ServerError),
}

/// A running DHCP server. Dropping it stops the server and frees its ports.
pub struct Server {
    commands: Option<mpsc::Sender<Command>>,
    news: watch::Receiver<u64>,
    run: RunId,
    beginning: Beginning,
    thread: Option<JoinHandle<()>>,
    past: archive::Reader,
    /// To tell the past in the wall clock's terms.
    clock: Clock,
    archivist: archive::Ended,
}

impl Server {
    /// Starts a server that listens nowhere yet and serves nothing. `publish` returns once the change of a name can be seen.
    ///
    /// # Errors
    /// [`ServerError`] where the leases cannot be loaded or the thread not started.
    pub fn start<S: Store>(
        store: Arc<S>,
        publish: impl Fn(NameChange) + Send + Sync + 'static,
    ) -> Result<Self, ServerError> {
        let (leases, newest) = beginning::load(&*store)?;
        let clock = Clock::load(&*store, newest).map_err(ServerError::Load)?;
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ServerError::Start)?;
        let (commands, requests) = mpsc::channel(COMMANDS);
        let (tell, news) = watch::channel(0);
        let run = RunId(RandomState::new().hash_one(()));
        let log = Log::new(tell, run);
        let archive = archive::start(Arc::clone(&store), &leases, clock.now());
        let (archive, past, archivist) = archive.map_err(ServerError::Start)?;
        let (beginning, end) = beginning::of(&leases, clock.now());
        let ways = (clock, archive);
        let work = move || {
            let worker = Worker::new(leases, store, publish, ways, log);
            drop(end);
            runtime.block_on(worker.run(requests));
        };
        let thread = thread::Builder::new()
            .name("dhcp".to_owned())
            .spawn(work)
            .map_err(ServerError::Start)?;
        Ok(Self {
            commands: Some(commands),
            news,
            run,
            beginning,
            thread: Some(thread),
            past,
            clock,
            archivist,
        })
    }

    /// Answers on `link` from `address`; opening the same address again moves it. `service` says on which port: DHCP's own, or the
    /// boot server's.
    ///
    /// # Errors
    /// [`ListenError`] where there is no such link, the port is taken, or the server has stopped.
    pub async fn open(
        &self,
        service: Service,
        link: &LinkName,
        address: InterfaceAddr,
    ) -> Result<(), ListenError> {
        let fault = |kind: io::ErrorKind| ListenError::Socket {
            service,
            address: address.ip(),
            port: service.port(),
            source: kind.into(),
        };
        let IpAddr::V4(own) = address.ip() else {
            return Err(fault(io::ErrorKind::Unsupported));
        };
        let link = link.clone();
        let command = |done| Command::Open {
            service,
            link,
            address: (own, address),
            done,
        };
        let opened = self.ask(command).await;
        opened.map_err(|_| fault(io::ErrorKind::BrokenPipe))?
    }

    /// Stops answering from `address` on the service's port.
    ///
    /// # Errors
    /// [`ServerError::Stopped`].
    pub async fn close(&self, service: Service, address: Ipv4Addr) -> Result<(), ServerError> {
        let command = |done| Command::Close {
            service,
            address,
            done,
        };
        self.ask(command).await
    }

    /// Serves `config` from now on; every packet is answered from the old one or from the new one.
    ///
    /// # Errors
    /// [`ServerError::Stopped`].
    pub async fn configure(&self, config: Arc<Config>) -> Result<(), ServerError> {
        let before = self.ask(|done| Command::Configure { config, done }).await?;
        // Freed here: a hundred thousand reservations take longer than a packet may wait.
        drop(before);
        Ok(())
    }

    /// Waits until all leases that the store remembers are taken in, with their names.
    ///
    /// # Errors
    /// [`ServerError::Stopped`].
    pub async fn begun(&self) -> Result<(), ServerError> {
        self.ask(Command::Leased).await.map(drop)
    }

    /// Where the server answers on the service's port, as its sockets say; nowhere once it has stopped.
    pub async fn listening(&self, service: Service) -> BTreeMap<IpAddr, Listener> {
        if self.beginning.lasts() {
            return BTreeMap::new();
        }
        let asked = self.ask(|done| Command::Listening(service, done));
        asked.await.unwrap_or_default()
    }

    /// What the engine serves.
    ///
    /// # Errors
    /// [`ServerError::Stopped`].
    pub async fn config(&self) -> Result<Arc<Config>, ServerError> {
        if self.beginning.lasts() {
            return Ok(Arc::default());
        }
        self.ask(Command::Config).await
    }

    /// Every lease, as [`Server::leases_in`] lists them.
    ///
    /// # Errors
    /// [`ServerError::Stopped`].
    pub async fn leases(&self) -> Result<Vec<Lease>, ServerError> {
        let every = (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST);
        self.leases_in(every).await
    }

    /// Every lease of these addresses, in their order; idle ones too, for their former clients. Asked for a few at a time, so that
    /// clients are answered meanwhile: one that changes then is told as it is before or after.
    ///
    /// # Errors
    /// [`ServerError::Stopped`].
    pub async fn leases_in(
        &self,
        (first, last): (Ipv4Addr, Ipv4Addr),
    ) -> Result<Vec<Lease>, ServerError> {
        let (mut leases, mut next) = (Vec::new(), Some(first));
        while let Some(first) = next {
            let page = self.page(first).await?;
            next = page.next.filter(|next| *next <= last);
            let page = page.leases.into_iter();
            leases.extend(page.filter(|lease| lease.address <= last));
        }
        Ok(leases)
    }

    /// Some leases from `first` on, in the order of their addresses, with the number of the event that comes after what they show.
    ///
    /// # Errors
    /// [`ServerError::Stopped`].
    pub async fn page(&self, first: Ipv4Addr) -> Result<Page, ServerError> {
        let most = PAGE;
        self.ask(|done| Command::Leases { first, most, done }).await
    }

    /// Every lease of a hardware address, in the order of their addresses; idle ones too.
    ///
    /// # Errors
    /// [`ServerError::Stopped`].
    pub async fn leases_of(&self, hardware: Hardware) -> Result<Vec<Lease>, ServerError> {
        self.ask(|done| Command::LeasesOf { hardware, done }).await
    }

    /// What is known of a client, but for its leases.
    ///
    /// # Errors
    /// [`ServerError::Stopped`].
    pub async fn heard(&self, mac: MacAddr) -> Result<Heard, ServerError> {
        self.ask(|done| Command::Heard { mac, done }).await
    }

    /// Some of the events from number `from` on, as far as they are kept.
    ///
    /// # Errors
    /// [`ServerError::Stopped`].
    pub async fn events(&self, from: u64) -> Result<Events, ServerError> {
        let most = PAGE;
        self.ask(|done| Command::Events { from, most, done }).await
    }

    /// Tells an event of others among those of leases.
    ///
    /// # Errors
    /// [`ServerError::Stopped`].
    pub async fn tell(&self, event: Event) -> Result<(), ServerError> {
        self.ask(|done| Command::Tell(event, done)).await
    }

    /// Who held an address in the past, the latest first; at most a thousand.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn past_at(&self, address: Ipv4Addr) -> Result<Vec<Past>, StoreError> {
        self.past_in_wall(Whose::Address(address))
    }

    /// What a machine held in the past, the latest first; at most a thousand.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn past_of(&self, hardware: Hardware) -> Result<Vec<Past>, StoreError> {
        self.past_in_wall(Whose::Hardware(hardware))
    }

    fn past_in_wall(&self, whose: Whose) -> Result<Vec<Past>, StoreError> {
        let (clock, mut pasts) = (self.clock.read(), self.past.past(whose)?);
        for past in &mut pasts {
            clock.put(&mut past.lease);
            past.until = clock.in_wall(past.until);
        }
        Ok(pasts)
    }

    /// What the events of this server are told apart by from those of an earlier one.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// The number of the next event: it changes when there is one.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.clone()
    }

    /// Ends a lease or a quarantine, and tells what it was once its end is durable.
    ///
    /// # Errors
    /// [`ReleaseError`] where the address has neither, or the store failed.
    pub async fn release(&self, address: Ipv4Addr) -> Result<Lease, ReleaseError> {
        let seen = None;
        let command = |done| Command::Release {
            address,
            seen,
            done,
        };
        self.ask(command).await?
    }

    /// The same for a lease that was looked at, unless it has changed since.
    ///
    /// # Errors
    /// As [`Server::release`].
    pub async fn release_as_seen(&self, lease: &Lease) -> Result<Lease, ReleaseError> {
        let (address, seen) = (lease.address, Some(Box::new(lease.clone())));
        let command = |done| Command::Release {
            address,
            seen,
            done,
        };
        self.ask(command).await?
    }

    /// How many leases are in force.
    ///
    /// # Errors
    /// [`ServerError::Stopped`].
    pub async fn leased(&self) -> Result<usize, ServerError> {
        if self.beginning.lasts() {
            return Ok(self.beginning.leased());
        }
        self.ask(Command::Leased).await
    }

    /// What is wrong with the store that leases are kept in.
    ///
    /// # Errors
    /// [`ServerError::Stopped`].
    pub async fn waiting(&self) -> Result<Vec<Waiting>, ServerError> {
        self.ask(Command::Waiting).await
    }

    /// # Errors
    /// [`ServerError::Stopped`].
    pub async fn trouble(&self) -> Result<Option<StoreTrouble>, ServerError> {
        self.ask(Command::Trouble).await
    }

    /// What was asked in each scope and what came of it, by the scopes' subnets.
    ///
    /// # Errors
    /// [`ServerError::Stopped`].
    pub async fn scopes(&self) -> Result<BTreeMap<Prefix, ScopeCounters>, ServerError> {
        self.ask(Command::Scopes).await
    }

    /// # Errors
    /// [`ServerError::Stopped`].
    pub async fn counters(&self) -> Result<Counters, ServerError> {
        self.ask(Command::Counters).await
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, ServerError> {
        let (done, answer) = oneshot::channel();
        let commands = self.commands.as_ref().ok_or(ServerError::Stopped)?;
        let sent = commands.send(command(done)).await;
        sent.map_err(|_| ServerError::Stopped)?;
        answer.await.map_err(|_| ServerError::Stopped)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A worker that panicked has been noticed by every caller since.
            let _ = thread.join();
        }
        // The worker had the last words for the history.
        self.archivist.wait();
    }
}
