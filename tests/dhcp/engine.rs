//! Allocation and the states of a client, as conversations: who says what when, and what it hears.

use crate::support::{
    Ask, LEASE, Rig, SERVER, ask, decline, discover, inform, reboot, release, renew, select, site,
};

/// Runs conversations: seconds to wait, what is said, and what is heard.
fn check(name: &str, conversation: &[(u64, Ask, &str)]) {
    let mut rig = Rig::new(&site());
    for (step, (wait, said, heard)) in conversation.iter().enumerate() {
        rig.now += wait;
        assert_eq!(rig.said(said), *heard, "{name}, step {step}");
    }
}

/// A client with its lease: the two messages that every conversation begins with.
fn bound(last: u8, address: u8) -> [(u64, Ask, &'static str); 2] {
    let (offer, ack) = match address {
        10 => ("offer 10.0.0.10", "ack 10.0.0.10"),
        11 => ("offer 10.0.0.11", "ack 10.0.0.11"),
        12 => ("offer 10.0.0.12", "ack 10.0.0.12"),
        _ => ("offer 10.0.0.50", "ack 10.0.0.50"),
    };
    [(0, discover(last), offer), (0, select(last, address), ack)]
}

#[test]
fn offers() {
    check(
        "a repeated DISCOVER takes no second address",
        &[
            (0, discover(1), "offer 10.0.0.10"),
            (1, discover(1), "offer 10.0.0.10"),
            (0, discover(2), "offer 10.0.0.11"),
        ],
    );
    let wish = |last, address| discover(last).option(50, &[10, 0, 0, address]);
    check(
        "a wish is granted where it is free",
        &[
            (0, wish(1, 12), "offer 10.0.0.12"),
            (0, wish(2, 12), "offer 10.0.0.10"),
            (0, wish(3, 200), "offer 10.0.0.11"),
        ],
    );
    check(
        "an empty pool is silent, until an offer lapses",
        &[
            (0, discover(1), "offer 10.0.0.10"),
            (0, discover(2), "offer 10.0.0.11"),
            (0, discover(3), "offer 10.0.0.12"),
            (29, discover(4), ""),
            (1, discover(4), "offer 10.0.0.10"),
        ],
    );
    check(
        "an offer that lost to another server's is free at once",
        &[
            (0, discover(1), "offer 10.0.0.10"),
            (
                0,
                ask(3, 1)
                    .option(54, &[10, 0, 0, 77])
                    .option(50, &[10, 0, 0, 9]),
                "",
            ),
            (
                0,
                discover(2).option(50, &[10, 0, 0, 10]),
                "offer 10.0.0.10",
            ),
        ],
    );
}

#[test]
fn selecting() {
    let [first, second] = bound(1, 10);
    check(
        "an address bound to another client",
        &[first.clone(), second.clone(), (0, select(2, 10), "nak")],
    );
    check(
        "a retransmitted REQUEST is answered the same",
        &[
            first,
            second.clone(),
            second.clone(),
            (1, select(1, 10), "ack 10.0.0.10"),
        ],
    );
    check(
        "an offer from before a restart still counts",
        &[(0, select(1, 11), "ack 10.0.0.11")],
    );
    check("outside of every pool", &[(0, select(1, 99), "nak")]);
    check(
        "neither address nor ciaddr",
        &[
            (0, ask(3, 1), ""),
            (0, ask(3, 1).option(54, &SERVER.octets()), ""),
        ],
    );
}

#[test]
fn rebooting_renewing_rebinding() {
    let [first, second] = bound(1, 10);
    let after = |steps: &[(u64, Ask, &'static str)]| {
        [vec![first.clone(), second.clone()], steps.to_vec()].concat()
    };
    check("right", &after(&[(5, reboot(1, 10), "ack 10.0.0.10")]));
    check("wrong", &after(&[(5, reboot(1, 11), "nak")]));
    check("unknown", &[(0, reboot(1, 10), "")]);
    check(
        "expired, still free",
        &after(&[(700, reboot(1, 10), "ack 10.0.0.10")]),
    );
    check("renewed", &after(&[(300, renew(1, 10), "ack 10.0.0.10")]));
    check(
        "rebound",
        &after(&[(550, renew(1, 10).broadcast(), "ack 10.0.0.10")]),
    );
    check(
        "not its own",
        &after(&[(1, renew(2, 10), "nak"), (1, renew(1, 11), "nak")]),
    );
    check(
        "relayed",
        &after(&[(9, renew(1, 10).giaddr([10, 0, 0, 3]), "ack 10.0.0.10")]),
    );
}

#[test]
fn identity() {
    check(
        "the client identifier wins over the hardware address",
        &[
            (0, discover(1).id(b"\x01a"), "offer 10.0.0.10"),
            (0, select(1, 10).id(b"\x01a"), "ack 10.0.0.10"),
            (0, discover(1).id(b"\x01b"), "offer 10.0.0.11"),
            (0, discover(2).id(b"\x01a"), "offer 10.0.0.10"),
            (0, renew(2, 10).id(b"\x01a"), "ack 10.0.0.10"),
        ],
    );
    check(
        "a reserved address stays through ROM, iPXE and system",
        &[
            (0, discover(0x99).id(b"\0rom"), "offer 10.0.0.50"),
            (0, select(0x99, 50).id(b"\0rom"), "ack 10.0.0.50"),
            (0, discover(0x99), "offer 10.0.0.50"),
            (0, select(0x99, 50), "ack 10.0.0.50"),
            (
                0,
                discover(0x99).id(b"\xff\x01\x02\x03\x04\0\x02"),
                "offer 10.0.0.50",
            ),
            (0, renew(0x99, 50).id(b"other"), "ack 10.0.0.50"),
        ],
    );
    check(
        "identifiers of no and of 255 bytes",
        &[
            (0, discover(1).id(b""), "offer 10.0.0.10"),
            (0, discover(1), "offer 10.0.0.10"),
            (0, discover(1).id(&[7; 255]), "offer 10.0.0.11"),
        ],
    );
}

#[test]
fn releasing_and_declining() {
    let [first, second] = bound(1, 10);
    let after = |steps: &[(u64, Ask, &'static str)]| {
        [vec![first.clone(), second.clone()], steps.to_vec()].concat()
    };
    let wish = |last| discover(last).option(50, &[10, 0, 0, 10]);
    check(
        "released",
        &after(&[(1, release(1, 10), ""), (0, wish(2), "offer 10.0.0.10")]),
    );
    check(
        "released by a stranger, or what is not held",
        &after(&[
            (1, release(2, 10), ""),
            (0, release(1, 10).id(b"x"), ""),
            (0, release(1, 11), ""),
            (0, wish(2), "offer 10.0.0.11"),
        ]),
    );
    check(
        "declined: out of use for an hour",
        &after(&[
            (1, decline(1, 10), ""),
            (0, wish(1), "offer 10.0.0.11"),
            (3599, wish(1), "offer 10.0.0.11"),
            (1, wish(2), "offer 10.0.0.10"),
        ]),
    );
    check(
        "declined by a stranger, without address, or when it is over",
        &after(&[
            (1, decline(2, 10), ""),
            (0, ask(4, 1), ""),
            (0, renew(1, 10), "ack 10.0.0.10"),
            (1, release(1, 10), ""),
            (0, decline(1, 10), ""),
            (0, wish(2), "offer 10.0.0.10"),
        ]),
    );
}

#[test]
fn reuse_prefers_the_former_owner_then_the_longest_free() {
    let mut conversation = Vec::new();
    for (last, address) in [(1, 10), (2, 11), (3, 12)] {
        conversation.extend(bound(last, address));
        conversation.push((
            5,
            renew(last, address),
            ["ack 10.0.0.10", "ack 10.0.0.11", "ack 10.0.0.12"][usize::from(last) - 1],
        ));
    }
    conversation.extend([
        (2 * LEASE, discover(3), "offer 10.0.0.12"),
        (0, discover(4), "offer 10.0.0.10"),
        (0, discover(5), "offer 10.0.0.11"),
        (0, discover(6), ""),
    ]);
    check("after expiry", &conversation);
}

#[test]
fn informing_makes_no_lease() {
    check(
        "with an empty pool",
        &[
            (0, discover(1), "offer 10.0.0.10"),
            (0, discover(2), "offer 10.0.0.11"),
            (0, discover(3), "offer 10.0.0.12"),
            (0, inform(9, 77), "ack 0.0.0.0"),
            (0, ask(8, 9), ""),
            (0, ask(8, 9).giaddr([10, 9, 0, 1]), "ack 0.0.0.0"),
            (0, ask(8, 9).giaddr([10, 77, 0, 1]), ""),
        ],
    );
}

#[test]
fn relays_choose_the_subnet() {
    let relayed = |ask: Ask| ask.giaddr([10, 9, 0, 1]);
    let selected = discover(4).option(82, &[5, 4, 10, 9, 0, 0]);
    check(
        "by giaddr, link selection and subnet selection",
        &[
            (0, relayed(discover(1)), "offer 10.9.0.100"),
            (0, discover(2).giaddr([10, 77, 0, 1]), ""),
            (0, selected.giaddr([10, 0, 0, 7]), "offer 10.9.0.101"),
            (
                0,
                discover(5).option(118, &[10, 0, 0, 0]),
                "offer 10.0.0.10",
            ),
        ],
    );
    let lease = relayed(ask(3, 1)).option(54, &SERVER.octets());
    check(
        "an address of another subnet is refused, and a unicast renewal needs no relay",
        &[
            (0, relayed(discover(1)), "offer 10.9.0.100"),
            (0, lease.clone().option(50, &[10, 0, 0, 10]), "nak"),
            (0, lease.option(50, &[10, 9, 0, 100]), "ack 10.9.0.100"),
            (9, ask(3, 1).field(12, &[10, 9, 0, 100]), "ack 10.9.0.100"),
        ],
    );
}

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
fn names_follow_leases() {
    let mut rig = Rig::new(&site());
    let named = |last, address, name: &[u8]| select(last, address).option(12, name);
    rig.said(&named(1, 10, b"Web_1.example"));
    rig.said(&named(2, 11, b"web-1"));
    rig.said(&named(3, 12, b"declared"));
    rig.said(&release(2, 11));
    rig.said(&renew(1, 10).option(12, b"db"));
    rig.said(&discover(0x99));
    rig.said(&select(0x99, 50).option(12, b"other"));
    rig.now += 2 * LEASE;
    rig.input(bedplate::serve::dhcp::Input::Tick);
    let expected = [
        "+web-1.example 10.0.0.10",
        "+dhcp-10-0-0-11.example 10.0.0.11",
        "+dhcp-10-0-0-12.example 10.0.0.12",
        "-dhcp-10-0-0-11.example 10.0.0.11",
        "-web-1.example 10.0.0.10",
        "+db.example 10.0.0.10",
        "-db.example 10.0.0.10",
        "-dhcp-10-0-0-12.example 10.0.0.12",
    ];
    assert_eq!(rig.names, expected);
}

#[test]
fn renewals_within_what_is_promised_need_no_write() {
    let mut rig = Rig::new(&site());
    rig.said(&discover(1));
    rig.said(&select(1, 10));
    let writes = rig.stored.len();
    rig.now += LEASE / 10;
    assert_eq!(rig.said(&renew(1, 10)), "ack 10.0.0.10");
    assert_eq!(rig.stored.len(), writes);
    rig.now += LEASE / 10;
    assert_eq!(rig.said(&renew(1, 10)), "ack 10.0.0.10");
    assert_eq!(rig.stored.len(), writes + 1);
    let lease = rig.stored.last().unwrap();
    assert_eq!(lease.expires, rig.now + LEASE);
}
