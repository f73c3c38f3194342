//! Whole DHCP transactions a second against Kea, in one run on one cable, beside the disk's rate of syncs.
//!
//! `cargo bench --bench dhcp`, as root, with kea-dhcp4 installed. Every transaction has a new client. Ours acknowledges what is on
//! disk; Kea appends to its lease file and never syncs it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that meets the unexpected should stop there"
)]

mod figure;

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bedplate::serve::dhcp::{Config, Server};
use bedplate::state::State;
use bedplate::store::Embedded;
use serde_json::json;

const ROUNDS: usize = 3;
const WINDOWS: [usize; 3] = [1, 64, 512];
const SECONDS: u64 = 2;
const SERVER: [u8; 4] = [10, 50, 0, 1];
const RELAY: [u8; 4] = [10, 50, 0, 2];

fn main() {
    let role = std::env::args().nth(1).unwrap_or_default();
    let argument = || std::env::args().nth(2).unwrap();
    match role.as_str() {
        "serve" => serve(Path::new(&argument())),
        "load" => load(argument().parse().unwrap()),
        _ => compare(),
    }
}

/// Two namespaces of this process, gone with it.
struct Cable {
    server: String,
    client: String,
}

impl Cable {
    fn new() -> Self {
        let pid = std::process::id();
        let (server, client) = (format!("bench{pid}s"), format!("bench{pid}c"));
        let cable = Self { server, client };
        let Self { server, client } = &cable;
        ip(&format!("netns add {server}"));
        ip(&format!("netns add {client}"));
        ip(&format!(
            "link add srv netns {server} type veth peer name cli netns {client}"
        ));
        for (namespace, link, address) in [(server, "srv", SERVER), (client, "cli", RELAY)] {
            let address = Ipv4Addr::from(address);
            ip(&format!(
                "-n {namespace} address add {address}/16 dev {link}"
            ));
            ip(&format!("-n {namespace} link set {link} up"));
            ip(&format!("-n {namespace} link set lo up"));
        }
        cable
    }

    fn command(namespace: &str, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace, program]);
        command.stdin(Stdio::null());
        command
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        ip(&format!("netns del {}", self.server));
        ip(&format!("netns del {}", self.client));
    }
}

fn ip(arguments: &str) {
    let done = Command::new("ip")
        .args(arguments.split_whitespace())
        .status();
    assert!(done.unwrap().success(), "ip {arguments}");
}

/// Servers take turns within a round, since the machine is shared.
fn compare() {
    let cable = Cable::new();
    let mut results = [const { [const { (Vec::new(), Vec::new()) }; 3] }; 2];
    let mut syncs = Vec::new();
    for _ in 0..ROUNDS {
        syncs.push(syncs_per_second());
        for (at, window) in WINDOWS.into_iter().enumerate() {
            for (results, start) in results.iter_mut().zip([ours, kea]) {
                let (rate, p99) = measure(&cable, start, window);
                results[at].0.push(rate);
                results[at].1.push(p99);
            }
        }
    }
    let syncs = figure::median(syncs);
    let [ours, kea] = results
        .map(|windows| windows.map(|(rates, p99s)| (figure::median(rates), figure::median(p99s))));
    for (window, (ours, kea)) in WINDOWS.into_iter().zip(ours.into_iter().zip(kea)) {
        let name = |what: &str| format!("dhcp: {what}, {window} in flight");
        figure::print(&name("transactions"), "1/s", ours.0, "kea", kea.0);
        figure::print(&name("ACK p99"), "us", ours.1, "kea", kea.1);
        figure::print(&name("transactions"), "1/s", ours.0, "fdatasync", syncs);
    }
}

fn measure(cable: &Cable, start: fn(&Cable, &Path) -> Child, window: usize) -> (f64, f64) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut server = start(cable, folder.path());
    let own = std::env::current_exe().unwrap();
    let mut load = Cable::command(&cable.client, own.to_str().unwrap());
    let output = load.args(["load", &window.to_string()]).output().unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    let mut numbers = line
        .split_whitespace()
        .map(|word| word.parse::<f64>().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

fn ours(cable: &Cable, folder: &Path) -> Child {
    let state = json!({ "vlan/plant/pxe/scope/10.50.0.0/16": { "scope": {
        "server": "10.50.0.1", "pools": ["10.50.4.0-10.50.255.250"], "lease_time": "1h", "domain": "example",
        "options": { "1": { "addresses": ["255.255.0.0"] } }, "image": null
    } } });
    fs::write(folder.join("state.json"), state.to_string()).unwrap();
    let own = std::env::current_exe().unwrap();
    let mut command = Cable::command(&cable.server, own.to_str().unwrap());
    command
        .args(["serve", folder.to_str().unwrap()])
        .spawn()
        .unwrap()
}

fn kea(cable: &Cable, folder: &Path) -> Child {
    let leases = folder.join("leases.csv");
    let config = json!({ "Dhcp4": {
        "interfaces-config": { "interfaces": ["srv"], "dhcp-socket-type": "udp" },
        "multi-threading": { "enable-multi-threading": false },
        "lease-database": { "type": "memfile", "persist": true, "name": leases, "lfc-interval": 0 },
        "valid-lifetime": 3600, "expired-leases-processing": { "reclaim-timer-wait-time": 0 },
        "subnet4": [{ "id": 1, "subnet": "10.50.0.0/16", "pools": [{ "pool": "10.50.4.0 - 10.50.255.250" }] }],
        "loggers": [{ "name": "kea-dhcp4", "severity": "ERROR", "output_options": [{ "output": "stdout" }] }]
    } });
    let path = folder.join("kea.json");
    fs::write(&path, config.to_string()).unwrap();
    let mut command = Cable::command(&cable.server, "kea-dhcp4");
    command
        .args(["-c", path.to_str().unwrap()])
        .stdout(Stdio::null());
    command
        .env("KEA_PIDFILE_DIR", folder)
        .env("KEA_LOCKFILE_DIR", folder);
    command.spawn().unwrap()
}

/// Serves the state in `folder/state.json` from a store in `folder/store`, until killed.
fn serve(folder: &Path) {
    let state: State =
        serde_json::from_reader(File::open(folder.join("state.json")).unwrap()).unwrap();
    let store = Arc::new(Embedded::open(&folder.join("store")).unwrap());
    let server = Server::start(store, |_| {}).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        server
            .configure(Arc::new(Config::from_state(&state)))
            .await
            .unwrap();
        let address = "10.50.0.1/16".parse().unwrap();
        server.open(&"srv".parse().unwrap(), address).await.unwrap();
        std::future::pending::<()>().await;
    });
}

