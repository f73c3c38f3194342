//! The sockets that a server holds open, by address, and whether they still answer. Knows no protocol.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, ready};
use std::time::Duration;

use nix::libc::POLLRDHUP;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{getsockopt, sockopt};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;

use super::ListenError;
use crate::state::{Listener, Service};

/// Connections that the kernel holds until we accept them.
const BACKLOG: i32 = 128;

/// How long a peer may leave our bytes unacknowledged before the kernel gives its connection up.
const UNACKNOWLEDGED: Duration = Duration::from_secs(60);

/// A server's open addresses.
pub(super) struct Listeners {
    service: Service,
    port: u16,
    open: Mutex<BTreeMap<IpAddr, Open>>,
}

/// What answers on one address; dropping it ends the tasks.
pub(super) struct Open {
    pub(super) listener: Listener,
    pub(super) sockets: Vec<Bound>,
    pub(super) tasks: Vec<JoinHandle<()>>,
}

/// A socket shared by its task and by whoever asks whether it still answers.
pub(super) enum Bound {
    Datagrams(Arc<UdpSocket>),
    Connections(Arc<TcpListener>),
}

impl Listeners {
    pub(super) fn new(service: Service, port: u16) -> Self {
        Self {
            service,
            port,
            open: Mutex::default(),
        }
    }

    /// Binds a datagram socket to exactly this address.
    pub(super) fn datagrams(&self, on: &Listener) -> Result<Arc<UdpSocket>, ListenError> {
        let bind = || {
            let socket = self.socket(on, Type::DGRAM, Protocol::UDP)?;
            UdpSocket::from_std(socket.into())
        };
        bind().map(Arc::new).map_err(|e| self.error(on, e))
    }

    /// Binds and opens a stream socket on exactly this address.
    pub(super) fn connections(&self, on: &Listener) -> Result<Arc<TcpListener>, ListenError> {
        let bind = || {
            let socket = self.socket(on, Type::STREAM, Protocol::TCP)?;
            socket.listen(BACKLOG)?;
            TcpListener::from_std(socket.into())
        };
        bind().map(Arc::new).map_err(|e| self.error(on, e))
    }

    fn socket(&self, on: &Listener, kind: Type, protocol: Protocol) -> io::Result<Socket> {
        let address = SocketAddr::new(on.address.ip(), self.port);
        let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
        socket.set_nonblocking(true)?;
        if kind == Type::STREAM {
            // Connections that linger after a listener closed must not keep it from opening again; a second listener is refused all the same.
            socket.set_reuse_address(true)?;
            socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
        }
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
            // A new address cannot be bound while the kernel still looks for duplicates (RFC 4862 5.4).
            socket.set_freebind_v6(true)?;
        }
        let Err(error) = socket.bind(&address.into()) else {
            return Ok(socket);
        };
        // An address in a VRF can only be had on a device (Documentation/networking/vrf.rst).
        let device = Some(on.link.as_str().as_bytes());
        if error.kind() != io::ErrorKind::AddrNotAvailable || socket.bind_device(device).is_err() {
            return Err(error);
        }
        socket.bind(&address.into())?;
        Ok(socket)
    }

    fn error(&self, on: &Listener, source: io::Error) -> ListenError {
        ListenError::Socket {
            service: self.service,
            address: on.address.ip(),
            port: self.port,
            source,
        }
    }

    /// Whether `listener` is open already, and answers.
    pub(super) fn holds(&self, listener: &Listener) -> bool {
        let open = self.lock();
        open.get(&listener.address.ip())
            .is_some_and(|open| open.listener == *listener && open.answers())
    }

    pub(super) fn insert(&self, open: Open) {
        self.lock().insert(open.listener.address.ip(), open);
    }

    /// Gives an address up. Its port is free once the returned tasks have ended.
    pub(super) fn withdraw(&self, address: IpAddr) -> Vec<JoinHandle<()>> {
        let Some(mut open) = self.lock().remove(&address) else {
            return Vec::new();
        };
        open.tasks.iter().for_each(JoinHandle::abort);
        std::mem::take(&mut open.tasks)
    }

    /// The listeners that answer now, as their sockets and tasks say.
    pub(super) fn listening(&self) -> BTreeMap<IpAddr, Listener> {
        let open = self.lock();
        open.iter()
            .filter(|(_, open)| open.answers())
            .map(|(address, open)| (*address, open.listener.clone()))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<IpAddr, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn answers(&self) -> bool {
        let address = self.listener.address.ip();
        let runs = self.tasks.iter().all(|task| !task.is_finished());
        runs && self.sockets.iter().all(|socket| socket.answers(address))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Bound {
    /// Asks the kernel, since others may shut a socket down through a descriptor of their own.
    fn answers(&self, address: IpAddr) -> bool {
        let bound = match self {
            Self::Datagrams(socket) => socket.local_addr(),
            Self::Connections(socket) => socket.local_addr(),
        };
        let bound_here = bound.is_ok_and(|bound| bound.ip() == address);
        let device = match self {
            Self::Datagrams(socket) => SockRef::from(&**socket).device(),
            Self::Connections(socket) => SockRef::from(&**socket).device(),
        };
        // The kernel has no name for a device that is gone.
        bound_here
            && device.is_ok()
            && match self {
                Self::Datagrams(socket) => !is_shut_down(socket.as_fd()),
                Self::Connections(socket) => accepts(socket),
            }
    }
}

/// A datagram socket on the same address and device as `socket`, with a port of its own.
pub(super) fn beside(socket: &UdpSocket) -> io::Result<UdpSocket> {
    let mut address = socket.local_addr()?;
    address.set_port(0);
    let further = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    further.set_nonblocking(true)?;
    if let Some(device) = SockRef::from(socket).device()? {
        further.bind_device(Some(&device))?;
    }
    further.bind(&address.into())?;
    UdpSocket::from_std(further.into())
}

/// Whether `shutdown(2)` was called: on a datagram socket it fails with ENOTCONN and takes effect all the same.
pub(super) fn is_shut_down(socket: BorrowedFd<'_>) -> bool {
    // `nix` lacks this flag's name, and shows flags that it cannot name as none at all.
    let hung_up = PollFlags::from_bits_retain(POLLRDHUP);
    let mut polled = [PollFd::new(socket, hung_up)];
    match poll(&mut polled, PollTimeout::ZERO) {
        Ok(0) => false,
        Ok(_) | Err(_) => true,
    }
}

/// The next datagram. A socket shut down would be ready for ever and yield nothing, so that is an error.
pub(super) fn receive<'a>(
    socket: &'a UdpSocket,
    buffer: &'a mut [u8],
) -> impl Future<Output = io::Result<(usize, SocketAddr)>> + 'a {
    poll_fn(move |context| {
        loop {
            ready!(socket.poll_recv_ready(context))?;
            match socket.try_recv_from(buffer) {
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => {
                    if is_shut_down(socket.as_fd()) {
                        return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
                    }
                }
                other => return Poll::Ready(other),
            }
        }
    })
}

/// The next connection; a peer that hung up early is passed over.
pub(super) fn accept(
    listener: &TcpListener,
) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + '_ {
    poll_fn(move |context| {
        loop {
            match ready!(listener.poll_accept(context)) {
                Err(fault) if fault.kind() == io::ErrorKind::ConnectionAborted => {}
                other => return Poll::Ready(other),
            }
        }
    })
}

/// Whether the kernel still takes connections for `listener`.
pub(super) fn accepts(listener: &TcpListener) -> bool {
    getsockopt(listener, sockopt::AcceptConn).unwrap_or(false)
}
