//! Every value of an object is told with where it comes from, whatever the order of nodes.

use bedplate::base::digest::Digest;
use bedplate::cli::files::DiskFiles;
use bedplate::lang::files::MemoryFiles;
use bedplate::site::catalog::Detail;
use bedplate::site::catalog::{Catalog, Found, ObjectKey, find};
use bedplate::site::compile_catalog;
use bedplate::site::model::Site;

use crate::lab::root;

const PROFILE: &str = r#"profile "p" {
    image "i"
    bmc "redfish" username="admin" password=(env)"SECRET"
    ethernet "e0" vlan="v" mtu=1400
    ethernet "e1" vlan="w"
}
"#;

const MACHINE: &str = r#"machine "m" profile="p" {
    power "on"
    bmc "redfish" address="10.0.0.9"
    ethernet "e0" mac="52:54:00:00:00:01" { address "10.0.0.5" }
}
"#;

const REST: &str = r#"site "s" domain="s.example.net"
image "i" { boot "ipxe" "boot/a" }
fabric "f" {
    vlan "v" mtu=9000 {
        dhcp { controllers "c"; lease-time "5m"; rate-per-client 5; leases-per-circuit 9 }
        subnet "10.0.0.0/24" { gateway "10.0.0.1"; dynamic-range "10.0.0.100-10.0.0.109" }
    }
    vlan "w" id=2 { dhcp { relay-to "v"; leases-per-circuit 8 }; subnet "10.0.1.0/24" { dynamic-range "10.0.1.16/28" } }
}
controller "c" { ethernet "x"; bridge "b" vlan="v" mtu=1500 { ports "x"; address "10.0.0.2" } }
machines profile="p" from="rows.csv"
"#;

const ROWS: &str = "name,ethernet.e0.mac,bmc.address\nrow,52:54:00:00:00:02,10.0.0.8\n";

fn catalog(text: &str) -> Catalog {
    surveyed(text).1
}

fn surveyed(text: &str) -> (Site, Catalog) {
    let mut files = MemoryFiles::default();
    files.insert("site.kdl", text.as_bytes().to_vec());
    files.insert("rows.csv", ROWS.as_bytes().to_vec());
    if text.contains("auto") {
        files.insert("bedplate.lock", LOCK.as_bytes().to_vec());
    }
    files.insert_digest("boot/a", Digest::of(b"a"), 1);
    let (compiled, catalog) = compile_catalog(&files, "site.kdl", Detail::Full);
    assert_eq!(compiled.diagnostics, []);
    (compiled.site.unwrap(), catalog.unwrap())
}

/// `name text source`, where lines are left out of the source: they differ with the order of nodes.
fn values(catalog: &Catalog, key: &str) -> Vec<String> {
    let mut objects = catalog.objects.iter();
    let (_, object) = objects
        .find(|(known, _)| known.to_string() == key)
        .unwrap_or_else(|| panic!("no {key}"));
    let values = object.values.iter().map(|value| {
        let mut source = value.source.words();
        if let Some(at) = value.source.at() {
            source = source.replace(&at.to_string(), &at.file);
        }
        format!("{} {} | {source}", value.name, value.text)
    });
    values.collect()
}

const LOCK: &str = "address \"x\" \"e0\" \"10.9.0.0/24\" \"10.9.0.7\"\n";

/// Objects with their values.
const EXPECTED: &[(&str, &[&str])] = &[
    (
        "machine/m",
        &[
            "profile p | site.kdl",
            "image i | site.kdl, from profile p",
            "power on | site.kdl",
            "boot-from network | by default",
        ],
    ),
    (
        "machine/m/link/e0",
        &[
            "mac 52:54:00:00:00:01 | site.kdl",
            "vlan f/v | site.kdl, from profile p",
            "mtu 1400 | site.kdl, from profile p",
            "address 10.0.0.5 | site.kdl",
            "prefix-length 24 | site.kdl, from subnet 10.0.0.0/24",
            "gateway 10.0.0.1 | site.kdl, from subnet 10.0.0.0/24",
            "dns c at 10.0.0.2 | site.kdl, from vlan f/v",
        ],
    ),
    (
        "machine/m/bmc",
        &[
            "kind redfish | site.kdl",
            "address 10.0.0.9 | site.kdl",
            "username admin | site.kdl, from profile p",
            "password (env)\"SECRET\" | site.kdl, from profile p",
        ],
    ),
    (
        "machine/m/link/e1",
        &[
            "vlan f/w | site.kdl, from profile p",
            "mtu 1500 | by default",
        ],
    ),
    (
        "machine/row/link/e0",
        &[
            "mac 52:54:00:00:00:02 | rows.csv",
            "vlan f/v | site.kdl, from profile p",
            "mtu 1400 | site.kdl, from profile p",
        ],
    ),
    (
        "machine/row/bmc",
        &[
            "kind redfish | site.kdl, from profile p",
            "address 10.0.0.8 | rows.csv",
            "username admin | site.kdl, from profile p",
            "password (env)\"SECRET\" | site.kdl, from profile p",
        ],
    ),
    (
        "vlan/f/w",
        &[
            "id 2 | site.kdl",
            "mtu 1500 | by default",
            "relay-to f/v | site.kdl",
            "controllers c | site.kdl, relayed to vlan f/v",
            "lease-time 5m | site.kdl, relayed to vlan f/v",
            "authoritative #true | by default",
            "identity client-id | by default",
            "least-lease-time 1m | by default",
            "boot-lease-time as lease-time | by default",
            "offer-time 30s | by default",
            "quarantine-time 1h | by default",
            "unknown-clients allow | by default",
            "probe off | by default",
            "leases-per-circuit 8 | site.kdl",
            "rate-per-client 5 | site.kdl, relayed to vlan f/v",
        ],
    ),
    (
        "vlan/f/v/subnet/10.0.0.0/24",
        &[
            "gateway 10.0.0.1 | site.kdl",
            "dns c at 10.0.0.2 | site.kdl, from vlan f/v",
            "dynamic-range 10.0.0.100-10.0.0.109 | site.kdl",
            "managed #true | by default",
            "rdns zone | by default",
            "allow-dns #true | by default",
            "active-discovery #false | by default",
        ],
    ),
    ("controller/c/link/x", &["mtu left alone | by default"]),
    (
        "controller/c/link/b",
        &[
            "vlan f/v | site.kdl",
            "ports x | site.kdl",
            "stp #false | by default",
            "mtu 1500 | site.kdl",
            "address 10.0.0.2 | site.kdl",
            "prefix-length 24 | site.kdl, from subnet 10.0.0.0/24",
        ],
    ),
];

