//! Every kind of link that a site may have is one that the kernel makes and we can read.

use bedplate::state::{Key, Resource};
use serde_json::json;

use crate::rig::Site;
use crate::support::guest;

/// All kinds at once, made by `ip`: on the ports `p0` to `p2` of a [`Site`].
pub(crate) const ALL: [&str; 26] = [
    "link add bond0 type bond mode 802.3ad miimon 100 lacp_rate fast xmit_hash_policy layer3+4",
    "link set p0 down",
    "link set p0 master bond0",
    "link set bond0 up",
    "link add bond1 type bond mode active-backup miimon 100",
    "link set p1 down",
    "link set p1 master bond1",
    "link set bond1 up",
    "link add link bond0 name bond0.100 type vlan id 100",
    "link add link bond0 name outer type vlan id 200 protocol 802.1ad",
    "link set outer up",
    "link add link outer name inner type vlan id 300",
    "link add dummy0 type dummy",
    "link set dummy0 up",
    "address add 192.0.2.1/32 dev dummy0",
    "link add blue type vrf table 100",
    "link set blue up",
    "link set bond0.100 master blue",
    "link set bond0.100 up",
    "address add 10.9.0.1/24 dev bond0.100",
    "link add br0 type bridge vlan_filtering 1 vlan_default_pvid 1",
    "link set p2 master br0",
    "link set br0 up",
    "link add link br0 name br0.10 type vlan id 10",
    "route add blackhole 10.98.0.0/16 table 100",
    "rule add from 10.0.0.0/8 table 100 priority 999",
];

#[test]
fn all_kinds_are_observed() {
    guest::inside(|| {
        let site = Site::with(&ALL);
        let kinds = [
            ("blue", "vrf", ""),
            ("bond0", "bond", ""),
            ("bond0.100", "vlan", "blue"),
            ("bond1", "bond", ""),
            ("br0", "bridge", ""),
            ("br0.10", "vlan", ""),
            ("dummy0", "dummy", ""),
            ("inner", "vlan", ""),
            ("outer", "vlan", ""),
            ("p0", "veth", "bond0"),
            ("p1", "veth", "bond1"),
            ("p2", "veth", "br0"),
        ];
        for (name, kind, _) in kinds {
            let command = format!("link show dev {name}");
            let said = site.witness(&command, "/0/linkinfo/info_kind");
            assert_eq!(said, json!(kind), "{name}");
        }
        let seen = site.observe();
        let links = seen.state.iter().filter_map(|(key, resource)| {
            let (Key::Link { link: name, .. }, Resource::Link(link)) = (key, resource) else {
                return None;
            };
            let of = link.port_of.as_ref().map(ToString::to_string);
            Some((name.to_string(), link.kind.as_str(), of.unwrap_or_default()))
        });
        let expected = kinds.map(|(name, kind, of)| {
            let kind = match kind {
                "vlan" => "tagged",
                "veth" => "physical",
                other => other,
            };
            (name.to_owned(), kind, of.to_owned())
        });
        assert_eq!(links.collect::<Vec<_>>(), expected);
        assert_eq!(seen.marked, [].into(), "none of them is ours");
    });
}
