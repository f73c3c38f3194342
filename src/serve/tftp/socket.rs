//! TFTP's sockets: takes requests, and runs each transfer on a port of its own as its engine says.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::task::{AbortHandle, JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep_until};

use super::Event;
use super::content::Content;
use super::engine::{Action, Blocks, Input, Terms, Transfer, wire_number};
use super::wire::{self, ErrorCode, Mode, Packet, Request};
use crate::base::addr::InterfaceAddr;
use crate::base::name::LinkName;
use crate::serve::ListenError;
use crate::serve::files::{BootFiles, FindError, StoredFile};
use crate::serve::listen::{Bound, Listeners, Open, beside, receive};
use crate::serve::places::{Place, Places};
use crate::serve::tally::Tally;
use crate::state::{Listener, Service, State};

/// Transfers at a time, and of one client.
const TRANSFERS_MAX: usize = 4096;
const TRANSFERS_PER_CLIENT: usize = 64;

/// Longest request: RFC 2347 2 allows 512 octets, and some loaders exceed it.
const REQUEST_OCTETS: usize = 1500;

/// Blocks handed to the kernel at once.
const BATCH: usize = 64;

/// The TFTP server of a controller. Its methods need a tokio runtime around them.
pub struct Server {
    listeners: Listeners,
    shared: Arc<Shared>,
}

struct Shared {
    files: ArcSwap<BootFiles>,
    tally: Tally<Event>,
    places: Arc<Places>,
}

impl Default for Server {
    fn default() -> Self {
        Self::on_port(Service::Tftp.port())
    }
}

impl Server {
    pub fn on_port(port: u16) -> Self {
        Self {
            listeners: Listeners::new(Service::Tftp, port),
            shared: Arc::new(Shared {
                files: ArcSwap::default(),
                tally: Tally::default(),
                places: Places::new(TRANSFERS_MAX, TRANSFERS_PER_CLIENT),
            }),
        }
    }

    /// Answers on `address` from now on.
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
        let socket = self.listeners.datagrams(&listener)?;
        let task = listen(Arc::clone(&socket), Arc::clone(&self.shared));
        self.listeners.insert(Open {
            listener,
            sockets: vec![Bound::Datagrams(socket)],
            tasks: vec![tokio::spawn(task)],
        });
        Ok(())
    }

    /// Answers on `address` no longer, and ends its transfers; the port is free when this returns.
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

    /// Serves other files from now on; transfers under way keep theirs.
    pub fn load(&self, files: Arc<BootFiles>) {
        self.shared.files.store(files);
    }

    /// The files that are served.
    pub fn serving(&self) -> State {
        self.shared.files.load().serving()
    }

    pub fn counters(&self) -> BTreeMap<Event, u64> {
        self.shared.tally.counts()
    }
}

/// Takes requests until the socket fails.
async fn listen(socket: Arc<UdpSocket>, shared: Arc<Shared>) {
    let mut desk = Desk {
        socket: &socket,
        shared,
        transfers: HashMap::new(),
        tasks: JoinSet::new(),
    };
    let mut buffer = [0; REQUEST_OCTETS];
    loop {
        tokio::select! {
            received = receive(&socket, &mut buffer) => match received {
                Ok((length, client)) => {
                    desk.take(buffer.get(..length).unwrap_or_default(), client);
                }
                Err(_) => return,
            },
            Some(ended) = desk.tasks.join_next() => {
                desk.forget(ended.ok());
            }
        }
    }
}

/// Where requests on one address arrive; ends its transfers when dropped.
struct Desk<'a> {
    socket: &'a UdpSocket,
    shared: Arc<Shared>,
    transfers: HashMap<SocketAddr, Running>,
    tasks: JoinSet<SocketAddr>,
}

/// A transfer as its desk knows it.
struct Running {
    request: Request,
    /// Whether the client has answered.
    heard: Arc<AtomicBool>,
    task: AbortHandle,
}

