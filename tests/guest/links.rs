//! Links of every kind are made, changed in place where the kernel allows, and removed; what stands on them stays.

use bedplate::base::bond::{BondMode, BondParameter};
use bedplate::base::vlan::VlanProtocol;
use bedplate::state::{Bond, Bridge, Link, LinkKind, PortVlan, Resource, Table, Tagged, Vrf};
use serde_json::{Value, json};

use crate::rig::{Site, Step, address, check, port};
use crate::support::guest;

fn made(kind: LinkKind, mtu: u32) -> Option<Resource> {
    Some(Resource::Link(Link::new(kind, true, Some(mtu))))
}

fn bond(mode: BondMode, parameters: &[(&str, &str)], mtu: u32) -> Option<Resource> {
    let read = |(name, value): &(&str, &str)| {
        let parameter = BondParameter::named(name).unwrap();
        (parameter, parameter.read(value).unwrap())
    };
    let bond = Bond::new(mode, parameters.iter().map(read));
    made(LinkKind::Bond(bond), mtu)
}

fn tagged(on: &str, id: u16, protocol: VlanProtocol, mtu: u32) -> Option<Resource> {
    let on = on.parse().unwrap();
    made(LinkKind::Tagged(Tagged { on, id, protocol }), mtu)
}

fn witness(site: &Site, link: &str, expected: &[(String, Value)]) {
    let said = site.inside.ip_json(&format!("link show dev {link}"));
    for (pointer, value) in expected {
        assert_eq!(said.pointer(pointer), Some(value), "{link} {pointer}");
    }
}

fn lacp() -> Option<Resource> {
    let parameters = [
        ("lacp-rate", "fast"),
        ("transmit-hash", "layer3+4"),
        ("mii-interval", "100ms"),
        ("ad-system", "52:54:00:00:00:09"),
    ];
    bond(BondMode::Lacp, &parameters, 1500)
}

fn slow() -> Option<Resource> {
    let parameters = [("min-links", "1"), ("ad-select", "count")];
    bond(BondMode::Lacp, &parameters, 1500)
}

fn backup() -> Option<Resource> {
    let parameters = [
        ("primary", "p1"),
        ("primary-reselect", "failure"),
        ("mii-interval", "50ms"),
        ("up-delay", "100ms"),
        ("fail-over-mac", "none"),
    ];
    bond(BondMode::ActiveBackup, &parameters, 1500)
}

fn asking() -> Option<Resource> {
    let parameters = [
        ("arp-interval", "200ms"),
        ("arp-targets", "10.9.0.1,10.9.0.2"),
        ("arp-validate", "all"),
        ("packets-per-port", "2"),
    ];
    bond(BondMode::BalanceRr, &parameters, 1500)
}

const Q: VlanProtocol = VlanProtocol::Dot1q;
const AD: VlanProtocol = VlanProtocol::Dot1ad;

/// A bond of two ports with links on links on it, and an address.
fn stacked() -> Site {
    let site = Site::new();
    check(
        &site,
        &[
            Step("link/bond0", None, lacp()),
            Step(
                "link/p0",
                port(true, 1500, None),
                port(true, 1500, Some("bond0")),
            ),
            Step(
                "link/p1",
                port(true, 1500, None),
                port(true, 1500, Some("bond0")),
            ),
            Step("link/bond0.100", None, tagged("bond0", 100, Q, 1500)),
            Step("link/outer", None, tagged("bond0", 200, AD, 1500)),
            Step("link/inner", None, tagged("outer", 300, Q, 1500)),
            Step("address/10.9.0.1/24@bond0.100", None, address()),
        ],
    );
    site
}

#[test]
fn a_bond_changes_its_mode_and_keeps_ports_and_children() {
    guest::inside(|| {
        let site = stacked();
        let data = |name: &str| format!("/0/linkinfo/info_data/{name}");
        let first = [
            (data("mode"), json!("802.3ad")),
            (data("ad_lacp_rate"), json!("fast")),
            (data("xmit_hash_policy"), json!("layer3+4")),
            (data("ad_actor_system"), json!("52:54:00:00:00:09")),
            ("/0/altnames".to_owned(), json!(["bedplate:bond0"])),
        ];
        witness(&site, "bond0", &first);
        check(
            &site,
            &[
                Step("link/bond0", lacp(), backup()),
                Step("link/bond0", backup(), asking()),
                Step("link/bond0", asking(), slow()),
                Step("link/bond0", slow(), backup()),
            ],
        );
        let last = [
            (data("mode"), json!("active-backup")),
            (data("primary"), json!("p1")),
            (data("updelay"), json!(100)),
        ];
        witness(&site, "bond0", &last);
        for child in ["bond0.100", "inner", "outer"] {
            witness(&site, child, &[("/0/operstate".to_owned(), json!("UP"))]);
        }
    });
}

