//! Machines that a site wants on or off, on the simulated world: what is planned by what their BMCs tell, what is dangerous, what an apply
//! brings about, and what goes back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

mod network;
mod order;
mod settings;
mod users;

use std::collections::{BTreeMap, BTreeSet};

use bedplate::apply::{Event, Report, run, take_back};
use bedplate::base::bmc::PowerState;
use bedplate::base::name::HostName;
use bedplate::lang::files::MemoryFiles;
use bedplate::plan::{HazardKind, Inputs, Plan, Selection, restoration, select};
use bedplate::site::compile;
use bedplate::state::{
    Desired, Key, Observation, Power, Resource, Silence, State, Unreached, desired,
};
use bedplate::world::{Sim, World};

const HEAD: &str = r#"
site "lab" domain="lab.example"
fabric "f" { vlan "mgmt" { subnet "10.0.0.0/24" } }
controller "rack-1" {}
controller "rack-0" {}
"#;

/// Machines by their number and what the site says of their power, with BMCs that the first controller by name looks after.
fn site(machines: &str) -> String {
    let machines = machines.split_whitespace().map(|text| {
        let (number, power) = text.split_once('=').unwrap();
        let power = match power {
            "-" => String::new(),
            power => format!("power {power:?}"),
        };
        format!(
            "machine \"node-{number}\" {{ bmc \"ipmi\" address=\"10.0.0.1{number}\" username=\"a\" password=(env)\"S\"; {power} }}\n"
        )
    });
    HEAD.to_owned() + &machines.collect::<String>()
}

fn controller() -> HostName {
    "rack-0".parse().unwrap()
}

fn meaning(text: &str) -> Desired {
    let mut files = MemoryFiles::default();
    files.insert("site.kdl", text.as_bytes().to_vec());
    let compiled = compile(&files, "site.kdl");
    let site = compiled.site;
    let site = site.unwrap_or_else(|| panic!("{text}: {:?}", compiled.diagnostics));
    desired(&site, &controller())
}

fn key(number: &str) -> Key {
    format!("machine/node-{number}/power").parse().unwrap()
}

/// What BMCs told: a state for each number, or `silent`.
fn observed(found: &str) -> Observation {
    let mut observed = Observation::default();
    for text in found.split_whitespace() {
        let (number, told) = text.split_once('=').unwrap();
        if told == "silent" {
            let unreached = Unreached {
                bmc: format!("10.0.0.1{number}"),
                why: Silence::Unreachable,
                cause: "no answer".to_owned(),
                help: None,
            };
            observed.facts.unreached.insert(key(number), unreached);
            continue;
        }
        let state: PowerState = serde_json::from_str(&format!("{told:?}")).unwrap();
        let power = Resource::Power(Power { state });
        observed.state.insert(key(number), power);
    }
    observed
}

/// The applied site, the one to apply, and what BMCs tell.
#[derive(Debug, Clone, Copy, Default)]
struct Case<'a> {
    applied: Option<&'a str>,
    wanted: &'a str,
    found: &'a str,
    selection: (&'a [&'a str], &'a [&'a str]),
}

fn planned(case: Case<'_>) -> Plan {
    let (wanted, observed) = (meaning(&site(case.wanted)), observed(case.found));
    let applied = case.applied.map(|applied| meaning(&site(applied)));
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let selection = Selection {
        only: words(case.selection.0),
        except: words(case.selection.1),
    };
    let inputs = Inputs {
        site: &"lab".parse().unwrap(),
        controller: &controller(),
        desired: &wanted,
        observed: &observed,
        applied: applied.as_ref(),
        kept: &State::new(),
        elsewhere: &BTreeMap::new(),
    };
    select(inputs, &selection).unwrap().plan
}

/// A plan as lines: steps, what waits, hazards, warnings; of machines alone.
fn lines(plan: &Plan) -> Vec<String> {
    let steps = plan
        .steps
        .iter()
        .filter(|step| step.key.machine().is_some());
    let steps = steps.map(|step| {
        let changes = step.changes.iter();
        let changes: Vec<String> = changes
            .map(|change| format!("{} {} -> {}", change.field, change.from, change.to))
            .collect();
        let (sign, key, because) = (step.sign(), &step.key, &step.because);
        format!("{sign} {key} {} ({because})", changes.join(", "))
    });
    let waiting = plan.waiting.iter();
    let waiting = waiting.map(|one| format!("? {} {}", one.key, one.on));
    let hazards = plan.hazards.iter();
    let hazards = hazards.map(|one| format!("! {} {}", one.kind, one.lines().0));
    let warnings = plan.warnings.iter();
    let warnings = warnings.map(|one| format!("! {one}"));
    let beside = waiting.chain(hazards).chain(warnings);
    steps.chain(beside).collect()
}

