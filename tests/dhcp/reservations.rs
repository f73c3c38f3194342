//! Addresses that the site gives to one client.

use std::net::Ipv4Addr;

use bedplate::base::mac::MacAddr;
use bedplate::serve::dhcp::{Event, Input, LeaseState, Obstacle, Refusal};

use crate::support::{Ask, Rig, SERVER, ask, decline, discover, renew, select, site, tell};

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
    let mut later = site();
    later["vlan/plant/pxe/scope/10.0.0.0/24"]["scope"]["pools"] =
        serde_json::json!(["10.0.0.12-10.0.0.13"]);
    rig.configure(&later);
    let conversation = [
        (select(1, 10), "nak", "only offered"),
        (discover(1), "offer 10.0.0.12", "from where the pool is now"),
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
    let gives_back = ask(7, 1).field(12, &[10, 9, 0, 50]);
    rig.said(&gives_back.giaddr([10, 0, 0, 7]));
    assert_eq!(rig.engine.leased(), 1, "there it is leased still");
}

/// The site with 10.0.0.51 reserved for the first client.
fn with_own() -> serde_json::Value {
    let mut site = site();
    site["vlan/plant/pxe/reservation/02:00:00:00:00:01"] = serde_json::json!({ "reservation": {
        "host": "one", "addresses": ["10.0.0.51"], "image": null
    } });
    site
}

fn told(events: &[Event]) -> Vec<String> {
    let told = |event: &Event| match event {
        Event::Committed { lease } => format!("commit {}", lease.address),
        Event::Renewed { lease } => format!("renew {}", lease.address),
        Event::Released { lease, how } => format!("{how:?} {}", lease.address),
        Event::Expired { lease } => format!("expiry {}", lease.address),
        Event::Declined { lease, .. } => format!("decline {}", lease.address),
        Event::Contested { lease, host } => format!("conflict {} of {host}", lease.address),
        other @ (Event::Conflict { .. }
        | Event::Reclaimed { .. }
        | Event::Replaced { .. }
        | Event::Waiting { .. }
        | Event::Store { .. }
        | Event::Bmc { .. }
        | Event::Threshold { .. }
        | Event::Exhausted { .. }) => panic!("{other:?}"),
    };
    events.iter().map(told).collect()
}

/// With the ACK of the address that is reserved for it the client gives up the other one: at once, with its name, and for good.
#[test]
fn who_moves_to_its_reserved_address_leaves_the_old_one() {
    let mut rig = Rig::new(&site());
    let named = |ask: Ask| ask.option(12, b"guest");
    assert_eq!(rig.said(&named(select(1, 10))), "ack 10.0.0.10");
    assert_eq!(rig.said(&select(2, 11)), "ack 10.0.0.11");
    rig.configure(&with_own());
    rig.events.clear();
    rig.names.clear();
    assert_eq!(rig.said(&discover(1)), "offer 10.0.0.51");
    rig.now += 1;
    assert_eq!(
        rig.said(&named(renew(1, 10))),
        "ack 10.0.0.10",
        "an offer ends nothing"
    );
    rig.hold_writes = true;
    assert_eq!(rig.said(&select(1, 51)), "");
    assert!(rig.names.is_empty(), "nothing ends before the write does");
    rig.hold_writes = false;
    let batch = rig.held.pop().unwrap();
    let replies = rig.input(Input::Committed(batch));
    assert_eq!(
        replies.iter().map(tell).collect::<Vec<_>>(),
        ["ack 10.0.0.51"]
    );
    let expected = ["renew 10.0.0.10", "commit 10.0.0.51", "Moved 10.0.0.10"];
    assert_eq!(told(&rig.events), expected);
    assert_eq!(rig.names, ["-guest.example 10.0.0.10"]);
    let ended = rig.stored.last().unwrap();
    assert_eq!(
        (ended.address.octets()[3], ended.state),
        (10, LeaseState::Idle),
        "durable"
    );
    let steps = [
        (renew(1, 10), "nak", "it is over"),
        (
            discover(3).option(50, &[10, 0, 0, 10]),
            "offer 10.0.0.10",
            "free for others",
        ),
        (renew(2, 11), "ack 10.0.0.11", "others keep theirs"),
        (renew(1, 51), "ack 10.0.0.51", ""),
    ];
    for (said, heard, why) in steps {
        assert_eq!(rig.said(&said), heard, "{why}");
    }
}

