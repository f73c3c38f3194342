//! Bonds that change below what stands on them.

use serde_json::json;

use crate::lab::Lab;
use crate::support::guest;

/// A bond with a tagged link, one on that, and a bridge on another.
fn stack(bond: &str) -> String {
    format!(
        r#"ethernet "p0"; ethernet "p1"; ethernet "p2"
        {bond}
        tagged "bond0.10" on="bond0" vlan="v10" {{ address "10.10.0.2"; address "fd00:10::2" }}
        tagged "outer" on="bond0" vlan="v20" protocol="802.1ad"
        tagged "inner" on="outer" vlan="g/w10" {{ address "10.110.0.2" }}
        tagged "bond0.30" on="bond0" vlan="v30"
        bridge "br0" vlan="v30" {{ ports "bond0.30" "p2"; address "10.30.0.2" }}"#
    )
}

#[test]
fn a_new_mode_loses_nothing() {
    guest::inside(|| {
        let mut lab = Lab::new();
        let bonds = [
            r#"bond "bond0" mode="802.3ad" { ports "p0" "p1"; lacp-rate "fast"; min-links 1 }"#,
            r#"bond "bond0" mode="active-backup" { ports "p0" "p1"; primary "p1"; arp-interval "200ms"; arp-targets "10.10.0.9" }"#,
            r#"bond "bond0" mode="balance-xor" { ports "p0" "p1"; transmit-hash "layer3+4" }"#,
            r#"bond "bond0" mode="802.3ad" { ports "p0" "p1"; lacp-rate "fast"; min-links 1 }"#,
        ];
        let data = |lab: &Lab, name: &str| {
            lab.witness(
                "link show dev bond0",
                &format!("/0/linkinfo/info_data/{name}"),
            )
        };
        for (bond, mode) in bonds
            .iter()
            .zip(["802.3ad", "active-backup", "balance-xor", "802.3ad"])
        {
            lab.apply(&stack(bond));
            assert_eq!(data(&lab, "mode"), mode);
            for port in ["p0", "p1"] {
                assert_eq!(
                    lab.witness(&format!("link show dev {port}"), "/0/master"),
                    "bond0"
                );
            }
            let routes = lab.inside.ip("route show 10.91.0.0/16")
                + &lab.inside.ip("-6 route show fd91::/32");
            assert_eq!(routes.matches("dev bond0.10").count(), 2, "{routes}");
            assert_eq!(lab.witness("link show dev bond0.30", "/0/master"), "br0");
        }
        assert_eq!(data(&lab, "primary"), json!(null));
        assert_eq!(data(&lab, "miimon"), json!(100));
    });
}

#[test]
fn ports_come_and_go_and_the_address_stays() {
    guest::inside(|| {
        let mut lab = Lab::new();
        let mac =
            |lab: &Lab, link: &str| lab.witness(&format!("link show dev {link}"), "/0/address");
        for ports in [
            r#""p2" "p1""#,
            r#""p1" "p0" "p2""#,
            r#""p0" "p2""#,
            r#""p2" "p3""#,
            // None of them stays.
            r#""p0" "p4""#,
        ] {
            lab.apply(&format!(
                r#"ethernet "p0"; ethernet "p1"; ethernet "p2"; ethernet "p3"; ethernet "p4"
                bond "bond0" mode="active-backup" {{ ports {ports} }}
                tagged "t" on="bond0" vlan="v10" {{ address "10.10.0.2" }}"#
            ));
            assert_eq!(mac(&lab, "bond0"), "02:00:00:00:00:01", "{ports}");
            assert_eq!(mac(&lab, "t"), "02:00:00:00:00:01", "{ports}");
        }
        // Those that left have their own again.
        for port in [1, 2, 3] {
            assert_eq!(
                mac(&lab, &format!("p{port}")),
                format!("02:00:00:00:00:0{port}")
            );
        }
    });
}

#[test]
fn whose_address_a_bond_has() {
    guest::inside(|| {
        let mut lab = Lab::new();
        // The kernel takes a new address of such bonds as a success, and leaves the old one.
        let [follow, active] = [
            r#"fail-over-mac "follow""#,
            r#"fail-over-mac "active"; primary"#,
        ];
        let rounds = [
            ("", follow, r#""p1" "p2""#, 1),
            ("", follow, r#""p2" "p3""#, 1),
            ("", follow, r#""p0" "p4""#, 1),
            (r#"mac="02:00:00:00:00:07""#, follow, r#""p0" "p4""#, 7),
            (r#"mac="02:00:00:00:00:08""#, follow, r#""p1" "p4""#, 8),
            ("", &format!(r#"{active} "p4""#), r#""p1" "p4""#, 4),
            ("", &format!(r#"{active} "p1""#), r#""p1" "p4""#, 1),
            ("", &format!(r#"{active} "p2""#), r#""p2" "p3""#, 2),
            ("", follow, r#""p2" "p3""#, 2),
            ("", "", r#""p2" "p3""#, 2),
        ];
        for (mac, whose, ports, expected) in rounds {
            lab.apply(&format!(
                r#"ethernet "p0"; ethernet "p1"; ethernet "p2"; ethernet "p3"; ethernet "p4"
                bond "bond0" mode="active-backup" {mac} {{ ports {ports}; {whose} }}
                tagged "t" on="bond0" vlan="v10" {{ address "10.10.0.2" }}"#
            ));
            let found = lab.witness("link show dev bond0", "/0/address");
            let expected = format!("02:00:00:00:00:0{expected}");
            assert_eq!(found, expected, "{mac} {whose} {ports}");
        }
    });
}
