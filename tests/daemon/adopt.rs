//! What others set up on the host is taken into the site's file, whose other bytes stay as they are.

use std::fs;

use serde_json::Value;

use super::lab::{Lab, Said};

/// Comments stand wherever they may.
const SITE: &str = r#"// the lab
site "lab" domain="lab.example" { include "racks/*.kdl" }

fabric "plant" { // one
    vlan "pxe" { subnet "10.70.0.0/16" }
    vlan "side"   id=20 mtu=1400 { subnet "10.71.0.0/24"; subnet "fd71::/64" }
}
"#;

const RACK: &str = "// rack 1\ncontroller \"rack-1\" {\n  ethernet \"port1\" /* left */ vlan=\"pxe\" { address \"10.70.0.2\" } // the first\n\n  // nothing below\n}\n// the end\n";

fn lab() -> Lab {
    let lab = Lab::new();
    fs::create_dir(lab.path("site/racks")).unwrap();
    lab.write(SITE);
    rack(&lab, RACK);
    lab
}

fn rack(lab: &Lab, text: &str) {
    fs::write(lab.path("site/racks/1.kdl"), text).unwrap();
}

/// The site's files as they are now.
fn files(lab: &Lab) -> (String, String) {
    let read = |path: &str| fs::read_to_string(lab.path(path)).unwrap();
    (read("site/site.kdl"), read("site/racks/1.kdl"))
}

fn key(rest: &str) -> String {
    format!("controller/rack-1/{rest}")
}

#[track_caller]
fn adopted(lab: &Lab, keys: &[&str]) -> Said {
    let said = lab.run(&[&["adopt", "--yes"], keys].concat());
    assert_eq!(said.code, 0, "{said:?}");
    said
}

/// The signs and keys of a plan's steps on the host.
fn steps(lab: &Lab) -> Vec<(String, String)> {
    let plan = lab.json(&["plan"]);
    let steps = plan["steps"].as_array().unwrap().iter();
    let word = |step: &Value, name: &str| step[name].as_str().unwrap().to_owned();
    steps
        .filter(|step| step["changes"] == Value::Array(Vec::new()))
        .map(|step| (word(step, "action"), word(step, "key")))
        .collect()
}

#[test]
fn what_others_made_is_taken_over_and_then_claimed_without_a_change() {
    let lab = lab();
    lab.host.ip("address add 10.71.0.9/24 dev port2");
    lab.host.ip("address add fd71::9/64 dev port2 nodad");
    lab.host.ip("link set port2 mtu 1450");
    lab.host.ip("address add 192.0.2.9/32 dev lo");
    lab.host
        .ip("rule add pref 1000 from 10.70.0.9 iif port2 table 200");
    let _daemon = lab.serve();
    lab.applied();
    // Behind the site's own: the host sends from the first.
    lab.host.ip("address add 10.70.0.3/16 dev port1");
    let said = lab.run(&["adopt"]);
    assert!(
        said.code == 0
            && said
                .out
                .contains("= controller/rack-1/link/port2  physical"),
        "{said:?}"
    );
    let before = files(&lab);
    let said = lab.run(&["adopt", "--diff", "**"]);
    assert!(
        said.out
            .contains("+  ethernet \"port2\" vlan=\"side\" mtu=1450"),
        "{said:?}"
    );
    assert_eq!(files(&lab), before, "nothing is written for the asking");
    let refused = lab.run(&["adopt", "**"]);
    assert!(
        refused.code == 1 && refused.err.contains("--yes"),
        "{refused:?}"
    );
    adopted(&lab, &["**"]);
    let rack = "// rack 1\ncontroller \"rack-1\" {\n  ethernet \"port1\" /* left */ vlan=\"pxe\" { address \"10.70.0.2\"; address \"10.70.0.3\" } // the first\n\n  // nothing below\n  loopback { address \"192.0.2.9/32\" }\n  ethernet \"port2\" vlan=\"side\" mtu=1450 { address \"10.71.0.9\"; address \"fd71::9\" duplicate-detection=#false }\n  rule 1000 { from \"10.70.0.9/32\"; incoming \"port2\"; table 200 }\n}\n// the end\n";
    assert_eq!(files(&lab), (SITE.to_owned(), rack.to_owned()));
    let claim = |rest: &str| ("claim".to_owned(), key(rest));
    let expected = [
        claim("link/lo"),
        claim("link/port2"),
        claim("address/10.70.0.3/16@port1"),
        claim("address/10.71.0.9/24@port2"),
        claim("address/192.0.2.9/32@lo"),
        claim("address/fd71::9/64@port2"),
        claim("rule/ipv4/1000"),
    ];
    let mut found = steps(&lab);
    found.sort();
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(
        lab.json(&["plan"])["steps"].as_array().unwrap().len(),
        found.len()
    );
    let again = adopted(&lab, &["**"]);
    assert!(again.out.contains("says it already"), "{again:?}");
    lab.applied();
}

