//! What a plan would cut or take away unasked, told in words: an edit of a site, what the host is besides, and the hazards of the plan.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

use std::collections::BTreeMap;

use bedplate::base::digest::Digest;
use bedplate::base::name::{HostName, LinkName};
use bedplate::lang::files::MemoryFiles;
use bedplate::plan::{Detail, Inputs, Paint, Plan, plan, render};
use bedplate::site::compile;
use bedplate::state::{
    BesideAddress, BesideRoute, Desired, Facts, Key, Link, LinkFact, LinkKind, Observation,
    Ownership, Resource, Session, SessionService, State, desired,
};

const HEAD: &str = r#"
site "lab" domain="lab.example"
fabric "f" {
    vlan "mgmt" {
        subnet "10.0.0.0/24" { gateway "10.0.0.1" }
        subnet "fd00::/64"
    }
    vlan "bmc" id=30 { subnet "10.30.0.0/24" }
}
machine "node-01" {
    bmc "redfish" address="10.30.0.11" username="admin" password=(env)"SECRET"
}
machine "node-02" {
    bmc "redfish" address="10.30.0.12" username="admin" password=(env)"SECRET"
}
"#;

/// A host before an edit, and what is the case on it beside what the site says.
#[derive(Clone, Copy, Default)]
struct Case<'a> {
    /// The controller's block, and what else the site has.
    before: &'a str,
    after: &'a str,
    /// `remote local`, with a star in front for whoever asks.
    sessions: &'a [&'a str],
    /// Addresses from leases: `address link`.
    leased: &'a [(&'a str, &'a str)],
    /// Routes from leases: destination, gateway, link.
    ways: &'a [(&'a str, &'a str, &'a str)],
    expected: &'a [&'a str],
}

fn controller() -> HostName {
    "rack-1".parse().unwrap()
}

fn link(name: &str) -> LinkName {
    name.parse().unwrap()
}

fn meaning(text: &str) -> Desired {
    let mut files = MemoryFiles::default();
    files.insert("site.kdl", format!("{HEAD}{text}").into_bytes());
    files.insert_digest("boot/tiny", Digest::of(b"tiny"), 4);
    let compiled = compile(&files, "site.kdl");
    let site = compiled.site;
    let site = site.unwrap_or_else(|| panic!("{text}: {:?}", compiled.diagnostics));
    desired(&site, &controller())
}

fn session(text: &str) -> Session {
    let yours = text.starts_with('*');
    let (remote, local) = text.trim_start_matches('*').split_once(' ').unwrap();
    let (remote, local) = (remote.parse().unwrap(), local.parse().unwrap());
    let service = SessionService::Ssh;
    Session {
        yours,
        service,
        local,
        remote,
        link: None,
    }
}

/// The host as `applied` makes it, with two ports more that nobody has claimed.
fn host(applied: &Desired) -> Observation {
    let mut world = Observation::default();
    for (key, resource) in &applied.state {
        world.state.insert(key.clone(), resource.settled(None));
    }
    for name in ["eno1", "eno2", "eno3"] {
        let key = Key::Link {
            controller: controller(),
            link: link(name),
        };
        let fact = LinkFact {
            mac: None,
            permanent_mac: None,
            carrier: true,
            mtu_min: None,
            mtu_max: None,
        };
        world.facts.links.insert(link(name), fact);
        let before = Resource::Link(Link::new(LinkKind::Physical, true, Some(1500)));
        let ownership = match world.state.get(&key) {
            Some(_) => Ownership::Claimed {
                before: before.clone(),
            },
            None => Ownership::Foreign,
        };
        world.facts.ownership.insert(key.clone(), ownership);
        world.state.entry(key).or_insert(before);
    }
    world
}

fn planned(observed: &Observation, applied: &Desired, wanted: &Desired) -> Plan {
    let inputs = Inputs {
        site: &"lab".parse().unwrap(),
        controller: &controller(),
        desired: wanted,
        observed,
        applied: Some(applied),
        kept: &State::new(),
        elsewhere: &BTreeMap::new(),
    };
    plan(inputs).unwrap()
}

