//! Applies that wait to be confirmed: kept, reverted by the clock, by hand, and by a daemon that ends.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::lab::{Lab, MORE, SITE, Said, dig, with_routes};
use crate::shim::Shim;
use crate::support::sandbox::Running;
use crate::support::witness;

/// The shortest time that there is.
const SHORT: &str = "10s";

/// Longer than any of these tests takes.
const LONG: &str = "1h";

/// Longer than the shortest time, by far.
const PATIENCE: Duration = Duration::from_secs(60);

/// An edit that changes links, addresses, routes and every server.
fn edit() -> String {
    let site = with_routes(3).replace("10.70.0.11", "10.70.0.13");
    let moved = site.replace("address \"10.70.0.2\"", "address \"10.70.0.3\"");
    format!("{moved}{MORE}")
}

fn apply_within(lab: &Lab, time: &str) -> Said {
    let said = lab.run(&["apply", "--yes", "--confirm-within", time]);
    assert_eq!(said.code, 0, "{said:?}");
    said
}

/// A daemon that serves the site, with the edit on disk.
fn served(lab: &Lab, daemon: Running) -> (Running, String) {
    lab.applied();
    lab.write(&edit());
    (daemon, witness::host(&lab.host))
}

/// All is as before the edit: the host, what it serves, and what the edit would do.
fn is_back(lab: &Lab, before: &str, plan: &Value) {
    assert_eq!(witness::host(&lab.host), before);
    assert_eq!(lab.unlike(), Default::default());
    lab.serves();
    assert_eq!(dig(lab, &["node-02.lab.example"]), "");
    let again = lab.json(&["plan"]);
    // Leases come and go; all else is the same plan again.
    for part in ["id", "steps", "waiting", "target"] {
        assert_eq!(again[part], plan[part], "{part}");
    }
}

#[test]
fn what_nobody_confirms_in_time_is_reverted() {
    let lab = Lab::new();
    let (_daemon, before) = served(&lab, lab.serve());
    let plan = lab.json(&["plan"]);
    let monitor = lab.monitor();
    let said = apply_within(&lab, SHORT);
    assert!(
        said.out.contains("bedplate confirm") && said.out.contains("bedplate rollback"),
        "{said:?}"
    );
    let waits = &lab.status()["unconfirmed"];
    assert_eq!(
        (&waits["plan"], &waits["who"]["uid"]),
        (&plan["id"], &0.into())
    );
    assert_ne!(witness::host(&lab.host), before);
    // The client is gone, and its shell with it: the daemon's own timer goes off.
    let since = Instant::now();
    let gone = "Deleted 10.100.0.0/24";
    let heard = std::iter::from_fn(|| monitor.recv_timeout(PATIENCE).ok());
    assert!(heard.take_while(|line| !line.contains(gone)).count() > 0);
    assert!(since.elapsed() < PATIENCE);
    // Answered once the daemon has ended what it does.
    assert_eq!(lab.status()["unconfirmed"], Value::Null);
    is_back(&lab, &before, &plan);
    let fate = &lab.history()[0]["fate"];
    assert_eq!(
        (&fate["kind"], &fate["cause"]["why"], &fate["left"]),
        (&"reverted".into(), &"deadline".into(), &0.into())
    );
    let late = lab.run(&["confirm"]);
    assert!(
        late.code == 1 && late.err.contains("D031") && late.err.contains("not confirmed in time"),
        "{late:?}"
    );
}

