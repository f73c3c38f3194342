//! What the words of the language come to: a few lines of a site, and what should exist on its controller.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

mod options;
mod racks;

use bedplate::diag::render;
use bedplate::lang::files::MemoryFiles;
use bedplate::site::compile;
use bedplate::state::desired;

/// A site with one served VLAN; what each case adds stands in its places.
const SITE: &str = r#"site "s" domain="s.example"
fabric "f" {
    vlan "v" {
        dhcp { controllers "c" DHCP }
        subnet "10.0.0.0/24" { gateway "10.0.0.1"; dynamic-range "10.0.0.100-10.0.0.199" SUBNET }
    }
    vlan "w" id=2 {
        dhcp { controllers "c" }
        subnet "10.2.0.0/24" { gateway "10.2.0.1"; dynamic-range "10.2.0.100-10.2.0.199" }
    }
}
controller "c" {
    ethernet "e0" vlan="v" { address "10.0.0.2" }
    ethernet "e1" vlan="w" { address "10.2.0.2" }
}
image "i" { boot "ipxe" "boot/a" }
TOP
machine "m" MACHINE {
    ethernet "e0" vlan="v" mac="52:54:00:00:00:01" { address "10.0.0.11" }
    ethernet "e1" vlan="w" mac="52:54:00:00:00:02" { address "10.2.0.11" }
    HOST
}
"#;

/// Compiles the site with additions by their places, and reads one value of its state; `-` where it is not there.
fn check(additions: &[(&str, &str)], key: &str, pointer: &str, expected: &str) {
    let mut text = SITE.to_owned();
    for (place, words) in additions {
        text = text.replace(place, words);
    }
    for place in ["DHCP", "SUBNET", "TOP", "MACHINE", "HOST"] {
        text = text.replace(&format!(" {place}"), "").replace(place, "");
    }
    let mut files = MemoryFiles::default();
    files.insert("site.kdl", text.clone().into_bytes());
    files.insert_digest("boot/a", bedplate::base::digest::Digest::of(b"a"), 1);
    let compiled = compile(&files, "site.kdl");
    let shown = render::text(&compiled.diagnostics, &compiled.sources, false);
    let site = compiled.site.unwrap_or_else(|| panic!("{shown}"));
    let state = serde_json::to_value(desired(&site, &"c".parse().unwrap())).unwrap();
    let key = key.replace('~', "~0").replace('/', "~1");
    let found = state.pointer(&format!("/state/{key}{pointer}"));
    let found = found.map_or_else(|| "-".to_owned(), ToString::to_string);
    assert_eq!(found, expected, "{additions:?}: {key}{pointer}\n{shown}");
}

const SCOPE: &str = "vlan/f/v/scope/10.0.0.0/24";
const OTHER: &str = "vlan/f/w/scope/10.2.0.0/24";
const HOST: &str = "vlan/f/v/reservation/52:54:00:00:00:01";
const SECOND: &str = "vlan/f/w/reservation/52:54:00:00:00:02";

