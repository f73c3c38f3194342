//! By what BMCs are spoken with: planned as everything else is, in force from their step on, and back when an apply goes back.

use std::collections::BTreeMap;

use bedplate::apply::take_back;
use bedplate::plan::{Inputs, Plan, Selection, select};
use bedplate::state::{Desired, Observation, Resource, State};
use bedplate::world::{Sim, World};

use super::{HEAD, Key, applied, block_on, controller, meaning, observed};

/// A machine with a BMC of each kind that has an account, one without declared power, and one with.
const BEFORE: &str = r#"
machine "node-1" { bmc "ipmi" address="10.0.0.11" username="a" password=(env)"S" }
machine "node-2" { bmc "redfish" address="10.0.0.12" username="a" password=(file)"/etc/s"; power "on" }
"#;

fn site(machines: &str) -> String {
    format!("{HEAD}{machines}")
}

/// A world in which the BMCs of a site are in force, and machines are as they are `found`.
fn world(site: &Desired, found: &str) -> Observation {
    let mut observed = observed(found);
    let bmcs = site.state.iter();
    let bmcs = bmcs.filter(|(_, resource)| matches!(resource, Resource::Bmc(_)));
    observed
        .state
        .extend(bmcs.map(|(key, bmc)| (key.clone(), bmc.clone())));
    observed
}

/// The plan that leads from one site to another.
fn planned(before: &str, after: &str, found: &str, selection: (&[&str], &[&str])) -> Plan {
    let (before, after) = (meaning(&site(before)), meaning(&site(after)));
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let selection = Selection {
        only: words(selection.0),
        except: words(selection.1),
    };
    let inputs = Inputs {
        site: &"lab".parse().unwrap(),
        controller: &controller(),
        desired: &after,
        observed: &world(&before, found),
        applied: Some(&before),
        kept: &State::new(),
        elsewhere: &BTreeMap::new(),
    };
    select(inputs, &selection).unwrap().plan
}

/// Its steps and what waits.
fn lines(plan: &Plan) -> Vec<String> {
    let steps = plan.steps.iter().map(|step| {
        let (sign, key, because) = (step.sign(), &step.key, &step.because);
        let changes = step.changes.iter();
        let changes =
            changes.map(|change| format!("{} {} -> {}", change.field, change.from, change.to));
        let changes: Vec<String> = changes.collect();
        let told = match (&step.before, &step.after) {
            (Some(_), Some(_)) => changes.join(", "),
            (None, Some(one)) | (Some(one), None) => one.summary(),
            (None, None) => String::new(),
        };
        format!("{sign} {key} {told} ({because})")
    });
    let waiting = plan.waiting.iter();
    let waiting = waiting.map(|one| format!("? {} {}", one.key, one.on));
    steps.chain(waiting).collect()
}

fn check(after: &str, expected: &[&str]) {
    let plan = planned(BEFORE, after, "2=on", (&[], &[]));
    assert_eq!(lines(&plan), expected, "{after}");
}

