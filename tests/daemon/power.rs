//! `bedplate power` through the real daemon, with a BMC that is not ours.

use std::fs;

use serde_json::Value;

use crate::counterpart::{Bmc, PASSWORD, Setup, USER};
use crate::lab::{Lab, SITE, Said};
use crate::sandbox::Namespace;

/// Where the BMC is, behind a cable of its own.
const ADDRESS: &str = "10.71.0.21";

/// A lab with a BMC, which its site knows; and another one that is nowhere.
fn wired() -> (Lab, Bmc) {
    let lab = Lab::new();
    let place = Namespace::new();
    lab.host.veth("mgmt", &place, "eth0");
    lab.host.ip("address add 10.71.0.2/16 dev mgmt");
    place.ip(&format!("address add {ADDRESS}/16 dev eth0"));
    let setup = Setup {
        address: ADDRESS,
        ..Setup::default()
    };
    let bmc = Bmc::sim_in(place, setup);
    fs::write(lab.path("password"), PASSWORD).unwrap();
    let password = lab.path("password").display().to_string();
    let machine = |name: &str, address: &str| {
        format!(
            r#"machine "{name}" {{ tag "rack"; bmc "ipmi" address="{address}" username="{USER}" password=(file)"{password}" {{ cipher-suite 3 }} }}"#
        )
    };
    let machines = [
        machine("node-02", ADDRESS),
        machine("node-03", "10.71.0.99"),
    ];
    lab.write(&format!("{SITE}{}\n", machines.join("\n")));
    (lab, bmc)
}

/// What a command must say: part of what is told, and its exit code.
fn check(lab: &Lab, arguments: &str, code: i32, parts: &[&str]) -> Said {
    let words: Vec<&str> = arguments.split_whitespace().collect();
    let said = lab.run(&words);
    assert_eq!(said.code, code, "{arguments}: {said:?}");
    for part in parts {
        let is_said = said.out.contains(part) || said.err.contains(part);
        assert!(is_said, "{arguments}: {part}: {said:?}");
    }
    for text in [&said.out, &said.err] {
        assert!(!text.contains(PASSWORD), "{arguments} tells the password");
    }
    said
}

#[test]
fn power_is_switched_and_what_the_bmc_reports_is_told() {
    let (lab, bmc) = wired();
    let _daemon = lab.serve();
    check(&lab, "power status", 1, &["D060", "apply a site"]);
    lab.applied();
    let power = || fs::read_to_string(bmc.file("power")).unwrap_or_default();
    for (arguments, code, parts, after) in [
        ("power status node-02", 0, &["node-02", "off"][..], ""),
        (
            "power reset node-02 --yes",
            4,
            &["D064", "is off", "power on node-02"],
            "",
        ),
        ("power on node-02", 0, &["on", "was off"], "1\n"),
        ("power on node-02", 0, &["node-02  on"], "1\n"),
        ("power off node-02", 1, &["--yes"], "1\n"),
        ("power reset node-02 --yes", 0, &["on"], "1\n"),
        ("power cycle node-02 --yes", 0, &["on"], "1\n"),
        ("power soft-off node-02 --yes", 0, &["off", "was on"], "0\n"),
        (
            "power on nod-02",
            1,
            &["D060", "did you mean `node-02`?"],
            "0\n",
        ),
        (
            "power on tag:rak",
            1,
            &["D060", "did you mean `rack`?"],
            "0\n",
        ),
        ("power on node-01", 1, &["D060", "has no BMC"], "0\n"),
        ("power on", 1, &["which machines?"], "0\n"),
    ] {
        check(&lab, arguments, code, parts);
        assert_eq!(power(), after, "{arguments}");
    }
    // One that does not answer keeps nobody from the others.
    let said = check(&lab, "--json power on tag:rack", 4, &[]);
    let events: Vec<Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events[0]["chosen"]["machines"], 2);
    assert_eq!(events[1]["done"]["machine"], "node-02");
    assert_eq!(events[1]["done"]["power"], "on");
    assert_eq!(events[2]["failed"]["machine"], "node-03");
    assert_eq!(events[2]["failed"]["fault"]["code"], "D061");
    assert_eq!(power(), "1\n");
    fs::write(lab.path("password"), "another").unwrap();
    check(
        &lab,
        "power off node-02 --yes",
        4,
        &["D062", "the only try"],
    );
    fs::remove_file(lab.path("password")).unwrap();
    check(
        &lab,
        "power off node-02 --yes",
        4,
        &["D065", "No such file"],
    );
    assert_eq!(power(), "1\n");
    let log = fs::read_to_string(lab.path("log")).unwrap();
    assert!(log.contains("power on") && !log.contains(PASSWORD), "{log}");
}
