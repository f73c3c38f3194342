//! How long `bedplate check` takes on sites of 200, 1,000 and 10,000 machines, beside a bare parse of the same text by the kdl crate.
//!
//! `cargo bench --bench check`. No other program checks such a site, and nothing that reads KDL can be faster than reading it.
//! Both are whole processes, from start to end.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that meets the unexpected should stop there"
)]

mod figure;
mod site;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const ROUNDS: usize = 5;
const SIZES: [u32; 3] = [200, 1_000, 10_000];

fn main() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("parse") {
        return parse(Path::new(&arguments.next().unwrap()));
    }
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let own = std::env::current_exe().unwrap();
    for machines in SIZES {
        let file = folder.path().join(format!("{machines}.kdl"));
        fs::write(&file, site::text(machines)).unwrap();
        // In turns, so that other load on the machine meets both alike.
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            times[0].push(run(
                Path::new(env!("CARGO_BIN_EXE_bedplate")),
                "check",
                &file,
            ));
            times[1].push(run(&own, "parse", &file));
        }
        let name = format!("check: a site of {machines} machines");
        figure::print(&name, "ms", &times[0], "kdl parse alone", &times[1]);
    }
    let nothing = |program: &Path| {
        let runs = (0..ROUNDS * 4).map(|_| run(program, "--version", Path::new("")));
        runs.collect::<Vec<f64>>()
    };
    let ours = nothing(Path::new(env!("CARGO_BIN_EXE_bedplate")));
    figure::print(
        "check: start of the program",
        "ms",
        &ours,
        "/bin/true",
        &nothing(Path::new("/bin/true")),
    );
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

fn parse(file: &Path) {
    let text = fs::read_to_string(file).unwrap();
    let document = kdl::KdlDocument::parse_v2(&text).unwrap();
    assert!(!document.nodes().is_empty());
}
