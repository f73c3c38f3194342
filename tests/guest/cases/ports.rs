//! Ports that move between bonds and bridges, and those that others put there.

use std::fmt::Write as _;

use bedplate::plan::{Detail, Paint, render};
use serde_json::json;

use crate::lab::Lab;
use crate::support::guest;

fn master(lab: &Lab, link: &str) -> serde_json::Value {
    lab.witness(&format!("link show dev {link}"), "/0/master")
}

#[test]
fn addresses_move_to_a_new_bridge() {
    guest::inside(|| {
        // As an installer leaves it: an address on the port, and a default route through it.
        let mut lab = Lab::with(&[
            "address add 10.0.0.2/24 dev p0",
            "route add default via 10.0.0.1",
        ]);
        let address = r#"address "10.0.0.2"; address "fd00::2""#;
        let head = r#"default-gateway "10.0.0.1""#;
        lab.apply(&format!(
            r#"{head}; ethernet "p0" vlan="u" {{ {address} }}"#
        ));
        lab.apply(&format!(
            r#"{head}; ethernet "p0"; bridge "br0" vlan="u" {{ ports "p0"; {address} }}"#
        ));
        for route in ["default", "10.90.0.0/16"] {
            let routes = lab.inside.ip(&format!("route show {route}"));
            assert!(routes.contains("dev br0"), "{routes}");
        }
        assert_eq!(lab.inside.ip("-4 -o address show dev p0"), "");
        lab.apply(&format!(
            r#"{head}; ethernet "p0" vlan="u" {{ {address} }}"#
        ));
        assert!(lab.inside.ip("route show default").contains("dev p0"));
    });
}

