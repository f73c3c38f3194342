//! Users and networks of BMCs as the site says them: planned, made, changed and taken away through a BMC that is not ours, with ipmitool as the witness.

use std::fs;

use crate::bmc::{ADDRESS, check};
use crate::counterpart::{Bmc, USER};
use crate::lab::{Lab, SITE};
use crate::power::{NOWHERE, wired};

const OPS: &str = "ops-secret";
const NEXT: &str = "next-secret";

/// The lab's site with a machine, and what is said of the users of its BMC.
fn with(lab: &Lab, users: &[(&str, &str)]) {
    lab.write(&(SITE.to_owned() + &machine(lab, "node-02", ADDRESS, users)));
}

fn machine(lab: &Lab, name: &str, address: &str, users: &[(&str, &str)]) -> String {
    let place = |name: &str| lab.path(name).display().to_string();
    let user = |(name, role): &(&str, &str)| {
        let password = place(name);
        format!("user \"{name}\" role=\"{role}\" password=(file){password:?}\n")
    };
    let users: String = users.iter().map(user).collect();
    let password = place("password");
    format!(
        "machine \"{name}\" {{ bmc \"ipmi\" address=\"{address}\" username=\"{USER}\" password=(file){password:?} {{\n\
         cipher-suite 3\nprivilege \"administrator\"\n{users}}}\n}}\n"
    )
}

/// Who has a name on the BMC, with what it may do, as ipmitool lists it.
fn listed(bmc: &Bmc) -> Vec<String> {
    let said = bmc.ipmitool("user list");
    let words = said
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect());
    let named = words.filter(|words: &Vec<&str>| words.get(1).is_some_and(|word| *word != "true"));
    let told = named.map(|words| format!("{} {} {}", words[1], words[4], words[5..].join(" ")));
    told.collect()
}

/// Whether ipmitool is let in.
fn lets_in(bmc: &Bmc, user: &str, password: &str, level: &str) -> bool {
    let mut command = bmc.place.command("ipmitool");
    command.args(["-I", "lanplus", "-C", "3", "-E", "-U", user, "-L", level]);
    command.args(["-H", ADDRESS, "chassis", "status"]);
    command.env("IPMI_PASSWORD", password);
    command.output().unwrap().status.success()
}

/// Runs a command that tells no user's password, and what it says.
fn told(lab: &Lab, arguments: &str, code: i32, parts: &[&str]) {
    let said = check(lab, arguments, code, parts);
    let all = said.out + &said.err;
    assert!(!all.contains(OPS) && !all.contains(NEXT), "{all}");
}

const ADMIN: &str = "admin true ADMINISTRATOR";

const UNREAD: &str = "bmc/user/ops  deferred: its password is not there: (file)";
const TODO: &str = "put it there on this controller, where the daemon can read it  site.kdl:";

#[test]
fn a_password_that_is_nowhere_is_known_before_the_bmc_is_told_anything() {
    let (lab, bmc) = wired();
    let _daemon = lab.serve();
    with(&lab, &[("ops", "operator")]);
    told(&lab, "plan", 0, &[UNREAD, "No such file", TODO]);
    told(&lab, "apply --yes", 4, &["1 thing waits"]);
    assert_eq!(listed(&bmc), [ADMIN]);
    fs::write(lab.path("ops"), OPS).unwrap();
    told(&lab, "apply --yes", 0, &["+ machine/node-02/bmc/user/ops"]);
    assert_eq!(listed(&bmc), [ADMIN, "ops true OPERATOR"]);
}

