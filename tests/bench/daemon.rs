//! What 10,000 and 100,000 reservations cost the daemon beside Kea, on one cable in one run: start-up, memory, and one reservation more.
//!
//! `cargo bench --bench daemon`, as root, with kea-dhcp4 installed. Ours starts from its own store, where it holds the text of the
//! site and serves DNS for each machine too; Kea starts from a file of nothing but reservations. A change of ours begins with the
//! text of the site; Kea's begins with its configuration ready made.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark that meets the unexpected should stop there"
)]

mod figure;
mod probe;
mod rig;
mod site;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::io::{BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use probe::Probe;
use rig::{Bedplate, Cable, RELAYS};
use serde_json::json;
use site::{address, mac};
use support::sandbox::Running;

const ROUNDS: usize = 3;
const MACHINES: [u32; 2] = [10_000, 100_000];

/// The measurements of one server.
#[derive(Default)]
struct Measured {
    start: Vec<f64>,
    memory: Vec<f64>,
    /// Milliseconds until one more reservation was offered, and the longest silence meanwhile.
    change: Vec<f64>,
    silence: Vec<f64>,
    /// The same from the moment when what to do is known.
    swap: Vec<f64>,
    swap_silence: Vec<f64>,
}

fn main() {
    let cable = Cable::new();
    for machines in MACHINES {
        compare(&mut Bench::new(&cable, machines));
    }
}

fn compare(bench: &mut Bench<'_>) {
    let machines = bench.machines;
    let (mut ours, mut kea) = (Measured::default(), Measured::default());
    for _ in 0..ROUNDS {
        bench.kea(&mut kea);
        bench.ours(&mut ours);
    }
    let print = |name: &str, unit, ours: &[f64], theirs: &[f64]| {
        let name = format!("daemon: {name}, {machines} reservations");
        figure::print(&name, unit, ours, "kea", theirs);
    };
    print(
        "start until the last is offered",
        "ms",
        &ours.start,
        &kea.start,
    );
    print(
        "resident memory after the start",
        "MiB",
        &ours.memory,
        &kea.memory,
    );
    print(
        "apply of one more until offered (kea: config-set)",
        "ms",
        &ours.change,
        &kea.change,
    );
    print(
        "longest silence during it",
        "ms",
        &ours.silence,
        &kea.silence,
    );
    print(
        "swap alone until offered (kea: config-reload)",
        "ms",
        &ours.swap,
        &kea.swap,
    );
    print(
        "longest silence during it, swap alone",
        "ms",
        &ours.swap_silence,
        &kea.swap_silence,
    );
}

/// The cable with the probes at its client's end.
struct Bench<'a> {
    cable: &'a Cable,
    asking: Probe,
    steady: Probe,
    machines: u32,
}

impl<'a> Bench<'a> {
    fn new(cable: &'a Cable, machines: u32) -> Self {
        let [asking, steady] = RELAYS.map(|relay| Probe::new(&cable.client, relay));
        Self {
            cable,
            asking,
            steady,
            machines,
        }
    }

    fn ours(&mut self, into: &mut Measured) {
        let folder = scratch();
        let bedplate = Bedplate::prepared(self.cable, folder.path(), self.machines);
        let started = Instant::now();
        let mut daemon = bedplate.start(self.cable);
        into.start.push(self.offered(self.machines, started));
        into.memory.push(resident(&mut daemon));
        let mut log = BufReader::new(daemon.child().stderr.take().unwrap());
        rig::wait_for(&mut log, "\"ready\"");
        bedplate.write_site(self.machines + 1);
        let mut apply = bedplate.command(self.cable);
        apply
            .args(["--json", "apply", "--yes", "site.kdl"])
            .stdout(Stdio::piped());
        let next = self.machines + 1;
        let (until, silence) = self.during(|asking| {
            let started = Instant::now();
            let mut apply = Running::start(&mut apply);
            let offered = asking.until_offered(mac(next), address(next));
            assert!(apply.child().wait().unwrap().success());
            offered - started
        });
        into.change.push(until);
        into.silence.push(silence);
        self.ours_swap(&bedplate, into);
    }

    /// One more once its plan is made: from the daemon's word that it begins.
    fn ours_swap(&mut self, bedplate: &Bedplate, into: &mut Measured) {
        bedplate.write_site(self.machines + 2);
        let mut apply = bedplate.command(self.cable);
        apply
            .args(["--json", "apply", "--yes", "site.kdl"])
            .stdout(Stdio::piped());
        let mut apply = Running::start(&mut apply);
        let mut events = BufReader::new(apply.child().stdout.take().unwrap());
        rig::wait_for(&mut events, "\"started\"");
        let next = self.machines + 2;
        let (until, silence) = self.during(|asking| {
            let started = Instant::now();
            asking.until_offered(mac(next), address(next)) - started
        });
        into.swap.push(until);
        into.swap_silence.push(silence);
        rig::wait_for(&mut events, "\"finished\"");
    }

    fn kea(&mut self, into: &mut Measured) {
        let folder = scratch();
        let folder = folder.path();
        let config = folder.join("kea.json");
        let started = Instant::now();
        let mut daemon = rig::kea(self.cable, folder, self.machines);
        into.start.push(self.offered(self.machines, started));
        into.memory.push(resident(&mut daemon));
        let set =
            json!({ "command": "config-set", "arguments": rig::kea_config(folder, self.machines + 1) })
                .to_string();
        let (until, silence) = self.kea_change(folder, &set, self.machines + 1);
        into.change.push(until);
        into.silence.push(silence);
        fs::write(
            config,
            rig::kea_config(folder, self.machines + 2).to_string(),
        )
        .unwrap();
        let (until, silence) = self.kea_change(
            folder,
            r#"{ "command": "config-reload" }"#,
            self.machines + 2,
        );
        into.swap.push(until);
        into.swap_silence.push(silence);
    }

    fn kea_change(&mut self, folder: &Path, command: &str, number: u32) -> (f64, f64) {
        self.during(|asking| {
            let started = Instant::now();
            let mut control = UnixStream::connect(rig::kea_socket(folder)).unwrap();
            control.write_all(command.as_bytes()).unwrap();
            let offered = asking.until_offered(mac(number), address(number));
            let mut answer = String::new();
            control.read_to_string(&mut answer).unwrap();
            assert!(answer.contains("\"result\": 0"), "{answer}");
            offered - started
        })
    }

    fn offered(&mut self, number: u32, since: Instant) -> f64 {
        let offered = self.asking.until_offered(mac(number), address(number));
        (offered - since).as_secs_f64() * 1000.0
    }

    /// Milliseconds that `change` reports, and of the longest silence that another client saw while it went on.
    fn during(&mut self, change: impl FnOnce(&mut Probe) -> std::time::Duration) -> (f64, f64) {
        let stop = AtomicBool::new(false);
        let (steady, asking) = (&mut self.steady, &mut self.asking);
        let (until, silence) = thread::scope(|scope| {
            let silence = scope.spawn(|| steady.longest_silence(mac(1), &stop));
            let until = change(asking);
            stop.store(true, Ordering::Relaxed);
            (until, silence.join().unwrap())
        });
        (until.as_secs_f64() * 1000.0, silence.as_secs_f64() * 1000.0)
    }
}

/// MiB in memory.
fn resident(daemon: &mut Running) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.child().id())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<f64>()
        .unwrap()
        / 1024.0
}

/// A folder beside the build, since a scratch folder in memory would measure nothing.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}
