//! Planning for a large host takes as long as there is to plan: four times the host takes four times the time, not sixteen.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use bedplate::plan::{Inputs, plan};
use bedplate::state::{
    Address, Desired, Key, Link, LinkKind, Observation, Ownership, Resource, Route, State,
};
use nix::sys::resource::{UsageWho, getrusage};

/// Links, with an address each and four routes.
const SIZES: [u32; 2] = [500, 2000];

/// By how much the time may grow where the host grows fourfold: less than half of what each with each would take.
const MOST: f64 = 7.0;

/// A host, what is wanted there, and what was.
struct Case {
    observed: Observation,
    desired: Desired,
    applied: Desired,
}

fn key(rest: &str) -> Key {
    format!("controller/rack-1/{rest}").parse().unwrap()
}

fn address(n: u32, last: u32, link: &str) -> Key {
    key(&format!(
        "address/10.{}.{}.{last}/24@{link}",
        n / 250,
        n % 250
    ))
}

/// `gateways` is how many addresses the routes are spread over.
fn state(size: u32, gateways: u32) -> State {
    let mut state = State::new();
    for n in 0..size {
        let link = Link::new(LinkKind::Physical, true, Some(1500));
        state.insert(key(&format!("link/v{n}")), Resource::Link(link));
        let address = address(n, 1, &format!("v{n}"));
        state.insert(address, Resource::Address(Address::default()));
    }
    for n in 0..size * 4 {
        let via = n % gateways;
        let route = format!("route/172.{}.{}.0/24@main/{}", n / 1000, n / 4 % 250, n % 4);
        let via = format!("10.{}.{}.9", via / 250, via % 250).parse().unwrap();
        state.insert(key(&route), Resource::Route(Route::through(via)));
    }
    state
}

fn desired(state: &State) -> Desired {
    Desired {
        state: state.clone(),
        ..Desired::default()
    }
}

/// All that is there was claimed as it is, and is given back.
fn given_back(size: u32) -> Case {
    let state = state(size, size);
    let mut observed = Observation::default();
    for (key, resource) in &state {
        let before = resource.clone();
        let ownership = Ownership::Claimed { before };
        observed.facts.ownership.insert(key.clone(), ownership);
    }
    let applied = desired(&state);
    observed.state = state;
    Case {
        observed,
        desired: Desired::default(),
        applied,
    }
}

/// Routes through one gateway are made with its address.
fn one_gateway(size: u32) -> Case {
    let mut observed = Observation::default();
    let all = state(size, 1);
    let links = all
        .iter()
        .filter(|(key, _)| matches!(key, Key::Link { .. }));
    observed.state = links.map(|(key, one)| (key.clone(), one.clone())).collect();
    Case {
        observed,
        desired: desired(&all),
        applied: Desired::default(),
    }
}

/// Addresses move to links that are not there.
fn nowhere_to_go(size: u32) -> Case {
    let observed = Observation {
        state: state(size, size),
        ..Observation::default()
    };
    let applied = desired(&observed.state);
    let mut wanted = State::new();
    for n in 0..size {
        let link = Link::new(LinkKind::Physical, true, Some(1500));
        wanted.insert(key(&format!("link/w{n}")), Resource::Link(link));
        let address = address(n, 1, &format!("w{n}"));
        wanted.insert(address, Resource::Address(Address::default()));
    }
    Case {
        observed,
        desired: desired(&wanted),
        applied,
    }
}

/// The processor's time: others have the machine as well.
fn seconds(case: &Case) -> f64 {
    let used = || {
        let usage = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
        let time = usage.user_time();
        Duration::from_secs(time.tv_sec().unsigned_abs())
            + Duration::from_micros(time.tv_usec().unsigned_abs())
    };
    let (site, controller) = ("bench".parse().unwrap(), "rack-1".parse().unwrap());
    let inputs = Inputs {
        site: &site,
        controller: &controller,
        desired: &case.desired,
        observed: &case.observed,
        applied: Some(&case.applied),
        kept: &State::new(),
        elsewhere: &BTreeMap::new(),
    };
    let begun = used();
    plan(inputs).unwrap();
    (used() - begun).as_secs_f64()
}

fn check(name: &str, case: fn(u32) -> Case) {
    let least = |size| {
        let case = case(size);
        let times = (0..3).map(|_| seconds(&case));
        times.fold(f64::INFINITY, f64::min)
    };
    let [few, many] = SIZES.map(least);
    let growth = many / few;
    assert!(growth < MOST, "{name}: {few} s, then {many} s");
}

#[test]
fn what_was_claimed_is_given_back() {
    check("claims", given_back);
}

#[test]
fn many_routes_through_one_gateway() {
    check("one gateway", one_gateway);
}

#[test]
fn many_addresses_that_cannot_move_yet() {
    check("nowhere to go", nowhere_to_go);
}