#[test]
fn what_is_confirmed_stays_over_a_kill() {
    let lab = Lab::new();
    let (daemon, _) = served(&lab, lab.serve());
    apply_within(&lab, LONG);
    let other = lab.run(&["confirm", "p-00000000"]);
    assert!(other.code == 1 && other.err.contains("D031"), "{other:?}");
    let plan = lab.status()["unconfirmed"]["plan"]
        .as_str()
        .unwrap()
        .to_owned();
    let said = lab.run(&["confirm", &plan]);
    assert!(said.code == 0 && said.out.contains(&plan), "{said:?}");
    let after = witness::host(&lab.host);
    drop(daemon);
    let _daemon = lab.serve();
    assert_eq!(witness::host(&lab.host), after);
    assert_eq!(lab.unlike(), Default::default());
    assert_eq!(lab.run(&["plan", "--exit-code"]).code, 0);
    let last = &lab.history()[0];
    assert_eq!(
        (&last["fate"]["kind"], &last["fate"]["by"]["uid"]),
        (&"confirmed".into(), &0.into())
    );
    assert_eq!(lab.run(&["confirm"]).code, 1);
}

#[test]
fn a_daemon_that_ends_meanwhile_reverts() {
    let lab = Lab::new();
    let (mut daemon, before) = served(&lab, lab.serve());
    let plan = lab.json(&["plan"]);
    for (end, why) in [
        ("kill", "started"),
        ("reboot", "started"),
        ("stop", "stopped"),
    ] {
        apply_within(&lab, LONG);
        assert_ne!(witness::host(&lab.host), before);
        let signal = if end == "stop" {
            Signal::SIGTERM
        } else {
            Signal::SIGKILL
        };
        kill(Pid::from_raw(daemon.child().id().cast_signed()), signal).unwrap();
        daemon.child().wait().unwrap();
        match end {
            "stop" => assert_eq!(witness::host(&lab.host), before),
            "reboot" => drop(lab.host.ip("link del br0")),
            _ => {}
        }
        daemon = lab.serve();
        let fate = &lab.history()[0]["fate"];
        assert_eq!(
            (&fate["kind"], &fate["cause"]["why"]),
            (&"reverted".into(), &why.into()),
            "{end}"
        );
        is_back(&lab, &before, &plan);
    }
}

#[test]
fn a_first_apply_is_reverted_to_nothing() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    let before = witness::host(&lab.host);
    apply_within(&lab, LONG);
    lab.serves();
    let said = lab.run(&["rollback"]);
    assert!(
        said.code == 0 && said.out.contains("as it was before"),
        "{said:?}"
    );
    assert_eq!(witness::host(&lab.host), before);
    assert_eq!(lab.status()["site"], Value::Null);
    let again = lab.run(&["rollback", "--yes"]);
    assert!(again.code == 1 && again.err.contains("D034"), "{again:?}");
}

#[test]
fn while_one_waits_nobody_else_applies() {
    let lab = Lab::new();
    let (_daemon, before) = served(&lab, lab.serve());
    let plan = lab.json(&["plan"]);
    apply_within(&lab, LONG);
    lab.write(SITE);
    for words in [
        &["apply", "--yes", "--allow", "mass-delete"][..],
        &["rollback", "1", "--yes", "--allow", "mass-delete"],
    ] {
        let refused = lab.run(words);
        let until = lab.run(&["status"]).out;
        assert_eq!(refused.code, 1, "{refused:?}");
        for word in [
            "D030",
            "root (uid 0)",
            "UTC",
            "bedplate confirm",
            "bedplate rollback",
        ] {
            assert!(refused.err.contains(word), "{word}: {refused:?}");
            assert!(word == "D030" || until.contains(word), "{word}: {until}");
        }
    }
    // Of two who end it at once, one does.
    let rivals = [&["confirm"][..], &["--json", "rollback", "--yes"]];
    lab.write(&edit());
    let rivals = rivals.map(|words| {
        let mut command: Command = lab.command("site", words);
        let piped = command.stdout(Stdio::piped());
        piped.stderr(Stdio::piped()).spawn().unwrap()
    });
    let [confirmed, reverted] = rivals.map(|rival| Said::of(&rival.wait_with_output().unwrap()));
    let kind = lab.history()[0]["fate"]["kind"].clone();
    match confirmed.code {
        // Once confirmed, to go back is an apply of its own.
        0 => assert!(kind == "confirmed" || kind == "done", "{kind} {reverted:?}"),
        _ => {
            assert!(confirmed.err.contains("D031"), "{confirmed:?}");
            assert_eq!((&kind, reverted.code), (&"reverted".into(), 0));
            is_back(&lab, &before, &plan);
        }
    }
}