fn check(case: &Case<'_>) {
    let applied = meaning(case.before);
    let mut world = host(&applied);
    let Facts {
        sessions, beside, ..
    } = &mut world.facts;
    *sessions = case.sessions.iter().map(|text| session(text)).collect();
    beside.addresses = case
        .leased
        .iter()
        .map(|(address, on)| BesideAddress {
            link: Some(link(on)),
            address: address.parse().unwrap(),
        })
        .collect();
    let ways = case.ways.iter().map(|(destination, via, on)| BesideRoute {
        destination: destination.parse().unwrap(),
        metric: 0,
        via: Some(via.parse().unwrap()),
        link: Some(link(on)),
    });
    beside.routes = ways.collect();
    let plan = planned(&world, &applied, &meaning(case.after));
    let told = plan
        .hazards
        .iter()
        .map(|hazard| format!("{} {}", hazard.kind, hazard.text));
    let told: Vec<String> = told.collect();
    let steps: Vec<String> = plan
        .steps
        .iter()
        .enumerate()
        .map(|(at, step)| format!("{} {:?} {}", at + 1, step.action, step.key))
        .collect();
    let (before, after) = (case.before, case.after);
    assert_eq!(told, case.expected, "{before} -> {after}\n{steps:#?}");
}

const ON_PORT: &str = r#"controller "rack-1" {
    default-gateway "10.0.0.1"
    ethernet "eno1" vlan="mgmt" { address "10.0.0.2" }
}"#;

const ON_BRIDGE: &str = r#"controller "rack-1" {
    default-gateway "10.0.0.1"
    ethernet "eno1"
    bridge "br0" vlan="mgmt" { ports "eno1"; address "10.0.0.2" }
}"#;

/// A session from the subnet, one from afar.
const BOTH: &[&str] = &[
    "10.0.0.50:50000 10.0.0.2:22",
    "*192.0.2.9:50000 10.0.0.2:22",
];

#[test]
fn what_changes_nothing_cuts_nobody() {
    let other = |more: &str| ON_PORT.replace("}\n}", &format!("}}\n{more}\n}}"));
    for after in [
        ON_PORT.to_owned(),
        // Other links, addresses and routes come and change.
        other("ethernet \"eno2\" mtu=1400 vlan=\"bmc\" { address \"10.30.0.2\" }"),
        other(
            "ethernet \"eno2\"; bridge \"br1\" vlan=\"bmc\" { ports \"eno2\"; address \"10.30.0.2\" }",
        ),
        format!("{ON_PORT}\nroute \"10.99.0.0/16\" {{ via \"10.0.0.254\" }}"),
        ON_PORT.replace("eno1\" vlan", "eno1\" mtu=1400 vlan"),
        // Behind the first, from which the host goes on to send.
        ON_PORT.replace(
            "address \"10.0.0.2\"",
            "address \"10.0.0.2\"; address \"10.0.0.3\"",
        ),
        ON_PORT.replace("address", "address \"fd00::3\"; address"),
    ] {
        check(&Case {
            before: ON_PORT,
            after: &after,
            sessions: BOTH,
            ..Case::default()
        });
    }
}

/// The site with one part exchanged.
fn swap(from: &str, to: &str) -> String {
    assert!(ON_PORT.contains(from));
    ON_PORT.replace(from, to)
}

