//! What is remembered of applies, going back to one of them, and holds.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use crate::lab::{Lab, MORE, SITE, Said};
use crate::support::witness;

fn refused(said: &Said, words: &[&str]) {
    assert_eq!(said.code, 1, "{said:?}");
    for word in words {
        assert!(said.err.contains(word), "{word}: {said:?}");
    }
}

/// The lab's site with a route more.
fn routed() -> String {
    format!("{SITE}route \"10.100.0.0/24\" {{ via \"10.70.0.254\" }}\n")
}

/// The fates of all applies, the latest first.
fn fates(lab: &Lab) -> Vec<Value> {
    let history = lab.history();
    history
        .iter()
        .map(|entry| entry["fate"]["kind"].clone())
        .collect()
}

#[test]
fn every_apply_is_remembered_and_each_that_was_kept_can_come_back() {
    let lab = Lab::new();
    let daemon = lab.serve();
    let mut hosts = Vec::new();
    for site in [SITE.to_owned(), format!("{SITE}{MORE}"), routed()] {
        lab.write(&site);
        lab.applied();
        hosts.push(witness::host(&lab.host));
    }
    one_fails(&lab);
    // To where it stands already, and to what was never there.
    refused(&lab.run(&["rollback", "--yes"]), &["D034", "not in force"]);
    refused(
        &lab.run(&["rollback", "4", "--yes"]),
        &["D034", "left no state"],
    );
    refused(
        &lab.run(&["rollback", "99", "--yes"]),
        &["D034", "no apply 99"],
    );
    refused(&lab.run(&["rollback", "1"]), &["--yes"]);
    // Back, after a restart, without the site's folder.
    drop(daemon);
    let _daemon = lab.serve();
    fs::remove_dir_all(lab.path("site/boot")).unwrap();
    let said = lab.run(&["rollback", "1", "--yes", "--allow", "mass-delete"]);
    assert!(
        said.code == 0 && said.out.contains("- route 10.100.0.0/24"),
        "{said:?}"
    );
    assert_eq!(witness::host(&lab.host), hosts[0]);
    assert_eq!(lab.unlike(), Default::default());
    let told = lab.run(&["history"]).out;
    assert!(told.contains("done (rollback 1)"), "{told}");
    // Without a number: what was there before.
    let said = lab.run(&["rollback", "--yes"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(witness::host(&lab.host), hosts[2]);
    // To go back is an apply like any other.
    let within = ["--yes", "--confirm-within", "1h", "--allow", "mass-delete"];
    let said = lab.run(&[&["rollback", "2"][..], &within].concat());
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(witness::host(&lab.host), hosts[1]);
    assert_eq!(lab.run(&["confirm"]).code, 0);
    assert_eq!(fates(&lab)[..4], ["confirmed", "done", "done", "undone"]);
}

/// A fourth apply, which a lease in its way undoes; and what is told of all four.
fn one_fails(lab: &Lab) {
    lab.write(&SITE.replace("10.70.0.2\"", "10.70.0.3\""));
    // A DHCP client has the address already, and is not to lose it.
    lab.host
        .ip("address add 10.70.0.3/16 dev br0 valid_lft 600 preferred_lft 600");
    let failed = lab.run(&["apply", "--yes", "--allow", "mass-delete"]);
    assert_eq!(failed.code, 4, "{failed:?}");
    lab.host.ip("address del 10.70.0.3/16 dev br0");
    let entries = lab.history();
    let numbers: Vec<_> = entries
        .iter()
        .map(|entry| entry["number"].as_u64())
        .collect();
    assert_eq!(numbers, [Some(4), Some(3), Some(2), Some(1)]);
    let failure = &entries[0]["fate"]["failure"];
    assert_eq!(
        (&entries[0]["fate"]["kind"], &failure["code"]),
        (&"undone".into(), &"D011".into())
    );
    assert!(
        entries
            .iter()
            .all(|entry| entry["who"]["uid"] == 0 && entry["at"].as_u64() > Some(1_700_000_000))
    );
    let told = lab.run(&["history"]).out;
    assert!(
        told.contains("root (uid 0)") && told.contains("undone: step"),
        "{told}"
    );
}

#[test]
fn a_part_in_which_nothing_is_to_be_done_is_no_state_of_its_own() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    let nothing = || {
        let only = ["apply", "--yes", "--only", "controller/rack-1/link/port1"];
        let said = lab.run(&only);
        assert!(said.out.ends_with("\nNothing to do.\n"), "{said:?}");
    };
    lab.applied();
    let before = witness::host(&lab.host);
    nothing();
    lab.write(&routed());
    lab.applied();
    let after = witness::host(&lab.host);
    nothing();
    for expected in [before, after] {
        let said = lab.run(&["rollback", "--yes"]);
        assert_eq!(said.code, 0, "{said:?}");
        assert_eq!(witness::host(&lab.host), expected);
    }
}

#[test]
fn what_touches_nothing_is_not_remembered() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    assert_eq!(lab.run(&["history"]).out, "Nothing was applied yet.\n");
    assert_eq!(lab.run(&["plan", "--out", "../saved.plan"]).code, 0);
    lab.host.ip("address add 10.70.9.9/32 dev port1");
    assert_eq!(lab.run(&["apply", "--yes", "../saved.plan"]).code, 1);
    assert_eq!(lab.history(), Vec::<Value>::new());
}

