//! Clients that people use get, renew and release a lease over a cable of their own.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use bedplate::serve::dhcp::{LeaseState, NameChange};
use bedplate::store::Faulty;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::net::{Namespace, cable, script, serve, wait};

/// Longer than any of them takes: dhclient alone may wait ten seconds before its first word.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sooner than the shortest lease ends, so that what ends by then was released.
const SOON: Duration = Duration::from_secs(3);

/// Configures the address as a system would, and says what happened.
const HOOK: &str = r#"#!/bin/sh
address=${ip:-$new_ip_address}
case "$1$reason" in
    bound|BOUND|REBOOT) ip address replace "$address/24" dev "$interface" ;;
esac
echo "$1$reason $address"
case "$1$reason" in
    bound|BOUND) echo "routes ${staticroutes:-$new_classless_static_routes}" ;;
esac
"#;

/// What a client that asks for routes makes of the site's one and its router.
const ROUTES: &str = "routes 0.0.0.0/0 10.78.0.1 10.99.0.0/16 10.78.0.9";

/// The first address of the pool.
const ADDRESS: &str = "10.78.0.100";

/// How a client is made to renew and to release.
enum Order {
    Signal(Signal),
    /// Its time comes without being told.
    Wait,
    Run(&'static str),
}

struct Client {
    command: &'static str,
    /// What its hook says when bound, and when renewed.
    says: [&'static str; 2],
    lease_time: &'static str,
    /// Whether it asks for routes.
    is_routed: bool,
    renew: Order,
    release: Order,
}

fn site(lease_time: &str) -> serde_json::Value {
    serde_json::json!({ "vlan/plant/pxe/scope/10.78.0.0/24": { "scope": {
        "server": "10.78.0.1", "pools": ["10.78.0.100-10.78.0.109"], "lease_time": lease_time, "domain": "example",
        "options": {
            "1": { "addresses": ["255.255.255.0"] }, "3": { "addresses": ["10.78.0.1"] },
            "121": { "routes": [["10.99.0.0/16", "10.78.0.9"]] }
        }, "image": null
    } } })
}

fn check(client: &Client) {
    let folder = tempfile::tempdir().unwrap();
    script(&folder.path().join("hook"), HOOK);
    let (server_side, client_side) = cable("10.78.0.1/24");
    let (tell, names) = mpsc::channel();
    let store = Arc::new(Faulty::default());
    let publish = move |change| tell.send(change).unwrap();
    let server = serve(
        &server_side,
        store,
        &site(client.lease_time),
        "10.78.0.1/24",
        publish,
    );
    let (mut child, lines) = start(&client_side, folder.path(), client.command);
    let [bound, renewed] = client.says;
    let is_bound = says(&lines, &format!("{bound} {ADDRESS}"), PATIENCE);
    assert!(is_bound, "no lease");
    if client.is_routed {
        assert!(says(&lines, ROUTES, SOON), "no routes");
    }
    assert!(matches!(
        names.recv_timeout(PATIENCE),
        Ok(NameChange::Publish { .. })
    ));
    let first = wait(server.leases()).unwrap().remove(0);
    assert_eq!(first.state, LeaseState::Active);
    let insist = |what: &Order, heard: &dyn Fn() -> bool| {
        // dhcpcd forgets a signal that comes while its hook still runs.
        let done = (0..5).any(|_| {
            order(what, &client_side, folder.path(), &child);
            heard()
        });
        assert!(done, "{:?}", wait(server.counters()));
    };
    let renewed = format!("{renewed} {ADDRESS}");
    insist(&client.renew, &|| says(&lines, &renewed, SOON));
    insist(&client.release, &|| {
        let change = names.recv_timeout(SOON);
        matches!(change, Ok(NameChange::Withdraw { .. }))
    });
    let leases = wait(server.leases()).unwrap();
    assert_eq!(leases.len(), 1);
    assert_eq!(leases[0].state, LeaseState::Idle, "released, not expired");
    assert!(leases[0].expires < first.expires + 60);
    let counters = wait(server.counters()).unwrap();
    assert_eq!(
        (counters.naks, counters.malformed, counters.unsent),
        (0, 0, 0)
    );
    assert!(counters.acks >= 2, "{counters:?}");
    // It may have ended by itself.
    let _ = child.kill();
    child.wait().unwrap();
}

fn start(namespace: &Namespace, folder: &Path, command: &'static str) -> (Child, Receiver<String>) {
    let folder = folder.to_owned();
    let mut child = namespace.run(move || {
        command_in(&folder, command)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    });
    let output = BufReader::new(child.stdout.take().unwrap());
    let (tell, lines) = mpsc::channel();
    thread::spawn(move || {
        // Ends with the client, or with the test that no longer listens.
        let _ = output
            .lines()
            .map_while(Result::ok)
            .try_for_each(|line| tell.send(line));
    });
    (child, lines)
}

fn command_in(folder: &Path, command: &str) -> Command {
    let mut words = command.split_whitespace();
    let mut command = Command::new(words.next().unwrap());
    let folder = folder.to_str().unwrap();
    command.args(words.map(|word| word.replace("FOLDER", folder)));
    command.stdin(Stdio::null()).stderr(Stdio::null());
    command
}

fn order(order: &Order, namespace: &Namespace, folder: &Path, child: &Child) {
    match order {
        Order::Wait => {}
        Order::Signal(signal) => {
            let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
            kill(pid, *signal).unwrap();
        }
        Order::Run(command) => {
            let (folder, command) = (folder.to_owned(), *command);
            let ran = namespace.run(move || command_in(&folder, command).status().unwrap());
            assert!(ran.success(), "{command}");
        }
    }
}

/// Whether the client's hook says something within a time.
fn says(lines: &Receiver<String>, expected: &str, within: Duration) -> bool {
    let deadline = Instant::now() + within;
    let left = || deadline.saturating_duration_since(Instant::now());
    let mut heard = std::iter::from_fn(|| lines.recv_timeout(left()).ok());
    heard.any(|line| line == expected)
}

#[test]
fn udhcpc() {
    check(&Client {
        command: "udhcpc -f -i cli -t 5 -T 1 -O staticroutes -s FOLDER/hook",
        says: ["bound", "renew"],
        lease_time: "1h",
        is_routed: true,
        renew: Order::Signal(Signal::SIGUSR1),
        release: Order::Signal(Signal::SIGUSR2),
    });
}

#[test]
fn dhclient() {
    check(&Client {
        command: "dhclient -4 -d -cf /dev/null -sf FOLDER/hook -lf FOLDER/leases -pf FOLDER/pid cli",
        says: ["BOUND", "RENEW"],
        lease_time: "8s",
        is_routed: false,
        renew: Order::Wait,
        release: Order::Run(
            "dhclient -4 -r -cf /dev/null -sf FOLDER/hook -lf FOLDER/leases -pf FOLDER/pid cli",
        ),
    });
}

#[test]
fn dhcpcd() {
    check(&Client {
        command: "dhcpcd -4 -B -A -f /dev/null -C resolv.conf -o classless_static_routes -c FOLDER/hook cli",
        says: ["BOUND", "RENEW"],
        lease_time: "1h",
        is_routed: true,
        renew: Order::Signal(Signal::SIGUSR1),
        release: Order::Signal(Signal::SIGALRM),
    });
}
