//! `bedplate bmc identify` and `bedplate bmc boot`, with BMCs that keep what they are told, and one that does not.

use std::fs;

use serde_json::{Value, json};

use crate::bmc::check;
use crate::certificates::Authority;
use crate::counterpart::{Bmc, PASSWORD, Setup, USER};
use crate::emulator::{self, Emulator};
use crate::lab::{Lab, SITE};
use crate::sandbox::Namespace;
use crate::shim::hurried;

/// Namespaces with an address each, on one wire with the lab's controller.
pub(crate) fn places<const N: usize>(lab: &Lab, addresses: [&str; N]) -> [Namespace; N] {
    lab.host.ip("link add mgmt type bridge");
    lab.host.ip("link set mgmt up");
    lab.host.ip("address add 10.71.0.2/16 dev mgmt");
    let mut number = 0;
    addresses.map(|address| {
        number += 1;
        let place = Namespace::new();
        lab.host.veth(&format!("bmc{number}"), &place, "eth0");
        lab.host.ip(&format!("link set bmc{number} master mgmt"));
        place.ip(&format!("address add {address}/16 dev eth0"));
        place
    })
}

/// What commands say: part of it, and the exit code.
const CASES: &[(&str, i32, &[&str])] = &[
    (
        "bmc boot status",
        0,
        &["node-02  no boot override", "node-04"],
    ),
    ("bmc boot pxe", 1, &["which machines?"]),
    ("bmc boot pxe node-02", 1, &["--yes"]),
    (
        "bmc boot pxe node-02 --once --persistent",
        1,
        &["cannot be used with"],
    ),
    (
        "bmc boot pxe node-02 --uefi --yes",
        0,
        &["node-02  network, once, UEFI  was: no boot override"],
    ),
    (
        "bmc boot disk node-02 --persistent --yes",
        0,
        &["disk, always, UEFI  was: network, once, UEFI"],
    ),
    (
        "bmc boot status node-02",
        0,
        &["node-02  disk, always, UEFI\n"],
    ),
    (
        "bmc boot none node-02",
        0,
        &["no boot override", "was: disk"],
    ),
    // It agrees, and reports none.
    (
        "bmc boot pxe node-03 --yes",
        4,
        &[
            "D064",
            "node-03 was told to be set to boot from network, once",
            "is without a boot override",
        ],
    ),
    (
        "bmc boot uefi-http node-02 --yes",
        4,
        &["D064", "no boot by HTTP"],
    ),
    // This one keeps every override for good.
    (
        "bmc boot pxe node-04 --uefi --yes",
        4,
        &[
            "D064",
            "agreed, and did not do it",
            "is Continuous Pxe UEFI, not Once",
            "`bedplate bmc boot status node-04` tells what came of it",
        ],
    ),
    (
        "bmc boot pxe node-04 --uefi --persistent --yes",
        0,
        &["network, always, UEFI"],
    ),
    ("bmc identify", 1, &["NAME|tag:TAG|rack:RACK|all"]),
    ("bmc identify node-03", 0, &["node-03"]),
    ("bmc identify node-04 --for 5", 4, &["D064", "for a time"]),
    ("bmc identify node-04", 0, &["identify light on"]),
    ("bmc identify node-04 --off", 0, &["identify light off"]),
    ("bmc identify node-05", 1, &["D060"]),
];

/// A lab whose site knows a BMC that keeps what it is told, one that does not, and one that speaks Redfish.
fn wired() -> (Lab, [Bmc; 2], Emulator) {
    let lab = Lab::new();
    let addresses = ["10.71.0.21", "10.71.0.22", "10.71.0.23"];
    let [keeps, forgets, redfish] = places(&lab, addresses);
    let keeps = Bmc::pyghmi_in(keeps, addresses[0], &[]);
    let setup = Setup {
        address: addresses[1],
        ..Setup::default()
    };
    let forgets = Bmc::sim_in(forgets, setup);
    let authority = Authority::new();
    let certificate = authority.self_signed("bmc", "CA:FALSE", "DNS:bmc");
    let emulator = redfish.run(|| Emulator::start(addresses[2], &certificate, "sessions"));
    fs::write(lab.path("password"), PASSWORD).unwrap();
    fs::write(lab.path("other"), emulator::PASSWORD).unwrap();
    let ipmi = |name: &str, address: &str| {
        format!(
            "machine \"{name}\" {{ tag \"ipmi\"; bmc \"ipmi\" address=\"{address}\" username=\"{USER}\" password=(file){:?} }}\n",
            lab.path("password")
        )
    };
    lab.write(&format!(
        "{SITE}{}{}machine \"node-04\" {{ bmc \"redfish\" address=\"{}\" port={} username=\"{}\" password=(file){:?} {{ fingerprint \"{}\" }} }}\n",
        ipmi("node-02", addresses[0]),
        ipmi("node-03", addresses[1]).replace(" }\n", " { cipher-suite 3 } }\n"),
        addresses[2],
        emulator.port(),
        emulator::USER,
        lab.path("other"),
        authority.fingerprint("bmc"),
    ));
    (lab, [keeps, forgets], emulator)
}

#[test]
fn lights_and_boot_overrides_are_told_as_the_bmcs_report_them() {
    let (lab, [_keeps, forgets], _emulator) = wired();
    let _daemon = hurried(&lab, 4, &[]);
    lab.applied();
    for (arguments, code, parts) in CASES {
        check(&lab, arguments, *code, parts);
    }
    check(&lab, "bmc identify node-03 --for 30", 0, &["node-03"]);
    let set = fs::read_to_string(forgets.file("identify")).unwrap();
    assert_eq!(set.trim(), "30 0");
    let said = check(&lab, "--json bmc boot setup tag:ipmi --yes", 4, &[]);
    let events: Vec<Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events[0], json!({"chosen": {"machines": 2}}));
    let now = json!({"device": "setup", "once": true, "mode": "efi"});
    let done = json!({"machine": "node-02", "is": {"boot": {"now": now, "was": null}}});
    assert!(events.contains(&json!({ "done": done })), "{events:?}");
    assert!(
        events
            .iter()
            .any(|event| event["failed"]["machine"] == "node-03")
    );
}