/// A transaction under way: its client, what it waits for, and since when.
#[derive(Clone, Copy)]
struct Slot {
    client: u32,
    requested: bool,
    since: Instant,
}

/// The load: keeps `window` transactions under way and prints how many a second ended, and the 99th percentile of ACKs in µs.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn load(window: usize) {
    let socket = UdpSocket::bind((Ipv4Addr::from(RELAY), 67)).unwrap();
    socket.connect((Ipv4Addr::from(SERVER), 67)).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    until_served(&socket);
    let mut next = 1;
    let mut begin = |at: usize| {
        next += 1;
        send(&socket, next, at, None);
        let since = Instant::now();
        Slot {
            client: next,
            requested: false,
            since,
        }
    };
    let mut slots: Vec<Slot> = (0..window).map(&mut begin).collect();
    let (started, mut latencies, mut lost) = (Instant::now(), Vec::new(), 0);
    while started.elapsed() < Duration::from_secs(SECONDS) {
        let Some((client, at, kind, address)) = receive(&socket) else {
            for (at, slot) in slots.iter_mut().enumerate() {
                if slot.since.elapsed() > Duration::from_secs(1) {
                    lost += 1;
                    *slot = begin(at);
                }
            }
            continue;
        };
        let Some(slot) = slots.get_mut(at).filter(|slot| slot.client == client) else {
            continue;
        };
        if kind == 2 && !slot.requested {
            send(&socket, client, at, Some(address));
            (slot.requested, slot.since) = (true, Instant::now());
        } else if kind == 5 && slot.requested {
            latencies.push(slot.since.elapsed().as_secs_f64() * 1e6);
            *slot = begin(at);
        }
    }
    let rate = latencies.len() as f64 / started.elapsed().as_secs_f64();
    latencies.sort_by(f64::total_cmp);
    let p99 = latencies
        .get(latencies.len() * 99 / 100)
        .copied()
        .unwrap_or(f64::NAN);
    println!("{rate} {p99} {lost}");
}

fn until_served(socket: &UdpSocket) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        send(socket, 0, 0, None);
        if receive(socket).is_some() {
            return;
        }
        // A port that is not open yet answers at once, so this would spin.
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the server does not answer");
}

/// DISCOVER, or REQUEST of an address; the transaction id carries the slot.
fn send(socket: &UdpSocket, client: u32, slot: usize, chosen: Option<[u8; 4]>) {
    let mut bytes = [0; 300];
    bytes[..4].copy_from_slice(&[1, 1, 6, 1]);
    bytes[4..8].copy_from_slice(&u32::try_from(slot).unwrap().to_be_bytes());
    bytes[24..28].copy_from_slice(&RELAY);
    bytes[28..30].copy_from_slice(&[2, 0xcc]);
    bytes[30..34].copy_from_slice(&client.to_be_bytes());
    bytes[236..240].copy_from_slice(&[99, 130, 83, 99]);
    let kind = if chosen.is_some() { 3 } else { 1 };
    let mut options = vec![53, 1, kind, 55, 7, 1, 3, 6, 15, 51, 58, 59];
    if let Some([a, b, c, d]) = chosen {
        let [e, f, g, h] = SERVER;
        options.extend([54, 4, e, f, g, h, 50, 4, a, b, c, d]);
    }
    options.push(255);
    bytes[240..240 + options.len()].copy_from_slice(&options);
    // A refusal shows as a transaction that does not end.
    let _ = socket.send(&bytes);
}

/// Client, slot, message type and address of the next answer.
fn receive(socket: &UdpSocket) -> Option<(u32, usize, u8, [u8; 4])> {
    let mut bytes = [0; 1500];
    let length = socket.recv(&mut bytes).ok()?;
    let number =
        |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let mut at = 240;
    while at + 2 < length && bytes[at] != 53 {
        at += 2 + usize::from(bytes[at + 1]);
    }
    let address = number(16).to_be_bytes();
    Some((number(30), number(4) as usize, bytes[at + 2], address))
}

/// Appends of one record and fdatasync, one after the other: what the disk alone can do.
fn syncs_per_second() -> f64 {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut file = File::create(folder.path().join("append")).unwrap();
    let (started, mut count) = (Instant::now(), 0.0);
    while started.elapsed() < Duration::from_secs(1) {
        file.write_all(&[7; 128]).unwrap();
        file.sync_data().unwrap();
        count += 1.0;
    }
    count / started.elapsed().as_secs_f64()
}
