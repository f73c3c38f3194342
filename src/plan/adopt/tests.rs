//! Hosts that no test machine has, in the words of their sites: what is written, compiled again, is what was found.

use std::net::IpAddr;

use super::*;
use crate::base::bond::{BondMode, BondParameter, BondValue};
use crate::base::route::RouteKind;
use crate::base::vlan::VlanProtocol;
use crate::diag::span::Sources;
use crate::lang::edit::edit;
use crate::lang::files::MemoryFiles;
use crate::site::compile;
use crate::state::{
    Address, Bond, Bridge, Hop, Link, LinkFact, LinkKind, Ownership, PortVlan, Route, Rule,
    RuleAction, Table, Tagged, Vrf,
};

const HEAD: &str = "site \"s\" domain=\"s.example\"
fabric \"f\" {
    vlan \"v\" { subnet \"10.0.0.0/24\" }
    vlan \"w\" id=20 mtu=9000 { subnet \"10.1.0.0/24\" }
    vlan \"x\" id=30
    vlan \"z\" id=99
}
fabric \"g\" { vlan \"x\" id=40; vlan \"y\" id=20 }
";

fn compiled(text: &str) -> Site {
    let mut files = MemoryFiles::default();
    files.insert("site.kdl", text.as_bytes().to_vec());
    let compiled = compile(&files, "site.kdl");
    compiled
        .site
        .unwrap_or_else(|| panic!("{text}\n{:?}", compiled.diagnostics))
}

fn name() -> HostName {
    "c".parse().unwrap()
}

/// A host of others' making.
struct Found(Observation);

impl Found {
    fn new() -> Self {
        Self(Observation::default())
    }

    fn add(mut self, key: &str, resource: Resource) -> Self {
        let key: Key = format!("controller/c/{key}").parse().unwrap();
        let ownership = &mut self.0.facts.ownership;
        ownership.insert(key.clone(), Ownership::Foreign);
        self.0.state.insert(key, resource);
        self
    }

    fn link(self, name: &str, kind: LinkKind, mtu: u32, port_of: Option<&str>) -> Self {
        let link = Link {
            port_of: port_of.map(|of| of.parse().unwrap()),
            ..Link::new(kind, true, Some(mtu))
        };
        self.add(&format!("link/{name}"), Resource::Link(link))
    }

    fn port(self, name: &str) -> Self {
        self.link(name, LinkKind::Physical, 1500, None)
    }

    fn address(self, address: &str) -> Self {
        self.add(
            &format!("address/{address}"),
            Resource::Address(Address::default()),
        )
    }

    fn vlans(mut self, link: &str, vlans: &[(u16, bool)]) -> Self {
        let key: Key = format!("controller/c/link/{link}").parse().unwrap();
        let Some(Resource::Link(found)) = self.0.state.get_mut(&key) else {
            panic!("{link}");
        };
        let how = |plain| PortVlan {
            pvid: plain,
            untagged: plain,
        };
        found.vlans = vlans.iter().map(|(id, plain)| (*id, how(*plain))).collect();
        self
    }
}

fn keys(all: &[&str]) -> BTreeSet<Key> {
    let all = all.iter().map(|one| format!("controller/c/{one}"));
    all.map(|one| one.parse().unwrap()).collect()
}

/// The text of the controller after the adoption, which is as found and leaves nothing to adopt of what was asked for.
#[track_caller]
fn check(before: &str, found: Found, wanted: &[&str], after: &str) {
    let (text, observed, name) = (format!("{HEAD}{before}"), found.0, name());
    let site = compiled(&text);
    let adopter = Adopter::new(&site, &name, &observed).unwrap();
    let draft = adopter.draft(&keys(wanted));
    assert_eq!(draft.refused, BTreeMap::new());
    let id = Sources::default().add("site.kdl", text.as_str().into());
    let edited = edit(id, &text, &draft.edits).unwrap();
    assert_eq!(edited.strip_prefix(HEAD), Some(after));
    let new = compiled(&edited);
    let checked = adopter.check(&draft, &new);
    assert!(checked.is_ok(), "{checked:?}");
    let adopter = Adopter::new(&new, &name, &observed).unwrap();
    let left = adopter.candidates().into_iter().map(|one| one.key);
    let left: BTreeSet<Key> = left.collect();
    assert!(left.is_disjoint(&keys(wanted)), "{left:?}");
}