#[test]
fn a_bridge_of_others_comes_with_its_ports() {
    let lab = lab();
    for line in [
        "link add br9 type bridge forward_delay 200",
        "link set port2 master br9",
        "link set br9 up",
        "address add 10.71.0.9/24 dev br9",
    ] {
        lab.host.ip(line);
    }
    let _daemon = lab.serve();
    let said = adopted(&lab, &[&key("address/10.71.0.9/24@br9")]);
    assert!(
        said.out
            .contains(&format!("taken along: {}", key("link/port2"))),
        "{said:?}"
    );
    let (_, rack) = files(&lab);
    let lines = "  ethernet \"port2\"\n  bridge \"br9\" vlan=\"side\" mtu=1500 { ports \"port2\"; forward-delay \"2s\"; address \"10.71.0.9\" }\n}";
    assert!(rack.contains(lines), "{rack}");
    let claims = steps(&lab);
    for rest in ["link/br9", "link/port2", "address/10.71.0.9/24@br9"] {
        assert!(
            claims.contains(&("claim".to_owned(), key(rest))),
            "{rest}: {claims:?}"
        );
    }
    lab.applied();
}

#[test]
fn what_others_changed_is_what_the_site_says_then() {
    let lab = lab();
    let _daemon = lab.serve();
    rack(&lab, &RACK.replace("vlan=\"pxe\"", "vlan=\"pxe\" mtu=1600"));
    lab.applied();
    lab.host.ip("link set port1 mtu 1550");
    let said = lab.run(&["adopt"]);
    assert!(
        said.out.contains("mtu  1600 in the site, 1550 on the host"),
        "{said:?}"
    );
    adopted(&lab, &[&key("link/port1")]);
    let expected = RACK.replace("vlan=\"pxe\"", "vlan=\"pxe\" mtu=1550");
    assert_eq!(files(&lab).1, expected);
    assert_eq!(lab.run(&["plan", "--exit-code"]).code, 0);
    adopted(&lab, &[&key("link/port1")]);
    assert_eq!(files(&lab).1, expected, "and so it stays");
}

#[test]
fn a_default_gateway_is_taken_over() {
    let lab = lab();
    lab.host.ip("address add 10.70.0.2/16 dev port1");
    lab.host.ip("route add default via 10.70.0.1");
    let _daemon = lab.serve();
    adopted(&lab, &[&key("route/0.0.0.0/0@main/0")]);
    assert!(
        files(&lab)
            .1
            .contains("\n  default-gateway \"10.70.0.1\"\n}"),
        "{:?}",
        files(&lab)
    );
    let claims = steps(&lab);
    assert!(
        claims.contains(&("claim".to_owned(), key("route/0.0.0.0/0@main/0"))),
        "{claims:?}"
    );
}

#[test]
fn what_the_site_cannot_say_is_left_with_its_reason() {
    let lab = lab();
    lab.host.ip("address add 10.99.0.9/24 dev port2");
    lab.host.ip("address add 10.71.0.9/28 dev port2");
    lab.host.ip("address add 10.70.0.9/16 dev port2");
    lab.host.ip("link add br9 type bridge");
    let _daemon = lab.serve();
    let before = files(&lab);
    for (rest, reason) in [
        (
            "address/10.99.0.9/24@port2",
            "declare subnet \"10.99.0.0/24\"",
        ),
        (
            "address/10.71.0.9/28@port2",
            "the site has the subnet 10.71.0.0/24 there",
        ),
        ("link/br9", "it is down"),
    ] {
        let said = lab.run(&["adopt", "--yes", &key(rest)]);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(
            said.err.contains("D041") && said.err.contains(reason),
            "{said:?}"
        );
        assert_eq!(files(&lab), before);
    }
    for wrong in ["link/port9", "link/p?rt9"] {
        let said = lab.run(&["adopt", "--yes", &key(wrong)]);
        assert!(said.code == 1 && said.err.contains("D040"), "{said:?}");
    }
    // A bridge must have ports, which only the compiler knows.
    lab.host.ip("link set br9 up");
    let told = lab.json(&["adopt", "--yes", "**"]);
    assert_eq!(told["written"], true);
    let refused: Vec<&str> = told["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["key"].as_str().unwrap())
        .collect();
    assert_eq!(
        refused,
        [
            key("link/br9"),
            key("address/10.71.0.9/28@port2"),
            key("address/10.99.0.9/24@port2")
        ]
    );
    assert!(
        files(&lab)
            .1
            .contains("ethernet \"port2\" vlan=\"pxe\" { address \"10.70.0.9\" }"),
        "{told}"
    );
}

#[test]
fn another_controller_and_a_site_with_faults_are_refused() {
    let lab = lab();
    let _daemon = lab.serve();
    rack(&lab, "controller \"rack-2\"\n");
    let said = lab.run(&["adopt"]);
    assert!(said.code == 1 && said.err.contains("D010"), "{said:?}");
    rack(&lab, "controller \"rack-1\" {\n");
    let said = lab.run(&["adopt"]);
    assert!(said.code == 1 && said.err.contains("E001"), "{said:?}");
    let said = lab.run(&["adopt", "../elsewhere", "**"]);
    assert!(
        said.code == 1 && said.err.contains("cannot read"),
        "{said:?}"
    );
}

#[test]
fn where_nothing_can_be_taken_over_nothing_is_offered() {
    let lab = lab();
    let _daemon = lab.serve();
    lab.applied();
    lab.host.ip("link set port2 down");
    lab.host.ip("address add 10.99.0.9/24 dev port1");
    let listed = |offered| {
        let said = lab.run(&["adopt"]);
        assert!(
            said.out
                .contains("? controller/rack-1/address/10.99.0.9/24@port1"),
            "{said:?}"
        );
        assert_eq!(said.out.contains("Take them into"), offered, "{said:?}");
    };
    listed(false);
    lab.host.ip("address add 10.70.0.3/16 dev port1");
    listed(true);
}
