//! What routes, rules, addresses and links have beside what they are.

use bedplate::base::name::LinkName;
use bedplate::base::route::RouteKind;
use bedplate::base::setting::LinkSetting;
use bedplate::state::{Address, Hop, Link, LinkKind, Resource, Route, Rule, RuleAction, Table};
use serde_json::json;

use crate::rig::{Site, Step, address, chain, check, key, port};

fn hop(via: Option<&str>, link: Option<&str>, weight: u16, onlink: bool) -> Hop {
    Hop {
        via: via.map(|via| via.parse().unwrap()),
        link: link.map(|link| link.parse().unwrap()),
        weight,
        onlink,
    }
}

fn route(hops: &[Hop], source: Option<&str>) -> Option<Resource> {
    Some(Resource::Route(Route {
        source: source.map(|source| source.parse().unwrap()),
        ..Route::by(hops.to_vec())
    }))
}

fn dead(kind: RouteKind) -> Option<Resource> {
    let route = Route::by(Vec::new());
    Some(Resource::Route(Route { kind, ..route }))
}

fn rule(from: Option<&str>, incoming: Option<&str>, mark: Option<u32>, table: u32) -> Rule {
    Rule {
        from: from.map(|from| from.parse().unwrap()),
        to: None,
        incoming: incoming.map(|link| link.parse().unwrap()),
        outgoing: None,
        mark,
        action: RuleAction::Table(Table(table)),
    }
}

/// A step is done twice; what is observed then is what was wanted, its links among it.
fn exact(site: &Site, steps: &[Step]) {
    check_each(site, steps, |text, after| {
        let seen = site.observe_all().state;
        match (after, seen.get(&key(text))) {
            (Some(after), Some(found)) => assert_eq!(after.changes_from(found), [], "{text}"),
            (None, None) => {}
            (after, found) => panic!("{text}: {after:?} {found:?}"),
        }
    });
}

fn check_each(site: &Site, steps: &[Step], then: impl Fn(&str, Option<&Resource>)) {
    for step in steps {
        let Step(text, _, after) = step;
        for _ in 0..2 {
            let applied = site.apply(step);
            applied.unwrap_or_else(|error| panic!("{text}: {}", chain(&error)));
        }
        then(text, after.as_ref());
    }
}

const ADDRESSES: [&str; 4] = [
    "address add 10.9.0.1/24 dev p0",
    "address add 10.9.1.1/24 dev p1",
    "address add fd09::1/64 dev p0 nodad",
    "address add fd09:1::1/64 dev p1 nodad",
];

#[test]
fn routes_have_several_ways_sources_and_tables() {
    let site = Site::with(&ADDRESSES);
    let (first, second) = (
        hop(Some("10.9.0.254"), None, 1, false),
        hop(Some("10.9.1.254"), None, 4, false),
    );
    let both = || route(&[first.clone(), second.clone()], None);
    let one = || {
        route(
            &[hop(Some("10.9.0.254"), Some("p0"), 1, false)],
            Some("10.9.1.1"),
        )
    };
    let on_link = || route(&[hop(None, Some("p1"), 1, false)], None);
    let far = || route(&[hop(Some("172.16.0.1"), Some("p0"), 1, true)], None);
    let six = || {
        let ways = [
            hop(Some("fd09::2"), Some("p0"), 1, false),
            hop(Some("fd09:1::2"), Some("p1"), 2, false),
        ];
        route(&ways, None)
    };
    let local = || route(&[hop(Some("fe80::1"), Some("p0"), 1, false)], None);
    let black = || dead(RouteKind::Blackhole);
    exact(
        &site,
        &[
            Step("route/10.50.0.0/16@main/100", None, both()),
            Step("route/10.50.0.0/16@main/100", both(), one()),
            Step("route/10.50.0.0/16@main/100", one(), both()),
            Step("route/10.51.0.0/16@main/0", None, on_link()),
            Step("route/10.52.0.0/16@1001/7", None, far()),
            Step("route/10.53.0.0/16@main/0", None, black()),
            Step(
                "route/10.53.0.0/16@main/0",
                black(),
                dead(RouteKind::Prohibit),
            ),
            Step("route/fd50::/32@main/1024", None, six()),
            Step("route/fd51::/32@200/1024", None, local()),
            Step(
                "route/fd52::/32@main/1024",
                None,
                dead(RouteKind::Unreachable),
            ),
        ],
    );
    let said = site.inside.ip_json("route show 10.50.0.0/16");
    assert_eq!(said.pointer("/0/nexthops/1/weight"), Some(&json!(4)));
    let said = site.inside.ip_json("route show table 1001");
    assert_eq!(said.pointer("/0/flags/0"), Some(&json!("onlink")));
    exact(
        &site,
        &[
            Step("route/10.50.0.0/16@main/100", both(), None),
            Step("route/10.51.0.0/16@main/0", on_link(), None),
            Step("route/10.52.0.0/16@1001/7", far(), None),
            Step("route/10.53.0.0/16@main/0", dead(RouteKind::Prohibit), None),
            Step("route/fd50::/32@main/1024", six(), None),
            Step("route/fd51::/32@200/1024", local(), None),
            Step(
                "route/fd52::/32@main/1024",
                dead(RouteKind::Unreachable),
                None,
            ),
        ],
    );
    assert_eq!(site.inside.ip_json("-6 route show table 200"), json!([]));
}

