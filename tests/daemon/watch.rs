//! What `bedplate status` tells of BMCs that are not as they should be, without anybody asking them; and that a password that was refused
//! is shown once.

use std::fmt::Write as _;
use std::fs;
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use crate::bmc::check;
use crate::certificates::{Authority, NOW, OVER};
use crate::emulator::{self, Emulator};
use crate::lab::{Lab, PATIENCE};
use crate::pool::{FIRST, address, power, racked, serving, site};
use crate::shim::hurried;
use crate::support::rack::{Manner, PASSWORD};

/// The conditions of BMCs that are not fine, by machine.
pub(crate) fn conditions(status: &Value) -> Vec<(&str, &str)> {
    let rows = status["bmcs"]["rows"].as_array();
    let rows = rows.into_iter().flatten();
    rows.map(|row| {
        let word = |name: &str| row[name].as_str().unwrap();
        (word("machine"), word("condition"))
    })
    .collect()
}

/// Waits until all were asked and these are not fine.
pub(crate) fn until(lab: &Lab, expected: &[(&str, &str)]) -> Value {
    lab.until(&format!("{expected:?}"), |status| {
        status["bmcs"]["unasked"] == 0 && conditions(status) == expected
    })
}

#[test]
fn each_fault_has_its_state() {
    let (lab, rack, _place) = racked(8);
    for (number, manner) in [
        (1, Manner::Hangs),
        (2, Manner::HangsInside),
        (3, Manner::Garbles),
        (4, Manner::Loses),
    ] {
        rack.set(&address(number), |bmc| bmc.manner = manner);
    }
    rack.set(&address(5), |bmc| bmc.password = Some("another"));
    let nowhere = lab.path("nowhere");
    let own = format!(
        "bmc-006\" {{ bmc \"ipmi\" address=\"{}\" username=\"admin\" password=(file)",
        address(6)
    );
    let password = lab.path("password");
    let text = site(&lab, 8).replace(&format!("{own}{password:?}"), &format!("{own}{nowhere:?}"));
    lab.write(&text);
    let _daemon = hurried(&lab, 8, &["--poll-bmcs", "8s"]);
    assert_eq!(lab.status()["bmcs"], Value::Null);
    lab.applied();
    let status = until(
        &lab,
        &[
            ("bmc-001", "unreachable"),
            ("bmc-002", "unreachable"),
            ("bmc-003", "failing"),
            ("bmc-005", "refused"),
            ("bmc-006", "no-secret"),
        ],
    );
    assert_eq!(status["bmcs"]["fine"], 3);
    assert_eq!(status["bmcs"]["troubled"], 5);
    let said = lab.run(&["status"]);
    for part in [
        "8 BMCs: 3 fine, 5 not\n",
        &format!("bmc bmc-001 at {} does not answer since ", address(1)),
        &format!("bmc bmc-002 at {} does not answer since ", address(2)),
        &format!("bmc bmc-003 at {} fails since ", address(3)),
        &format!("bmc bmc-005 at {} does not let us in since ", address(5)),
        "the password is not the one that the BMC has for this user",
        "which the BMC of bmc-006 needs (site.kdl:",
        "), cannot be read: No such file or directory (os error 2)\n",
    ] {
        assert!(said.out.contains(part), "{part}: {said:?}");
    }
    // What a BMC is like keeps nobody from anything.
    assert_eq!(said.code, 0);
    // One that is back is fine as soon as anybody hears it.
    rack.set(&address(1), |bmc| bmc.manner = Manner::Fine);
    power(&lab, "status bmc-001", 0);
    let after = lab.status();
    assert!(
        !conditions(&after)
            .iter()
            .any(|(host, _)| *host == "bmc-001")
    );
    let log = fs::read_to_string(lab.path("log")).unwrap();
    assert!(log.contains("the BMC does not answer: "), "{log}");
    assert!(log.contains("the BMC answers again"), "{log}");
    assert!(!log.contains(PASSWORD), "{log}");
    hears_of_changes(&lab);
}

/// How a machine's BMC came to be, by the events.
pub(crate) fn told_of(lab: &Lab, machine: &str) -> Vec<String> {
    let told = lab.run(&["--json", "events"]).out;
    let told = told
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_one = told.filter(|event| event["event"] == "bmc" && event["machine"] == machine);
    of_one
        .map(|event| event["condition"].as_str().unwrap_or("fine").to_owned())
        .collect()
}

