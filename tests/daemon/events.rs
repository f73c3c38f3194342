//! `bedplate events`: what happens to leases, as it happens.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::client::Relay;
use crate::lab::{Lab, PATIENCE, SITE};

fn read(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[test]
fn events_are_told_as_they_come_and_kept() {
    let lab = Lab::new();
    let mut daemon = lab.serve();
    lab.applied();
    let mut command = lab.command("site", &["--json", "events", "--follow"]);
    let mut follow = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let mut next = || read(&lines.next().unwrap().unwrap());
    let address = Relay::with(&lab, PATIENCE, |relay| {
        let address = relay.discover(1).unwrap();
        relay.request(1, address).unwrap()
    });
    let words = address.to_string();
    let commit = next();
    assert_eq!(
        (&commit["event"], &commit["number"], &commit["address"]),
        (&"commit".into(), &0.into(), &(*words).into())
    );
    assert_eq!(
        (&commit["hardware"], &commit["vlan"], &commit["name"]),
        (
            &"02:ee:00:00:00:01".into(),
            &"plant/pxe".into(),
            &"client-1.lab.example".into()
        )
    );
    // Its end is another, though no second may have passed.
    Relay::with(&lab, PATIENCE, |relay| {
        relay.request_for(100, 1, address).unwrap()
    });
    assert_eq!(next()["event"], "renew");
    lab.json(&["leases", "release", &words]);
    let release = next();
    assert_eq!(
        (
            &release["event"],
            &release["is_by_hand"],
            &release["number"]
        ),
        (&"release".into(), &true.into(), &2.into())
    );
    // Those that are kept, for who comes later; then it ends.
    let kept = lab.run(&["--json", "events"]);
    let kept: Vec<_> = kept.out.lines().map(read).collect();
    assert_eq!((kept.len(), &kept[0], &kept[2]), (3, &commit, &release));
    after_what_is_known(&lab, commit["run"].as_str().unwrap());
    let told = lab.run(&["events"]).out;
    let line = told.lines().last().unwrap();
    assert!(
        line.contains("release") && line.contains(&words) && line.ends_with("by hand"),
        "{told}"
    );
    // Who follows keeps no daemon from stopping, and hears of it.
    let pid = daemon.child().id().to_string();
    lab.host.output("kill", &["-TERM", &pid]);
    assert!(daemon.child().wait().unwrap().success());
    assert_eq!(next()["fault"]["code"], "D001");
    assert_eq!(follow.wait().unwrap().code(), Some(1));
}

/// Of three events those after one that is known already; one that no event has yet is of an earlier run.
fn after_what_is_known(lab: &Lab, run: &str) {
    let of_run = |number: u8| format!("{run}:{number}");
    for (after, expected) in [
        ("0".to_owned(), vec![1, 2]),
        ("1".to_owned(), vec![2]),
        ("2".to_owned(), vec![]),
        (of_run(0), vec![1, 2]),
        (of_run(2), vec![]),
        (of_run(9), vec![]),
    ] {
        let told = lab.run(&["--json", "events", "--after", &after]).out;
        let numbers: Vec<_> = told
            .lines()
            .map(|line| read(line)["number"].clone())
            .collect();
        assert_eq!(numbers, expected, "after {after}");
    }
    let told = lab.run(&["--json", "events", "--after", "3"]).out;
    let first = read(told.lines().next().unwrap());
    assert_eq!(
        (&first["event"], told.lines().count()),
        (&"restart".into(), 4)
    );
}

/// Numbers begin anew with each run, so that a small one tells nothing without its run.
#[test]
fn a_reader_learns_of_a_restart_however_little_it_had_read() {
    let lab = Lab::new();
    let lease = |client| {
        Relay::with(&lab, PATIENCE, |relay| {
            let address = relay.discover(client).unwrap();
            relay.request(client, address).unwrap()
        })
    };
    let told = |options: &[&str]| {
        let out = lab.run(&[&["--json", "events"], options].concat()).out;
        out.lines().map(read).collect::<Vec<_>>()
    };
    let daemon = lab.serve();
    lab.applied();
    lease(1);
    let first = told(&[]).remove(0);
    drop(daemon);
    let _daemon = lab.serve();
    lease(2);
    lease(3);
    let present = told(&[]);
    let run = present[0]["run"].clone();
    assert_ne!(run, first["run"]);
    let mark = |event: &Value| format!("{}:{}", event["run"].as_str().unwrap(), event["number"]);
    let since = told(&["--after", &mark(&first)]);
    let restart = serde_json::json!({ "event": "restart", "run": run });
    assert_eq!(since, [&[restart], &present[..]].concat());
    assert_eq!(told(&["--after", &mark(&present[0])]), present[1..]);
    // As far as it can be told without the run.
    assert_eq!(told(&["--after", "0"]), present[1..]);
    let said = lab.run(&["events", "--after", "0f:1"]);
    assert!(said.code == 1 && said.err.contains("0f:1"), "{said:?}");
}

/// The command ends with its reader, at the next event.
#[test]
fn a_reader_that_goes_away_ends_the_command() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    lab.applied();
    let mut command = lab.command("site", &["events", "--follow"]);
    let mut follow = command.stdout(Stdio::piped()).spawn().unwrap();
    drop(follow.stdout.take());
    Relay::with(&lab, PATIENCE, |relay| {
        let address = relay.discover(1).unwrap();
        relay.request(1, address).unwrap()
    });
    assert!(follow.wait().unwrap().success());
}

#[test]
fn a_subnet_that_fills_up_is_told_of() {
    let lab = Lab::new();
    lab.write(&SITE.replace("gateway", "thresholds \"2%\"; gateway"));
    let _daemon = lab.serve();
    lab.applied();
    for client in [1, 2] {
        Relay::with(&lab, PATIENCE, |relay| {
            let address = relay.discover(client).unwrap();
            relay.request(client, address).unwrap()
        });
    }
    let told = lab.run(&["--json", "events"]).out;
    let last = read(told.lines().last().unwrap());
    let expected = serde_json::json!({
        "event": "threshold", "number": 2, "run": last["run"], "at": last["at"], "vlan": "plant/pxe", "subnet": "10.70.0.0/16",
        "threshold": "2%", "used": 2, "size": 100, "is_above": true
    });
    assert_eq!(last, expected);
    let told = lab.run(&["events"]).out;
    assert!(
        told.contains("10.70.0.0/16 is as full as 2%: 2 of 100"),
        "{told}"
    );
}