#[test]
fn sources_are_told_in_any_order() {
    let orders = [
        [PROFILE, MACHINE, REST].concat(),
        [MACHINE, PROFILE, REST].concat(),
        [REST, MACHINE, PROFILE].concat(),
        [PROFILE, REST, MACHINE].concat(),
    ];
    for text in orders {
        let catalog = catalog(&text);
        for (key, lines) in EXPECTED {
            assert_eq!(values(&catalog, key), *lines, "{key} in\n{text}");
        }
    }
}

#[test]
fn references_lead_to_objects_and_keys_to_themselves() {
    let mut surveyed = vec![surveyed(&[REST, PROFILE, MACHINE].concat()), surveyed(MORE)];
    for entry in std::fs::read_dir(root("examples")).unwrap() {
        let files = DiskFiles::open(&entry.unwrap().path()).unwrap();
        let (compiled, catalog) = compile_catalog(&files, "site.kdl", Detail::Full);
        surveyed.push((compiled.site.unwrap(), catalog.unwrap()));
    }
    for (site, catalog) in surveyed {
        for (key, object) in &catalog.objects {
            let found = find(&key.to_string(), &site, &catalog);
            assert_eq!(found, Found::Object(key.clone()));
            for reference in &object.refers {
                let to = &reference.to;
                assert!(catalog.objects.contains_key(to), "{key} refers to {to}");
            }
        }
    }
}