impl Desk<'_> {
    fn take(&mut self, bytes: &[u8], client: SocketAddr) {
        let refusal = match Packet::read(bytes) {
            Ok(Packet::Read(request)) => match self.admit(request, client) {
                Ok(()) => return,
                Err(refusal) => refusal,
            },
            Ok(Packet::Write) => (Event::Refused, ErrorCode::Access, "read only"),
            // An answer to an error would be the begin of a loop.
            Ok(Packet::Error | Packet::Acknowledge(_)) => {
                return self.shared.tally.count(Event::Malformed);
            }
            Err(_) => (Event::Malformed, ErrorCode::Illegal, "not a request"),
        };
        let (event, code, message) = refusal;
        self.shared.tally.count(event);
        // A full queue loses the refusal as a network would; the client asks again.
        let _ = self.socket.try_send_to(&wire::error(code, message), client);
    }

    fn admit(
        &mut self,
        request: Request,
        client: SocketAddr,
    ) -> Result<(), (Event, ErrorCode, &'static str)> {
        if let Some(running) = self.transfers.get(&client) {
            if running.request == request && !running.heard.load(Ordering::Relaxed) {
                // A repeated request; the transfer repeats its first packet by itself.
                return Ok(());
            }
            running.task.abort();
            self.transfers.remove(&client);
        }
        if request.mode == Mode::Unsupported {
            return Err((Event::Refused, ErrorCode::Illegal, "no such mode"));
        }
        let files = self.shared.files.load();
        let stored = files.find(&request.name).map_err(|fault| match fault {
            FindError::Missing => (Event::Missing, ErrorCode::NotFound, "no such file"),
            FindError::Outside => (Event::Refused, ErrorCode::Access, "no access"),
        })?;
        let busy = (Event::Busy, ErrorCode::Undefined, "busy, try again");
        let place = self.shared.places.take(client.ip()).ok_or(busy)?;
        let stored = stored.clone();
        drop(files);
        self.start(request, stored, client, place);
        Ok(())
    }

    fn start(&mut self, request: Request, stored: StoredFile, client: SocketAddr, place: Place) {
        let heard = Arc::new(AtomicBool::new(false));
        let socket = beside(self.socket);
        let (asked, shared, seen) = (
            request.clone(),
            Arc::clone(&self.shared),
            Arc::clone(&heard),
        );
        let task = self.tasks.spawn(async move {
            let event = match Session::begin(socket, client, asked, stored, &shared, seen).await {
                Ok((session, first)) => session.run(first).await,
                Err(_) => Event::Unreadable,
            };
            shared.tally.count(event);
            drop(place);
            client
        });
        self.transfers.insert(
            client,
            Running {
                request,
                heard,
                task,
            },
        );
    }

    /// Lets go of a transfer that ended, unless its client began another; of one that broke, the client is not known.
    fn forget(&mut self, client: Option<SocketAddr>) {
        let Some(client) = client else {
            self.transfers
                .retain(|_, running| !running.task.is_finished());
            return;
        };
        let ended = self.transfers.get(&client);
        if ended.is_some_and(|running| running.task.is_finished()) {
            self.transfers.remove(&client);
        }
    }
}

/// One transfer with the port that it owns (RFC 1350 4).
struct Session<'a> {
    socket: UdpSocket,
    client: SocketAddr,
    content: Content,
    transfer: Transfer,
    began: Instant,
    shared: &'a Shared,
    heard: Arc<AtomicBool>,
}

impl<'a> Session<'a> {
    async fn begin(
        socket: io::Result<UdpSocket>,
        client: SocketAddr,
        request: Request,
        stored: StoredFile,
        shared: &'a Shared,
        heard: Arc<AtomicBool>,
    ) -> io::Result<(Self, Action)> {
        let socket = socket?;
        let opened = spawn_blocking(move || Content::open(&stored, request.mode)).await?;
        let content = match opened {
            Ok(content) => content,
            Err(fault) => {
                let error = wire::error(ErrorCode::Undefined, "cannot read the file");
                socket.send_to(&error, client).await?;
                return Err(fault);
            }
        };
        let terms = Terms::settle(request.asked, content.length());
        let (transfer, first) = Transfer::begin(terms, content.length());
        let session = Self {
            socket,
            client,
            content,
            transfer,
            began: Instant::now(),
            shared,
            heard,
        };
        Ok((session, first))
    }

