//! On the simulated world: apply reaches what is desired, the second plan is empty, and a fault at any step leaves all as it was.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test that meets the unexpected should stop there"
)]

#[path = "support/cases.rs"]
mod cases;
#[path = "converge/edits.rs"]
mod edits;
#[path = "converge/first.rs"]
mod first;
#[path = "converge/ignore.rs"]
mod ignore;
#[path = "converge/lift.rs"]
mod lift;
#[path = "converge/pairs.rs"]
mod pairs;
#[path = "converge/protect.rs"]
mod protect;
#[path = "converge/restless.rs"]
mod restless;
#[path = "converge/routes.rs"]
mod routes;
#[path = "converge/select.rs"]
mod select;
#[path = "converge/sites.rs"]
mod sites;
#[path = "converge/unheld.rs"]
mod unheld;

use std::collections::{BTreeMap, BTreeSet};

use bedplate::apply::{Outcome, Report, run};
use bedplate::base::mac::MacAddr;
use bedplate::base::name::{HostName, Name};
use bedplate::base::origin::Origin;
use bedplate::plan::{HazardKind, Inputs, Obstruction, Plan, Waiting, plan};
use bedplate::state::{
    Address, Bridge, Desired, Ground, Key, Link, LinkKind, Observation, Ownership, Resource, Route,
    State,
};
use bedplate::world::{Sim, World};
use proptest::prelude::*;

/// Everything that a small host may hold; a desired state is a subset that holds what it requires.
fn universe() -> Vec<(&'static str, Resource)> {
    let link = |kind, mtu, bridge: Option<&str>| {
        Resource::Link(Link {
            port_of: bridge.map(|name| name.parse().unwrap()),
            ..Link::new(kind, true, mtu)
        })
    };
    let route = |via: &str| Resource::Route(Route::through(via.parse().unwrap()));
    let bridge = || LinkKind::Bridge(Bridge::plain(false));
    vec![
        ("link/br0", link(bridge(), Some(1500), None)),
        ("link/br1", link(bridge(), Some(9000), None)),
        ("link/eno1", link(LinkKind::Physical, None, None)),
        (
            "link/eno1",
            link(LinkKind::Physical, Some(1500), Some("br0")),
        ),
        (
            "link/eno1",
            link(LinkKind::Physical, Some(9000), Some("br1")),
        ),
        (
            "link/eno2",
            link(LinkKind::Physical, Some(1400), Some("br0")),
        ),
        (
            "address/10.0.0.2/24@eno1",
            Resource::Address(Address::default()),
        ),
        (
            "address/10.0.0.2/24@br0",
            Resource::Address(Address::default()),
        ),
        (
            "address/10.0.0.3/24@br0",
            Resource::Address(Address::default()),
        ),
        (
            "address/10.1.0.2/24@br1",
            Resource::Address(Address::default()),
        ),
        ("route/0.0.0.0/0@main/0", route("10.0.0.1")),
        ("route/10.9.0.0/16@main/100", route("10.0.0.254")),
        ("route/10.9.0.0/16@main/100", route("10.1.0.254")),
    ]
}

fn controller() -> HostName {
    "rack-1".parse().unwrap()
}

/// The chosen part of the universe, without what it cannot have for want of something it requires.
fn subset(chosen: &[bool]) -> State {
    let mut state = State::new();
    for ((name, resource), _) in universe()
        .into_iter()
        .zip(chosen)
        .filter(|(_, chosen)| **chosen)
    {
        let key: Key = format!("controller/{}/{name}", controller())
            .parse()
            .unwrap();
        let whole = state.clone();
        let requires = resource.requires(&key, &Ground::new(&whole));
        let is_route = matches!(resource, Resource::Route(_));
        let holds = requires.iter().all(|key| state.contains_key(key))
            && !(is_route && requires.is_empty());
        // One address on two links at once is no site that the rules let through.
        let twice = matches!(&key, Key::Address { address, .. } if state.keys().any(|other| matches!(other, Key::Address { address: own, .. } if own == address)));
        if holds && !twice {
            state.insert(key, resource);
        }
    }
    state
}

/// Tells which of the two addresses of the bridge is the first: the second one where the bridge has the second port.
fn order(state: &mut State) {
    let has_port = |(key, resource): (&Key, &Resource)| {
        let is_port = matches!(resource, Resource::Link(link) if link.port_of.is_some());
        is_port && key.to_string().ends_with("/link/eno2")
    };
    let is_turned = state.iter().any(has_port);
    let keys = ["10.0.0.2", "10.0.0.3"].map(|ip| {
        let key = format!("controller/rack-1/address/{ip}/24@br0");
        key.parse::<Key>().unwrap()
    });
    if keys.iter().all(|key| state.contains_key(key)) {
        for (key, is_later) in keys.iter().zip([is_turned, !is_turned]) {
            if let Some(Resource::Address(address)) = state.get_mut(key) {
                address.secondary = Some(is_later);
            }
        }
    }
}

