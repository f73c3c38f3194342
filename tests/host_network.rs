//! What a controller's block comes to in the site: links, addresses, settings, routes and policy rules.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

use bedplate::diag::render;
use bedplate::lang::files::MemoryFiles;
use bedplate::site::compile;
use bedplate::site::model::{
    Controller, ControllerLink, ControllerRoute, LinkForm, PlacedAddress, PolicyRule, RouteHop,
    RuleAction, Site,
};
use bedplate::state::desired;

/// A site around a controller's block.
fn compiled(block: &str) -> Site {
    let text = format!(
        r#"site "s" domain="s.example"
fabric "f" {{
    vlan "a" id=1 {{ subnet "10.1.0.0/24"; subnet "fd01::/64" }}
    vlan "b" id=2
    vlan "c" id=3
    vlan "e" id=4 {{ subnet "10.4.0.0/24"; subnet "fd04::/64" }}
}}
fabric "g" {{ vlan "b" id=2 }}
route "10.90.0.0/16" {{ via "10.4.0.254"; metric 5 }}
controller "c" {{
    ethernet "e1" vlan="a" {{ address "10.1.0.2"; address "fd01::2" }}
    ethernet "e2"
    ethernet "e3"
{block}
}}
"#
    );
    let mut files = MemoryFiles::default();
    files.insert("site.kdl", text.into_bytes());
    let compiled = compile(&files, "site.kdl");
    let shown = render::text(&compiled.diagnostics, &compiled.sources, false);
    assert!(compiled.diagnostics.is_empty(), "{shown}");
    compiled.site.unwrap()
}

fn address(placed: &PlacedAddress) -> String {
    let flags = [
        ("noprefixroute", placed.prefix_route),
        ("deprecated", placed.preferred),
        ("nodad", placed.duplicate_detection),
    ];
    let flags = flags.iter().filter(|(_, usual)| !usual);
    let flags: String = flags.map(|(flag, _)| format!(" {flag}")).collect();
    format!("{}{flags}", placed.address)
}

fn form(form: &LinkForm) -> String {
    match form {
        LinkForm::Ethernet => "ethernet".to_owned(),
        LinkForm::Bond(bond) => format!("bond {}", bond.mode),
        LinkForm::Tagged { on, protocol } => format!("{} on {on}", protocol.as_str()),
        LinkForm::Bridge(bridge) => {
            let ports = bridge
                .port_vlans
                .iter()
                .map(|(port, vlans)| format!(" {port}:{:?}/{:?}", vlans.tagged, vlans.untagged));
            format!(
                "bridge filtering={} pvid={}{}",
                bridge.vlan_filtering,
                bridge.default_pvid,
                ports.collect::<String>()
            )
        }
        LinkForm::Loopback => "loopback".to_owned(),
        LinkForm::Dummy => "dummy".to_owned(),
        LinkForm::Vrf { table, ports } => {
            let ports: Vec<&str> = ports.iter().map(|port| port.as_str()).collect();
            format!("vrf {table} of {}", ports.join(" "))
        }
    }
}

fn link(name: &str, link: &ControllerLink) -> String {
    let addresses = link.addresses.iter().map(address);
    let settings = link
        .settings
        .iter()
        .map(|(one, value)| format!("{one}={value}"));
    let parts: Vec<String> = addresses.chain(settings).collect();
    format!("{name}: {}; {}", form(&link.form), parts.join(", "))
}

fn hop(hop: &RouteHop) -> String {
    let via = hop.via.map(|via| format!(" via {via}"));
    let on = hop.link.as_ref().map(|link| format!(" on {link}"));
    let weight = (hop.weight != 1).then(|| format!(" weight {}", hop.weight));
    let onlink = hop.onlink.then(|| " onlink".to_owned());
    [via, on, weight, onlink].into_iter().flatten().collect()
}

fn route(route: &ControllerRoute) -> String {
    let hops: String = route.hops.iter().map(hop).collect();
    let source = route.source.map(|source| format!(" source {source}"));
    format!(
        "{} {}{hops} table {} metric {}{}",
        route.kind,
        route.destination,
        route.table,
        route.metric,
        source.unwrap_or_default()
    )
}

