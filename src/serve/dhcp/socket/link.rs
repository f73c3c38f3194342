//! The sockets of one link: DHCP's or PXE's UDP port bound to the device, and raw frames to clients without address.
//! Batches system calls; must not know what the bytes mean.

use std::collections::BTreeMap;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd};
use std::task::{Context, Poll};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{
    LinkAddr, MsgFlags, MultiHeaders, SockaddrIn, SockaddrLike, SockaddrStorage, bind, getsockname,
    recvmmsg, sendmmsg, setsockopt, sockopt,
};
use smallvec::SmallVec;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::frame::frame;
use crate::base::addr::InterfaceAddr;
use crate::base::mac::MacAddr;
use crate::base::name::LinkName;
use crate::serve::ListenError;
use crate::serve::dhcp::reply::{Destination, Reply};
use crate::serve::listen::is_shut_down;
use crate::state::Service;

/// Datagrams per system call.
const BATCH: usize = 64;

/// Longer than any message that a client sends in one Ethernet frame.
const LONGEST: usize = 2048;

/// Room for bursts: a whole row of racks that powers on at once.
const SOCKET_BUFFER: usize = 8 << 20;

const CLIENT_PORT: u16 = 68;

/// An open link.
pub(super) struct Link {
    /// Whose port it is.
    service: Service,
    name: LinkName,
    index: u32,
    /// The hardware address when the link was opened.
    mac: MacAddr,
    /// Waited for to be readable alone: to be told of every datagram that has left would cost more than to send it.
    udp: AsyncFd<Socket>,
    raw: Socket,
    /// The addresses that answer here; never empty while the link is open.
    pub listeners: BTreeMap<Ipv4Addr, InterfaceAddr>,
}

/// Where datagrams are received.
pub(super) struct Inbox {
    buffers: Vec<[u8; LONGEST]>,
    headers: MultiHeaders<SockaddrIn>,
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            buffers: vec![[0; LONGEST]; BATCH],
            headers: MultiHeaders::preallocate(BATCH, None),
        }
    }
}

/// What datagrams are sent with.
pub(super) struct Outbox {
    frames: MultiHeaders<LinkAddr>,
    datagrams: MultiHeaders<SockaddrIn>,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            frames: MultiHeaders::preallocate(BATCH, None),
            datagrams: MultiHeaders::preallocate(BATCH, None),
        }
    }
}

impl Link {
    /// # Errors
    /// [`ListenError`] where there is no such link, or another server has the port.
    pub(super) fn open(
        service: Service,
        name: &LinkName,
        address: Ipv4Addr,
    ) -> Result<Self, ListenError> {
        let Ok(index) = if_nametoindex(name.as_str()) else {
            let link = name.clone();
            return Err(ListenError::NoLink { service, link });
        };
        Self::bound(service, name, index).map_err(|source| ListenError::Socket {
            service,
            address: IpAddr::V4(address),
            port: service.port(),
            source,
        })
    }

    fn bound(service: Service, name: &LinkName, index: u32) -> io::Result<Self> {
        // Bound to no address, since clients without one send to 255.255.255.255; the device keeps other networks out.
        let udp = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        udp.bind_device(Some(name.as_str().as_bytes()))?;
        udp.set_broadcast(true)?;
        udp.set_nonblocking(true)?;
        // Beyond the system's limit only with CAP_NET_ADMIN; less room costs bursts, not service.
        let _ = setsockopt(&udp, sockopt::RcvBufForce, &SOCKET_BUFFER);
        let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, service.port());
        udp.bind(&SocketAddr::V4(any).into())?;
        // Without a protocol, a packet socket receives nothing.
        let raw = Socket::new(Domain::PACKET, Type::RAW, None)?;
        raw.set_nonblocking(true)?;
        let address = link_address(name)?;
        bind(raw.as_raw_fd(), &address)?;
        let mac = address.addr().ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self {
            service,
            name: name.clone(),
            index,
            mac: MacAddr(mac),
            udp: readable(udp)?,
            raw,
            listeners: BTreeMap::new(),
        })
    }

    /// Asks the kernel whether the socket still listens where it was bound, on the device that it was bound to.
    pub(super) fn is_alive(&self) -> bool {
        let udp = self.udp.get_ref();
        let device = udp.device().ok().flatten();
        let local = udp.local_addr().ok().and_then(|local| local.as_socket());
        if_nametoindex(self.name.as_str()) == Ok(self.index)
            && !is_shut_down(udp.as_fd())
            && local.is_some_and(|local| local.port() == self.service.port())
            && device.as_deref() == Some(self.name.as_str().as_bytes())
    }

    /// The link's hardware address now: others may change it under an open socket (`packet_getname`).
    fn mac(&self) -> MacAddr {
        // The kernel's answer is as long as a hardware address, which only the general type takes.
        let bound = getsockname::<SockaddrStorage>(self.raw.as_raw_fd()).ok();
        let mac = bound.and_then(|bound| bound.as_link_addr()?.addr());
        mac.map_or(self.mac, MacAddr)
    }

    pub(super) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.udp.poll_read_ready(context).map_ok(drop)
    }

    /// Gives what has arrived to `take`, one batch at most; false once the socket has no more.
    ///
    /// # Errors
    /// Where nothing can arrive any more: a socket that was shut down would be ready for ever and yield nothing.
    pub(super) fn receive(
        &self,
        inbox: &mut Inbox,
        mut take: impl FnMut(&[u8], SocketAddrV4),
    ) -> io::Result<bool> {
        let more = self.udp.try_io(Interest::READABLE, |udp| {
            let received = match receive_batch(udp, inbox, &mut take) {
                Err(fault)
                    if fault.kind() == io::ErrorKind::WouldBlock && is_shut_down(udp.as_fd()) =>
                {
                    return Err(io::ErrorKind::NotConnected.into());
                }
                other => other?,
            };
            // A batch that is not full emptied the socket, which spares asking once more.
            (received == BATCH)
                .then_some(())
                .ok_or_else(|| io::ErrorKind::WouldBlock.into())
        });
        match more {
            Ok(()) => Ok(true),
            Err(fault) if fault.kind() == io::ErrorKind::NotConnected => Err(fault),
            Err(_) => Ok(false),
        }
    }

    /// Sends replies; returns how many the kernel did not take.
    pub(super) fn send(&self, outbox: &mut Outbox, replies: &[Reply]) -> u64 {
        let (mut frames, mut datagrams) = (Vec::new(), Vec::with_capacity(replies.len()));
        let mut own = None;
        for reply in replies {
            let to = match reply.to {
                Destination::Address(to) | Destination::BootClient(to) => to,
                Destination::Broadcast => SocketAddrV4::new(Ipv4Addr::BROADCAST, CLIENT_PORT),
                Destination::Link { address, mac } => {
                    let from = SocketAddrV4::new(reply.via, Service::Dhcp.port());
                    let to = SocketAddrV4::new(address, CLIENT_PORT);
                    let own = *own.get_or_insert_with(|| self.mac());
                    frames.extend(frame((own, from), (mac, to), &reply.bytes));
                    continue;
                }
            };
            datagrams.push((Some(SockaddrIn::from(to)), reply.bytes.as_slice()));
        }
        let frames: Vec<_> = frames
            .iter()
            .map(|frame| (None, frame.as_slice()))
            .collect();
        send_all(&self.raw, &mut outbox.frames, &frames)
            + send_all(self.udp.get_ref(), &mut outbox.datagrams, &datagrams)
    }
}

