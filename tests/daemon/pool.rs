//! Sessions with many BMCs: reused, bounded, closed, and replaced where a BMC forgot them; a BMC that hangs keeps nobody from others.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::lab::{Lab, PATIENCE, SITE, Said};
use crate::sandbox::{Namespace, Running};
use crate::shim::hurried;
use crate::support::rack::{Manner, PASSWORD, Rack, USER};

/// How long a BMC that says nothing is waited for.
const GIVEN_UP: Duration = Duration::from_secs(10);

/// The first of them.
pub(crate) const FIRST: &str = "10.72.1.1";

/// A lab with a rack behind a cable, whose first `count` BMCs its site knows.
pub(crate) fn racked(count: usize) -> (Lab, Rack, Namespace) {
    let lab = Lab::new();
    let place = Namespace::new();
    lab.host.veth("mgmt", &place, "eth0");
    lab.host.ip("address add 10.71.0.2/16 dev mgmt");
    place.ip("address add 10.71.0.3/16 dev eth0");
    let rack = Rack::start(&place, "10.72.0.0/16");
    lab.host.ip("route add 10.72.0.0/16 via 10.71.0.3");
    fs::write(lab.path("password"), PASSWORD).unwrap();
    lab.write(&site(&lab, count));
    (lab, rack, place)
}

pub(crate) fn address(number: usize) -> String {
    format!("10.72.{}.{}", 1 + number / 200, 1 + number % 200)
}

pub(crate) fn site(lab: &Lab, count: usize) -> String {
    let password = lab.path("password").display().to_string();
    let mut site = SITE.to_owned();
    for number in 0..count {
        let at = address(number);
        writeln!(
            site,
            "machine \"bmc-{number:03}\" {{ bmc \"ipmi\" address=\"{at}\" username=\"{USER}\" password=(file){password:?} }}"
        )
        .unwrap();
    }
    site
}

pub(crate) fn power(lab: &Lab, arguments: &str, code: i32) -> Said {
    let words: Vec<&str> = arguments.split_whitespace().collect();
    let said = lab.run(&[&["power"], words.as_slice()].concat());
    assert_eq!(said.code, code, "{arguments}: {said:?}");
    said
}

/// Starts the daemon, which asks BMCs so often how they do.
pub(crate) fn serving(lab: &Lab, every: &str) -> Running {
    let mut command = lab.daemon(&[]);
    command.args(["--poll-bmcs", every]);
    lab.ready(command)
}

/// Tells the daemon to end, and waits until it has.
pub(crate) fn ended(mut daemon: Running) {
    let child = daemon.child();
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_session_is_used_again_replaced_and_closed() {
    let (lab, rack, _place) = racked(1);
    let daemon = serving(&lab, "off");
    lab.applied();
    let sessions = || {
        let bmc = rack.bmc(FIRST);
        (bmc.opened, bmc.open(), bmc.most)
    };
    let before = sessions().0;
    for (deed, code, opened) in [
        ("status bmc-000", 0, 1),
        ("status bmc-000", 0, 1),
        ("on bmc-000", 0, 1),
        ("off bmc-000 --yes", 0, 1),
    ] {
        power(&lab, deed, code);
        assert_eq!(sessions(), (before + opened, 1, 1), "{deed}");
    }
    rack.restart(FIRST);
    power(&lab, "on bmc-000", 0);
    assert_eq!(sessions(), (before + 2, 1, 1), "it forgot the first");
    fs::write(lab.path("password"), "another").unwrap();
    power(&lab, "status bmc-000", 4);
    assert_eq!(sessions(), (before + 2, 0, 1), "that is no password");
    fs::write(lab.path("password"), PASSWORD).unwrap();
    power(&lab, "status bmc-000", 0);
    assert_eq!(sessions(), (before + 3, 1, 1));
    ended(daemon);
    assert_eq!(sessions(), (before + 3, 0, 1), "the daemon left it open");
}

#[test]
fn a_session_that_nobody_needs_is_closed() {
    let (lab, rack, _place) = racked(1);
    let _daemon = hurried(&lab, 4, &["--poll-bmcs", "off"]);
    lab.applied();
    power(&lab, "status bmc-000", 0);
    let end = Instant::now() + PATIENCE;
    while rack.bmc(FIRST).open() > 0 {
        assert!(Instant::now() < end, "it stays open");
        std::thread::yield_now();
    }
}

#[test]
fn those_that_hang_do_not_hold_up_the_others() {
    const ALL: usize = 300;
    let (lab, rack, _place) = racked(ALL);
    let hangs = |number: usize| number % 20 == 7;
    for number in (0..ALL).filter(|number| hangs(*number)) {
        rack.set(&address(number), |bmc| bmc.manner = Manner::Hangs);
    }
    let _daemon = hurried(&lab, 4, &["--poll-bmcs", "off"]);
    lab.applied();
    let said = lab.run(&["--json", "power", "status", "all"]);
    assert_eq!(said.code, 4, "{said:?}");
    let told: Vec<Value> = said
        .out
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|event: &Value| event["waiting"].is_null())
        .collect();
    let hanging = (0..ALL).filter(|number| hangs(*number)).count();
    let is_done = |event: &Value| event["done"].is_object();
    let first = told.iter().position(|event| !is_done(event)).unwrap();
    assert_eq!((told.len(), first), (ALL, ALL - hanging));
    assert!(told[first..].iter().all(|event| !is_done(event)));
    for (at, bmc) in rack.all() {
        assert!(bmc.most <= 1, "{at}: {bmc:?}");
    }
}

