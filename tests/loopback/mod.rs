//! A corner of the loopback network for each test: an address of its own, free ports, and programs run with a bound.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test root uses a part of this, and a test that meets the unexpected should stop there"
)]

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bedplate::base::addr::InterfaceAddr;
use bedplate::base::name::LinkName;
use nix::sys::socket::{Shutdown, SockaddrStorage, getsockname, shutdown};
use tokio::process::Command;
use tokio::time::timeout;

/// How long anything may take before a test fails instead of waiting on.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// An address of 127.0.0.0/8 that no other test uses, and a port free on it.
pub(crate) fn corner() -> SocketAddr {
    static LAST: AtomicU8 = AtomicU8::new(0);
    let [.., high, low] = std::process::id().to_be_bytes();
    let host = LAST.fetch_add(1, Ordering::Relaxed).checked_add(1).unwrap();
    let address: IpAddr = Ipv4Addr::new(127, high | 0x80, low, host).into();
    let datagrams = UdpSocket::bind((address, 0)).unwrap();
    let port = datagrams.local_addr().unwrap().port();
    let _both = TcpListener::bind((address, port)).unwrap();
    SocketAddr::new(address, port)
}

pub(crate) fn interface(address: IpAddr) -> InterfaceAddr {
    InterfaceAddr::new(address, 8).unwrap()
}

pub(crate) fn link() -> LinkName {
    "lo".parse().unwrap()
}

/// Runs a program to its end; returns its output and whether it succeeded.
pub(crate) async fn run(program: &str, arguments: &[&str]) -> (String, bool) {
    let mut command = Command::new(program);
    command.args(arguments).kill_on_drop(true);
    let output = timeout(BOUND, command.output()).await.unwrap().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (text, output.status.success())
}

/// The kernel's lists of sockets.
#[derive(Clone, Copy)]
pub(crate) enum Sockets {
    Udp,
    TcpListening,
}

/// Shuts down the sockets of a kind that are bound to `at`, as another process could through a descriptor of its own;
/// returns how many there were.
pub(crate) fn shut_down(at: SocketAddr, kind: Sockets) -> usize {
    let (list, state) = match kind {
        Sockets::Udp => ("/proc/net/udp", "07"),
        Sockets::TcpListening => ("/proc/net/tcp", "0A"),
    };
    let inodes: Vec<_> = fs::read_to_string(list)
        .unwrap()
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_whitespace().skip(3);
            (fields.next()? == state).then(|| format!("socket:[{}]", fields.nth(5).unwrap()))
        })
        .collect();
    let bound = descriptors().filter(|descriptor| {
        let path = fs::read_link(format!("/proc/self/fd/{descriptor}"));
        path.is_ok_and(|path| {
            inodes
                .iter()
                .any(|inode| path.as_os_str() == inode.as_str())
        }) && is_bound(*descriptor, at)
    });
    bound
        .map(|descriptor| {
            // On a datagram socket this fails and takes effect all the same.
            let _ = shutdown(descriptor, Shutdown::Both);
        })
        .count()
}

fn descriptors() -> impl Iterator<Item = RawFd> {
    let entries: Vec<_> = fs::read_dir("/proc/self/fd").unwrap().collect();
    entries
        .into_iter()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn is_bound(descriptor: RawFd, at: SocketAddr) -> bool {
    let name = getsockname::<SockaddrStorage>(descriptor).ok();
    name.and_then(|name| name.as_sockaddr_in().copied())
        .is_some_and(|name| IpAddr::V4(name.ip()) == at.ip() && name.port() == at.port())
}
