//! How long the machine itself holds everyone up: on each CPU a real-time thread sleeps, and sees how late it wakes. Under a
//! hypervisor whose CPUs are shared that is many milliseconds at times, which no program on it can answer within.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::{Pid, gettid};

const STEP: Duration = Duration::from_micros(500);

/// What `work` returns, and the longest that the machine held up one of its CPUs meanwhile.
pub(crate) fn beside<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let cpus = thread::available_parallelism().unwrap().get();
    let stop = &AtomicBool::new(false);
    thread::scope(|scope| {
        let watches: Vec<_> = (0..cpus)
            .map(|cpu| scope.spawn(move || longest(cpu, stop)))
            .collect();
        let result = work();
        stop.store(true, Ordering::Relaxed);
        let pauses = watches.into_iter().map(|watch| watch.join().unwrap());
        (result, pauses.max().unwrap_or_default())
    })
}

fn longest(cpu: usize, stop: &AtomicBool) -> Duration {
    let mut only = CpuSet::new();
    only.set(cpu).unwrap();
    sched_setaffinity(Pid::from_raw(0), &only).unwrap();
    let thread = gettid().to_string();
    let mut chrt = Command::new("chrt");
    let done = chrt.args(["--fifo", "--pid", "50", &thread]).status();
    assert!(done.unwrap().success(), "chrt, of util-linux, as root");
    let mut longest = Duration::ZERO;
    while !stop.load(Ordering::Relaxed) {
        let before = Instant::now();
        thread::sleep(STEP);
        longest = longest.max(before.elapsed().saturating_sub(STEP));
    }
    longest
}
