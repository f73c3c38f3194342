//! A driver that takes its link down and up for another MTU: what the kernel drops meanwhile is in no step of the plan, and is missed.

use std::collections::BTreeSet;

use bedplate::apply::Outcome;
use bedplate::state::{Key, Observation};
use bedplate::world::{Sim, World};

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
