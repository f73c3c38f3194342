//! What the server's handle asks of the worker, and how that is answered. Must not touch packets.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::link::Link;
use super::log::Events;
use super::worker::Worker;
use super::{Heard, Page, ReleaseError};
use crate::base::addr::{InterfaceAddr, Prefix};
use crate::base::mac::MacAddr;
use crate::base::name::LinkName;
use crate::serve::ListenError;
use crate::serve::dhcp::admit::Waiting;
use crate::serve::dhcp::config::Config;
use crate::serve::dhcp::counters::{Counters, ScopeCounters};
use crate::serve::dhcp::engine::{Action, BatchId, Input};
use crate::serve::dhcp::event::Event;
use crate::serve::dhcp::lease::{Hardware, Lease};
use crate::serve::dhcp::names::NameChange;
use crate::serve::dhcp::strain::StoreTrouble;
use crate::state::{Listener, Service};
use crate::store::Store;

/// Exchanges told of a client.
const EXCHANGES: usize = 16;

/// What the handle asks of the worker.
pub(super) enum Command {
    Open {
        service: Service,
        link: LinkName,
        address: (Ipv4Addr, InterfaceAddr),
        done: oneshot::Sender<Result<(), ListenError>>,
    },
    Close {
        service: Service,
        address: Ipv4Addr,
        done: oneshot::Sender<()>,
    },
    /// Answered with what was served before, so that its memory is freed elsewhere.
    Configure {
        config: Arc<Config>,
        done: oneshot::Sender<Arc<Config>>,
    },
    Listening(Service, oneshot::Sender<BTreeMap<IpAddr, Listener>>),
    Config(oneshot::Sender<Arc<Config>>),
    /// The first of them from an address on, in their order.
    Leases {
        first: Ipv4Addr,
        most: usize,
        done: oneshot::Sender<Page>,
    },
    /// Those of a hardware address.
    LeasesOf {
        hardware: Hardware,
        done: oneshot::Sender<Vec<Lease>>,
    },
    /// The first of the events from a number on.
    Events {
        from: u64,
        most: usize,
        done: oneshot::Sender<Events>,
    },
    /// Tells an event that is somebody else's.
    Tell(Event, oneshot::Sender<()>),
    /// What is known of a client.
    Heard {
        mac: MacAddr,
        done: oneshot::Sender<Heard>,
    },
    /// Answered once that is durable.
    Release {
        address: Ipv4Addr,
        /// The lease as it must still be.
        seen: Option<Box<Lease>>,
        done: oneshot::Sender<Result<Lease, ReleaseError>>,
    },
    Leased(oneshot::Sender<usize>),
    /// The clients that wait to be named.
    Waiting(oneshot::Sender<Vec<Waiting>>),
    Trouble(oneshot::Sender<Option<StoreTrouble>>),
    Counters(oneshot::Sender<Counters>),
    /// By the scopes' subnets.
    Scopes(oneshot::Sender<BTreeMap<Prefix, ScopeCounters>>),
}

/// A lease that was ended by an operator's word, until that is written.
pub(super) struct Revoked {
    pub batch: BatchId,
    pub lease: Lease,
    pub done: oneshot::Sender<Result<Lease, ReleaseError>>,
}

