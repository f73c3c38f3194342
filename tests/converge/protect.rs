//! What is protected survives every edit, and is remembered when its block is gone; all else of a plan runs.

use std::collections::BTreeSet;

use bedplate::base::care::Protection;
use bedplate::base::identity::Identity;
use bedplate::base::origin::Origin;
use bedplate::plan::{Action, HazardKind, Plan};
use bedplate::state::{Desired, Key, LeaseFact, State};
use proptest::prelude::*;

use super::cases::cases;
use super::sites::{Lab, Parts, meaning, shown, steps, waiting};
use super::{check_after, desired, planned_after, subset, world};

const SCOPE: &str = "vlan/f/pxe/scope/10.0.0.0/24";
const RESERVATION: &str = "vlan/f/pxe/reservation/52:54:00:00:00:01";
const BRIDGE: &str = "controller/rack-1/link/br0";

/// Nothing but the controller with its ports.
const BARE: &str = r#"controller "rack-1" { ethernet "eno1"; ethernet "eno2" }"#;

/// Where `protect` is written, and the keys that it alone must keep. What they stand on is kept with them.
fn places() -> Vec<(&'static str, &'static str, Vec<&'static str>)> {
    let (address, route) = (
        "controller/rack-1/address/10.0.0.2/24@br0",
        "controller/rack-1/route/0.0.0.0/0@main/0",
    );
    vec![
        ("subnet \"10.0.0.0/24\" {", "vlan", vec![SCOPE]),
        ("vlan \"pxe\" {", "vlan", vec![SCOPE, RESERVATION]),
        (
            "bridge \"br0\" vlan=\"pxe\" {",
            "hosts",
            vec![BRIDGE, address],
        ),
        (
            "controller \"rack-1\" {",
            "hosts",
            vec![BRIDGE, address, route],
        ),
        (
            "image \"tiny\" {",
            "hosts",
            vec!["image/tiny", "file/boot/tiny"],
        ),
        (
            "profile \"p\" {",
            "hosts",
            vec![RESERVATION, "zone/lab.example/node-01/A"],
        ),
        (
            "machine \"node-01\" profile=\"p\" {",
            "hosts",
            vec![
                RESERVATION,
                "zone/lab.example/node-01/A",
                "zone/0.0.10.in-addr.arpa/11/PTR",
            ],
        ),
    ]
}

fn with(head: &str, part: &str) -> String {
    let mut parts = Parts::new();
    let text = if part == "vlan" {
        &mut parts.vlan
    } else {
        &mut parts.hosts
    };
    assert!(text.contains(head), "{head}");
    *text = text.replace(head, &format!("{head} protect \"production\"; "));
    parts.text()
}

#[test]
fn what_is_protected_outlasts_its_block_applies_and_restarts() {
    for (head, part, keys) in places() {
        let mut lab = Lab::new();
        let text = with(head, part);
        lab.apply(&text);
        let all = keys.iter().all(|key| lab.holds(key));
        assert!(all, "{head}");
        let protected: BTreeSet<String> = lab
            .last
            .as_ref()
            .unwrap()
            .protected
            .keys()
            .map(ToString::to_string)
            .collect();
        assert!(
            keys.iter().all(|key| protected.contains(*key)),
            "{head} {protected:?}"
        );
        // The controller's own block cannot be gone: what is taken out of it goes, unless it protects on.
        let (bare, place) = if head.starts_with("controller") {
            let bare = BARE.replace(head, &format!("{head} protect \"production\"; "));
            (bare, "  site.kdl:2")
        } else {
            (BARE.to_owned(), " when last applied)  ")
        };
        for round in 0..3 {
            let plan = lab.apply(&bare);
            // One apply tells each that was held back, and where that was said.
            let told = waiting(&plan);
            for key in &keys {
                assert!(lab.holds(key), "{head} {key} {round}");
                let line = format!("{key}: protected: production");
                let is_told = |one: &String| one.starts_with(&line) && one.ends_with(place);
                assert!(told.iter().any(is_told), "{line} {told:?}");
            }
            let declared = meaning(&bare).state;
            let left = protected
                .iter()
                .filter(|key| !declared.contains_key(&key.parse::<Key>().unwrap()));
            assert_eq!(plan.protected.len(), left.count(), "{head} {round}");
            lab.restart();
            let keys = |plan: &Plan| {
                plan.waiting
                    .iter()
                    .map(|one| one.key.clone())
                    .collect::<Vec<_>>()
            };
            assert_eq!(
                keys(&lab.plan_of_last()),
                keys(&plan),
                "{head} {round}: after a restart"
            );
            assert_eq!(
                waiting(&lab.plan(&bare)),
                told,
                "{head} {round}: after a restart"
            );
        }
        // Declared again without protection, it may go.
        let free = lab.apply(&Parts::new().text());
        assert!(waiting(&free).is_empty(), "{head}: {}", shown(&free));
        let gone = lab.apply(BARE);
        assert!(waiting(&gone).is_empty(), "{head}: {}", shown(&gone));
        assert!(keys.iter().all(|key| !lab.holds(key)), "{head}");
    }
}