/// What it has in another VLAN, and what others have, is not what it leaves.
#[test]
fn a_move_ends_nothing_elsewhere() {
    let there = |ask: Ask| ask.giaddr([10, 9, 0, 1]);
    let far = there(ask(3, 1))
        .option(54, &SERVER.octets())
        .option(50, &[10, 9, 0, 100]);
    let mut rig = Rig::new(&with_own());
    assert_eq!(rig.said(&far), "ack 10.9.0.100");
    assert_eq!(rig.said(&select(1, 10).id(b"other")), "ack 10.0.0.10");
    assert_eq!(rig.said(&select(1, 51)), "ack 10.0.0.51");
    assert_eq!(rig.said(&far), "ack 10.9.0.100");
    let active = rig.engine.leases(rig.now, Ipv4Addr::UNSPECIFIED, 99);
    let active = active
        .iter()
        .filter(|lease| lease.state == LeaseState::Active);
    assert_eq!(active.count(), 3);
}

/// In a VLAN of two subnets, who moves leaves what it had in either, and keeps what is reserved for it in both.
#[test]
fn a_move_counts_in_all_subnets_of_a_vlan() {
    let mut before = site();
    before["vlan/plant/pxe/scope/10.0.1.0/24"] = serde_json::json!({ "scope": {
        "server": "10.0.0.1", "pools": ["10.0.1.10-10.0.1.12"], "lease_time": "10m", "domain": "example",
        "options": { "1": { "addresses": ["255.255.255.0"] } }, "image": null
    } });
    let mut after = before.clone();
    after["vlan/plant/pxe/reservation/02:00:00:00:00:01"] = serde_json::json!({ "reservation": {
        "host": "one", "addresses": ["10.0.0.51", "10.0.1.51"], "image": null
    } });
    let beside = |client, last| {
        let ask = ask(3, client).option(54, &SERVER.octets());
        ask.option(50, &[10, 0, 1, last])
    };
    let mut rig = Rig::new(&before);
    for (client, said, heard) in [
        (1, select(1, 10), "ack 10.0.0.10"),
        (1, beside(1, 10), "ack 10.0.1.10"),
        (2, select(2, 11), "ack 10.0.0.11"),
        (2, beside(2, 11), "ack 10.0.1.11"),
    ] {
        assert_eq!(rig.said(&said), heard, "client {client}");
    }
    rig.configure(&after);
    rig.events.clear();
    assert_eq!(rig.said(&select(1, 51)), "ack 10.0.0.51");
    let expected = ["commit 10.0.0.51", "Moved 10.0.0.10", "Moved 10.0.1.10"];
    assert_eq!(told(&rig.events), expected);
    assert_eq!(rig.said(&beside(1, 51)), "ack 10.0.1.51");
    let active = rig.engine.leases(rig.now, Ipv4Addr::UNSPECIFIED, 99);
    let active = active
        .iter()
        .filter(|lease| lease.state == LeaseState::Active);
    let active: Vec<_> = active.map(|lease| lease.address.to_string()).collect();
    assert_eq!(active, ["10.0.0.11", "10.0.0.51", "10.0.1.11", "10.0.1.51"]);
}

