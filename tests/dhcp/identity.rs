//! What a client is known by where an address is reserved for it, and what is remembered of it.

use serde_json::{Value, json};

use crate::support::{Ask, Rig, ask, discover, renew, select, site};

/// The site with a host that is known by `identities` too, and gets 10.0.0.51; one more each for what the order is about.
fn known_by(hosts: &[(u8, u8, Value)]) -> Value {
    let mut site = site();
    for (mac, address, identities) in hosts {
        let key = format!("vlan/plant/pxe/reservation/02:00:00:00:01:{mac:02x}");
        site[key] = json!({ "reservation": {
            "host": format!("host-{mac}"), "addresses": [format!("10.0.0.{address}")],
            "identities": identities, "image": null
        } });
    }
    site
}

fn relayed(ask: Ask) -> Ask {
    ask.giaddr([10, 0, 0, 7])
}

const CIRCUIT: [u8; 4] = [1, 2, 7, 7];
const DUID: &[u8] = b"\xff\0\0\0\x01\0\x02abc";

#[test]
fn hosts_are_known_by_any_of_their_identities() {
    let cases = [
        (
            "client identifier",
            json!([{ "client-id": [7, 8] }]),
            discover(1).id(&[7, 8]),
        ),
        (
            "circuit",
            json!([{ "circuit-id": [7, 7] }]),
            relayed(discover(1)).option(82, &CIRCUIT),
        ),
        (
            "DUID",
            json!([{ "duid": [0, 2, 97, 98, 99] }]),
            discover(1).id(DUID),
        ),
        (
            "DUID of another interface",
            json!([{ "duid": [0, 2, 97, 98, 99] }]),
            discover(1).id(b"\xff\0\0\0\x02\0\x02abc"),
        ),
        (
            "machine",
            json!([{ "machine-id": [0, 5, 5] }]),
            discover(1).option(97, &[0, 5, 5]),
        ),
        (
            "another port",
            json!([{ "mac": "02:00:00:00:00:01" }]),
            discover(1),
        ),
        (
            "its own hardware address",
            json!([]),
            discover(1).field(28, &[2, 0, 0, 0, 1, 1]),
        ),
    ];
    for (name, identities, asked) in cases {
        let site = known_by(&[(1, 51, identities)]);
        let mut rig = Rig::new(&site);
        assert_eq!(rig.said(&asked), "offer 10.0.0.51", "{name}");
        assert_eq!(rig.said(&discover(2)), "offer 10.0.0.10", "{name}: others");
        let mut expected: bedplate::state::State = serde_json::from_value(site).unwrap();
        expected.retain(|key, _| !key.to_string().starts_with("zone/"));
        assert_eq!(rig.engine.config().to_state(), expected, "{name}");
    }
}

#[test]
fn the_first_identity_that_is_known_counts() {
    let site = known_by(&[
        (1, 51, json!([{ "machine-id": [0, 5] }])),
        (2, 52, json!([{ "duid": [0, 2, 97, 98, 99] }])),
        (3, 53, json!([{ "circuit-id": [7, 7] }])),
        (4, 54, json!([{ "client-id": DUID }])),
    ]);
    let mac = |ask: Ask| ask.field(28, &[2, 0, 0, 0, 1, 1]);
    let asked = discover(9).option(97, &[0, 5]);
    let steps = [
        (asked.clone(), "offer 10.0.0.51"),
        (
            asked.clone().id(b"\xff\0\0\0\x09\0\x02abc"),
            "offer 10.0.0.52",
        ),
        (
            relayed(asked.clone().id(b"\xff\0\0\0\x09\0\x02abc")).option(82, &CIRCUIT),
            "offer 10.0.0.53",
        ),
        (
            relayed(asked.clone().id(DUID)).option(82, &CIRCUIT),
            "offer 10.0.0.54",
        ),
        (
            mac(relayed(asked.id(DUID)).option(82, &CIRCUIT)),
            "offer 10.0.0.51",
        ),
    ];
    for (asked, heard) in steps {
        assert_eq!(Rig::new(&site).said(&asked), heard);
    }
}

/// What hangs on a circuit gets its address: whoever hung there before, and also where a renewal passes by the agent.
#[test]
fn a_circuit_keeps_its_address() {
    let mut rig = Rig::new(&known_by(&[(1, 51, json!([{ "circuit-id": [7, 7] }]))]));
    let there = |ask: Ask| relayed(ask).option(82, &CIRCUIT);
    let steps = [
        (
            discover(1).option(82, &CIRCUIT),
            "offer 10.0.0.10",
            "no agent said so",
        ),
        (there(select(2, 51)), "ack 10.0.0.51", ""),
        (renew(2, 51), "ack 10.0.0.51", "without its agent"),
        (renew(3, 51), "nak", "a stranger"),
        (
            there(select(4, 51)),
            "ack 10.0.0.51",
            "what is plugged in there next",
        ),
        (renew(2, 51), "nak", "no longer there"),
    ];
    for (asked, heard, why) in steps {
        assert_eq!(rig.said(&asked), heard, "{why}");
    }
}

#[test]
fn a_lease_remembers_where_its_client_is_and_since_when() {
    let mut rig = Rig::new(&site());
    let began = rig.now;
    let agent = [1, 2, 7, 7, 2, 1, 9];
    rig.said(&relayed(select(1, 10)).option(82, &agent));
    rig.now += 300;
    rig.said(&renew(1, 10));
    let lease = rig.stored.last().unwrap().clone();
    let agent = lease.agent.unwrap();
    assert_eq!((&*agent.circuit, &*agent.remote), (&[7, 7][..], &[9][..]));
    assert_eq!(lease.vlan.unwrap().to_string(), "plant/pxe");
    assert_eq!((lease.since, lease.expires), (began, rig.now + 600));
    rig.said(&ask(7, 1).ciaddr(10));
    assert_eq!(rig.stored.last().unwrap().since, rig.now, "free since then");
}