#[test]
fn declared_users_are_there_and_go_with_their_declarations() {
    let (lab, bmc) = wired();
    let _daemon = lab.serve();
    fs::write(lab.path("ops"), OPS).unwrap();
    let silent = "deferred: its BMC at 10.71.0.99 does not answer";
    // One machine has no BMC where it should be, and keeps nobody.
    let ops = &[("ops", "operator")];
    let both = [("node-02", ADDRESS), ("node-03", NOWHERE)];
    let both = both.map(|(name, address)| machine(&lab, name, address, ops));
    lab.write(&(SITE.to_owned() + &both.concat()));
    let kept = format!("operator, password (file)\"{}\"", lab.path("ops").display());
    told(&lab, "plan", 0, &["+ user ops on node-02", &kept, silent]);
    assert_eq!(listed(&bmc), [ADMIN], "a plan made it");
    let made = "ok    + machine/node-02/bmc/user/ops";
    told(&lab, "apply --yes", 4, &[made, "1 thing waits"]);
    assert_eq!(listed(&bmc), [ADMIN, "ops true OPERATOR"]);
    assert!(lets_in(&bmc, "ops", OPS, "operator"));
    with(&lab, ops);
    told(&lab, "apply --yes", 0, &["- machine/node-03/bmc"]);
    told(&lab, "plan --exit-code", 0, &["nothing to do"]);

    // Somebody else changes it.
    bmc.ipmitool("user priv 3 2");
    let drift = "role  read-only -> operator";
    told(&lab, "plan", 0, &["changed outside Bedplate", drift]);
    told(&lab, "apply --yes", 0, &["~ machine/node-02/bmc/user/ops"]);
    assert_eq!(listed(&bmc), [ADMIN, "ops true OPERATOR"]);

    // Another password. What the BMC refused once it is not shown again, though it would do now.
    fs::write(lab.path("ops"), NEXT).unwrap();
    told(&lab, "plan", 0, &["password  unknown -> (file)"]);
    bmc.ipmitool(&format!("user set password 3 {NEXT}"));
    told(&lab, "plan", 0, &["password  unknown -> (file)"]);
    bmc.ipmitool(&format!("user set password 3 {OPS}"));
    told(&lab, "apply --yes", 0, &["~ machine/node-02/bmc/user/ops"]);
    assert!(lets_in(&bmc, "ops", NEXT, "operator") && !lets_in(&bmc, "ops", OPS, "operator"));
    told(&lab, "plan --exit-code", 0, &["nothing to do"]);

    // A secret that cannot be read is for another time.
    fs::rename(lab.path("ops"), lab.path("away")).unwrap();
    told(&lab, "plan", 0, &[UNREAD, "No such file", TODO]);
    fs::rename(lab.path("away"), lab.path("ops")).unwrap();

    // Withdrawn, and the BMC with it: that goes last.
    lab.write(SITE);
    told(
        &lab,
        "plan",
        0,
        &["- user ops on node-02", "no longer in the site"],
    );
    told(
        &lab,
        "apply --yes",
        0,
        &[
            "ok    - machine/node-02/bmc/user/ops",
            "ok    - machine/node-02/bmc\n",
        ],
    );
    assert_eq!(listed(&bmc), [ADMIN]);
    told(&lab, "plan --exit-code", 0, &["nothing to do"]);
    let log = fs::read_to_string(lab.path("log")).unwrap();
    assert!(!log.contains(OPS) && !log.contains(NEXT), "{log}");
}

#[test]
fn what_others_made_is_claimed_given_back_and_never_deleted() {
    let (lab, bmc) = wired();
    let daemon = lab.serve();
    for (place, name) in [(3, "ops"), (4, "others")] {
        bmc.ipmitool(&format!("user set name {place} {name}"));
        bmc.ipmitool(&format!("user set password {place} {OPS}"));
        bmc.ipmitool(&format!("user priv {place} 2"));
        bmc.ipmitool(&format!("user enable {place}"));
    }
    fs::write(lab.path("ops"), OPS).unwrap();
    with(&lab, &[("ops", "administrator")]);
    told(
        &lab,
        "plan",
        0,
        &["= user ops on node-02", "role  read-only -> administrator"],
    );
    told(&lab, "apply --yes", 0, &["machine/node-02/bmc/user/ops"]);
    let others = "others true USER";
    assert_eq!(listed(&bmc), [ADMIN, "ops true ADMINISTRATOR", others]);
    // Another daemon knows what was claimed.
    drop(daemon);
    let _daemon = lab.serve();
    with(&lab, &[]);
    told(
        &lab,
        "plan",
        0,
        &["< user ops on node-02", "role  administrator -> read-only"],
    );
    told(&lab, "apply --yes", 0, &["machine/node-02/bmc/user/ops"]);
    assert_eq!(listed(&bmc), [ADMIN, "ops true USER", others]);
    assert!(lets_in(&bmc, "ops", OPS, "user"));
    told(&lab, "plan --exit-code", 0, &["nothing to do"]);
    // Somebody takes away what Bedplate made, and makes one of his own by that name: that is his.
    with(&lab, &[("mine", "operator")]);
    fs::write(lab.path("mine"), OPS).unwrap();
    told(&lab, "apply --yes", 0, &["+ machine/node-02/bmc/user/mine"]);
    bmc.ipmitool("raw 6 0x45 5 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0");
    told(
        &lab,
        "plan",
        0,
        &["+ user mine on node-02", "changed outside Bedplate"],
    );
    bmc.ipmitool("user set name 5 mine");
    with(&lab, &[]);
    told(&lab, "plan --exit-code", 0, &["nothing to do"]);
    assert_eq!(listed(&bmc).len(), 4);
}

