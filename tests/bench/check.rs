//! What `bedplate check` costs on sites of 200 to 100,000 machines: time, memory, and whether the cost grows with the size alone; and
//! what the graph of the largest one costs, from start to end.
//!
//! `cargo bench --bench check`. No other program checks such a site; the peer is a bare parse of the same text by the kdl crate,
//! run once for the largest. All are whole processes, from start to end.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that meets the unexpected should stop there"
)]

mod figure;
mod racks;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};

const ROUNDS: usize = 5;
const SIZES: [u32; 4] = [200, 1_000, 10_000, 100_000];
/// What the largest site may take.
const MOST: (f64, f64) = (2_000.0, 1_024.0);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("parse") => return parse(Path::new(&arguments[1])),
        Some("memory") => return memory(&arguments[1], Path::new(&arguments[2])),
        _ => {}
    }
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let costs: Vec<f64> = SIZES.map(|machines| size(scratch.path(), machines)).into();
    let (least, most) = (costs[1], costs[3]);
    figure::print(
        "check: time a machine, of 100,000",
        "us",
        &[most],
        "of 1,000",
        &[least],
    );
    let nothing = |program: &Path| {
        let runs = (0..ROUNDS * 4).map(|_| run(program, "--version", Path::new("")));
        runs.collect::<Vec<f64>>()
    };
    figure::print(
        "check: start of the program",
        "ms",
        &nothing(bedplate()),
        "/bin/true",
        &nothing(Path::new("/bin/true")),
    );
}

fn bedplate() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_bedplate"))
}

/// Measures one size; returns microseconds a machine.
fn size(scratch: &Path, machines: u32) -> f64 {
    let folder = scratch.join(machines.to_string());
    let (bytes, files) = racks::write(&folder, machines);
    let own = std::env::current_exe().unwrap();
    let ours: Vec<f64> = (0..ROUNDS)
        .map(|_| run(bedplate(), "check", &folder))
        .collect();
    let rounds = if machines > 10_000 { 1 } else { ROUNDS };
    let theirs: Vec<f64> = (0..rounds).map(|_| run(&own, "parse", &folder)).collect();
    let megabytes = bytes as f64 / 1e6;
    let name = format!("check: {machines} machines, {megabytes:.1} MB in {files} files");
    figure::print(&name, "ms", &ours, "kdl parse alone", &theirs);
    if machines == SIZES[3] {
        bounded(&name, "check", &folder, &ours);
        let drawn: Vec<f64> = (0..ROUNDS)
            .map(|_| run(bedplate(), "graph", &folder))
            .collect();
        bounded(
            &format!("graph: {machines} machines"),
            "graph",
            &folder,
            &drawn,
        );
    }
    figure::median(&ours) * 1000.0 / f64::from(machines)
}

/// Prints the time and the memory of a command beside what it may take.
fn bounded(name: &str, verb: &str, folder: &Path, times: &[f64]) {
    let own = std::env::current_exe().unwrap();
    let output = Command::new(&own)
        .args(["memory", verb])
        .arg(folder)
        .output()
        .unwrap();
    let peak = String::from_utf8(output.stdout).unwrap();
    let peak: f64 = peak.trim().parse().unwrap();
    figure::print(name, "ms", times, "the bound", &[MOST.0]);
    figure::print(name, "MiB at most", &[peak], "the bound", &[MOST.1]);
}

/// Milliseconds that a program takes.
fn run(program: &Path, verb: &str, file: &Path) -> f64 {
    let mut command = Command::new(program);
    command.arg(verb).stdout(Stdio::null()).stdin(Stdio::null());
    if !file.as_os_str().is_empty() {
        command.arg(file);
    }
    let started = Instant::now();
    let status = command.status().unwrap();
    let time = started.elapsed();
    assert!(status.success(), "{} {verb}", program.display());
    time.as_secs_f64() * 1000.0
}

/// Prints the MiB that a command holds at most: a process of its own, since the kernel keeps one maximum for all children.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn memory(verb: &str, folder: &Path) {
    run(bedplate(), verb, folder);
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    println!("{}", usage.max_rss() as f64 / 1024.0);
}

fn parse(folder: &Path) {
    let racks = fs::read_dir(folder.join("racks")).unwrap();
    let racks = racks.map(|entry| entry.unwrap().path());
    for file in racks.chain([folder.join("site.kdl")]) {
        let text = fs::read_to_string(file).unwrap();
        let document = kdl::KdlDocument::parse_v2(&text).unwrap();
        assert!(!document.nodes().is_empty());
    }
}
