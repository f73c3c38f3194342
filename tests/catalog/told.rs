//! What `show` says that a machine is told over DHCP: the word of every place, and what becomes of it.

use bedplate::lang::files::MemoryFiles;
use bedplate::site::catalog::Detail;
use bedplate::site::compile_catalog;
use bedplate::state::{OptionPart, OptionStanding, OptionWord, Told, told};

use crate::lab::said;

/// Every place that says options; machines come after it.
const SITE: &str = r#"site "s" domain="s.example.net" {
    ntp { upstream "10.0.0.4" "ntp.example.net" }
    dhcp {
        option "root-path" "/site"
        client-class "a" { match tag="a"; match vendor-class="V"; option "root-path" "/a" }
        client-class "b" { match mac-prefix="02" architecture="x64-uefi"; option "root-path" "/b" }
        client-class "c" { match mac-prefix="02"; match mac-prefix="06" user-class="u"; option "root-path" "/farther" }
    }
}
fabric "f" {
    vlan "v" mtu=9000 {
        dhcp {
            controllers "one"
            option "root-path" "/vlan"
            client-class "c" { match mac-prefix="0a"; option "root-path" "/c"; option "nis-domain" "c" }
        }
        subnet "10.0.0.0/24" {
            gateway "10.0.0.1"
            dynamic-range "10.0.0.100-10.0.0.109"
            dynamic-range "10.0.0.200-10.0.0.209" { option "root-path" "/range" }
            option "root-path" "/subnet"
        }
    }
    vlan "far" id=2 {
        dhcp { relay-to "v"; option "root-path" "/far" }
        subnet "10.0.1.0/24" { gateway "10.0.1.1"; dns "10.0.0.7"; dynamic-range "10.0.1.100-10.0.1.109" }
    }
    vlan "shut" id=3 {
        dhcp { controllers "one"; unknown-clients "deny" }
        subnet "10.0.2.0/24" { dynamic-range "10.0.2.100-10.0.2.109" }
        subnet "10.0.3.0/24" { managed #false }
    }
    vlan "beside" id=4 {
        dhcp { controllers "one"; proxy #true; image "i"; option "vendor-options" (hex)"0101ff" }
        subnet "10.0.4.0/24"
    }
    vlan "still" id=5 { subnet "10.0.5.0/24" }
}
image "i" { boot "ipxe" "boot/a" }
controller "one" {
    ethernet "v" vlan="v" { address "10.0.0.2" }
    ethernet "shut" vlan="shut" { address "10.0.2.2" }
    ethernet "beside" vlan="beside" { address "10.0.4.2" }
}
profile "p" { option "root-path" "/profile"; option "routers" "10.0.0.9" }
machine "tagged" { tag "a" }
"#;

/// A machine without options of its own, which fits some classes and not others.
const PLAIN: &str =
    r#"tag "a"; ethernet "e" vlan="v" mac="02:00:00:00:00:01" { address "10.0.0.11" }"#;

fn lines(text: &str) -> Vec<String> {
    let mut files = MemoryFiles::default();
    files.insert("site.kdl", text.as_bytes().to_vec());
    files.insert_digest("boot/a", bedplate::base::digest::Digest::of(b"a"), 1);
    let (compiled, catalog) = compile_catalog(&files, "site.kdl", Detail::Full);
    let site = compiled.site.unwrap_or_else(|| {
        panic!("{:?} in\n{text}", compiled.diagnostics);
    });
    let catalog = catalog.unwrap();
    let told = told(&site, &catalog, &"m".parse().unwrap(), None);
    told.iter().flat_map(of_subnet).collect()
}

/// Each as `NIC SUBNET ADDRESS`, then `name text part | source | standing`, the lines of sources left out.
fn of_subnet(told: &Told) -> Vec<String> {
    let address = told.address.map(|address| format!(" {address}"));
    let head = format!(
        "{} {}{}",
        told.link,
        told.subnet,
        address.unwrap_or_default()
    );
    let words = told.options.iter().map(line);
    std::iter::once(head).chain(words).collect()
}

fn line(word: &OptionWord) -> String {
    let at = word.source.at().unwrap();
    let source = word.source.words().replace(&at.to_string(), "");
    let part = match &word.part {
        None => String::new(),
        Some(OptionPart::ClientClass(name)) => format!(" of {name}"),
        Some(OptionPart::DynamicRange(range)) => format!(" of {range}"),
    };
    let standing = match &word.standing {
        OptionStanding::Told => "told".to_owned(),
        OptionStanding::When { condition } => format!("when {condition}"),
        OptionStanding::Overridden => "overridden".to_owned(),
        OptionStanding::Withheld { because } => format!("withheld, {because}"),
    };
    let source = source.trim_start_matches(", ");
    format!("{} {}{part} | {source} | {standing}", word.name, word.text)
}

/// Of a machine with this block, what it is told of an option, or of all where none is named.
fn check(profile: &str, block: &str, option: &str, expected: &[&str]) {
    let machine = format!("{SITE}machine \"m\" {profile} {{ {block} }}\n");
    let mut found = lines(&machine);
    found.retain(|line| !line.contains(" | ") || line.starts_with(option));
    assert_eq!(found, expected, "{option} of {block}");
}

#[test]
fn each_place_has_its_word_and_the_nearest_counts() {
    let farther = [
        "root-path /subnet | from subnet 10.0.0.0/24 | overridden",
        "root-path /vlan | from vlan f/v | overridden",
        "root-path /site | from the site | overridden",
    ];
    let own = format!("option \"root-path\" \"/own\"; {PLAIN}");
    let of_classes = [
        "root-path /a of a | from the site | overridden",
        "root-path /b of b | from the site | overridden",
    ];
    let all = [
        &["e 10.0.0.0/24 10.0.0.11", "root-path /own |  | told"],
        &["root-path /profile | from profile p | overridden"][..],
        &of_classes,
        &farther,
    ];
    check("profile=\"p\"", &own, "root-path", &all.concat());
    let without = [
        &["e 10.0.0.0/24 10.0.0.11"][..],
        &["root-path /a of a | from the site | told", of_classes[1]],
        &farther,
    ];
    check("", PLAIN, "root-path", &without.concat());
    let relayed = r#"ethernet "e" vlan="far" mac="06:00:00:00:00:01" { address "10.0.1.11" }"#;
    let of_relayed = [
        "e 10.0.1.0/24 10.0.1.11",
        "root-path /a of a | from the site | when vendor-class V",
        "root-path /far | from vlan f/far | told",
        "root-path /vlan | relayed to vlan f/v | overridden",
        "root-path /site | from the site | overridden",
    ];
    check("", relayed, "root-path", &of_relayed);
}

#[test]
fn what_only_the_client_shows_is_left_open() {
    let of =
        |identity: &str| format!(r#"ethernet "e" vlan="v" {identity} {{ address "10.0.0.11" }}"#);
    let head = "e 10.0.0.0/24 10.0.0.11";
    let rest = [
        "root-path /subnet | from subnet 10.0.0.0/24 | told",
        "root-path /vlan | from vlan f/v | overridden",
        "root-path /site | from the site | overridden",
    ];
    let vendor = "root-path /a of a | from the site | when vendor-class V";
    let nearest = "root-path /c of c | from vlan f/v | when mac-prefix 0a";
    let uefi = "root-path /b of b | from the site | when architecture x64-uefi";
    let either = "root-path /b of b | from the site | when architecture x64-uefi and mac-prefix 02";
    for (identity, open) in [
        (r#"mac="02:00:00:00:00:01""#, &[vendor, uefi][..]),
        (r#"mac="06:00:00:00:00:01""#, &[vendor]),
        (r#"client-id="m""#, &[nearest, vendor, either]),
    ] {
        let expected = [&[head], open, &rest].concat();
        check("", &of(identity), "root-path", &expected);
    }
    // Firmware asks from either port.
    let bond = r#"bond "e" vlan="v" mode="802.3ad" { ports "x" "y"; address "10.0.0.11" }
        ethernet "x" mac="02:00:00:00:00:01"
        ethernet "y" mac="0a:00:00:00:00:01""#;
    let expected = [&[head, nearest, vendor, either][..], &rest].concat();
    check("", bond, "root-path", &expected);
}

const UNKNOWN: &str =
    "withheld, not recognised as the machine, which takes a mac or another identity";

#[test]
fn a_machine_that_is_not_recognised_is_told_what_others_are() {
    let block =
        r#"tag "a"; option "root-path" "/own"; ethernet "e" vlan="v" { address "10.0.0.11" }"#;
    let own = format!("root-path /own |  | {UNKNOWN}");
    let expected = [
        "e 10.0.0.0/24",
        &own,
        "root-path /c of c | from vlan f/v | when mac-prefix 0a",
        "root-path /a of a | from the site | when vendor-class V",
        "root-path /b of b | from the site | when architecture x64-uefi and mac-prefix 02",
        "root-path /range of 10.0.0.200-10.0.0.209 | from subnet 10.0.0.0/24 | when its address is of 10.0.0.200-10.0.0.209",
        "root-path /subnet | from subnet 10.0.0.0/24 | told",
        "root-path /vlan | from vlan f/v | overridden",
        "root-path /site | from the site | overridden",
    ];
    check("", block, "root-path", &expected);
    let name = format!("host-name m |  | {UNKNOWN}");
    check("", block, "host-name", &["e 10.0.0.0/24", &name]);
    let nameless = r#"ethernet "e" vlan="v" { address "10.0.0.11" }"#;
    check("", nameless, "host-name", &["e 10.0.0.0/24", &name]);
}

/// By its MAC, as the site knows it.
#[test]
fn a_class_that_any_client_of_the_interface_is_of_counts() {
    let block = r#"ethernet "e" vlan="shut" mac="02:00:00:00:00:01""#;
    let expected = [
        "e 10.0.2.0/24",
        "root-path /a of a | from the site | when vendor-class V",
        "root-path /b of b | from the site | when architecture x64-uefi",
        "root-path /farther of c | from the site | told",
        "root-path /site | from the site | overridden",
    ];
    check("", block, "root-path", &expected);
}

#[test]
fn what_is_withheld_is_said_so() {
    let gateway = r#"default-gateway "10.0.1.1"
        ethernet "e" vlan="v" mac="02:00:00:00:00:01" { address "10.0.0.11" }
        ethernet "o" vlan="far" mac="02:00:00:00:00:02" { address "10.0.1.11" }"#;
    let elsewhere = "routers 10.0.0.1 | from subnet 10.0.0.0/24 | withheld, the machine has another default-gateway";
    let there = [
        "o 10.0.1.0/24 10.0.1.11",
        "routers 10.0.1.1 | from subnet 10.0.1.0/24 | told",
    ];
    let head = "e 10.0.0.0/24 10.0.0.11";
    let expected = [&[head, elsewhere], &there[..]].concat();
    check("", gateway, "routers", &expected);
    let own = "routers 10.0.0.9 | from profile p | told";
    let expected = [
        head,
        own,
        elsewhere,
        there[0],
        own,
        "routers 10.0.1.1 | from subnet 10.0.1.0/24 | overridden",
    ];
    check("profile=\"p\"", gateway, "routers", &expected);
}

#[test]
fn what_follows_from_the_site_has_its_place() {
    let relayed = r#"ethernet "e" vlan="far" mac="06:00:00:00:00:01" { address "10.0.1.11" }"#;
    let expected = [
        "e 10.0.1.0/24 10.0.1.11",
        "subnet-mask 255.255.255.0 | from subnet 10.0.1.0/24 | told",
        "routers 10.0.1.1 | from subnet 10.0.1.0/24 | told",
        "dns-servers 10.0.0.7 | from subnet 10.0.1.0/24 | told",
        "host-name m |  | told",
        "domain-name s.example.net | from the site | told",
        "root-path /a of a | from the site | when vendor-class V",
        "root-path /far | from vlan f/far | told",
        "root-path /vlan | relayed to vlan f/v | overridden",
        "root-path /site | from the site | overridden",
        "broadcast-address 10.0.1.255 | from subnet 10.0.1.0/24 | told",
        "ntp-servers 10.0.0.4 | from the site | told",
        "domain-search s.example.net | from the site | told",
    ];
    check("", relayed, "", &expected);
    let head = "e 10.0.0.0/24 10.0.0.11";
    let servers = [head, "dns-servers 10.0.0.2 | from vlan f/v | told"];
    check("", PLAIN, "dns-servers", &servers);
    let mtu = [head, "interface-mtu 9000 | from vlan f/v | told"];
    check("", PLAIN, "interface-mtu", &mtu);
}

/// The router stands among them, and in no other option beside them.
#[test]
fn classless_routes_stand_for_routers_too() {
    let unrouted = "it is told no classless-static-routes";
    let routes = r#"option "classless-static-routes" "10.9.0.0/16" "10.0.0.8""#;
    let head = "e 10.0.0.0/24 10.0.0.11";
    let router = format!("routers 10.0.0.1 | from subnet 10.0.0.0/24 | when {unrouted}");
    let block = format!("{routes}; {PLAIN}");
    check("", &block, "routers", &[head, &router]);
    let told = "classless-static-routes 0.0.0.0/0 via 10.0.0.1, 10.9.0.0/16 via 10.0.0.8 |  | told";
    check("", &block, "classless", &[head, told]);
    let bytes =
        format!("option \"classless-static-routes\" (hex)\"10:0a:09:0a:00:00:08\"; {PLAIN}");
    let told = "classless-static-routes 100a090a000008 |  | told";
    check("", &bytes, "classless", &[head, told]);
}

#[test]
fn nothing_is_told_where_nobody_is_answered() {
    let at = |link: &str| format!("ethernet \"e\" {link}");
    let known = r#"vlan="shut" mac="02:00:00:00:00:01""#;
    for (link, expected) in [
        (at(r#"vlan="still" mac="02:00:00:00:00:01""#), &[][..]),
        (at(r#"mac="02:00:00:00:00:01""#), &[]),
        (at(r#"vlan="shut""#), &[]),
        // It is known, and has any address of the ranges.
        (at(known), &["e 10.0.2.0/24", "host-name m |  | told"]),
        (
            at(&format!("{known} {{ address \"10.0.3.9\" }}")),
            &["e 10.0.2.0/24", "host-name m |  | told"],
        ),
    ] {
        check("", &link, "host-name", expected);
    }
    let beside = r#"option "root-path" "/own"; ethernet "e" vlan="beside" mac="02:00:00:00:00:01""#;
    let other = "withheld, another server gives the addresses here";
    let expected = [
        "e 10.0.4.0/24".to_owned(),
        format!("host-name m |  | {other}"),
        format!("root-path /own |  | {other}"),
        format!("root-path /a of a | from the site | {other}"),
        format!("root-path /b of b | from the site | {other}"),
        format!("root-path /farther of c | from the site | {other}"),
        format!("root-path /site | from the site | {other}"),
        "vendor-options 0101ff | from vlan f/beside | told".to_owned(),
    ];
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    check("", beside, "", &expected);
}

/// Whatever becomes of a word, `show` says it in a line.
#[test]
fn show_has_a_line_for_each_word() {
    let folder = tempfile::tempdir().unwrap();
    let machine = r#"option "root-path" "/own"; ethernet "e" vlan="v""#;
    let text = format!("{SITE}machine \"m\" {{ {machine} }}\n");
    std::fs::create_dir(folder.path().join("boot")).unwrap();
    std::fs::write(folder.path().join("boot/a"), "a").unwrap();
    std::fs::write(folder.path().join("site.kdl"), text).unwrap();
    let expected = [
        "dhcp options of e in f/v, with an address of 10.0.0.0/24",
        "root-path /own site.kdl:47 withheld: not recognised as the machine, which takes a mac or another identity",
        "root-path /c in client-class c site.kdl:15, from vlan f/v when mac-prefix 0a",
        "root-path /a in client-class a site.kdl:5, from the site when vendor-class V",
        "root-path /b in client-class b site.kdl:6, from the site when architecture x64-uefi and mac-prefix 02",
        "root-path /range in 10.0.0.200-10.0.0.209 site.kdl:20, from subnet 10.0.0.0/24 when its address is of 10.0.0.200-10.0.0.209",
        "root-path /subnet site.kdl:21, from subnet 10.0.0.0/24",
        "root-path /vlan site.kdl:14, from vlan f/v overridden",
        "root-path /site site.kdl:4, from the site overridden",
    ];
    for what in ["m", "m/e"] {
        let said = said(folder.path(), &["show", what]);
        let lines = said.lines().skip_while(|line| !line.starts_with("dhcp"));
        let lines = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        let found: Vec<String> = lines
            .filter(|line| line.starts_with("dhcp") || line.starts_with("root-path"))
            .collect();
        assert_eq!(found, expected, "{what}");
    }
}