impl<S: Store, P: Fn(NameChange)> Worker<S, P> {
    pub(super) fn execute(&mut self, command: Command) {
        // A caller that no longer waits needs no answer.
        match command {
            Command::Open {
                service,
                link,
                address,
                done,
            } => drop(done.send(self.open(service, link, address))),
            Command::Close {
                service,
                address,
                done,
            } => {
                self.close(service, address);
                let _ = done.send(());
            }
            Command::Configure { config, done } => {
                let (before, now) = (Arc::clone(self.engine.config()), self.clock.now());
                if let Some(time) = config.history_time() {
                    self.archive.keep_for(time, now);
                }
                self.engine
                    .handle(now, Input::Config(config), &mut self.actions);
                drop(done.send(before));
            }
            Command::Listening(service, done) => drop(done.send(self.listening(service))),
            Command::Config(done) => drop(done.send(Arc::clone(self.engine.config()))),
            Command::Leases { first, most, done } => drop(done.send(self.page(first, most))),
            Command::LeasesOf { hardware, done } => drop(done.send(self.leases_of(hardware))),
            Command::Events { from, most, done } => drop(done.send(self.log.since(from, most))),
            Command::Tell(event, done) => {
                self.actions.push(Action::Event(event));
                let _ = done.send(());
            }
            Command::Heard { mac, done } => drop(done.send(self.heard(mac))),
            Command::Release {
                address,
                seen,
                done,
            } => self.release(address, seen.as_deref(), done),
            Command::Waiting(done) => {
                let clock = self.clock.read();
                let mut waiting = self.engine.waiting();
                for one in &mut waiting {
                    (one.since, one.heard) = (clock.in_wall(one.since), clock.in_wall(one.heard));
                }
                let _ = done.send(waiting);
            }
            Command::Trouble(done) => {
                let _ = done.send(self.engine.trouble(self.clock.now()));
            }
            Command::Leased(done) => drop(done.send(self.engine.leased())),
            Command::Counters(done) => {
                let (unsent, unrecorded) = (self.unsent, self.archive.missing());
                let _ = done.send(Counters {
                    unsent,
                    unrecorded,
                    ..self.engine.counters()
                });
            }
            Command::Scopes(done) => drop(done.send(self.engine.scopes().clone())),
        }
    }

    fn heard(&self, mac: MacAddr) -> Heard {
        let exchanges = self.engine.exchanges(mac, EXCHANGES).into_iter();
        let with_link = exchanges.map(|mut exchange| {
            exchange.at = self.clock.read().in_wall(exchange.at);
            let listener = exchange.listener;
            let came_by =
                |link: &Link| listener.is_some_and(|own| link.listeners.contains_key(&own));
            let link = self.links.iter().find(|(_, link)| came_by(link));
            (exchange, link.map(|(key, _)| key.1.clone()))
        });
        let mut reserved = self.engine.reserved_for(mac);
        for obstacle in reserved.iter_mut().flat_map(|own| &mut own.obstacles) {
            obstacle.until = obstacle.until.map(|at| self.clock.read().in_wall(at));
        }
        Heard {
            exchanges: with_link.collect(),
            reserved,
        }
    }

    fn open(
        &mut self,
        service: Service,
        name: LinkName,
        (address, carried): (Ipv4Addr, InterfaceAddr),
    ) -> Result<(), ListenError> {
        self.close(service, address);
        // One whose device was replaced has sockets that nobody reaches.
        let gone: BTreeSet<_> = self
            .links
            .iter()
            .filter(|(_, link)| !link.is_alive())
            .map(|(key, _)| key.clone())
            .collect();
        self.links.retain(|key, _| !gone.contains(key));
        let key = (service, name);
        let link = match self.links.remove(&key) {
            Some(link) => link,
            None => Link::open(service, &key.1, address)?,
        };
        let link = self.links.entry(key).or_insert(link);
        link.listeners.insert(address, carried);
        Ok(())
    }

    fn close(&mut self, service: Service, address: Ipv4Addr) {
        let links = self.links.iter_mut();
        for (_, link) in links.filter(|(key, _)| key.0 == service) {
            link.listeners.remove(&address);
        }
        self.links.retain(|_, link| !link.listeners.is_empty());
    }

    fn listening(&self, service: Service) -> BTreeMap<IpAddr, Listener> {
        let links = self.links.iter();
        let alive = links.filter(|(key, link)| key.0 == service && link.is_alive());
        alive
            .flat_map(|(key, link)| link.listeners.iter().map(move |own| (&key.1, own)))
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
