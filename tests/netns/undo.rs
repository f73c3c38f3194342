//! Random walks, each undone in reverse, end where they began.

use bedplate::state::{Ground, Key, Resource, State};

use crate::rig::{Site, address, bridge, chain, connect, key, observe, port, via};

/// All that the random walk below may wish for.
fn wishes() -> Vec<(&'static str, Option<Resource>)> {
    let mut wishes = Vec::new();
    for (text, bridges) in [("link/p0", [None, None]), ("link/p1", [None, Some("br0")])] {
        for bridge in bridges {
            wishes.extend([true, false].map(|up| (text, port(up, 1500, bridge))));
            wishes.push((text, port(true, 1400, bridge)));
        }
    }
    for text in ["link/br0", "link/br1"] {
        wishes.extend([
            (text, bridge(true, 1500)),
            (text, bridge(true, 9000)),
            (text, None),
        ]);
        wishes.push((text, bridge(false, 1500)));
    }
    for text in [
        "address/10.9.0.1/24@p0",
        "address/10.9.0.2/24@p0",
        "address/10.8.0.1/24@br0",
        "address/fd00:9::1/64@p0",
    ] {
        wishes.extend([(text, address()), (text, address()), (text, None)]);
    }
    for (text, gateways) in [
        ("route/10.99.0.0/16@main/100", ["10.9.0.254", "10.9.0.253"]),
        ("route/0.0.0.0/0@main/0", ["10.9.0.254", "10.8.0.254"]),
        ("route/fd99::/16@main/1024", ["fd00:9::fe", "fd00:9::fd"]),
    ] {
        wishes.extend(gateways.map(|gateway| (text, via(gateway))));
        wishes.push((text, None));
    }
    wishes
}

/// Whether a plan could hold this step: what it needs is there and up, and nothing hangs on what it takes.
fn is_orderly(state: &State, key: &Key, after: Option<&Resource>) -> bool {
    let is_up = |key: &Key| match state.get(key) {
        Some(Resource::Link(link)) => link.up,
        Some(_) => true,
        None => false,
    };
    let needs_are_met = after.is_none_or(|resource| {
        let needs = resource.requires(key, &Ground::new(state));
        let is_route = matches!(resource, Resource::Route(_));
        needs.iter().all(is_up) && !(is_route && needs.is_empty())
    });
    let stays = match after {
        Some(Resource::Link(link)) => link.up,
        Some(_) => true,
        None => false,
    };
    let is_needed = || {
        let mut others = state.iter();
        others.any(|(other, resource)| resource.requires(other, &Ground::new(state)).contains(key))
    };
    needs_are_met && (stays || !is_needed())
}

/// What tests/long/run chooses, or the usual. A guest does less.
pub(crate) fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |value| value.parse().unwrap())
}

#[test]
fn what_is_undone_in_reverse_is_as_it_was() {
    let wishes = wishes();
    let mut applied = 0;
    let (first, walks) = (
        number("BEDPLATE_TEST_SEED", 0),
        number("BEDPLATE_TEST_COUNT", 12),
    );
    for seed in first..first + walks {
        let site = Site::new();
        // Numerical Recipes' generator: few lines, and the same walk on every machine.
        let mut dice = seed;
        let mut roll = |sides: usize| {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223) & 0xffff_ffff;
            usize::try_from(dice >> 8).unwrap() % sides
        };
        applied += site.inside.block_on(async {
            let mut host = connect();
            let start = observe(&mut host).await.state;
            let (mut state, mut done) = (start.clone(), Vec::new());
            for _ in 0..60 {
                let (text, after) = &wishes[roll(wishes.len())];
                let (key, before) = (key(text), state.get(&key(text)).cloned());
                if before == *after || !is_orderly(&state, &key, after.as_ref()) {
                    continue;
                }
                let applied = host.apply(&key, before.as_ref(), after.as_ref()).await;
                applied.unwrap_or_else(|error| panic!("seed {seed}: {}", chain(&error)));
                match after {
                    Some(resource) => state.insert(key.clone(), resource.clone()),
                    None => state.remove(&key),
                };
                let seen = observe(&mut host).await.state;
                assert_eq!(seen, state, "seed {seed}: after {key} {after:?}");
                done.push((key, before, after.clone()));
            }
            for (key, before, after) in done.iter().rev() {
                let undone = host.apply(key, after.as_ref(), before.as_ref()).await;
                undone.unwrap_or_else(|error| panic!("seed {seed}: {}", chain(&error)));
            }
            assert_eq!(observe(&mut host).await.state, start, "seed {seed}");
            done.len()
        });
    }
    let fewest = 15 * usize::try_from(walks).unwrap();
    assert!(
        applied > fewest,
        "the walks were too short: {applied} steps"
    );
}
