//! What is known of BMCs at once, whoever asked them: what plans and applies hear, ports where nothing listens, and networks that the
//! controller has yet to get; and what is told once the site has them no more.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bmc::check;
use crate::lab::{Lab, PATIENCE, SITE};
use crate::pool::{FIRST, address, power, racked, serving, site};
use crate::power::all_on;
use crate::sandbox::Namespace;
use crate::shim::hurried;
use crate::support::rack::{Manner, PASSWORD, Rack, USER};
use crate::watch::{conditions, told_of, until};

/// Where the BMC is of which the controller is to hear once it has an address there, and where no route leads.
const NEAR: &str = "10.71.0.21";
const FAR: &str = "192.0.2.1";

/// What the status says now, without anybody asking anew.
fn now(lab: &Lab, expected: &[(&str, &str)]) {
    let status = lab.status();
    assert_eq!(conditions(&status), expected, "{:#}", status["bmcs"]);
}

#[test]
fn what_a_plan_or_an_apply_hears_is_in_the_status_at_once() {
    let (lab, rack, _place) = racked(4);
    all_on(&lab);
    let _daemon = hurried(&lab, 4, &["--poll-bmcs", "1h"]);
    lab.applied();
    until(&lab, &[]);
    let becomes = |number: usize, manner, password| {
        rack.set(&address(number), |bmc| {
            (bmc.manner, bmc.password) = (manner, password);
        });
        rack.restart(&address(number));
    };
    // Nobody finds out first that a session is no more.
    let all_closed = |most: usize| {
        let end = Instant::now() + PATIENCE;
        while (0..most).any(|number| rack.bmc(&address(number)).open() > 0) {
            assert!(Instant::now() < end, "sessions stay open");
            std::thread::yield_now();
        }
    };
    all_closed(4);
    becomes(1, Manner::Hangs, None);
    becomes(2, Manner::Fine, Some("another"));
    becomes(3, Manner::HangsInside, None);
    let tries = rack.bmc(&address(2)).tries;
    let bad = [
        ("bmc-001", "unreachable"),
        ("bmc-002", "refused"),
        ("bmc-003", "unreachable"),
    ];
    // What is as it was is told once, and a password that was refused is not shown again.
    for _ in 0..2 {
        check(&lab, "plan", 0, &["deferred: its BMC at"]);
        now(&lab, &bad);
        for (machine, condition) in bad {
            assert_eq!(told_of(&lab, machine), [condition], "{machine}");
        }
        assert_eq!(rack.bmc(&address(2)).tries, tries + 1);
    }
    becomes(1, Manner::Fine, None);
    becomes(2, Manner::Fine, None);
    check(&lab, "plan", 0, &[]);
    now(&lab, &bad[1..]);
    assert_eq!(told_of(&lab, "bmc-001"), ["unreachable", "fine"]);
    power(&lab, "status bmc-002", 0);
    now(&lab, &bad[2..]);
    // One that dies after its plan was made.
    rack.set(FIRST, |bmc| bmc.is_on = false);
    let saved = lab.path("saved").display().to_string();
    check(&lab, &format!("plan --out {saved}"), 0, &["power bmc-000"]);
    all_closed(1);
    becomes(0, Manner::Hangs, None);
    check(&lab, &format!("apply {saved} --yes"), 4, &["D061"]);
    now(&lab, &[("bmc-000", "unreachable"), bad[2]]);
    assert_eq!(told_of(&lab, "bmc-000"), ["unreachable"]);
}

#[test]
fn one_that_a_plan_found_bad_is_so_from_its_apply_on() {
    let (lab, rack, _place) = racked(2);
    all_on(&lab);
    rack.set(&address(0), |bmc| bmc.manner = Manner::Hangs);
    rack.set(&address(1), |bmc| bmc.password = Some("another"));
    let _daemon = hurried(&lab, 8, &["--poll-bmcs", "1h"]);
    check(&lab, "apply --yes", 4, &["2 things wait"]);
    let bad = [("bmc-000", "unreachable"), ("bmc-001", "refused")];
    let status = until(&lab, &bad);
    let why = status["bmcs"]["rows"][1]["why"].as_str().unwrap();
    assert!(why.starts_with("it refused these credentials"), "{status}");
    assert_eq!(rack.bmc(&address(1)).tries, 1);
}

