//! Somebody who makes up clients by the thousand: others are served all the same, and memory is bounded.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use crate::bounds::behind;
use crate::support::{Ask, Rig, SERVER, ask, discover};

const SCOPE: &str = "vlan/plant/pxe/scope/10.0.0.0/16";

pub(crate) fn with(pools: &str, policy: Value) -> Value {
    json!({
        SCOPE: { "scope": {
            "server": "10.0.0.1", "pools": [pools], "lease_time": "10m", "domain": "example",
            "options": {}, "image": null, "policy": policy
        } },
        "vlan/plant/pxe/reservation/02:00:00:00:00:99": { "reservation": {
            "host": "node", "addresses": ["10.0.9.9"], "image": null
        } }
    })
}

/// A client of its own number, which comes by a circuit where that is none of 0.
pub(crate) fn from(kind: u8, number: u32, circuit: u8) -> Ask {
    let [a, b, c, d] = number.to_be_bytes();
    let asked = ask(kind, 0).field(28, &[2, 1, a, b, c, d]);
    match circuit {
        0 => asked,
        circuit => behind(asked, 2, &[circuit]),
    }
}

/// DISCOVER of a client; the address that it is offered.
pub(crate) fn offered(rig: &mut Rig, asked: &Ask) -> Option<Ipv4Addr> {
    rig.said(asked).strip_prefix("offer ")?.parse().ok()
}

pub(crate) fn choosing(asked: Ask, address: Ipv4Addr) -> Ask {
    asked
        .option(54, &SERVER.octets())
        .option(50, &address.octets())
}

/// 500 machines that boot at once have the 500 addresses that there are, however they are placed.
#[test]
fn a_rack_that_boots_at_once_takes_the_last_address() {
    for circuits in [0, 1, 200] {
        let mut rig = Rig::new(&with("10.0.1.0-10.0.2.243", json!({})));
        let circuit = |number: u32| match circuits {
            0 => 0,
            circuits => u8::try_from(number % circuits + 1).unwrap(),
        };
        let all: Vec<u32> = (0..500).collect();
        let offers = all.iter().map(|number| {
            let found = offered(&mut rig, &from(1, *number, circuit(*number)));
            (*number, found.unwrap())
        });
        let offers: Vec<_> = offers.collect();
        assert_eq!(rig.engine.offered(), 500);
        for (number, address) in offers {
            let chosen = choosing(from(3, number, circuit(number)), address);
            assert_eq!(rig.said(&chosen), format!("ack {address}"));
        }
        assert_eq!(rig.engine.counters().given_way, 0);
        assert_eq!(rig.engine.leased(), 500);
        assert_eq!(rig.said(&from(1, 500, circuit(500))), "", "none is left");
    }
}

/// Where the last addresses are few, who was offered one has time to take it, and later others have.
#[test]
fn clients_that_contend_for_the_last_addresses_do_not_take_them_from_each_other() {
    let mut rig = Rig::new(&with("10.0.1.0-10.0.1.3", json!({})));
    let first: Vec<_> = (0..4)
        .map(|one| offered(&mut rig, &from(1, one, 0)))
        .collect();
    for second in 0..29 {
        for other in 4..20 {
            assert_eq!(rig.said(&from(1, other, 0)), "", "after {second} s");
        }
        rig.now += 1;
    }
    let taken = choosing(from(3, 0, 0), first[0].unwrap());
    assert_eq!(rig.said(&taken), "ack 10.0.1.0");
    rig.now += 1;
    assert_eq!(
        rig.said(&from(1, 4, 0)),
        "offer 10.0.1.1",
        "its time is over"
    );
}