/// A host that finds its address in use by a stranger is told so, has another of the pool meanwhile, and then its own again.
#[test]
fn a_reserved_address_in_use_by_a_stranger_comes_back() {
    let mac = MacAddr([2, 0, 0, 0, 0, 1]);
    let mut rig = Rig::new(&with_own());
    assert_eq!(rig.said(&select(1, 51)), "ack 10.0.0.51");
    assert_eq!(rig.engine.reserved_for(mac)[0].obstacles, []);
    rig.events.clear();
    assert_eq!(rig.said(&decline(1, 51)), "");
    assert_eq!(
        told(&rig.events),
        ["decline 10.0.0.51", "conflict 10.0.0.51 of one"]
    );
    let obstacles = &rig.engine.reserved_for(mac)[0].obstacles;
    let expected = Obstacle {
        address: Ipv4Addr::new(10, 0, 0, 51),
        why: Refusal::Quarantined,
        until: Some(rig.now + 3600),
        gives_way: false,
    };
    assert_eq!(obstacles, &[expected]);
    let steps = [
        (0, discover(1), "offer 10.0.0.10"),
        (0, select(1, 51), "nak"),
        (0, select(1, 10), "ack 10.0.0.10"),
        (
            0,
            discover(2).option(50, &[10, 0, 0, 51]),
            "offer 10.0.0.11",
        ),
        (3599, renew(1, 10), "ack 10.0.0.10"),
        (1, discover(1), "offer 10.0.0.51"),
        (0, select(1, 51), "ack 10.0.0.51"),
    ];
    for (step, (seconds, said, heard)) in steps.iter().enumerate() {
        rig.now += seconds;
        assert_eq!(rig.said(said), *heard, "step {step}");
    }
    assert_eq!(
        told(&rig.events).last().unwrap(),
        "Moved 10.0.0.10",
        "it moved back"
    );
    assert_eq!(rig.engine.reserved_for(mac)[0].obstacles, []);
}

/// Without a pool it hears nothing meanwhile, and why.
#[test]
fn a_reserved_address_in_use_by_a_stranger_is_told_of_where_there_is_no_other() {
    let mut site = with_own();
    site["vlan/plant/pxe/scope/10.0.0.0/24"]["scope"]["pools"] = serde_json::json!([]);
    let mut rig = Rig::new(&site);
    let mac = MacAddr([2, 0, 0, 0, 0, 1]);
    assert_eq!(rig.said(&select(1, 51)), "ack 10.0.0.51");
    assert_eq!(rig.said(&decline(1, 51)), "");
    assert_eq!(rig.said(&discover(1)), "");
    let last = rig.engine.exchanges(mac, 1).pop().unwrap().outcome;
    assert_eq!(
        last.because().unwrap(),
        "10.0.0.51 is reserved for it, but it was found in use by a stranger, so that it is in quarantine; and no other address is free"
    );
    rig.now += 3600;
    assert_eq!(rig.said(&discover(1)), "offer 10.0.0.51");
}

/// Machines made of one image may call themselves the same: the one that has its reserved address ends no lease of another's.
#[test]
fn another_machine_that_calls_itself_the_same_keeps_its_lease() {
    let mut rig = Rig::new(&site());
    let cloned = b"\0cloned";
    assert_eq!(rig.said(&select(1, 10).id(cloned)), "ack 10.0.0.10");
    assert_eq!(rig.said(&select(0x99, 50).id(cloned)), "ack 10.0.0.50");
    let told = told(&rig.events);
    assert!(
        !told.iter().any(|event| event.starts_with("Moved")),
        "{told:?}"
    );
    assert_eq!(rig.said(&renew(1, 10).id(cloned)), "ack 10.0.0.10");
}

/// What the site gives to another meanwhile is free for it once the client has another address, and not before.
#[test]
fn who_took_another_address_does_not_keep_what_is_reserved_for_a_successor() {
    let mut rig = Rig::new(&site());
    assert_eq!(rig.said(&select(1, 10)), "ack 10.0.0.10");
    let mut later = site();
    later["vlan/plant/pxe/reservation/02:00:00:00:00:02"] = serde_json::json!({ "reservation": {
        "host": "two", "addresses": ["10.0.0.10"], "image": null
    } });
    rig.configure(&later);
    rig.events.clear();
    for (said, heard, why) in [
        (discover(1), "offer 10.0.0.11", "what it had is another's"),
        (discover(2), "offer 10.0.0.12", "and not yet free for that"),
        (select(1, 11), "ack 10.0.0.11", "it has another"),
        (discover(2), "offer 10.0.0.10", "and its successor its own"),
        (select(2, 10), "ack 10.0.0.10", ""),
        (renew(1, 11), "ack 10.0.0.11", ""),
    ] {
        assert_eq!(rig.said(&said), heard, "{why}");
    }
    let told = told(&rig.events);
    let ended: Vec<_> = told
        .iter()
        .filter(|event| event.contains("Moved"))
        .collect();
    assert_eq!(ended, ["Moved 10.0.0.10"], "{told:?}");
}
