//! Under load: nothing that was acknowledged is lost to kill -9, and a new configuration disturbs nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use bedplate::serve::dhcp::{Lease, LeaseState, PREFIX, Server};
use bedplate::state::Service;
use bedplate::store::{Embedded, Store};

use crate::net::{cable, run, serve, wait};
use crate::support::{Ask, config};

pub(crate) const ADDRESS: &str = "10.50.0.1/16";
pub(crate) const SERVER: [u8; 4] = [10, 50, 0, 1];
const RELAY: [u8; 4] = [10, 50, 0, 2];

/// Requests under way at once.
const WINDOW: u32 = 64;

pub(crate) fn site(reservations: usize) -> serde_json::Value {
    let mut site = serde_json::json!({ "vlan/plant/pxe/scope/10.50.0.0/16": { "scope": {
        "server": "10.50.0.1", "pools": ["10.50.128.0-10.50.250.255"], "lease_time": "16s", "domain": "example",
        "options": { "1": { "addresses": ["255.255.0.0"] } }, "image": null
    } } });
    for n in 0..reservations {
        let (high, low) = (n / 250, n % 250);
        let key = format!("vlan/plant/pxe/reservation/02:aa:00:00:{high:02x}:{low:02x}");
        site[key] = serde_json::json!({ "reservation": {
            "host": format!("host-{n}"), "addresses": [format!("10.50.{}.{low}", high + 16)], "image": null
        } });
    }
    site
}

/// A relay agent with many clients behind it: speaks from a port of its own, and hears the answers to all of them.
pub(crate) struct Relay(UdpSocket);

impl Relay {
    pub(crate) fn open() -> Self {
        run("ip", "address add 10.50.0.2/16 dev cli");
        let socket = UdpSocket::bind((Ipv4Addr::from(RELAY), 67)).unwrap();
        socket.connect((Ipv4Addr::from(SERVER), 67)).unwrap();
        let patience = Duration::from_secs(2);
        socket.set_read_timeout(Some(patience)).unwrap();
        Self(socket)
    }

    pub(crate) fn say(&self, client: u32, ask: Ask) {
        let id = client.to_be_bytes();
        let mut ask = ask
            .field(4, &id)
            .giaddr(RELAY)
            .field(28, &[2, 0xcc])
            .field(30, &id);
        ask.bytes.push(255);
        // A server that is gone refuses; the answers that are missing tell.
        let _ = self.0.send(&ask.bytes);
    }

    /// The next answer: for whom, its kind and its address; `None` where none comes.
    pub(crate) fn hear(&self) -> Option<(u32, u8, [u8; 4])> {
        let mut bytes = [0; 1500];
        let length = self.0.recv(&mut bytes).ok()?;
        assert!(length >= 300);
        let client = u32::from_be_bytes(bytes[4..8].try_into().unwrap());
        assert_eq!(bytes[240..242], [53, 1]);
        Some((client, bytes[242], bytes[16..20].try_into().unwrap()))
    }

    /// Takes clients through DISCOVER and REQUEST until `enough` says so; returns what was acknowledged.
    pub(crate) fn bind(
        &self,
        clients: u32,
        mut enough: impl FnMut(usize) -> bool,
    ) -> BTreeMap<u32, [u8; 4]> {
        let mut bound = BTreeMap::new();
        let mut next = WINDOW.min(clients);
        (0..next).for_each(|client| self.say(client, crate::support::ask(1, 0)));
        while let Some((client, kind, address)) = self.hear() {
            match kind {
                2 => {
                    let chosen = crate::support::ask(3, 0)
                        .option(54, &SERVER)
                        .option(50, &address);
                    self.say(client, chosen);
                }
                5 => {
                    assert_eq!(bound.insert(client, address), None);
                    if enough(bound.len()) {
                        // What is still on its way counts as well.
                        continue;
                    }
                    if next < clients {
                        self.say(next, crate::support::ask(1, 0));
                        next += 1;
                    }
                }
                other => panic!("message type {other}"),
            }
            if bound.len() == clients as usize {
                break;
            }
        }
        bound
    }
}

