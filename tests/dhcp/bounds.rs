//! What a VLAN bounds: the leases behind one circuit of a relay agent, and the rates of messages.

use bedplate::base::mac::MacAddr;
use bedplate::serve::dhcp::Input;
use serde_json::{Value, json};

use crate::support::{Ask, Rig, config, discover, release, renew, select, site};

const SCOPE: &str = "vlan/plant/pxe/scope/10.0.0.0/24";

pub(crate) fn with(policy: Value, pools: &str) -> Value {
    let mut site = site();
    site[SCOPE]["scope"]["policy"] = policy;
    site[SCOPE]["scope"]["pools"] = json!([pools]);
    site
}

/// A message that a relay agent of the server's own subnet forwards, with the circuit that it saw it on.
pub(crate) fn behind(ask: Ask, relay: u8, circuit: &[u8]) -> Ask {
    let length = u8::try_from(circuit.len()).unwrap();
    let told = [&[1, length], circuit].concat();
    ask.giaddr([10, 0, 0, relay]).option(82, &told)
}

fn reason(rig: &Rig, last: u8) -> Option<&'static str> {
    let exchanges = rig.engine.exchanges(MacAddr([2, 0, 0, 0, 0, last]), 1);
    exchanges.last().unwrap().outcome.reason()
}

/// What a circuit lets its clients have: who asks, and what it hears.
#[test]
fn a_circuit_has_so_many_leases_and_offers() {
    let bounded = with(json!({ "leases-per-circuit": 2 }), "10.0.0.10-10.0.0.30");
    let mut rig = Rig::new(&bounded);
    let port = |ask, relay| behind(ask, relay, b"port-1");
    let reserved = discover(9).field(28, &[2, 0, 0, 0, 0, 0x99]);
    let steps = [
        (port(discover(1), 2), "offer 10.0.0.10"),
        (port(select(1, 10), 2), "ack 10.0.0.10"),
        (port(discover(2), 2), "offer 10.0.0.11"),
        (port(discover(3), 2), ""),
        (port(discover(2), 2), "offer 10.0.0.11"),
        (port(select(2, 11), 2), "ack 10.0.0.11"),
        (port(discover(3), 2), ""),
        // By an offer that never was, it gets past nothing.
        (port(select(3, 12), 2), ""),
        (port(discover(3), 3), "offer 10.0.0.12"),
        (behind(discover(4), 2, b"port-2"), "offer 10.0.0.13"),
        (discover(5), "offer 10.0.0.14"),
        (renew(1, 10), "ack 10.0.0.10"),
        (port(discover(1), 2), "offer 10.0.0.10"),
        (port(select(1, 10), 2), "ack 10.0.0.10"),
        (port(reserved, 2), "offer 10.0.0.50"),
    ];
    for (number, (asked, said)) in steps.iter().enumerate() {
        assert_eq!(rig.said(asked), *said, "{number}");
        if said.is_empty() {
            assert_eq!(reason(&rig, 3), Some("circuit-full"), "{number}");
        }
    }
    assert_eq!(rig.engine.counters().circuit_full, 3);
    assert_eq!(rig.said(&release(1, 10)), "");
    assert_eq!(rig.said(&port(discover(6), 2)), "offer 10.0.0.15");
    assert_eq!(rig.said(&port(discover(7), 2)), "");
}