/// An offer gives way to a client of another circuit where its own has more of them; who comes too late for it asks anew.
#[test]
fn whose_offer_gave_way_is_told_so() {
    let mut rig = Rig::new(&with("10.0.1.0-10.0.1.3", json!({})));
    for one in 0..4 {
        assert_eq!(rig.said(&from(1, one, 1)), format!("offer 10.0.1.{one}"));
    }
    assert_eq!(rig.said(&from(1, 4, 1)), "", "its own circuit's are left");
    assert_eq!(rig.said(&from(1, 5, 2)), "offer 10.0.1.0");
    let address = Ipv4Addr::new(10, 0, 1, 0);
    assert_eq!(rig.said(&choosing(from(3, 0, 1), address)), "nak");
    assert_eq!(rig.said(&choosing(from(3, 5, 2), address)), "ack 10.0.1.0");
    assert_eq!(rig.said(&from(1, 0, 1)), "");
    assert_eq!(rig.engine.counters().given_way, 1);
    // Another subnet's offers are nobody's here, and come back with it.
    let mut other = with("10.0.1.0-10.0.1.3", json!({}));
    let all = other.as_object_mut().unwrap();
    let scope = all.remove(SCOPE).unwrap();
    all.insert("vlan/plant/pxe/scope/10.0.0.0/23".to_owned(), scope);
    assert_eq!(rig.engine.offered(), 3);
    rig.configure(&other);
    assert_eq!(rig.engine.offered(), 3);
    assert_eq!(rig.said(&from(1, 6, 2)), "offer 10.0.1.1");
}

/// Ranges that change leave hundreds of offers outside of them: those within give way all the same.
#[test]
fn offers_outside_of_the_ranges_hide_none_within() {
    let mut rig = Rig::new(&with("10.0.1.0-10.0.2.243", json!({})));
    for one in 0..500 {
        assert!(offered(&mut rig, &from(1, one, 0)).is_some(), "{one}");
    }
    rig.configure(&with("10.0.2.220-10.0.2.243", json!({})));
    assert_eq!(rig.said(&from(1, 600, 0)), "offer 10.0.2.220");
    // Back again, they are the oldest.
    rig.configure(&with("10.0.1.0-10.0.2.243", json!({})));
    assert_eq!(rig.said(&from(1, 601, 0)), "offer 10.0.1.0");
    assert_eq!(rig.engine.offered(), 500);
}

/// What is reserved gives way to nobody, nor does what is being written.
#[test]
fn what_is_promised_gives_way_to_nobody() {
    let mut rig = Rig::new(&with("10.0.9.9-10.0.9.10", json!({})));
    let reserved = discover(0x99);
    assert_eq!(rig.said(&reserved), "offer 10.0.9.9");
    assert_eq!(rig.said(&from(1, 1, 0)), "offer 10.0.9.10");
    rig.hold_writes = true;
    let address = Ipv4Addr::new(10, 0, 9, 10);
    assert_eq!(rig.said(&choosing(from(3, 1, 0), address)), "");
    rig.now += 20;
    assert_eq!(rig.said(&from(1, 2, 0)), "");
    assert_eq!(rig.engine.counters().given_way, 0);
    assert_eq!(rig.engine.offered(), 0);
}

/// On a link where no agent tells who is who, made-up clients that take up what they are offered have the dynamic ranges: not what is
/// reserved, and nothing at all where the site's own machines alone are served.
#[test]
fn whoever_takes_a_link_without_agents_takes_nothing_from_the_machines_of_the_site() {
    for (unknown, made_up, declared) in [
        ("allow", 200, None),
        ("hold", 0, Some(Ipv4Addr::new(10, 0, 1, 0))),
        ("deny", 0, Some(Ipv4Addr::new(10, 0, 1, 0))),
    ] {
        let mut site = with("10.0.1.0-10.0.1.199", json!({ "unknown-clients": unknown }));
        site["vlan/plant/pxe/reservation/02:01:00:00:00:01"] =
            json!({ "reservation": { "host": "one", "addresses": [], "image": null } });
        let mut rig = Rig::new(&site);
        for number in 1000..1300 {
            if let Some(address) = offered(&mut rig, &from(1, number, 0)) {
                rig.send(&choosing(from(3, number, 0), address));
            }
        }
        assert_eq!(rig.engine.leased(), made_up, "{unknown}");
        assert_eq!(offered(&mut rig, &from(1, 1, 0)), declared, "{unknown}");
        assert_eq!(rig.said(&discover(0x99)), "offer 10.0.9.9", "{unknown}");
    }
}