#[test]
fn a_port_where_nothing_listens_is_told_at_once() {
    let (lab, _rack, _place) = racked(0);
    let password = lab.path("password");
    let mut site = SITE.to_owned();
    for (number, protocol, port) in [(0, "ipmi", 6230), (1, "redfish", 6443)] {
        writeln!(
            site,
            "machine \"bmc-{number:03}\" {{ bmc \"{protocol}\" address=\"{FIRST}\" port={port} username=\"{USER}\" password=(file){password:?}; power \"on\" }}"
        )
        .unwrap();
    }
    lab.write(&site);
    let _daemon = serving(&lab, "1h");
    let closed = format!("deferred: its BMC at {FIRST} has its port closed: nothing listens");
    let begun = Instant::now();
    let said = check(&lab, "plan", 0, &[]);
    assert!(begun.elapsed() < Duration::from_secs(8), "{said:?}");
    assert_eq!(said.out.matches(&closed).count(), 2, "{said:?}");
    check(&lab, "apply --yes", 4, &["2 things wait"]);
    until(&lab, &[("bmc-000", "closed"), ("bmc-001", "closed")]);
    check(&lab, "status", 4, &["has its port closed since"]);
    check(&lab, "power status bmc-000", 4, &["D066", "right port"]);
}

#[test]
fn a_network_that_is_yet_to_come_is_told_and_no_fault_of_the_bmc() {
    let lab = Lab::new();
    let place = Namespace::new();
    lab.host.veth("mgmt", &place, "eth0");
    place.ip("address add 10.71.0.3/16 dev eth0");
    let _rack = Rack::start(&place, &format!("{NEAR}/32"));
    let password = lab.path("password");
    fs::write(&password, PASSWORD).unwrap();
    let own =
        "controller \"rack-1\" {\n    ethernet \"mgmt\" vlan=\"bmcs\" { address \"10.71.0.2\" }";
    let mut site = SITE.replace("controller \"rack-1\" {", own);
    site += "fabric \"oob\" { vlan \"bmcs\" { subnet \"10.71.0.0/16\" } }\n";
    for (name, at) in [("node-02", NEAR), ("node-03", FAR)] {
        writeln!(
            site,
            "machine \"{name}\" {{ bmc \"ipmi\" address=\"{at}\" username=\"{USER}\" password=(file){password:?}; power \"on\" }}"
        )
        .unwrap();
    }
    lab.write(&site);
    let _daemon = serving(&lab, "1h");
    let near = format!(
        "its BMC at {NEAR} cannot be reached before controller/rack-1/address/10.71.0.2/16@mgmt is there"
    );
    let far = format!("no route of this controller leads to its BMC at {FAR}");
    check(&lab, "plan", 0, &[&near, "the next plan asks it", &far]);
    check(&lab, "apply --yes", 4, &[&near]);
    until(&lab, &[("node-03", "no-route")]);
    let said = check(&lab, "plan", 0, &["power node-02", "off -> on", &far]);
    assert!(!said.out.contains(&near), "{said:?}");
    check(&lab, "apply --yes", 4, &[&far]);
    check(&lab, "power status", 4, &["node-02  on", "D067"]);
}

#[test]
fn one_that_leaves_the_site_or_is_elsewhere_is_told_of_once_more() {
    let (lab, rack, _place) = racked(3);
    for number in 0..3 {
        rack.set(&address(number), |bmc| bmc.password = Some("another"));
    }
    let _daemon = serving(&lab, "1h");
    lab.applied();
    let bad = ["bmc-000", "bmc-001", "bmc-002"].map(|machine| (machine, "refused"));
    until(&lab, &bad);
    let at = |number: usize| format!("{:?}", address(number));
    lab.write(&site(&lab, 2).replace(&at(1), &at(3)));
    lab.applied();
    until(&lab, &bad[..1]);
    assert_eq!(told_of(&lab, "bmc-000"), ["refused"]);
    let told = lab.run(&["--json", "events"]).out;
    let told = told
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let over: Vec<Value> = told.filter(|event| event["is_watched"] == false).collect();
    let (text, log) = (
        lab.run(&["events"]).out,
        fs::read_to_string(lab.path("log")).unwrap(),
    );
    assert_eq!(over.len(), 2, "{over:?}");
    for (event, number, why) in [
        (
            &over[0],
            1,
            "the site has the BMC of its machine elsewhere now",
        ),
        (&over[1], 2, "it is no BMC of the site any more"),
    ] {
        let machine = format!("bmc-{number:03}");
        assert_eq!(told_of(&lab, &machine), ["refused", "fine"]);
        assert_eq!(event["machine"], machine, "{event}");
        assert_eq!(event["address"], address(number), "{event}");
        assert_eq!(event["condition"], Value::Null, "{event}");
        assert_eq!(event["was"], "refused", "{event}");
        let said = format!("is no longer watched: {why}; until now, since ");
        assert!(text.contains(&format!("{machine} {said}")), "{text}");
        assert!(log.contains(&format!("the BMC {said}")), "{log}");
    }
}