#[test]
fn what_was_stacked_is_taken_apart() {
    guest::inside(|| {
        let site = stacked();
        let in_bond = || port(true, 1500, Some("bond0"));
        check(
            &site,
            &[
                Step("address/10.9.0.1/24@bond0.100", address(), None),
                Step("link/inner", tagged("outer", 300, Q, 1500), None),
                Step("link/outer", tagged("bond0", 200, AD, 1500), None),
                Step("link/bond0.100", tagged("bond0", 100, Q, 1500), None),
                Step("link/p0", in_bond(), port(true, 1500, None)),
                Step("link/p1", in_bond(), port(false, 1500, None)),
                Step("link/bond0", lacp(), None),
            ],
        );
    });
}

#[test]
fn a_filtering_bridge_gives_its_ports_their_vlans() {
    guest::inside(|| {
        let site = Site::new();
        let bridge = |filtering: bool, pvid: u16, stp: bool| Bridge {
            vlan_filtering: filtering,
            default_pvid: pvid,
            ..Bridge::plain(stp)
        };
        let plain = PortVlan {
            pvid: false,
            untagged: false,
        };
        let own = PortVlan {
            pvid: true,
            untagged: true,
        };
        let with = |link: Link, vlans: &[(u16, PortVlan)]| {
            let vlans = vlans.iter().copied().collect();
            Some(Resource::Link(Link { vlans, ..link }))
        };
        let br = |bridge, vlans: &[(u16, PortVlan)]| {
            with(Link::new(LinkKind::Bridge(bridge), true, Some(1500)), vlans)
        };
        let joined = |vlans: &[(u16, PortVlan)]| {
            let link = Link::new(LinkKind::Physical, true, Some(1500));
            let port_of = Some("br0".parse().unwrap());
            with(Link { port_of, ..link }, vlans)
        };
        let first = || br(bridge(true, 1, false), &[(1, own), (10, plain)]);
        check(
            &site,
            &[
                Step("link/br0", None, first()),
                Step("link/p0", port(true, 1500, None), joined(&[(1, own)])),
                Step(
                    "link/p0",
                    joined(&[(1, own)]),
                    joined(&[(10, own), (20, plain), (30, plain)]),
                ),
                Step(
                    "link/br0",
                    first(),
                    br(bridge(true, 1, true), &[(1, own), (20, plain)]),
                ),
                Step("link/br0", br(bridge(true, 1, true), &[(1, own)]), first()),
            ],
        );
        let said = site
            .inside
            .run(|| site.inside.ip_json("link show master br0"));
        assert_eq!(said.pointer("/0/ifname"), Some(&json!("p0")));
        let data = |name: &str, value: u8| (format!("/0/linkinfo/info_data/{name}"), json!(value));
        let last = [
            data("vlan_filtering", 1),
            data("stp_state", 0),
            data("forward_delay", 0),
        ];
        witness(&site, "br0", &last);
    });
}

#[test]
fn dummies_and_vrfs_are_made() {
    guest::inside(|| {
        let site = Site::new();
        let vrf = || {
            let table = Table(1001);
            made(LinkKind::Vrf(Vrf { table }), 65_536)
        };
        let dummy = |mtu| made(LinkKind::Dummy, mtu);
        check(
            &site,
            &[
                Step("link/blue", None, vrf()),
                Step(
                    "link/p0",
                    port(true, 1500, None),
                    port(true, 1500, Some("blue")),
                ),
                Step("address/10.9.0.1/24@p0", None, address()),
                Step("link/anycast0", None, dummy(1500)),
                Step("link/anycast0", dummy(1500), dummy(9000)),
                Step("address/192.0.2.1/32@anycast0", None, address()),
                Step(
                    "link/p0",
                    port(true, 1500, Some("blue")),
                    port(true, 1500, None),
                ),
                Step("link/blue", vrf(), None),
            ],
        );
    });
}

/// The longest name that a link may have, where the mark is longer than a name.
#[test]
fn names_may_be_fifteen_bytes_long() {
    guest::inside(|| {
        let site = Site::new();
        check(
            &site,
            &[
                Step("link/fifteen-bytes-1", None, made(LinkKind::Dummy, 1500)),
                Step(
                    "link/fifteen-bytes-2",
                    None,
                    tagged("fifteen-bytes-1", 4094, Q, 1400),
                ),
                Step(
                    "link/fifteen-bytes-2",
                    tagged("fifteen-bytes-1", 4094, Q, 1400),
                    None,
                ),
            ],
        );
    });
}
