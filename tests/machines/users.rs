//! Users of BMCs: made, claimed, changed and taken away; what a BMC does not tell waits.

use std::collections::BTreeMap;

use bedplate::plan::{Inputs, Plan, Selection, select};
use bedplate::state::{Key, Observation, Ownership, Resource, Silence, State, Unreached};
use bedplate::world::{Sim, World};

use super::{HEAD, applied, block_on, controller, lines, meaning};

const KEY: &str = "machine/node-1/bmc/user/ops";

/// What the site says of the user `ops`, and of its machine.
fn site(user: &str, machine: &str) -> String {
    format!(
        r#"{HEAD}machine "node-1" {{
    bmc "ipmi" address="10.0.0.11" username="a" password=(env)"S" {{
        privilege "administrator"
        {user}
    }}
    {machine}
}}
"#
    )
}

const OPS: &str = r#"user "ops" role="operator" password=(env)"O""#;
const OTHER: &str = r#"user "ops" role="operator" password=(env)"P""#;

fn user(text: &str) -> Resource {
    let (role, password) = text.split_once(' ').unwrap();
    let enabled = !role.starts_with('!');
    let password = match password {
        "other" => "other".into(),
        place => serde_json::json!({ "kept": { "env": place } }),
    };
    let role = role.trim_start_matches('!');
    serde_json::from_value(
        serde_json::json!({ "user": { "role": role, "enabled": enabled, "password": password } }),
    )
    .unwrap()
}

/// What the BMC told of `ops`, and whose it is.
fn observed(found: &str, whose: &str) -> Observation {
    let (key, mut observed): (Key, _) = (KEY.parse().unwrap(), Observation::default());
    match found {
        "" => {}
        "lacking" => drop(observed.facts.lacking.insert(key.clone())),
        "silent" => {
            let unreached = Unreached {
                bmc: "10.0.0.11".to_owned(),
                why: Silence::Unreachable,
                cause: String::new(),
                help: None,
            };
            observed.facts.unreached.insert(key.clone(), unreached);
        }
        text => drop(observed.state.insert(key.clone(), user(text))),
    }
    let ownership = match whose {
        "ours" => return observed,
        "theirs" => Ownership::Foreign,
        before => Ownership::Claimed {
            before: user(before),
        },
    };
    observed.facts.ownership.insert(key, ownership);
    observed
}

fn planned(before: Option<&str>, wanted: &str, observed: &Observation) -> Plan {
    chosen(before, wanted, observed, &Selection::default())
}

fn chosen(
    before: Option<&str>,
    wanted: &str,
    observed: &Observation,
    selection: &Selection,
) -> Plan {
    let before = before.map(meaning);
    let inputs = Inputs {
        site: &"lab".parse().unwrap(),
        controller: &controller(),
        desired: &meaning(wanted),
        observed,
        applied: before.as_ref(),
        kept: &State::new(),
        elsewhere: &BTreeMap::new(),
    };
    select(inputs, selection).unwrap().plan
}

/// What the site said before and says, what the BMC told and whose it is, and the sign and the rest of the only line of the plan.
type Case = (
    Option<&'static str>,
    &'static str,
    (&'static str, &'static str),
    Option<(&'static str, &'static str)>,
);

fn check(cases: &[Case]) {
    for (before, wanted, (found, whose), expected) in cases {
        let before = before.map(|before| site(before, ""));
        let plan = planned(
            before.as_deref(),
            &site(wanted, ""),
            &observed(found, whose),
        );
        let expected = expected.map(|(sign, rest)| format!("{sign} {KEY} {rest}"));
        let expected: Vec<String> = expected.into_iter().collect();
        let lines = lines(&plan);
        assert_eq!(lines, expected, "{wanted}: {found}, {whose}");
    }
}

