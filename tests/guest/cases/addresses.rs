//! Addresses and routes: whose they are, their order, and how they change.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use bedplate::apply::Outcome;
use bedplate::plan::Plan;
use serde_json::Value;

use crate::lab::{Lab, brief, steps};
use crate::support::guest;
use crate::support::normalise::same;
use crate::support::sandbox::Running;

#[test]
fn what_the_kernel_made_stays() {
    guest::inside(|| {
        // A lease's address and route, and those of a routing daemon.
        let mut lab = Lab::with(&[
            "address add 10.7.0.5/24 dev p0 valid_lft 600 preferred_lft 600",
            "route add default via 10.7.0.1 proto dhcp",
            "route add 10.77.0.0/16 via 10.7.0.9 proto bird",
            "route add 10.78.0.0/16 via 10.7.0.9 proto ra",
        ]);
        let block = r#"ethernet "p0" vlan="u" { address "10.0.0.2"; address "fd00::2" }"#;
        lab.apply(block);
        lab.apply(r#"ethernet "p0" vlan="u" { address "10.0.0.3" }"#);
        let all = lab.inside.ip("address show dev p0") + &lab.inside.ip("route show");
        for word in [
            "10.7.0.5/24",
            "scope link",
            "proto dhcp",
            "proto bird",
            "proto ra",
            "10.0.0.3/24",
        ] {
            assert!(all.contains(word), "{word} in {all}");
        }
        assert!(!all.contains("10.0.0.2/24"), "{all}");
        // From the lease's address to one that stays.
        let (plan, _) = lab.planned(block);
        assert!(
            !steps(&plan).iter().any(|step| step.contains("10.7.")),
            "{:?}",
            steps(&plan)
        );
    });
}

#[test]
fn routes_wait_for_a_lease() {
    guest::inside(|| {
        let mut lab = Lab::new();
        let block = r#"default-gateway "10.10.0.1"
            route "10.80.0.0/16" { via "10.10.0.9" }
            tagged "t10" on="p0" vlan="v10" { address "dhcp" }
            ethernet "p0" vlan="u" { address "10.0.0.2" }"#;
        let waits = |plan: &Plan| {
            let waiting = plan.waiting.iter();
            waiting
                .map(|one| format!("{}: {}", one.key, one.on))
                .collect::<Vec<_>>()
        };
        let waiting = [
            "0.0.0.0/0@main/0: 10.10.0.1",
            "10.80.0.0/16@main/0: 10.10.0.9",
            "10.91.0.0/16@main/0: 10.10.0.254",
        ]
        .map(|one| one.split_once(": ").unwrap())
        .map(|(key, ip)| {
            format!("controller/rack-1/route/{key}: no DHCP client has got an address for {ip} yet")
        });
        let plan = lab.apply(block);
        assert_eq!(waits(&plan), waiting);
        assert!(
            lab.inside
                .ip("route show 10.90.0.0/16")
                .contains("via 10.0.0.254")
        );
        // As a DHCP client does it.
        lab.inside
            .ip("address add 10.10.0.77/24 dev t10 valid_lft 600 preferred_lft 600");
        let plan = lab.apply(block);
        assert_eq!(waits(&plan), [""; 0]);
        for (to, via) in [
            ("default", "10.10.0.1"),
            ("10.80.0.0/16", "10.10.0.9"),
            ("10.91.0.0/16", "10.10.0.254"),
        ] {
            assert!(
                lab.inside.ip(&format!("route show {to}")).contains(via),
                "{to}"
            );
        }
        // Its lease ends, and with it the routes; the next one is in the same subnet.
        lab.inside.ip("address del 10.10.0.77/24 dev t10");
        assert_eq!(waits(&lab.apply(block)), waiting);
        lab.inside
            .ip("address add 10.10.0.78/24 dev t10 valid_lft 600 preferred_lft 600");
        lab.apply(block);
        // From DHCP to an address that stays: while the client has its own, and after it went.
        let fixed = block.replace("dhcp", "10.10.0.5");
        let plan = lab.apply(&fixed);
        assert_eq!(steps(&plan), ["+ address/10.10.0.5/24@t10"]);
        // The kernel takes it along where it is not told to promote it; then it is made again.
        lab.inside.ip("address del 10.10.0.78/24 dev t10");
        lab.apply(&fixed);
        assert!(
            lab.inside
                .ip("route show default")
                .contains("via 10.10.0.1")
        );
        assert!(
            lab.inside
                .ip("route show 10.91.0.0/16")
                .contains("via 10.10.0.254")
        );
    });
}

#[test]
fn their_order_stays() {
    guest::inside(|| {
        let mut lab = Lab::new();
        let order = |lab: &Lab| {
            let said = lab.inside.ip("-4 -o address show dev p0");
            let words = said
                .split_whitespace()
                .filter(|word| word.starts_with("10."));
            words
                .filter(|word| word.contains('/'))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let block = |more: &str| {
            format!(
                r#"ethernet "p0" vlan="u" {{ address "10.0.0.9"; address "10.0.0.2"; {more} }}"#
            )
        };
        lab.apply(&block(""));
        let first = order(&lab);
        lab.apply(&block(r#"address "10.0.0.5""#));
        lab.apply(&block(""));
        assert_eq!(order(&lab), first);
        assert!(lab.inside.ip("route show 10.90.0.0/16").contains("dev p0"));
    });
}

#[test]
fn the_first_of_a_prefix_is_the_sites_first() {
    guest::inside(|| {
        let mut lab = Lab::new();
        let block = |tag: &str, last: &[u8]| {
            let addresses = last
                .iter()
                .map(|last| format!(r#"address "10.10.0.{last}"; "#));
            let addresses: String = addresses.collect();
            format!(
                r#"ethernet "p0"; ethernet "p1"
                tagged "t" {tag} {{ {addresses} address "fd00:10::2" }}"#
            )
        };
        let [here, there] = [r#"on="p0" vlan="v10""#, r#"on="p1" vlan="v10""#];
        let rounds: [(&str, &[u8]); 12] = [
            (here, &[9, 2, 5]),
            // The link is made anew.
            (there, &[9, 2, 5]),
            // The first is another one, new or old.
            (there, &[7, 2, 5]),
            (there, &[5, 2, 7]),
            (there, &[2, 5]),
            (there, &[4, 5, 2]),
            (there, &[5, 2]),
            // Both at once.
            (here, &[8, 2, 5]),
            (there, &[5, 8]),
            (there, &[8]),
            (there, &[1, 8]),
            (here, &[8, 1]),
        ];
        for (tag, last) in rounds {
            let plan = lab.apply(&block(tag, last));
            let found = lab.inside.ip_json("-4 address show dev t");
            let found = found
                .pointer("/0/addr_info")
                .and_then(|all| all.as_array().cloned());
            let found = found.unwrap_or_default().into_iter().map(|one| {
                let is_later = one["secondary"] == true;
                (one["local"].as_str().unwrap().to_owned(), is_later)
            });
            let expected = last
                .iter()
                .enumerate()
                .map(|(at, last)| (format!("10.10.0.{last}"), at > 0));
            let (mut found, mut expected): (Vec<_>, Vec<_>) = (found.collect(), expected.collect());
            // Which of the later ones is when is nobody's concern.
            found[1..].sort();
            expected[1..].sort();
            assert_eq!(found, expected, "{tag} {last:?} {:?}", steps(&plan));
            assert!(lab.inside.ip("route show 10.91.0.0/16").contains("dev t"));
        }
    });
}

/// The addresses of the first port in the kernel's order, and whether each comes after another.
fn on_p0(lab: &Lab) -> Vec<(String, bool)> {
    let found = lab.witness("-4 address show dev p0", "/0/addr_info");
    let found = found.as_array().unwrap().iter().map(|one| {
        let is_later = one["secondary"] == true;
        (one["local"].as_str().unwrap().to_owned(), is_later)
    });
    found.collect()
}

fn promote(lab: &Lab, promotes: bool) {
    lab.inside.run(|| {
        let setting = "/proc/sys/net/ipv4/conf/p0/promote_secondaries";
        std::fs::write(setting, u8::from(promotes).to_string()).unwrap();
    });
}

/// Which of the later ones is when is nobody's concern.
fn in_any_order(mut picture: Value) -> Value {
    let found = picture["addresses"]["p0"].as_array_mut().unwrap();
    found.sort_by_key(|one| one["local"].to_string());
    picture
}

/// Two addresses of one prefix; routes lead out from the first, from the second, and through a router.
const PAIR: &str = r#"ethernet "p0" vlan="u" { address "10.0.0.7"; address "10.0.0.1" }
    route "10.95.0.0/16" { via "10.0.0.254"; source "10.0.0.7" }
    route "10.96.0.0/16" { via "10.0.0.254"; source "10.0.0.1" }"#;

#[test]
fn the_first_is_the_first_again_once_the_apply_is_undone() {
    guest::inside(|| {
        let second = r#"route "10.96.0.0/16" { via "10.0.0.254"; source "10.0.0.1" }"#;
        let after =
            |addresses: &str| format!("ethernet \"p0\" vlan=\"u\" {{ {addresses} }}; {second}");
        let edits = [
            after(r#"address "10.0.0.1""#),
            after(r#"address "10.0.0.1"; address "10.0.0.7""#),
            after(r#"address "10.0.0.2"; address "10.0.0.1""#),
            after(r#"address "10.0.0.1"; address "10.0.0.2"; address "10.0.0.3""#),
            r#"ethernet "p0" vlan="u" { address "10.0.0.2"; address "10.0.0.3" }"#.to_owned(),
            r#"ethernet "p0""#.to_owned(),
        ];
        // With and without another's address beside them.
        for (promotes, has_other) in [(false, true), (true, false)] {
            let mut lab = Lab::new();
            promote(&lab, promotes);
            lab.apply(PAIR);
            if has_other {
                lab.inside.ip("address add 10.0.0.5/24 dev p0");
            }
            let (before, order) = (in_any_order(lab.snapshot()), on_p0(&lab));
            assert_eq!(order[0], ("10.0.0.7".to_owned(), false));
            for edit in &edits {
                let (plan, _) = lab.planned(edit);
                let found = lab.observe();
                assert_eq!(lab.run(&plan), Outcome::Done, "{edit} {}", brief(&plan));
                lab.take_back(&plan, &found);
                let found = on_p0(&lab);
                assert_eq!(found[0], order[0], "{edit} {promotes} {}", brief(&plan));
                same(&before, &in_any_order(lab.snapshot()), edit);
            }
        }
    });
}

#[test]
fn the_first_is_the_first_again_once_somebody_is_lost() {
    guest::inside(|| {
        for promotes in [false, true] {
            let mut lab = Lab::new();
            promote(&lab, promotes);
            // It answers the first address alone.
            lab.outside.batch(&[
                "address add 10.0.0.99/32 dev far0",
                "route add 10.0.0.7/32 dev far0",
            ]);
            let reachable = r#"reachable "10.0.0.99""#;
            lab.apply(&format!("{reachable}; {PAIR}"));
            let (before, order) = (lab.snapshot(), on_p0(&lab));
            let edit = format!(
                r#"{reachable}; ethernet "p0" vlan="u" {{ address "10.0.0.1" }}
                route "10.96.0.0/16" {{ via "10.0.0.254"; source "10.0.0.1" }}"#
            );
            let (plan, _) = lab.planned(&edit);
            assert!(
                steps(&plan).contains(&"- address/10.0.0.7/24@p0".to_owned()),
                "{}",
                brief(&plan)
            );
            let lost = Outcome::Unreachable {
                lost: ["10.0.0.99".parse().unwrap()].into(),
                left: [].into(),
            };
            assert_eq!(lab.run(&plan), lost, "{}", brief(&plan));
            assert_eq!(on_p0(&lab), order, "{promotes}");
            assert_eq!(order[0], ("10.0.0.7".to_owned(), false));
            let route = lab.inside.ip("route show 10.95.0.0/16");
            assert!(route.contains("src 10.0.0.7"), "{route}");
            same(&before, &lab.snapshot(), "undone");
        }
    });
}

#[test]
fn a_lease_stays_the_first_with_its_routes() {
    guest::inside(|| {
        let mut lab = Lab::with(&[
            "address add 10.0.0.77/24 dev p0 valid_lft 600 preferred_lft 600",
            "route add 10.77.0.0/16 via 10.0.0.254 src 10.0.0.77 proto dhcp",
        ]);
        let pair = r#"address "10.0.0.7"; address "10.0.0.1""#;
        let turned = r#"address "10.0.0.1"; address "10.0.0.7""#;
        for addresses in [pair, turned] {
            lab.apply(&format!(r#"ethernet "p0" vlan="u" {{ {addresses} }}"#));
            assert_eq!(on_p0(&lab)[0], ("10.0.0.77".to_owned(), false));
            let route = lab.inside.ip("route show 10.77.0.0/16");
            assert!(route.contains("src 10.0.0.77"), "{route}");
        }
    });
}

#[test]
fn another_gateway_is_one_change() {
    guest::inside(|| {
        let mut lab = Lab::new();
        let block = |gateway: &str| {
            format!(
                r#"default-gateway "{gateway}"; ethernet "p0" vlan="u" {{ address "10.0.0.2" }}"#
            )
        };
        lab.apply(&block("10.0.0.1"));
        let plan = lab.apply(&block("10.0.0.7"));
        assert_eq!(steps(&plan), ["~ route/0.0.0.0/0@main/0"]);
        assert!(lab.inside.ip("route show default").contains("via 10.0.0.7"));
    });
}

#[test]
fn an_address_that_somebody_else_has_is_told_and_asked_for_again() {
    guest::inside(|| {
        let mut lab = Lab::new();
        lab.outside.ip("address add fd00::2/64 dev far0 nodad");
        let block = r#"ethernet "p0" vlan="u" { address "fd00::2" }"#;
        let mut monitor = lab.inside.command("ip");
        monitor
            .args(["-o", "monitor", "address"])
            .stdout(Stdio::piped());
        let mut monitor = Running::start(&mut monitor);
        let lines = BufReader::new(monitor.child().stdout.take().unwrap()).lines();
        let mut lines = lines.map(Result::unwrap);
        let (plan, _) = lab.planned(block);
        assert_eq!(lab.run(&plan), Outcome::Done);
        assert!(lines.any(|line| line.contains("fd00::2/64") && line.contains("dadfailed")));
        let (plan, _) = lab.planned(block);
        assert_eq!(
            steps(&plan),
            ["- address/fd00::2/64@p0", "+ address/fd00::2/64@p0"]
        );
        let changes = &plan.steps[0].changes;
        assert_eq!(
            changes
                .iter()
                .map(|one| one.field.as_str())
                .collect::<Vec<_>>(),
            ["duplicate"]
        );
        lab.outside.ip("address del fd00::2/64 dev far0");
        lab.apply(block);
        assert!(lines.any(|line| line.contains("fd00::2/64")
            && !line.contains("tentative")
            && !line.starts_with("Deleted")));
        assert!(!lab.inside.ip("address show dev p0").contains("dadfailed"));
    });
}

#[test]
fn routes_are_in_the_table_of_their_gateways() {
    guest::inside(|| {
        // A table that is empty cannot be shown.
        let mut lab = Lab::with(&[
            "route add blackhole 10.99.0.0/16 table 1001",
            "route add blackhole fd99::/32 table 1001",
        ]);
        let block = |vrf: &str, outside: &str| {
            format!(
                r#"default-gateway "10.0.0.1"
                ethernet "p0" vlan="u" {{ address "10.0.0.2"; address "fd00::2" }}
                ethernet "p1" vlan="u" {{ {outside} }}
                ethernet "p2" vlan="v10" {{ address "10.10.0.2"; address "fd00:10::2" }}
                {vrf}
                route "10.95.0.0/16" {{ via "10.0.0.253" }}
                route "10.97.0.0/16" {{ via "10.10.0.253" }}
                route "fd95::/32" {{ via "fd00::fd" }}"#
            )
        };
        let red = r#"vrf "red" table=1001 { ports "p0" }"#;
        let both = r#"vrf "red" table=1001 { ports "p0" "p2" }"#;
        let other = r#"address "10.0.0.3""#;
        let u = ["default", "10.90.0.0/16", "10.95.0.0/16"];
        let v10 = ["10.91.0.0/16", "10.97.0.0/16"];
        // Of each route through the VLANs' gateways: whether it is in the VRF's table, and the link that it leaves by.
        let rounds = [
            (block("", ""), (false, "p0"), false),
            (block(red, ""), (true, "p0"), false),
            (block(both, ""), (true, "p0"), true),
            (block(red, other), (false, "p1"), false),
            (block(red, ""), (true, "p0"), false),
            (block("", ""), (false, "p0"), false),
        ];
        for (block, (apart, link), apart_too) in rounds {
            lab.apply(&block);
            let [main, own] =
                [254, 1001].map(|table| lab.inside.ip(&format!("route show table {table}")));
            let is_in = |table: &str, to: &str, link: &str| {
                let mut lines = table.lines();
                lines.any(|line| {
                    line.starts_with(&format!("{to} via "))
                        && line.contains(&format!("dev {link} "))
                })
            };
            let all = u.map(|to| (to, link, apart)).into_iter();
            for (to, link, apart) in all.chain(v10.map(|to| (to, "p2", apart_too))) {
                let found = (is_in(&main, to, link), is_in(&own, to, link));
                assert_eq!(found, (!apart, apart), "{to} {block}\n{main}\n{own}");
            }
            let [main, own] =
                [254, 1001].map(|table| lab.inside.ip(&format!("-6 route show table {table}")));
            // No other link has an address of IPv6 there.
            let is_apart = block.contains("red");
            for (to, apart) in [("fd95::/32", is_apart), ("fd91::/32", apart_too)] {
                let found = (main.contains(to), own.contains(to));
                assert_eq!(found, (!apart, apart), "{to} {block}\n{main}\n{own}");
            }
        }
    });
}
