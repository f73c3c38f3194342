//! A daemon that is killed at a chosen change, whose wall clock jumps, or who is in a hurry: `shim.c`, loaded into it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::lab::Lab;
use crate::support::sandbox::Running;

/// The shim of one lab, built for it.
pub(crate) struct Shim<'a> {
    lab: &'a Lab,
    library: PathBuf,
}

/// A daemon with such arguments that waits as long as always, and for whom time passes so much faster: what takes a minute may be tested.
/// Whom it waits for has less time too.
pub(crate) fn hurried(lab: &Lab, times: u32, arguments: &[&str]) -> Running {
    let preload = format!("LD_PRELOAD={}", built(lab).display());
    let hurry = format!("SHIM_HURRY={times}");
    let mut command = lab.daemon(&["env", &preload, &hurry]);
    command.args(arguments);
    lab.ready(command)
}

fn built(lab: &Lab) -> PathBuf {
    let library = lab.path("shim.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/daemon/shim.c");
    let mut command = Command::new("cc");
    command.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]);
    let built = command.arg(&library).arg(source).status();
    assert!(built.unwrap().success(), "cc cannot build the shim");
    library
}

impl<'a> Shim<'a> {
    pub(crate) fn new(lab: &'a Lab) -> Self {
        let library = built(lab);
        Self { lab, library }
    }

    /// A daemon with the shim in it, ready.
    pub(crate) fn serve(&self) -> Running {
        let preload = format!("LD_PRELOAD={}", self.library.display());
        let kill = format!("SHIM_KILL={}", self.lab.path("kill").display());
        let clock = format!("SHIM_CLOCK={}", self.lab.path("clock").display());
        // One thread that stands still leaves others to answer, however few processors there are.
        let threads = "TOKIO_WORKER_THREADS=4";
        let daemon = self.lab.daemon(&["env", threads, &preload, &kill, &clock]);
        self.lab.ready(daemon)
    }

    /// From now on, the `change`-th change kills the daemon; 0 lets it live.
    pub(crate) fn kill_at(&self, change: usize) {
        self.put("kill", &change.to_string());
    }

    /// From now on, the daemon stands still before the `change`-th change, until [`Shim::kill_at`] says otherwise.
    pub(crate) fn stop_at(&self, change: usize) {
        self.put("kill", &format!("-{change}"));
    }

    /// The daemon's wall clock is off by so many seconds.
    pub(crate) fn clock(&self, seconds: i64) {
        self.put("clock", &seconds.to_string());
    }

    /// In one go, so that nobody reads half of it.
    fn put(&self, name: &str, text: &str) {
        let part = self.lab.path("part");
        fs::write(&part, text).unwrap();
        fs::rename(part, self.lab.path(name)).unwrap();
    }
}
