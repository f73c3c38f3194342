//! Tells that somebody changed the host's network. Not what: whoever hears it looks at the whole, so that nothing can be missed.

use std::io;
use std::time::Duration;

use nix::errno::Errno;
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use rtnetlink::sys::{AsyncSocket as _, AsyncSocketExt as _, SocketAddr, TokioSocket};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

/// Multicast groups of the routing socket (`enum rtnetlink_groups`): links, addresses, routes, rules and per-link settings.
const GROUPS: [u32; 9] = [
    1,  // RTNLGRP_LINK
    5,  // RTNLGRP_IPV4_IFADDR
    7,  // RTNLGRP_IPV4_ROUTE
    8,  // RTNLGRP_IPV4_RULE
    9,  // RTNLGRP_IPV6_IFADDR
    11, // RTNLGRP_IPV6_ROUTE
    19, // RTNLGRP_IPV6_RULE
    24, // RTNLGRP_IPV4_NETCONF
    25, // RTNLGRP_IPV6_NETCONF
];

/// A burst is over once this long nothing more comes.
const QUIET: Duration = Duration::from_millis(50);

/// A burst that does not end is told all the same, well within the second in which `status` must know.
const LONGEST: Duration = Duration::from_millis(300);

/// Longer than most messages; what is cut off of one does not matter.
const MESSAGE: usize = 1 << 13;

/// The network's changes, one signal a burst.
#[derive(Debug)]
pub struct Changes(mpsc::Receiver<()>);

impl Changes {
    /// Listens from now on, in the current network namespace and on a running tokio runtime.
    ///
    /// # Errors
    /// Where the kernel gives no such socket.
    pub fn subscribe() -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
        socket.socket_mut().bind(&SocketAddr::new(0, 0))?;
        listen(&mut socket)?;
        let (signal, changes) = mpsc::channel(1);
        tokio::spawn(follow(socket, signal));
        Ok(Self(changes))
    }

    /// Waits for the next change. Never ends once nobody can hear changes any more: there is the look every few seconds then.
    pub async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

async fn follow(mut socket: TokioSocket, signal: mpsc::Sender<()>) {
    let mut buffer = Vec::with_capacity(MESSAGE);
    let error = loop {
        if let Err(error) = heard(&mut socket, &mut buffer).await {
            break error;
        }
        if let Err(error) = until_quiet(&mut socket, &mut buffer).await {
            break error;
        }
        match signal.try_send(()) {
            Ok(()) | Err(mpsc::error::TrySendError::Full(())) => {}
            Err(mpsc::error::TrySendError::Closed(())) => return,
        }
    };
    tracing::error!(%error, "the kernel no longer tells of changes; they show with the next look");
}

/// Waits for the end of a burst. Most of it is not listened to: an apply makes thousands of changes, and each would wake the runtime. What
/// is missed then is seen by whoever looks afterwards.
async fn until_quiet(socket: &mut TokioSocket, buffer: &mut Vec<u8>) -> io::Result<()> {
    let end = Instant::now() + LONGEST;
    loop {
        for group in GROUPS {
            // One that this kernel does not have was not joined.
            let _ = socket.socket_mut().drop_membership(group);
        }
        sleep(QUIET).await;
        listen(socket)?;
        drain(socket, buffer);
        let more = timeout(QUIET, heard(socket, buffer)).await;
        match more {
            Ok(Ok(())) if Instant::now() < end => {}
            Ok(heard) => return heard,
            Err(_) => return Ok(()),
        }
    }
}

fn listen(socket: &mut TokioSocket) -> io::Result<()> {
    for group in GROUPS {
        match socket.socket_mut().add_membership(group) {
            // A kernel without IPv6 has some of the groups all the same; an old one lacks the last.
            Err(error) if error.raw_os_error() == Some(Errno::EINVAL as i32) => {}
            other => other?,
        }
    }
    Ok(())
}

/// Takes away what came before the burst was left alone. A fault is told when the next message is waited for.
fn drain(socket: &TokioSocket, buffer: &mut Vec<u8>) {
    loop {
        buffer.clear();
        match socket.socket_ref().recv(buffer, 0) {
            Ok(_) => {}
            Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => {}
            Err(_) => return,
        }
    }
}

/// The next message. An overrun is as good as one: something changed, and nothing else is asked.
async fn heard(socket: &mut TokioSocket, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
    match socket.recv(buffer).await {
        Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => {
            tracing::debug!("more changes than the kernel had room for");
            Ok(())
        }
        other => other,
    }
}
