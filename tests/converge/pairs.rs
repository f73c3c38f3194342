//! Pairs of whole host networks: one applied after the other is what the other alone is on an empty host, and a fault anywhere in between
//! leaves all as it was.

use std::collections::BTreeMap;

use bedplate::base::mac::MacAddr;
use bedplate::lang::files::MemoryFiles;
use bedplate::site::compile;
use bedplate::state::{
    Desired, Key, Link, LinkFact, LinkKind, Observation, Ownership, Resource, State, desired,
};
use proptest::prelude::*;

use super::cases::cases;
use super::{check_after, controller};

#[path = "../support/hosts.rs"]
mod drawn;

use drawn::{CHOICES, PORTS, text};

/// What a text means, where it is a sound site.
fn meaning(text: &str) -> Result<Desired, String> {
    let mut files = MemoryFiles::default();
    files.insert("site.kdl", text.as_bytes().to_vec());
    let compiled = compile(&files, "site.kdl");
    let site = compiled
        .site
        .filter(|_| !compiled.diagnostics.iter().any(|one| one.is_error()));
    let site = site.ok_or_else(|| format!("{:?}", compiled.diagnostics))?;
    Ok(desired(&site, &controller()))
}

/// A host with nothing but its ports, all of which are up.
fn empty() -> Observation {
    let mut world = Observation::default();
    let mut add = |name: &str, link: Link, mac: Option<MacAddr>| {
        let key: Key = format!("controller/rack-1/link/{name}").parse().unwrap();
        world.state.insert(key.clone(), Resource::Link(link));
        world.facts.ownership.insert(key, Ownership::Foreign);
        let fact = LinkFact {
            mac,
            permanent_mac: mac,
            carrier: true,
            mtu_min: None,
            mtu_max: None,
        };
        world.facts.links.insert(name.parse().unwrap(), fact);
    };
    for (number, name) in (1..).zip(PORTS) {
        let mac = Some(MacAddr([2, 0, 0, 0, 0, number]));
        let up = number % 2 == 0;
        add(
            name,
            Link {
                mac,
                ..Link::new(LinkKind::Physical, up, Some(1500))
            },
            mac,
        );
    }
    add("lo", Link::new(LinkKind::Loopback, true, Some(65536)), None);
    world
}

/// The hardware address of a link that was made is its history: it stays when ports come and go.
fn without_history(world: &Observation) -> (State, BTreeMap<Key, Ownership>) {
    let mut state = world.state.clone();
    for resource in state.values_mut() {
        if let Resource::Link(link) = resource
            && link.kind.is_made()
        {
            link.mac = None;
        }
    }
    (state, world.facts.ownership.clone())
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..cases(24) })]

    #[test]
    fn one_host_after_another_is_the_other_alone(
        first in prop::collection::vec(any::<u8>(), CHOICES),
        second in prop::collection::vec(any::<u8>(), CHOICES),
    ) {
        let [first, second] = [text(&first), text(&second)];
        let (Ok(a), Ok(b)) = (meaning(&first), meaning(&second)) else {
            return Err(TestCaseError::reject("no sound site"));
        };
        let empty = empty();
        let (between, last) = check_after(None, &State::new(), &empty, &a);
        let (end, _) = check_after(Some(&last), &State::new(), &between, &b);
        let (alone, _) = check_after(None, &State::new(), &empty, &b);
        prop_assert_eq!(without_history(&end), without_history(&alone), "{}\n{}", first, second);
    }
}
