//! What `bedplate status` says of BMCs with each of the faults that they are known for, by IPMI and by Redfish, and what becomes of who
//! asks them all the same.

use std::fs;

use crate::bmc::check;
use crate::counterpart::{Bmc, PASSWORD, Setup, USER};
use crate::lab::{Lab, SITE};
use crate::pool::{FIRST, address, ended, power, racked, serving};
use crate::power::all_on;
use crate::sandbox::Namespace;
use crate::shim::hurried;
use crate::support::rack::Manner;
use crate::watch::{told_of, until};

#[test]
fn who_answers_out_of_order_is_fine_and_who_starts_anew_is_so_again() {
    let (lab, rack, _place) = racked(2);
    rack.set(FIRST, |bmc| {
        (bmc.manner, bmc.is_on) = (Manner::Disorders, true);
    });
    rack.set(&address(1), |bmc| bmc.manner = Manner::Resets);
    let _daemon = hurried(&lab, 8, &["--poll-bmcs", "10s"]);
    lab.applied();
    let status = until(&lab, &[("bmc-001", "unreachable")]);
    assert_eq!(status["bmcs"]["fine"], 1, "{status:#}");
    let said = lab.run(&["status"]).out;
    let state = format!("bmc bmc-001 at {} does not answer since ", address(1));
    assert!(said.contains(&state), "{said}");
    until(&lab, &[]);
    assert_eq!(told_of(&lab, "bmc-001"), ["unreachable", "fine"]);
    // An answer of before is no answer to what is asked now.
    for (deed, said) in [
        ("status bmc-000", "bmc-000  on"),
        ("off bmc-000 --yes", "bmc-000  off  was on"),
        ("on bmc-000", "bmc-000  on  was off"),
    ] {
        let told = power(&lab, deed, 0).out;
        assert!(told.contains(said), "{deed}: {told}");
    }
    assert_eq!(told_of(&lab, "bmc-000"), [""; 0]);
}

#[test]
fn one_that_is_of_ipv6_alone_is_like_the_others() {
    const SIX: &str = "fd71::31";
    let (lab, place) = (Lab::new(), Namespace::new());
    lab.host.veth("mgmt", &place, "eth0");
    lab.host.ip("address add fd71::2/64 dev mgmt nodad");
    place.ip(&format!("address add {SIX}/64 dev eth0 nodad"));
    let setup = Setup {
        address: SIX,
        ..Setup::default()
    };
    let bmc = Bmc::sim_in(place, setup);
    let password = lab.path("password");
    fs::write(&password, PASSWORD).unwrap();
    lab.write(&format!(
        "{SITE}machine \"node-02\" {{ bmc \"ipmi\" address=\"{SIX}\" username=\"{USER}\" password=(file){password:?} {{ cipher-suite 3 }}; power \"on\" }}\n"
    ));
    let _daemon = hurried(&lab, 8, &["--poll-bmcs", "5s"]);
    lab.applied();
    let status = until(&lab, &[]);
    assert_eq!(status["bmcs"]["fine"], 1, "{status:#}");
    check(&lab, "power status node-02", 0, &["node-02  on"]);
    assert_eq!(fs::read_to_string(bmc.file("power")).unwrap(), "1\n");
    bmc.place.ip(&format!("address del {SIX}/64 dev eth0"));
    until(&lab, &[("node-02", "unreachable")]);
    let state = "bmc node-02 at fd71::31 does not answer since ";
    check(&lab, "status", 0, &["1 BMC: 0 fine, 1 not\n", state]);
    bmc.place
        .ip(&format!("address add {SIX}/64 dev eth0 nodad"));
    until(&lab, &[]);
    assert_eq!(told_of(&lab, "node-02"), ["unreachable", "fine"]);
}

#[test]
fn one_that_lies_is_drift_once_it_is_asked_again() {
    let (lab, rack, _place) = racked(2);
    rack.set(FIRST, |bmc| bmc.manner = Manner::Lies);
    all_on(&lab);
    let _daemon = hurried(&lab, 8, &["--poll-bmcs", "5s"]);
    check(
        &lab,
        "apply --yes",
        4,
        &["machine/bmc-000/power", "it was told to be on, and is off"],
    );
    let status = lab.until("the machine is off", |status| status["powers"].is_array());
    assert_eq!(status["powers"].as_array().unwrap().len(), 1);
    check(
        &lab,
        "status",
        4,
        &[
            "2 BMCs: 2 fine\n",
            "drift: ~ machine/bmc-000/power  state on -> off",
        ],
    );
}

#[test]
fn a_log_that_may_not_be_cleared_is_not_called_clear() {
    let (lab, _rack, _place) = racked(1);
    let daemon = serving(&lab, "off");
    lab.applied();
    check(&lab, "sel bmc-000", 0, &["The event log is empty."]);
    let refused = [
        "D064",
        "refuses",
        "Clear SEL",
        "help: try again in a minute",
    ];
    let said = check(&lab, "sel bmc-000 --clear --yes", 1, &refused);
    assert!(!said.out.contains("Cleared"), "{said:?}");
    assert!(
        !said.err.contains("power status"),
        "beside the point: {said:?}"
    );
    ended(daemon);
    let log = fs::read_to_string(lab.path("log")).unwrap();
    assert!(!log.contains("cleared"), "{log}");
}
