//! A driver that takes its link down and up for another MTU: what the kernel drops meanwhile is in no step of the plan, and is missed.

use std::collections::BTreeSet;

use bedplate::apply::{Outcome, beside, take_back};
use bedplate::state::{Address, Key, Observation, Ownership, Resource, Route};
use bedplate::world::{Sim, Way, World};

use super::sites::Lab;
use super::{applied, block_on, controller};

const ROUTES: [&str; 3] = [
    "0.0.0.0/0@main/0",
    "10.8.0.0/16@main/0",
    "fd08::/16@main/1024",
];

fn text(mtu: u32) -> String {
    format!(
        r#"fabric "f" {{ vlan "pxe" {{ subnet "10.0.0.0/24"; subnet "fd00::/64" }} }}
        controller "rack-1" {{
            default-gateway "10.0.0.1"
            ethernet "eno1" vlan="pxe" mtu={mtu} {{ address "10.0.0.2"; address "fd00::2" }}
            route "10.8.0.0/16" {{ via "10.0.0.9" }}
            route "fd08::/16" {{ via "fd00::9" }}
        }}"#
    )
}

/// What of the controller's routes is there.
fn routes(world: &Observation) -> BTreeSet<String> {
    let name = format!("controller/{}/route/", controller());
    let keys = world.state.keys().map(Key::to_string);
    keys.filter_map(|key| Some(key.strip_prefix(&name)?.to_owned()))
        .collect()
}

#[test]
fn routes_that_a_driver_loses_are_missed() {
    let mut lab = Lab::new();
    lab.apply(&text(1500));
    assert_eq!(routes(&lab.world), ROUTES.map(str::to_owned).into());
    // Each time, or for the larger MTU alone.
    for only in [None, Some(9000)] {
        let plan = lab.plan(&text(9000));
        let mut sim = Sim::new(lab.world.clone());
        sim.bounce("eno1".parse().unwrap(), only);
        let report = applied(&mut sim, &plan);
        let after = block_on(sim.observe()).unwrap();
        let Outcome::Unverified { differs, left } = &report.outcome else {
            panic!("{:?}", report.outcome);
        };
        for route in ROUTES {
            let key = format!("controller/rack-1/route/{route}");
            assert!(
                differs.contains(&key.parse::<Key>().unwrap()),
                "{differs:?}"
            );
        }
        assert_eq!(*left, BTreeSet::new(), "{only:?}");
        assert_eq!(after.state, lab.world.state, "{only:?}");
        assert_eq!(after.facts.ownership, lab.world.facts.ownership, "{only:?}");
    }
}

#[test]
fn routes_that_fall_on_the_way_back_are_put_back() {
    let mut lab = Lab::new();
    lab.apply(&text(1500));
    let plan = lab.plan(&text(9000));
    // Of an apply that is done, and of one whose daemon was killed before its first step and after each.
    for done in 0..=plan.steps.len() {
        for only in [None, Some(1500), Some(9000)] {
            let mut sim = Sim::new(lab.world.clone());
            sim.bounce("eno1".parse().unwrap(), only);
            let reached = &plan.steps[..done];
            block_on(sim.execute(reached, None, Way::There, &mut |_| {})).unwrap();
            let fell = beside(&plan.steps, &lab.world);
            let left = block_on(take_back(&mut sim, &plan.steps, &fell));
            let after = block_on(sim.observe()).unwrap();
            assert_eq!(left, BTreeSet::new(), "{done} {only:?}");
            assert_eq!(after.state, lab.world.state, "{done} {only:?}");
            assert_eq!(after.facts.ownership, lab.world.facts.ownership);
        }
    }
}

#[test]
fn claimed_routes_that_fall_are_claimed_still_once_they_are_put_back() {
    let mut lab = Lab::new();
    lab.apply(&text(1500));
    // As if others had made them, and the site had claimed them.
    let routes = lab.world.state.clone().into_iter();
    let routes = routes.filter(|(key, _)| matches!(key, Key::Route { .. }));
    let claimed = routes.map(|(key, before)| (key, Ownership::Claimed { before }));
    lab.world.facts.ownership.extend(claimed);
    let plan = lab.plan(&text(9000));
    let mut sim = Sim::new(lab.world.clone());
    sim.bounce("eno1".parse().unwrap(), None);
    let report = applied(&mut sim, &plan);
    let Outcome::Unverified { left, .. } = &report.outcome else {
        panic!("{:?}", report.outcome);
    };
    assert_eq!(*left, BTreeSet::new());
    let after = block_on(sim.observe()).unwrap();
    assert_eq!(after.facts.ownership, lab.world.facts.ownership);
}

#[test]
fn of_what_others_made_the_neighbours_of_addresses_alone_are_remembered() {
    let mut lab = Lab::new();
    lab.apply(&text(1500));
    for (key, address) in [
        (
            "address/10.0.0.9/24@eno1",
            Resource::Address(Address::default()),
        ),
        (
            "address/10.7.0.9/24@eno1",
            Resource::Address(Address::default()),
        ),
        (
            "route/10.6.0.0/16@main/0",
            Resource::Route(Route::through("10.7.0.1".parse().unwrap())),
        ),
    ] {
        let key: Key = format!("controller/rack-1/{key}").parse().unwrap();
        lab.world.state.insert(key.clone(), address);
        lab.world.facts.ownership.insert(key, Ownership::Foreign);
    }
    let found = Sim::new(lab.world.clone()).world_mut().clone();
    let remembered = |text: &str| {
        let fell = beside(&lab.plan(text).steps, &found);
        let theirs = fell.state.keys().filter(|key| found.is_foreign(key));
        let theirs: Vec<String> = theirs.map(ToString::to_string).collect();
        assert_eq!(theirs.len(), fell.facts.ownership.len());
        (theirs, fell.state.len())
    };
    assert_eq!(remembered(&text(9000)), (vec![], 5));
    let moved = text(1500).replace("10.0.0.2", "10.0.0.3");
    let near = "controller/rack-1/address/10.0.0.9/24@eno1".to_owned();
    assert_eq!(remembered(&moved), (vec![near], 3));
    // Routes take nothing along.
    let routed = text(1500).replace("10.0.0.9", "10.0.0.8");
    assert_eq!(remembered(&routed), (vec![], 0));
}
