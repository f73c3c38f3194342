//! Tagged links that get another tag, size or link below, with all that stands on them.

use serde_json::json;

use crate::lab::{Lab, steps};
use crate::support::guest;
use crate::support::normalise::same;

#[test]
fn another_tag_brings_all_along() {
    guest::inside(|| {
        let mut lab = Lab::new();
        let block = |tag: &str| {
            format!(
                r#"ethernet "p0"; ethernet "p1"; ethernet "p2"
                tagged "t" {tag} {{ address "10.10.0.3"; address "10.10.0.2"; address "fd00:10::2" }}
                tagged "inner" on="s" vlan="g/w10" {{ address "10.110.0.2" }}
                tagged "s" {second}
                tagged "m" {third}
                bridge "br0" {{ ports "m" "p2" }}"#,
                second = tag.replace("v10", "v20"),
                third = tag.replace("v10", "v30"),
            )
        };
        let tags = [
            r#"on="p0" vlan="v10""#,
            r#"on="p0" vlan="v10" protocol="802.1ad""#,
            r#"on="p1" vlan="v10" protocol="802.1ad""#,
            r#"on="p0" vlan="v10""#,
        ];
        let mut pictures = Vec::new();
        for tag in tags {
            let plan = lab.apply(&block(tag));
            for route in ["10.91.0.0/16", "fd91::/32"] {
                let family = if route.contains(':') { "-6 " } else { "" };
                let routes = lab.inside.ip(&format!("{family}route show {route}"));
                assert!(routes.contains("dev t"), "{:?}", steps(&plan));
            }
            assert_eq!(lab.witness("link show dev inner", "/0/link"), "s");
            assert_eq!(lab.witness("link show dev m", "/0/master"), "br0");
            pictures.push(lab.snapshot());
        }
        same(&pictures[0], &pictures[3], "there and back");
    });
}

#[test]
fn two_swap_their_ids() {
    guest::inside(|| {
        let mut lab = Lab::new();
        let block = |one: &str, other: &str| {
            format!(
                r#"ethernet "p0"
                tagged "a" on="p0" vlan="{one}"
                tagged "b" on="p0" vlan="{other}""#
            )
        };
        lab.apply(&block("v10", "v20"));
        lab.apply(&block("v20", "v10"));
        let id =
            |link: &str| lab.witness(&format!("link show dev {link}"), "/0/linkinfo/info_data/id");
        assert_eq!((id("a"), id("b")), (json!(20), json!(10)));
    });
}

#[test]
fn names_and_ids_may_disagree() {
    guest::inside(|| {
        let mut lab = Lab::new();
        lab.apply(r#"ethernet "p0"; tagged "p0.101" on="p0" vlan="v20" { address "10.20.0.2" }"#);
        let said = |pointer: &str| lab.witness("link show dev p0.101", pointer);
        assert_eq!(
            (said("/0/linkinfo/info_data/id"), said("/0/link")),
            (json!(20), json!("p0"))
        );
        let seen = lab.observe();
        let numbers = seen.state.keys().map(ToString::to_string);
        let numbers = numbers.filter(|key| {
            key.rsplit('/')
                .next()
                .is_some_and(|name| name.parse::<u32>().is_ok())
        });
        assert_eq!(numbers.collect::<Vec<_>>(), Vec::<String>::new());
    });
}

#[test]
fn sizes_change_along_the_stack() {
    guest::inside(|| {
        let mut lab = Lab::new();
        let block = |bond: u32, outer: u32, inner: u32| {
            format!(
                r#"ethernet "p0"; ethernet "p1"
                bond "bond0" mode="active-backup" mtu={bond} {{ ports "p0" "p1" }}
                tagged "outer" on="bond0" vlan="v10" mtu={outer} {{ address "10.10.0.2"; address "fd00:10::2" }}
                tagged "s" on="bond0" vlan="v20" mtu={outer}
                tagged "inner" on="s" vlan="g/w10" mtu={inner} {{ address "10.110.0.2" }}"#
            )
        };
        for (bond, outer, inner) in [
            (1500, 1500, 1500),
            (9000, 9000, 9000),
            (9000, 4000, 1500),
            (1500, 1400, 1300),
            (9000, 9000, 8000),
            (1500, 1500, 1500),
        ] {
            lab.apply(&block(bond, outer, inner));
            for (link, mtu) in [
                ("p0", bond),
                ("p1", bond),
                ("bond0", bond),
                ("outer", outer),
                ("s", outer),
                ("inner", inner),
            ] {
                assert_eq!(
                    lab.witness(&format!("link show dev {link}"), "/0/mtu"),
                    json!(mtu),
                    "{link}"
                );
            }
            let routes = lab.inside.ip("-6 route show fd91::/32");
            assert!(routes.contains("dev outer"), "{routes}");
        }
        // Ports go back to what they were before the claim.
        lab.apply(r#"ethernet "p0" mtu=9000"#);
        lab.apply(r#"ethernet "p0""#);
        assert_eq!(lab.witness("link show dev p0", "/0/mtu"), json!(1500));
        assert_eq!(lab.witness("link show dev p1", "/0/mtu"), json!(1500));
    });
}
