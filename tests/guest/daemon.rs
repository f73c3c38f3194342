//! The daemon in a guest, and other commands beside it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::sandbox::{Namespace, Running};

/// The daemon, ready; what it logs goes on to standard error.
pub(crate) fn serve(host: &Namespace, folder: &Path) -> Running {
    let mut command = bedplate(folder);
    command.args(["--json", "serve", "--controller", "rack-1", "--state"]);
    command.arg(folder.join("state"));
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    let mut running = host.run(|| Running::start(&mut command));
    let mut log = BufReader::new(running.child().stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("\"ready\"") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "the daemon ended");
        eprint!("{line}");
    }
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::stderr()));
    running
}

/// Any command of ours, in the folder.
pub(crate) fn bedplate(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bedplate"));
    command.arg("--socket").arg(folder.join("socket"));
    command.current_dir(folder);
    command
}
