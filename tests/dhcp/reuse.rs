//! Addresses that were leased before, in whatever ranges are served now, and after a quarantine.

use std::net::Ipv4Addr;
use std::ops::Range;

use bedplate::serve::dhcp::{Action, Engine, Input};
use serde_json::{Value, json};

use crate::conversation::check;
use crate::support::*;

/// Addresses that were leased once each: those from 10.0.1.0 on.
const USED: u32 = 512;
const ALL: &[&str] = &["10.0.1.0-10.0.2.255"];

fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 1, 0)) + number)
}

/// A subnet with these ranges, whose server is `server`, and with so many reserved addresses.
fn with(subnet: &str, server: &str, pools: &[&str], reserved: Range<u32>) -> Value {
    let scope = format!("vlan/plant/pxe/scope/{subnet}");
    let addresses: Vec<_> = reserved.map(address).collect();
    json!({
        scope: { "scope": {
            "server": server, "pools": pools, "lease_time": "20m", "domain": "example",
            "options": {}, "image": null
        } },
        "vlan/plant/pxe/reservation/02:00:00:00:00:99": { "reservation": {
            "host": "node", "addresses": addresses, "image": null
        } }
    })
}

fn serving(pools: &[&str], reserved: Range<u32>) -> Value {
    with("10.0.0.0/16", "10.0.0.1", pools, reserved)
}

/// A message of a client of its own number.
fn from(kind: u8, number: u32) -> Ask {
    let [a, b, c, d] = number.to_be_bytes();
    ask(kind, 0).field(28, &[2, 1, a, b, c, d])
}

/// Every address was leased, and given back a second after the one behind it.
fn used_once() -> Rig {
    let mut rig = Rig::new(&serving(ALL, 0..0));
    for number in 0..USED {
        let own = address(number);
        let chosen = from(3, number).option(54, &SERVER.octets());
        let said = rig.said(&chosen.option(50, &own.octets()));
        assert_eq!(said, format!("ack {own}"));
    }
    for number in (0..USED).rev() {
        rig.now += 1;
        rig.said(&from(7, number).field(12, &address(number).octets()));
    }
    assert_eq!(rig.engine.leased(), 0);
    rig
}

/// Whatever the site says now, each address that it gives to anybody is found: the one that was free for longest first.
#[test]
fn every_free_address_is_found_whatever_was_leased_before() {
    let low = &["10.0.1.0-10.0.1.191"][..];
    let apart = &["10.0.1.20-10.0.1.29", "10.0.1.0-10.0.1.9"][..];
    let of_server = |address| with("10.0.0.0/16", address, apart, 0..0);
    let in_half = with("10.0.0.0/23", "10.0.0.1", &["10.0.1.0-10.0.1.255"], 0..0);
    let newest_first = |range: Range<u32>| range.rev().collect::<Vec<_>>();
    let cases = [
        ("as it was", vec![], newest_first(0..512)),
        ("narrowed", vec![serving(low, 0..0)], newest_first(0..192)),
        (
            "narrowed and widened",
            vec![serving(low, 0..0), serving(ALL, 0..0)],
            newest_first(0..512),
        ),
        (
            "reserved",
            vec![serving(ALL, 200..512)],
            newest_first(0..200),
        ),
        (
            "reserved otherwise",
            vec![serving(ALL, 0..300), serving(ALL, 200..500)],
            [newest_first(500..512), newest_first(0..200)].concat(),
        ),
        (
            "reserved in a range that is narrowed, and free again",
            vec![serving(low, 100..512), serving(low, 0..0)],
            newest_first(0..192),
        ),
        (
            "ranges apart, the server in one of them",
            vec![of_server("10.0.1.5")],
            [newest_first(20..30), vec![9, 8, 7, 6, 4, 3, 2, 1, 0]].concat(),
        ),
        (
            "the server elsewhere again",
            vec![of_server("10.0.1.5"), of_server("10.0.0.1")],
            [newest_first(20..30), newest_first(0..10)].concat(),
        ),
        (
            "another subnet",
            vec![in_half.clone()],
            newest_first(0..255),
        ),
        (
            "the subnet again",
            vec![in_half, serving(ALL, 0..0)],
            newest_first(0..512),
        ),
        (
            "nothing is served meanwhile",
            vec![json!({}), serving(ALL, 0..0)],
            newest_first(0..512),
        ),
    ];
    for (name, sites, order) in cases {
        let mut rig = used_once();
        for site in &sites {
            rig.configure(site);
        }
        for (client, number) in (10_000..).zip(order) {
            let expected = format!("offer {}", address(number));
            assert_eq!(rig.said(&from(1, client)), expected, "{name}");
        }
        let taken = |rig: &Rig| rig.engine.counters().given_way + rig.engine.counters().pool_empty;
        assert_eq!(taken(&rig), 0, "{name}");
        rig.said(&from(1, 20_000));
        assert_eq!(taken(&rig), 1, "{name}: none is left");
    }
}