#[test]
fn while_one_runs_it_says_whose_it_is() {
    let lab = Lab::new();
    let shim = Shim::new(&lab);
    let (_daemon, _) = served(&lab, shim.serve());
    assert_eq!(lab.run(&["plan", "--out", "../saved.plan"]).code, 0);
    let plan = lab.json(&["plan", "../saved.plan"])["id"].clone();
    shim.stop_at(4);
    let mut command = lab.command("site", &["--json", "apply", "--yes", "../saved.plan"]);
    let mut apply = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(apply.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("started"));
    let status = &lab.status()["under_way"];
    assert_eq!(
        (&status["plan"], &status["who"]["name"]),
        (&plan, &"root".into())
    );
    let said = lab.run(&["status"]);
    assert!(
        said.code == 4 && said.out.contains("of root (uid 0) since"),
        "{said:?}"
    );
    let second = lab.run(&["apply", "--yes", "../saved.plan"]);
    assert!(
        second.code == 1 && second.err.contains("D002"),
        "{second:?}"
    );
    assert!(second.err.contains("of root (uid 0), since"), "{second:?}");
    shim.kill_at(0);
    assert!(lines.last().unwrap().unwrap().contains("\"done\""));
    assert!(apply.wait().unwrap().success());
    assert_eq!(lab.status()["under_way"], Value::Null);
}

#[test]
fn a_wall_clock_that_jumps_neither_confirms_nor_reverts() {
    let lab = Lab::new();
    let shim = Shim::new(&lab);
    let (_daemon, before) = served(&lab, shim.serve());
    let plan = lab.json(&["plan"]);
    apply_within(&lab, LONG);
    let until = lab.status()["unconfirmed"]["until"].as_u64().unwrap();
    shim.clock(3 * 3600);
    // Well past the deadline as the wall clock has it now, it waits on.
    let hold = lab.json(&["hold", "what time is it?"]);
    assert!(
        hold["since"].as_u64().unwrap() > until,
        "the clock has not jumped"
    );
    lab.json(&["unlock"]);
    assert_eq!(lab.status()["unconfirmed"]["until"], until);
    assert_eq!(lab.run(&["rollback"]).code, 0);
    shim.clock(0);
    // A clock that goes back does not give it more time.
    let monitor = lab.monitor();
    apply_within(&lab, SHORT);
    shim.clock(-24 * 3600);
    let gone = "Deleted 10.100.0.0/24";
    let heard = std::iter::from_fn(|| monitor.recv_timeout(PATIENCE).ok());
    assert!(heard.take_while(|line| !line.contains(gone)).count() > 0);
    assert_eq!(lab.status()["unconfirmed"], Value::Null);
    is_back(&lab, &before, &plan);
}

#[test]
fn the_time_to_confirm_has_bounds() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    for (time, word) in [
        ("9s", "10s to 1d"),
        ("25h", "10s to 1d"),
        ("soon", "not a duration"),
        ("2", "not a duration"),
    ] {
        let said = lab.run(&["apply", "--yes", "--confirm-within", time]);
        assert!(
            said.code == 1 && said.err.contains(word),
            "{time}: {said:?}"
        );
    }
    assert_eq!(lab.history(), Vec::<Value>::new());
    // What changes nothing needs nobody to confirm it.
    lab.applied();
    let said = lab.run(&["apply", "--yes", "--confirm-within", "10s"]);
    assert!(said.code == 0 && !said.out.contains("confirm"), "{said:?}");
    assert_eq!(lab.status()["unconfirmed"], Value::Null);
}
