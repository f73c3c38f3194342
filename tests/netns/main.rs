//! The host network against the real kernel, in namespaces of its own, with `ip` as the independent witness.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

mod addresses;
mod changes;
mod foreign;
mod links;
mod refusals;
mod restless;
#[path = "../support/host.rs"]
mod rig;
mod routes;
#[path = "../support/mod.rs"]
mod support;
mod traits;
mod undo;

use std::time::Duration;

use rig::Site;
use support::guest;
use support::normalise::{same, snapshot};

/// A second version of the kernel: Debian's.
#[test]
fn all_of_this_holds_on_debians_kernel() {
    guest::suite(&["all_of_this_holds_on_debians_kernel"]);
}

#[test]
fn a_veth_joins_two_namespaces() {
    let site = Site::with(&["address add 10.9.0.1/24 dev p0"]);
    site.outside.ip("address add 10.9.0.2/24 dev far0");
    let bind = |address: &str| std::net::UdpSocket::bind(address).unwrap();
    let receiver = site.outside.run(|| bind("10.9.0.2:0"));
    let to = receiver.local_addr().unwrap();
    site.inside
        .run(|| bind("10.9.0.1:0").send_to(b"hello", to).unwrap());
    let patience = Duration::from_secs(5);
    receiver.set_read_timeout(Some(patience)).unwrap();
    let mut buffer = [0; 16];
    let (length, from) = receiver.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"hello");
    assert_eq!(from.ip().to_string(), "10.9.0.1");
}

#[test]
fn the_same_site_looks_the_same_and_another_one_does_not() {
    let commands = [
        "link add br0 type bridge",
        "link set p0 master br0",
        "address add 10.9.0.1/24 dev p1",
        "route add 10.99.0.0/16 via 10.9.0.254",
    ];
    let [first, second] = [&commands, &commands].map(|commands| Site::with(commands));
    let before = snapshot(&first.inside);
    same(&before, &snapshot(&second.inside), "the same commands");
    second.inside.ip("link set br0 mtu 1400");
    assert_ne!(before, snapshot(&second.inside));
}
