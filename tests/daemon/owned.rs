//! Whose things are: what others made is claimed without a packet, given back as it was, and never taken by the way.

use serde_json::Value;

use super::lab::Lab;

const HEAD: &str = "site \"lab\" domain=\"lab.example\"\n";

const SIDE: &str = r#"
fabric "plant" { vlan "side" { subnet "10.71.0.0/24" } }
controller "rack-1" { ethernet "port1" vlan="side" { address "10.71.0.1" } }
route "10.72.0.0/16" { via "10.71.0.254" }
"#;

const BARE: &str = "controller \"rack-1\" { ethernet \"port1\" }\n";

/// A host whose port others have set up, with a route beyond it.
fn furnished(gateway: &str) -> Lab {
    let lab = Lab::new();
    lab.host.ip("address add 10.71.0.1/24 dev port1");
    lab.host.ip(&format!(
        "route add 10.72.0.0/16 via {gateway} proto static"
    ));
    lab
}

fn routes(lab: &Lab) -> Value {
    lab.host.ip_json("-4 route show")
}

fn site(lab: &Lab, text: &str) {
    lab.write(&format!("{HEAD}{text}"));
}

#[test]
fn a_claim_is_seen_by_no_packet_and_given_back_for_good() {
    let lab = furnished("10.71.0.254");
    let _daemon = lab.serve();
    let before = routes(&lab);
    site(&lab, SIDE);
    assert!(lab.run(&["plan"]).out.contains("= route 10.72.0.0/16"));
    lab.applied();
    assert_eq!(routes(&lab), before, "claimed");
    site(&lab, BARE);
    lab.applied();
    assert_eq!(routes(&lab), before, "given back");
    lab.applied();
    assert_eq!(routes(&lab), before, "and no apply takes it later");
}

#[test]
fn a_failed_apply_takes_no_claim_along() {
    let lab = furnished("10.71.0.254");
    let _daemon = lab.serve();
    let before = routes(&lab);
    let _thief = lab
        .host
        .run(|| std::net::TcpListener::bind("[::]:80").unwrap());
    let dhcp = r#"subnet "10.71.0.0/24" { dynamic-range "10.71.0.100-10.71.0.120" }; dhcp { controllers "rack-1" }"#;
    site(&lab, &SIDE.replace(r#"subnet "10.71.0.0/24""#, dhcp));
    assert_eq!(lab.apply().code, 4);
    assert_eq!(routes(&lab), before);
    site(&lab, BARE);
    lab.applied();
    assert_eq!(routes(&lab), before);
}

#[test]
fn a_route_of_others_through_another_gateway_keeps_its_place() {
    let lab = furnished("10.71.0.253");
    let _daemon = lab.serve();
    let before = routes(&lab);
    site(&lab, SIDE);
    let said = lab.apply();
    assert_eq!(said.code, 4, "{said:?}");
    let waiting = lab.status()["waiting"].to_string();
    assert!(waiting.contains("through another gateway"), "{waiting}");
    assert_eq!(routes(&lab), before);
}

#[test]
fn a_rule_of_others_keeps_its_priority() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    lab.host
        .ip("rule add from 10.1.0.0/16 lookup 7 priority 1000");
    lab.host
        .ip("rule add from 10.2.0.0/16 lookup 7 priority 1001");
    let rules = "rule 1000 { from \"10.9.0.0/16\"; table 7 }\n    rule 1001 { from \"10.2.0.0/16\"; table 7 }";
    let more = BARE.replace("ethernet", &format!("{rules}\n    ethernet"));
    let all = || lab.host.ip_json("rule show");
    let before = all();
    site(&lab, &more);
    let said = lab.apply();
    assert_eq!(said.code, 4, "{said:?}");
    let waiting = lab.status()["waiting"].to_string();
    assert!(waiting.contains("has its priority"), "{waiting}");
    // The one that the site names as it is was claimed, and is given back.
    assert_eq!(all(), before);
    site(&lab, BARE);
    lab.applied();
    assert_eq!(all(), before);
}

#[test]
fn a_port_in_a_bridge_of_others_stays_there() {
    let lab = Lab::new();
    lab.host.ip("link add virbr0 type bridge");
    lab.host.ip("link set port1 master virbr0");
    let _daemon = lab.serve();
    site(&lab, BARE);
    lab.applied();
    assert_eq!(
        lab.host.ip_json("link show dev port1")[0]["master"],
        "virbr0"
    );
}

#[test]
fn an_address_that_cannot_move_yet_stays_where_it_is() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    site(&lab, SIDE);
    lab.applied();
    let before = routes(&lab);
    site(&lab, &SIDE.replace("port1", "port9"));
    let said = lab.apply();
    assert_eq!(said.code, 4, "{said:?}");
    let waiting = lab.run(&["plan", "--full"]).out;
    assert!(waiting.contains("stays until"), "{waiting}");
    assert_eq!(routes(&lab), before);
}

#[test]
fn servers_answer_on_a_new_ipv6_address_at_once() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    let both = r#"subnet "fd00:71::/64"; subnet "10.71.0.0/24" { dynamic-range "10.71.0.100-10.71.0.120" }; dhcp { controllers "rack-1" }"#;
    let text = SIDE.replace(r#"subnet "10.71.0.0/24""#, both).replace(
        r#"address "10.71.0.1""#,
        r#"address "10.71.0.1"; address "fd00:71::1""#,
    );
    site(&lab, &text);
    lab.applied();
    let listeners = lab.status()["listeners"].to_string();
    assert!(listeners.contains("fd00:71::1"), "{listeners}");
}

#[test]
fn a_port_that_others_use_by_now_stays_up() {
    let lab = Lab::new();
    lab.host.ip("link set port1 down");
    let _daemon = lab.serve();
    site(&lab, BARE);
    lab.applied();
    lab.host.ip("address add 10.73.0.1/24 dev port1");
    lab.host.ip("route add 10.74.0.0/16 via 10.73.0.254");
    let before = routes(&lab);
    site(&lab, &BARE.replace("port1", "port2"));
    lab.applied();
    assert_eq!(routes(&lab), before);
}