#[test]
fn what_bmcs_tell_is_planned_for() {
    let plain = Case::default();
    for (case, expected) in [
        // New in the site: what is so already is left alone.
        (
            Case {
                wanted: "1=on 2=on 3=off 4=off 5=unmanaged 6=-",
                found: "1=off 2=on 3=on 4=off",
                ..plain
            },
            &[
                "~ machine/node-1/power state off -> on (new in the site)",
                "~ machine/node-3/power state on -> off (new in the site)",
                "! power-cycle node-3 runs, and is turned off",
            ][..],
        ),
        // On its way, and of no known state.
        (
            Case {
                wanted: "1=on 2=off 3=off 4=on",
                found: "1=turning-on 2=turning-off 3=unknown 4=paused",
                ..plain
            },
            &[
                "~ machine/node-1/power state turning on -> on (new in the site)",
                "~ machine/node-2/power state turning off -> off (new in the site)",
                "~ machine/node-3/power state unknown -> off (new in the site)",
                "~ machine/node-4/power state paused -> on (new in the site)",
                "! power-cycle node-3 runs, and is turned off",
            ],
        ),
        // Who is silent is deferred, and keeps nobody.
        (
            Case {
                wanted: "1=on 2=on",
                found: "1=off 2=silent",
                ..plain
            },
            &[
                "~ machine/node-1/power state off -> on (new in the site)",
                "? machine/node-2/power deferred: its BMC at 10.0.0.12 does not answer",
            ],
        ),
    ] {
        assert_eq!(lines(&planned(case)), expected, "{case:?}");
    }
}

#[test]
fn what_was_applied_before_tells_drift_from_edits() {
    let plain = Case::default();
    for (case, expected) in [
        // Switched by somebody else, and edited.
        (
            Case {
                applied: Some("1=on 2=off"),
                wanted: "1=on 2=on",
                found: "1=off 2=off",
                ..plain
            },
            &[
                "~ machine/node-1/power state off -> on (changed outside Bedplate)",
                "~ machine/node-2/power state off -> on (changed in the site)",
            ][..],
        ),
        // Nobody looked: nothing is known to differ.
        (
            Case {
                applied: Some("1=on"),
                wanted: "1=on 2=off",
                ..plain
            },
            &[],
        ),
        // Minded no more: whatever it is, it stays.
        (
            Case {
                applied: Some("1=on 2=off"),
                wanted: "1=unmanaged 2=-",
                found: "1=off 2=on",
                ..plain
            },
            &[],
        ),
        (
            Case {
                wanted: "1=on 2=on",
                found: "1=off 2=off",
                selection: (&["machine/node-1/power"], &[]),
                ..plain
            },
            &[
                "~ machine/node-1/power state off -> on (new in the site)",
                "? machine/node-2/bmc not among what --only names",
                "? machine/node-2/power not among what --only names",
            ],
        ),
    ] {
        assert_eq!(lines(&planned(case)), expected, "{case:?}");
    }
}

#[test]
fn many_that_are_turned_off_are_one_hazard() {
    let every = |state: &str| -> String {
        let one = |number: usize| format!("{number}={state} ");
        (1..=12).map(one).collect()
    };
    let plan = planned(Case {
        wanted: &every("off"),
        found: &every("on"),
        ..Case::default()
    });
    let texts: Vec<&str> = plan.hazards.iter().map(|one| one.lines().0).collect();
    let named = "node-1, node-10, node-11, node-12, node-2, node-3, node-4, node-5, node-6, node-7";
    let expected = format!("{named} and 2 more run, and are turned off");
    assert_eq!(texts, [expected.as_str()]);
}

/// Plans are the same whether or not a machine that needs nothing is on its way: a plan is not stale for what machines do.
#[test]
fn machines_make_no_plan_stale() {
    let case = |found| Case {
        wanted: "1=on",
        found,
        ..Case::default()
    };
    let [before, after] = ["1=on", "1=silent"].map(|found| planned(case(found)));
    assert_eq!(before.base, after.base);
}

