//! Which links a controller's servers choose: each address that it has in a VLAN that it serves, whatever kind of link carries it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

use bedplate::diag::render;
use bedplate::lang::files::MemoryFiles;
use bedplate::site::compile;
use bedplate::state::{Key, Resource, desired};

/// Three VLANs, of which the controller serves some, around the links of its block.
fn site(served: &str, block: &str) -> String {
    let dhcp = |vlan: &str| match served.split(' ').any(|one| one == vlan) {
        true => "dhcp { controllers \"c\" }",
        false => "",
    };
    let [pxe, tenant] = ["pxe", "tenant"].map(dhcp);
    format!(
        r#"site "s" domain="s.example"
fabric "f" {{
    vlan "pxe" {{
        {pxe}
        subnet "10.1.0.0/24" {{ dynamic-range "10.1.0.100-10.1.0.199" }}
        subnet "10.2.0.0/24"
        subnet "fd01::/64"
    }}
    vlan "tenant" id=100 {{
        {tenant}
        subnet "10.3.0.0/24" {{ dynamic-range "10.3.0.100-10.3.0.199" }}
    }}
    vlan "storage" id=200 {{ subnet "10.4.0.0/24" }}
}}
controller "c" {{
    ethernet "e1"
    ethernet "e2"
{block}
}}
"#
    )
}

/// The addresses that are answered on and their links: of DHCP, and of the other three, which are always the same.
fn listeners(served: &str, block: &str) -> (Vec<String>, Vec<String>) {
    let mut files = MemoryFiles::default();
    files.insert("site.kdl", site(served, block).into_bytes());
    let compiled = compile(&files, "site.kdl");
    let shown = render::text(&compiled.diagnostics, &compiled.sources, false);
    let desired = desired(&compiled.site.expect(&shown), &"c".parse().unwrap());
    let on = |wanted: &str| -> Vec<String> {
        let rows = desired.state.iter().filter_map(|(key, resource)| {
            let (
                Key::Listener {
                    service, address, ..
                },
                Resource::Listener(listener),
            ) = (key, resource)
            else {
                return None;
            };
            assert_eq!(*address, listener.address.ip());
            (service.as_str() == wanted).then(|| format!("{address} {}", listener.link))
        });
        rows.collect()
    };
    let [dhcp, dns, tftp, http] = ["dhcp", "dns", "tftp", "http"].map(on);
    assert!(dns == tftp && dns == http, "{block}");
    (dhcp, dns)
}

/// What a controller serves, its links, and where it answers.
const CASES: [(&str, &str, &[&str]); 9] = [
    // In a VLAN that it does not serve it answers nobody.
    (
        "",
        r#"ethernet "e3" vlan="pxe" { address "10.1.0.2" }"#,
        &[],
    ),
    (
        "pxe",
        r#"ethernet "e3" vlan="pxe" { address "10.1.0.2" }"#,
        &["10.1.0.2 e3"],
    ),
    (
        "tenant",
        r#"ethernet "e3" vlan="pxe" { address "10.1.0.2" }
               tagged "e1.200" on="e1" vlan="storage" { address "10.4.0.2" }
               tagged "e1.100" on="e1" vlan="tenant" { address "10.3.0.2" }"#,
        &["10.3.0.2 e1.100"],
    ),
    (
        "tenant",
        r#"tagged "e1.100" on="e1" vlan="tenant" { address "10.3.0.2" }"#,
        &["10.3.0.2 e1.100"],
    ),
    (
        "pxe",
        r#"bond "b0" mode="active-backup" vlan="pxe" { ports "e1" "e2"; address "10.1.0.2" }"#,
        &["10.1.0.2 b0"],
    ),
    (
        "pxe",
        r#"bridge "br0" vlan="pxe" { ports "e1" "e2"; address "10.1.0.2" }"#,
        &["10.1.0.2 br0"],
    ),
    // A VLAN on a bond, in a bridge: the address is the bridge's, and so are the listeners.
    (
        "tenant",
        r#"bond "b0" mode="active-backup" { ports "e1" "e2" }
               tagged "b0.100" on="b0" vlan="tenant"
               bridge "br1" vlan="tenant" { ports "b0.100"; address "10.3.0.2" }"#,
        &["10.3.0.2 br1"],
    ),
    // Several links in one VLAN, several addresses on one link, and another VLAN on top.
    (
        "pxe tenant",
        r#"ethernet "e3" vlan="pxe" { address "10.1.0.2"; address "10.2.0.2" }
               ethernet "e4" vlan="pxe" { address "10.1.0.3" }
               tagged "e3.100" on="e3" vlan="tenant" { address "10.3.0.2" }"#,
        &[
            "10.1.0.2 e3",
            "10.1.0.3 e4",
            "10.2.0.2 e3",
            "10.3.0.2 e3.100",
        ],
    ),
    // Addresses of no VLAN serve nobody.
    (
        "pxe",
        r#"loopback { address "192.0.2.1/32" }
               dummy "d0" { address "192.0.2.2/32" }
               ethernet "e3" vlan="pxe" { address "10.1.0.2" }
               vrf "red" table=1001 { ports "e3" }"#,
        &["10.1.0.2 e3"],
    ),
];

#[test]
fn servers_answer_on_the_links_of_their_vlans() {
    for (served, block, expected) in CASES {
        let (dhcp, others) = listeners(served, block);
        assert_eq!(
            (&dhcp[..], &others[..]),
            (&strings(expected)[..], &strings(expected)[..]),
            "{block}"
        );
    }
}

/// DHCP is IPv4; the others answer on both.
#[test]
fn an_ipv6_address_gets_no_dhcp() {
    let block = r#"ethernet "e3" vlan="pxe" { address "10.1.0.2"; address "fd01::2" }"#;
    let (dhcp, others) = listeners("pxe", block);
    assert_eq!(dhcp, ["10.1.0.2 e3"]);
    assert_eq!(others, ["10.1.0.2 e3", "fd01::2 e3"]);
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}