#[test]
fn rules_are_made_changed_and_removed() {
    let site = Site::with(&ADDRESSES);
    let made = |rule: Rule| Some(Resource::Rule(rule));
    let first = || rule(Some("10.0.0.0/8"), Some("p0"), None, 100);
    let second = || rule(None, None, Some(5), 254);
    let drop = || Rule {
        action: RuleAction::Drop(RouteKind::Prohibit),
        ..rule(Some("fd00::/8"), None, None, 0)
    };
    check(
        &site,
        &[
            Step("rule/ipv4/1000", None, made(first())),
            Step("rule/ipv4/1000", made(first()), made(second())),
            Step("rule/ipv6/1000", None, made(drop())),
            Step("rule/ipv4/1000", made(second()), None),
        ],
    );
    let said = site.inside.ip_json("-6 rule show");
    let ours = said
        .as_array()
        .unwrap()
        .iter()
        .find(|rule| rule["priority"] == 1000);
    assert_eq!(ours.unwrap()["action"], "prohibit");
    // Others' rules are no concern of ours, two of one priority neither.
    site.inside
        .ip("rule add from 10.1.0.0/16 lookup 7 priority 900");
    site.inside
        .ip("rule add from 10.2.0.0/16 lookup 7 priority 900");
    let seen = site.observe();
    assert!(seen.state.contains_key(&key("rule/ipv4/900")));
    assert!(!seen.marked.contains(&key("rule/ipv4/900")));
}

#[test]
fn addresses_have_flags_and_an_order() {
    let site = Site::new();
    let flags = |prefix_route, preferred, secondary| {
        Some(Resource::Address(Address {
            prefix_route,
            preferred,
            secondary,
            ..Address::default()
        }))
    };
    let nodad = || {
        let plain = Address::default();
        Some(Resource::Address(Address {
            duplicate_detection: false,
            ..plain
        }))
    };
    exact(
        &site,
        &[
            Step(
                "address/10.9.0.2/24@p0",
                None,
                flags(true, true, Some(false)),
            ),
            Step(
                "address/10.9.0.1/24@p0",
                None,
                flags(true, true, Some(true)),
            ),
            Step("address/10.9.7.1/24@p0", None, flags(false, true, None)),
            Step("address/fd09::1/64@p0", None, flags(true, false, None)),
            Step("address/fd09::1/64@p0", flags(true, false, None), address()),
            Step("address/fd09::1/64@p0", address(), flags(true, false, None)),
            Step("address/fd09::2/64@p0", None, nodad()),
        ],
    );
    assert_eq!(site.inside.ip_json("route show 10.9.7.0/24"), json!([]));
    let said = site.inside.ip_json("route show 10.9.0.0/24");
    assert_eq!(said.pointer("/0/prefsrc"), Some(&json!("10.9.0.2")));
}

#[test]
fn settings_of_links_are_written_and_read() {
    let site = Site::new();
    let with = |settings: &[(LinkSetting, u32)]| {
        let link = Link::new(LinkKind::Physical, true, Some(1500));
        let settings = settings.iter().copied().collect();
        Some(Resource::Link(Link { settings, ..link }))
    };
    let all = [
        (LinkSetting::Forwarding, 1),
        (LinkSetting::AcceptRa, 2),
        (LinkSetting::ArpIgnore, 1),
        (LinkSetting::ArpAnnounce, 2),
        (LinkSetting::ArpFilter, 1),
        (LinkSetting::ArpAccept, 1),
        (LinkSetting::ProxyArp, 1),
        (LinkSetting::RpFilter, 2),
    ];
    let none = all.map(|(setting, _)| (setting, 0));
    exact(
        &site,
        &[
            Step("link/p0", port(true, 1500, None), with(&all)),
            Step("link/p0", with(&all), with(&none)),
            Step("link/p0", with(&none), with(&all)),
        ],
    );
    let read = |file: &str| {
        let path = format!("/proc/sys/net/{file}");
        site.inside.run(|| std::fs::read_to_string(path).unwrap())
    };
    let p0: LinkName = "p0".parse().unwrap();
    for (setting, value) in all {
        for file in setting.files() {
            let said = read(file.path(&p0).strip_prefix("net/").unwrap());
            assert_eq!(said.trim(), value.to_string(), "{setting}");
        }
    }
}