#[test]
fn a_hold_keeps_everybody_from_applying_until_it_is_ended() {
    let lab = Lab::new();
    let daemon = lab.serve();
    refused(&lab.run(&["unlock"]), &["D033"]);
    for reason in ["", " ", "two\nlines", &"x".repeat(201)] {
        refused(&lab.run(&["hold", reason]), &["D009", "one line"]);
    }
    assert_eq!(lab.run(&["hold", "maintenance of rack 7"]).code, 0);
    for round in 0..2 {
        refused(
            &lab.apply(),
            &[
                "D032",
                "maintenance of rack 7",
                "root (uid 0)",
                "bedplate unlock",
            ],
        );
        let told = lab.run(&["status"]).out;
        assert!(
            told.contains("on hold: maintenance of rack 7"),
            "{round}: {told}"
        );
        assert_eq!(lab.run(&["plan", "--exit-code"]).code, 2, "plans are made");
    }
    drop(daemon);
    let _daemon = lab.serve();
    refused(&lab.apply(), &["D032"]);
    let said = lab.json(&["unlock"]);
    assert_eq!(said["reason"], "maintenance of rack 7");
    lab.applied();
}

/// A group of this test's own, that a daemon finds under the name `bedplate`.
const GROUP: u32 = 4_000_001;

/// A user of no name.
const USER: &str = "4000002";

/// What a command of the group's member says; the kernel vouches for who it is.
fn of_another(lab: &Lab, words: &[&str]) -> Said {
    let mut command = lab.host.command("setpriv");
    // The test's own folders need not be open to others.
    let may_read = [
        "--inh-caps",
        "+dac_override",
        "--ambient-caps",
        "+dac_override",
    ];
    command.args([
        "--reuid",
        USER,
        "--clear-groups",
        "--regid",
        &GROUP.to_string(),
    ]);
    command.args(may_read).arg(env!("CARGO_BIN_EXE_bedplate"));
    command.arg("--socket").arg(lab.path("socket")).args(words);
    command.current_dir(lab.path("site")).stdin(Stdio::null());
    Said::of(&command.output().unwrap())
}

#[test]
fn whose_it_is_is_the_kernels_word_and_anothers_hold_is_not_ended_by_chance() {
    let lab = Lab::new();
    let groups = lab.path("group");
    fs::write(&groups, format!("root:x:0:\nbedplate:x:{GROUP}:\n")).unwrap();
    let mount = format!(
        "mount --bind {} /etc/group && exec \"$@\"",
        groups.display()
    );
    let _daemon = lab.ready(lab.daemon(&["unshare", "--mount", "sh", "-c", &mount, "sh"]));
    let said = of_another(&lab, &["hold", "my lab day"]);
    assert_eq!(said.code, 0, "{said:?}");
    let whose = format!("uid {USER}");
    for words in [&["apply", "--yes"][..], &["hold", "mine"]] {
        refused(&lab.run(words), &["D032", &whose, "my lab day"]);
    }
    refused(&lab.run(&["unlock"]), &["--yes", &whose, "my lab day"]);
    refused(&lab.run(&["--json", "unlock"]), &[]);
    let said = lab.run(&["unlock", "--yes"]);
    assert!(said.code == 0 && said.out.contains(&whose), "{said:?}");
    let said = of_another(&lab, &["apply", "--yes", "--confirm-within", "1h"]);
    assert_eq!(said.code, 0, "{said:?}");
    refused(&lab.apply(), &["D030", &whose]);
    assert_eq!(lab.run(&["confirm"]).code, 0);
    let last = &lab.history()[0];
    assert_eq!(
        (&last["who"]["uid"], &last["fate"]["by"]["uid"]),
        (&4_000_002.into(), &0.into())
    );
}