#[test]
fn what_the_site_says_of_a_bmc_is_planned_for() {
    // Where it is written says nothing.
    check(&format!("\n\n{BEFORE}"), &[]);
    check(
        "",
        &[
            r#"- machine/node-1/bmc ipmi at 10.0.0.11, username "a", password (env)"S" (no longer in the site)"#,
            r#"- machine/node-2/bmc redfish at 10.0.0.12, username "a", password (file)"/etc/s" (no longer in the site)"#,
        ],
    );
    let changed = "changed in the site";
    for (from, to, told) in [
        ("10.0.0.11", "10.0.0.19", "address 10.0.0.11 -> 10.0.0.19"),
        (
            "\"10.0.0.11\"",
            "\"10.0.0.11\" port=6230",
            "port the usual -> 6230",
        ),
        (
            r#"username="a" password=(env)"S" }"#,
            r#"username="b" password=(env)"T" }"#,
            r#"username "a" -> "b", password (env)"S" -> (env)"T""#,
        ),
        (
            r#"(env)"S" }"#,
            r#"(env)"S" { cipher-suite 3; privilege "user"; k-g (file)"/etc/k" } }"#,
            r#"cipher-suite the usual -> 3, privilege the usual -> user, k-g none -> (file)"/etc/k""#,
        ),
        (
            r#"bmc "ipmi""#,
            r#"bmc "redfish""#,
            r#"kind ipmi at 10.0.0.11, username "a", password (env)"S" -> redfish at 10.0.0.11, username "a", password (env)"S""#,
        ),
    ] {
        let step = format!("~ machine/node-1/bmc {told} ({changed})");
        check(&BEFORE.replacen(from, to, 1), &[&step]);
    }
    let pin = "5f0a61c47c3dd8be0b7a5f7fd9d44ca7c6b27a2a0f8f7a8ef6a3c6d1b0e2f4a6";
    for (block, told) in [
        (
            format!("fingerprint \"{pin}\""),
            format!("trust whom the system trusts -> fingerprint {pin}"),
        ),
        (
            "certificate-authority \"/etc/ca.pem\"; system \"2\"".to_owned(),
            "system none -> \"2\", trust whom the system trusts -> certificate-authority \"/etc/ca.pem\"".to_owned(),
        ),
    ] {
        let step = format!("~ machine/node-2/bmc {told} ({changed})");
        check(&BEFORE.replace("\"/etc/s\";", &format!("\"/etc/s\" {{ {block} }};")), &[&step]);
    }
    let more = format!("{BEFORE}machine \"node-3\" {{ bmc \"manual\"; }}");
    check(
        &more,
        &["+ machine/node-3/bmc manual within 30m (new in the site)"],
    );
}

/// What is done to machines is done through BMCs: those that change do so before, and those that go, after.
#[test]
fn bmcs_change_before_machines_and_go_after_them() {
    let after = BEFORE
        .replace("10.0.0.12", "10.0.0.22")
        .replace("power \"on\"", "power \"off\"")
        .replace("machine \"node-1\"", "machine \"node-0\"");
    check(
        &after,
        &[
            r#"+ machine/node-0/bmc ipmi at 10.0.0.11, username "a", password (env)"S" (new in the site)"#,
            "~ machine/node-2/bmc address 10.0.0.12 -> 10.0.0.22 (changed in the site)",
            "~ machine/node-2/power state on -> off (changed in the site)",
            r#"- machine/node-1/bmc ipmi at 10.0.0.11, username "a", password (env)"S" (no longer in the site)"#,
        ],
    );
}

/// What a part of a plan takes, and what that leaves.
#[test]
fn a_bmc_is_chosen_by_its_name_and_by_what_needs_it() {
    let after = BEFORE
        .replace("10.0.0.1", "10.0.0.2")
        .replace("power \"on\"", "power \"off\"");
    let one = "~ machine/node-1/bmc address 10.0.0.11 -> 10.0.0.21 (changed in the site)";
    let two = "~ machine/node-2/bmc address 10.0.0.12 -> 10.0.0.22 (changed in the site)";
    let off = "~ machine/node-2/power state on -> off (changed in the site)";
    type Choice<'a> = (&'a [&'a str], &'a [&'a str]);
    let cases: [(Choice<'_>, &[&str]); 5] = [
        ((&[], &[]), &[one, two, off]),
        (
            (&["machine/node-1/*"], &[]),
            &[
                one,
                "? machine/node-2/bmc not among what --only names",
                "? machine/node-2/power not among what --only names",
            ],
        ),
        (
            (&["machine/node-2/power"], &[]),
            &[two, off, "? machine/node-1/bmc not among what --only names"],
        ),
        (
            (&["machine/node-2/bmc"], &[]),
            &[
                two,
                "? machine/node-1/bmc not among what --only names",
                "? machine/node-2/power not among what --only names",
            ],
        ),
        (
            (&[], &["machine/node-2/bmc"]),
            &[
                one,
                "? machine/node-2/bmc left out by --except",
                "? machine/node-2/power needs machine/node-2/bmc",
            ],
        ),
    ];
    for (selection, expected) in cases {
        let plan = planned(BEFORE, &after, "2=on", selection);
        assert_eq!(lines(&plan), expected, "{selection:?}");
    }
    let silent = planned(BEFORE, &after, "2=silent", (&[], &[]));
    let waits = "? machine/node-2/power deferred: its BMC at 10.0.0.12 does not answer";
    assert_eq!(
        lines(&silent),
        [one, two, waits],
        "it is in force all the same"
    );
    // Whoever waits for his BMC takes it along all the same.
    let first = "? machine/node-1/bmc not among what --only names";
    let unchosen = "? machine/node-2/power not among what --only names";
    let second = "? machine/node-2/bmc left out by --except";
    let needs = "? machine/node-2/power needs machine/node-2/bmc";
    let cases: [(Choice<'_>, &[&str]); 3] = [
        ((&["machine/node-2/power"], &[]), &[two, waits, first]),
        ((&[], &["machine/node-2/bmc"]), &[one, needs, second]),
        ((&["machine/node-2/bmc"], &[]), &[two, unchosen, first]),
    ];
    for (selection, expected) in cases {
        let plan = planned(BEFORE, &after, "2=silent", selection);
        assert_eq!(lines(&plan), expected, "{selection:?}");
    }
}

/// Two sites, what is chosen and left out, and the plan of that where no BMC tells anything.
type Part<'a> = (
    &'a str,
    &'a str,
    (&'a [&'a str], &'a [&'a str]),
    &'a [&'a str],
);

