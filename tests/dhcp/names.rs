//! Names of leases in DNS.

use crate::support::{LEASE, Rig, discover, release, renew, select, site};

#[test]
fn names_follow_leases() {
    let mut rig = Rig::new(&site());
    let named = |last, address, name: &[u8]| select(last, address).option(12, name);
    rig.said(&named(1, 10, b"Web_1.example"));
    rig.said(&named(2, 11, b"web-1"));
    rig.said(&named(3, 12, b"declared"));
    rig.said(&release(2, 11));
    rig.said(&renew(1, 10).option(12, b"db"));
    rig.said(&discover(0x99));
    rig.said(&select(0x99, 50).option(12, b"other"));
    rig.now += 2 * LEASE;
    rig.input(bedplate::serve::dhcp::Input::Tick);
    let expected = [
        "+web-1.example 10.0.0.10",
        "+dhcp-10-0-0-11.example 10.0.0.11",
        "+dhcp-10-0-0-12.example 10.0.0.12",
        "-dhcp-10-0-0-11.example 10.0.0.11",
        "-web-1.example 10.0.0.10",
        "+db.example 10.0.0.10",
        "-db.example 10.0.0.10",
        "-dhcp-10-0-0-12.example 10.0.0.12",
    ];
    assert_eq!(rig.names, expected);
}

/// Where no address is reserved for a machine, its lease has its name, and nobody else's has.
#[test]
fn a_machine_without_a_reserved_address_has_its_own_name() {
    let mut site = site();
    site["vlan/plant/pxe/reservation/02:00:00:00:00:07"] = serde_json::json!({ "reservation": {
        "host": "m7", "addresses": [], "image": null
    } });
    let mut rig = Rig::new(&site);
    rig.said(&select(1, 10).option(12, b"m7"));
    rig.said(&select(7, 11));
    rig.said(&renew(7, 11).option(12, b"other"));
    let expected = ["+dhcp-10-0-0-10.example 10.0.0.10", "+m7.example 10.0.0.11"];
    assert_eq!(rig.names, expected);
}
