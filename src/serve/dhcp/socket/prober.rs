//! Asks the network whether somebody has an address: by ARP on a link, by echo wherever routes lead. Each is asked twice and told of
//! once, in time. Must not know why.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use nix::sys::socket::bind;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{Instant, Sleep, sleep_until};

use super::link::link_address;
use crate::base::mac::MacAddr;
use crate::base::name::LinkName;
use crate::base::{arp, echo};
use crate::serve::dhcp::probe::{Probe, ProbeWay};

/// How long an answer is waited for before asking once more, and then again before nobody has the address. On a wired link it
/// takes a millisecond, and clients wait a second for an offer.
const ROUND: Duration = Duration::from_millis(150);

/// Frames looked at before others have their turn.
const FRAMES: usize = 64;

/// Longer than any answer; the rest of a longer one tells nothing.
const LONGEST: usize = 512;

/// What came of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Somebody {
        address: Ipv4Addr,
        by: Option<MacAddr>,
    },
    Nobody(Ipv4Addr),
}

/// An address that is asked for.
#[derive(Debug, Clone)]
struct Open {
    way: Way,
    due: Instant,
    is_last: bool,
}

#[derive(Debug, Clone)]
enum Way {
    Arp(LinkName),
    Echo,
    /// Its link is gone: nobody can be asked, and nobody waits for ever.
    Nowhere,
}

/// A packet socket for ARP on a link.
struct Neighbours {
    socket: UdpSocket,
    own: MacAddr,
}

/// What is asked now. Sockets are open only as long as anything is.
#[derive(Default)]
pub(super) struct Prober {
    open: BTreeMap<Ipv4Addr, Open>,
    /// When each is looked at again, the soonest first; one that was told of meanwhile is passed over.
    due: VecDeque<(Instant, Ipv4Addr)>,
    sleep: Option<Pin<Box<Sleep>>>,
    links: BTreeMap<LinkName, Neighbours>,
    echo: Option<UdpSocket>,
}

impl Prober {
    /// Asks for an address that no other probe is about.
    pub(super) fn begin(&mut self, probe: Probe, link: Option<&LinkName>) {
        let way = match (probe.way, link) {
            (ProbeWay::Arp, Some(link)) => Way::Arp(link.clone()),
            (ProbeWay::Arp, None) => Way::Nowhere,
            (ProbeWay::Echo, _) => Way::Echo,
        };
        self.ask(&way, probe.address);
        let due = Instant::now() + ROUND;
        let is_last = false;
        self.open.insert(probe.address, Open { way, due, is_last });
        self.due.push_back((due, probe.address));
    }