#[test]
fn sessions_are_cut_where_their_address_moves() {
    for (before, after, expected) in [
        (
            ON_PORT,
            ON_BRIDGE,
            vec![
                "default-route the IPv4 default route through 10.0.0.1 on eno1 gives way to one through 10.0.0.1 on br0: step 1 of 6 takes the default route away; that one is there once step 6 of 6 leads the default route through 10.0.0.1",
                "link-cut your session 192.0.2.9:50000 -> 10.0.0.2:22 arrives on eno1 (10.0.0.2/24)\nstep 1 of 6 takes the default route away; nothing gets through until step 6 of 6 leads the default route through 10.0.0.1",
                "link-cut the SSH session 10.0.0.50:50000 -> 10.0.0.2:22 arrives on eno1 (10.0.0.2/24)\nstep 2 of 6 takes 10.0.0.2/24 from eno1; nothing gets through until step 5 of 6 puts 10.0.0.2/24 on br0",
            ],
        ),
        (
            ON_BRIDGE,
            ON_PORT,
            vec![
                "default-route the IPv4 default route through 10.0.0.1 on br0 gives way to one through 10.0.0.1 on eno1: step 1 of 6 takes the default route away; that one is there once step 6 of 6 leads the default route through 10.0.0.1",
                "link-cut your session 192.0.2.9:50000 -> 10.0.0.2:22 arrives on br0 (10.0.0.2/24)\nstep 1 of 6 takes the default route away; nothing gets through until step 6 of 6 leads the default route through 10.0.0.1",
                "link-cut the SSH session 10.0.0.50:50000 -> 10.0.0.2:22 arrives on br0 (10.0.0.2/24)\nstep 2 of 6 takes 10.0.0.2/24 from br0; nothing gets through until step 5 of 6 puts 10.0.0.2/24 on eno1",
            ],
        ),
        (
            ON_PORT,
            &swap("10.0.0.2", "10.0.0.3"),
            vec![
                "default-route the IPv4 default route through 10.0.0.1 on eno1 is away for a while: step 1 of 4 takes the default route away; it is back once step 4 of 4 leads the default route through 10.0.0.1",
                "link-cut your session 192.0.2.9:50000 -> 10.0.0.2:22 arrives on eno1 (10.0.0.2/24)\nstep 1 of 4 takes the default route away; no later step mends it",
                "link-cut the SSH session 10.0.0.50:50000 -> 10.0.0.2:22 arrives on eno1 (10.0.0.2/24)\nstep 2 of 4 takes 10.0.0.2/24 from eno1; no later step mends it",
            ],
        ),
        (
            ON_PORT,
            &swap("eno1", "eno2"),
            vec![
                "default-route the IPv4 default route through 10.0.0.1 on eno1 gives way to one through 10.0.0.1 on eno2: step 1 of 6 takes the default route away; that one is there once step 6 of 6 leads the default route through 10.0.0.1",
                "link-cut your session 192.0.2.9:50000 -> 10.0.0.2:22 arrives on eno1 (10.0.0.2/24)\nstep 1 of 6 takes the default route away; nothing gets through until step 6 of 6 leads the default route through 10.0.0.1",
                "link-cut the SSH session 10.0.0.50:50000 -> 10.0.0.2:22 arrives on eno1 (10.0.0.2/24)\nstep 2 of 6 takes 10.0.0.2/24 from eno1; nothing gets through until step 5 of 6 puts 10.0.0.2/24 on eno2",
            ],
        ),
    ] {
        check(&Case {
            before,
            after,
            sessions: BOTH,
            expected: &expected,
            ..Case::default()
        });
    }
}

#[test]
fn sessions_are_cut_where_their_way_goes() {
    let two_ports = ON_BRIDGE
        .replace("eno1\"\n", "eno1\"\n    ethernet \"eno2\"\n")
        .replace("ports \"eno1\"", "ports \"eno1\" \"eno2\"");
    let bare = "controller \"rack-1\" { ethernet \"eno1\" }";
    for (before, after, expected) in [
        (
            ON_PORT,
            swap("default-gateway \"10.0.0.1\"", "").as_str(),
            vec![
                "default-route the IPv4 default route through 10.0.0.1 on eno1 is lost: step 1 of 1 takes the default route away, and none is left",
                "self-bmc 2 BMCs, 10.30.0.11 among them, are reached no more: step 1 of 1 takes the default route away",
                "link-cut your session 192.0.2.9:50000 -> 10.0.0.2:22 arrives on eno1 (10.0.0.2/24)\nstep 1 of 1 takes the default route away; no later step mends it",
            ],
        ),
        (
            ON_PORT,
            &swap("10.0.0.1\"", "10.0.0.9\""),
            vec![
                "default-route the IPv4 default route through 10.0.0.1 on eno1 gives way to one through 10.0.0.9 on eno1: step 1 of 1 leads the default route through 10.0.0.9",
            ],
        ),
        (
            &two_ports,
            ON_BRIDGE,
            vec![
                "link-cut your session 192.0.2.9:50000 -> 10.0.0.2:22 arrives on br0 (10.0.0.2/24)\nstep 1 of 1 takes eno2 out of br0, over which it may run; no later step mends it",
                "link-cut the SSH session 10.0.0.50:50000 -> 10.0.0.2:22 arrives on br0 (10.0.0.2/24)\nstep 1 of 1 takes eno2 out of br0, over which it may run; no later step mends it",
            ],
        ),
        (
            ON_PORT,
            bare,
            vec![
                "default-route the IPv4 default route through 10.0.0.1 on eno1 is lost: step 1 of 2 takes the default route away, and none is left",
                "self-bmc 2 BMCs, 10.30.0.11 among them, are reached no more: step 1 of 2 takes the default route away",
                "link-cut your session 192.0.2.9:50000 -> 10.0.0.2:22 arrives on eno1 (10.0.0.2/24)\nstep 1 of 2 takes the default route away; no later step mends it",
                "link-cut the SSH session 10.0.0.50:50000 -> 10.0.0.2:22 arrives on eno1 (10.0.0.2/24)\nstep 2 of 2 takes 10.0.0.2/24 from eno1; no later step mends it",
            ],
        ),
    ] {
        check(&Case {
            before,
            after,
            sessions: BOTH,
            expected: &expected,
            ..Case::default()
        });
    }
}