/// Events tell when a BMC is not fine any more, and when it is again.
fn hears_of_changes(lab: &Lab) {
    assert_eq!(told_of(lab, "bmc-001"), ["unreachable", "fine"]);
    let said = lab.run(&["events"]).out;
    for part in [
        "bmc-005 does not let us in: the password",
        "bmc-001 answers again: until now, since ",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let told = lab.run(&["--json", "events"]).out;
    assert!(told.contains(r#""was":"unreachable""#), "{told}");
}

#[test]
fn a_password_that_was_refused_is_shown_once() {
    let (lab, rack, _place) = racked(2);
    rack.set(FIRST, |bmc| bmc.password = Some("another"));
    let _daemon = hurried(&lab, 4, &["--poll-bmcs", "1s"]);
    lab.applied();
    until(&lab, &[("bmc-000", "refused")]);
    let other = address(1);
    let polled = |times: usize| {
        let (begun, end) = (rack.bmc(&other).looks, Instant::now() + PATIENCE);
        while rack.bmc(&other).looks < begun + times {
            assert!(Instant::now() < end, "nobody is polled");
            thread::yield_now();
        }
    };
    polled(5);
    assert_eq!(rack.bmc(FIRST).tries, 1, "while it is polled");
    // Somebody may try; the site may change; another wrong password is another try.
    power(&lab, "status bmc-000", 4);
    lab.write(&site(&lab, 1).replace("admin\" password", "admin\"  password"));
    lab.applied();
    lab.write(&site(&lab, 2));
    lab.applied();
    until(&lab, &[("bmc-000", "refused")]);
    polled(3);
    assert_eq!(rack.bmc(FIRST).tries, 2);
    rack.set(FIRST, |bmc| bmc.password = None);
    polled(3);
    assert_eq!(rack.bmc(FIRST).tries, 2, "nothing here has changed");
    fs::write(lab.path("password"), "wrong").unwrap();
    until(&lab, &[("bmc-000", "refused"), ("bmc-001", "refused")]);
    fs::write(lab.path("password"), PASSWORD).unwrap();
    until(&lab, &[]);
}

#[test]
fn certificates_and_states_between_are_told() {
    const SIX: &str = "fd71::21";
    let lab = Lab::new();
    let place = crate::sandbox::Namespace::new();
    lab.host.veth("mgmt", &place, "eth0");
    lab.host.ip("address add 10.71.0.2/16 dev mgmt");
    lab.host.ip("address add fd71::2/64 dev mgmt nodad");
    place.ip("address add 10.71.0.21/16 dev eth0");
    place.ip("address add fd71::21/64 dev eth0 nodad");
    let authority = Authority::new();
    let over = authority.signed("over", "IP:10.71.0.21", OVER);
    let good = authority.signed("good", &format!("IP:{SIX}"), NOW);
    let expired = place.run(|| Emulator::start("10.71.0.21", &over, "sessions"));
    let mut turning = place.run(|| Emulator::start(SIX, &good, "sessions"));
    turning.show(&json!({ "PowerState": "PoweringOn" }));
    let (password, pem) = (lab.path("password"), lab.path("ca.pem"));
    fs::write(&password, emulator::PASSWORD).unwrap();
    fs::write(&pem, authority.pem()).unwrap();
    let mut site = crate::lab::SITE.to_owned();
    for (name, at, port) in [
        ("node-02", "10.71.0.21", expired.port()),
        ("node-03", SIX, turning.port()),
    ] {
        writeln!(
            site,
            "machine \"{name}\" {{ bmc \"redfish\" address=\"{at}\" port={port} username=\"{}\" password=(file){password:?} {{ certificate-authority {pem:?} }} }}",
            emulator::USER
        )
        .unwrap();
    }
    lab.write(&site);
    let _daemon = serving(&lab, "1s");
    lab.applied();
    let status = until(&lab, &[("node-02", "untrusted"), ("node-03", "unsettled")]);
    let why = |at: usize| status["bmcs"]["rows"][at]["why"].as_str().unwrap();
    assert!(
        why(0).starts_with("its certificate expired at 2021-01-01"),
        "{status}"
    );
    for state in [
        "bmc node-02 at 10.71.0.21 is not trusted since ",
        "    what to do: `bedplate bmc trust node-02` shows its certificate",
        "bmc node-03 at fd71::21 is between states since ",
    ] {
        check(&lab, "status", 0, &[state]);
    }
    assert_eq!(why(1), "the power is turning on");
    let said = "expired: no authority makes it good, the fingerprint alone does";
    check(&lab, "bmc trust node-02", 0, &["to 2021-01-01", said]);
    let said = lab.run(&["bmc", "trust", "node-03"]).out;
    assert!(
        said.contains("CN=good") && !said.contains("expired"),
        "{said}"
    );
    turning.show(&json!({ "PowerState": "On" }));
    until(&lab, &[("node-02", "untrusted")]);
    let told = turning.told();
    assert_eq!(told["open"], 0, "polls leave no sessions: {told}");
}

#[test]
fn a_restart_is_told_as_it_was_seen() {
    let (lab, rack, _place) = racked(3);
    let _daemon = hurried(&lab, 8, &["--poll-bmcs", "off"]);
    lab.applied();
    for (number, manner) in [(0, Manner::Fine), (1, Manner::Lies), (2, Manner::Lies)] {
        rack.set(&address(number), |bmc| {
            (bmc.manner, bmc.is_on, bmc.off_for) = (manner, true, 2);
        });
    }
    thread::scope(|scope| {
        // One that says yes and does nothing is found out.
        let liar = scope.spawn(|| power(&lab, "off bmc-002 --yes", 4));
        let unseen = "agreed to restart it, and nothing shows that it did";
        for (arguments, part) in [
            ("cycle bmc-000 --yes", "restarted: it was seen off"),
            ("reset bmc-001 --yes", unseen),
            ("cycle bmc-001 --yes", unseen),
        ] {
            let said = power(&lab, arguments, 0);
            assert!(said.out.contains(part), "{arguments}: {said:?}");
        }
        let said = liar.join().unwrap();
        for part in [
            "was told to be off, and is on",
            "waiting for 1 machine: bmc-002\n",
        ] {
            assert!(said.err.contains(part), "{said:?}");
        }
    });
}
