//! RELEASE, DECLINE, and INFORM, which begins nothing.

use std::net::Ipv4Addr;

use crate::conversation::{bound, check};
use crate::support::{
    Ask, Rig, SERVER, ask, decline, discover, inform, release, renew, select, site,
};

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
    let to_other = |kind, last| ask(kind, last).option(54, &[10, 0, 0, 77]);
    check(
        "said to another server",
        &after(&[
            (1, to_other(7, 1).ciaddr(10), ""),
            (0, to_other(4, 1).option(50, &[10, 0, 0, 10]), ""),
            (0, wish(2), "offer 10.0.0.11"),
            (0, renew(1, 10), "ack 10.0.0.10"),
            (0, release(1, 10).option(54, &SERVER.octets()), ""),
            (0, wish(3), "offer 10.0.0.10"),
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

/// A card that was replaced, or a system beside its firmware: whose the lease is says the identifier.
#[test]
fn clients_are_known_by_their_identifier_when_they_end_a_lease() {
    let wish = |last| discover(last).option(50, &[10, 0, 0, 10]);
    type Ends = fn(u8, u8) -> Ask;
    let ends: [(Ends, &str); 2] = [(release, "ack 10.0.0.10"), (decline, "nak")];
    for (ends, heard) in ends {
        check(
            "by identifier",
            &[
                (0, select(1, 10).id(b"me"), "ack 10.0.0.10"),
                (1, ends(1, 10).id(b"you"), ""),
                (0, ends(1, 10), ""),
                (0, renew(1, 10).id(b"me"), "ack 10.0.0.10"),
                (0, ends(2, 10).id(b"me"), ""),
                (0, renew(1, 10).id(b"me"), heard),
            ],
        );
    }
    check(
        "free once its own client gave it back",
        &[
            (0, select(1, 10).id(b"me"), "ack 10.0.0.10"),
            (0, release(2, 10).id(b"me"), ""),
            (0, wish(3), "offer 10.0.0.10"),
        ],
    );
    check(
        "declined when it is over",
        &[
            (0, select(1, 10), "ack 10.0.0.10"),
            (700, decline(1, 10), ""),
            (0, wish(2), "offer 10.0.0.10"),
        ],
    );
}

/// A machine that the site knows is itself, whatever identifier each of its stages sends: its word ends the lease of what is reserved
/// for it, as its REQUEST takes that over. Elsewhere the lease is the identifier's.
#[test]
fn a_machine_that_the_site_knows_ends_its_lease_under_any_identifier() {
    use bedplate::serve::dhcp::LeaseState::{Active, Declined, Idle};
    let machine = 0x99;
    for (has, ends, becomes) in [
        (
            select(machine, 50).id(b"system"),
            release(machine, 50).id(b"firmware"),
            Idle,
        ),
        (
            select(machine, 50).id(b"system"),
            release(machine, 50),
            Idle,
        ),
        (
            select(machine, 50),
            release(machine, 50).id(b"firmware"),
            Idle,
        ),
        (
            select(machine, 50).id(b"system"),
            decline(machine, 50).id(b"firmware"),
            Declined,
        ),
        (
            select(machine, 50).id(b"system"),
            release(1, 50).id(b"firmware"),
            Active,
        ),
        (select(machine, 50).id(b"system"), decline(1, 50), Active),
        (
            select(machine, 10).id(b"system"),
            release(machine, 10).id(b"firmware"),
            Active,
        ),
        (
            select(machine, 10).id(b"system"),
            decline(machine, 10).id(b"firmware"),
            Active,
        ),
        (
            select(machine, 10).id(b"system"),
            release(machine, 10).id(b"system"),
            Idle,
        ),
    ] {
        let mut rig = Rig::new(&site());
        assert!(rig.said(&has).starts_with("ack"));
        rig.now += 1;
        assert_eq!(rig.said(&ends), "");
        let leases = rig.engine.leases(rig.now, Ipv4Addr::UNSPECIFIED, 9);
        let states: Vec<_> = leases.iter().map(|lease| lease.state).collect();
        assert_eq!(states, [becomes], "{:?} after {:?}", ends.bytes, has.bytes);
    }
}