/// RFC 2131 4.3.1: the present lease, then the one before, then what the client wishes for.
#[test]
fn the_present_lease_counts_before_a_former_one() {
    let wish = |last, address| discover(last).option(50, &[10, 0, 0, address]);
    let former = [
        (0, select(1, 10), "ack 10.0.0.10"),
        (1, release(1, 10), ""),
        (0, select(1, 12), "ack 10.0.0.12"),
        (1, release(1, 12), ""),
        (0, select(1, 11), "ack 10.0.0.11"),
    ];
    let present = [
        (0, discover(1), "offer 10.0.0.11"),
        (0, wish(1, 10), "offer 10.0.0.11"),
        (0, select(1, 11), "ack 10.0.0.11"),
    ];
    check("present", &[&former[..], &present].concat());
    let last = [
        (0, wish(1, 12), "offer 10.0.0.12"),
        (0, discover(1), "offer 10.0.0.12"),
    ];
    check("the last one", &[&former[..4], &last].concat());
}

/// What is still wrong with an address after its quarantine is nobody's to find out but by a probe; whoever found it in use has
/// it last.
#[test]
fn after_its_quarantine_an_address_is_nobodys_own() {
    let declined = [
        (0, select(1, 10), "ack 10.0.0.10"),
        (0, decline(1, 10), ""),
        (3600, renew(1, 10), "nak"),
    ];
    let fresh = [(0, discover(1), "offer 10.0.0.11")];
    check("another is new", &[&declined[..], &fresh].concat());
    let others = [
        (0, select(2, 11), "ack 10.0.0.11"),
        (0, select(3, 12), "ack 10.0.0.12"),
        (1, release(2, 11), ""),
        (0, discover(1), "offer 10.0.0.11"),
        (0, discover(4), "offer 10.0.0.10"),
    ];
    check("others are free", &[&declined[..], &others].concat());
    let alone = [
        (0, select(2, 11), "ack 10.0.0.11"),
        (0, select(3, 12), "ack 10.0.0.12"),
        (0, discover(1), "offer 10.0.0.10"),
    ];
    check("no other is", &[&declined[..], &alone].concat());
    let wished = discover(1).option(50, &[10, 0, 0, 10]);
    let wished = [(0, wished, "offer 10.0.0.10")];
    check("it is wished for", &[&declined[..], &wished].concat());
}

/// The same where the quarantine ends by hand, or while the server is down.
#[test]
fn nor_is_it_after_a_restart_or_by_an_operators_word() {
    for (name, is_revoked) in [("over", false), ("by hand", true)] {
        let mut rig = Rig::new(&site());
        rig.said(&select(1, 10));
        rig.said(&decline(1, 10));
        if is_revoked {
            let mut actions = Vec::new();
            let (_, batch) = rig
                .engine
                .revoke(rig.now, [10, 0, 0, 10].into(), &mut actions)
                .unwrap();
            let persisted = actions.into_iter().find_map(|action| match action {
                Action::Persist { lease, .. } => Some(lease),
                Action::Publish(_) | Action::Send(_) | Action::Event(_) | Action::Probe(_) => None,
            });
            rig.stored.extend(persisted);
            rig.input(Input::Committed(batch));
        } else {
            rig.now += 3600;
        }
        assert_eq!(rig.said(&discover(1)), "offer 10.0.0.11", "{name}");
        let stored = rig.stored.last().unwrap().clone();
        rig.engine = Engine::restore(vec![stored], rig.now, &mut Vec::new());
        rig.configure(&site());
        assert_eq!(rig.said(&discover(1)), "offer 10.0.0.11", "{name}");
    }
}