fn rule(rule: &PolicyRule) -> String {
    let word = |name: &str, value: Option<String>| value.map(|value| format!(" {name} {value}"));
    let selectors: String = [
        word("from", rule.from.map(|one| one.to_string())),
        word("to", rule.to.map(|one| one.to_string())),
        word("incoming", rule.incoming.as_ref().map(ToString::to_string)),
        word("outgoing", rule.outgoing.as_ref().map(ToString::to_string)),
        word("mark", rule.mark.map(|one| one.to_string())),
    ]
    .into_iter()
    .flatten()
    .collect();
    let action = match rule.action {
        RuleAction::Table(table) => format!("table {table}"),
        RuleAction::Blackhole => "blackhole".to_owned(),
        RuleAction::Unreachable => "unreachable".to_owned(),
        RuleAction::Prohibit => "prohibit".to_owned(),
    };
    format!("{} {}{selectors}: {action}", rule.priority, rule.family)
}

/// The controller as lines, without the links that every case has.
fn lines(controller: &Controller) -> Vec<String> {
    let links = controller.links.iter();
    let more = links.filter(|(name, _)| !["e1", "e2", "e3"].contains(&name.as_str()));
    more.map(|(name, one)| link(name.as_str(), one))
        .chain(controller.routes.iter().map(route))
        .chain(controller.rules.iter().map(rule))
        .collect()
}

/// How the keys begin of all that the controller says.
fn keys(controller: &Controller) -> Vec<String> {
    let links = controller.links.keys();
    let links = links.map(|name| format!("controller/c/link/{name}"));
    let routes = controller.routes.iter();
    let routes = routes.map(|route| format!("controller/c/route/{}@", route.destination));
    let rules = controller.rules.iter();
    let rules = rules.map(|rule| format!("controller/c/rule/{}/{}", rule.family, rule.priority));
    links.chain(routes).chain(rules).collect()
}

fn check(cases: &[(&str, &[&str])]) {
    for (block, expected) in cases {
        let site = compiled(block);
        let controller = site.controllers.values().next().unwrap();
        assert_eq!(lines(controller), *expected, "{block}");
        let wanted = desired(&site, &"c".parse().unwrap());
        let made = wanted.state.keys().map(ToString::to_string);
        let told = wanted.unapplied.iter().map(|one| one.what.clone());
        let known: Vec<String> = made.chain(told).collect();
        for key in keys(controller) {
            let is_known = known.iter().any(|one| one.starts_with(&key));
            assert!(is_known, "{key} is neither made nor listed as not applied");
        }
    }
}

#[test]
fn links_of_every_kind() {
    check(&[
        (
            r#"dummy "d" mtu=1400 { address "192.0.2.5/32"; address "fd02::1/64" duplicate-detection=#false }"#,
            &["d: dummy; 192.0.2.5/32, fd02::1/64 nodad"],
        ),
        (
            r#"vrf "red" table=4294967295 { ports "e2" "e1"; forwarding #true }"#,
            &["red: vrf 4294967295 of e2 e1; forwarding=1"],
        ),
        (
            r#"tagged "s" on="e2" vlan="f/b" protocol="802.1ad"; tagged "q" on="s" vlan="g/b""#,
            &["q: 802.1Q on s; ", "s: 802.1ad on e2; "],
        ),
        (
            r#"tagged "x" on="e2" vlan="f/b" protocol="802.1ad"; tagged "y" on="e2" vlan="f/b""#,
            &["x: 802.1ad on e2; ", "y: 802.1Q on e2; "],
        ),
        (
            r#"bridge "br" { ports "e2" "e3" }"#,
            &["br: bridge filtering=false pvid=1; "],
        ),
        (
            r#"bond "bo" mode="802.3ad" { ports "e3" }
            tagged "bo.3" on="bo" vlan="c"
            bridge "br" {
                ports "e2" "bo"
                vlan-filtering #true
                default-pvid 0
                port "e2" { tagged "c" "f/b"; untagged "a" }
                port "br" { tagged "a" }
            }
            dummy "d"
            vrf "v" table=7 { ports "br" "d" "bo.3" }"#,
            &[
                "bo: bond 802.3ad; ",
                "bo.3: 802.1Q on bo; ",
                "br: bridge filtering=true pvid=0 br:{1}/None e2:{2, 3}/Some(1); ",
                "d: dummy; ",
                "v: vrf 7 of br d bo.3; ",
            ],
        ),
    ]);
}

