//! How long it takes to ask 5,000 BMCs over IPMI how they do, of which one in 50 says nothing, and how much memory: by the daemon's own
//! polling, and by one `ipmitool` for each, as many at once as the daemon has sessions.
//!
//! `cargo bench --bench bmc`, as root, with ipmitool installed. All BMCs are one thread of this program, on a cable of their own; they take
//! part of the same processors. Ours is the whole way: from a daemon that is ready, which then compiles the site for its BMCs, to the last
//! BMC. The peer is measured on a sample with as many silent ones, since a process for each takes minutes for all.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that meets the unexpected should stop there"
)]

mod figure;
#[path = "../support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use serde_json::Value;
use support::rack::{Manner, PASSWORD, Rack, USER};
use support::sandbox::{Namespace, Running};

const ROUNDS: usize = 3;
const ALL: usize = 5_000;
const SAMPLE: usize = 500;
const AT_ONCE: usize = 128;
/// What all may take: seconds, and MiB.
const MOST: (f64, f64) = (60.0, 200.0);

fn main() {
    let lab = Lab::new();
    let (mut times, mut memory, mut without) = (Vec::new(), Vec::new(), Vec::new());
    let mut theirs = Vec::new();
    for _ in 0..ROUNDS {
        let (time, peak) = lab.polled();
        times.push(time);
        memory.push(peak);
        without.push(lab.idle());
        theirs.push(lab.by_ipmitool());
    }
    let name = |what: &str| format!("bmc: {ALL} BMCs polled, 1 in 50 silent: {what}");
    figure::print(&name("time"), "s", &times, "the bound", &[MOST.0]);
    figure::print(&name("peak memory"), "MiB", &memory, "the bound", &[MOST.1]);
    figure::print(
        &name("peak memory"),
        "MiB",
        &memory,
        "the same daemon that polls nobody",
        &without,
    );
    let rate = |count: usize, times: &[f64]| -> Vec<f64> {
        times.iter().map(|time| count as f64 / time).collect()
    };
    figure::print(
        &name("rate"),
        "1/s",
        &rate(ALL, &times),
        "ipmitool, 128 at once",
        &rate(SAMPLE, &theirs),
    );
}

fn is_silent(number: usize) -> bool {
    number % 50 == 7
}

fn address(number: usize) -> String {
    format!("10.80.{}.{}", number / 200, 1 + number % 200)
}

/// A controller, a rack behind a cable, and a daemon's folder with the site applied.
struct Lab {
    folder: tempfile::TempDir,
    host: Namespace,
    _place: Namespace,
    _rack: Rack,
}

impl Lab {
    fn new() -> Self {
        let (host, place) = (Namespace::new(), Namespace::new());
        host.veth("mgmt", &place, "eth0");
        host.ip("address add 10.79.0.1/24 dev mgmt");
        place.ip("address add 10.79.0.2/24 dev eth0");
        let rack = Rack::start(&place, "10.80.0.0/16");
        host.ip("route add 10.80.0.0/16 via 10.79.0.2");
        for number in (0..ALL).filter(|number| is_silent(*number)) {
            rack.set(&address(number), |bmc| bmc.manner = Manner::Hangs);
        }
        let lab = Self {
            folder: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(),
            host,
            _place: place,
            _rack: rack,
        };
        fs::write(lab.path("password"), PASSWORD).unwrap();
        fs::write(lab.path("site.kdl"), lab.site()).unwrap();
        let daemon = lab.daemon("off");
        let applied = lab
            .command(&["apply", "--yes", "site.kdl"])
            .output()
            .unwrap();
        assert!(applied.status.success(), "{applied:?}");
        drop(daemon);
        lab
    }

    fn site(&self) -> String {
        let password = self.path("password");
        let mut site =
            "site \"bench\" domain=\"bench.example\"\ncontroller \"rack-1\"\n".to_owned();
        for number in 0..ALL {
            let at = address(number);
            writeln!(
                site,
                "machine \"node-{number:04}\" {{ bmc \"ipmi\" address=\"{at}\" username=\"{USER}\" password=(file){password:?} }}"
            )
            .unwrap();
        }
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.host.command(env!("CARGO_BIN_EXE_bedplate"));
        command
            .arg("--socket")
            .arg(self.path("socket"))
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// A daemon that is ready.
    fn daemon(&self, poll: &str) -> Running {
        let mut command = self.command(&["--json", "serve", "--controller", "rack-1"]);
        command
            .args(["--poll-bmcs", poll, "--state"])
            .arg(self.path("state"));
        let mut running = Running::start(command.stderr(Stdio::piped()));
        let mut log = BufReader::new(running.child().stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("\"ready\"") {
            line.clear();
            assert!(log.read_line(&mut line).unwrap() > 0, "it ended");
        }
        // Read on, so that it never waits for room in the pipe.
        thread::spawn(move || log.read_to_end(&mut Vec::new()));
        running
    }

    fn status(&self) -> Value {
        let said = self.command(&["--json", "status"]).output().unwrap();
        serde_json::from_slice(&said.stdout).unwrap()
    }

    /// Seconds until all were asked, and the MiB that the daemon held at most.
    fn polled(&self) -> (f64, f64) {
        let mut daemon = self.daemon("1h");
        let begun = Instant::now();
        loop {
            let bmcs = &self.status()["bmcs"];
            let silent = (0..ALL).filter(|number| is_silent(*number)).count();
            if bmcs["unasked"] == 0 {
                assert_eq!(bmcs["fine"], ALL - silent, "{bmcs}");
                return (begun.elapsed().as_secs_f64(), peak(&mut daemon));
            }
            thread::sleep(std::time::Duration::from_millis(200));
        }
    }

    /// The MiB of a daemon that polls nobody.
    fn idle(&self) -> f64 {
        let mut daemon = self.daemon("off");
        self.status();
        peak(&mut daemon)
    }

    /// Seconds for the sample.
    fn by_ipmitool(&self) -> f64 {
        let left = Mutex::new(0..SAMPLE);
        let begun = Instant::now();
        thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    while let Some(number) = next(&left) {
                        let at = address(number);
                        let mut command = self.host.command("ipmitool");
                        command.args(["-I", "lanplus", "-C", "17", "-L", "OPERATOR"]);
                        command.args(["-U", USER, "-P", PASSWORD, "-H", &at]);
                        let asked = command
                            .args(["chassis", "power", "status"])
                            .output()
                            .unwrap();
                        assert_eq!(
                            asked.status.success(),
                            !is_silent(number),
                            "{at}: {asked:?}"
                        );
                    }
                });
            }
        });
        begun.elapsed().as_secs_f64()
    }
}

fn next(left: &Mutex<std::ops::Range<usize>>) -> Option<usize> {
    left.lock().unwrap().next()
}

/// MiB that a program held at most.
fn peak(program: &mut Running) -> f64 {
    let status = Path::new("/proc").join(program.child().id().to_string());
    let status = fs::read_to_string(status.join("status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let peak: Vec<&str> = line.split_whitespace().collect();
    peak[1].parse::<f64>().unwrap() / 1024.0
}