    /// What came of one of the probes, once that is known.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Found> {
        if self.open.is_empty() {
            return Poll::Pending;
        }
        let found = self.heard(context).or_else(|| self.timed_out(context));
        let Some(found) = found else {
            return Poll::Pending;
        };
        let (Found::Somebody { address, .. } | Found::Nobody(address)) = found;
        self.open.remove(&address);
        if self.open.is_empty() {
            *self = Self::default();
        }
        Poll::Ready(found)
    }

    fn ask(&mut self, way: &Way, address: Ipv4Addr) {
        let asked = match way {
            Way::Arp(link) => self.ask_neighbours(link, address),
            Way::Echo => self.ask_echo(address),
            Way::Nowhere => Ok(()),
        };
        // Where it could not be sent nobody answers, which is told in time.
        if let Err(error) = asked {
            tracing::debug!(%address, %error, "cannot ask whether an address is in use");
        }
    }

    fn ask_neighbours(&mut self, link: &LinkName, address: Ipv4Addr) -> io::Result<()> {
        if !self.links.contains_key(link) {
            self.links.insert(link.clone(), Neighbours::open(link)?);
        }
        if let Some(Neighbours { socket, own }) = self.links.get(link) {
            // A socket that is new to the runtime is not known to be writable yet.
            SockRef::from(socket).send(&arp::probe(*own, address))?;
        }
        Ok(())
    }

    fn ask_echo(&mut self, address: Ipv4Addr) -> io::Result<()> {
        let socket = match self.echo.take() {
            Some(socket) => socket,
            None => {
                let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))?;
                socket.set_nonblocking(true)?;
                UdpSocket::from_std(socket.into())?
            }
        };
        let to = SocketAddr::new(IpAddr::V4(address), 0);
        let sent = SockRef::from(&socket).send_to(&echo::V4.request(own_id()), &to.into());
        self.echo = Some(socket);
        sent.map(drop)
    }

    /// Somebody who answered.
    fn heard(&mut self, context: &mut Context<'_>) -> Option<Found> {
        let mut frame = [0; LONGEST];
        let open = &self.open;
        for Neighbours { socket, own } in self.links.values() {
            let claim = |frame: &[u8]| {
                let (address, by) = arp::claim(frame)?;
                let by = Some(by);
                let is_asked = open.contains_key(&address) && by != Some(*own);
                is_asked.then_some(Found::Somebody { address, by })
            };
            if let Some(found) = received(socket, &mut frame, context, claim) {
                return Some(found);
            }
        }
        let reply = |message: &[u8]| {
            let address = Ipv4Addr::from(*message.get(12..)?.first_chunk::<4>()?);
            let is_reply = echo::V4.is_reply(message, own_id());
            let by = None;
            (is_reply && open.contains_key(&address)).then_some(Found::Somebody { address, by })
        };
        received(self.echo.as_ref()?, &mut frame, context, reply)
    }

    /// An address that nobody answered for; those that were asked for once are asked for again.
    fn timed_out(&mut self, context: &mut Context<'_>) -> Option<Found> {
        loop {
            let (due, address) = *self.due.front()?;
            let current = self.open.get(&address).filter(|open| open.due == due);
            let current = current.cloned();
            if current.is_some() && self.waits_until(due, context) {
                return None;
            }
            self.due.pop_front();
            let Some(Open { way, is_last, .. }) = current else {
                continue;
            };
            if is_last {
                return Some(Found::Nobody(address));
            }
            self.ask(&way, address);
            // Rounds are all as long, so that the last one to begin is the last one to end.
            let due = Instant::now() + ROUND;
            let is_last = true;
            self.open.insert(address, Open { way, due, is_last });
            self.due.push_back((due, address));
        }
    }

    fn waits_until(&mut self, due: Instant, context: &mut Context<'_>) -> bool {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if sleep.deadline() != due {
            sleep.as_mut().reset(due);
        }
        sleep.as_mut().poll(context).is_pending()
    }
}

impl Neighbours {
    fn open(link: &LinkName) -> io::Result<Self> {
        // The kernel wants the number as it stands in a frame.
        let protocol = Protocol::from(i32::from(arp::ETHERTYPE.to_be()));
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol))?;
        socket.set_nonblocking(true)?;
        let address = link_address(link)?;
        // An address without a kind of its own keeps the socket's.
        bind(socket.as_raw_fd(), &address)?;
        let own = address.addr().ok_or(io::ErrorKind::AddrNotAvailable)?;
        // The runtime has no type for packet sockets; waiting, receiving and sending are the same for all that keep messages apart.
        let (socket, own) = (UdpSocket::from_std(socket.into())?, MacAddr(own));
        Ok(Self { socket, own })
    }
}

/// What marks an echo request as ours.
fn own_id() -> [u8; 2] {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    [high, low]
}

/// The first of the frames that arrived which means something.
fn received(
    socket: &UdpSocket,
    frame: &mut [u8],
    context: &mut Context<'_>,
    means: impl Fn(&[u8]) -> Option<Found>,
) -> Option<Found> {
    for _ in 0..FRAMES {
        if socket.poll_recv_ready(context).is_pending() {
            return None;
        }
        // Whatever goes wrong with a socket, its probes end in time.
        let length = match socket.try_recv(frame) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(_) => return None,
        };
        if let Some(found) = means(frame.get(..length).unwrap_or_default()) {
            return Some(found);
        }
    }
    context.waker().wake_by_ref();
    None
}