#[test]
fn subnets_say_whose_they_are() {
    let unmanaged = (
        "SUBNET",
        "; managed #false; reserved-range \"10.0.0.64-10.0.0.255\" }\n subnet \"10.7.0.0/24\" { dynamic-range \"10.7.0.10-10.7.0.20\"",
    );
    let without_dns = ("SUBNET", "; allow-dns #false");
    let quiet = ("SUBNET", "; disable-boot \"x86-bios\" \"x64-uefi\"");
    let nameless = ("SUBNET", "; rdns \"off\"");
    let watched = ("SUBNET", "; thresholds \"50%\" \"90%\"");
    for (additions, key, pointer, expected) in [
        (
            &[][..],
            SCOPE,
            "/scope/pools",
            r#"["10.0.0.100-10.0.0.199"]"#,
        ),
        (&[unmanaged], SCOPE, "", "-"),
        (
            &[unmanaged],
            OTHER,
            "/scope/pools",
            r#"["10.2.0.100-10.2.0.199"]"#,
        ),
        (
            &[],
            SCOPE,
            "/scope/options/6",
            r#"{"addresses":["10.0.0.2"]}"#,
        ),
        (&[without_dns], SCOPE, "/scope/options/6", "-"),
        (&[], SCOPE, "/scope/thresholds", "-"),
        (&[watched], SCOPE, "/scope/thresholds", r#"["50%","90%"]"#),
        (
            &[quiet],
            SCOPE,
            "/scope/disabled_boot",
            r#"["x86-bios","x64-uefi"]"#,
        ),
        (
            &[],
            "zone/0.0.10.in-addr.arpa/11/PTR",
            "/record/values",
            r#"[{"PTR":"m.s.example"}]"#,
        ),
        (&[nameless], "zone/0.0.10.in-addr.arpa/11/PTR", "", "-"),
        (
            &[nameless],
            "zone/s.example/m/A",
            "/record/values",
            r#"[{"A":"10.0.0.11"}]"#,
        ),
    ] {
        check(additions, key, pointer, expected);
    }
}

#[test]
fn machines_choose_their_gateway_and_where_they_boot_from() {
    let chosen = ("HOST", "default-gateway \"10.2.0.1\"");
    let disk = ("HOST", "boot-from \"disk\"; image \"i\"");
    for (additions, key, pointer, expected) in [
        (&[][..], HOST, "/reservation/withheld", "-"),
        (&[chosen], HOST, "/reservation/withheld", "[3]"),
        (&[chosen], SECOND, "/reservation/withheld", "-"),
        (&[disk], HOST, "/reservation/boots_from_disk", "true"),
        (&[disk], HOST, "/reservation/image", "null"),
    ] {
        check(additions, key, pointer, expected);
    }
}

#[test]
fn isolated_fabrics_have_addresses_of_their_own() {
    let lab = "fabric \"lab\" { isolated #true; vlan \"l\" {
            dhcp { controllers \"d\" }
            subnet \"10.0.0.0/24\" { gateway \"10.0.0.1\"; dynamic-range \"10.0.0.10-10.0.0.20\" }
        } }
        controller \"d\" { ethernet \"e0\" vlan=\"l\" { address \"10.0.0.2\" } }
        machine \"n\" { ethernet \"e\" vlan=\"l\" mac=\"52:54:00:00:00:03\" { address \"10.0.0.11\" } }
        route \"10.9.0.0/16\" { via \"10.0.0.254\" }
        route \"10.8.0.0/16\" fabric=\"lab\" { via \"10.0.0.254\" }";
    // The host's address lies in the lab's range, and is another one: so it is moved there alone.
    let lab = lab.replace("10.0.0.10-10.0.0.20", "10.0.0.12-10.0.0.20");
    let lab = &[("TOP", lab.as_str())][..];
    check(lab, SCOPE, "/scope/pools", r#"["10.0.0.100-10.0.0.199"]"#);
    check(
        lab,
        "controller/c/route/10.9.0.0/16@main/0",
        "/route/hops/0/via",
        r#""10.0.0.254""#,
    );
    check(lab, "controller/c/route/10.8.0.0/16@main/0", "", "-");
    check(
        lab,
        "zone/s.example/n/A",
        "/record/values",
        r#"[{"A":"10.0.0.11"}]"#,
    );
}

#[test]
fn records_are_of_the_domain() {
    let records = "record \"www\" { cname \"m\"; ttl \"1h\" }
        record \"@\" { mx \"m\" preference=5; mx \"mail.example.org\" }
        record \"_ldap._tcp\" { srv \"m\" port=389 weight=2 }
        record \"m\" { txt \"rack 7\" }";
    let records = &[("TOP", records)][..];
    for (key, pointer, expected) in [
        (
            "www/CNAME",
            "/record",
            r#"{"ttl":"1h","values":[{"CNAME":"m.s.example"}]}"#,
        ),
        (
            "@/MX",
            "/record/values",
            r#"[{"MX":{"preference":5,"target":"m.s.example"}},{"MX":{"preference":10,"target":"mail.example.org"}}]"#,
        ),
        (
            "_ldap._tcp/SRV",
            "/record/values",
            r#"[{"SRV":{"port":389,"priority":0,"target":"m.s.example","weight":2}}]"#,
        ),
        ("m/TXT", "/record/values", r#"[{"TXT":"rack 7"}]"#),
        ("m/A", "/record/ttl", r#""30s""#),
    ] {
        check(records, &format!("zone/s.example/{key}"), pointer, expected);
    }
}

#[test]
fn links_send_from_the_address_of_what_is_below_them() {
    let bond = "machine \"b\" {
            ethernet \"p0\" mac=\"52:54:00:00:00:0a\"
            ethernet \"p1\" mac=\"52:54:00:00:00:0b\"
            bond \"bond0\" mode=\"active-backup\" vlan=\"v\" { ports \"p0\" \"p1\"; address \"10.0.0.20\" }
            tagged \"bond0.2\" on=\"bond0\" vlan=\"w\" { address \"10.2.0.20\" }
        }";
    let bond = &[("TOP", bond)][..];
    for (key, expected) in [
        ("vlan/f/v/reservation/52:54:00:00:00:0a", r#"["10.0.0.20"]"#),
        ("vlan/f/w/reservation/52:54:00:00:00:0a", r#"["10.2.0.20"]"#),
        ("vlan/f/v/reservation/52:54:00:00:00:0b", "-"),
    ] {
        check(bond, key, "/reservation/addresses", expected);
    }
    // Firmware boots from either port, and is the machine all the same; tagged frames it does not send.
    check(
        bond,
        "vlan/f/v/reservation/52:54:00:00:00:0a",
        "/reservation/identities",
        r#"[{"mac":"52:54:00:00:00:0b"}]"#,
    );
    check(
        bond,
        "vlan/f/w/reservation/52:54:00:00:00:0a",
        "/reservation/identities",
        "-",
    );
}

#[test]
fn names_of_addresses_stay_in_their_domain() {
    let lab = "fabric \"lab\" { isolated #true; vlan \"l\" { subnet \"10.0.0.0/25\"; subnet \"10.0.0.128/25\" } }
        machine \"n\" { ethernet \"e\" vlan=\"l\" { address \"10.0.0.11\" } }
        controller \"b\" { ethernet \"a0\"; bridge \"br\" vlan=\"w\" { ports \"a0\"; address \"10.2.0.3\" } }";
    let quiet = ("SUBNET", "}\n subnet \"10.0.1.0/24\" { rdns \"off\"");
    let host = (
        "HOST",
        "ethernet \"e2\" vlan=\"v\" mac=\"52:54:00:00:00:0c\" { address \"10.0.1.9\" }",
    );
    check(
        &[("TOP", lab)],
        "zone/0.0.10.in-addr.arpa/11/PTR",
        "/record/values",
        r#"[{"PTR":"m.s.example"}]"#,
    );
    check(&[quiet, host], "zone/1.0.10.in-addr.arpa/9/PTR", "", "-");
    check(
        &[quiet, host],
        "zone/s.example/e2.m/A",
        "/record/values",
        r#"[{"A":"10.0.1.9"}]"#,
    );
}

#[test]
fn a_controller_is_named_where_it_serves() {
    let more = "fabric \"x\" { vlan \"u\" { subnet \"10.3.0.0/24\" } }
        controller \"d\" { ethernet \"e0\" vlan=\"u\" { address \"10.3.0.2\" } }";
    let side = (
        "10.0.0.2\" }",
        "10.0.0.2\" }\n ethernet \"a0\" vlan=\"x/u\" { address \"10.3.0.3\" }",
    );
    let additions = &[("TOP", more), side][..];
    check(
        additions,
        "zone/s.example/c/A",
        "/record/values",
        r#"[{"A":"10.0.0.2"}]"#,
    );
    check(
        additions,
        "zone/s.example/a0.c/A",
        "/record/values",
        r#"[{"A":"10.3.0.3"}]"#,
    );
}

#[test]
fn what_is_missing_is_added_where_it_can_be() {
    for (host, expected) in [
        ("controller", "add it to its block"),
        ("machine", "add it here or in the profile"),
    ] {
        let text = format!("site \"s\" domain=\"s.example\"\n{host} \"h\" {{ bridge \"br0\"; }}");
        let mut files = MemoryFiles::default();
        files.insert("site.kdl", text.into_bytes());
        let compiled = compile(&files, "site.kdl");
        let helps = compiled.diagnostics.iter().map(|one| one.help.as_deref());
        assert_eq!(helps.collect::<Vec<_>>(), [Some(expected)], "{host}");
    }
}
