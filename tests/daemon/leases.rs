//! What the daemon tells of leases, and how they are ended by hand.

use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::process::Stdio;

use serde_json::Value;

use crate::client::Relay;
use crate::ip::past;
use crate::lab::{Lab, PATIENCE, SITE, Said, dig, script, udhcpc, with_routes};
use crate::shim::Shim;

#[test]
fn leases_are_told_while_an_apply_is_under_way() {
    let lab = Lab::new();
    let shim = Shim::new(&lab);
    let _daemon = shim.serve();
    lab.applied();
    udhcpc(&lab.machines[1], &lab.folder);
    let before = lab.json(&["leases"]);
    assert_eq!(before.as_array().unwrap().len(), 1, "{before}");
    lab.write(&with_routes(8));
    shim.stop_at(4);
    let mut command = lab.command("site", &["--json", "apply", "--yes"]);
    let mut apply = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(apply.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("started"));
    // Whoever waited for the apply to end would wait for ever.
    let socket = lab.path("socket").display().to_string();
    let words = [
        "30",
        env!("CARGO_BIN_EXE_bedplate"),
        "--json",
        "--socket",
        &socket,
        "leases",
    ];
    let said = Said::of(&lab.host.output("timeout", &words));
    let during: Value =
        serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    assert_eq!(during, before);
    assert!(lab.status()["under_way"].is_object(), "it is still running");
    shim.kill_at(0);
    assert!(lines.last().unwrap().unwrap().contains("\"done\""));
    assert!(apply.wait().unwrap().success());
}

/// The addresses that `bedplate leases` lists with these options, by the last byte.
fn listed(lab: &Lab, options: &str) -> Vec<u8> {
    let words: Vec<_> = ["leases"]
        .into_iter()
        .chain(options.split_whitespace())
        .collect();
    let rows = lab.json(&words);
    let address = |row: &Value| {
        row["address"]
            .as_str()
            .unwrap()
            .parse::<Ipv4Addr>()
            .unwrap()
    };
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| address(row).octets()[3]).collect()
}

#[test]
fn leases_are_filtered() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    lab.applied();
    let [first, second] = Relay::with(&lab, PATIENCE, |relay| {
        [1, 2].map(|client| {
            let address = relay.discover(client).unwrap();
            assert_eq!(relay.request(client, address), Some(address));
            address.octets()[3]
        })
    });
    let third = Relay::with(&lab, PATIENCE, |relay| {
        relay.discover(3).unwrap().octets()[3]
    });
    let both = vec![first, second];
    for (options, expected) in [
        ("", both.clone()),
        ("--vlan pxe", both.clone()),
        ("--vlan plant/pxe", both.clone()),
        ("--subnet 10.70.0.0/16", both.clone()),
        ("--subnet 10.70.2.0/24", vec![]),
        ("--mac 02:ee:00:00:00:02", vec![second]),
        ("--mac 02-EE-00-00-00-09", vec![]),
        ("--name client-1", vec![first]),
        ("--name client-1.lab.example", vec![first]),
        ("--name *-2", vec![second]),
        ("--name CLIENT-1", vec![first]),
        ("--name Client-1.lab.example.", vec![first]),
        (
            "--name CLIENT-*.LAB.EXAMPLE. --mac 02:ee:00:00:00:02",
            vec![second],
        ),
        ("--name client", vec![]),
        ("--name client-* --mac 02:ee:00:00:00:01", vec![first]),
        ("--state active", both.clone()),
        ("--state offered", vec![third]),
        ("--state declined", vec![]),
        ("--state idle", vec![]),
        ("--state all", vec![first, second, third]),
    ] {
        assert_eq!(listed(&lab, options), expected, "{options}");
    }
    let told = lab.run(&["leases"]).out;
    let client = told.lines().find(|line| line.contains("02:ee:00:00:00:01"));
    let words: Vec<_> = client.unwrap().split_whitespace().collect();
    assert_eq!(
        (words[2], words[4], words[5]),
        ("active", "plant/pxe", "client-1.lab.example")
    );
    for (options, code) in [
        ("--state gone", 1),
        ("--mac 02:ee", 1),
        ("--vlan a&b", 1),
        ("--vlan plant", 1),
        ("--vlan nosuch", 1),
        ("--subnet 10.9.9.0/24", 1),
        ("--subnet fd00::/64", 1),
        ("--subnet 10.70.0.1/16", 1),
    ] {
        let words: Vec<_> = ["leases"]
            .into_iter()
            .chain(options.split_whitespace())
            .collect();
        assert_eq!(lab.run(&words).code, code, "{options}");
    }
    let said = lab.run(&["leases", "--vlan", "pxf"]);
    assert!(said.err.contains("did you mean `pxe`?"), "{said:?}");
    let said = lab.run(&["ip", "10.99.0.1"]);
    assert!(said.code == 1 && said.err.contains("10.99.0.1"), "{said:?}");
}

