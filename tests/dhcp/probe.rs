//! Addresses are looked for before they are offered, and one in use is not.

use std::net::Ipv4Addr;

use bedplate::base::mac::MacAddr;
use bedplate::serve::dhcp::{Event, Input, Known, ProbeWay};
use serde_json::{Value, json};

use crate::support::*;

const STRANGER: MacAddr = MacAddr([2, 0, 0, 0, 0, 0xee]);

/// What happens next.
enum Step {
    Say(Ask),
    Free(u8),
    /// Somebody has the address.
    Taken(u8, Option<MacAddr>),
    Wait(u64),
    Swap(Value),
}
use Step::{Free, Say, Swap, Taken, Wait};

fn with(probe: &str) -> Value {
    let mut site = site();
    for scope in ["pxe/scope/10.0.0.0/24", "annex/scope/10.9.0.0/24"] {
        site[format!("vlan/plant/{scope}")]["scope"]["policy"] = json!({ "probe": probe });
    }
    site
}

/// What comes of a step: addresses that are asked for, events, then answers.
fn taken(rig: &mut Rig, step: &Step) -> String {
    let at = |last: u8| Ipv4Addr::new(10, 0, 0, last);
    let replies = match step {
        Say(ask) => rig.send(ask),
        Free(last) => rig.input(Input::Unanswered(at(*last))),
        Taken(last, by) => rig.input(Input::Answered {
            address: at(*last),
            by: *by,
        }),
        Wait(seconds) => {
            rig.now += seconds;
            rig.input(Input::Tick)
        }
        Swap(site) => {
            rig.configure(site);
            Vec::new()
        }
    };
    let mut words = Vec::new();
    for event in rig.events.drain(..) {
        if let Event::Conflict { lease, by, .. } = event {
            assert_eq!(lease.known.as_deref(), Some(&Known::Found(by)));
            let by = by.map_or_else(|| "somebody".to_owned(), |by| by.to_string());
            words.push(format!("{} used by {by}", lease.address));
        }
    }
    for probe in rig.probes.drain(..) {
        assert_eq!(probe.via, SERVER);
        let way = match probe.way {
            ProbeWay::Arp => "arp",
            ProbeWay::Echo => "echo",
        };
        words.push(format!("{way} {}", probe.address));
    }
    words.extend(replies.iter().map(tell));
    words.join(", ")
}

fn check(what: &str, site: &Value, steps: &[(Step, &str)]) -> Rig {
    let mut rig = Rig::new(site);
    for (number, (step, expected)) in steps.iter().enumerate() {
        assert_eq!(taken(&mut rig, step), *expected, "{what}, step {number}");
    }
    rig
}

fn wish(last: u8, address: u8) -> Ask {
    discover(last).option(50, &[10, 0, 0, address])
}

/// A client that was leased `10.0.0.12` once, which has been free since.
fn leased_once() -> Vec<(Step, &'static str)> {
    vec![
        (Say(select(1, 12)), "ack 10.0.0.12"),
        (Say(release(1, 12)), ""),
    ]
}

#[test]
fn an_address_is_offered_once_nobody_answers_for_it() {
    check(
        "nobody waits for another's probe",
        &with("dynamic"),
        &[
            (Say(discover(1)), "arp 10.0.0.10"),
            (Say(discover(2)), "arp 10.0.0.11"),
            (Say(select(3, 12)), "ack 10.0.0.12"),
            (Free(11), "offer 10.0.0.11"),
            (Free(10), "offer 10.0.0.10"),
            (Free(10), ""),
            (Say(discover(1)), "offer 10.0.0.10"),
            (Say(select(1, 10)), "ack 10.0.0.10"),
            (Say(discover(1)), "offer 10.0.0.10"),
        ],
    );
    let annex = discover(1).giaddr([10, 9, 0, 1]);
    check(
        "behind a relay agent by echo",
        &with("dynamic"),
        &[(Say(annex), "echo 10.9.0.100")],
    );
    check(
        "not where nothing is said",
        &site(),
        &[(Say(discover(1)), "offer 10.0.0.10")],
    );
}