/// A host with two ports, some things that Bedplate made, and some that others did.
fn world(ours: &[bool], foreign: &[bool]) -> Observation {
    let mut world = Observation::default();
    for name in ["eno1", "eno2"] {
        let key: Key = format!("controller/rack-1/link/{name}").parse().unwrap();
        let port = Link::new(LinkKind::Physical, false, Some(1500));
        world.state.insert(key.clone(), Resource::Link(port));
        world.facts.ownership.insert(key, Ownership::Foreign);
    }
    for (key, mut resource) in subset(ours) {
        let before = world.state.get(&key).cloned();
        if let Resource::Link(link) = &mut resource
            && link.kind.is_made()
        {
            // As every link has one.
            link.mac = Some(MacAddr([2, 0, 0, 0, 0, 9]));
        }
        world
            .state
            .insert(key.clone(), resource.settled(before.as_ref()));
        if let Some(before) = before {
            world
                .facts
                .ownership
                .insert(key, Ownership::Claimed { before });
        }
    }
    for (key, resource) in subset(foreign) {
        let free = !world.state.contains_key(&key);
        // No route leads through a link that is down.
        let is_down = |key: &Key| {
            let Key::Address {
                controller, link, ..
            } = key
            else {
                return false;
            };
            let (controller, link) = (controller.clone(), link.clone());
            let link = world.state.get(&Key::Link { controller, link });
            matches!(link, Some(Resource::Link(link)) if !link.up)
        };
        let is_route = matches!(resource, Resource::Route(_));
        let fits = resource
            .requires(&key, &Ground::new(&world.state))
            .iter()
            .any(|key| world.state.contains_key(key) && !(is_route && is_down(key)));
        if free && fits && !matches!(key, Key::Link { .. }) {
            world.state.insert(key.clone(), resource);
            world.facts.ownership.insert(key, Ownership::Foreign);
        }
    }
    order(&mut world.state);
    world
}

fn desired(mut state: State) -> Desired {
    order(&mut state);
    let origin = Origin {
        file: "site.kdl".into(),
        line: 1,
        column: 1,
    };
    let origins = state
        .keys()
        .map(|key| (key.clone(), origin.clone()))
        .collect();
    Desired {
        state,
        origins,
        ..Desired::default()
    }
}

fn planned(desired: &Desired, observed: &Observation) -> Plan {
    planned_after(None, &State::new(), desired, observed)
}