/// One machine of two controllers is looked after by one of them.
#[test]
fn one_controller_looks_after_a_machine() {
    let all = |text: &str, name: &str| {
        let mut files = MemoryFiles::default();
        files.insert("site.kdl", text.as_bytes().to_vec());
        let site = compile(&files, "site.kdl").site.unwrap();
        let desired = desired(&site, &name.parse().unwrap());
        let machines = desired.state.keys().filter_map(Key::machine);
        machines.map(ToString::to_string).collect::<Vec<_>>()
    };
    let plain = site("1=on 2=off 3=-");
    assert_eq!(all(&plain, "rack-0"), ["node-1", "node-2"]);
    assert_eq!(all(&plain, "rack-1"), [""; 0]);
    // One that has an address beside the BMC comes first.
    let near = plain.replace(
        "controller \"rack-1\" {",
        "controller \"rack-1\" { ethernet \"eno1\" vlan=\"mgmt\" { address \"10.0.0.2\" };",
    );
    assert_eq!(all(&near, "rack-0"), [""; 0]);
    assert_eq!(all(&near, "rack-1"), ["node-1", "node-2"]);
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

/// Runs a plan on a world of which the machine `idle` promises everything and does nothing.
fn applied(sim: &mut Sim, plan: &Plan) -> (Report, Vec<String>) {
    let allowed: BTreeSet<HazardKind> = HazardKind::ALL.into_iter().collect();
    let mut told = Vec::new();
    let report = block_on(run(sim, plan, &allowed, |event| match event {
        Event::Step { key, .. } if key.machine().is_none() => {}
        Event::Step { key, .. } => told.push(format!("ok {key}")),
        Event::Failed(failure) => told.push(format!("failed {}", failure.key)),
        Event::Started { .. }
        | Event::Undoing { .. }
        | Event::Verifying
        | Event::Silent { .. }
        | Event::Finished(_)
        | Event::Broken(_) => {}
    }));
    (report.unwrap(), told)
}

/// A world of machines alone.
fn sim(found: &str) -> Sim {
    Sim::new(observed(found))
}

/// What the machines of a world do.
fn machines(sim: &mut Sim) -> String {
    let observed = block_on(sim.observe()).unwrap();
    let states = observed.state.iter().filter_map(|(key, resource)| {
        let (Some(machine), Resource::Power(power)) = (key.machine(), resource) else {
            return None;
        };
        let number = machine.as_str().trim_start_matches("node-");
        Some(format!("{number}={}", power.state))
    });
    states.collect::<Vec<_>>().join(" ")
}

#[test]
fn machines_are_switched_each_by_itself() {
    let case = Case {
        wanted: "1=on 2=on 3=off 4=on",
        found: "1=off 2=off 3=on 4=silent",
        ..Case::default()
    };
    let plan = planned(case);
    let mut world = sim(case.found);
    world.idles(key("2"));
    let (report, told) = applied(&mut world, &plan);
    assert!(report.is_done(), "{report:?}");
    assert_eq!(report.exit_code(), 4);
    let failed: Vec<String> = report
        .failed
        .iter()
        .map(|one| one.key.to_string())
        .collect();
    assert_eq!(failed, ["machine/node-2/power"]);
    let expected = [
        "ok machine/node-1/power",
        "ok machine/node-3/power",
        "failed machine/node-2/power",
    ];
    assert_eq!(told, expected);
    assert_eq!(machines(&mut world), "1=on 2=off 3=off");
    let deferred: Vec<&Key> = plan.deferred().collect();
    assert_eq!(deferred, [&key("4")]);
}

/// Without leave nothing at all is done.
#[test]
fn whoever_runs_is_not_turned_off_unasked() {
    let case = Case {
        wanted: "1=on 2=off",
        found: "1=off 2=on",
        ..Case::default()
    };
    let mut world = sim(case.found);
    let report = block_on(run(&mut world, &planned(case), &BTreeSet::new(), |_| {})).unwrap();
    assert_eq!(report.exit_code(), 3);
    assert_eq!(machines(&mut world), "1=off 2=on");
}

/// What was turned off is turned on again; what was turned on may be at work.
#[test]
fn going_back_turns_machines_on_and_none_off() {
    let case = Case {
        wanted: "1=on 2=off 3=off",
        found: "1=off 2=on 3=on",
        ..Case::default()
    };
    let plan = planned(case);
    for (idle, after, left) in [
        (None, "1=on 2=on 3=on", &["machine/node-1/power"][..]),
        (
            Some("3"),
            "1=on 2=on 3=off",
            &["machine/node-1/power", "machine/node-3/power"],
        ),
    ] {
        let mut world = sim(case.found);
        applied(&mut world, &plan);
        assert_eq!(machines(&mut world), "1=on 2=off 3=off");
        if let Some(idle) = idle {
            world.idles(key(idle));
        }
        let beside = Observation::default();
        let found = block_on(take_back(&mut world, &plan.steps, &beside));
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            (machines(&mut world).as_str(), found),
            (after, left.iter().map(ToString::to_string).collect())
        );
    }
}

/// A start of the daemon switches nobody.
#[test]
fn a_start_leaves_machines_alone() {
    let wanted = meaning(&site("1=on 2=off"));
    let inputs = Inputs {
        site: &"lab".parse().unwrap(),
        controller: &controller(),
        desired: &wanted,
        observed: &Observation::default(),
        applied: Some(&wanted),
        kept: &State::new(),
        elsewhere: &BTreeMap::new(),
    };
    assert_eq!(lines(&restoration(inputs).unwrap()), [""; 0]);
}
