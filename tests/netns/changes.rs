//! The kernel tells of others' changes: soon, once a burst, and also where more happened than it had room to tell.

use std::time::{Duration, Instant};

use bedplate::watch::Changes;
use tokio::time::timeout;

use crate::support::sandbox::Namespace;

/// More than a change may take to show: machines that run tests do much else.
const SOON: Duration = Duration::from_secs(5);

/// Waits for the signal that `work` must give.
async fn told(changes: &mut Changes, what: &str, work: impl FnOnce()) {
    work();
    let since = Instant::now();
    let heard = timeout(SOON, changes.next()).await;
    assert!(
        heard.is_ok(),
        "{what} was not told in {:?}",
        since.elapsed()
    );
}

#[test]
fn each_kind_of_change_is_told() {
    let site = Namespace::new();
    site.block_on(async {
        let mut changes = Changes::subscribe().unwrap();
        for command in [
            "link add br0 type bridge",
            "link set br0 up",
            "address add 10.9.0.1/24 dev br0",
            "address add 2001:db8::1/64 dev br0 nodad",
            "route add 10.10.0.0/16 via 10.9.0.9",
            "-6 route add 2001:db8:1::/48 via 2001:db8::9",
            "rule add from 10.9.0.0/24 table 100",
            "link set br0 down",
            "link set br0 name br1",
            "link del br1",
        ] {
            told(&mut changes, command, || drop(site.ip(command))).await;
        }
    });
}

#[test]
fn more_than_the_socket_holds_is_told_too() {
    let site = Namespace::new();
    site.ip("link add br0 type bridge");
    site.ip("link set br0 up");
    let flood: Vec<String> = (0..4000)
        .map(|n| format!("route add 10.{}.{}.0/24 dev br0", n / 250, n % 250))
        .collect();
    site.block_on(async {
        let mut changes = Changes::subscribe().unwrap();
        // Nobody reads meanwhile: the runtime has this one thread.
        told(&mut changes, "a flood", || site.batch(&flood)).await;
        // Rests of it may come as a burst of their own.
        while timeout(Duration::from_secs(1), changes.next())
            .await
            .is_ok()
        {}
        told(&mut changes, "one more", || {
            drop(site.ip("route del 10.0.1.0/24"))
        })
        .await;
    });
}
