//! Clients that people use get, renew and release a lease over a cable of their own.

use std::fs;
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

use crate::net::{Namespace, cable, join, run, script, serve, wait};

/// Longer than any of them takes: dhclient alone may wait ten seconds before its first word.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Sooner than the shortest lease ends, so that what ends by then was released.
const SOON: Duration = Duration::from_secs(3);

/// Configures the address as a system would, and says what happened.
pub(crate) const HOOK: &str = r#"#!/bin/sh
address=${ip:-$new_ip_address}
case "$1$reason" in
    bound|BOUND|REBOOT)
        ip address replace "$address/24" dev "$interface"
        ip route replace default via 10.78.0.1
        ;;
esac
echo "$1$reason $address"
case "$1$reason" in
    bound|BOUND) echo "routes ${staticroutes:-$new_classless_static_routes}" ;;
esac
"#;

/// What a hook is told of the site's one route and its router.
const ROUTES: &str = "routes 0.0.0.0/0 10.78.0.1 10.99.0.0/16 10.78.0.9";

/// Runs networkd as its service does, and says of its log what a hook would say. It waits for udev unless `/sys` is read only.
const NETWORKD: &str = r#"#!/bin/bash
mount -t sysfs -o ro sys /sys
mkdir -p /run/systemd/{network,netif}
chown systemd-network: /run/systemd/netif
cat >/run/systemd/network/cli.network <<END
[Match]
Name=cli
[Network]
DHCP=ipv4
LinkLocalAddressing=no
IPv6AcceptRA=no
[DHCPv4]
DUIDType=link-layer
Hostname=networkd
UseHostname=no
END
export SYSTEMD_LOG_LEVEL=debug SYSTEMD_LOG_TARGET=console
exec /lib/systemd/systemd-networkd 2> >(exec sed --unbuffered --quiet '
    s/.*DHCPv4 address \(.*\)\/24.* acquired from.*/BOUND \1/p
    s/.*Configuring DHCPv4 route.* dst: \([^,]*\),.* gw: \([0-9.]*\),.*/route \1 \2/p
    /REQUEST (renewing)/,/updated DHCPv4 address/s/.*updated DHCPv4 address.*: \(.*\)\/24 .*/RENEW \1/p
')
"#;

/// The first address of the pool.
pub(crate) const ADDRESS: &str = "10.78.0.100";

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
    /// What is said of routes, where it asks for them.
    routes: Option<&'static str>,
    renew: Order,
    release: Order,
    /// Whether a relay agent stands between it and the server.
    is_relayed: bool,
}

pub(crate) fn site(lease_time: &str, server: &str) -> serde_json::Value {
    let relay = (server != "10.78.0.1").then_some("plant/servers");
    serde_json::json!({ "vlan/plant/pxe/scope/10.78.0.0/24": { "scope": {
        "server": server, "relay": relay, "pools": ["10.78.0.100-10.78.0.109"], "lease_time": lease_time, "domain": "example",
        "options": {
            "1": { "addresses": ["255.255.255.0"] }, "3": { "addresses": ["10.78.0.1"] },
            "121": { "routes": [["10.99.0.0/16", "10.78.0.9"]] }
        }, "image": null
    } } })
}

/// Where a client and its server are.
pub(crate) struct Network {
    pub(crate) server: Namespace,
    pub(crate) client: Namespace,
    /// The server's own.
    pub(crate) address: &'static str,
    /// What stands between them.
    agent: Option<(Namespace, Child)>,
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Some((_, relay)) = &mut self.agent {
            // Both fail only where it has ended already.
            let _ = relay.kill();
            let _ = relay.wait();
        }
    }
}

pub(crate) fn direct() -> Network {
    let address = "10.78.0.1/24";
    let (server, client) = cable(address);
    Network {
        server,
        client,
        address,
        agent: None,
    }
}

/// With ISC's relay agent between them, which is the client's router too, and takes nothing back without the option that it added.
fn relayed() -> Network {
    let (server, agent, client) = (Namespace::new(), Namespace::new(), Namespace::new());
    join((&server, "srv"), (&agent, "north"));
    join((&agent, "south"), (&client, "cli"));
    server.run(|| {
        run("ip", "address add 10.77.0.1/24 dev srv");
        run("ip", "route add 10.78.0.0/24 via 10.77.0.2");
    });
    let relay = agent.run(|| {
        run("ip", "address add 10.77.0.2/24 dev north");
        run("ip", "address add 10.78.0.1/24 dev south");
        fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
        let mut relay = Command::new("dhcrelay");
        relay.args(["-4", "-d", "--no-pid", "-a", "-D"]);
        relay.args(["-id", "south", "-iu", "north", "10.77.0.1"]);
        relay.stdin(Stdio::null()).stderr(Stdio::null());
        relay.spawn().unwrap()
    });
    Network {
        server,
        client,
        address: "10.77.0.1/24",
        agent: Some((agent, relay)),
    }
}