#[track_caller]
fn refused(before: &str, found: Found, wanted: &str, reason: &str) {
    let (text, name) = (format!("{HEAD}{before}"), name());
    let site = compiled(&text);
    let adopter = Adopter::new(&site, &name, &found.0).unwrap();
    let draft = adopter.draft(&keys(&[wanted]));
    let why: Vec<&String> = draft.refused.values().collect();
    assert!(
        why.last().is_some_and(|why| why.contains(reason)),
        "{why:?}"
    );
    assert!(
        draft.adopted.is_empty() || draft.refused.len() > 1,
        "{draft:?}"
    );
}

fn tagged(on: &str, id: u16) -> LinkKind {
    LinkKind::Tagged(Tagged {
        on: on.parse().unwrap(),
        id,
        protocol: VlanProtocol::Dot1q,
    })
}

fn bond(values: &[(BondParameter, BondValue)]) -> LinkKind {
    LinkKind::Bond(Bond::new(BondMode::ActiveBackup, values.iter().cloned()))
}

fn bridge(change: impl FnOnce(&mut Bridge)) -> LinkKind {
    let mut bridge = Bridge::plain(false);
    change(&mut bridge);
    LinkKind::Bridge(bridge)
}

#[test]
fn a_stack_comes_with_all_that_it_stands_on() {
    let values = [
        (BondParameter::MiiInterval, BondValue::Number(100)),
        (BondParameter::UpDelay, BondValue::Number(200)),
        (
            BondParameter::Primary,
            BondValue::Port("p2".parse().unwrap()),
        ),
        (BondParameter::AllPortsActive, BondValue::Number(1)),
        (BondParameter::GratuitousArp, BondValue::Number(3)),
    ];
    let found = Found::new()
        .link("p1", LinkKind::Physical, 9000, Some("b"))
        .link("p2", LinkKind::Physical, 9000, Some("b"))
        .link("b", bond(&values), 9000, None)
        .link("b.30", tagged("b", 30), 1400, None)
        .link("b.20", tagged("b", 20), 9000, None)
        .address("10.1.0.7/24@b.20");
    check(
        "controller \"c\" {\n    ethernet \"e\" vlan=\"v\"\n    bond \"a\" vlan=\"v\" mode=\"802.3ad\" { ports \"e2\" }\n    ethernet \"e2\"\n}\n",
        found,
        &["link/b.30"],
        "controller \"c\" {\n    ethernet \"e\" vlan=\"v\"\n    bond \"a\" vlan=\"v\" mode=\"802.3ad\" { ports \"e2\" }\n    ethernet \"e2\"\n    ethernet \"p1\" mtu=9000\n    ethernet \"p2\" mtu=9000\n    bond \"b\" mode=\"active-backup\" mtu=9000 {\n        ports \"p1\" \"p2\"\n        mii-interval \"100ms\"\n        up-delay \"200ms\"\n        primary \"p2\"\n        gratuitous-arp 3\n        all-ports-active #true\n    }\n    tagged \"b.30\" on=\"b\" vlan=\"f/x\" mtu=1400\n}\n",
    );
}

#[test]
fn a_bond_that_never_looks_says_so() {
    let found = Found::new()
        .link("p1", LinkKind::Physical, 1500, Some("b"))
        .link("b", bond(&[]), 1500, None);
    check(
        "controller \"c\"\n",
        found,
        &["link/b"],
        "controller \"c\" {\n    ethernet \"p1\"\n    bond \"b\" mode=\"active-backup\" { ports \"p1\"; mii-interval \"0ms\" }\n}\n",
    );
}

#[test]
fn a_vlan_is_that_of_the_fabric_below() {
    let site = "controller \"c\" {\n    ethernet \"p\" vlan=\"v\"\n}\n";
    let found = || {
        Found::new().link("p", LinkKind::Physical, 9000, None).link(
            "p.20",
            tagged("p", 20),
            9000,
            None,
        )
    };
    check(
        site,
        found().address("10.1.0.7/24@p.20"),
        &["address/10.1.0.7/24@p.20"],
        "controller \"c\" {\n    ethernet \"p\" vlan=\"v\" mtu=9000\n    tagged \"p.20\" on=\"p\" vlan=\"w\" { address \"10.1.0.7\" }\n}\n",
    );
    let unplugged = "controller \"c\" { ethernet \"p\"; }\n";
    refused(unplugged, found(), "link/p.20", "that of f/w and of g/y");
    let none = Found::new()
        .port("p")
        .link("p.50", tagged("p", 50), 1500, None);
    refused(site, none, "link/p.50", "fabric \"f\" { vlan \"…\" id=50 }");
    let home = found().address("10.0.0.7/24@p.20");
    refused(
        site,
        home,
        "address/10.0.0.7/24@p.20",
        "in no subnet of the VLAN f/w",
    );
}

