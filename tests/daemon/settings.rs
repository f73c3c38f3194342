//! By what BMCs are spoken with, as the site says it: in force with the step that plans show, not before, and back when an apply goes back.

use std::fs;

use crate::bmc::{ADDRESS, beside, check};
use crate::counterpart::{Bmc, PASSWORD, Setup, USER};
use crate::lab::{Lab, SITE};
use crate::pool::serving;
use crate::shim::hurried;

/// The BMC's place, and one at which nothing listens.
const THERE: &str = "address=\"10.71.0.21\"";
const NOWHERE: &str = "address=\"10.71.0.21\" port=1";

const ROUTE: &str = "controller/rack-1/route/10.100.0.0/24@main/0";

/// A lab with a BMC that nobody asks by itself.
fn wired() -> (Lab, Bmc) {
    let lab = Lab::new();
    let setup = Setup {
        address: ADDRESS,
        ..Setup::default()
    };
    let bmc = Bmc::sim_in(beside(&lab), setup);
    fs::write(lab.path("password"), PASSWORD).unwrap();
    (lab, bmc)
}

/// The lab's site with a machine, by where its BMC is, and with more.
fn with(lab: &Lab, place: Option<&str>, more: &str) {
    let password = lab.path("password");
    let machine = place.map(|place| {
        format!(
            "machine \"node-02\" {{ bmc \"ipmi\" {place} username=\"{USER}\" password=(file){password:?} {{ cipher-suite 3 }} }}\n"
        )
    });
    lab.write(&format!("{SITE}{}{more}", machine.unwrap_or_default()));
}

/// Whether the machine's BMC answers as it is in force.
fn answers(lab: &Lab) {
    check(lab, "power status node-02", 0, &["node-02  o"]);
}

#[test]
fn a_bmc_changes_with_its_step_and_no_other() {
    let (lab, bmc) = wired();
    let _daemon = serving(&lab, "off");
    lab.applied();
    with(&lab, Some(THERE), "");
    // New, though nobody minds the power; no secret is read for that, and no BMC is asked.
    fs::rename(lab.path("password"), lab.path("kept")).unwrap();
    let asked = || fs::read_to_string(bmc.file("done")).unwrap_or_default();
    let password = format!("password (file){:?}", lab.path("password"));
    let told = [
        "+ bmc node-02  ipmi at 10.71.0.21",
        &password,
        "1 to create",
    ];
    let said = check(&lab, "plan --exit-code", 2, &told);
    assert!(!said.out.contains(PASSWORD), "{said:?}");
    check(&lab, "power status node-02", 1, &["no machine `node-02`"]);
    lab.applied();
    fs::rename(lab.path("kept"), lab.path("password")).unwrap();
    assert_eq!(asked(), "");
    answers(&lab);

    // Elsewhere; something else is chosen.
    let route = "route \"10.100.0.0/24\" { via \"10.70.0.254\" }\n";
    with(&lab, Some(NOWHERE), route);
    let changes = "port  the usual -> 1";
    check(&lab, "plan --exit-code", 2, &["~ bmc node-02", changes]);
    let only = format!("apply --yes --only {ROUTE}");
    check(&lab, &only, 4, &[]);
    answers(&lab);
    check(&lab, "plan --exit-code", 2, &["~ bmc node-02", changes]);

    // In force until the apply goes back.
    check(
        &lab,
        "apply --yes --confirm-within 1h",
        0,
        &["machine/node-02/bmc"],
    );
    check(&lab, "power status node-02", 4, &["has its port closed"]);
    check(&lab, "rollback --yes", 0, &["everything is as it was"]);
    answers(&lab);
    lab.applied();
    check(&lab, "power status node-02", 4, &["has its port closed"]);
    with(&lab, Some(THERE), route);
    lab.applied();
    answers(&lab);
    check(&lab, "rollback --yes", 0, &["machine/node-02/bmc"]);
    check(&lab, "power status node-02", 4, &["has its port closed"]);
}

#[test]
fn a_bmc_goes_with_its_step_and_no_other() {
    let (lab, _bmc) = wired();
    let daemon = serving(&lab, "off");
    with(&lab, Some(THERE), "");
    lab.applied();
    let route = "route \"10.100.0.0/24\" { via \"10.70.0.254\" }\n";
    with(&lab, None, route);
    check(
        &lab,
        "plan --exit-code",
        2,
        &["- bmc node-02", "no longer in the site"],
    );
    let only = format!("apply --yes --only {ROUTE}");
    check(&lab, &only, 4, &[]);
    answers(&lab);
    // A restart takes nothing that was left out.
    drop(daemon);
    let _daemon = serving(&lab, "off");
    answers(&lab);
    lab.applied();
    check(&lab, "power status node-02", 1, &["no machine `node-02`"]);
    // One that is not chosen is not there.
    with(&lab, Some(THERE), "");
    let delete = format!("apply --yes --only {ROUTE}");
    check(&lab, &delete, 4, &[]);
    check(&lab, "power status node-02", 1, &["has no BMC"]);
}

