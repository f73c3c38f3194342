//! Bridges and ports.

use serde_json::json;

use crate::rig::{Site, Step, address, bridge, check, key, port, via};

#[test]
fn links_are_made_changed_and_removed() {
    let site = Site::new();
    check(
        &site,
        &[
            Step("link/br0", None, bridge(true, 1500)),
            Step("link/br0", bridge(true, 1500), bridge(true, 1400)),
            Step("link/br0", bridge(true, 1400), bridge(false, 9000)),
            Step("link/br0", bridge(false, 9000), bridge(true, 1500)),
            Step("link/br1", None, bridge(false, 1500)),
            Step(
                "link/p0",
                port(true, 1500, None),
                port(true, 9000, Some("br0")),
            ),
            Step(
                "link/p1",
                port(true, 1500, None),
                port(true, 1500, Some("br0")),
            ),
            Step(
                "link/p1",
                port(true, 1500, Some("br0")),
                port(false, 1500, Some("br1")),
            ),
            Step(
                "link/p1",
                port(false, 1500, Some("br1")),
                port(true, 1400, None),
            ),
            Step("link/br1", bridge(false, 1500), None),
        ],
    );
    let br0 = [
        ("/0/linkinfo/info_kind", json!("bridge")),
        ("/0/linkinfo/info_data/stp_state", json!(0)),
        ("/0/linkinfo/info_data/forward_delay", json!(0)),
        ("/0/altnames", json!(["bedplate:br0"])),
        ("/0/mtu", json!(1500)),
    ];
    for (pointer, expected) in br0 {
        let said = site.witness("link show dev br0", pointer);
        assert_eq!(said, expected, "{pointer}");
    }
    assert_eq!(site.witness("link show dev p0", "/0/master"), "br0");
    check(
        &site,
        &[Step("link/p0", None, port(true, 9000, Some("br0")))],
    );
}

#[test]
fn a_removed_bridge_leaves_its_ports_up() {
    let site = Site::new();
    for step in [
        Step("link/br0", None, bridge(true, 1500)),
        Step(
            "link/p0",
            port(true, 1500, None),
            port(true, 1500, Some("br0")),
        ),
        Step("link/br0", bridge(true, 1500), None),
    ] {
        site.apply(&step).unwrap();
    }
    let state = site.observe().state;
    assert_eq!(state.get(&key("link/p0")), port(true, 1500, None).as_ref());
    assert_eq!(state.get(&key("link/br0")), None);
    assert_eq!(site.witness("link show dev p0", "/0/operstate"), "UP");
}

#[test]
fn a_ports_address_moves_to_its_bridge() {
    let site = Site::with(&["address add 10.9.0.1/24 dev p0"]);
    check(
        &site,
        &[
            Step("link/br0", None, bridge(true, 1500)),
            Step("address/10.9.0.1/24@p0", address(), None),
            Step(
                "link/p0",
                port(true, 1500, None),
                port(true, 1500, Some("br0")),
            ),
            Step("address/10.9.0.1/24@br0", None, address()),
            Step("route/10.99.0.0/16@main/100", None, via("10.9.0.254")),
        ],
    );
    let routes = site.inside.ip_json("route show 10.99.0.0/16");
    assert_eq!(routes.pointer("/0/dev"), Some(&json!("br0")));
}

#[test]
fn a_bridge_keeps_its_mtu_when_a_port_of_another_joins() {
    let site = Site::with(&["link set p0 mtu 9000"]);
    let joined = port(true, 9000, Some("br0"));
    check(
        &site,
        &[
            Step("link/br0", None, bridge(true, 1500)),
            Step("link/p0", port(true, 9000, None), joined),
        ],
    );
}
