//! Whole DHCP transactions a second against Kea, in one run on one cable, beside the disk's rate of syncs.
//!
//! `cargo bench --bench dhcp`, as root, with kea-dhcp4 installed. Ours is the real `bedplate serve`. Every transaction has a new
//! client. Ours acknowledges what is on disk; Kea appends to its lease file and never syncs it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that meets the unexpected should stop there"
)]

mod figure;
mod rig;
mod site;
#[path = "../support/mod.rs"]
mod support;

use std::fs::File;
use std::io::Write as _;
use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

use rig::{Bedplate, Cable, RELAYS};
use site::SERVER;
use support::sandbox::Running;

const ROUNDS: usize = 3;
const WINDOWS: [usize; 3] = [1, 64, 512];
const SECONDS: u64 = 2;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("load") => load(std::env::args().nth(2).unwrap().parse().unwrap()),
        _ => compare(),
    }
}

/// The rates and the 99th percentiles of one server, by window.
type Results = [(Vec<f64>, Vec<f64>); WINDOWS.len()];

/// Servers take turns within a round, since the machine is shared.
fn compare() {
    let cable = Cable::new();
    let (mut our_results, mut kea_results) = (Results::default(), Results::default());
    let mut syncs = Vec::new();
    for _ in 0..ROUNDS {
        syncs.push(syncs_per_second());
        for (at, window) in WINDOWS.into_iter().enumerate() {
            measure(&cable, ours, window, &mut our_results[at]);
            measure(&cable, kea, window, &mut kea_results[at]);
        }
    }
    for (window, (ours, kea)) in WINDOWS
        .into_iter()
        .zip(our_results.iter().zip(&kea_results))
    {
        let name = |what: &str| format!("dhcp: {what}, {window} in flight");
        figure::print(&name("transactions"), "1/s", &ours.0, "kea", &kea.0);
        figure::print(&name("ACK p99"), "us", &ours.1, "kea", &kea.1);
        figure::print(&name("transactions"), "1/s", &ours.0, "fdatasync", &syncs);
    }
}

fn measure(
    cable: &Cable,
    start: fn(&Cable, &Path) -> Running,
    window: usize,
    into: &mut (Vec<f64>, Vec<f64>),
) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let server = start(cable, folder.path());
    let own = std::env::current_exe().unwrap();
    let mut load = cable.client.command(own.to_str().unwrap());
    let output = load.args(["load", &window.to_string()]).output().unwrap();
    drop(server);
    let line = String::from_utf8(output.stdout).unwrap();
    let mut numbers = line
        .split_whitespace()
        .map(|word| word.parse::<f64>().unwrap());
    into.0.push(numbers.next().unwrap());
    into.1.push(numbers.next().unwrap());
}

fn ours(cable: &Cable, folder: &Path) -> Running {
    Bedplate::prepared(cable, folder, 0).start(cable)
}

fn kea(cable: &Cable, folder: &Path) -> Running {
    rig::kea(cable, folder, 0)
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
    let socket = UdpSocket::bind((RELAYS[0], 67)).unwrap();
    socket.connect((SERVER, 67)).unwrap();
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
    bytes[24..28].copy_from_slice(&RELAYS[0].octets());
    bytes[28..30].copy_from_slice(&[2, 0xcc]);
    bytes[30..34].copy_from_slice(&client.to_be_bytes());
    bytes[236..240].copy_from_slice(&[99, 130, 83, 99]);
    let kind = if chosen.is_some() { 3 } else { 1 };
    let mut options = vec![53, 1, kind, 55, 7, 1, 3, 6, 15, 51, 58, 59];
    if let Some([a, b, c, d]) = chosen {
        let [e, f, g, h] = SERVER.octets();
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
