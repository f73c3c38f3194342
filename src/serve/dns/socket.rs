//! DNS's sockets: moves questions to the engine and answers back, by UDP and TCP (RFC 7766), and waits for upstreams.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::Event;
use super::engine::{Names, Outcome};
use super::forward::{FORWARDS_MAX, Forwarder, found};
use super::reply::{Forwarded, Found, Transport};
use super::zone::View;
use crate::base::addr::InterfaceAddr;
use crate::base::name::{DomainName, LinkName};
use crate::serve::ListenError;
use crate::serve::listen::{Bound, Listeners, Open, accept, accepts, receive};
use crate::serve::places::{Place, Places};
use crate::serve::tally::Tally;
use crate::state::{Listener, Service, State};

/// Connections at a time, and of one client.
const CONNECTIONS_MAX: usize = 512;
const CONNECTIONS_PER_CLIENT: usize = 32;

/// How long a connection may stay without a whole question, or refuse to take an answer (RFC 7766 6.2.3).
const IDLE: Duration = Duration::from_secs(10);

/// The wait before accepting again after the host ran out of something.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// Largest datagram read; questions are far smaller.
const DATAGRAM_OCTETS: usize = 4096;

/// The DNS server of a controller. Its methods need a tokio runtime around them.
pub struct Server {
    listeners: Listeners,
    shared: Arc<Shared>,
    upstream_port: u16,
}

struct Shared {
    current: RwLock<Current>,
    tally: Tally<Event>,
    places: Arc<Places>,
    forwards: Arc<Semaphore>,
}

/// What one question sees: all of one configuration.
struct Current {
    names: Names,
    forwarder: Option<Forwarder>,
}

/// Zones, records and forwarders that are ready to be answered from.
pub struct Prepared {
    view: Arc<View>,
    forwarder: Option<Forwarder>,
    /// The view that they were compared with, and whether they differ from it.
    base: Arc<View>,
    differs: bool,
}

impl Server {
    /// A server whose zones begin with `serial`, which should grow from start to start.
    pub fn new(serial: u32) -> Self {
        let port = Service::Dns.port();
        Self::on_ports(serial, port, port)
    }

    /// A server that listens on `port` and finds its upstreams on `upstream_port`.
    pub fn on_ports(serial: u32, port: u16, upstream_port: u16) -> Self {
        Self {
            listeners: Listeners::new(Service::Dns, port),
            shared: Arc::new(Shared {
                current: RwLock::new(Current {
                    names: Names::new(serial),
                    forwarder: None,
                }),
                tally: Tally::default(),
                places: Places::new(CONNECTIONS_MAX, CONNECTIONS_PER_CLIENT),
                forwards: Arc::new(Semaphore::new(FORWARDS_MAX)),
            }),
            upstream_port,
        }
    }

    /// Answers on `address` from now on, by UDP and TCP.
    ///
    /// # Errors
    /// [`ListenError::Socket`] where the port is taken or the address is not the host's.
    pub async fn open(&self, link: &LinkName, address: InterfaceAddr) -> Result<(), ListenError> {
        let listener = Listener {
            link: link.clone(),
            address,
        };
        if self.listeners.holds(&listener) {
            return Ok(());
        }
        self.close(address.ip()).await;
        let datagrams = self.listeners.datagrams(&listener)?;
        let connections = self.listeners.connections(&listener)?;
        let by_datagram = serve_datagrams(Arc::clone(&datagrams), Arc::clone(&self.shared));
        let by_stream = serve_connections(Arc::clone(&connections), Arc::clone(&self.shared));
        self.listeners.insert(Open {
            listener,
            sockets: vec![Bound::Datagrams(datagrams), Bound::Connections(connections)],
            tasks: vec![tokio::spawn(by_datagram), tokio::spawn(by_stream)],
        });
        Ok(())
    }

    /// Answers on `address` no longer; the port is free when this returns.
    pub async fn close(&self, address: IpAddr) {
        for task in self.listeners.withdraw(address) {
            // It was told to end, so how it ended says nothing.
            let _ = task.await;
        }
    }