#[test]
fn the_rest_of_the_plan_runs_and_edits_in_place_are_made() {
    let mut lab = Lab::new();
    let text = with("machine \"node-01\" profile=\"p\" {", "hosts");
    lab.apply(&text);
    let moved = text.replace("10.0.0.11", "10.0.0.12");
    let plan = lab.apply(&moved);
    assert!(
        steps(&plan).contains(&format!("~ {RESERVATION}")),
        "{}",
        shown(&plan)
    );
    // The name of the old address is what goes, and stays.
    let old = "zone/0.0.10.in-addr.arpa/11/PTR: protected: production  site.kdl:15";
    assert_eq!(waiting(&plan), [old]);
    assert!(lab.holds("zone/0.0.10.in-addr.arpa/12/PTR"));
}

#[test]
fn what_takes_the_place_of_something_protected_waits() {
    let mut lab = Lab::new();
    let text = with("vlan \"pxe\" {", "vlan");
    lab.apply(&text);
    // The VLAN has another name, a machine another interface with the same address.
    let free = Parts::new().text();
    let renamed = free.replace("\"pxe\"", "\"boot\"");
    let told = waiting(&lab.apply(&renamed)).join("\n");
    let new = "vlan/f/boot/scope/10.0.0.0/24: vlan/f/pxe/scope/10.0.0.0/24 stays and has its place";
    assert!(told.contains(new), "{told}");
    assert!(lab.holds(SCOPE) && lab.holds(RESERVATION));
    assert!(!lab.holds("vlan/f/boot/scope/10.0.0.0/24"));
    lab.restart();
    assert!(!lab.holds("vlan/f/boot/scope/10.0.0.0/24"));
    let swapped = text.replace("52:54:00:00:00:01", "52:54:00:00:00:02");
    let told = waiting(&lab.apply(&swapped)).join("\n");
    let new =
        "vlan/f/pxe/reservation/52:54:00:00:00:02: vlan/f/pxe/reservation/52:54:00:00:00:01 stays";
    assert!(told.contains(new), "{told}");
    // An address is on one link at a time.
    let mut lab = Lab::new();
    let bridge = "bridge \"br0\" vlan=\"pxe\" {";
    lab.apply(&with(bridge, "hosts"));
    let (head, tail) = free.split_once("bridge").unwrap();
    let (_, tail) = tail.split_once("\n").unwrap();
    let port = "ethernet \"eno2\"";
    let head = head.replace(
        port,
        &format!("{port} vlan=\"pxe\" {{ address \"10.0.0.2\" }}"),
    );
    let told = waiting(&lab.apply(&format!("{head}\n{tail}"))).join("\n");
    let new = "controller/rack-1/address/10.0.0.2/24@eno2: controller/rack-1/address/10.0.0.2/24@br0 stays";
    assert!(told.contains(new), "{told}");
    assert!(lab.holds(BRIDGE));
}

#[test]
fn an_alias_waits_for_a_protected_name() {
    let mut lab = Lab::new();
    let machine = "machine \"node-01\" profile=\"p\" {";
    lab.apply(&with(machine, "hosts"));
    let free = Parts::new().text();
    let (without, _) = free.split_once(machine).unwrap();
    let plan = lab.apply(&format!(
        "{without} record \"node-01\" {{ cname \"rack-1\" }}"
    ));
    let told = waiting(&plan).join("\n");
    let alias =
        "zone/lab.example/node-01/CNAME: zone/lab.example/node-01/A stays and has its place";
    assert!(told.contains(alias), "{told}");
    assert!(!lab.holds("zone/lab.example/node-01/CNAME"));
}

/// A lease in force, of a client with this MAC.
fn lease(address: &str, mac: &str) -> LeaseFact {
    LeaseFact {
        address: address.parse().unwrap(),
        identities: [Identity::Mac(mac.parse().unwrap())].into(),
    }
}

const STRANGER: &str = "52:54:00:00:00:09";

#[test]
fn leases_of_a_range_that_stays_are_not_stranded() {
    let lease = lease("10.0.0.150", STRANGER);
    for (text, expected) in [
        (
            Parts::new().text(),
            vec![HazardKind::StrandLeases, HazardKind::DefaultRoute],
        ),
        (
            with("subnet \"10.0.0.0/24\" {", "vlan"),
            vec![HazardKind::DefaultRoute],
        ),
    ] {
        let mut lab = Lab::new();
        lab.apply(&text);
        lab.world.facts.leases.push(lease.clone());
        let hazards = lab.plan(BARE).hazards;
        let kinds: Vec<_> = hazards.iter().map(|one| one.kind).collect();
        assert_eq!(kinds, expected, "{text}");
    }
}