/// Its right to authenticate a link is nothing that a site says.
#[test]
fn a_claim_that_changes_nothing_leaves_a_user_as_it_was() {
    let (lab, bmc) = wired();
    let _daemon = lab.serve();
    for command in [
        "user set name 7 link7",
        &format!("user set password 7 {OPS}"),
        "channel setaccess 1 7 link=on ipmi=on callin=on privilege=2",
        "user enable 7",
    ] {
        bmc.ipmitool(command);
    }
    fs::write(lab.path("link7"), OPS).unwrap();
    let line = |role: &str| {
        let said = bmc.ipmitool("user list");
        let words = said.lines().map(|line| line.split_whitespace().collect());
        let mut lines = words.map(|words: Vec<&str>| words.join(" "));
        let wanted = format!("7 link7 true true true {role}");
        assert!(lines.any(|line| line == wanted), "{role}: {said}");
    };
    line("USER");
    let key = "machine/node-02/bmc/user/link7";
    for (users, role) in [
        (&[("link7", "read-only")][..], "USER"),
        (&[], "USER"),
        (&[("link7", "operator")], "OPERATOR"),
        (&[], "USER"),
    ] {
        with(&lab, users);
        told(&lab, "apply --yes", 0, &[key]);
        line(role);
    }
    with(&lab, &[("link7", "operator")]);
    told(&lab, "apply --yes --confirm-within 1h", 0, &["confirm"]);
    line("OPERATOR");
    told(&lab, "rollback --yes", 0, &[]);
    line("USER");
}

#[test]
fn a_password_that_is_too_long_is_known_before_the_bmc_is_told_anything() {
    let (lab, bmc) = wired();
    let _daemon = lab.serve();
    let long = format!("{OPS}{OPS}{OPS}");
    bmc.ipmitool("user set name 7 shut");
    for name in ["ops", "shut", "admin2"] {
        fs::write(lab.path(name), &long).unwrap();
    }
    bmc.ipmitool("user set name 8 admin2");
    bmc.ipmitool(&format!("user set password 8 {OPS}"));
    bmc.ipmitool("user priv 8 3");
    bmc.ipmitool("user enable 8");
    let before = listed(&bmc);
    with(
        &lab,
        &[
            ("ops", "operator"),
            ("shut", "operator"),
            ("admin2", "operator"),
        ],
    );
    let deferred = |name: &str| {
        format!(
            "bmc/user/{name}  deferred: its password is too long for IPMI: (file)\"{}\"",
            lab.path(name).display()
        )
    };
    let parts = ["ops", "shut", "admin2"].map(deferred);
    let mut parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    parts.extend([
        "has more than 20 bytes; keep one there of at most 20 bytes",
        "site.kdl:",
    ]);
    told(&lab, "plan", 0, &parts);
    told(&lab, "apply --yes", 4, &["3 things wait"]);
    assert_eq!(listed(&bmc), before);
    for name in ["ops", "shut", "admin2"] {
        fs::write(lab.path(name), OPS).unwrap();
    }
    told(&lab, "apply --yes", 0, &["+ machine/node-02/bmc/user/ops"]);
}

#[test]
fn an_apply_that_goes_back_takes_away_the_user_that_it_made() {
    let (lab, bmc) = wired();
    let _daemon = lab.serve();
    fs::write(lab.path("ops"), OPS).unwrap();
    with(&lab, &[("ops", "operator")]);
    told(&lab, "apply --yes --confirm-within 1h", 0, &["confirm"]);
    assert_eq!(listed(&bmc), [ADMIN, "ops true OPERATOR"]);
    told(&lab, "rollback --yes", 0, &[]);
    assert_eq!(listed(&bmc), [ADMIN]);
}