const RACKS: usize = 1000;

/// How many BMCs are spoken with at once.
const AT_ONCE: usize = 128;

#[test]
fn a_thousand_are_polled_some_at_once() {
    let (lab, rack, _place) = racked(RACKS);
    let _daemon = serving(&lab, "1h");
    lab.applied();
    let status = lab.until("all are asked", |status| status["bmcs"]["unasked"] == 0);
    assert_eq!(status["bmcs"]["fine"], RACKS, "{}", status["bmcs"]);
    assert!((2..=AT_ONCE).contains(&rack.most()), "{}", rack.most());
    let all = rack.all();
    assert_eq!(all.len(), RACKS);
    for (at, bmc) in all {
        let sessions = (bmc.opened, bmc.most, bmc.open(), bmc.tries);
        assert_eq!(sessions, (1, 1, 0, 1), "{at}: {bmc:?}");
    }
}

#[test]
fn of_a_thousand_that_hang_some_are_waited_for_at_once() {
    let (lab, rack, _place) = racked(RACKS);
    for number in 0..RACKS {
        rack.set(&address(number), |bmc| bmc.manner = Manner::Hangs);
    }
    let _daemon = hurried(&lab, 8, &["--poll-bmcs", "off"]);
    lab.applied();
    let mut command = lab.command("site", &["power", "status", "all"]);
    let _asking = Running::start(command.stdout(Stdio::null()));
    let asked = || rack.all().values().filter(|bmc| bmc.came > 0).count();
    let end = Instant::now() + PATIENCE;
    let until = |most: usize| loop {
        let (asked, now) = (asked(), Instant::now());
        assert!(now < end, "{asked} are asked");
        if asked > most {
            return now;
        }
    };
    // The next one has its turn when one of the first is given up, and not before.
    let (first, next) = (until(AT_ONCE - 1), until(AT_ONCE));
    assert!(next - first > GIVEN_UP / 8 / 2, "{:?}", next - first);
}

#[test]
fn whoever_waits_for_one_sees_the_others_meanwhile() {
    let (lab, rack, _place) = racked(2);
    rack.set(&address(1), |bmc| bmc.manner = Manner::Hangs);
    let _daemon = serving(&lab, "off");
    lab.applied();
    let mut command = lab.command("site", &["power", "status"]);
    let mut asking = Running::start(command.stdout(Stdio::piped()));
    let told = asking.child().stdout.take().unwrap();
    let mut lines = BufReader::new(told).lines().map(Result::unwrap);
    assert_eq!(lines.next().as_deref(), Some("  bmc-000  off"));
    // Only now can the other answer: had nothing been shown before, it would be late.
    rack.set(&address(1), |bmc| bmc.manner = Manner::Fine);
    assert_eq!(lines.collect::<Vec<_>>(), ["  bmc-001  off"]);
    assert!(asking.child().wait().unwrap().success());
}