#[test]
fn what_is_the_clients_own_is_not_asked_for() {
    let mut steps = leased_once();
    steps.push((Say(discover(1)), "offer 10.0.0.12"));
    check("its last address", &with("all"), &steps);
    let mut steps = leased_once();
    steps.push((Say(wish(2, 12)), "arp 10.0.0.12"));
    check("another's last address", &with("dynamic"), &steps);
    let own = discover(0x99);
    check(
        "reserved for it",
        &with("dynamic"),
        &[(Say(own.clone()), "offer 10.0.0.50")],
    );
    check(
        "reserved for it, and asked for",
        &with("all"),
        &[(Say(own), "arp 10.0.0.50"), (Free(50), "offer 10.0.0.50")],
    );
    let offered = [
        (Say(discover(1)), "arp 10.0.0.10"),
        (Free(10), "offer 10.0.0.10"),
        (Wait(60), ""),
        (Say(discover(1)), "arp 10.0.0.10"),
    ];
    check("offered, and never taken", &with("dynamic"), &offered);
}

#[test]
fn an_address_in_use_is_quarantined_and_another_offered() {
    let rig = check(
        "in use",
        &with("dynamic"),
        &[
            (Say(discover(1)), "arp 10.0.0.10"),
            (
                Taken(10, Some(STRANGER)),
                "10.0.0.10 used by 02:00:00:00:00:ee, arp 10.0.0.11",
            ),
            (Taken(11, None), "10.0.0.11 used by somebody, arp 10.0.0.12"),
            (Free(12), "offer 10.0.0.12"),
            (Say(wish(2, 10)), ""),
            (Wait(3599), ""),
            (Say(wish(2, 10)), "arp 10.0.0.12"),
            (Free(12), "offer 10.0.0.12"),
            (Wait(1), ""),
            (Say(wish(3, 10)), "arp 10.0.0.10"),
        ],
    );
    assert_eq!(rig.engine.counters().conflicts, 2);
    let outcomes = rig.engine.exchanges(MacAddr([2, 0, 0, 0, 0, 1]), 9);
    let outcomes = outcomes.iter().map(|exchange| {
        let because = exchange.outcome.because().unwrap_or_default();
        format!("{} {because}", exchange.outcome.word())
    });
    assert_eq!(outcomes.collect::<Vec<_>>(), ["offered "]);
    let asked = &rig.engine.scopes()[&"10.0.0.0/24".parse().unwrap()];
    let silences = [("exhausted".into(), 1)];
    assert_eq!((asked.discovers, asked.offers), (3, 2));
    let first = &rig.engine.exchanges(MacAddr([2, 0, 0, 0, 0, 1]), 9)[0];
    let found = first.in_use.iter().map(|one| (one.address, one.by));
    let expected = [
        ([10, 0, 0, 10].into(), Some(STRANGER)),
        ([10, 0, 0, 11].into(), None),
    ];
    assert_eq!(found.collect::<Vec<_>>(), expected);
    assert_eq!(asked.silences, silences.into());
    check(
        "by the client itself",
        &with("dynamic"),
        &[
            (Say(discover(1)), "arp 10.0.0.10"),
            (
                Taken(10, Some(MacAddr([2, 0, 0, 0, 0, 1]))),
                "offer 10.0.0.10",
            ),
        ],
    );
}

/// Who found an address in use, or was to have it when we did, is offered it after the quarantine as anybody is.
#[test]
fn an_address_is_looked_for_again_after_its_quarantine() {
    let mut site = with("dynamic");
    let scope = &mut site["vlan/plant/pxe/scope/10.0.0.0/24"]["scope"];
    scope["policy"]["quarantine-time"] = json!("1m");
    let all_leased = || {
        vec![
            (Say(select(2, 11)), "ack 10.0.0.11"),
            (Say(select(3, 12)), "ack 10.0.0.12"),
        ]
    };
    let again = || vec![(Wait(60), ""), (Say(discover(1)), "arp 10.0.0.10")];
    let mut found = all_leased();
    found.extend([
        (Say(discover(1)), "arp 10.0.0.10"),
        (Taken(10, None), "10.0.0.10 used by somebody"),
    ]);
    found.extend(again());
    found.push((Taken(10, None), "10.0.0.10 used by somebody"));
    check("found by us", &site, &found);
    let mut declined = all_leased();
    declined.extend([
        (Say(select(1, 10)), "ack 10.0.0.10"),
        (Say(decline(1, 10)), ""),
    ]);
    declined.extend(again());
    check("found by the client", &site, &declined);
    let moved = [
        (Say(discover(1)), "arp 10.0.0.10"),
        (Taken(10, None), "10.0.0.10 used by somebody, arp 10.0.0.11"),
        (Free(11), "offer 10.0.0.11"),
        (Say(select(1, 11)), "ack 10.0.0.11"),
        (Wait(62), ""),
        (Say(discover(1)), "offer 10.0.0.11"),
    ];
    check("who moved stays", &site, &moved);
}