#[test]
fn what_a_bmc_tells_of_a_user_is_planned_for() {
    const BOTH: &str = r#"role read-only -> operator, enabled no -> yes, password unknown -> (env)"O" (changed outside Bedplate)"#;
    const SECRET: &str = r#"password unknown -> (env)"P" (changed in the site)"#;
    const ROLE: &str = "role administrator -> operator (new in the site)";
    const SILENT: &str = "deferred: its BMC at 10.0.0.11 does not answer";
    check(&[
        // Not there, and not asked for.
        (
            None,
            OPS,
            ("lacking", "ours"),
            Some(("+", " (new in the site)")),
        ),
        (
            Some(OPS),
            OPS,
            ("lacking", "ours"),
            Some(("+", " (changed outside Bedplate)")),
        ),
        (Some(OPS), OPS, ("", "ours"), None),
        // As it should be, and not.
        (Some(OPS), OPS, ("operator O", "ours"), None),
        (
            Some(OPS),
            OPS,
            ("!read-only other", "ours"),
            Some(("~", BOTH)),
        ),
        (
            Some(OPS),
            OTHER,
            ("operator other", "ours"),
            Some(("~", SECRET)),
        ),
        // Kept elsewhere, and the same.
        (Some(OPS), OTHER, ("operator P", "ours"), None),
        // Others made it.
        (
            None,
            OPS,
            ("operator O", "theirs"),
            Some(("=", " (new in the site)")),
        ),
        (None, OPS, ("administrator O", "theirs"), Some(("=", ROLE))),
        // Who is silent is for another time.
        (None, OPS, ("silent", "ours"), Some(("?", SILENT))),
    ]);
}

/// What is ours goes, what was claimed is given back but for its password, what is others' stays.
#[test]
fn a_user_that_the_site_names_no_more_is_whose_it_was() {
    const ROLE: &str = "role operator -> administrator (no longer in the site)";
    const SILENT: &str = "deferred: its BMC at 10.0.0.11 does not answer";
    check(&[
        (
            Some(OPS),
            "",
            ("operator other", "ours"),
            Some(("-", " (no longer in the site)")),
        ),
        (
            Some(OPS),
            "",
            ("operator other", "administrator other"),
            Some(("<", ROLE)),
        ),
        (Some(OPS), "", ("operator other", "theirs"), None),
        (Some(OPS), "", ("lacking", "ours"), None),
        (Some(OPS), "", ("silent", "ours"), Some(("?", SILENT))),
    ]);
}