fn check_parts(cases: &[Part<'_>]) {
    for (before, wanted, selection, expected) in cases {
        let plan = planned(before, wanted, "", *selection);
        let mut expected = expected.to_vec();
        let mut lines = lines(&plan);
        lines.sort();
        expected.sort_unstable();
        assert_eq!(lines, expected, "{wanted}: {selection:?}");
    }
}

/// Whose BMC is to stay as it was is not asked: what the site says of its machine waits, for all that is known.
#[test]
fn what_nobody_asks_a_bmc_about_waits_for_it() {
    let user = r#"{ privilege "administrator"; user "ops" role="operator" password=(env)"O" }"#;
    let with_user = |site: &str| site.replace("(env)\"S\"", &format!("(env)\"S\" {user}"));
    let moved = BEFORE.replace("10.0.0.1", "10.0.0.2");
    let off = moved.replace("power \"on\"", "power \"off\"");
    let (before, after) = (with_user(BEFORE), with_user(&off));
    let one = "~ machine/node-1/bmc address 10.0.0.11 -> 10.0.0.21 (changed in the site)";
    let left = "? machine/node-2/bmc left out by --except";
    let power = "? machine/node-2/power needs machine/node-2/bmc";
    let ops = "? machine/node-1/bmc/user/ops needs machine/node-1/bmc";
    let first = "? machine/node-1/bmc left out by --except";
    let (except, all) = (&["machine/node-2/bmc"][..], &["machine/*/bmc"][..]);
    check_parts(&[
        (BEFORE, &off, (&[], except), &[one, left, power]),
        // It may have been switched by others.
        (BEFORE, &moved, (&[], except), &[one, left, power]),
        (
            BEFORE,
            &off,
            (&["machine/node-2/*"], except),
            &[
                "? machine/node-1/bmc not among what --only names",
                left,
                power,
            ],
        ),
        (BEFORE, BEFORE, (&[], except), &[]),
        // Users that come, stay or go.
        (BEFORE, &after, (&[], all), &[first, ops, left, power]),
        (&before, &after, (&[], all), &[first, ops, left, power]),
        (&before, &off, (&[], all), &[first, ops, left, power]),
        (
            BEFORE,
            &after,
            (&[], &["machine/node-1/bmc"]),
            &[
                first,
                ops,
                "~ machine/node-2/bmc address 10.0.0.12 -> 10.0.0.22 (changed in the site)",
            ],
        ),
    ]);
}

/// What was not chosen, or is left out itself, is told where the site says it anew, whether or not its BMC is brought along.
#[test]
fn what_the_site_says_anew_of_machines_that_nobody_asks_is_told() {
    let moved = BEFORE.replace("10.0.0.1", "10.0.0.2");
    let off = moved.replace("power \"on\"", "power \"off\"");
    let user = r#"{ privilege "administrator"; user "ops" role="operator" password=(env)"O" }"#;
    let before = BEFORE.replace("(env)\"S\"", &format!("(env)\"S\" {user}"));
    let one = "~ machine/node-1/bmc address 10.0.0.11 -> 10.0.0.21 (changed in the site)";
    let left = "? machine/node-2/bmc left out by --except";
    let except = &["machine/node-2/bmc"][..];
    let unchosen = "? machine/node-2/power not among what --only names";
    check_parts(&[
        (
            BEFORE,
            &off,
            (&["machine/node-1/*"], except),
            &[one, left, unchosen],
        ),
        (
            BEFORE,
            &off,
            (&[], &["machine/node-2/*"]),
            &[one, left, "? machine/node-2/power left out by --except"],
        ),
        (
            BEFORE,
            &off,
            (&["machine/node-2/bmc"], &[]),
            &[
                "~ machine/node-2/bmc address 10.0.0.12 -> 10.0.0.22 (changed in the site)",
                "? machine/node-1/bmc not among what --only names",
                unchosen,
            ],
        ),
        (
            &before,
            &off,
            (&["machine/node-1/bmc"], &[]),
            &[
                "~ machine/node-1/bmc address 10.0.0.11 -> 10.0.0.21, privilege administrator -> the usual (changed in the site)",
                "? machine/node-1/bmc/user/ops not among what --only names",
                "? machine/node-2/bmc not among what --only names",
                unchosen,
            ],
        ),
        // It says nothing anew.
        (
            BEFORE,
            &moved,
            (&["machine/node-1/*"], &[]),
            &[one, "? machine/node-2/bmc not among what --only names"],
        ),
        (BEFORE, &moved, (&[], &["machine/node-2/*"]), &[one, left]),
    ]);
}

/// What is remembered as applied is what was: the next plan calls an edit one.
#[test]
fn what_waits_for_a_bmc_is_not_applied() {
    let after = BEFORE
        .replace("10.0.0.12", "10.0.0.22")
        .replace("power \"on\"", "power \"off\"");
    let (before, wanted) = (meaning(&site(BEFORE)), meaning(&site(&after)));
    let selection = Selection {
        except: vec!["machine/node-2/bmc".to_owned()],
        ..Selection::default()
    };
    let inputs = Inputs {
        site: &"lab".parse().unwrap(),
        controller: &controller(),
        desired: &wanted,
        observed: &world(&before, ""),
        applied: Some(&before),
        kept: &State::new(),
        elsewhere: &BTreeMap::new(),
    };
    let applied = select(inputs, &selection).unwrap().applied.unwrap();
    assert_eq!(applied.state, before.state);
}

/// The BMCs in force.
fn in_force(sim: &mut Sim) -> BTreeMap<Key, Resource> {
    let state = block_on(sim.observe()).unwrap().state;
    let is_bmc = |_: &Key, resource: &mut Resource| matches!(resource, Resource::Bmc(_));
    let mut state = state;
    state.extract_if(.., is_bmc).collect()
}

#[test]
fn an_apply_puts_bmcs_in_force_and_takes_them_back() {
    let after = BEFORE
        .replace("10.0.0.12", "10.0.0.22")
        .replace("machine \"node-1\"", "machine \"node-3\"");
    let plan = planned(BEFORE, &after, "2=off", (&[], &[]));
    let before = world(&meaning(&site(BEFORE)), "2=off");
    let mut sim = Sim::new(before);
    let old = in_force(&mut sim);
    // A machine that fails is a matter of its own: its BMC is as the site says.
    sim.idles("machine/node-2/power".parse().unwrap());
    let (report, _) = applied(&mut sim, &plan);
    assert_eq!(report.exit_code(), 4);
    let wanted = meaning(&site(&after)).state;
    let is_wanted = |(key, bmc): (Key, Resource)| wanted.get(&key) == Some(&bmc);
    let new = in_force(&mut sim);
    assert!(new.len() == 2 && new.into_iter().all(is_wanted));
    let left = block_on(take_back(&mut sim, &plan.steps, &Observation::default()));
    let power = "machine/node-2/power".parse().unwrap();
    assert_eq!(left.into_iter().collect::<Vec<Key>>(), [power]);
    assert_eq!(in_force(&mut sim), old);
}