fn check(client: &Client) {
    let folder = tempfile::tempdir().unwrap();
    script(&folder.path().join("hook"), HOOK);
    script(&folder.path().join("networkd"), NETWORKD);
    let network = if client.is_relayed {
        relayed()
    } else {
        direct()
    };
    let (tell, names) = mpsc::channel();
    let store = Arc::new(Faulty::default());
    let publish = move |change| tell.send(change).unwrap();
    let server = serve(
        &network.server,
        store,
        &site(client.lease_time, network.address.trim_end_matches("/24")),
        network.address,
        publish,
    );
    let (mut child, lines) = start(&network.client, folder.path(), client.command);
    let [bound, renewed] = client.says;
    let is_bound = says(&lines, &format!("{bound} {ADDRESS}"), PATIENCE);
    assert!(is_bound, "no lease");
    if let Some(routes) = client.routes {
        assert!(says(&lines, routes, SOON), "no routes");
    }
    assert!(matches!(
        names.recv_timeout(PATIENCE),
        Ok(NameChange::Publish { .. })
    ));
    let first = wait(server.leases()).unwrap().remove(0);
    assert_eq!(first.state, LeaseState::Active);
    let circuit = first.agent.map(|agent| agent.circuit.to_vec());
    assert_eq!(circuit, client.is_relayed.then(|| b"south".to_vec()));
    let insist = |what: &Order, heard: &dyn Fn() -> bool| {
        // dhcpcd forgets a signal that comes while its hook still runs.
        let done = (0..5).any(|_| {
            order(what, &network.client, folder.path(), &child);
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

pub(crate) fn start(
    namespace: &Namespace,
    folder: &Path,
    command: &'static str,
) -> (Child, Receiver<String>) {
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
    let words = command.split_whitespace();
    let mut words = words.map(|word| word.replace("FOLDER", folder.to_str().unwrap()));
    let mut command = Command::new(words.next().unwrap());
    command.args(words);
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
pub(crate) fn says(lines: &Receiver<String>, expected: &str, within: Duration) -> bool {
    let deadline = Instant::now() + within;
    let left = || deadline.saturating_duration_since(Instant::now());
    let mut heard = std::iter::from_fn(|| lines.recv_timeout(left()).ok());
    heard.any(|line| line == expected)
}

fn check_udhcpc(is_relayed: bool) {
    check(&Client {
        command: "udhcpc -f -i cli -t 5 -T 1 -O staticroutes -s FOLDER/hook",
        says: ["bound", "renew"],
        lease_time: "1h",
        routes: Some(ROUTES),
        renew: Order::Signal(Signal::SIGUSR1),
        release: Order::Signal(Signal::SIGUSR2),
        is_relayed,
    });
}

#[test]
fn udhcpc() {
    check_udhcpc(false);
}

/// What it says later, it says to the server alone, which knows all the same where it is.
#[test]
fn udhcpc_behind_a_relay_agent() {
    check_udhcpc(true);
}

#[test]
fn dhclient() {
    check(&Client {
        command: "dhclient -4 -d -cf /dev/null -sf FOLDER/hook -lf FOLDER/leases -pf FOLDER/pid cli",
        says: ["BOUND", "RENEW"],
        lease_time: "8s",
        routes: None,
        renew: Order::Wait,
        release: Order::Run(
            "dhclient -4 -r -cf /dev/null -sf FOLDER/hook -lf FOLDER/leases -pf FOLDER/pid cli",
        ),
        is_relayed: false,
    });
}

#[test]
fn dhcpcd() {
    check(&Client {
        command: "dhcpcd -4 -B -A -f /dev/null -C resolv.conf -o classless_static_routes -c FOLDER/hook cli",
        says: ["BOUND", "RENEW"],
        lease_time: "1h",
        routes: Some(ROUTES),
        renew: Order::Signal(Signal::SIGUSR1),
        release: Order::Signal(Signal::SIGALRM),
        is_relayed: false,
    });
}

#[test]
fn networkd() {
    check(&Client {
        command: "FOLDER/networkd",
        says: ["BOUND", "RENEW"],
        lease_time: "8s",
        routes: Some("route 10.99.0.0/16 10.78.0.9"),
        renew: Order::Wait,
        release: Order::Signal(Signal::SIGTERM),
        is_relayed: false,
    });
}
