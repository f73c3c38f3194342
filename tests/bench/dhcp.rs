//! Whole DHCP transactions a second against Kea, in one run on one cable, beside the disk's syncs and what the network allows.
//!
//! `cargo bench --bench dhcp`, as root, with kea-dhcp4 installed. Ours is the real `bedplate serve`. Every transaction has a new
//! client. Ours acknowledges what is on disk; Kea appends to its lease file and never syncs it, or keeps no file at all.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that meets the unexpected should stop there"
)]

mod figure;
mod load;
mod rig;
mod site;
#[path = "../support/mod.rs"]
mod support;

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use load::{Seen, Until};
use rig::{Bedplate, Cable};
use support::sandbox::Running;

const ROUNDS: usize = 3;
const WINDOWS: [usize; 3] = [1, 64, 512];
const LENGTH: Duration = Duration::from_secs(2);

/// Those that take turns within a round, since the machine is shared.
const SERVERS: [fn(&Cable, &Path) -> Running; 4] = [ours, kea, kea_in_memory, echo];

#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn main() {
    let mut words = std::env::args().skip(1);
    match words.next().as_deref() {
        Some("load") => {
            let window = words.next().unwrap().parse().unwrap();
            let until = Until::read(&words.next().unwrap());
            println!("{}", load::run(window, until, LENGTH).line());
        }
        Some("echo") => load::echo(),
        _ => compare(),
    }
}

fn compare() {
    let cable = Cable::new();
    let mut seen: [[Vec<Seen>; SERVERS.len()]; WINDOWS.len()] = Default::default();
    let mut syncs = Vec::new();
    for _ in 0..ROUNDS {
        for (window, seen) in WINDOWS.into_iter().zip(&mut seen) {
            syncs.push(sync_times());
            for (server, seen) in SERVERS.into_iter().zip(seen) {
                seen.push(measure(&cable, server, window, Until::Ack));
            }
        }
    }
    for (window, seen) in WINDOWS.into_iter().zip(offers(&cable)) {
        let [ours, echo] = seen.map(|seen| seen.iter().map(|seen| seen.rate).collect::<Vec<_>>());
        let name = format!("dhcp: DISCOVER and OFFER alone, {window} in flight");
        figure::print(&name, "1/s", &ours, "echo", &echo);
    }
    for (at, percent) in ["p50", "p99"].into_iter().enumerate() {
        let times: Vec<f64> = syncs.iter().map(|sync| sync[at]).collect();
        figure::print_ours(&format!("dhcp: fdatasync {percent}"), "us", &times);
    }
    let sync = figure::median(&syncs.iter().map(|sync| sync[1]).collect::<Vec<_>>());
    for (window, [ours, kea, in_memory, echo]) in WINDOWS.into_iter().zip(&seen) {
        let all = |seen: &[Seen], what: fn(&Seen) -> f64| seen.iter().map(what).collect::<Vec<_>>();
        let compare = |name: &str, unit, what: fn(&Seen) -> f64, peer, theirs: &[Seen]| {
            let name = format!("dhcp: {name}, {window} in flight");
            figure::print(&name, unit, &all(ours, what), peer, &all(theirs, what));
        };
        compare("transactions", "1/s", |seen| seen.rate, "kea", kea);
        compare(
            "transactions",
            "1/s",
            |seen| seen.rate,
            "kea in memory",
            in_memory,
        );
        compare("transactions", "1/s", |seen| seen.rate, "echo", echo);
        compare(
            "OFFER p50",
            "us",
            |seen| seen.offer[0],
            "kea in memory",
            in_memory,
        );
        compare(
            "OFFER p99",
            "us",
            |seen| seen.offer[1],
            "kea in memory",
            in_memory,
        );
        compare(
            "ACK p50",
            "us",
            |seen| seen.ack[0],
            "kea in memory",
            in_memory,
        );
        let with_sync: Vec<f64> = in_memory.iter().map(|seen| seen.ack[1] + sync).collect();
        figure::print(
            &format!("dhcp: ACK p99, {window} in flight"),
            "us",
            &all(ours, |seen| seen.ack[1]),
            "kea in memory and a sync",
            &with_sync,
        );
        // One that loses some of its clients has fewer to answer.
        compare("lost", "1", |seen| seen.lost, "kea", kea);
    }
}

/// What needs no disk, of ours and of the least that a server could do.
fn offers(cable: &Cable) -> [[Vec<Seen>; 2]; WINDOWS.len()] {
    WINDOWS.map(|window| {
        let mut seen: [Vec<Seen>; 2] = Default::default();
        for _ in 0..ROUNDS {
            for (server, seen) in [ours, echo].into_iter().zip(&mut seen) {
                seen.push(measure(cable, server, window, Until::Offer));
            }
        }
        seen
    })
}

fn measure(
    cable: &Cable,
    start: fn(&Cable, &Path) -> Running,
    window: usize,
    until: Until,
) -> Seen {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let server = start(cable, folder.path());
    let own = std::env::current_exe().unwrap();
    let mut load = cable.client.command(own.to_str().unwrap());
    load.args(["load", &window.to_string(), until.as_str()]);
    let output = load.output().unwrap();
    drop(server);
    Seen::read(&String::from_utf8(output.stdout).unwrap())
}

fn ours(cable: &Cable, folder: &Path) -> Running {
    Bedplate::prepared(cable, folder, 0).start(cable)
}

fn kea(cable: &Cable, folder: &Path) -> Running {
    rig::kea(cable, folder, 0)
}

fn kea_in_memory(cable: &Cable, folder: &Path) -> Running {
    rig::kea_in_memory(cable, folder)
}

fn echo(cable: &Cable, _: &Path) -> Running {
    let own = std::env::current_exe().unwrap();
    Running::start(cable.server.command(own.to_str().unwrap()).arg("echo"))
}

/// Appends of the records of some leases and fdatasync, one after the other: what the disk alone takes, in microseconds.
fn sync_times() -> [f64; 2] {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut file = File::create(folder.path().join("append")).unwrap();
    let (started, mut times) = (Instant::now(), Vec::new());
    while started.elapsed() < Duration::from_secs(1) {
        let begun = Instant::now();
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
        times.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    load::percentiles(times)
}