struct Attack {
    name: &'static str,
    policy: Value,
    /// The circuits of the attacker and of others; 0 is the link.
    attacker: u8,
    others: u8,
    /// Whether the attacker takes up what it is offered.
    takes: bool,
    /// Messages of the attacker a second, and between an offer and its REQUEST.
    messages: u32,
    meanwhile: u32,
}

/// Most leases that the attacker of [`Attack`] may get where it takes what it is offered.
const MOST: usize = 48;

/// Pools of 200 addresses, a lease in force, and somebody who asks as a thousand others each second.
#[test]
fn whoever_makes_up_clients_starves_nobody() {
    let quiet = || json!({});
    let bounded = || json!({ "leases-per-circuit": MOST });
    let limited =
        || json!({ "leases-per-circuit": MOST, "rate-per-circuit": 20, "rate-per-client": 5 });
    let attacks = [
        ("circuits apart", quiet(), (1, 2), false, (1000, 300)),
        ("from the link", quiet(), (0, 2), false, (1000, 300)),
        ("towards the link", quiet(), (1, 0), false, (1000, 300)),
        ("on one link", quiet(), (0, 0), false, (1000, 30)),
        ("on one circuit", quiet(), (1, 1), false, (1000, 30)),
        ("by leases", bounded(), (1, 2), true, (1000, 300)),
        ("against rates", limited(), (1, 2), true, (1000, 300)),
    ];
    for (name, policy, (attacker, others), takes, (messages, meanwhile)) in attacks {
        let attack = Attack {
            name,
            policy,
            attacker,
            others,
            takes,
            messages,
            meanwhile,
        };
        withstand(&attack);
    }
}

fn withstand(attack: &Attack) {
    let name = attack.name;
    let mut rig = Rig::new(&with("10.0.1.0-10.0.1.199", attack.policy.clone()));
    let mut made_up = 0x8000_0000;
    let known = offered(&mut rig, &from(1, 1, attack.others)).unwrap();
    let chosen = choosing(from(3, 1, attack.others), known);
    assert_eq!(rig.said(&chosen), format!("ack {known}"));
    let newcomers = 40;
    for newcomer in 2..2 + newcomers {
        flood(&mut rig, attack, &mut made_up, attack.messages);
        let address = offered(&mut rig, &from(1, newcomer, attack.others));
        let address = address.unwrap_or_else(|| panic!("{name}: {newcomer} is offered nothing"));
        flood(&mut rig, attack, &mut made_up, attack.meanwhile);
        let chosen = choosing(from(3, newcomer, attack.others), address);
        assert_eq!(rig.said(&chosen), format!("ack {address}"), "{name}");
        let renewal = from(3, 1, 0).field(12, &known.octets());
        assert_eq!(rig.said(&renewal), format!("ack {known}"), "{name}");
        rig.now += 1;
        rig.input(bedplate::serve::dhcp::Input::Tick);
        assert!(rig.engine.offered() <= 200, "{name}");
    }
    let reserved = discover(0x99);
    assert_eq!(rig.said(&reserved), "offer 10.0.9.9", "{name}");
    let records = rig
        .engine
        .leases(rig.now, Ipv4Addr::UNSPECIFIED, usize::MAX);
    assert!(records.len() <= 201, "{name}: {}", records.len());
    let honest = usize::try_from(newcomers).unwrap() + 1;
    let most = if attack.takes { honest + MOST } else { honest };
    assert!(
        rig.engine.leased() <= most,
        "{name}: {}",
        rig.engine.leased()
    );
}

/// Messages of as many clients as never were, each with an identifier of its own.
fn flood(rig: &mut Rig, attack: &Attack, made_up: &mut u32, messages: u32) {
    for _ in 0..messages {
        // Knuth's multiplier: all numbers, in no order.
        *made_up = made_up.wrapping_add(1);
        let number = made_up.wrapping_mul(2_654_435_761) | 0x8000_0000;
        let id = [&[0], &number.to_be_bytes()[..]].concat();
        let address = offered(rig, &from(1, number, attack.attacker).id(&id));
        if let Some(address) = address.filter(|_| attack.takes) {
            rig.send(&choosing(from(3, number, attack.attacker).id(&id), address));
        }
    }
}
