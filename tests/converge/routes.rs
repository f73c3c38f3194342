//! What the simulated kernel makes of routes: Debian's does the same, see the guest's cases.

use bedplate::plan::{Action, Phase, Reason, Step};
use bedplate::state::{Address, Key, Link, LinkKind, Resource, Route};
use bedplate::world::{Sim, Way, World as _};

use super::block_on;

const LINK: &str = "link/eno1";
const ROUTES: [&str; 2] = ["route/10.9.0.0/16@main/0", "route/fd09::/32@main/1024"];

fn step(key: &str, after: Option<Resource>) -> Step {
    Step {
        key: key_of(key),
        action: match after {
            Some(_) => Action::Create,
            None => Action::Delete,
        },
        because: Reason::Declared,
        origin: None,
        phase: Phase::Host,
        before: None,
        after,
        changes: Vec::new(),
        original: None,
    }
}

fn key_of(key: &str) -> Key {
    format!("controller/rack-1/{key}").parse().unwrap()
}

fn route(via: &str, source: Option<&str>) -> Option<Resource> {
    Some(Resource::Route(Route {
        source: source.map(|source| source.parse().unwrap()),
        ..Route::through(via.parse().unwrap())
    }))
}

/// A host with one link and two addresses of each family.
fn host(up: bool) -> Sim {
    let mut sim = Sim::default();
    let link = Resource::Link(Link::new(LinkKind::Physical, up, Some(1500)));
    sim.world_mut().state.insert(key_of(LINK), link);
    for address in ["10.0.0.2/24", "10.0.0.9/24", "fd00::2/64", "fd00::9/64"] {
        let address = format!("address/{address}@eno1");
        let made = Some(Resource::Address(Address::default()));
        does(&mut sim, step(&address, made)).unwrap();
    }
    sim
}

fn does(sim: &mut Sim, step: Step) -> Result<(), String> {
    let done = block_on(sim.execute(&[step], None, Way::There, &mut |_| {}));
    done.map_err(|failure| failure.error.to_string())
}

/// The routes that are there, with their sources.
fn routes(sim: &mut Sim) -> Vec<Option<Option<String>>> {
    let world = block_on(sim.observe()).unwrap();
    let routes = ROUTES.map(|route| match world.state.get(&key_of(route)) {
        Some(Resource::Route(route)) => Some(route.source.map(|ip| ip.to_string())),
        _ => None,
    });
    routes.into()
}

#[test]
fn none_is_made_over_a_link_that_is_down_or_from_an_address_of_nobody() {
    for (up, source, refusal) in [
        (true, None, None),
        (true, Some("10.0.0.9"), None),
        (true, Some("10.0.0.7"), Some("its source is not the host's")),
        (false, None, Some("its link is down")),
    ] {
        let mut sim = host(up);
        let made = does(&mut sim, step(ROUTES[0], route("10.0.0.254", source)));
        let told = made.err();
        let is_so = match (&told, refusal) {
            (Some(told), Some(refusal)) => told.ends_with(refusal),
            (told, refusal) => told.is_none() && refusal.is_none(),
        };
        assert!(is_so, "{up} {source:?}: {told:?}");
    }
}

#[test]
fn one_falls_with_its_source_and_of_ipv6_stays_without_it() {
    let with = |source: &str| Some(Some(source.to_owned()));
    let rows = [
        // The first of a prefix takes along what the later ones held; IPv6 knows no such order.
        (["10.0.0.2/24", "fd00::2/64"], [None, with("fd00::9")]),
        (["10.0.0.9/24", "fd00::9/64"], [None, Some(None)]),
        (
            ["10.0.0.7/24", "fd00::7/64"],
            [with("10.0.0.9"), with("fd00::9")],
        ),
    ];
    for (gone, expected) in rows {
        let mut sim = host(true);
        let made = [
            route("10.0.0.254", Some("10.0.0.9")),
            route("fd00::fe", Some("fd00::9")),
        ];
        for (key, made) in ROUTES.into_iter().zip(made) {
            does(&mut sim, step(key, made)).unwrap();
        }
        for address in gone {
            does(&mut sim, step(&format!("address/{address}@eno1"), None)).unwrap();
        }
        assert_eq!(routes(&mut sim), expected, "{gone:?}");
    }
}