#[test]
fn vrfs_dummies_and_bridges_are_written_with_what_they_have() {
    let found = Found::new()
        .link("p", LinkKind::Physical, 1500, Some("red"))
        .link("red", LinkKind::Vrf(Vrf { table: Table(7) }), 65_575, None)
        .link("d", LinkKind::Dummy, 1500, None)
        .address("192.0.2.1/32@d");
    check(
        "controller \"c\" { }\n",
        found,
        &["link/red", "address/192.0.2.1/32@d"],
        "controller \"c\" { ethernet \"p\"; dummy \"d\" { address \"192.0.2.1/32\" }; vrf \"red\" table=7 { ports \"p\" } }\n",
    );
    let filtering = |bridge: &mut Bridge| {
        bridge.vlan_filtering = true;
        bridge.default_pvid = 20;
    };
    let filtering = || {
        Found::new()
            .link("p", LinkKind::Physical, 1500, Some("b"))
            .link("q", LinkKind::Physical, 1500, Some("b"))
            .link("b", bridge(filtering), 1500, None)
            .vlans("p", &[(20, true)])
    };
    check(
        "controller \"c\"\n",
        filtering()
            .vlans("q", &[(30, false), (99, true)])
            .vlans("b", &[(30, false)]),
        &["link/b"],
        "controller \"c\" {\n    ethernet \"p\"\n    ethernet \"q\"\n    bridge \"b\" {\n        ports \"p\" \"q\"\n        default-pvid 20\n        vlan-filtering #true\n        port \"q\" { tagged \"f/x\"; untagged \"z\" }\n        port \"b\" { tagged \"f/x\" }\n    }\n}\n",
    );
    let unknown = filtering()
        .vlans("q", &[(77, false)])
        .vlans("b", &[(20, true)]);
    refused(
        "controller \"c\"\n",
        unknown,
        "link/b",
        "no VLAN with the id 77",
    );
    let stp = bridge(|bridge| {
        bridge.stp = true;
        bridge.forward_delay = 450;
    });
    let odd = Found::new().link("b", stp, 1500, None);
    refused("controller \"c\"\n", odd, "link/b", "whole seconds");
}

#[test]
fn a_port_that_others_added_joins_the_ports() {
    let site = "controller \"c\" {\n    ethernet \"p\"\n    bridge \"b\" { ports \"p\" /* one */ } // b\n}\n";
    let found = Found::new()
        .link("p", LinkKind::Physical, 1500, Some("b"))
        .link("q", LinkKind::Physical, 1500, Some("b"))
        .link("b", bridge(|_| ()), 1500, None);
    check(
        site,
        found,
        &["link/q"],
        "controller \"c\" {\n    ethernet \"p\"\n    bridge \"b\" { ports \"p\" \"q\" /* one */ } // b\n    ethernet \"q\"\n}\n",
    );
    let left = Found::new().port("p").link("b", bridge(|_| ()), 1500, None);
    refused(site, left, "link/p", "no port of b any more");
}

#[test]
fn changed_attributes_are_set_where_they_stand() {
    let found = Found::new()
        .link("p", LinkKind::Physical, 1500, Some("b"))
        .link(
            "b",
            bridge(|bridge| {
                bridge.stp = true;
                bridge.forward_delay = 400;
            }),
            1400,
            None,
        );
    check(
        "controller \"c\" {\n    ethernet \"p\"\n    bridge \"b\" { ports \"p\"; stp #false /* off */ } // b\n}\n",
        found,
        &["link/b"],
        "controller \"c\" {\n    ethernet \"p\"\n    bridge \"b\" mtu=1400 { ports \"p\"; stp #true /* off */; forward-delay \"4s\" } // b\n}\n",
    );
}

#[test]
fn links_go_by_the_names_that_the_site_has_for_them() {
    let mac = "02:00:00:00:00:01".parse().unwrap();
    let mut found = Found::new()
        .link("enp1s0", LinkKind::Physical, 1500, Some("b"))
        .link("b", bridge(|_| ()), 1500, None);
    let fact = LinkFact {
        mac: Some(mac),
        permanent_mac: Some(mac),
        carrier: true,
        mtu_min: None,
        mtu_max: None,
    };
    found.0.facts.links.insert("enp1s0".parse().unwrap(), fact);
    check(
        "controller \"C\" { ethernet \"lan\" mac=\"02:00:00:00:00:01\" }\n",
        found,
        &["link/b"],
        "controller \"C\" { ethernet \"lan\" mac=\"02:00:00:00:00:01\"; bridge \"b\" { ports \"lan\" } }\n",
    );
}