/// Addresses that are not written out, options of every level, and fabrics with the same addresses.
const MORE: &str = r#"site "s" domain="s.example.net" { dhcp { option "root-path" "/s"; option "merit-dump" "/m"; client-class "k" { match vendor-class="PXE"; match user-class="x" architecture="ipxe"; option "root-path" "/k" } } }
fabric "a" {
    isolated #true
    vlan "v" {
        dhcp { controllers "c"; option "ntp-servers" "10.9.0.3"; option "root-path" "/a" }
        subnet "10.9.0.0/24" { gateway "10.9.0.1"; allow-dns #false; option 224 (hex)"0a0b" }
    }
    vlan "w" id=2 { dhcp { relay-to "v"; option "root-path" "/w" }; subnet "10.8.0.0/24" { dynamic-range "10.8.0.9-10.8.0.19" { option "root-path" "/pool" } } }
}
fabric "b" {
    isolated #true
    vlan "b" { subnet "10.9.0.0/24" { gateway "10.9.0.2" } }
}
controller "c" { default-gateway "10.9.0.1"; ethernet "x" vlan="v" { address "10.9.0.2" } }
profile "q" { option "log-servers" "10.9.0.4"; ethernet "e0" vlan="v" client-id="q" { address "auto" } }
machine "x" profile="q" uuid="4C4C4544-0042-3510-8052-B4C04F564D31" { ethernet "e0" mac="52:54:00:00:00:01" circuit-id=(hex)"0a0b" }
machine "y" { option "root-path" "/y"; ethernet "e0" vlan="w" mac="52:54:00:00:00:02" { address "dhcp" } }
route "10.7.0.0/24" fabric="a" { via "10.9.0.9" }
route "10.7.0.0/24" fabric="b" { via "10.9.0.9" }
record "www" { cname "y" }
record "@" { mx "x" preference=5; txt "v=spf1 -all"; ttl "1h" }
"#;

/// Its objects with their values.
const MORE_EXPECTED: &[(&str, &[&str])] = &[
    ("fabric/a", &["isolated #true | site.kdl"]),
    (
        "machine/x/link/e0",
        &[
            "mac 52:54:00:00:00:01 | site.kdl",
            "client-id q | site.kdl, from profile q",
            "circuit-id 0a:0b | site.kdl",
            "vlan a/v | site.kdl, from profile q",
            "mtu 1500 | by default",
            "address 10.9.0.7 | bedplate.lock, allocated",
            "prefix-length 24 | site.kdl, from subnet 10.9.0.0/24",
            "gateway 10.9.0.1 | site.kdl, from subnet 10.9.0.0/24",
        ],
    ),
    (
        "profile/q/link/e0",
        &[
            "client-id q | site.kdl",
            "vlan a/v | site.kdl",
            "address auto | site.kdl",
        ],
    ),
    (
        "machine/x",
        &[
            "profile q | site.kdl",
            "uuid 4c4c4544-0042-3510-8052-b4c04f564d31 | site.kdl",
            "log-servers 10.9.0.4 | site.kdl, from profile q",
            "power unmanaged | by default",
            "boot-from network | by default",
        ],
    ),
    (
        "machine/y/link/e0",
        &[
            "mac 52:54:00:00:00:02 | site.kdl",
            "vlan a/w | site.kdl",
            "mtu 1500 | by default",
            "address dhcp | site.kdl",
        ],
    ),
    (
        "vlan/a/w",
        &[
            "id 2 | site.kdl",
            "mtu 1500 | by default",
            "relay-to a/v | site.kdl",
            "controllers c | site.kdl, relayed to vlan a/v",
            "lease-time 10m | by default",
            "authoritative #true | by default",
            "identity client-id | by default",
            "least-lease-time 1m | by default",
            "boot-lease-time as lease-time | by default",
            "offer-time 30s | by default",
            "quarantine-time 1h | by default",
            "unknown-clients allow | by default",
            "probe off | by default",
            "root-path /w | site.kdl",
            "ntp-servers 10.9.0.3 | site.kdl, relayed to vlan a/v",
            "merit-dump /m | site.kdl, from the site",
            "client-class k for vendor-class PXE or user-class x and architecture ipxe | site.kdl, from the site",
            "root-path /k in client-class k | site.kdl, from the site",
        ],
    ),
    (
        "vlan/a/w/subnet/10.8.0.0/24",
        &[
            "dns c at 10.9.0.2 | site.kdl, from vlan a/v",
            "dynamic-range 10.8.0.9-10.8.0.19 | site.kdl",
            "root-path /pool in 10.8.0.9-10.8.0.19 | site.kdl",
            "managed #true | by default",
            "rdns zone | by default",
            "allow-dns #true | by default",
            "active-discovery #false | by default",
            "root-path /w | site.kdl, from vlan a/w",
            "ntp-servers 10.9.0.3 | site.kdl, relayed to vlan a/v",
            "merit-dump /m | site.kdl, from the site",
        ],
    ),
    ("record/www", &["cname y | site.kdl"]),
    (
        "record/@",
        &[
            "mx x preference 5 | site.kdl",
            "txt v=spf1 -all | site.kdl",
            "ttl 1h | site.kdl",
        ],
    ),
    (
        "route/10.7.0.0/24/0/b/b/10.9.0.9",
        &[
            "destination 10.7.0.0/24 | site.kdl",
            "via 10.9.0.9 | site.kdl",
            "metric 0 | by default",
            "fabric b | site.kdl",
        ],
    ),
];

#[test]
fn what_is_allocated_or_told_besides_has_a_source_too() {
    let (site, catalog) = surveyed(MORE);
    for (key, lines) in MORE_EXPECTED {
        assert_eq!(values(&catalog, key), *lines, "{key}");
    }
    let subnet = values(&catalog, "vlan/a/v/subnet/10.9.0.0/24");
    assert!(
        subnet.contains(&"option 224 0a0b | site.kdl".to_owned()),
        "{subnet:?}"
    );
    assert!(
        !subnet.iter().any(|line| line.starts_with("dns ")),
        "{subnet:?}"
    );
    // Two isolated fabrics have the address, and in one of them nobody has it.
    let Found::Several(keys) = find("10.9.0.50", &site, &catalog) else {
        panic!("10.9.0.50 is in one subnet");
    };
    let subnets: Vec<String> = keys.iter().map(ObjectKey::to_string).collect();
    assert_eq!(
        subnets,
        ["vlan/a/v/subnet/10.9.0.0/24", "vlan/b/b/subnet/10.9.0.0/24"]
    );
    let www = catalog
        .objects
        .iter()
        .find(|(key, _)| key.to_string() == "record/www");
    assert_eq!(www.unwrap().1.refers[0].to.to_string(), "machine/y");
    // The gateway of `b` is not the controller, which has that address in `a`.
    let gateways = catalog.objects.values().flat_map(|object| &object.refers);
    let gateways =
        gateways.filter(|one| one.relation == bedplate::site::catalog::Relation::Gateway);
    assert_eq!(gateways.count(), 0);
}