/// `ON_PORT` with more in the controller's block.
fn with(more: &str) -> String {
    swap("\n}", &format!("\n    {more}\n}}"))
}

#[test]
fn sessions_are_cut_where_their_packets_are_dropped() {
    const AFAR: &str = "link-cut your session 192.0.2.9:50000 -> 10.0.0.2:22 arrives on eno1 (10.0.0.2/24)\nstep 1 of 1";
    const NEAR: &str = "link-cut the SSH session 10.0.0.50:50000 -> 10.0.0.2:22 arrives on eno1 (10.0.0.2/24)\nstep 1 of 1";
    let told = |which: &str, step: &str| format!("{which} {step}; no later step mends it");
    for (more, expected) in [
        (
            r#"route "192.0.2.0/24" type="blackhole""#,
            vec![told(AFAR, "leads the route to 192.0.2.0/24 nowhere")],
        ),
        (
            r#"route "10.0.0.50/32" type="prohibit""#,
            vec![told(NEAR, "leads the route to 10.0.0.50/32 nowhere")],
        ),
        // The subnet's own route is longer, and so is one that leads there.
        (
            r#"route "10.0.0.0/16" type="blackhole" { metric 5; }"#,
            vec![],
        ),
        (r#"route "192.0.0.0/16" { via "10.0.0.1"; }"#, vec![]),
        // Another table is asked by nobody.
        (
            r#"route "192.0.2.0/24" type="blackhole" { table 200; }"#,
            vec![],
        ),
        (
            r#"rule 900 type="prohibit" { to "192.0.2.0/24"; }"#,
            vec![told(AFAR, "sets rule 900")],
        ),
        (
            r#"rule 900 type="blackhole" { from "10.0.0.2/32"; }"#,
            vec![told(AFAR, "sets rule 900"), told(NEAR, "sets rule 900")],
        ),
        // These are for packets of others.
        (
            r#"rule 900 type="prohibit" { from "10.0.0.3/32"; }"#,
            vec![],
        ),
        (
            r#"rule 900 type="prohibit" { incoming "eno1"; to "192.0.2.0/24"; }"#,
            vec![],
        ),
        (r#"rule 900 { to "192.0.2.0/24"; table 200; }"#, vec![]),
    ] {
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check(&Case {
            before: ON_PORT,
            after: &with(more),
            sessions: BOTH,
            expected: &expected,
            ..Case::default()
        });
    }
}

#[test]
fn a_default_route_that_drops_is_none() {
    let gone = "default-gateway \"10.0.0.1\"\n";
    let dropping = "route \"0.0.0.0/0\" type=\"unreachable\"\n";
    check(&Case {
        before: ON_PORT,
        after: &swap(gone, dropping),
        expected: &[
            "default-route the IPv4 default route through 10.0.0.1 on eno1 is lost: step 1 of 1 leads the default route nowhere, and none is left",
            "self-bmc 2 BMCs, 10.30.0.11 among them, are reached no more: step 1 of 1 leads the default route nowhere",
        ],
        ..Case::default()
    });
    check(&Case {
        before: &swap(gone, dropping),
        after: ON_PORT,
        sessions: BOTH,
        ..Case::default()
    });
}

#[test]
fn leased_addresses_and_routes_count_too() {
    // A session over a lease on eno3: nothing of it is in the site until the site makes a port of that link.
    let leased = Case {
        before: ON_PORT,
        sessions: &[
            "*192.0.2.9:50000 10.9.0.7:22",
            "[fd00::9]:50000 [fd00::2]:22",
        ],
        leased: &[("10.9.0.7/24", "eno3")],
        ways: &[("192.0.2.0/24", "10.9.0.1", "eno3")],
        ..Case::default()
    };
    check(&Case {
        after: &ON_PORT.replace("ethernet", "ethernet \"eno2\"\n ethernet"),
        ..leased
    });
    let bridge = "ethernet \"eno3\"; bridge \"br1\" { ports \"eno3\" }\n ethernet \"eno1";
    check(&Case {
        after: &ON_PORT.replace("ethernet \"eno1", bridge),
        expected: &[
            "link-cut your session 192.0.2.9:50000 -> 10.9.0.7:22 arrives on eno3 (10.9.0.7/24)\nstep 2 of 2 makes eno3 a port of br1; no later step mends it",
        ],
        ..leased
    });
    // A session on IPv6.
    let six = ON_PORT.replace("address", "address \"fd00::2\"; address");
    check(&Case {
        before: &six,
        after: ON_PORT,
        expected: &[
            "link-cut the SSH session [fd00::9]:50000 -> [fd00::2]:22 arrives on eno1 (fd00::2/64)\nstep 1 of 1 takes fd00::2/64 from eno1; no later step mends it",
        ],
        ..leased
    });
}

#[test]
fn many_sessions_of_one_kind_are_one_story() {
    let many: Vec<String> = (1..=40)
        .map(|n| format!("10.0.0.{n}:50000 10.0.0.2:22"))
        .chain(["*10.0.0.99:50000 10.0.0.2:22".to_owned()])
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let after = ON_PORT
        .replace("10.0.0.2", "10.0.0.3")
        .replace("    default-gateway \"10.0.0.1\"\n", "");
    check(&Case {
        before: &ON_PORT.replace("    default-gateway \"10.0.0.1\"\n", ""),
        after: &after,
        sessions: &many,
        expected: &[
            "link-cut your session 10.0.0.99:50000 -> 10.0.0.2:22 arrives on eno1 (10.0.0.2/24)\nstep 1 of 2 takes 10.0.0.2/24 from eno1; no later step mends it",
            "link-cut 40 SSH sessions to 10.0.0.2:22 arrive on eno1 (10.0.0.2/24)\nstep 1 of 2 takes 10.0.0.2/24 from eno1; no later step mends it",
        ],
        ..Case::default()
    });
}

#[test]
fn a_port_that_others_made_is_told_to_leave_and_not_to_go() {
    let site = |bridge: &str| {
        format!(
            "controller \"rack-1\" {{\n    ethernet \"eno1\"\n    ethernet \"eno2\"\n{bridge}}}\n"
        )
    };
    let bridge = "    bridge \"br0\" vlan=\"mgmt\" { ports \"eno1\" }\n";
    let applied = meaning(&site(bridge));
    let mut world = host(&applied);
    let port = Key::Link {
        controller: controller(),
        link: link("eno3"),
    };
    if let Some(Resource::Link(found)) = world.state.get_mut(&port) {
        found.port_of = Some(link("br0"));
    }
    let plan = planned(&world, &applied, &meaning(&site("")));
    let text = render(&plan, Detail::Full, Paint::Plain);
    let told: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.contains("link eno3"))
        .take(2)
        .map(str::trim)
        .collect();
    assert_eq!(
        told,
        [
            "~ link eno3  (falls with controller/rack-1/link/br0)",
            "port-of  br0 -> none"
        ],
        "{text}"
    );
    assert!(!text.contains("to lose"), "{text}");
}
