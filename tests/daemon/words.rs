//! What the commands say and ask, and when they go ahead.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use super::lab::{Lab, SITE, Said, udhcpc};

/// The lab's site without its dynamic range, whose leases are then stranded.
fn stranding() -> String {
    let range = r#"dynamic-range "10.70.1.0-10.70.1.99""#;
    let without = SITE.replace(range, "");
    assert_ne!(without, SITE);
    without
}

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

#[test]
fn every_command_speaks_json() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    assert_eq!(json(&lab.run(&["--json", "check"]))["counts"]["errors"], 0);
    let plan = json(&lab.run(&["--json", "plan"]));
    assert_eq!(
        (&plan["format_version"], &plan["controller"]),
        (&1.into(), &"rack-1".into())
    );
    let said = lab.run(&["--json", "apply", "--yes"]);
    let events: Vec<Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events[0]["event"], "started");
    assert_eq!(
        events.last().unwrap()["outcome"]["kind"],
        "done",
        "{said:?}"
    );
    assert_eq!(json(&lab.run(&["--json", "status"]))["site"], "lab");
    assert_eq!(
        json(&lab.run(&["--json", "leases"])),
        Value::Array(Vec::new())
    );
    for written in ["e040", "E40", "e40"] {
        let told = json(&lab.run(&["--json", "explain", written]));
        assert_eq!(told["code"], "E040", "{written}");
    }
    let fault = json(&lab.run(&["--json", "explain", "E999"]));
    assert_eq!(fault["fault"]["code"], "D009");
}

#[test]
fn hazards_not_allowed_change_nothing() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    lab.applied();
    assert!(udhcpc(&lab.machines[1], &lab.folder).contains("ip=10.70.1."));
    lab.write(&stranding());
    let plan = lab.run(&["plan"]);
    assert!(plan.out.contains("HAZARD strand-leases"), "{plan:?}");
    for arguments in [
        &["apply", "--yes"][..],
        &["apply"],
        &["--json", "apply", "--yes"],
    ] {
        let said = lab.run(arguments);
        assert_eq!(said.code, 3, "{said:?}");
    }
    assert_eq!(
        lab.run(&["plan", "--exit-code"]).code,
        2,
        "nothing was applied"
    );
    let said = lab.run(&["apply", "--yes", "--allow", "strand-leases"]);
    assert_eq!(said.code, 0, "{said:?}");
}

#[test]
fn a_lease_more_makes_no_other_plan() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    lab.applied();
    udhcpc(&lab.machines[1], &lab.folder);
    lab.write(&stranding());
    let before = json(&lab.run(&["--json", "plan"]));
    lab.machines[1].ip("link set eth0 address 02:00:00:00:70:99");
    udhcpc(&lab.machines[1], &lab.folder);
    let after = json(&lab.run(&["--json", "plan"]));
    assert_ne!(before["hazards"], after["hazards"]);
    assert_eq!(before["id"], after["id"]);
}

#[test]
fn a_claim_tells_no_setting_that_it_leaves_alone() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    let told = lab.run(&["plan", "--full"]).out;
    let claim = told.lines().find(|line| line.contains("= link port1"));
    let claim = claim.unwrap_or_else(|| panic!("{told}"));
    assert!(claim.contains("physical, up"), "{claim}");
    assert!(!claim.contains("arp-ignore"), "{claim}");
}

#[test]
fn a_saved_plan_is_shown_without_a_daemon() {
    let lab = Lab::new();
    let daemon = lab.serve();
    let first = lab.run(&["plan", "--out", "../saved.plan"]);
    drop(daemon);
    let again = lab.run(&["plan", "../saved.plan"]);
    assert_eq!(again.code, 0, "{again:?}");
    assert!(first.out.starts_with(&again.out), "{first:?} {again:?}");
    let daemon = lab.serve();
    let said = lab.run(&["plan", "--out", "../nowhere/saved.plan"]);
    drop(daemon);
    assert!(
        said.code == 1
            && said
                .err
                .contains("error[D014]: cannot write ../nowhere/saved.plan"),
        "{said:?}"
    );
    fs::write(lab.path("saved.plan"), "no plan").unwrap();
    let said = lab.run(&["plan", "../saved.plan"]);
    assert!(
        said.code == 1 && said.err.contains("is no saved plan"),
        "{said:?}"
    );
}

#[test]
fn with_json_nobody_is_asked() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    let said = lab.run(&["--json", "apply"]);
    assert_eq!(
        (said.code, &json(&said)["fault"]["code"]),
        (1, &"D009".into()),
        "{said:?}"
    );
    assert_eq!(
        lab.run(&["plan", "--exit-code"]).code,
        2,
        "nothing was applied"
    );
}

#[test]
fn a_reader_that_goes_away_ends_no_command_in_a_panic() {
    let lab = Lab::new();
    let mut command = lab.command("site", &["completions", "bash"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let said = Said::of(&child.wait_with_output().unwrap());
    assert!(said.code == 0 && said.err.is_empty(), "{said:?}");
}
