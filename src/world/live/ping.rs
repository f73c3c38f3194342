//! Whether others answer: echo requests to several at once, again and again until all have answered or the time is over. Must not know why.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use crate::base::echo;

/// How long an answer is waited for before asking again.
const ROUND: Duration = Duration::from_millis(300);

/// Longer than any answer to what we send.
const LONGEST: usize = 512;

/// How a family is spoken.
struct Family {
    domain: Domain,
    protocol: Protocol,
    echo: echo::Echo,
}

const V4: Family = Family {
    domain: Domain::IPV4,
    protocol: Protocol::ICMPV4,
    echo: echo::V4,
};

const V6: Family = Family {
    domain: Domain::IPV6,
    protocol: Protocol::ICMPV6,
    echo: echo::V6,
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
    let (deadline, request) = (Instant::now() + within, family.echo.request([high, low]));
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
            if family.echo.is_reply(message, [high, low]) && open.remove(&from.ip()) {
                answered.insert(from.ip());
            }
        }
    }
    Ok(answered)
}