#[test]
fn addresses_keep_their_order_and_settings_their_numbers() {
    check(&[
        (
            r#"ethernet "e4" vlan="a" {
                address "10.1.0.9" preferred=#false
                address "10.1.0.3" prefix-route=#false
                address "fd01::9" duplicate-detection=#false preferred=#false
                address "10.1.0.4"
            }"#,
            &[
                "e4: ethernet; 10.1.0.9/24 deprecated, 10.1.0.3/24 noprefixroute, fd01::9/64 deprecated nodad, 10.1.0.4/24",
            ],
        ),
        (
            r#"ethernet "e4" {
                rp-filter "loose"; proxy-arp #true; arp-accept #false; arp-filter #true
                arp-announce 2; arp-ignore 8; accept-ra #true; forwarding #false
            }"#,
            &[
                "e4: ethernet; forwarding=0, accept-ra=2, arp-ignore=8, arp-announce=2, arp-filter=1, arp-accept=0, proxy-arp=1, rp-filter=2",
            ],
        ),
    ]);
}

#[test]
fn routes_of_a_controller() {
    check(&[
        (
            r#"route "10.5.0.0/16" { via "10.1.0.9" on="e1" weight=256; via "10.1.0.8"; metric 5; source "10.1.0.2" }"#,
            &[
                "unicast 10.5.0.0/16 via 10.1.0.8 via 10.1.0.9 on e1 weight 256 table 254 metric 5 source 10.1.0.2",
            ],
        ),
        (
            r#"route "10.6.0.0/16" { via "fd01::9" }
            route "10.5.0.0/16" { on "e2"; table "main" }
            route "10.5.0.0/16" { via "10.9.0.1" on="e2" onlink=#true; table 200 }"#,
            &[
                "unicast 10.5.0.0/16 via 10.9.0.1 on e2 onlink table 200 metric 0",
                "unicast 10.5.0.0/16 on e2 table 254 metric 0",
                "unicast 10.6.0.0/16 via fd01::9 table 254 metric 0",
            ],
        ),
        (
            r#"route "10.9.0.1/32" { on "e2" }
            route "10.8.0.0/16" { via "10.9.0.1" }"#,
            &[
                "unicast 10.8.0.0/16 via 10.9.0.1 table 254 metric 0",
                "unicast 10.9.0.1/32 on e2 table 254 metric 0",
            ],
        ),
        (
            r#"vrf "red" table=1001 { ports "e2" }
            route "0.0.0.0/0" type="unreachable" { table "red"; metric 4278198272 }
            route "fd08::/16" type="prohibit"
            route "10.8.0.0/16" type="blackhole"
            route "fd09::/16" { via "fe80::1" on="e2" }"#,
            &[
                "red: vrf 1001 of e2; ",
                "unreachable 0.0.0.0/0 table 1001 metric 4278198272",
                "blackhole 10.8.0.0/16 table 254 metric 0",
                "prohibit fd08::/16 table 254 metric 0",
                "unicast fd09::/16 via fe80::1 on e2 table 1001 metric 0",
            ],
        ),
    ]);
}

/// The keys of the controller's routes: its own, its default gateways' and the site's.
fn tables(site: &Site) -> Vec<String> {
    let wanted = desired(site, &"c".parse().unwrap());
    let keys = wanted.state.keys().map(ToString::to_string);
    let routes = keys.filter_map(|key| Some(key.strip_prefix("controller/c/route/")?.to_owned()));
    routes.collect()
}

const RED: &str = r#"vrf "red" table=1001 { ports "e4" }"#;
const E4: &str = r#"ethernet "e4" vlan="e" { address "10.4.0.2"; address "fd04::2" }"#;

#[test]
fn what_only_a_port_of_a_vrf_reaches_is_in_its_table() {
    let own = r#"default-gateway "10.4.0.1" "fd04::1"
        route "10.8.0.0/16" { via "10.4.0.9" }
        route "10.9.0.0/16" { via "10.4.0.9" on="e4"; table "main" }
        route "10.10.0.0/16" { via "10.1.0.9"; table 7 }
        route "10.11.0.0/16" { via "10.4.0.9" on="e4"; via "10.1.0.9" }
        route "10.12.0.0/16" { on "e4" }
        route "10.13.0.0/16" { via "10.12.0.9" }
        route "10.14.0.0/16" { via "10.15.0.9" on="e4" onlink=#true }
        route "10.16.0.0/16" type="blackhole"
        route "10.1.0.0/16" { via "10.4.0.9" }
        route "10.1.0.0/16" { via "10.1.0.9" }
    "#;
    let site = compiled(&format!("{E4}; {RED}; {own}"));
    let expected = [
        "0.0.0.0/0@1001/0",
        "10.1.0.0/16@main/0",
        "10.1.0.0/16@1001/0",
        "10.8.0.0/16@1001/0",
        "10.9.0.0/16@main/0",
        "10.10.0.0/16@7/0",
        "10.11.0.0/16@main/0",
        "10.12.0.0/16@1001/0",
        "10.13.0.0/16@1001/0",
        "10.14.0.0/16@1001/0",
        "10.16.0.0/16@main/0",
        "10.90.0.0/16@1001/5",
        "::/0@1001/1024",
    ];
    assert_eq!(tables(&site), expected);
}

#[test]
fn what_is_reached_otherwise_too_is_not() {
    let cases: [(String, &[&str]); 4] = [
        // Also through a link outside.
        (
            format!(
                r#"{E4}; {RED}; ethernet "e5" vlan="e" {{ address "10.4.0.3" }}
                default-gateway "10.4.0.1" "fd04::1"
                route "10.8.0.0/16" {{ via "10.4.0.9" }}
                route "10.9.0.0/16" {{ via "10.4.0.9" on="e4" }}"#
            ),
            &[
                "0.0.0.0/0@main/0",
                "10.8.0.0/16@main/0",
                "10.9.0.0/16@1001/0",
                "10.90.0.0/16@main/5",
                "::/0@1001/1024",
            ],
        ),
        // An address that makes no neighbours leads nowhere.
        (
            format!(
                r#"{E4}; {RED}; ethernet "e5" vlan="e" {{ address "10.4.0.3" prefix-route=#false }}
                default-gateway "10.4.0.1""#
            ),
            &["0.0.0.0/0@1001/0", "10.90.0.0/16@1001/5"],
        ),
        // What DHCP gives a port.
        (
            format!(
                r#"ethernet "e4" vlan="e" {{ address "dhcp" }}; {RED}; default-gateway "10.4.0.1"
                route "10.8.0.0/16" {{ via "10.4.0.9" }}"#
            ),
            &[
                "0.0.0.0/0@1001/0",
                "10.8.0.0/16@1001/0",
                "10.90.0.0/16@1001/5",
            ],
        ),
        // No port of a VRF at all.
        (
            format!(r#"{E4}; vrf "red" table=1001; default-gateway "10.4.0.1""#),
            &["0.0.0.0/0@main/0", "10.90.0.0/16@main/5"],
        ),
    ];
    for (block, expected) in cases {
        assert_eq!(tables(&compiled(&block)), expected, "{block}");
    }
}

#[test]
fn rules_of_a_controller() {
    check(&[(
        r#"vrf "red" table=1001
        rule 32765 { mark 4294967295; table "main" }
        rule 20 { from "10.0.0.0/8"; to "10.1.0.0/16"; incoming "lo"; outgoing "e1"; table "red" }
        rule 20 { to "fd00::/8"; table 255 }
        rule 10 type="blackhole" family="ipv6"
        rule 11 type="unreachable" { from "0.0.0.0/0" }
        rule 12 type="prohibit" { incoming "e2" }"#,
        &[
            "red: vrf 1001 of ; ",
            "10 ipv6: blackhole",
            "11 ipv4 from 0.0.0.0/0: unreachable",
            "12 ipv4 incoming e2: prohibit",
            "12 ipv6 incoming e2: prohibit",
            "20 ipv4 from 10.0.0.0/8 to 10.1.0.0/16 incoming lo outgoing e1: table 1001",
            "20 ipv6 to fd00::/8: table 255",
            "32765 ipv4 mark 4294967295: table 254",
            "32765 ipv6 mark 4294967295: table 254",
        ],
    )]);
}
