//! REQUEST in each state of a client (RFC 2131 4.3.2), and what it costs to answer.

use crate::conversation::{bound, check};
use crate::support::{Ask, LEASE, Rig, SERVER, ask, discover, reboot, renew, select, site};

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
    check("unknown", &[(0, reboot(1, 10), "nak")]);
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
