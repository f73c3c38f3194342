//! A wall clock that jumps under a running daemon: leases last as long as they were promised to, no less and no more.

use std::ops::RangeInclusive;

use serde_json::Value;

use crate::client::Relay;
use crate::lab::{Lab, PATIENCE, udhcpc};
use crate::shim::Shim;

const DAY: i64 = 24 * 3600;
const YEAR: i64 = 365 * DAY;

/// Seconds that each lease has left by the daemon's wall clock, which is off by `jump`.
fn left(lab: &Lab, jump: i64) -> Vec<i64> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = i64::try_from(now.unwrap().as_secs()).unwrap() + jump;
    let leases = lab.json(&["leases"]);
    let expires = |lease: &Value| lease["expires"].as_i64().unwrap() - now;
    leases.as_array().unwrap().iter().map(expires).collect()
}

/// What may be left of a lease of two minutes after a start: a renewal within its first eighth is on no disk, and may have been promised.
const AFTER_A_START: RangeInclusive<i64> = 1..=136;

/// The distance is stored with the leases, and is there even after kill -9.
#[test]
fn a_restart_after_a_jump_goes_on_where_it_was() {
    let lab = Lab::new();
    let shim = Shim::new(&lab);
    let mut daemon = shim.serve();
    lab.applied();
    for (client, jump) in (1..).zip([DAY, -DAY, 0]) {
        shim.clock(jump);
        // What a new client is promised is on the disk, and with it that the clock was set.
        Relay::with(&lab, PATIENCE, |relay| {
            let address = relay.discover(client).unwrap();
            assert_eq!(relay.request(client, address), Some(address));
        });
        drop(daemon);
        daemon = shim.serve();
        let left = left(&lab, jump);
        assert_eq!(left.len(), usize::from(client), "{jump}: {left:?}");
        let promised = |left: &i64| AFTER_A_START.contains(left);
        assert!(left.iter().all(promised), "{jump}: {left:?}");
        assert_eq!(lab.status()["leases"], client, "{jump}");
    }
}

#[test]
fn a_wall_clock_that_jumps_neither_ends_nor_extends_a_lease() {
    let lab = Lab::new();
    let shim = Shim::new(&lab);
    let _daemon = shim.serve();
    lab.applied();
    udhcpc(&lab.machines[1], &lab.folder);
    for jump in [DAY, -DAY] {
        shim.clock(jump);
        // Whatever is over would be ended before this one is answered.
        udhcpc(&lab.machines[0], &lab.folder);
        let left = left(&lab, jump);
        assert_eq!(left.len(), 2, "{jump}: {left:?}");
        let promised = |left: &i64| (1..=121).contains(left);
        assert!(left.iter().all(promised), "{jump}: {left:?}");
        assert_eq!(lab.status()["leases"], 2, "{jump}");
    }
}

/// Before the network has told the time: leases neither begin to last for decades by that, nor are they all over.
#[test]
fn a_clock_that_is_wrong_at_a_start_and_then_set_right_changes_no_lease() {
    let lab = Lab::new();
    let shim = Shim::new(&lab);
    for (client, jump) in (1..).zip([-50 * YEAR, 50 * YEAR]) {
        let told = |jump: i64| {
            let left = left(&lab, jump);
            assert_eq!(left.len(), usize::from(client), "{jump}: {left:?}");
            let promised = |left: &i64| AFTER_A_START.contains(left);
            assert!(left.iter().all(promised), "{jump}: {left:?}");
        };
        let daemon = shim.serve();
        lab.applied();
        Relay::with(&lab, PATIENCE, |relay| {
            let address = relay.discover(client).unwrap();
            assert_eq!(relay.request(client, address), Some(address));
        });
        drop(daemon);
        shim.clock(jump);
        let daemon = shim.serve();
        told(jump);
        shim.clock(0);
        told(0);
        drop(daemon);
        let _daemon = shim.serve();
        told(0);
    }
}