    /// Where the server answers, as its sockets say.
    pub fn listening(&self) -> BTreeMap<IpAddr, Listener> {
        self.listeners.listening()
    }

    /// Answers from the zones, records and forwarders of `state` from now on. Leases stay.
    ///
    /// # Errors
    /// [`LoadError`] where no resolver can be made of the forwarders; then nothing changed.
    pub fn load(&self, state: &State) -> Result<(), LoadError> {
        let before = self.put(self.prepare(state)?);
        drop(before);
        Ok(())
    }

    /// Does all of [`Server::load`] that takes long; changes nothing.
    ///
    /// # Errors
    /// As [`Server::load`].
    pub fn prepare(&self, state: &State) -> Result<Prepared, LoadError> {
        let view = Arc::new(View::new(state));
        let forwarder = self.forwarder(view.upstreams())?;
        let base = Arc::clone(self.shared.read().names.view());
        let differs = view.state() != base.state();
        Ok(Prepared {
            view,
            forwarder,
            base,
            differs,
        })
    }

    /// Answers from what was prepared from now on; gives back what was before, to be freed where nobody waits, or put again.
    pub fn put(&self, prepared: Prepared) -> Prepared {
        let Prepared {
            view,
            forwarder,
            base,
            differs,
        } = prepared;
        let mut current = self.shared.write();
        let is_base = Arc::ptr_eq(current.names.view(), &base);
        let differs = if is_base {
            differs
        } else {
            view.state() != current.names.view().state()
        };
        let base = Arc::clone(&view);
        let view = current.names.load(view, differs);
        let forwarder = std::mem::replace(&mut current.forwarder, forwarder);
        Prepared {
            view,
            forwarder,
            base,
            differs,
        }
    }

    /// A forwarder that keeps what it remembers where its upstreams stay.
    fn forwarder(&self, upstreams: &[IpAddr]) -> Result<Option<Forwarder>, LoadError> {
        if upstreams.is_empty() {
            return Ok(None);
        }
        let kept = self.shared.read().forwarder.clone();
        if let Some(kept) = kept.filter(|kept| kept.upstreams() == upstreams) {
            return Ok(Some(kept));
        }
        Forwarder::new(upstreams, self.upstream_port)
            .map(Some)
            .map_err(|source| LoadError {
                upstreams: upstreams.to_vec(),
                source: Box::new(source),
            })
    }

    /// The zones, records and forwarders that answers come from.
    pub fn serving(&self) -> State {
        let view = Arc::clone(self.shared.read().names.view());
        view.state().clone()
    }

    /// Names a leased address. When this returns, both the name and the address resolve.
    pub fn publish(&self, name: DomainName, address: Ipv4Addr) {
        self.shared.write().names.publish(name, address);
    }

    /// Takes the name of a leased address away, where it still is `name`.
    pub fn withdraw(&self, name: &DomainName, address: Ipv4Addr) {
        self.shared.write().names.withdraw(name, address);
    }

    pub fn counters(&self) -> BTreeMap<Event, u64> {
        self.shared.tally.counts()
    }
}

/// Why a configuration was not loaded.
#[derive(Debug, thiserror::Error)]
#[error("cannot forward questions to {upstreams:?}")]
pub struct LoadError {
    upstreams: Vec<IpAddr>,
    #[source]
    source: Box<hickory_resolver::net::NetError>,
}