/// Who has leased what the site keeps for it from now on loses nothing.
#[test]
fn a_lease_that_becomes_its_holders_reservation_is_not_stranded() {
    let before = Parts::new().text();
    let range = |text: &str| text.replace("10.0.0.100-10.0.0.199", "10.0.0.100-10.0.0.149");
    assert_ne!(range(&before), before);
    let machine = |mac: &str| {
        format!(
            "{}machine \"m\" {{ ethernet \"e\" mac=\"{mac}\" vlan=\"pxe\" {{ address \"10.0.0.150\" }} }}",
            range(&before)
        )
    };
    for (after, expected) in [
        (range(&before), "2 leases"),
        (machine("52:54:00:00:00:77"), "2 leases"),
        (machine(STRANGER), "the lease of 10.0.0.151 "),
    ] {
        let mut lab = Lab::new();
        lab.apply(&before);
        for address in ["10.0.0.150", "10.0.0.151"] {
            lab.world.facts.leases.push(lease(address, STRANGER));
        }
        let hazards = lab.plan(&after).hazards;
        let texts: Vec<_> = hazards.iter().map(|one| one.text.as_str()).collect();
        assert!(
            texts.len() == 1 && texts[0].starts_with(expected),
            "{after}: {texts:?}"
        );
    }
}

/// Whoever the site does not know has no lease any longer where it may not: that is said beforehand, once for a VLAN.
#[test]
fn whom_a_vlan_shuts_out_is_warned_of() {
    let open = Parts::new().text();
    let shut = open.replace("dhcp {", "dhcp { unknown-clients \"deny\";");
    assert_ne!(open, shut);
    let known = "machine \"m\" { ethernet \"e\" mac=\"52:54:00:00:00:09\" vlan=\"pxe\" }";
    let [open_known, shut_known] = [&open, &shut].map(|text| format!("{text}{known}"));
    let leases = [
        lease("10.0.0.150", STRANGER),
        lease("10.0.0.151", "52:54:00:00:00:08"),
        // Of another VLAN.
        lease("10.99.0.9", "52:54:00:00:00:07"),
    ];
    for (before, after, leases, expected) in [
        (&open, &shut, &leases[..], Some("2 leases")),
        (&open, &shut_known, &leases, Some("one lease ")),
        (&open_known, &shut_known, &leases[..1], None),
        (&open, &shut, &leases[2..], None),
        (&open, &shut, &[], None),
        (&open, &open, &leases, None),
        (&shut, &open, &leases, None),
        (&shut, &shut, &leases, None),
    ] {
        let mut lab = Lab::new();
        lab.apply(before);
        lab.world.facts.leases.extend_from_slice(leases);
        let warnings = lab.plan(after).warnings;
        let words: Vec<_> = warnings.iter().map(ToString::to_string).collect();
        let is_told = |expected: &str| {
            let text = &words[0];
            let help = warnings[0].help();
            words.len() == 1
                && text.contains("/pxe will serve only")
                && text.contains(expected)
                && help.contains("/pxe` lists the leases there")
        };
        match expected {
            Some(expected) => assert!(is_told(expected), "{expected}: {words:?}"),
            None => assert_eq!(words, [""; 0]),
        }
    }
}

#[test]
fn a_bridge_that_stays_keeps_its_ports() {
    let mut lab = Lab::new();
    lab.apply(&with("bridge \"br0\" vlan=\"pxe\" {", "hosts"));
    let plan = lab.apply("controller \"rack-1\" { ethernet \"eno2\" }");
    let told = waiting(&plan).join("\n");
    let port = format!("controller/rack-1/link/eno1: stays, since {BRIDGE} needs it");
    assert!(told.contains(&port), "{told}");
}

#[test]
fn an_apply_that_is_not_kept_forgets_nothing() {
    let mut lab = Lab::new();
    lab.apply(&with("image \"tiny\" {", "hosts"));
    let before = lab.last.clone();
    // Planned without protection, undone at every step, and never kept.
    super::undone(&lab.world, &lab.plan(&Parts::new().text()));
    assert_eq!(lab.last, before);
    lab.apply(BARE);
    assert!(lab.holds("image/tiny"));
}

fn chosen(numbers: &[usize]) -> Vec<bool> {
    (0..13).map(|number| numbers.contains(&number)).collect()
}