/// The process that is killed: serves until then. It runs only as a child of the test below.
#[test]
#[ignore = "a part of `what_was_acknowledged_survives_kill_9`"]
fn serve_until_killed() {
    let folder = std::env::var("BEDPLATE_TEST_STORE").unwrap();
    let store = Arc::new(Embedded::open(Path::new(&folder)).unwrap());
    let server = Server::start(store, |_| {}).unwrap();
    wait(server.configure(config(&site(0)))).unwrap();
    wait(server.open(
        Service::Dhcp,
        &"srv".parse().unwrap(),
        ADDRESS.parse().unwrap(),
    ))
    .unwrap();
    eprintln!("serving");
    loop {
        thread::park();
    }
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let (server_side, client_side) = cable(ADDRESS);
    let path = folder.path().to_owned();
    let mut child = server_side.run(move || {
        Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "load::serve_until_killed",
                "--ignored",
                "--nocapture",
            ])
            .env("BEDPLATE_TEST_STORE", path)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    });
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("serving")));
    let bound = client_side.run(move || {
        let bound = Relay::open().bind(30_000, |acknowledged| {
            if acknowledged == 1000 {
                child.kill().unwrap();
            }
            acknowledged >= 1000
        });
        child.wait().unwrap();
        bound
    });
    assert!(bound.len() >= 1000, "{}", bound.len());
    let store = Embedded::open(folder.path()).unwrap();
    let leases = store.range(PREFIX).unwrap();
    let stored: BTreeSet<_> = leases
        .iter()
        .map(|(key, value)| Lease::decode(key, value).unwrap())
        .filter(|lease| lease.state == LeaseState::Active)
        .map(|lease| (lease.address, lease.hardware.mac().unwrap().0))
        .collect();
    for (client, address) in &bound {
        let [a, b, c, d] = client.to_be_bytes();
        let expected = (Ipv4Addr::from(*address), [2, 0xcc, a, b, c, d]);
        assert!(
            stored.contains(&expected),
            "{expected:?} was acknowledged and is lost"
        );
    }
    let server = serve(&server_side, Arc::new(store), &site(0), ADDRESS, |_| {});
    assert!(wait(server.leases()).unwrap().len() >= bound.len());
}

#[test]
fn ten_new_configurations_disturb_nobody() {
    const CLIENTS: u32 = 300;
    const SWAPS: usize = 10;
    let folder = tempfile::tempdir().unwrap();
    let (server_side, client_side) = cable(ADDRESS);
    let store = Arc::new(Embedded::open(folder.path()).unwrap());
    let server = Arc::new(serve(&server_side, store, &site(0), ADDRESS, |_| {}));
    let configs: Vec<_> = (1..=SWAPS).map(|n| config(&site(n * 1000))).collect();
    let swapped = Arc::new(AtomicUsize::new(0));
    let (server_too, swapped_too) = (server.clone(), swapped.clone());
    let (due, turns) = mpsc::channel();
    let swapper = thread::spawn(move || {
        for config in configs {
            turns.recv().unwrap();
            wait(server_too.configure(config)).unwrap();
            swapped_too.fetch_add(1, Ordering::Relaxed);
        }
    });
    let (renewals, time) = client_side.run(move || {
        let relay = Relay::open();
        let bound = relay.bind(CLIENTS, |_| false);
        assert_eq!(bound.len(), CLIENTS as usize);
        let renew = |client: u32| {
            let ask = crate::support::ask(3, 0).field(12, &bound[&client]);
            relay.say(client, ask);
        };
        let started = Instant::now();
        (0..WINDOW).for_each(renew);
        let (mut next, mut under_way, mut renewals) = (WINDOW, WINDOW, 0);
        while under_way > 0 {
            let (client, kind, address) = relay.hear().expect("every renewal is answered");
            assert_eq!((kind, address), (5, bound[&client]), "no lease changes");
            (under_way, renewals) = (under_way - 1, renewals + 1);
            if renewals % 800 == 0 {
                // The swapper ends with the last configuration.
                let _ = due.send(());
            }
            if swapped.load(Ordering::Relaxed) < SWAPS || renewals < (SWAPS + 1) * 800 {
                renew(next % CLIENTS);
                (next, under_way) = (next + 1, under_way + 1);
            }
        }
        let time = started.elapsed();
        relay
            .0
            .set_read_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        assert_eq!(relay.hear(), None, "none is answered twice");
        (renewals, time)
    });
    swapper.join().unwrap();
    let rate = renewals as f64 / time.as_secs_f64();
    assert!(
        rate >= 2000.0,
        "{rate:.0} renewals a second are too few to show anything"
    );
    let served = wait(server.config()).unwrap().to_state();
    assert_eq!(served.len(), SWAPS * 1000 + 1);
    assert_eq!(wait(server.leases()).unwrap().len(), CLIENTS as usize);
}
