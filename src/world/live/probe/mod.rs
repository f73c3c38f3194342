//! Asks a link's neighbours whether they hold addresses that are about to be taken. Everything is asked at once and within a stated time;
//! must not know why.

mod arp;
mod nd;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{LinkAddr, SockaddrStorage, bind};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::base::mac::MacAddr;
use crate::base::name::LinkName;

/// How often each address is asked for (RFC 5227 2.1.1, `PROBE_NUM`).
const ROUNDS: u32 = 3;

/// How long an answer is waited for before asking again. The RFC waits for seconds; a neighbour on a wired link answers within
/// milliseconds, and somebody waits for the plan.
pub(super) const ROUND: Duration = Duration::from_millis(300);

/// More addresses than this are not asked for.
const MOST: usize = 1024;

/// Longer than any answer.
const LONGEST: usize = 2048;

/// An address, and the link on which it is about to be taken.
pub(super) type Wanted = (LinkName, IpAddr);

/// How one family asks and is answered.
trait Question {
    /// The kind of frames that it takes (`ETH_P_…`).
    const ETHERTYPE: u16;

    /// The frame that asks for an address.
    fn ask(from: MacAddr, ip: IpAddr) -> Option<Vec<u8>>;

    /// The address that a frame claims, and for whom.
    fn answer(frame: &[u8]) -> Option<(IpAddr, MacAddr)>;
}

/// The addresses among `wanted` that somebody else answers for. What this host itself answers, by one of its `own` links, is no conflict.
pub(super) async fn conflicts(
    wanted: &BTreeSet<Wanted>,
    own: &BTreeSet<MacAddr>,
) -> BTreeMap<IpAddr, MacAddr> {
    if wanted.len() > MOST {
        tracing::warn!(
            addresses = wanted.len(),
            "only the first {MOST} addresses are asked for"
        );
    }
    let mut by_link: BTreeMap<(&LinkName, bool), BTreeSet<IpAddr>> = BTreeMap::new();
    for (link, ip) in wanted.iter().take(MOST) {
        by_link.entry((link, ip.is_ipv4())).or_default().insert(*ip);
    }
    let mut asking = JoinSet::new();
    for ((link, is_v4), ips) in by_link {
        let (link, own) = (link.clone(), own.clone());
        asking.spawn(async move {
            let answered = if is_v4 {
                asked::<arp::Arp>(&link, ips, &own).await
            } else {
                asked::<nd::Neighbour>(&link, ips, &own).await
            };
            answered.unwrap_or_else(|error| {
                tracing::warn!(%link, %error, "neighbours cannot be asked for addresses");
                BTreeMap::new()
            })
        });
    }
    let mut conflicts = BTreeMap::new();
    while let Some(answered) = asking.join_next().await {
        conflicts.extend(answered.unwrap_or_default());
    }
    conflicts
}

/// Asks on one link for addresses of one family.
async fn asked<Q: Question>(
    link: &LinkName,
    mut open: BTreeSet<IpAddr>,
    own: &BTreeSet<MacAddr>,
) -> io::Result<BTreeMap<IpAddr, MacAddr>> {
    let (socket, mac) = packets(link, Q::ETHERTYPE)?;
    let mut frame = vec![0; LONGEST];
    let mut answered = BTreeMap::new();
    for _ in 0..ROUNDS {
        let end = Instant::now() + ROUND;
        for ip in &open {
            if let Some(frame) = Q::ask(mac, *ip) {
                // A frame that is lost here is sent again in the next round.
                let _ = timeout_at(end, socket.send(&frame)).await;
            }
        }
        while !open.is_empty()
            && let Ok(length) = timeout_at(end, socket.recv(&mut frame)).await
        {
            let frame = frame.get(..length?).unwrap_or_default();
            let claim = Q::answer(frame).filter(|(_, mac)| !own.contains(mac));
            if let Some((ip, by)) = claim.filter(|(ip, _)| open.remove(ip)) {
                answered.insert(ip, by);
            }
        }
    }
    Ok(answered)
}

/// A socket for frames of one kind on a link, and the link's hardware address.
fn packets(link: &LinkName, ethertype: u16) -> io::Result<(UdpSocket, MacAddr)> {
    // The kernel wants the number as it stands in a frame.
    let protocol = Protocol::from(i32::from(ethertype.to_be()));
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol))?;
    socket.set_nonblocking(true)?;
    let address = link_address(link)?;
    // An address without a kind of its own keeps the socket's.
    bind(socket.as_raw_fd(), &address)?;
    let mac = address.addr().ok_or(io::ErrorKind::AddrNotAvailable)?;
    // The runtime has no type for packet sockets; waiting, receiving and sending are the same for all that keep messages apart.
    Ok((UdpSocket::from_std(socket.into())?, MacAddr(mac)))
}

/// The link's hardware address with its index, as the kernel lists it: nix cannot make one from parts safely.
fn link_address(name: &LinkName) -> io::Result<LinkAddr> {
    let mut own = getifaddrs()?.filter(|entry| entry.interface_name == name.as_str());
    own.find_map(|entry| {
        let address = entry.address.as_ref();
        address.and_then(SockaddrStorage::as_link_addr).copied()
    })
    .ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}
