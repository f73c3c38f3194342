//! Plans of a part of a site, on any host with any choice: the part is made whole, nothing else is touched, and the rest follows as new.

use std::collections::{BTreeMap, BTreeSet};

use bedplate::apply::Outcome;
use bedplate::base::glob::matches;
use bedplate::base::name::{HostName, Name};
use bedplate::plan::{
    Detail, Inputs, Paint, Plan, PlanError, Reason, Selected, Selection, Step, render, select,
};
use bedplate::state::{Desired, Key, Observation, Resource, State};
use bedplate::world::{Sim, World};
use proptest::prelude::*;

use super::cases::cases;
use super::{
    applied, block_on, check_after, controller, desired, planned_after, subset, told, undone,
    universe, world,
};

fn selected(
    selection: &Selection,
    last: &Desired,
    wanted: &Desired,
    observed: &Observation,
) -> Result<Selected, PlanError> {
    let (site, controller): (Name, HostName) = ("lab".parse().unwrap(), controller());
    let inputs = Inputs {
        site: &site,
        controller: &controller,
        desired: wanted,
        observed,
        applied: Some(last),
        kept: &State::new(),
        elsewhere: &BTreeMap::new(),
    };
    select(inputs, selection)
}

/// Whether the site asks for a step, rather than something else that falls.
fn is_decided(step: &&Step) -> bool {
    !matches!(step.because, Reason::Restored { .. } | Reason::Lost { .. })
}

/// A plan as people read it.
fn text(plan: &Plan) -> String {
    render(plan, Detail::Full, Paint::Plain)
}

fn check(before: &Observation, last: &Desired, wanted: &Desired, selection: &Selection) {
    let before = &told(before);
    let Selected {
        plan,
        applied: next,
    } = match selected(selection, last, wanted, before) {
        Ok(selected) => selected,
        Err(PlanError::Unmatched(_)) => return,
        Err(error) => panic!("{error}"),
    };
    let next = next.unwrap();
    let named = |patterns: &[String], key: &Key| {
        patterns
            .iter()
            .any(|pattern| matches(pattern, &key.to_string()))
    };
    for step in plan.steps.iter().filter(is_decided) {
        assert!(!named(&selection.except, &step.key), "{}", text(&plan));
        let is_chosen = selection.only.is_empty() || named(&selection.only, &step.key);
        assert!(
            is_chosen || plan.pulled.contains_key(&step.key),
            "{}",
            text(&plan)
        );
    }
    let mut sim = Sim::new(before.clone());
    assert_eq!(
        applied(&mut sim, &plan).outcome,
        Outcome::Done,
        "{}",
        text(&plan)
    );
    undone(before, &plan);
    let after = block_on(sim.observe()).unwrap();
    let touched: BTreeSet<&Key> = plan.steps.iter().map(|step| &step.key).collect();
    for key in before.state.keys().chain(after.state.keys()) {
        if !touched.contains(key) {
            // Another address that goes makes a later one the first.
            let [was, is] = [before, &after].map(|world| {
                let found = world.state.get(key).cloned();
                found.map(Resource::anywhere)
            });
            assert_eq!(was, is, "{key}");
        }
    }
    // The same again changes nothing …
    let again = selected(selection, &next, wanted, &after);
    if let Ok(Selected { plan: again, .. }) = again {
        assert!(again.is_empty(), "{}\nafter {}", text(&again), text(&plan));
    }
    // … what is remembered as applied is what is there …
    let idle = planned_after(Some(&next), &plan.kept, &next, &after);
    assert!(idle.is_empty(), "{}\nafter {}", text(&idle), text(&plan));
    // … and the rest is no drift, and follows.
    let rest = planned_after(Some(&next), &plan.kept, wanted, &after);
    let is_drift = |step: &&Step| step.because == Reason::Drift;
    assert_eq!(
        rest.steps.iter().find(is_drift),
        None,
        "{}\nafter {}",
        text(&rest),
        text(&plan)
    );
    check_after(Some(&next), &plan.kept, &after, wanted);
}

fn patterns() -> impl Strategy<Value = Vec<String>> {
    let mut all: Vec<String> = universe()
        .iter()
        .map(|(name, _)| format!("controller/rack-1/{name}"))
        .collect();
    all.extend(["**/link/*", "**/address/**", "**@br0", "**/route/**"].map(str::to_owned));
    proptest::collection::vec(proptest::sample::select(all), 0..3)
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn a_part_is_made_whole_and_the_rest_follows(
        ours in proptest::collection::vec(any::<bool>(), 13),
        foreign in proptest::collection::vec(any::<bool>(), 13),
        wanted in proptest::collection::vec(any::<bool>(), 13),
        only in patterns(),
        except in patterns(),
    ) {
        if !only.is_empty() || !except.is_empty() {
            let (last, wanted) = (desired(subset(&ours)), desired(subset(&wanted)));
            check(&world(&ours, &foreign), &last, &wanted, &Selection { only, except });
        }
    }
}

/// A choice of the universe by the places in it.
fn at(places: &[usize]) -> Vec<bool> {
    let all = 0..universe().len();
    all.map(|place| places.contains(&place)).collect()
}

/// A host of `ours` and `foreign` things, and a site that was that and is to be `wanted`, but for what is left out.
fn check_part(ours: &[usize], foreign: &[usize], wanted: &[usize], only: &[&str], except: &str) {
    let (ours, foreign, wanted) = (at(ours), at(foreign), at(wanted));
    let selection = Selection {
        only: only.iter().map(ToString::to_string).collect(),
        except: vec![except.to_owned()],
    };
    let (last, wanted) = (desired(subset(&ours)), desired(subset(&wanted)));
    check(&world(&ours, &foreign), &last, &wanted, &selection);
}

#[test]
fn what_would_lose_a_route_waits_with_the_address_that_is_to_hold_it() {
    let bridge = "**@br0";
    let default = "controller/rack-1/route/0.0.0.0/0@main/0";
    check_part(&[1, 4, 6], &[2, 6, 11], &[0, 8], &[], bridge);
    check_part(&[2, 6], &[2, 6, 10], &[0, 6, 9, 10], &[], default);
}

#[test]
fn an_address_that_is_there_holds_a_route_once_its_link_is_up() {
    let address = "controller/rack-1/address/10.0.0.2/24@eno1";
    let only = ["**/link/eno1", "**/address/10.0.0.2/24@br0"];
    check_part(&[0], &[0, 2, 6, 8, 11], &[2, 6], &[], address);
    check_part(&[0, 5, 7, 8, 11], &[2, 6], &[2, 6, 11], &only, address);
    let other = "controller/rack-1/address/10.0.0.3/24@br0";
    check_part(&[0, 5, 7, 8, 11], &[2, 6], &[2, 6, 11], &only, other);
}

#[test]
fn a_link_does_not_go_down_under_a_route_that_is_left() {
    let route = "controller/rack-1/route/10.9.0.0/16@main/100";
    check_part(&[2, 6, 11], &[], &[], &[], route);
    // Nor does the other one that leads to its router.
    check_part(&[0, 2, 6, 11], &[0, 7, 10], &[], &["**/link/*"], route);
}
