//! What a machine is made of, held against the site: after `bedplate bmc inventory`, and in `bedplate status` from then on.

use std::fs;

use serde_json::{Value, json};

use crate::bmc::check;
use crate::certificates::Authority;
use crate::emulator::{self, Emulator};
use crate::lab::{Lab, SITE};
use crate::wish::places;

const ADDRESS: &str = "10.71.0.21";

/// The emulator's only network port.
const MAC: &str = "52:54:00:77:00:01";

#[test]
fn parts_that_the_site_does_not_know_are_drift() {
    let lab = Lab::new();
    let authority = Authority::new();
    let certificate = authority.self_signed("bmc", "CA:FALSE", "DNS:bmc");
    let [place] = places(&lab, [ADDRESS]);
    let emulator = place.run(|| Emulator::start(ADDRESS, &certificate, "sessions"));
    fs::write(lab.path("password"), emulator::PASSWORD).unwrap();
    let write = |uuid: &str, mac: &str| {
        lab.write(&format!(
            "{SITE}machine \"node-02\" {uuid} {{ ethernet \"eth0\" mac=\"{mac}\"; bmc \"redfish\" address=\"{ADDRESS}\" port={} username=\"{}\" password=(file){:?} {{ fingerprint \"{}\" }} }}\n",
            emulator.port(),
            emulator::USER,
            lab.path("password"),
            authority.fingerprint("bmc"),
        ));
        lab.applied();
    };
    let _daemon = lab.serve();
    write(
        "uuid=\"4c4c4544-0042-3510-8052-b4c04f564d31\"",
        "02:00:00:00:70:09",
    );
    // Nobody has looked yet.
    lab.settled();
    check(&lab, "status", 0, &[]);
    let unknown = format!("the site does not know the port {MAC}");
    let gone = "eth0 is 02:00:00:00:70:09 in the site, and no port that the BMC tells of";
    let parts = [
        "The site says otherwise:",
        "the machine's UUID is",
        &unknown,
        &format!("write into the machine: ethernet \"…\" mac=\"{MAC}\""),
        gone,
        "if a card was replaced",
        // This one tells of none of its own interfaces.
        "the BMC's own network was not read: ",
    ];
    check(&lab, "bmc inventory node-02", 0, &parts);
    let drift = format!("drift: node-02: {gone}, seen 20");
    check(
        &lab,
        "status",
        4,
        &[&drift, &unknown, "bedplate bmc inventory node-02"],
    );
    let told = lab.json(&["bmc", "inventory", "node-02"]);
    let link = json!({"no-such-port": {"link": "eth0", "mac": "02:00:00:00:70:09"}});
    assert_eq!(told["machine"], "node-02");
    assert_eq!(told["differences"][2], link, "{told}");
    assert_eq!(
        lab.status()["machines"][0]["differences"],
        told["differences"]
    );
    // The site is put right, and what was seen is held against what it says now.
    write("", MAC);
    lab.settled();
    let said = check(&lab, "status", 0, &[]);
    assert!(!said.out.contains("node-02"), "{said:?}");
    assert_eq!(lab.status()["machines"], Value::Null);
    let said = check(&lab, "bmc inventory node-02", 0, &[MAC]);
    assert!(!said.out.contains("otherwise"), "{said:?}");
}