/// What ends makes room, and so does what becomes reserved; a bound that is new counts what there is.
#[test]
fn what_is_behind_a_circuit_follows_the_leases_and_the_site() {
    let open = with(json!({}), "10.0.0.10-10.0.0.30");
    let bounded = with(json!({ "leases-per-circuit": 1 }), "10.0.0.10-10.0.0.30");
    let mut rig = Rig::new(&open);
    let port = |ask| behind(ask, 2, b"port-1");
    assert_eq!(rig.said(&port(discover(1))), "offer 10.0.0.10");
    assert_eq!(rig.said(&port(select(1, 10))), "ack 10.0.0.10");
    rig.configure(&bounded);
    assert_eq!(rig.said(&port(discover(2))), "");
    let mut reserved = bounded.clone();
    reserved["vlan/plant/pxe/reservation/02:00:00:00:00:01"] =
        json!({ "reservation": { "host": "one", "addresses": ["10.0.0.10"], "image": null } });
    rig.configure(&reserved);
    assert_eq!(rig.said(&port(discover(2))), "offer 10.0.0.11");
    assert_eq!(rig.said(&port(discover(3))), "");
    rig.now += 40;
    assert_eq!(rig.said(&port(discover(3))), "", "its end is not noted yet");
    rig.input(Input::Tick);
    assert_eq!(rig.said(&port(discover(3))), "offer 10.0.0.12");
    // The same from what was stored.
    rig.restart();
    rig.input(Input::Config(config(&bounded)));
    assert_eq!(rig.said(&port(discover(4))), "");
    rig.restart();
    rig.input(Input::Config(config(&reserved)));
    assert_eq!(rig.said(&port(discover(4))), "offer 10.0.0.11");
}

/// Agents that stand in for each other forward by turns: that costs no write.
#[test]
fn a_lease_that_comes_by_another_agent_is_not_written_anew() {
    let mut rig = Rig::new(&with(json!({}), "10.0.0.10-10.0.0.30"));
    for relay in [2, 2, 3, 2] {
        assert_eq!(
            rig.said(&behind(select(1, 10), relay, b"port")),
            "ack 10.0.0.10"
        );
    }
    assert_eq!(rig.stored.len(), 1);
    assert_eq!(
        rig.said(&behind(select(1, 10), 2, b"other")),
        "ack 10.0.0.10"
    );
    assert_eq!(rig.stored.len(), 2);
}

fn answered(rig: &mut Rig, asks: impl IntoIterator<Item = Ask>) -> usize {
    let heard = asks
        .into_iter()
        .map(|one| usize::from(!rig.said(&one).is_empty()));
    heard.sum()
}

#[test]
fn a_client_is_heard_as_often_as_its_vlan_says() {
    let mut rig = Rig::new(&with(
        json!({ "rate-per-client": 1 }),
        "10.0.0.10-10.0.0.30",
    ));
    let many = |last| std::iter::repeat_n(discover(last), 50);
    assert_eq!(answered(&mut rig, many(1)), 10, "a burst");
    assert_eq!(reason(&rig, 1), Some("rate-limited"));
    let exchanges = rig.engine.exchanges(MacAddr([2, 0, 0, 0, 0, 1]), 100);
    assert_eq!(exchanges.len(), 11, "told once a second");
    assert_eq!(rig.engine.counters().rate_limited, 40);
    let scope = rig.engine.scopes()[&"10.0.0.0/24".parse().unwrap()].clone();
    assert_eq!(scope.silences["rate-limited"], 40);
    assert_eq!(answered(&mut rig, many(2)), 10, "another client");
    rig.now += 3;
    assert_eq!(answered(&mut rig, many(1)), 3);
    let elsewhere = many(1).map(|one| one.giaddr([10, 9, 0, 1]));
    assert_eq!(answered(&mut rig, elsewhere), 50, "another VLAN");
}

#[test]
fn a_circuit_is_heard_as_often_as_its_vlan_says() {
    let policy = json!({ "rate-per-circuit": 2, "rate-per-client": 1 });
    let mut rig = Rig::new(&with(policy, "10.0.0.10-10.0.0.250"));
    let many = |circuit: &'static [u8], relay| {
        (0..100).map(move |last| behind(discover(last), relay, circuit))
    };
    for (circuit, relay, expected) in [
        (&b"a"[..], 2, 20),
        (b"a", 2, 0),
        (b"b", 2, 20),
        (b"a", 3, 20),
    ] {
        assert_eq!(answered(&mut rig, many(circuit, relay)), expected);
    }
    assert_eq!(answered(&mut rig, [discover(200)]), 1, "by no agent");
    assert_eq!(rig.engine.counters().rate_limited, 100 + 240);
    rig.now += 5;
    assert_eq!(answered(&mut rig, many(b"a", 2)), 10);
}
