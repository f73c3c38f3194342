//! How fast a host's network is made: 1,000 VLANs with an address each, by `bedplate apply` and by `ip -batch`, in one guest with
//! Debian's kernel.
//!
//! `cargo bench --bench host`; `tests/setup` fetches the kernel. The guest's processor is emulated, so that only ratios say
//! something. The daemon runs already, with its store on the guest's memory: what a disk takes for a sync is no matter of netlink.
//! "Steps" is the time from the first step to the last, "applied" that until all is verified and kept; "command" is the whole of
//! `bedplate apply`: the program started, the site compiled by it and by the daemon, planned, journaled and applied.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark that meets the unexpected should stop there"
)]

mod figure;
#[path = "../support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use support::guest;
use support::sandbox::{Namespace, Running};

const ROUNDS: usize = 5;
const VLANS: u32 = 1000;

#[expect(clippy::print_stdout, reason = "figures are what a benchmark is for")]
fn main() {
    if guest::is_inside() {
        return measure();
    }
    let ended = guest::boot(&[]);
    print!("{}", ended.output);
    assert!(ended.success, "{}", ended.complaint);
}

/// The measurements of ours, in seconds, and of the daemon's memory, in MiB.
#[derive(Default)]
struct Measured {
    steps: Vec<f64>,
    applied: Vec<f64>,
    command: Vec<f64>,
    memory: Vec<f64>,
}

fn measure() {
    let mut theirs = Vec::new();
    let mut ours = Measured::default();
    for _ in 0..ROUNDS {
        let namespace = bare();
        let started = Instant::now();
        by_ip(&namespace);
        theirs.push(started.elapsed().as_secs_f64());
        check(&namespace);
        clear(&namespace);
        let namespace = bare();
        by_bedplate(&namespace, &mut ours);
        check(&namespace);
        clear(&namespace);
    }
    let figure = |name: &str| format!("host: {VLANS} VLANs with an address each, {name}");
    figure::print(&figure("steps"), "s", &ours.steps, "ip -batch", &theirs);
    figure::print(&figure("applied"), "s", &ours.applied, "ip -batch", &theirs);
    figure::print(&figure("command"), "s", &ours.command, "ip -batch", &theirs);
    figure::print_ours(&figure("the daemon's peak memory"), "MiB", &ours.memory);
}

/// A host with one link and nothing on it.
fn bare() -> Namespace {
    let namespace = Namespace::new();
    namespace.batch(&[
        "link add trunk type veth peer name far",
        "link set far up",
        "link set trunk up",
    ]);
    namespace
}

/// Takes away what a round made, and all that is tagged on it. The kernel would take its time over that when the namespace goes, and so
/// the next round's.
fn clear(namespace: &Namespace) {
    namespace.batch(&["link delete trunk"]);
}

fn check(namespace: &Namespace) {
    let addresses = namespace.ip_json("-4 address show scope global");
    let made = addresses.as_array().map(Vec::len);
    assert_eq!(made, usize::try_from(VLANS).ok(), "links with an address");
}

fn network(id: u32) -> String {
    format!("10.{}.{}", id / 250, id % 250)
}

fn by_ip(namespace: &Namespace) {
    let lines = (1..=VLANS).flat_map(|id| {
        [
            format!("link add link trunk name vlan{id} up type vlan id {id}"),
            format!("address add {}.1/24 dev vlan{id}", network(id)),
        ]
    });
    namespace.batch(&lines.collect::<Vec<_>>());
}

fn site() -> String {
    let (mut vlans, mut links) = (String::new(), String::new());
    for id in 1..=VLANS {
        let network = network(id);
        writeln!(
            vlans,
            "    vlan \"v{id}\" id={id} {{ subnet \"{network}.0/24\" }}"
        )
        .unwrap();
        writeln!(
            links,
            "    tagged \"vlan{id}\" on=\"trunk\" vlan=\"v{id}\" {{ address \"{network}.1\" }}"
        )
        .unwrap();
    }
    format!(
        r#"site "bench" domain="bench.example"
fabric "plant" {{
{vlans}}}
controller "rack-1" {{
    ethernet "trunk"
{links}}}
"#
    )
}

fn by_bedplate(namespace: &Namespace, into: &mut Measured) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("site.kdl"), site()).unwrap();
    let mut serve = command(namespace, folder);
    serve
        .args(["--json", "serve", "--controller", "rack-1", "--state"])
        .arg(folder.join("state"))
        .stderr(Stdio::piped());
    let mut daemon = Running::start(&mut serve);
    let log = BufReader::new(daemon.child().stderr.take().unwrap());
    let mut log = log.lines().map(Result::unwrap);
    log.find(|line| line.contains("\"ready\"")).unwrap();
    let mut apply = command(namespace, folder);
    apply
        .args(["--json", "apply", "--yes", "site.kdl"])
        .stdout(Stdio::piped());
    let started = Instant::now();
    let mut apply = Running::start(&mut apply);
    let events = BufReader::new(apply.child().stdout.take().unwrap());
    let mut events = events.lines().map(Result::unwrap);
    events.find(|line| line.contains("\"started\"")).unwrap();
    let first = Instant::now();
    events.find(|line| line.contains("\"verifying\"")).unwrap();
    into.steps.push(first.elapsed().as_secs_f64());
    events.find(|line| line.contains("\"finished\"")).unwrap();
    into.applied.push(first.elapsed().as_secs_f64());
    events.for_each(drop);
    assert!(apply.child().wait().unwrap().success());
    into.command.push(started.elapsed().as_secs_f64());
    into.memory.push(peak(&mut daemon));
}

fn command(namespace: &Namespace, folder: &Path) -> Command {
    let mut command = namespace.command(env!("CARGO_BIN_EXE_bedplate"));
    command
        .arg("--socket")
        .arg(folder.join("socket"))
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

/// The most memory that a process held so far, in MiB.
fn peak(process: &mut Running) -> f64 {
    let path = format!("/proc/{}/status", process.child().id());
    let status = fs::read_to_string(path).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.unwrap().split_whitespace().next().unwrap();
    kib.parse::<f64>().unwrap() / 1024.0
}