/// What was done through one BMC is taken back through it, before another is in force again.
#[test]
fn a_machine_is_switched_back_through_the_bmc_that_switched_it() {
    let (lab, bmc) = wired();
    let _daemon = serving(&lab, "off");
    with(&lab, Some(NOWHERE), "");
    lab.applied();
    bmc.ipmitool("chassis power on");
    let power = || fs::read_to_string(bmc.file("power")).unwrap_or_default();
    with(&lab, Some(THERE), "");
    let file = lab.path("site/site.kdl");
    let site = fs::read_to_string(&file).unwrap();
    lab.write(&site.replace("{ cipher-suite 3 }", "{ cipher-suite 3 }; power \"off\""));
    let off = "apply --yes --allow power-cycle --confirm-within 1h";
    check(
        &lab,
        off,
        0,
        &["machine/node-02/bmc", "machine/node-02/power"],
    );
    assert_eq!(power().trim(), "0");
    check(&lab, "rollback --yes", 0, &["everything is as it was"]);
    assert_eq!(power().trim(), "1");
    check(&lab, "power status node-02", 4, &["has its port closed"]);
}

/// The site's machine is to run, and its BMC is there.
fn with_power(lab: &Lab) {
    with(lab, Some(THERE), "");
    let site = fs::read_to_string(lab.path("site/site.kdl")).unwrap();
    lab.write(&site.replace("{ cipher-suite 3 }", "{ cipher-suite 3 }; power \"on\""));
}

/// Nobody switches a machine through a BMC that is to stay as it was, nor asks it.
#[test]
fn what_needs_a_bmc_that_is_left_out_waits_with_it() {
    let (lab, bmc) = wired();
    let _daemon = serving(&lab, "off");
    with(&lab, Some(NOWHERE), "");
    lab.applied();
    let file = |name: &str| fs::read_to_string(bmc.file(name)).unwrap_or_default();
    let before = file("done");
    with_power(&lab);
    let left = "machine/node-02/bmc  left out by --except";
    let needs = "machine/node-02/power  needs machine/node-02/bmc";
    let except = "--except machine/node-02/bmc";
    check(&lab, &format!("plan {except}"), 0, &[left, needs]);
    let nothing = "Nothing to do. 2 things wait";
    check(&lab, &format!("apply --yes {except}"), 4, &[nothing]);
    assert_eq!((file("power").trim(), file("done")), ("", before));
    check(&lab, "power status node-02", 4, &["has its port closed"]);
    let both = ["machine/node-02/bmc", "ok    ~ machine/node-02/power"];
    check(&lab, "apply --yes", 0, &both);
    assert_eq!(file("power").trim(), "1");
    check(&lab, "plan --exit-code", 0, &["nothing to do"]);
}

/// A machine whose BMC is silent waits for it, and has the changed BMC in force by then.
#[test]
fn what_waits_for_a_bmc_takes_it_along() {
    let (lab, bmc) = wired();
    let _daemon = hurried(&lab, 4, &["--poll-bmcs", "off"]);
    with(&lab, Some(NOWHERE), "");
    lab.applied();
    with_power(&lab);
    let unchosen = "machine/node-02/power  not among what --only names";
    let only = "plan --only machine/node-02/bmc";
    check(&lab, only, 0, &["~ bmc node-02", unchosen]);
    bmc.place.ip("link set eth0 down");
    let told = [
        "~ bmc node-02",
        "pulled in by machine/node-02/power",
        "machine/node-02/power  deferred: its BMC at 10.71.0.21 does not answer",
    ];
    check(&lab, "plan --only machine/node-02/power", 0, &told);
    let chosen = "apply --yes --only machine/node-02/power";
    check(&lab, chosen, 4, &["ok    ~ machine/node-02/bmc"]);
    bmc.place.ip("link set eth0 up");
    answers(&lab);
    check(&lab, chosen, 0, &["ok    ~ machine/node-02/power"]);
    check(&lab, "plan --exit-code", 0, &["nothing to do"]);
}
