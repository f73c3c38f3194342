//! BMCs that leave the site with users that Bedplate made on them: these go first, or stay there, which plans say; nothing is promised that
//! is not done.

use std::fs;

use crate::bmc::{ADDRESS, check};
use crate::counterpart::{Bmc, USER};
use crate::lab::{Lab, SITE};
use crate::power::wired;
use crate::sandbox::Running;
use crate::shim::hurried;

/// What a plan says of the user, and what to do.
const STAYS: [&str; 2] = [
    "! WARNING  user ops stays on the BMC of node-02 once that leaves the site: its BMC at 10.71.0.21 does not answer",
    "to keep it from that: `--except machine/node-02/bmc`",
];

const USER_GOES: &str = "ok    - machine/node-02/bmc/user/ops";
const BMC_GOES: &str = "ok    - machine/node-02/bmc\n";
const LEFT: &str = "left out: machine/node-02/bmc/user/ops: the last apply could not see to it, and the next one tries again";

/// The lab's site with a machine, and what else is said of its BMC.
fn with(lab: &Lab, more: &str) {
    let password = lab.path("password");
    lab.write(&format!(
        "{SITE}machine \"node-02\" {{ bmc \"ipmi\" address=\"{ADDRESS}\" username=\"{USER}\" password=(file){password:?} {{\n\
         cipher-suite 3\nprivilege \"administrator\"\n{more}\n}}\n}}\n"
    ));
}

fn daemon(lab: &Lab) -> Running {
    hurried(lab, 4, &["--poll-bmcs", "off"])
}

/// A lab whose BMC has a user of Bedplate's, and whose site has neither any more.
fn left() -> (Lab, Bmc, Running) {
    let (lab, bmc) = wired();
    let daemon = daemon(&lab);
    fs::write(lab.path("ops"), "ops-secret").unwrap();
    let ops = lab.path("ops");
    with(
        &lab,
        &format!("user \"ops\" role=\"operator\" password=(file){ops:?}"),
    );
    lab.applied();
    assert!(has_user(&bmc));
    lab.write(SITE);
    (lab, bmc, daemon)
}

fn has_user(bmc: &Bmc) -> bool {
    bmc.ipmitool("user list").contains(" ops ")
}

/// Pulls its cable, or puts it back.
fn answers(bmc: &Bmc, does: bool) {
    let state = if does { "up" } else { "down" };
    bmc.place.ip(&format!("link set eth0 {state}"));
}

#[test]
fn users_on_a_bmc_that_leaves_and_is_silent_stay_there_as_the_plan_says() {
    let (lab, bmc, running) = left();
    answers(&bmc, false);
    let said = check(&lab, "plan", 0, &["- bmc node-02", STAYS[0], STAYS[1]]);
    assert!(!said.out.contains("deferred"), "{said:?}");
    let applied = check(&lab, "apply --yes", 0, &[STAYS[0], BMC_GOES]);
    assert!(!applied.out.contains("wait"), "{applied:?}");
    lab.settled();
    check(&lab, "status", 0, &["0 drifted"]);
    answers(&bmc, true);
    check(&lab, "plan --exit-code", 0, &["nothing to do"]);
    assert!(has_user(&bmc));
    // Bedplate knows for good that it made it: the BMC in the site again has it taken away.
    drop(running);
    let _running = daemon(&lab);
    with(&lab, "");
    check(&lab, "plan", 0, &["+ bmc node-02", "- user ops on node-02"]);
    check(&lab, "apply --yes", 0, &[USER_GOES]);
    assert!(!has_user(&bmc));
}

#[test]
fn a_bmc_that_is_left_out_is_asked_until_its_users_are_gone() {
    let (lab, bmc, running) = left();
    answers(&bmc, false);
    let except = "apply --yes --except machine/node-02/bmc";
    let deferred = "machine/node-02/bmc/user/ops  deferred";
    let excepted = "machine/node-02/bmc  left out by --except";
    check(&lab, except, 4, &[deferred, excepted]);
    check(&lab, "status", 4, &[LEFT]);
    // Over a restart too.
    drop(running);
    let _running = daemon(&lab);
    check(&lab, except, 4, &[deferred, excepted]);
    answers(&bmc, true);
    check(&lab, "apply --yes", 0, &[USER_GOES, BMC_GOES]);
    assert!(!has_user(&bmc));
    lab.settled();
    check(&lab, "status", 0, &["0 drifted"]);
}

#[test]
fn a_bmc_that_falls_silent_amid_an_apply_is_asked_again() {
    let (lab, bmc, running) = left();
    let plan = lab.path("plan").display().to_string();
    let told = ["- user ops on node-02", "- bmc node-02"];
    check(&lab, &format!("plan --out {plan}"), 0, &told);
    answers(&bmc, false);
    let unbegun = "not begun, since machine/node-02/bmc/user/ops is not as it should be";
    check(&lab, &format!("apply {plan} --yes"), 4, &[unbegun]);
    check(&lab, "status", 4, &[LEFT]);
    drop(running);
    let _running = daemon(&lab);
    check(&lab, "status", 4, &[LEFT]);
    answers(&bmc, true);
    check(&lab, "apply --yes", 0, &[USER_GOES, BMC_GOES]);
    assert!(!has_user(&bmc));
}

/// Whoever chooses the BMC takes its users along, and whoever leaves them out has it wait.
#[test]
fn a_bmc_goes_with_its_users_or_not_at_all() {
    let (lab, bmc, _running) = left();
    check(
        &lab,
        "plan --except machine/node-02/bmc/user/*",
        0,
        &[
            "machine/node-02/bmc  needs machine/node-02/bmc/user/ops",
            "machine/node-02/bmc/user/ops  left out by --except",
        ],
    );
    check(
        &lab,
        "apply --yes --only machine/node-02/bmc",
        0,
        &["pulled in by machine/node-02/bmc", USER_GOES, BMC_GOES],
    );
    assert!(!has_user(&bmc));
}