/// Its password is gone since the plan was made, and the apply is done but for that.
#[test]
fn a_step_that_failed_is_told_of_in_the_history() {
    let (lab, _bmc) = wired();
    let _daemon = lab.serve();
    let user = "machine/node-02/bmc/user/ops";
    with(&lab, &[("ops", "operator")]);
    let saved = lab.path("saved.plan").display().to_string();
    let failed = [
        "error[D065]: the machine is not as it should be: the password of `ops` is not there: (file)",
        "        help: put it there on this controller, where the daemon can read it\n",
        "No such file",
    ];
    for (chosen, within, outcome) in [
        ("", "", "  done, 1 failed"),
        ("--only **/ops", "", "  done, 1 failed (--only **/ops)"),
        ("", "--confirm-within 1h", " UTC, 1 failed"),
    ] {
        fs::write(lab.path("ops"), OPS).unwrap();
        told(
            &lab,
            &format!("plan --out {saved} {chosen}"),
            0,
            &["user ops"],
        );
        fs::remove_file(lab.path("ops")).unwrap();
        told(&lab, &format!("apply --yes {saved} {within}"), 4, &failed);
        let said = lab.run(&["history"]).out;
        let row = said.lines().nth(1).unwrap_or_default();
        assert!(row.ends_with(outcome), "{chosen} {within}: {said}");
        assert_eq!(lab.history()[0]["failed"], serde_json::json!([user]));
    }
    let log = fs::read_to_string(lab.path("log")).unwrap();
    assert_eq!(
        log.matches("\"applied but for what failed").count(),
        3,
        "{log}"
    );
    assert!(!log.contains("\"applied\""), "{log}");
    // What went back did so with all that was done.
    told(&lab, "rollback --yes", 0, &[]);
    told(&lab, "history", 0, &["reverted: by root (uid 0)\n"]);
    fs::write(lab.path("ops"), OPS).unwrap();
    told(&lab, "apply --yes", 0, &[&format!("ok    + {user}")]);
    assert_eq!(lab.history()[0].get("failed"), None);
    told(&lab, "history", 0, &["  done\n"]);
}

#[test]
fn the_network_of_a_bmc_is_as_the_site_says_and_wants_leave() {
    let (lab, bmc) = wired();
    let _daemon = lab.serve();
    let subnet = "fabric \"oob\" { vlan \"bmcs\" { subnet \"10.71.0.0/16\" { gateway \"10.71.0.1\"; }; }; }\n";
    let password = lab.path("password").display().to_string();
    let with = |network: &str| {
        let machine = format!(
            "machine \"node-02\" {{ bmc \"ipmi\" address=\"{ADDRESS}\" username=\"{USER}\" password=(file){password:?} {{\n\
             cipher-suite 3\nprivilege \"administrator\"\n{network}\n}}\n}}\n"
        );
        lab.write(&[SITE, subnet, &machine].concat());
    };
    with("");
    lab.applied();
    let inventory = "bmc inventory node-02";
    told(
        &lab,
        inventory,
        0,
        &["bmc network: 10.71.0.21/", ", dhcp, "],
    );
    with("network \"static\"");
    let hazard = "HAZARD self-bmc  the BMC of node-02 changes its network";
    told(&lab, "plan", 0, &["source  dhcp -> static", hazard]);
    told(&lab, "apply --yes", 3, &["self-bmc"]);
    let printed = |part: &str| {
        let said = bmc.ipmitool("lan print 1");
        assert!(said.contains(part), "{part}: {said}");
    };
    printed("DHCP Address");
    told(
        &lab,
        "apply --yes --allow self-bmc",
        0,
        &["~ machine/node-02/bmc/network"],
    );
    let found = "bmc network: 10.71.0.21/16, static, gateway 10.71.0.1, untagged\n";
    told(&lab, inventory, 0, &[found]);
    let found = serde_json::json!({ "address": ADDRESS, "prefix": 16, "source": "static", "gateway": "10.71.0.1", "vlan": null });
    assert_eq!(lab.json(&["bmc", "inventory", "node-02"])["network"], found);
    printed("Static Address");
    printed(ADDRESS);
    printed("255.255.0.0");
    printed("10.71.0.1");
    told(&lab, "plan --exit-code", 0, &["nothing to do"]);
    // Gone back to what it was; minded no more it stays.
    with("network \"dhcp\"");
    let back = "apply --yes --allow self-bmc --confirm-within 1h";
    told(&lab, back, 0, &["confirm"]);
    printed("DHCP Address");
    told(&lab, "rollback --yes", 0, &[]);
    printed("Static Address");
    with("");
    told(&lab, "plan --exit-code", 0, &["nothing to do"]);
}
