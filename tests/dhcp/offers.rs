//! Which address a client is offered, and who a client is.

use crate::conversation::{bound, check};
use crate::support::{LEASE, Rig, ask, discover, renew, select, site};

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
fn an_empty_pool_is_counted() {
    let mut rig = Rig::new(&site());
    for client in 1..=5 {
        rig.said(&discover(client));
    }
    assert_eq!(rig.engine.counters().pool_empty, 2);
}