impl Shared {
    fn read(&self) -> RwLockReadGuard<'_, Current> {
        self.current.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Current> {
        self.current.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reply to a message; or the question to pass on, and to whom.
    fn answer(&self, bytes: &[u8], transport: Transport) -> Answer {
        let current = self.read();
        let (event, answer) = match current.names.answer(bytes, transport) {
            Outcome::Reply(reply) => (Event::Answered, Answer::Now(reply)),
            Outcome::Fault(reply) => (Event::Malformed, Answer::Now(reply)),
            Outcome::Malformed => (Event::Malformed, Answer::Never),
            Outcome::Unasked => (Event::Unasked, Answer::Never),
            Outcome::Forward(question) => match current.forwarder.clone() {
                Some(forwarder) => (Event::Forwarded, Answer::Later(question, forwarder)),
                None => (
                    Event::Answered,
                    Answer::Now(question.finish(Found::Nothing)),
                ),
            },
        };
        self.tally.count(event);
        answer
    }

    /// Asks upstream, where not too many wait for that already.
    async fn forward(&self, question: Box<Forwarded>, forwarder: Forwarder) -> Vec<u8> {
        let Ok(_permit) = self.forwards.try_acquire() else {
            self.tally.count(Event::Busy);
            return question.finish(Found::Nothing);
        };
        let Some(asked) = question.question() else {
            return question.finish(Found::Nothing);
        };
        let (name, kind) = (asked.name().clone(), asked.query_type());
        let found = found(forwarder.resolver().lookup(name, kind).await);
        if matches!(found, Found::Nothing) {
            self.tally.count(Event::Unanswered);
        }
        question.finish(found)
    }
}

enum Answer {
    Now(Vec<u8>),
    Later(Box<Forwarded>, Forwarder),
    Never,
}

/// Answers datagrams until the socket fails.
async fn serve_datagrams(socket: Arc<UdpSocket>, shared: Arc<Shared>) {
    let mut waiting = JoinSet::new();
    let mut buffer = vec![0; DATAGRAM_OCTETS];
    while let Ok((length, client)) = receive(&socket, &mut buffer).await {
        while waiting.try_join_next().is_some() {}
        let asked = buffer.get(..length).unwrap_or_default();
        match shared.answer(asked, Transport::Datagram) {
            Answer::Now(reply) => send(&socket, &reply, client).await,
            Answer::Later(question, _) if waiting.len() >= FORWARDS_MAX => {
                shared.tally.count(Event::Busy);
                send(&socket, &question.finish(Found::Nothing), client).await;
            }
            Answer::Later(question, forwarder) => {
                let (socket, shared) = (Arc::clone(&socket), Arc::clone(&shared));
                waiting.spawn(async move {
                    let reply = shared.forward(question, forwarder).await;
                    send(&socket, &reply, client).await;
                });
            }
            Answer::Never => {}
        }
    }
}

/// A reply that cannot be sent is lost as on the wire; the client asks again.
async fn send(socket: &UdpSocket, reply: &[u8], client: SocketAddr) {
    let _ = socket.send_to(reply, client).await;
}

/// Accepts connections until the listener is shut down.
async fn serve_connections(listener: Arc<TcpListener>, shared: Arc<Shared>) {
    let mut open = JoinSet::new();
    loop {
        let (stream, client) = match accept(&listener).await {
            Ok(accepted) => accepted,
            Err(_) if accepts(&listener) => {
                shared.tally.count(Event::Busy);
                sleep(EXHAUSTED).await;
                continue;
            }
            Err(_) => return,
        };
        while open.try_join_next().is_some() {}
        match shared.places.take(client.ip()) {
            Some(place) => {
                open.spawn(serve_connection(stream, place, Arc::clone(&shared)));
            }
            None => shared.tally.count(Event::Busy),
        }
    }
}

/// Answers questions in their order until the client stops asking; a failed connection is the client's to open again.
async fn serve_connection(mut stream: TcpStream, _place: Place, shared: Arc<Shared>) {
    while let Ok(Ok(asked)) = timeout(IDLE, read_framed(&mut stream)).await {
        let reply = match shared.answer(&asked, Transport::Stream) {
            Answer::Now(reply) => reply,
            Answer::Later(question, forwarder) => shared.forward(question, forwarder).await,
            Answer::Never => return,
        };
        let Ok(Ok(())) = timeout(IDLE, write_framed(&mut stream, &reply)).await else {
            return;
        };
    }
}

/// A message after its length (RFC 1035 4.2.2).
async fn read_framed(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut message = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

async fn write_framed(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    let framed = [&length.to_be_bytes(), message].concat();
    stream.write_all(&framed).await
}
