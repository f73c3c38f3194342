//! The picture by which tests compare networks: it shows what somebody set, and nothing that changes by itself.

use serde_json::Value;

use crate::kinds;
use crate::rig::Site;
use crate::support::guest;
use crate::support::normalise::{self, snapshot};

/// One network made twice, at other times and with other random MACs and numbers.
#[test]
fn the_same_network_looks_the_same() {
    guest::inside(|| {
        let first = snapshot(&Site::with(&kinds::ALL).inside);
        let second = Site::with(&["link add early type dummy", "link del early"]);
        second.inside.batch(&kinds::ALL);
        let second = snapshot(&second.inside);
        normalise::same(&first, &second, "the same commands later");
    });
}

/// What each command changes, by where it shows.
const CHANGES: [(&str, &str); 19] = [
    ("link del inner", "/links/inner/linkinfo"),
    (
        "link add link outer name inner type vlan id 301",
        "/links/inner/linkinfo/info_data/id",
    ),
    (
        "link set outer address 02:00:00:00:00:09",
        "/links/outer/address",
    ),
    ("link set bond0.100 mtu 1400", "/links/bond0.100/mtu"),
    ("link set dummy0 down", "/links/dummy0/flags"),
    (
        "link set dummy0 address 02:00:00:00:00:02",
        "/links/dummy0/address",
    ),
    (
        "link property add dev dummy0 altname bedplate:dummy0",
        "/links/dummy0/altnames",
    ),
    (
        "link set bond0 type bond xmit_hash_policy layer2",
        "/links/bond0/linkinfo/info_data/xmit_hash_policy",
    ),
    (
        "link set bond1 type bond primary p1",
        "/links/bond1/linkinfo/info_data/primary",
    ),
    ("link set p0 nomaster", "/links/p0/master"),
    (
        "link set br0 type bridge vlan_filtering 0",
        "/links/br0/linkinfo/info_data/vlan_filtering",
    ),
    (
        "link set br0 type bridge stp_state 1",
        "/links/br0/linkinfo/info_data/stp_state",
    ),
    (
        "link set br0 type bridge priority 4096",
        "/links/br0/linkinfo/info_data/priority",
    ),
    (
        "link set p2 type bridge_slave cost 7",
        "/links/p2/linkinfo/info_slave_data/cost",
    ),
    ("address add 192.0.2.2/32 dev dummy0", "/addresses/dummy0/1"),
    (
        "address add fd00::1/64 dev br0 nodad",
        "/addresses/br0/0/local",
    ),
    (
        "address change 192.0.2.1/32 dev dummy0 preferred_lft 0",
        "/addresses/dummy0/0/deprecated",
    ),
    ("route add unreachable fd99::/16", "/routes"),
    ("rule del priority 999", "/rules/0"),
];

#[test]
fn every_change_shows() {
    guest::inside(|| {
        let site = Site::with(&kinds::ALL);
        let before = snapshot(&site.inside);
        site.inside.batch(&CHANGES.map(|(command, _)| command));
        site.inside
            .ip("-6 rule add from fd00::/8 table 100 priority 7");
        let words = ["vlan", "add", "dev", "p2", "vid", "10"];
        let added = site.inside.output("bridge", &words);
        assert!(added.status.success(), "{added:?}");
        let path = "/proc/sys/net/ipv6/conf/dummy0/accept_ra";
        site.inside.run(|| std::fs::write(path, "0").unwrap());
        let after = snapshot(&site.inside);
        assert!(after["routes"].to_string().contains("unreachable"));
        let others = ["/rules/1", "/vlans/p2/1", "/sysctls/dummy0/ipv6~1accept_ra"];
        for place in CHANGES.iter().map(|(_, place)| *place).chain(others) {
            let at = |said: &Value| said.pointer(place).cloned();
            assert_ne!(at(&before), at(&after), "{place}");
        }
    });
}
