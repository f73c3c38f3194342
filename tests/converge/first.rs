//! The first address of a prefix where something prevents that it is the site's first: the plan says what it waits for.

use bedplate::state::{Address, BesideAddress, Key, Observation, Ownership, Resource};
use bedplate::world::Sim;

use super::sites::{Lab, steps, waiting};

const NEAR: &str = "controller/rack-1/address/10.0.0.9/24@eno1";
const ROUTE: &str = "controller/rack-1/route/10.8.0.0/16@main/0";

/// A controller with addresses in this order, and a route that one of them holds.
fn text(addresses: [u8; 2], protect: &str) -> String {
    let [first, second] = addresses;
    format!(
        r#"fabric "f" {{ vlan "pxe" {{ subnet "10.0.0.0/24" }} }}
        controller "rack-1" {{ {protect}
            ethernet "eno1" vlan="pxe" {{ address "10.0.0.{first}"; address "10.0.0.{second}" }}
            route "10.8.0.0/16" {{ via "10.0.0.254" }}
        }}"#
    )
}

fn foreign(world: &mut Observation) {
    let key: Key = NEAR.parse().unwrap();
    let address = Resource::Address(Address::default());
    world.state.insert(key.clone(), address);
    world.facts.ownership.insert(key, Ownership::Foreign);
    *world = Sim::new(world.clone()).world_mut().clone();
}

fn leased(world: &mut Observation) {
    world.facts.beside.addresses.push(BesideAddress {
        link: "eno1".parse().ok(),
        address: "10.0.0.9/24".parse().unwrap(),
    });
}

/// The one check: `disturb` keeps whoever is first where it is, and the plan says for whose sake; without it the site has its way.
fn check(protect: &str, disturb: impl Fn(&mut Observation), of: &str) {
    let address = |last| format!("controller/rack-1/address/10.0.0.{last}/24@eno1");
    let behind = |last| {
        let line = "site.kdl:4";
        let address = address(last);
        format!(
            "{address}: cannot be the first of its prefix beside {of}, which stays as it is  {line}"
        )
    };
    let mut lab = Lab::new();
    lab.apply(&text([2, 3], protect));
    let free = lab.world.clone();
    disturb(&mut lab.world);
    // As it is, nothing waits.
    let plan = lab.plan(&text([2, 3], protect));
    assert!(plan.is_empty() && plan.waiting.is_empty(), "{plan:#?}");
    let plan = lab.plan(&text([3, 2], protect));
    assert_eq!((steps(&plan), waiting(&plan)), (vec![], vec![behind(3)]));
    assert_eq!(plan.unchanged + plan.waiting.len(), 4);
    // A new one comes after the others, and says so before and after it is there.
    let new = text([4, 2], protect);
    let plan = lab.apply(&new);
    assert!(steps(&plan).contains(&format!("+ {}", address(4))));
    for plan in [plan, lab.plan(&new)] {
        let mut waiting = waiting(&plan);
        // Beside what was taken out of a protected block.
        waiting.retain(|line| line.contains("first of its prefix"));
        assert_eq!(waiting, [behind(4)]);
    }
    lab.world = free;
    lab.apply(&text([2, 3], ""));
    let plan = lab.apply(&text([3, 2], ""));
    assert!(!plan.is_empty() && plan.waiting.is_empty());
}

#[test]
fn beside_an_address_of_others_it_waits() {
    check("", foreign, NEAR);
}

#[test]
fn beside_a_leased_address_it_waits() {
    check("", leased, NEAR);
}

#[test]
fn under_a_protected_route_it_waits() {
    check("protect", |_| {}, ROUTE);
}