/// A machine with a reserved address is called in all that is told of its lease what it is called in DNS.
#[test]
fn machines_are_told_of_by_their_names() {
    let lab = Lab::new();
    let told = lab.path("name").display().to_string();
    let hook = lab.path("hook.sh");
    script(
        &hook,
        &format!("#!/bin/sh\necho \"$BEDPLATE_NAME\" > {told}.part; mv {told}.part {told}\n"),
    );
    lab.write(&format!(
        "{SITE}hook \"tells\" {{ on \"commit\"; run {hook:?} }}"
    ));
    let _daemon = lab.serve();
    lab.applied();
    udhcpc(&lab.machines[0], &lab.folder);
    let name = "node-01.lab.example";
    let lease = lab.json(&["leases"])[0].clone();
    assert_eq!(
        (&lease["address"], &lease["name"]),
        (&"10.70.0.11".into(), &name.into())
    );
    for (pattern, expected) in [
        ("node-01", vec![11]),
        ("node-*", vec![11]),
        ("eth0", vec![]),
    ] {
        assert_eq!(listed(&lab, &format!("--name {pattern}")), expected);
    }
    let out = lab.run(&["--json", "events"]).out;
    let commit: Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&commit["event"], &commit["name"]),
        (&"commit".into(), &name.into())
    );
    lab.until("the hook has ended", |status| {
        status["hooks"]["tells"]["waiting"] == 0
    });
    let said = std::fs::read_to_string(&told).unwrap();
    assert_eq!(said.trim(), name);
    let mac = "02:00:00:00:70:01";
    for whom in [["why", mac], ["ip", mac]] {
        assert_eq!(lab.json(&whom)["leases"][0]["name"], name, "{whom:?}");
    }
    let released = lab.json(&["leases", "release", "10.70.0.11"]);
    assert_eq!(released["name"], name);
    // What is over has no name, and the past has the one that there was.
    let idle = lab.json(&["leases", "--state", "idle"])[0].clone();
    assert_eq!(
        (&idle["address"], &idle["name"]),
        (&"10.70.0.11".into(), &Value::Null)
    );
    let past = past(&lab, "10.70.0.11", 1);
    assert_eq!(past[0]["name"], name);
}

#[test]
fn a_lease_that_is_released_by_hand_stays_so() {
    let lab = Lab::new();
    let daemon = lab.serve();
    lab.applied();
    let address = Relay::with(&lab, PATIENCE, |relay| {
        let address = relay.discover(1).unwrap();
        assert_eq!(relay.discover(2), relay.discover(2), "an offer");
        relay.request(1, address).unwrap()
    });
    let words = address.to_string();
    assert_eq!(dig(&lab, &["client-1.lab.example"]), words);
    let released = lab.json(&["leases", "release", &words]);
    assert_eq!(
        (&released["hardware"], &released["state"]),
        (&"02:ee:00:00:00:01".into(), &"active".into())
    );
    assert_eq!(listed(&lab, ""), Vec::<u8>::new());
    assert_eq!(dig(&lab, &["client-1.lab.example"]), "");
    // What is no lease: one that is over, an offer, an address of nobody, no address at all.
    let offered = lab.json(&["leases", "--state", "offered"])[0]["address"]
        .as_str()
        .unwrap()
        .to_owned();
    for (what, code) in [
        (&*words, "D050"),
        (&offered, "D050"),
        ("10.70.1.77", "D050"),
        ("192.0.2.1", "D050"),
    ] {
        let said = lab.run(&["leases", "release", what]);
        assert!(
            said.code == 1 && said.err.contains(code),
            "{what}: {said:?}"
        );
    }
    assert_eq!(lab.run(&["leases", "release", "nobody"]).code, 1);
    // The end was durable when it was told.
    drop(daemon);
    let _daemon = lab.serve();
    assert_eq!(listed(&lab, ""), Vec::<u8>::new());
    assert_eq!(listed(&lab, "--state idle"), [address.octets()[3]]);
}
