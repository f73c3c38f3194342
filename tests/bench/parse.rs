//! How fast KDL is read: ours beside the kdl crate in the same process, and beside ckdl, a parser in C, through its Python module.
//!
//! `cargo bench --bench parse`; `tests/setup` installs ckdl. Allocations are counted, since they do not depend on the machine.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that meets the unexpected should stop there"
)]

#[path = "../support/counting.rs"]
mod counting;
mod figure;
mod racks;

use std::fs;
use std::process::Command;
use std::time::Instant;

use bedplate::diag::span::Sources;
use bedplate::lang::syntax;

const ROUNDS: usize = 5;
/// Machines in the text that ours and ckdl read, and in the one that the slower crate reads.
const MACHINES: (u32, u32) = (40_000, 4_000);

fn main() {
    let (long, short) = (text(MACHINES.0), text(MACHINES.1));
    let ours = rates(&long, read_ours);
    let theirs = rates(&short, read_theirs);
    figure::print("parse: rate", "MB/s", &ours, "the kdl crate", &theirs);
    figure::print(
        "parse: rate",
        "MB/s",
        &ours,
        "ckdl, from Python",
        &ckdl(&long),
    );
    let (ours, theirs) = (cost(&short, read_ours), cost(&short, read_theirs));
    figure::print(
        "parse: allocations a line",
        "",
        &[ours.0],
        "the kdl crate",
        &[theirs.0],
    );
    figure::print(
        "parse: peak bytes a byte of text",
        "",
        &[ours.1],
        "the kdl crate",
        &[theirs.1],
    );
}

/// The files of a site's racks as one text.
fn text(machines: u32) -> String {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    racks::write(folder.path(), machines);
    let racks = fs::read_dir(folder.path().join("racks")).unwrap();
    let texts = racks.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    texts.collect()
}

fn read_ours(text: &str) -> usize {
    let id = Sources::default().add("site.kdl", "".into());
    let (nodes, faults) = syntax(id, text);
    assert!(faults.is_empty());
    nodes
}

fn read_theirs(text: &str) -> usize {
    kdl::KdlDocument::parse_v2(text).unwrap().nodes().len()
}

/// Megabytes a second, of each round.
fn rates(text: &str, read: fn(&str) -> usize) -> Vec<f64> {
    let round = |_| {
        let started = Instant::now();
        assert!(read(text) > 0);
        text.len() as f64 / 1e6 / started.elapsed().as_secs_f64()
    };
    (0..ROUNDS).map(round).collect()
}

/// Allocations a line, and bytes held at most for each byte of text.
fn cost(text: &str, read: fn(&str) -> usize) -> (f64, f64) {
    let (_, cost) = counting::cost(|| read(text));
    (
        cost.allocations as f64 / text.lines().count() as f64,
        cost.peak as f64 / text.len() as f64,
    )
}

const PYTHON: &str = "
import ckdl, sys, time
text = open(sys.argv[1]).read()
for _ in range(int(sys.argv[2])):
    started = time.perf_counter()
    assert ckdl.parse(text, version=2).nodes
    print(len(text) / 1e6 / (time.perf_counter() - started))
";

fn ckdl(text: &str) -> Vec<f64> {
    let file = tempfile::NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::write(file.path(), text).unwrap();
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/target/python/bin/python");
    let output = Command::new(python)
        .args(["-c", PYTHON])
        .arg(file.path())
        .arg(ROUNDS.to_string())
        .output();
    let output = output.unwrap_or_else(|error| panic!("tests/setup installs ckdl: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let rates = String::from_utf8(output.stdout).unwrap();
    rates.lines().map(|rate| rate.parse().unwrap()).collect()
}