#[test]
fn addresses_of_others_move_up_and_come_back() {
    guest::inside(|| {
        let mut lab = Lab::with(&[
            "address add 10.0.0.2/24 dev p0",
            "address add 10.7.0.2/24 dev p0",
            "address add fd00::2/64 dev p0 nodad",
            "route add default via 10.0.0.1 proto static",
        ]);
        let [bridge, bond] = [r#"bridge "above""#, r#"bond "above" mode="active-backup""#];
        for above in [bridge, bond] {
            let before = lab.observe();
            let is_as_before = |lab: &Lab, when: &str| {
                let now = lab.observe();
                assert_eq!(before.state, now.state, "{when}");
                assert_eq!(before.facts.ownership, now.facts.ownership, "{when}");
            };
            let block = format!(
                r#"ethernet "p0"; ethernet "p1"
                {above} vlan="u" {{ ports "p0" "p1"; address "10.0.0.2"; address "fd00::2" }}"#
            );
            let plan = lab.apply(&block);
            let shown = render(&plan, Detail::Full, Paint::Plain);
            for line in [
                "- address 10.0.0.2/24 on p0",
                "(moves to above)",
                "+ address 10.0.0.2/24 on above",
                "(moves here from p0)",
            ] {
                assert!(shown.contains(line), "{line} in {shown}");
            }
            let on = |link: &str| {
                lab.inside
                    .ip(&format!("-o address show dev {link} scope global"))
            };
            assert!(on("above").contains("10.0.0.2/24") && on("above").contains("fd00::2/64"));
            // The one that the site does not speak of stays.
            assert!(
                !on("p0").contains("10.0.0.2/24") && on("p0").contains("10.7.0.2/24"),
                "{}",
                on("p0")
            );
            assert!(!on("p0").contains("fd00::2/64"), "{}", on("p0"));
            let routes = lab.inside.ip("route show default");
            assert!(routes.contains("dev above"), "{routes}");
            // All the way back at once, and by another site.
            lab.take_back(&plan, &before);
            is_as_before(&lab, "taken back");
            lab.apply(&block);
            lab.apply("");
            is_as_before(&lab, "withdrawn");
        }
    });
}

#[test]
fn addresses_move_to_the_bond() {
    guest::inside(|| {
        let mut lab = Lab::new();
        let address = r#"address "10.0.0.2"; address "fd00::2""#;
        lab.apply(&format!(
            r#"ethernet "p0" vlan="u" {{ {address} }}; ethernet "p1""#
        ));
        lab.apply(&format!(
            r#"ethernet "p0"; ethernet "p1"; bond "bond0" mode="802.3ad" vlan="u" {{ ports "p0" "p1"; {address} }}"#
        ));
        assert!(
            lab.inside
                .ip("route show 10.90.0.0/16")
                .contains("dev bond0")
        );
        assert_eq!(lab.inside.ip("-4 -o address show dev p0"), "");
        lab.apply(&format!(
            r#"ethernet "p0" vlan="u" {{ {address} }}; ethernet "p1""#
        ));
        assert!(lab.inside.ip("route show 10.90.0.0/16").contains("dev p0"));
    });
}

#[test]
fn ports_move_and_swap() {
    guest::inside(|| {
        let mut lab = Lab::new();
        let block = |[a, b, br]: [&str; 3]| {
            format!(
                r#"ethernet "p0"; ethernet "p1"; ethernet "p2"; ethernet "p3"
                bond "a" mode="active-backup" mtu=9000 {{ ports {a} }}
                bond "b" mode="802.3ad" {{ ports {b} }}
                bridge "br" {{ ports {br} }}"#
            )
        };
        let rounds = [
            [r#""p0""#, r#""p1" "p3""#, r#""p2""#],
            [r#""p1""#, r#""p0" "p3""#, r#""p2""#],
            [r#""p2""#, r#""p0""#, r#""p1" "p3""#],
            [r#""p3" "p0""#, r#""p2""#, r#""p1""#],
        ];
        for round in rounds {
            lab.apply(&block(round));
            for (of, ports) in ["a", "b", "br"].into_iter().zip(round) {
                for port in ports.split_whitespace() {
                    let port = port.trim_matches('"');
                    assert_eq!(master(&lab, port), of, "{port}");
                    let mtu = if of == "a" { 9000 } else { 1500 };
                    assert_eq!(
                        lab.witness(&format!("link show dev {port}"), "/0/mtu"),
                        json!(mtu),
                        "{port}"
                    );
                }
            }
        }
    });
}

#[test]
fn a_bridge_that_goes_leaves_its_ports_up() {
    guest::inside(|| {
        let mut lab = Lab::new();
        lab.apply(r#"ethernet "p0"; bridge "br0" { ports "p0" }"#);
        lab.inside.ip("link add theirs type dummy");
        lab.inside.ip("link set theirs up master br0");
        lab.apply(r#"ethernet "p0""#);
        for port in ["p0", "theirs"] {
            let flags = lab.witness(&format!("link show dev {port}"), "/0/flags");
            assert!(
                flags.as_array().unwrap().contains(&json!("UP")),
                "{port} {flags}"
            );
            assert_eq!(master(&lab, port), json!(null));
        }
    });
}

#[test]
fn ports_of_others_stay() {
    guest::inside(|| {
        let mut lab = Lab::new();
        let block = |bond: &str, bridge: &str| {
            format!(
                r#"ethernet "p0"; ethernet "p1"
                bond "bond0" mode="{bond}" {{ ports "p0" }}
                bridge "br0" {{ ports "p1"; {bridge} }}"#
            )
        };
        lab.apply(&block("active-backup", ""));
        let tap = "link add tap7 address 02:00:00:00:00:17 type dummy";
        lab.inside.batch(&[
            tap,
            "link set tap7 up master br0",
            "link set p3 down",
            "link set p3 master bond0",
        ]);
        for (bond, bridge) in [
            ("802.3ad", "stp #true"),
            ("balance-rr", ""),
            ("active-backup", "vlan-filtering #true"),
        ] {
            lab.apply(&block(bond, bridge));
            assert_eq!(
                (master(&lab, "tap7"), master(&lab, "p3")),
                (json!("br0"), json!("bond0")),
                "{bond}"
            );
        }
        lab.apply(r#"ethernet "p0""#);
        assert_eq!(
            lab.witness("link show dev tap7", "/0/address"),
            "02:00:00:00:00:17"
        );
        assert_eq!(
            lab.witness("link show dev p3", "/0/address"),
            "02:00:00:00:00:03"
        );
    });
}

#[test]
fn another_default_vlan() {
    guest::inside(|| {
        let mut lab = Lab::new();
        let block = |bridge: &str| {
            format!(r#"ethernet "p0"; ethernet "p1"; bridge "br0" {{ ports "p0" "p1"; {bridge} }}"#)
        };
        lab.apply(&block(
            r#"vlan-filtering #true; port "p1" { tagged "v10" }"#,
        ));
        lab.inside
            .batch(&["link add tap7 type dummy", "link set tap7 up master br0"]);
        let added = lab
            .inside
            .output("bridge", &["vlan", "add", "dev", "tap7", "vid", "20"]);
        assert!(added.status.success());
        let vlans = |lab: &Lab, port: &str| {
            let said = lab
                .inside
                .output("bridge", &["-j", "vlan", "show", "dev", port])
                .stdout;
            let said: serde_json::Value = serde_json::from_slice(&said).unwrap();
            let all = said
                .pointer("/0/vlans")
                .and_then(|all| all.as_array().cloned())
                .unwrap_or_default();
            all.iter()
                .map(|one| one["vlan"].as_u64().unwrap())
                .collect::<Vec<_>>()
        };
        let rounds: [(&str, [&[u64]; 3]); 4] = [
            (
                r#"vlan-filtering #true; default-pvid 5; port "p1" { tagged "v10" }"#,
                [&[5], &[10], &[5, 20]],
            ),
            (
                r#"vlan-filtering #true; default-pvid 0; port "p1" { tagged "v20" "v10" }"#,
                [&[], &[10, 20], &[20]],
            ),
            (r#"vlan-filtering #true; default-pvid 0"#, [&[], &[], &[20]]),
            (
                r#"vlan-filtering #true; default-pvid 1"#,
                [&[1], &[1], &[1, 20]],
            ),
        ];
        for (bridge, expected) in rounds {
            lab.apply(&block(bridge));
            let found = ["p0", "p1", "tap7"].map(|port| vlans(&lab, port));
            assert_eq!(found, expected.map(<[u64]>::to_vec), "{bridge}");
        }
    });
}

/// What every port of the host's bridges carries, also where its bridge does not filter.
fn tables(lab: &Lab) -> serde_json::Value {
    let said = lab.inside.output("bridge", &["-j", "vlan", "show"]);
    assert!(said.status.success());
    serde_json::from_slice(&said.stdout).unwrap()
}

#[test]
fn a_bridge_that_filters_again_forgets_what_it_kept() {
    guest::inside(|| {
        let block = |bridge: &str| {
            format!(r#"ethernet "p0"; ethernet "p1"; bridge "br0" {{ ports "p0" "p1"; {bridge} }}"#)
        };
        let bridges = [
            "",
            "vlan-filtering #true; default-pvid 0",
            r#"vlan-filtering #true; port "p0" { tagged "v10" }; port "br0" { tagged "v20" }"#,
            r#"vlan-filtering #true; default-pvid 0; port "p0" { untagged "v20"; tagged "v10" }; port "br0" { untagged "v10" }"#,
            r#"vlan-filtering #true; default-pvid 20; port "p1" { tagged "v30" } }; vrf "red" table=9 { ports "br0""#,
            r#"vlan-filtering #true; port "br0" { tagged "v30" } }; vrf "red" table=9 { ports "br0""#,
        ];
        let fresh = bridges.map(|bridge| {
            let mut lab = Lab::new();
            lab.apply(&block(bridge));
            tables(&lab)
        });
        let mut lab = Lab::new();
        let mut check = |at: usize| {
            lab.apply(&block(bridges[at]));
            assert_eq!(tables(&lab), fresh[at], "{}", bridges[at]);
            if at == 0 {
                // Others fill the table that nobody sees.
                let added = ["vlan", "add", "dev", "p1", "vid", "7"];
                assert!(lab.inside.output("bridge", &added).status.success());
            }
        };
        for at in 1..bridges.len() {
            check(at);
            check(0);
            check(1 + at % (bridges.len() - 1));
        }
    });
}

#[test]
fn hundreds_of_vlans_on_a_bridge() {
    guest::inside(|| {
        let mut lab = Lab::new();
        let ids = 1000..1200;
        let mut text = "site \"lab\" domain=\"lab.example\"\nfabric \"f\" {\n".to_owned();
        for id in ids.clone() {
            let _ = writeln!(text, "vlan \"v{id}\" id={id}");
        }
        let names: String = ids.clone().map(|id| format!(" \"v{id}\"")).collect();
        text.push_str("}\ncontroller \"rack-1\" {\nethernet \"p0\"\n");
        let _ = writeln!(
            text,
            "bridge \"br0\" {{ ports \"p0\"; vlan-filtering #true; port \"p0\" {{ tagged{names} }}; port \"br0\" {{ tagged{names} }} }}"
        );
        for id in ids.clone() {
            let _ = writeln!(text, "tagged \"br0.{id}\" on=\"br0\" vlan=\"v{id}\"");
        }
        text.push_str("}\n");
        lab.apply_text(&text);
        let links = lab.inside.ip_json("link show type vlan");
        assert_eq!(links.as_array().unwrap().len(), ids.len());
    });
}

#[test]
fn a_bridge_keeps_its_address_whatever_its_ports() {
    guest::inside(|| {
        let bond = r#"ethernet "p3"; bond "bond0" mode="balance-rr" { ports "p3" }"#;
        let tagged = r#"tagged "outer" on="bond0" vlan="v20" protocol="802.1ad""#;
        let bridge =
            |port: &str, mtu: u32| format!("bridge \"br0\" mtu={mtu} {{ ports \"{port}\" }}");
        let firsts = [
            format!("{bond}; {}", bridge("bond0", 1400)),
            format!("{bond}; {tagged}; {}", bridge("outer", 1400)),
            format!("ethernet \"p3\"; {}", bridge("p3", 1400)),
        ];
        let made = [
            "link add br0 type bridge",
            "link set p3 master br0",
            "link set br0 up",
        ];
        // What Bedplate makes, and what others made and it has from now on.
        for (first, found) in firsts
            .iter()
            .map(|first| (first, &[][..]))
            .chain([(&firsts[2], &made[..])])
        {
            let mut lab = Lab::with(found);
            lab.apply(first);
            lab.apply(&format!("ethernet \"p1\"; {}", bridge("p1", 1500)));
            let mac = lab.witness("link show dev br0", "/0/address");
            assert_eq!(mac, "02:00:00:00:00:03", "{first} {found:?}");
        }
    });
}