fn planned_after(
    applied: Option<&Desired>,
    kept: &State,
    desired: &Desired,
    observed: &Observation,
) -> Plan {
    let (site, controller): (Name, HostName) = ("lab".parse().unwrap(), controller());
    let elsewhere = BTreeMap::new();
    plan(Inputs {
        site: &site,
        controller: &controller,
        desired,
        observed,
        applied,
        kept,
        elsewhere: &elsewhere,
    })
    .unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

fn applied(sim: &mut Sim, plan: &Plan) -> Report {
    let allowed: BTreeSet<HazardKind> = HazardKind::ALL.into_iter().collect();
    block_on(run(sim, plan, &allowed, |_| {})).unwrap()
}

/// A world as a kernel tells it.
fn told(world: &Observation) -> Observation {
    block_on(Sim::new(world.clone()).observe()).unwrap()
}

/// The one check: from `before` to `desired`, and back from a fault at every step.
fn check(before: &Observation, desired: &Desired) {
    check_after(None, &State::new(), before, desired);
}

/// The same where `last` was applied before; the world in the end, and what is remembered as applied.
fn check_after(
    last: Option<&Desired>,
    kept: &State,
    before: &Observation,
    desired: &Desired,
) -> (Observation, Desired) {
    let before = &told(before);
    let plan = planned_after(last, kept, desired, before);
    let mut sim = Sim::new(before.clone());
    let report = applied(&mut sim, &plan);
    assert_eq!(report.outcome, Outcome::Done, "{}", brief(&plan));
    let after = block_on(sim.observe()).unwrap();
    let is_new = |key: &Key| {
        !before.state.contains_key(key) && !plan.waiting.iter().any(|one| one.key == *key)
    };
    let mut doubled = doubled(&after, desired);
    doubled.retain(|(_, above)| is_new(above));
    assert!(doubled.is_empty(), "{doubled:?} after {}", brief(&plan));
    let mut next = desired.clone();
    next.remember(&plan.protected);
    let second = planned_after(Some(&next), &plan.kept, desired, &after);
    assert!(
        second.is_empty(),
        "the second plan is not empty: {} after {}",
        brief(&second),
        brief(&plan)
    );
    assert_eq!(protected(&second), protected(&plan), "{}", brief(&plan));
    assert_eq!(
        (&second.protected, &second.kept),
        (&plan.protected, &plan.kept)
    );
    undone(before, &plan);
    (after, next)
}

/// Addresses that nobody wants on a port, and that what it is a port of has too.
fn doubled(world: &Observation, desired: &Desired) -> BTreeSet<(Key, Key)> {
    let addresses = || {
        world
            .state
            .keys()
            .filter(|key| matches!(key, Key::Address { .. }))
    };
    let pairs = addresses().flat_map(|port| addresses().map(move |above| (port, above)));
    let is_double = |pair: &(&Key, &Key)| match pair {
        (
            Key::Address {
                controller,
                link,
                address,
            },
            Key::Address {
                link: above,
                address: same,
                ..
            },
        ) => {
            let (controller, link) = (controller.clone(), link.clone());
            let link = world.state.get(&Key::Link { controller, link });
            let is_port =
                matches!(link, Some(Resource::Link(link)) if link.port_of.as_ref() == Some(above));
            let is_wanted = |key: &Key| desired.state.contains_key(key);
            let is_meant = is_wanted(pair.1) && !is_wanted(pair.0);
            is_port && is_meant && address.ip() == same.ip()
        }
        _ => false,
    };
    let pairs = pairs.filter(is_double);
    pairs
        .map(|(port, above)| (port.clone(), above.clone()))
        .collect()
}

/// A plan's steps, a line each.
fn brief(plan: &Plan) -> String {
    let show = |resource: &Option<Resource>| match resource {
        Some(resource) => format!("({})", resource.summary()),
        None => "none".to_owned(),
    };
    let lines = plan.steps.iter().map(|step| {
        let (before, after) = (show(&step.before), show(&step.after));
        format!(
            "\n{:?} {}: {before} -> {after}, {}",
            step.action, step.key, step.because
        )
    });
    lines.collect()
}

/// What waits since it is protected.
fn protected(plan: &Plan) -> Vec<&Waiting> {
    let is_protected = |one: &&Waiting| {
        matches!(
            one.on,
            Obstruction::Protected { .. } | Obstruction::Absent { .. }
        )
    };
    plan.waiting.iter().filter(is_protected).collect()
}

/// A fault at each step of `plan` leaves the world as it was.
fn undone(before: &Observation, plan: &Plan) {
    for index in 0..plan.steps.len() {
        let mut sim = Sim::new(before.clone());
        sim.fail_at(index);
        let report = applied(&mut sim, plan);
        let Outcome::Undone { failure, left } = report.outcome else {
            panic!("step {index} did not fail")
        };
        for key in &left {
            let after = block_on(sim.observe()).unwrap();
            eprintln!("{:?}\n{:?}", before.state.get(key), after.state.get(key));
        }
        assert_eq!(
            (failure.index, left),
            (index, BTreeSet::new()),
            "{}",
            brief(plan)
        );
        assert_eq!(
            &block_on(sim.observe()).unwrap(),
            before,
            "undoing step {index} of {}",
            brief(plan)
        );
    }
}

proptest! {
    #![proptest_config(cases::cases(256))]

    #[test]
    fn reaches_the_desired_state_or_stays(
        ours in proptest::collection::vec(any::<bool>(), 13),
        foreign in proptest::collection::vec(any::<bool>(), 13),
        wanted in proptest::collection::vec(any::<bool>(), 13),
    ) {
        check(&world(&ours, &foreign), &desired(subset(&wanted)));
    }
}

#[test]
fn a_stale_plan_is_refused_untouched() {
    let (none, all) = ([false; 13], [true; 13]);
    let before = world(&none, &none);
    let plan = planned(&desired(subset(&all)), &before);
    let mut sim = Sim::new(before);
    let key: Key = "controller/rack-1/link/eno2".parse().unwrap();
    sim.world_mut().state.remove(&key);
    let changed = block_on(sim.observe()).unwrap();
    assert_eq!(applied(&mut sim, &plan).outcome, Outcome::Stale);
    assert_eq!(block_on(sim.observe()).unwrap(), changed);
}

#[test]
fn what_is_missing_is_waited_for() {
    let mut before = world(&[false; 13], &[false; 13]);
    let port: Key = "controller/rack-1/link/eno1".parse().unwrap();
    before.state.remove(&port);
    let mut wanted = [false; 13];
    (wanted[2], wanted[6], wanted[10]) = (true, true, true);
    let plan = planned(&desired(subset(&wanted)), &before);
    let waiting: Vec<String> = plan
        .waiting
        .iter()
        .map(|waiting| format!("{}: {}", waiting.key, waiting.on))
        .collect();
    let expected = [
        "controller/rack-1/link/eno1: the host has no such link",
        "controller/rack-1/address/10.0.0.2/24@eno1: needs controller/rack-1/link/eno1",
        "controller/rack-1/route/0.0.0.0/0@main/0: needs controller/rack-1/address/10.0.0.2/24@eno1",
    ];
    assert_eq!(waiting, expected);
    assert!(plan.is_empty());
}
