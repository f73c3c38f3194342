//! Addresses that the site gives to one client.

use crate::support::{Ask, Rig, discover, renew, select, site};

#[test]
fn reservations_arrive_while_leases_are_in_force() {
    let mut rig = Rig::new(&site());
    assert_eq!(rig.said(&discover(1)), "offer 10.0.0.10");
    assert_eq!(rig.said(&select(1, 10)), "ack 10.0.0.10");
    assert_eq!(rig.said(&discover(2)), "offer 10.0.0.11");
    assert_eq!(rig.said(&select(2, 11)), "ack 10.0.0.11");
    let mut later = site();
    later["vlan/plant/pxe/reservation/02:00:00:00:00:02"] = serde_json::json!({ "reservation": {
        "host": "two", "addresses": ["10.0.0.10"], "image": null
    } });
    rig.configure(&later);
    let conversation = [
        (
            discover(2),
            "offer 10.0.0.11",
            "still leased to another: not given twice",
        ),
        (
            renew(2, 11),
            "ack 10.0.0.11",
            "an existing lease stays valid",
        ),
        (renew(1, 10), "nak", "the holder is told to give it up"),
        (discover(1), "offer 10.0.0.12", "and gets another"),
        (discover(2), "offer 10.0.0.10", "then the owner gets it"),
        (select(2, 10), "ack 10.0.0.10", "and keeps it"),
    ];
    for (said, heard, why) in conversation {
        assert_eq!(rig.said(&said), heard, "{why}");
    }
    let elsewhere = rig.engine.config().to_state();
    let mut expected: bedplate::state::State = serde_json::from_value(later).unwrap();
    expected.retain(|key, _| !key.to_string().starts_with("zone/"));
    assert_eq!(elsewhere, expected, "what is served is what was configured");
}

#[test]
fn a_client_moves_to_what_is_reserved_for_it() {
    let mut rig = Rig::new(&site());
    assert_eq!(rig.said(&select(1, 10)), "ack 10.0.0.10");
    let mut later = site();
    later["vlan/plant/pxe/reservation/02:00:00:00:00:01"] = serde_json::json!({ "reservation": {
        "host": "one", "addresses": ["10.0.0.51"], "image": null
    } });
    rig.configure(&later);
    let conversation = [
        (renew(1, 10), "ack 10.0.0.10", "its lease stays valid"),
        (
            discover(1),
            "offer 10.0.0.51",
            "and it moves when it asks anew",
        ),
        (select(1, 51), "ack 10.0.0.51", ""),
        (discover(1), "offer 10.0.0.51", "for good"),
    ];
    for (said, heard, why) in conversation {
        assert_eq!(rig.said(&said), heard, "{why}");
    }
}

#[test]
fn an_offer_from_a_pool_that_moved_is_none() {
    let mut rig = Rig::new(&site());
    assert_eq!(rig.said(&discover(1)), "offer 10.0.0.10");
    assert_eq!(rig.said(&discover(2)), "offer 10.0.0.11");
    assert_eq!(rig.said(&select(2, 11)), "ack 10.0.0.11");
    let mut later = site();
    later["vlan/plant/pxe/scope/10.0.0.0/24"]["scope"]["pools"] =
        serde_json::json!(["10.0.0.12-10.0.0.13"]);
    rig.configure(&later);
    let conversation = [
        (select(1, 10), "nak", "only offered"),
        (discover(1), "offer 10.0.0.12", "from where the pool is now"),
        (renew(2, 11), "ack 10.0.0.11", "a lease stays valid"),
    ];
    for (said, heard, why) in conversation {
        assert_eq!(rig.said(&said), heard, "{why}");
    }
}

/// A host is one within its VLAN: on another it is a stranger, which is refused and ends nothing.
#[test]
fn who_asks_on_another_vlan_ends_nothing_on_its_own() {
    let mut own = site();
    own["vlan/plant/annex/reservation/02:00:00:00:00:01"] = serde_json::json!({ "reservation": {
        "host": "one", "addresses": ["10.9.0.50"], "image": null
    } });
    let mut rig = Rig::new(&own);
    let there = |ask: Ask| ask.giaddr([10, 9, 0, 1]);
    let wish = || select(1, 0).field(249, &[50, 4, 10, 9, 0, 50]);
    assert_eq!(rig.said(&there(wish())), "ack 10.9.0.50");
    assert_eq!(rig.said(&wish()), "nak", "not here");
    let gives_back = crate::support::ask(7, 1).field(12, &[10, 9, 0, 50]);
    rig.said(&gives_back.giaddr([10, 0, 0, 7]));
    assert_eq!(rig.engine.leased(), 1, "there it is leased still");
}
