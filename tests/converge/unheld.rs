//! Claimed routes whose gateway nothing reaches any more: they cannot be given back, and end without a failure.

use bedplate::state::{Address, Key, Link, LinkKind, Ownership, Resource, Route};

use bedplate::world::{Sim, World as _};

use super::sites::{Lab, shown};
use super::{applied, block_on};

const ROUTE: &str = "controller/rack-1/route/10.9.0.0/16@main/0";
const ADDRESS: &str = "controller/rack-1/address/10.0.0.2/24@eno1";

fn text(routes: &str) -> String {
    format!(
        r#"fabric "f" {{ vlan "pxe" {{ subnet "10.0.0.0/24" }} }}
        controller "rack-1" {{ ethernet "eno1" vlan="pxe" {{ address "10.0.0.2" }}; {routes} }}"#
    )
}

/// A host on which others made an address and a route, both claimed.
fn claimed() -> Lab {
    let mut lab = Lab::new();
    let mut route = Route::through("10.0.0.254".parse().unwrap());
    route.hops[0].link = Some("eno1".parse().unwrap());
    let up = Link::new(LinkKind::Physical, true, Some(1500));
    for (key, resource) in [
        ("controller/rack-1/link/eno1", Resource::Link(up)),
        (ADDRESS, Resource::Address(Address::default())),
        (ROUTE, Resource::Route(route)),
    ] {
        let key: Key = key.parse().unwrap();
        lab.world.state.insert(key.clone(), resource);
        lab.world.facts.ownership.insert(key, Ownership::Foreign);
    }
    lab.apply(&text(r#"route "10.9.0.0/16" { via "10.0.0.254" }"#));
    lab
}

#[test]
fn a_route_that_leads_somewhere_is_given_back() {
    let mut lab = claimed();
    lab.apply(&text(""));
    let key: Key = ROUTE.parse().unwrap();
    assert!(lab.holds(ROUTE) && lab.world.is_foreign(&key));
    let mut lab = claimed();
    lab.apply("controller \"rack-1\" {}");
    assert!(lab.holds(ROUTE) && lab.holds(ADDRESS));
}

#[test]
fn a_route_that_leads_nowhere_falls() {
    let mut lab = claimed();
    lab.lose("address/10.0.0.2");
    let plan = lab.plan("controller \"rack-1\" {}");
    let told = "falls with controller/rack-1/link/eno1";
    assert!(shown(&plan).contains(told), "{}", shown(&plan));
    let mut sim = Sim::new(lab.world.clone());
    // The way back is no way: the route was there by luck.
    assert!(applied(&mut sim, &plan).is_done());
    let after = block_on(sim.observe()).unwrap();
    assert!(!after.state.contains_key(&ROUTE.parse().unwrap()));
}