#[test]
fn a_message_that_waits_is_answered_as_things_are_then() {
    let again = discover(1).field(4, &[9, 9, 9, 9]);
    let mut rig = check(
        "who asks again",
        &with("dynamic"),
        &[
            (Say(discover(1)), "arp 10.0.0.10"),
            (Say(again.clone()), ""),
        ],
    );
    let replies = rig.input(Input::Unanswered([10, 0, 0, 10].into()));
    assert_eq!(replies.len(), 1);
    assert_eq!(replies[0].bytes[4..8], again.bytes[4..8], "the last one");
    assert_eq!(rig.engine.counters().coalesced, 1);
    check(
        "who chose another server",
        &with("dynamic"),
        &[
            (Say(discover(1)), "arp 10.0.0.10"),
            (Say(ask(3, 1).option(54, &[10, 0, 0, 77])), ""),
            (Free(10), ""),
        ],
    );
    check(
        "who took it all the same",
        &with("dynamic"),
        &[
            (Say(discover(1)), "arp 10.0.0.10"),
            (Say(select(1, 10)), "ack 10.0.0.10"),
            (Taken(10, Some(STRANGER)), ""),
            (Say(renew(1, 10)), "ack 10.0.0.10"),
        ],
    );
    let mut moved = with("off");
    moved["vlan/plant/pxe/scope/10.0.0.0/24"]["scope"]["pools"] = json!(["10.0.0.20-10.0.0.29"]);
    check(
        "a site that changed",
        &with("dynamic"),
        &[
            (Say(discover(1)), "arp 10.0.0.10"),
            (Swap(moved), ""),
            (Free(10), "offer 10.0.0.20"),
        ],
    );
}

/// A subnet with room for more clients than are asked for at once.
fn large() -> Value {
    json!({ "vlan/plant/pxe/scope/10.0.0.0/16": { "scope": {
        "server": "10.0.0.1", "pools": ["10.0.0.10-10.0.15.255"], "lease_time": "10m", "domain": "example",
        "options": {}, "image": null, "policy": { "probe": "dynamic" }
    } } })
}

#[test]
fn what_one_message_may_cost_is_bounded() {
    let used = |last| format!("10.0.0.{last} used by somebody");
    let more = |last| format!("{}, arp 10.0.0.{}", used(last), last + 1);
    let (first, second, third, last) = (more(10), more(11), more(12), used(13));
    let rig = check(
        "a squatter of every address",
        &large(),
        &[
            (Say(discover(1)), "arp 10.0.0.10"),
            (Taken(10, None), &first),
            (Taken(11, None), &second),
            (Taken(12, None), &third),
            (Taken(13, None), &last),
        ],
    );
    let kept = rig.engine.exchanges(MacAddr([2, 0, 0, 0, 0, 1]), 9);
    let [one] = kept.as_slice() else {
        panic!("{kept:?}");
    };
    assert_eq!(
        (one.outcome.reason(), one.in_use.len()),
        (Some("in-use"), 3)
    );
    let mut rig = Rig::new(&large());
    let client = |number: u16| discover(0).field(30, &number.to_be_bytes());
    for number in 0..1024 {
        assert_eq!(rig.said(&client(number)), "", "{number}");
    }
    assert_eq!(rig.probes.len(), 1024);
    assert_eq!(rig.said(&client(1024)), "offer 10.0.4.10");
    assert_eq!(rig.engine.counters().unprobed, 1);
    assert_eq!(rig.said(&client(7)), "", "its probe goes on");
    let replies = rig.input(Input::Unanswered([10, 0, 0, 17].into()));
    assert_eq!(
        replies.iter().map(tell).collect::<Vec<_>>(),
        ["offer 10.0.0.17"]
    );
    assert_eq!(rig.said(&client(1025)), "", "there is room again");
}