/// A BMC that leaves the site is spoken with until its users are gone. Those of one that tells nothing stay there, and the plan says so.
#[test]
fn users_go_before_their_bmc_or_stay_on_it() {
    const USER: &str = "- machine/node-1/bmc/user/ops";
    const BMC: &str = "- machine/node-1/bmc";
    const STAYS: &str = "! user ops stays on the BMC of node-1 once that leaves the site: its BMC at 10.0.0.11 does not answer";
    const SILENT: &str =
        "? machine/node-1/bmc/user/ops deferred: its BMC at 10.0.0.11 does not answer";
    const EXCEPTED: &str = "? machine/node-1/bmc left out by --except";
    const OUT: &str = "? machine/node-1/bmc/user/ops left out by --except";
    const NEEDS: &str = "? machine/node-1/bmc needs machine/node-1/bmc/user/ops";
    let (all, bmc, user) = (&[][..], &["machine/node-1/bmc"][..], &[KEY][..]);
    type Choice<'a> = (&'a [&'a str], &'a [&'a str]);
    let cases: [(&str, Choice<'_>, &[&str]); 10] = [
        ("operator other", (all, all), &[USER, BMC]),
        ("operator other", (bmc, all), &[USER, BMC]),
        (
            "operator other",
            (user, all),
            &[USER, "? machine/node-1/bmc not among what --only names"],
        ),
        ("operator other", (all, user), &[NEEDS, OUT]),
        ("lacking", (all, all), &[BMC]),
        ("silent", (all, all), &[BMC, STAYS]),
        ("silent", (bmc, all), &[BMC, STAYS]),
        ("silent", (all, bmc), &[EXCEPTED, SILENT]),
        (
            "silent",
            (user, all),
            &["? machine/node-1/bmc not among what --only names", SILENT],
        ),
        ("silent", (all, user), &[NEEDS, OUT]),
    ];
    let before = site(OPS, "");
    for (found, (only, except), expected) in cases {
        let mut seen = observed(found, "ours");
        let there = meaning(&before).state.into_iter();
        seen.state
            .extend(there.filter(|(key, _)| key.to_string() == "machine/node-1/bmc"));
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let selection = Selection {
            only: words(only),
            except: words(except),
        };
        let plan = chosen(Some(&before), HEAD, &seen, &selection);
        let steps = plan.steps.iter();
        let steps = steps.map(|step| format!("{} {}", step.sign(), step.key));
        let beside = lines(&plan).into_iter();
        let beside = beside.filter(|line| line.starts_with(['?', '!']));
        let mut told: Vec<String> = steps.chain(beside).collect();
        told.sort_by_key(|line| line.starts_with('?').then(|| line.clone()));
        assert_eq!(told, expected, "{found}: {selection:?}");
    }
}

/// It was looked for through the BMC of the site, and is taken away through the one in force: these are to be the same.
#[test]
fn a_user_that_goes_takes_a_changed_bmc_along() {
    const BMC: &str = "~ machine/node-1/bmc";
    const USER: &str = "- machine/node-1/bmc/user/ops";
    let (before, wanted) = (site(OPS, ""), site("", "").replace("0.11", "0.12"));
    let selection = Selection {
        only: vec![KEY.to_owned()],
        ..Selection::default()
    };
    for (found, expected) in [("operator other", &[BMC, USER][..]), ("silent", &[BMC])] {
        let mut seen = observed(found, "ours");
        let there = meaning(&before).state.into_iter();
        seen.state
            .extend(there.filter(|(key, _)| key.to_string() == "machine/node-1/bmc"));
        let plan = chosen(Some(&before), &wanted, &seen, &selection);
        let steps = plan.steps.iter();
        let steps = steps.map(|step| format!("{} {}", step.sign(), step.key));
        assert_eq!(steps.collect::<Vec<_>>(), expected, "{found}");
        assert_eq!(plan.waiting.len(), 2 - expected.len(), "{found}");
    }
}

/// What becomes of the user where the machine's power fails behind it.
#[test]
fn a_machine_that_fails_gets_its_users_back_as_far_as_anybody_can() {
    for (before, wanted, (found, whose), after) in [
        (None, OPS, ("lacking", "ours"), None),
        (
            None,
            OPS,
            ("administrator O", "theirs"),
            Some("administrator, password (env)\"O\""),
        ),
        // The password that it had is nobody's to give back.
        (Some(OPS), "", ("operator other", "ours"), None),
    ] {
        let mut observed = observed(found, whose);
        let power = "machine/node-1/power".parse::<Key>().unwrap();
        let off = serde_json::json!({ "power": { "state": "off" } });
        let off = serde_json::from_value(off).unwrap();
        observed.state.insert(power.clone(), off);
        let before = before.map(|before| site(before, ""));
        let plan = planned(before.as_deref(), &site(wanted, "power \"on\""), &observed);
        let mut world = Sim::new(observed);
        world.idles(power);
        let (report, told) = applied(&mut world, &plan);
        let expected = [
            format!("ok {KEY}"),
            "failed machine/node-1/power".to_owned(),
        ];
        assert_eq!((report.exit_code(), told), (4, expected.to_vec()));
        let found = block_on(world.observe()).unwrap();
        let found = found.state.get(&KEY.parse::<Key>().unwrap());
        let found = found.map(Resource::summary);
        assert_eq!(found.as_deref(), after, "{wanted}");
    }
}
