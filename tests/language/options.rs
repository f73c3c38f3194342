//! What DHCP is told to tell: options and classes by the places that say them, and what follows from the site.

use crate::{HOST, OTHER, SCOPE, SECOND, check};

#[test]
fn options_come_from_the_nearest_place() {
    let vlan = (
        "DHCP",
        "; option \"ntp-servers\" \"10.0.0.8\"; option 224 (hex)\"0a:0b\"",
    );
    let subnet = (
        "SUBNET",
        "; option \"ntp-servers\" \"10.0.0.9\"; option \"time-offset\" -3600",
    );
    let machine = ("HOST", "option \"ntp-servers\" \"10.0.0.7\" \"10.0.0.6\"");
    let profile = (
        "TOP",
        "profile \"p\" { option \"ntp-servers\" \"10.0.0.5\"; option \"root-path\" \"/\" }",
    );
    let of_profile = ("MACHINE", "profile=\"p\"");
    for (additions, key, pointer, expected) in [
        (
            &[vlan][..],
            SCOPE,
            "/scope/options/42",
            r#"{"addresses":["10.0.0.8"]}"#,
        ),
        (&[vlan], SCOPE, "/scope/options/224", r#"{"bytes":[10,11]}"#),
        (
            &[vlan, subnet],
            SCOPE,
            "/scope/options/42",
            r#"{"addresses":["10.0.0.9"]}"#,
        ),
        (
            &[vlan, subnet],
            SCOPE,
            "/scope/options/2",
            r#"{"i32":-3600}"#,
        ),
        (&[vlan, subnet], OTHER, "/scope/options/42", "-"),
        (&[vlan, subnet], HOST, "/reservation/options", "-"),
        (
            &[machine],
            HOST,
            "/reservation/options/42",
            r#"{"addresses":["10.0.0.7","10.0.0.6"]}"#,
        ),
        (
            &[profile, of_profile],
            HOST,
            "/reservation/options/42",
            r#"{"addresses":["10.0.0.5"]}"#,
        ),
        (
            &[profile, of_profile, machine],
            HOST,
            "/reservation/options/42",
            r#"{"addresses":["10.0.0.7","10.0.0.6"]}"#,
        ),
        (
            &[profile, of_profile, machine],
            HOST,
            "/reservation/options/17",
            r#"{"text":"/"}"#,
        ),
    ] {
        check(additions, key, pointer, expected);
    }
}

/// The places farther than the VLAN, and nearer than the subnet.
#[test]
fn options_come_from_the_site_and_from_pools_too() {
    let site = (
        r#"domain="s.example""#,
        r#"domain="s.example" { dhcp { option "log-servers" "10.0.0.3"; option 225 (hex)"07" } }"#,
    );
    let vlan = ("DHCP", "; option \"log-servers\" \"10.0.0.4\"");
    let pool = (
        "10.0.0.100-10.0.0.199\" SUBNET",
        "10.0.0.100-10.0.0.149\" { option 225 (hex)\"08\" }; dynamic-range \"10.0.0.150-10.0.0.199\"",
    );
    let relayed = (
        "TOP",
        "fabric \"g\" { vlan \"x\" { dhcp { relay-to \"v\"; option 225 (hex)\"09\" }
            subnet \"10.4.0.0/24\" { dynamic-range \"10.4.0.10-10.4.0.20\" } } }",
    );
    let far = "vlan/g/x/scope/10.4.0.0/24";
    for (additions, key, pointer, expected) in [
        (
            &[site][..],
            SCOPE,
            "/scope/options/7",
            r#"{"addresses":["10.0.0.3"]}"#,
        ),
        (
            &[site, vlan],
            SCOPE,
            "/scope/options/7",
            r#"{"addresses":["10.0.0.4"]}"#,
        ),
        (
            &[site, vlan],
            OTHER,
            "/scope/options/7",
            r#"{"addresses":["10.0.0.3"]}"#,
        ),
        (
            &[site, vlan, relayed],
            far,
            "/scope/options/7",
            r#"{"addresses":["10.0.0.4"]}"#,
        ),
        (
            &[site, vlan, relayed],
            far,
            "/scope/options/225",
            r#"{"bytes":[9]}"#,
        ),
        (
            &[site, pool],
            SCOPE,
            "/scope/options/225",
            r#"{"bytes":[7]}"#,
        ),
        (
            &[site, pool],
            SCOPE,
            "/scope/pool_options",
            r#"{"10.0.0.100-10.0.0.149":{"225":{"bytes":[8]}}}"#,
        ),
        (&[site], SCOPE, "/scope/pool_options", "-"),
    ] {
        check(additions, key, pointer, expected);
    }
}

/// Clients take 1500 for granted, and some reject being told so.
#[test]
fn machines_are_told_of_an_unusual_mtu() {
    for (mtu, expected) in [
        (None, "-"),
        (Some("1500"), "-"),
        (Some("1400"), r#"{"u16":1400}"#),
        (Some("9000"), r#"{"u16":9000}"#),
    ] {
        let with = |words: &str| match mtu {
            Some(mtu) => format!("{words} mtu={mtu}"),
            None => words.to_owned(),
        };
        let places = [r#"vlan "w" id=2"#, r#"ethernet "e1" vlan="w""#];
        let said = places.map(with);
        let additions = [(places[0], said[0].as_str()), (places[1], said[1].as_str())];
        check(&additions, OTHER, "/scope/options/26", expected);
        check(&additions, SCOPE, "/scope/options/26", "-");
    }
}

/// A VLAN's own classes count before the site's, each in the order of their names; of one name the nearest stands.
#[test]
fn classes_come_from_the_vlan_and_the_site() {
    let site = (
        r#"domain="s.example""#,
        r#"domain="s.example" { dhcp {
            client-class "a" { match user-class="far"; option "root-path" "/far" }
            client-class "b" { match vendor-class="PXE" architecture="x64-uefi"; match mac-prefix="52-54"; image "i" }
        } }"#,
    );
    let vlan = (
        "DHCP",
        "\nclient-class \"c\" { match tag=\"gpu\"; option \"root-path\" \"/gpu\" }
        client-class \"a\" { match user-class=\"near\"; option \"root-path\" \"/near\" }",
    );
    let tagged = ("HOST", "tag \"gpu\" \"fast\"");
    let a_of = |word: &str| {
        format!(
            r#"{{"matches":[{{"user_class":"{word}"}}],"name":"a","options":{{"17":{{"text":"/{word}"}}}}}}"#
        )
    };
    let b = r#"{"image":"i","matches":[{"architecture":"x64-uefi","vendor_class":"PXE"},{"mac_prefix":"52:54"}],"name":"b"}"#;
    let c = r#"{"matches":[{"tag":"gpu"}],"name":"c","options":{"17":{"text":"/gpu"}}}"#;
    let (far, near) = (a_of("far"), a_of("near"));
    for (additions, key, pointer, expected) in [
        (&[site][..], SCOPE, "/scope/classes", format!("[{far},{b}]")),
        (
            &[site, vlan, tagged],
            SCOPE,
            "/scope/classes",
            format!("[{near},{c},{b}]"),
        ),
        (
            &[site, vlan, tagged],
            OTHER,
            "/scope/classes",
            format!("[{far},{b}]"),
        ),
        (
            &[site, vlan, tagged],
            HOST,
            "/reservation/tags",
            r#"["gpu"]"#.to_owned(),
        ),
        (
            &[site, vlan, tagged],
            SECOND,
            "/reservation/tags",
            "-".to_owned(),
        ),
        (&[site], SCOPE, "/scope/options/17", "-".to_owned()),
    ] {
        check(additions, key, pointer, &expected);
    }
}

#[test]
fn machines_are_told_of_the_sites_routes_and_time_servers() {
    let ntp = (
        r#"domain="s.example""#,
        r#"domain="s.example" { ntp { upstream "192.0.2.1" "ntp.example.net" "fd00::9" "192.0.2.2" } }"#,
    );
    let named = (
        r#"domain="s.example""#,
        r#"domain="s.example" { ntp { upstream "ntp.example.net" } }"#,
    );
    let own = ("SUBNET", "; option \"ntp-servers\" \"10.0.0.9\"");
    let routes = (
        "TOP",
        "route \"10.9.0.0/16\" { via \"10.0.0.254\"; metric 20 }
        route \"10.9.0.0/16\" { via \"10.0.0.253\"; metric 10 }
        route \"10.8.0.0/16\" { via \"10.2.0.254\" }",
    );
    let by_hand = (
        "SUBNET",
        "; option \"classless-static-routes\" \"10.7.0.0/16\" \"10.0.0.251\" \"10.6.0.0/16\" \"0.0.0.0\"",
    );
    for (additions, key, pointer, expected) in [
        (
            &[ntp][..],
            SCOPE,
            "/scope/options/42",
            r#"{"addresses":["192.0.2.1","192.0.2.2"]}"#,
        ),
        (
            &[ntp, own],
            SCOPE,
            "/scope/options/42",
            r#"{"addresses":["10.0.0.9"]}"#,
        ),
        (&[named], SCOPE, "/scope/options/42", "-"),
        (&[], SCOPE, "/scope/options/121", "-"),
        (
            &[routes],
            SCOPE,
            "/scope/options/121",
            r#"{"routes":[["10.9.0.0/16","10.0.0.253"]]}"#,
        ),
        (
            &[routes],
            OTHER,
            "/scope/options/121",
            r#"{"routes":[["10.8.0.0/16","10.2.0.254"]]}"#,
        ),
        (
            &[routes, by_hand],
            SCOPE,
            "/scope/options/121",
            r#"{"routes":[["10.7.0.0/16","10.0.0.251"],["10.6.0.0/16","0.0.0.0"]]}"#,
        ),
    ] {
        check(additions, key, pointer, expected);
    }
}

/// Vendors' options within options: typed, told as bytes, and of several vendors.
#[test]
fn options_hold_suboptions() {
    let pxe = (
        "SUBNET",
        "; option \"vendor-options\" { suboption 6 8 type=\"u8\"; suboption 9 (hex)\"0a\"; suboption 10 \"menu\" }",
    );
    let onie = (
        "SUBNET",
        "; option \"vendor-identified-options\" {
            enterprise 42623 { suboption 1 \"http://10.0.0.2/nos\"; suboption 7 #true }
            enterprise 3561 { suboption 1 \"10.0.0.2\" \"10.0.0.3\" type=\"addresses\" }
        }",
    );
    let ipxe = ("SUBNET", "; option 175 { suboption 176 1 type=\"u8\" }");
    let raw = ("SUBNET", "; option \"vendor-options\" (hex)\"060108\"");
    for (addition, pointer, expected) in [
        (
            pxe,
            "/scope/options/43",
            r#"{"encapsulated":{"10":{"text":"menu"},"6":{"u8":8},"9":{"bytes":[10]}}}"#,
        ),
        (
            onie,
            "/scope/options/125",
            r#"{"identified":{"3561":{"1":{"addresses":["10.0.0.2","10.0.0.3"]}},"42623":{"1":{"text":"http://10.0.0.2/nos"},"7":{"flag":true}}}}"#,
        ),
        (
            ipxe,
            "/scope/options/175",
            r#"{"encapsulated":{"176":{"u8":1}}}"#,
        ),
        (raw, "/scope/options/43", r#"{"bytes":[6,1,8]}"#),
    ] {
        check(&[addition], SCOPE, pointer, expected);
    }
}
