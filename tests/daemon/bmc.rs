//! `bedplate power`, `sensors`, `sel` and `bmc` through the real daemon, with BMCs that are not ours.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use serde_json::Value;

use crate::certificates::Authority;
use crate::counterpart::{Bmc, PASSWORD, Setup, USER};
use crate::emulator::{self, Emulator};
use crate::lab::{Lab, PATIENCE, SITE, Said, script};
use crate::machine::Numeric;
use crate::pool::serving;
use crate::sandbox::Namespace;
use crate::shim::hurried;

/// Where the BMC is, behind a cable of its own.
pub(crate) const ADDRESS: &str = "10.71.0.21";

const TEMPERATURE: Numeric = Numeric {
    number: 1,
    name: "CPU Temp",
    kind: 1,
    format: 0x00,
    unit: 1,
    factors: (1, 0, 0, 0),
    thresholds: [None, None, None, Some(80), Some(90), Some(250)],
};

/// A lab with a BMC, which its site knows; and another one that is nowhere.
fn wired() -> (Lab, Bmc) {
    let lab = Lab::new();
    let place = beside(&lab);
    let poll = "poll 100 file \"FOLDER/temperature\"";
    let commands = TEMPERATURE.sensor(poll) + &TEMPERATURE.record();
    let setup = Setup {
        address: ADDRESS,
        commands: &commands,
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

/// Where a BMC runs that the lab's controller reaches.
pub(crate) fn beside(lab: &Lab) -> Namespace {
    let place = Namespace::new();
    lab.host.veth("mgmt", &place, "eth0");
    lab.host.ip("address add 10.71.0.2/16 dev mgmt");
    place.ip(&format!("address add {ADDRESS}/16 dev eth0"));
    place
}

/// What a command must say: part of what is told, and its exit code.
pub(crate) fn check(lab: &Lab, arguments: &str, code: i32, parts: &[&str]) -> Said {
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
    let _daemon = hurried(&lab, 4, &["--poll-bmcs", "off"]);
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
        .filter(|event: &Value| event["waiting"].is_null())
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

/// A password that a program prints; what it says when it fails is told to nobody.
#[test]
fn a_program_may_tell_the_password() {
    let (lab, bmc) = wired();
    let (kept, program) = (lab.path("password"), lab.path("secret-of"));
    let (file, exec) = (
        format!("(file){kept:?}"),
        format!("(exec)\"{} node\"", program.display()),
    );
    let site = fs::read_to_string(lab.path("site/site.kdl")).unwrap();
    lab.write(&site.replace(&file, &exec));
    let asked = lab.path("asked");
    let tells = |end: &str| {
        let text = format!(
            "#!/bin/sh\necho \"$*\" >>{}\necho {PASSWORD} >&2\necho {PASSWORD}\n{end}\n",
            asked.display()
        );
        script(&program, &text);
    };
    tells("");
    let _daemon = serving(&lab, "off");
    lab.applied();
    assert!(!asked.exists(), "a plan and an apply need no secret");
    check(&lab, "power on node-02", 0, &["on", "was off"]);
    assert!(fs::read_to_string(&asked).unwrap().starts_with("node\n"));
    tells("exit 3");
    let parts = &["D065", "exit status: 3", "run it by hand", &exec];
    check(&lab, "power off node-02 --yes", 4, parts);
    tells("");
    let mode = |mode| fs::set_permissions(&program, PermissionsExt::from_mode(mode)).unwrap();
    mode(0o777);
    let parts = &[
        "D065",
        "others than root and the daemon can change",
        "so that it is not run",
    ];
    check(&lab, "power off node-02 --yes", 4, parts);
    assert_eq!(fs::read_to_string(bmc.file("power")).unwrap(), "1\n");
    mode(0o755);
    check(&lab, "power off node-02 --yes", 0, &["off", "was on"]);
    let log = fs::read_to_string(lab.path("log")).unwrap();
    assert!(!log.contains(PASSWORD), "{log}");
}

#[test]
fn sensors_and_log_are_shown() {
    let (lab, bmc) = wired();
    fs::write(bmc.file("temperature"), "95").unwrap();
    let _daemon = hurried(&lab, 4, &["--poll-bmcs", "off"]);
    lab.applied();
    // ipmi_sim looks at its file from time to time, and logs what it finds there.
    let end = Instant::now() + PATIENCE;
    while lab.json(&["sel", "node-02"])["read"]
        .as_array()
        .unwrap()
        .len()
        < 2
    {
        assert!(Instant::now() < end, "nothing is logged");
    }
    let sensor = "CPU Temp  95 °C    critical  above 90";
    for (arguments, code, parts) in [
        ("sensors node-02", 0, &[sensor][..]),
        ("sensors node-02 node-02", 0, &["node-02:\n", sensor]),
        ("sensors tag:rack", 4, &[sensor, "node-03:\nfailed  D061: "]),
        ("sel node-02", 0, &["critical", "CPU Temp", "going high"]),
        ("sel node-02 --clear", 1, &["--yes"]),
        (
            "sel node-02 --clear --yes",
            0,
            &["going high", "Cleared 2 entries."],
        ),
        ("sel node-02", 0, &["The event log is empty."]),
        ("bmc inventory node-02", 0, &["uuid: f81d4fae"]),
        ("bmc trust node-02", 1, &["D009", "speaks IPMI"]),
        ("sensors node-03", 1, &["D061"]),
        ("sensors node-01", 1, &["D060", "has no BMC"]),
    ] {
        check(&lab, arguments, code, parts);
    }
}

#[test]
fn a_certificate_is_trusted_by_the_sites_word_alone() {
    let lab = Lab::new();
    let authority = Authority::new();
    let certificate = authority.self_signed("bmc", "CA:FALSE", "DNS:bmc");
    let place = beside(&lab);
    let emulator = place.run(|| Emulator::start(ADDRESS, &certificate, "sessions"));
    fs::write(lab.path("password"), emulator::PASSWORD).unwrap();
    let (port, password) = (emulator.port(), lab.path("password"));
    let site = |trust: &str| {
        format!(
            "{SITE}machine \"node-02\" {{ bmc \"redfish\" address=\"{ADDRESS}\" port={port} username=\"{}\" password=(file){password:?} {{ {trust} }} }}\n",
            emulator::USER
        )
    };
    let pinned = authority.fingerprint("bmc").to_string();
    let another = "0a".repeat(32);
    let authorities = lab.path("ca.pem");
    fs::write(&authorities, authority.pem()).unwrap();
    lab.write(&site(""));
    let _daemon = serving(&lab, "off");
    for (trust, code, parts) in [
        (
            String::new(),
            4,
            &["D063", "signed by itself", "bmc trust node-02"][..],
        ),
        (format!("fingerprint \"{another}\""), 4, &["D063"]),
        (
            format!("certificate-authority {authorities:?}"),
            4,
            &["D063"],
        ),
        (format!("fingerprint \"{pinned}\""), 0, &["node-02  off"]),
    ] {
        lab.write(&site(&trust));
        lab.applied();
        check(&lab, "power status node-02", code, parts);
        let is_another = trust.contains(&another);
        let code = if is_another { 4 } else { 0 };
        check(&lab, "bmc trust node-02", code, &[&pinned, "itself"]);
    }
    // What the site says of it is told too.
    for (trust, parts) in [
        (
            String::new(),
            &["The site does not trust it: its certificate is signed by itself"][..],
        ),
        (
            "certificate-authority \"/nowhere.pem\"".to_owned(),
            &["The site does not trust it: /nowhere.pem cannot be read: No such file"],
        ),
        (
            format!("fingerprint \"{pinned}\""),
            &["the one that the site pins"],
        ),
    ] {
        lab.write(&site(&trust));
        lab.applied();
        check(&lab, "bmc trust node-02", 0, parts);
    }
    for (arguments, parts) in [
        ("power on node-02", &["on", "was off"][..]),
        ("power off node-02 --yes", &["off", "was on"]),
        ("bmc inventory node-02", &["uuid"]),
        ("sensors node-02", &["°C"]),
    ] {
        let said = check(&lab, arguments, 0, parts);
        assert!(!said.out.contains(emulator::PASSWORD), "{said:?}");
    }
}
