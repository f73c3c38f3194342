//! What is counted in each scope.

use serde_json::json;

use crate::support::*;

#[test]
fn each_scope_counts_what_was_asked_and_what_came_of_it() {
    let mut rig = Rig::new(&site());
    for (message, said) in [
        (discover(1), "offer 10.0.0.10"),
        (select(1, 10), "ack 10.0.0.10"),
        (renew(1, 10), "ack 10.0.0.10"),
        (renew(2, 10), "nak"),
        (select(2, 11), "ack 10.0.0.11"),
        (select(3, 12), "ack 10.0.0.12"),
        (discover(4), ""),
        (discover(4), ""),
        (decline(1, 10), ""),
        (release(2, 11), ""),
        (release(2, 11), ""),
        (inform(9, 77), "ack 0.0.0.0"),
        (discover(5).giaddr([10, 9, 0, 1]), "offer 10.9.0.100"),
        // Of no scope.
        (discover(6).giaddr([10, 99, 0, 1]), ""),
    ] {
        assert_eq!(rig.said(&message), said);
    }
    let counted = serde_json::to_value(rig.engine.scopes()).unwrap();
    let none = json!({
        "discovers": 0, "requests": 0, "declines": 0, "releases": 0, "informs": 0, "bootps": 0,
        "offers": 0, "acks": 0, "naks": 0, "silences": {}
    });
    let of = |some: serde_json::Value| {
        let mut all = none.clone();
        all.as_object_mut()
            .unwrap()
            .extend(some.as_object().unwrap().clone());
        all
    };
    let expected = json!({
        "10.0.0.0/24": of(json!({
            "discovers": 3, "requests": 5, "declines": 1, "releases": 2, "informs": 1, "offers": 1, "acks": 5, "naks": 1,
            "silences": { "exhausted": 2, "not-its-lease": 1 }
        })),
        "10.9.0.0/24": of(json!({ "discovers": 1, "offers": 1 })),
    });
    assert_eq!(counted, expected);
    let mut later = site();
    later
        .as_object_mut()
        .unwrap()
        .remove("vlan/plant/annex/scope/10.9.0.0/24");
    rig.configure(&later);
    let left: Vec<_> = rig
        .engine
        .scopes()
        .keys()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        left,
        ["10.0.0.0/24"],
        "what is served no longer is forgotten"
    );
}

/// A message that waits for its write is counted once it is known what came of it.
#[test]
fn what_waits_is_counted_at_its_end() {
    let mut rig = Rig::new(&site());
    rig.hold_writes = true;
    rig.send(&select(1, 10));
    let subnet = "10.0.0.0/24".parse().unwrap();
    assert!(rig.engine.scopes().get(&subnet).is_none());
    let batch = rig.held[0];
    rig.input(bedplate::serve::dhcp::Input::Failed(batch));
    let counted = &rig.engine.scopes()[&subnet];
    assert_eq!((counted.requests, counted.acks), (1, 0));
    assert_eq!(counted.silences.get("not-stored"), Some(&1));
}
