//! What others made: seen and never marked, or not seen at all.

use bedplate::state::{Bridge, LinkKind, State};
use serde_json::Value;

use crate::rig::{Site, address, key, link, port, via};

#[test]
fn what_others_made_is_seen_and_unmarked() {
    let site = Site::with(&[
        "link add br9 type bridge",
        "address add 10.9.0.1/24 dev p0",
        "route add 10.98.0.0/16 via 10.9.0.254 metric 5 proto static",
    ]);
    let seen = site.observe();
    // As the kernel makes one for whoever asks for nothing.
    let slow = Bridge {
        forward_delay: 1500,
        ..Bridge::plain(false)
    };
    let made_by_ip = link(LinkKind::Bridge(slow), false, 1500, None);
    let mut expected = State::new();
    for (text, resource) in [
        ("link/br9", made_by_ip),
        ("link/p0", port(true, 1500, None)),
        ("link/p1", port(true, 1500, None)),
        ("link/p2", port(true, 1500, None)),
        ("address/10.9.0.1/24@p0", address()),
        ("route/10.98.0.0/16@main/5", via("10.9.0.254")),
    ] {
        expected.insert(key(text), resource.unwrap());
    }
    assert_eq!(seen.state, expected);
    assert_eq!(seen.marked, [].into());
    let fact = &seen.links["p0"];
    let said = site.witness("link show dev p0", "/0/address");
    assert_eq!(Value::String(fact.mac.unwrap().to_string()), said);
    assert!(fact.carrier && fact.mtu_max == Some(65_535));
}

#[test]
fn what_the_kernel_and_automation_make_is_not_observed() {
    let before = Site::with(&["address add 10.9.0.1/24 dev p0"]);
    let after = Site::with(&[
        "address add 10.9.0.1/24 dev p0",
        "address add 10.9.0.9/24 dev p0 valid_lft 600 preferred_lft 300",
        "address add fe80::9/64 dev p1",
        "address add 192.0.2.1 peer 192.0.2.2/32 dev p1",
        "route add 10.97.0.0/16 via 10.9.0.254 proto dhcp",
        "route add 10.97.0.0/16 via 10.9.0.254 proto ra metric 7",
        "route add throw 10.94.0.0/16",
        "route add 10.93.0.0/16 tos 4 via 10.9.0.254",
        "link property add dev p1 altname bedplate:p0",
    ]);
    assert_eq!(before.observe().state, after.observe().state);
    assert_eq!(after.observe().marked, [].into());
}
