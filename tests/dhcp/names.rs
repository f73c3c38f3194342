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
