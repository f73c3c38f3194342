//! Whether others answer: echo requests to several at once, again and again until all have answered or the time is over. Must not know why.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

/// How long an answer is waited for before asking again.
const ROUND: Duration = Duration::from_millis(300);

/// Longer than any answer to what we send.
const LONGEST: usize = 512;

/// Types of echo messages (RFC 792, RFC 4443 4), and whether a received one has its IP header in front.
struct Family {
    domain: Domain,
    protocol: Protocol,
    request: u8,
    reply: u8,
    has_header: bool,
}

const V4: Family = Family {
    domain: Domain::IPV4,
    protocol: Protocol::ICMPV4,
    request: 8,
    reply: 0,
    has_header: true,
};

const V6: Family = Family {
    domain: Domain::IPV6,
    protocol: Protocol::ICMPV6,
    request: 128,
    reply: 129,
    has_header: false,
};

/// Those of `targets` that answer within a time. A family that cannot be spoken answers nothing.
pub(super) async fn answering(targets: &BTreeSet<IpAddr>, within: Duration) -> BTreeSet<IpAddr> {
    let (four, six): (BTreeSet<IpAddr>, BTreeSet<IpAddr>) =
        targets.iter().partition(|target| target.is_ipv4());
    let (four, six) = tokio::join!(asked(&V4, four, within), asked(&V6, six, within));
    let mut answered = BTreeSet::new();
    for told in [four, six] {
        match told {
            Ok(told) => answered.extend(told),
            Err(error) => tracing::warn!(%error, "nobody can be asked for an echo"),
        }
    }
    answered
}

async fn asked(
    family: &Family,
    mut open: BTreeSet<IpAddr>,
    within: Duration,
) -> io::Result<BTreeSet<IpAddr>> {
    let mut answered = BTreeSet::new();
    if open.is_empty() {
        return Ok(answered);
    }
    let socket = Socket::new(family.domain, Type::RAW, Some(family.protocol))?;
    socket.set_nonblocking(true)?;
    // The runtime has no type for raw sockets; waiting, receiving and sending are the same for all that keep messages apart.
    let socket = UdpSocket::from_std(socket.into())?;
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let (deadline, request) = (Instant::now() + within, request(family, [high, low]));
    let mut buffer = vec![0; LONGEST];
    while !open.is_empty() && Instant::now() < deadline {
        let end = deadline.min(Instant::now() + ROUND);
        for target in &open {
            // There may be no way yet; the next round tries again.
            let _ = timeout_at(end, socket.send_to(&request, SocketAddr::new(*target, 0))).await;
        }
        while !open.is_empty()
            && let Ok(received) = timeout_at(end, socket.recv_from(&mut buffer)).await
        {
            let Ok((length, from)) = received else {
                // What the kernel tells of an earlier message.
                continue;
            };
            let message = buffer.get(..length).unwrap_or_default();
            if is_reply(family, message, [high, low]) && open.remove(&from.ip()) {
                answered.insert(from.ip());
            }
        }
    }
    Ok(answered)
}

/// An echo request without data. The kernel sums up messages of ICMPv6 itself (RFC 3542 3.1).
fn request(family: &Family, id: [u8; 2]) -> Vec<u8> {
    let [high, low] = id;
    let sum = u32::from(family.request) << 8;
    let sum = sum + u32::from(u16::from_be_bytes(id));
    let folded = u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap_or(u16::MAX);
    let [first, second] = (!folded).to_be_bytes();
    vec![family.request, 0, first, second, high, low, 0, 0]
}

fn is_reply(family: &Family, received: &[u8], id: [u8; 2]) -> bool {
    let header = match received.first() {
        Some(first) if family.has_header => usize::from(first & 0x0f) * 4,
        Some(_) | None => 0,
    };
    let message = received.get(header..).unwrap_or_default();
    let Some([kind, _, _, _, high, low, ..]) = message.first_chunk::<8>() else {
        return false;
    };
    *kind == family.reply && [*high, *low] == id
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_has_its_checksum_and_a_reply_is_told_from_it() {
        let asked = request(&V4, [0xf2, 0x34]);
        assert_eq!(asked, [8, 0, 0x05, 0xcb, 0xf2, 0x34, 0, 0]);
        let mut reply = vec![0x45; 20];
        reply.extend([0, 0, 0, 0, 0xf2, 0x34, 0, 0]);
        assert!(is_reply(&V4, &reply, [0xf2, 0x34]));
        assert!(!is_reply(&V4, &reply, [0xf2, 0x35]));
        assert!(!is_reply(&V6, &reply, [0xf2, 0x34]));
        for length in 0..reply.len() {
            assert!(!is_reply(&V4, &reply[..length], [0xf2, 0x34]), "{length}");
        }
    }

    proptest! {
        #[test]
        fn nonsense_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = (is_reply(&V4, &bytes, [1, 2]), is_reply(&V6, &bytes, [1, 2]));
        }
    }
}
