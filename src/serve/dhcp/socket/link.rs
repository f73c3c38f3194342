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
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

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
    udp: UdpSocket,
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
            udp: UdpSocket::from_std(udp.into())?,
            raw,
            listeners: BTreeMap::new(),
        })
    }

    /// Asks the kernel whether the socket still listens where it was bound, on the device that it was bound to.
    pub(super) fn is_alive(&self) -> bool {
        let device = SockRef::from(&self.udp).device().ok().flatten();
        let local = self.udp.local_addr();
        if_nametoindex(self.name.as_str()) == Ok(self.index)
            && !is_shut_down(self.udp.as_fd())
            && local.is_ok_and(|local| local.port() == self.service.port())
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
        self.udp.poll_recv_ready(context)
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
        let mut received = Vec::new();
        let more = self.udp.try_io(Interest::READABLE, || {
            received = match receive_batch(&self.udp, inbox) {
                Err(fault)
                    if fault.kind() == io::ErrorKind::WouldBlock
                        && is_shut_down(self.udp.as_fd()) =>
                {
                    return Err(io::ErrorKind::NotConnected.into());
                }
                other => other?,
            };
            // A batch that is not full emptied the socket, which spares asking once more.
            let is_full = received.len() == BATCH;
            is_full
                .then_some(())
                .ok_or_else(|| io::ErrorKind::WouldBlock.into())
        });
        for (buffer, (length, from)) in inbox.buffers.iter().zip(&received) {
            take(buffer.get(..*length).unwrap_or(buffer), *from);
        }
        match more {
            Ok(()) => Ok(true),
            Err(fault) if fault.kind() == io::ErrorKind::NotConnected => Err(fault),
            Err(_) => Ok(false),
        }
    }

    /// Sends replies; returns how many the kernel did not take.
    pub(super) fn send(&self, replies: &[Reply]) -> u64 {
        let (mut frames, mut datagrams) = (Vec::new(), Vec::new());
        let mut own = None;
        for reply in replies {
            match reply.to {
                Destination::Address(to) | Destination::BootClient(to) => {
                    datagrams.push((to, reply.bytes.as_slice()))
                }
                Destination::Broadcast => {
                    let to = SocketAddrV4::new(Ipv4Addr::BROADCAST, CLIENT_PORT);
                    datagrams.push((to, reply.bytes.as_slice()));
                }
                Destination::Link { address, mac } => {
                    let from = SocketAddrV4::new(reply.via, Service::Dhcp.port());
                    let to = SocketAddrV4::new(address, CLIENT_PORT);
                    let own = *own.get_or_insert_with(|| self.mac());
                    frames.extend(frame((own, from), (mac, to), &reply.bytes));
                }
            }
        }
        let frames: Vec<_> = frames
            .iter()
            .map(|frame| (None, frame.as_slice()))
            .collect();
        let datagrams: Vec<_> = datagrams
            .into_iter()
            .map(|(to, bytes)| (Some(SockaddrIn::from(to)), bytes))
            .collect();
        send_all::<LinkAddr>(&self.raw, &frames) + send_all(&self.udp, &datagrams)
    }
}

fn receive_batch(socket: &UdpSocket, inbox: &mut Inbox) -> io::Result<Vec<(usize, SocketAddrV4)>> {
    let mut slices: Vec<_> = inbox
        .buffers
        .iter_mut()
        .map(|buffer| [IoSliceMut::new(buffer)])
        .collect();
    let flags = MsgFlags::MSG_DONTWAIT;
    let messages = recvmmsg(
        socket.as_raw_fd(),
        &mut inbox.headers,
        slices.iter_mut(),
        flags,
        None,
    )?;
    let nowhere = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
    let found = messages.map(|message| {
        let from = message.address.map_or(nowhere, SocketAddrV4::from);
        (message.bytes, from)
    });
    Ok(found.collect())
}

fn send_all<A: SockaddrLike + Copy>(socket: &impl AsRawFd, messages: &[(Option<A>, &[u8])]) -> u64 {
    let (mut rest, mut unsent) = (messages, 0);
    while !rest.is_empty() {
        let batch = rest.get(..BATCH).unwrap_or(rest);
        let sent = match send_batch(socket, batch) {
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
    batch: &[(Option<A>, &[u8])],
) -> Result<usize, Errno> {
    let mut headers = MultiHeaders::<A>::preallocate(batch.len(), None);
    let slices: Vec<_> = batch
        .iter()
        .map(|(_, bytes)| [IoSlice::new(bytes)])
        .collect();
    let addresses: Vec<_> = batch.iter().map(|(to, _)| *to).collect();
    let flags = MsgFlags::MSG_DONTWAIT;
    let results = sendmmsg(
        socket.as_raw_fd(),
        &mut headers,
        slices.iter(),
        addresses,
        [],
        flags,
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
