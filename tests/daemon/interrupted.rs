//! A daemon that dies in the middle of an apply, and one that is told to stop then.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lab::{Lab, SITE, with_routes};
use crate::shim::Shim;
use crate::support::sandbox::Running;
use crate::support::witness;

/// Routes that make the plan long enough to be interrupted.
const ROUTES: usize = 200;

/// Steps that are done when the daemon is hit, and the change before which it stands still for that: it is past those and not at the
/// end yet.
const STEPS: usize = 40;
const STANDS_AT: usize = 100;

/// Starts an apply of the long site and returns once it is in its midst.
fn in_the_midst(lab: &Lab) -> Child {
    lab.write(&with_routes(ROUTES));
    let mut command = lab.command("site", &["--json", "apply", "--yes"]);
    let mut apply = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(apply.stdout.take().unwrap()).lines();
    let midst = format!("\"index\":{STEPS},");
    assert!(lines.any(|line| line.unwrap().contains(&midst)));
    // Read on, so that the command never waits for room in the pipe.
    std::thread::spawn(move || lines.count());
    apply
}

fn routes(lab: &Lab) -> usize {
    let said = lab.host.ip("route show");
    said.lines()
        .filter(|line| line.starts_with("10.100."))
        .count()
}

fn hit(lab: &Lab, shim: &Shim<'_>, mut daemon: Running, signal: Signal) -> bool {
    shim.stop_at(STANDS_AT);
    let mut apply = in_the_midst(lab);
    kill(Pid::from_raw(daemon.child().id().cast_signed()), signal).unwrap();
    shim.kill_at(0);
    let ended = daemon.child().wait().unwrap();
    apply.wait().unwrap();
    ended.success()
}

#[test]
fn killed_in_its_first_apply_it_takes_everything_back() {
    let lab = Lab::new();
    let before = witness::host(&lab.host);
    let shim = Shim::new(&lab);
    hit(&lab, &shim, shim.serve(), Signal::SIGKILL);
    let left = routes(&lab);
    assert!(0 < left && left < ROUTES, "not in the midst: {left} routes");
    let _daemon = lab.serve();
    assert_eq!(witness::host(&lab.host), before);
    lab.write(SITE);
    lab.applied();
    lab.serves();
}

#[test]
fn killed_in_a_later_apply_it_goes_back_to_the_one_before() {
    let lab = Lab::new();
    let shim = Shim::new(&lab);
    let daemon = shim.serve();
    lab.applied();
    // What others made stays as it is.
    lab.host.ip("route add 10.101.0.0/16 via 10.70.0.253");
    let before = witness::host(&lab.host);
    hit(&lab, &shim, daemon, Signal::SIGKILL);
    let left = routes(&lab);
    assert!(0 < left && left < ROUTES, "not in the midst: {left} routes");
    let daemon = lab.serve();
    assert_eq!(witness::host(&lab.host), before);
    assert_eq!(lab.unlike(), Default::default());
    lab.serves();
    drop(daemon);
    let _daemon = lab.serve();
    assert_eq!(witness::host(&lab.host), before, "it goes back once");
}

#[test]
fn told_to_stop_it_ends_the_apply_first() {
    let lab = Lab::new();
    let shim = Shim::new(&lab);
    let daemon = shim.serve();
    lab.applied();
    assert!(hit(&lab, &shim, daemon, Signal::SIGTERM));
    assert_eq!(routes(&lab), ROUTES);
    let _daemon = lab.serve();
    assert_eq!(lab.unlike(), Default::default());
}