#[test]
fn gateways_of_both_families_are_one_node() {
    let via = |via: &str| Resource::Route(Route::through(via.parse().unwrap()));
    let found = Found::new()
        .port("p")
        .address("10.0.0.7/24@p")
        .add("route/0.0.0.0/0@main/0", via("10.0.0.2"));
    check(
        "controller \"c\" { default-gateway \"10.0.0.1\"; ethernet \"p\" vlan=\"v\" { address \"10.0.0.7\" } }\n",
        found,
        &["route/0.0.0.0/0@main/0"],
        "controller \"c\" { default-gateway \"10.0.0.2\"; ethernet \"p\" vlan=\"v\" { address \"10.0.0.7\" } }\n",
    );
}

#[test]
fn routes_are_nodes_of_their_controller() {
    let ip = |text: &str| -> IpAddr { text.parse().unwrap() };
    let several = Route {
        source: Some(ip("10.0.0.7")),
        ..Route::by(vec![
            Hop {
                weight: 3,
                ..Hop::to(ip("10.0.0.1"))
            },
            Hop::to(ip("10.0.0.2")),
        ])
    };
    let nowhere = Route {
        kind: RouteKind::Blackhole,
        ..Route::by(Vec::new())
    };
    let found = Found::new()
        .port("p")
        .address("10.0.0.7/24@p")
        .add("route/10.9.0.0/16@main/100", Resource::Route(several))
        .add("route/10.8.0.0/16@9/0", Resource::Route(nowhere));
    check(
        "controller \"c\"\n",
        found,
        &["route/10.9.0.0/16@main/100", "route/10.8.0.0/16@9/0"],
        "controller \"c\" {\n    ethernet \"p\" vlan=\"v\" { address \"10.0.0.7\" }\n    route \"10.8.0.0/16\" type=\"blackhole\" { table 9 }\n    route \"10.9.0.0/16\" { via \"10.0.0.1\" weight=3; via \"10.0.0.2\"; source \"10.0.0.7\"; metric 100 }\n}\n",
    );
}

/// A host with rules of all kinds.
fn ruled() -> Found {
    let prefix = |text: &str| Some(text.parse().unwrap());
    let link = |name: &str| Some(name.parse().unwrap());
    let all = Rule {
        from: None,
        to: None,
        incoming: None,
        outgoing: None,
        mark: None,
        action: RuleAction::Table(Table(200)),
    };
    Found::new()
        .port("e0")
        .port("e1")
        .link("lo", LinkKind::Loopback, 65_536, None)
        .add(
            "rule/ipv4/100",
            Resource::Rule(Rule {
                from: prefix("10.0.0.0/24"),
                incoming: link("e1"),
                ..all.clone()
            }),
        )
        .add(
            "rule/ipv4/101",
            Resource::Rule(Rule {
                mark: Some(7),
                action: RuleAction::Table(Table::MAIN),
                ..all.clone()
            }),
        )
        .add(
            "rule/ipv6/101",
            Resource::Rule(Rule {
                to: prefix("fd00::/64"),
                action: RuleAction::Drop(RouteKind::Prohibit),
                ..all.clone()
            }),
        )
        .add(
            "rule/ipv6/102",
            Resource::Rule(Rule {
                incoming: link("lo"),
                outgoing: link("e0"),
                action: RuleAction::Table(Table(300)),
                ..all
            }),
        )
}

#[test]
fn rules_are_said_with_the_links_that_they_name() {
    check(
        "controller \"c\" {
    ethernet \"e0\"
    vrf \"blue\" table=300
}
",
        ruled().link(
            "blue",
            LinkKind::Vrf(Vrf { table: Table(300) }),
            65_575,
            None,
        ),
        &[
            "rule/ipv4/100",
            "rule/ipv4/101",
            "rule/ipv6/101",
            "rule/ipv6/102",
        ],
        "controller \"c\" {
    ethernet \"e0\"
    vrf \"blue\" table=300
    ethernet \"e1\"
    rule 100 { from \"10.0.0.0/24\"; incoming \"e1\"; table 200 }
    rule 101 family=\"ipv4\" { mark 7; table \"main\" }
    rule 101 type=\"prohibit\" { to \"fd00::/64\" }
    rule 102 family=\"ipv6\" { incoming \"lo\"; outgoing \"e0\"; table \"blue\" }
}
",
    );
}
