//! News that strangers can cause without end: a burst is told, then one each second with how many others there were.

use std::net::Ipv4Addr;

use bedplate::serve::dhcp::{Event, Input};
use serde_json::{Value, json};

use crate::starvation::{choosing, from, offered, with};
use crate::support::{Ask, Rig, ask, discover};

/// What may be told of one kind in one VLAN at once.
const BURST: usize = 256;

/// A kind of news, and how many others each tells of.
type Kind = fn(&Event) -> Option<u64>;

fn waiting(event: &Event) -> Option<u64> {
    let Event::Waiting { others, .. } = event else {
        return None;
    };
    Some(*others)
}

fn conflict(event: &Event) -> Option<u64> {
    let Event::Conflict { others, .. } = event else {
        return None;
    };
    Some(*others)
}

fn exhaustion(event: &Event) -> Option<u64> {
    matches!(event, Event::Exhausted { .. }).then_some(0)
}

/// How many such events there were since it was asked last, and of how many others they tell.
fn told(rig: &mut Rig, kind: Kind) -> (usize, u64) {
    let told: Vec<u64> = rig
        .events
        .drain(..)
        .filter_map(|event| kind(&event))
        .collect();
    (told.len(), told.iter().sum())
}

fn second(rig: &mut Rig) {
    rig.now += 1;
    rig.input(Input::Tick);
}

fn holding() -> Value {
    with("10.0.1.0-10.0.1.199", json!({ "unknown-clients": "hold" }))
}

#[test]
fn of_held_clients_a_burst_is_told_then_one_a_second_and_the_count_of_the_others() {
    let mut rig = Rig::new(&holding());
    let (mut events, mut heard, mut others) = (0, 0, 0);
    for _ in 0..20 {
        for _ in 0..2000 {
            assert_eq!(rig.said(&from(1, heard, 0)), "");
            heard += 1;
        }
        second(&mut rig);
        let (more, untold) = told(&mut rig, waiting);
        events += more;
        others += untold;
    }
    assert_eq!(events, BURST + 20);
    assert_eq!(u64::try_from(events).unwrap() + others, u64::from(heard));
    second(&mut rig);
    assert_eq!(told(&mut rig, waiting), (0, 0), "all is told");
}

/// The last of a flood does not go untold, nor does a machine that asks on.
#[test]
fn a_held_client_that_asks_again_is_told_of_once_there_is_room() {
    let mut rig = Rig::new(&holding());
    for number in 0..300 {
        rig.said(&from(1, number, 0));
    }
    assert_eq!(told(&mut rig, waiting), (BURST, 0));
    rig.said(&from(1, 299, 0));
    assert_eq!(told(&mut rig, waiting), (0, 0));
    second(&mut rig);
    assert_eq!(told(&mut rig, waiting), (1, 43), "the last, and 43 others");
    rig.now += 60;
    for number in [290, 290, 299, 5] {
        rig.said(&from(1, number, 0));
    }
    assert_eq!(
        told(&mut rig, waiting),
        (1, 0),
        "those that were not told of"
    );
}

/// Each VLAN has its own.
#[test]
fn a_flood_in_one_vlan_hides_nobody_in_another() {
    let mut site = holding();
    let mut other = site["vlan/plant/pxe/scope/10.0.0.0/16"].clone();
    other["scope"]["pools"] = json!(["10.9.0.10-10.9.0.20"]);
    other["scope"]["relay"] = json!("plant/pxe");
    site["vlan/plant/annex/scope/10.9.0.0/24"] = other;
    let mut rig = Rig::new(&site);
    for number in 0..1000 {
        rig.said(&from(1, number, 0));
    }
    told(&mut rig, waiting);
    rig.said(&discover(1).giaddr([10, 9, 0, 1]));
    assert_eq!(told(&mut rig, waiting), (1, 0));
}

/// The last address goes to and fro by offers that are turned down: no write, and no news each time.
#[test]
fn an_exhaustion_that_comes_and_goes_is_not_told_each_time() {
    let mut rig = Rig::new(&with("10.0.1.0-10.0.1.0", json!({})));
    let turned_down = |number| -> Ask {
        let elsewhere = ask(3, 0).option(54, &[10, 0, 0, 77]);
        let [a, b, c, d] = u32::to_be_bytes(number);
        elsewhere.field(28, &[2, 1, a, b, c, d])
    };
    let mut events = 0;
    for round in 0..2000 {
        assert_eq!(rig.said(&from(1, round, 0)), "offer 10.0.1.0");
        assert_eq!(rig.said(&from(1, 99_999, 0)), "");
        rig.said(&turned_down(round));
        if round % 100 == 99 {
            second(&mut rig);
        }
        events += told(&mut rig, exhaustion).0;
    }
    assert!((BURST..=BURST + 20).contains(&events), "{events}");
    rig.now += 60;
    rig.said(&from(1, 5000, 0));
    rig.said(&from(1, 5001, 0));
    assert_eq!(
        told(&mut rig, exhaustion),
        (1, 0),
        "told again in quiet times"
    );
}

/// Somebody who answers for every address.
#[test]
fn of_conflicts_a_burst_is_told_and_the_count_of_the_others() {
    let mut rig = Rig::new(&with("10.0.1.0-10.0.8.255", json!({ "probe": "dynamic" })));
    let (mut events, mut others) = (0, 0);
    for number in 0..300 {
        rig.said(&from(1, number, 0));
        for probe in std::mem::take(&mut rig.probes) {
            let (address, by) = (probe.address, None);
            rig.input(Input::Answered { address, by });
        }
        while let Some(probe) = rig.probes.pop() {
            let (address, by) = (probe.address, None);
            rig.input(Input::Answered { address, by });
        }
    }
    for _ in 0..2 {
        let (more, untold) = told(&mut rig, conflict);
        events += more;
        others += untold;
        second(&mut rig);
    }
    assert_eq!(events, BURST + 1);
    assert_eq!(u64::try_from(events).unwrap() + others, 1200);
    assert_eq!(rig.engine.counters().conflicts, 1200);
}

/// A lease is told of whatever strangers do.
#[test]
fn leases_are_told_of_all_the_same() {
    let mut site = holding();
    site["vlan/plant/pxe/reservation/02:01:00:00:00:01"] =
        json!({ "reservation": { "host": "one", "addresses": [], "image": null } });
    let mut rig = Rig::new(&site);
    for number in 1000..3000 {
        rig.said(&from(1, number, 0));
    }
    let address = offered(&mut rig, &from(1, 1, 0)).unwrap();
    assert_eq!(address, Ipv4Addr::new(10, 0, 1, 0));
    rig.said(&choosing(from(3, 1, 0), address));
    let is_commit = |event: &Event| matches!(event, Event::Committed { .. });
    assert_eq!(
        rig.events.iter().filter(|event| is_commit(event)).count(),
        1
    );
    assert_eq!(rig.events.len(), BURST + 1);
}