/// What leads from one part of the universe to another, where every route is protected.
fn with_routes_protected(from: &[usize], to: &[usize]) -> Plan {
    let world = world(&chosen(from), &[false; 13]);
    let (last, mut next) = (desired(subset(&chosen(from))), desired(subset(&chosen(to))));
    let is_route = |key: &Key| matches!(key, Key::Route { .. });
    let routes: Vec<bool> = next.state.keys().map(is_route).collect();
    protect(&mut next, &routes);
    check_after(Some(&last), &State::new(), &world, &next);
    planned_after(Some(&last), &State::new(), &next, &world)
}

#[test]
fn a_protected_route_is_never_without_ground() {
    let (route, host) = (
        "controller/rack-1/route/10.9.0.0/16@main/100",
        "controller/rack-1",
    );
    // To another gateway: the route changes before what held it goes.
    let plan = with_routes_protected(&[0, 8, 11], &[1, 9, 12]);
    let expected = [
        format!("+ {host}/link/br1"),
        format!("+ {host}/address/10.1.0.2/24@br1"),
        format!("~ {route}"),
        format!("- {host}/address/10.0.0.3/24@br0"),
        format!("- {host}/link/br0"),
    ];
    assert_eq!(steps(&plan), expected);
    assert!(plan.waiting.is_empty());
    // So it does before a link goes down that is given back.
    let plan = with_routes_protected(&[2, 6, 11], &[1, 9, 12]);
    let expected = [
        format!("+ {host}/link/br1"),
        format!("+ {host}/address/10.1.0.2/24@br1"),
        format!("~ {route}"),
        format!("- {host}/address/10.0.0.2/24@eno1"),
        format!("< {host}/link/eno1"),
    ];
    assert_eq!(steps(&plan), expected);
    // To the same gateway from another address: the old one stays, since a kernel might take the route along.
    let plan = with_routes_protected(&[0, 8, 11], &[0, 7, 11]);
    assert_eq!(steps(&plan), [format!("+ {host}/address/10.0.0.2/24@br0")]);
    let told = format!("{host}/address/10.0.0.3/24@br0: stays, since {route} needs it  site.kdl:7");
    assert_eq!(waiting(&plan), [told]);
}

fn protect(desired: &mut Desired, chosen: &[bool]) {
    let origin = Origin {
        file: "site.kdl".into(),
        line: 7,
        column: 1,
    };
    let keys: Vec<Key> = desired.state.keys().cloned().collect();
    for (key, _) in keys.into_iter().zip(chosen).filter(|(_, chosen)| **chosen) {
        let origin = origin.clone();
        let reason = Some("production".to_owned());
        let protection = Protection { reason, origin };
        desired.protected.insert(key, protection.into());
    }
}

/// No step takes away, replaces or gives back what is in `protected`.
fn spares(plan: &Plan, protected: &BTreeSet<&Key>) {
    for step in plan
        .steps
        .iter()
        .filter(|step| protected.contains(&step.key))
    {
        let is_in_place = step.after.is_some()
            && matches!(step.action, Action::Create | Action::Update | Action::Claim);
        assert!(is_in_place, "{step:#?} of {plan:#?}");
    }
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn protected_things_survive_any_edits(
        ours in proptest::collection::vec(any::<bool>(), 13),
        foreign in proptest::collection::vec(any::<bool>(), 13),
        edits in proptest::collection::vec(proptest::collection::vec(any::<bool>(), 13), 1..4),
        protections in proptest::collection::vec(proptest::collection::vec(prop::bool::weighted(0.3), 13), 4),
    ) {
        let mut world = world(&ours, &foreign);
        let mut last = desired(subset(&ours));
        let mut kept = State::new();
        protect(&mut last, &protections[0]);
        for (edit, chosen) in edits.iter().zip(&protections[1..]) {
            let mut next = desired(subset(edit));
            protect(&mut next, chosen);
            let plan = planned_after(Some(&last), &kept, &next, &world);
            // What was protected and is declared without protection now is free.
            let old = last.protected.keys().filter(|key| !next.state.contains_key(*key));
            let protected: BTreeSet<&Key> = old.chain(next.protected.keys()).collect();
            spares(&plan, &protected);
            let (after, remembered) = check_after(Some(&last), &kept, &world, &next);
            for key in protected {
                let is_held = world.state.contains_key(key) && !world.is_foreign(key);
                prop_assert!(!is_held || after.state.contains_key(key), "{key} is gone: {plan:#?}");
                prop_assert!(remembered.protected.contains_key(key), "{key} is forgotten");
            }
            (world, last, kept) = (after, remembered, plan.kept);
            // A claim of what fell for good is nothing that a host shows.
            let state = &world.state;
            world.facts.ownership.retain(|key, _| state.contains_key(key));
        }
    }
}