    async fn run(mut self, mut action: Action) -> Event {
        loop {
            match action {
                Action::Wait => {}
                Action::SendOptions => {
                    let answers = wire::options(&self.transfer.terms().answers);
                    self.tell(&answers, self.client).await;
                }
                Action::Send(blocks) => {
                    if self.send(blocks).await.is_err() {
                        return Event::Unreadable;
                    }
                }
                Action::Finish => return Event::Completed,
                Action::Cancel => return Event::Cancelled,
                Action::Abandon => return Event::Abandoned,
            }
            let Ok(input) = self.next().await else {
                return Event::Abandoned;
            };
            action = self.transfer.handle(self.began.elapsed(), input);
        }
    }

    /// What happens next: the client's answer, or its absence.
    async fn next(&self) -> io::Result<Input> {
        let deadline = self.began + self.transfer.deadline();
        let mut buffer = [0; REQUEST_OCTETS];
        loop {
            let (length, peer) = tokio::select! {
                received = receive(&self.socket, &mut buffer) => received?,
                () = sleep_until(deadline) => return Ok(Input::Tick),
            };
            if peer != self.client {
                self.shared.tally.count(Event::Stray);
                let error = wire::error(ErrorCode::UnknownTransfer, "not your transfer");
                self.tell(&error, peer).await;
                continue;
            }
            match Packet::read(buffer.get(..length).unwrap_or_default()) {
                Ok(Packet::Acknowledge(block)) => {
                    self.heard.store(true, Ordering::Relaxed);
                    return Ok(Input::Acknowledge(block));
                }
                Ok(Packet::Error) => return Ok(Input::Error),
                Ok(Packet::Read(_) | Packet::Write) | Err(_) => {
                    self.shared.tally.count(Event::Malformed);
                }
            }
        }
    }

    /// Sends a small packet; a lost one is the engine's to repeat.
    async fn tell(&self, bytes: &[u8], peer: SocketAddr) {
        let _ = self.socket.send_to(bytes, peer).await;
    }

    async fn send(&mut self, blocks: Blocks) -> io::Result<()> {
        let size = u64::from(self.transfer.terms().block_size);
        let from = (blocks.first - 1) * size;
        let to = from + u64::from(blocks.count) * size;
        if self.content.held(from, to).is_none() {
            let piece = spawn_blocking(self.content.read_ahead(from, to)).await??;
            self.content.hold(piece);
        }
        let octets = self.content.held(from, to).unwrap_or_default();
        let block_size = usize::from(self.transfer.terms().block_size);
        let packets = packets(blocks, octets, block_size);
        let mut left = packets.as_slice();
        while !left.is_empty() {
            let write = || send_batch(&self.socket, self.client, left);
            match self.socket.async_io(Interest::WRITABLE, write).await {
                Ok(sent) if sent > 0 => left = left.get(sent..).unwrap_or_default(),
                // Lost as on the wire: the engine sends again what is not acknowledged.
                Ok(_) | Err(_) => break,
            }
        }
        Ok(())
    }
}

/// A block as it goes out: its header and its octets.
type DataPacket<'a> = ([u8; wire::DATA_HEADER], &'a [u8]);

/// The packets of `blocks`, whose content is `octets`; the last block of a file may be short or empty.
fn packets(blocks: Blocks, octets: &[u8], block_size: usize) -> Vec<DataPacket<'_>> {
    let mut rest = octets;
    let numbers = (blocks.first..).take(usize::from(blocks.count));
    let packet = |number| {
        let (block, after) = rest.split_at(block_size.min(rest.len()));
        rest = after;
        (wire::data_header(wire_number(number)), block)
    };
    numbers.map(packet).collect()
}

/// Hands packets to the kernel in one call; returns how many it took.
fn send_batch(
    socket: &UdpSocket,
    client: SocketAddr,
    packets: &[DataPacket<'_>],
) -> io::Result<usize> {
    let batch = packets.iter().take(BATCH);
    let slices: Vec<_> = batch
        .map(|(header, octets)| [IoSlice::new(header), IoSlice::new(octets)])
        .collect();
    let clients = vec![Some(SockaddrStorage::from(client)); slices.len()];
    let mut headers = MultiHeaders::preallocate(slices.len(), None);
    let descriptor = socket.as_raw_fd();
    let flags = MsgFlags::empty();
    let sent = sendmmsg(descriptor, &mut headers, &slices, clients, [], flags)?;
    Ok(sent.count())
}