#[expect(
    deprecated,
    reason = "its successor is unsafe where the descriptor may be closed meanwhile: the socket is moved into it"
)]
fn readable(socket: Socket) -> io::Result<AsyncFd<Socket>> {
    AsyncFd::with_interest(socket, Interest::READABLE)
}

/// Gives what has arrived to `take`, and tells how much that was.
fn receive_batch(
    socket: &Socket,
    inbox: &mut Inbox,
    take: &mut impl FnMut(&[u8], SocketAddrV4),
) -> io::Result<usize> {
    let buffers = inbox.buffers.iter_mut();
    let mut slices: Vec<_> = buffers.map(|buffer| [IoSliceMut::new(buffer)]).collect();
    let messages = recvmmsg(
        socket.as_raw_fd(),
        &mut inbox.headers,
        slices.iter_mut(),
        MsgFlags::MSG_DONTWAIT,
        None,
    )?;
    let nowhere = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
    let mut received = 0;
    for message in messages {
        received += 1;
        let from = message.address.map_or(nowhere, SocketAddrV4::from);
        take(message.iovs().next().unwrap_or_default(), from);
    }
    Ok(received)
}

fn send_all<A: SockaddrLike + Copy>(
    socket: &impl AsRawFd,
    headers: &mut MultiHeaders<A>,
    messages: &[(Option<A>, &[u8])],
) -> u64 {
    let (mut rest, mut unsent) = (messages, 0);
    while !rest.is_empty() {
        let batch = rest.get(..BATCH).unwrap_or(rest);
        let sent = match send_batch(socket, headers, batch) {
            Ok(sent) => sent,
            Err(_) => {
                unsent += 1;
                1
            }
        };
        rest = rest.get(sent.max(1)..).unwrap_or_default();
    }
    unsent
}

fn send_batch<A: SockaddrLike + Copy>(
    socket: &impl AsRawFd,
    headers: &mut MultiHeaders<A>,
    batch: &[(Option<A>, &[u8])],
) -> Result<usize, Errno> {
    let slices = batch.iter().map(|(_, bytes)| [IoSlice::new(bytes)]);
    let slices: SmallVec<[[IoSlice<'_>; 1]; BATCH]> = slices.collect();
    let addresses: SmallVec<[Option<A>; BATCH]> = batch.iter().map(|(to, _)| *to).collect();
    let results = sendmmsg(
        socket.as_raw_fd(),
        headers,
        slices.iter(),
        addresses,
        [],
        MsgFlags::MSG_DONTWAIT,
    )?;
    Ok(results.count())
}

/// The link's hardware address with its index, as the kernel lists it: nix cannot make one from parts safely.
pub(super) fn link_address(name: &LinkName) -> io::Result<LinkAddr> {
    let mut own = getifaddrs()?.filter(|entry| entry.interface_name == name.as_str());
    own.find_map(|entry| {
        entry
            .address
            .as_ref()
            .and_then(SockaddrStorage::as_link_addr)
            .copied()
    })
    .ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}
