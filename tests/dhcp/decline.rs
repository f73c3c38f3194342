//! How much clients put out of use by declining: what a circuit does, and what a subnet loses by that at most.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use bedplate::base::mac::MacAddr;
use bedplate::serve::dhcp::{Event, Input, LeaseState};
use serde_json::{Value, json};

use crate::starvation::{choosing, from, offered, with};
use crate::support::{Rig, decline, discover, select};

/// A client of its own number comes by a circuit, takes what it is offered, and declines that.
fn declined(rig: &mut Rig, number: u32, circuit: u8) -> Option<Ipv4Addr> {
    let address = offered(rig, &from(1, number, circuit))?;
    let chosen = choosing(from(3, number, circuit), address);
    assert_eq!(rig.said(&chosen), format!("ack {address}"));
    assert_eq!(rig.said(&choosing(from(4, number, circuit), address)), "");
    Some(address)
}

/// The addresses in quarantine.
fn quarantined(rig: &Rig) -> BTreeSet<Ipv4Addr> {
    let all = rig
        .engine
        .leases(rig.now, Ipv4Addr::UNSPECIFIED, usize::MAX);
    let all = all.into_iter();
    all.filter(|lease| lease.state == LeaseState::Declined)
        .map(|lease| lease.address)
        .collect()
}

/// What was told to be free again early, in its order.
fn freed(rig: &Rig) -> Vec<Ipv4Addr> {
    let mut told = Vec::new();
    for event in &rig.events {
        if let Event::Declined { freed, .. } = event {
            told.extend(*freed);
        }
    }
    told
}

fn last_reason(rig: &Rig, number: u8) -> Option<&'static str> {
    let exchanges = rig.engine.exchanges(MacAddr([2, 1, 0, 0, 0, number]), 1);
    exchanges.last().unwrap().outcome.reason()
}

/// What a circuit declined counts for it as long as it is out of use, and others have theirs.
#[test]
fn a_circuit_that_declines_has_no_more_than_it_may() {
    let site = with("10.0.1.0-10.0.1.99", json!({ "leases-per-circuit": 4 }));
    let mut rig = Rig::new(&site);
    let all = (1..=50).filter_map(|number| declined(&mut rig, number, 1));
    assert_eq!(all.count(), 4);
    assert_eq!(quarantined(&rig).len(), 4);
    assert_eq!(last_reason(&rig, 5), Some("circuit-full"));
    assert_eq!(last_reason(&rig, 50), Some("circuit-full"));
    assert!(declined(&mut rig, 60, 2).is_some(), "another circuit");
    // The same from what was stored, and once the quarantines are over.
    rig.restart();
    rig.configure(&site);
    assert_eq!(offered(&mut rig, &from(1, 70, 1)), None);
    rig.now += 3600;
    rig.input(Input::Tick);
    assert!(offered(&mut rig, &from(1, 70, 1)).is_some());
}

/// A client that finds its address in use has another in its place, though its circuit may have one alone; not one after the other.
#[test]
fn who_declines_once_is_served_all_the_same() {
    let site = with("10.0.1.0-10.0.1.99", json!({ "leases-per-circuit": 1 }));
    let mut rig = Rig::new(&site);
    assert!(declined(&mut rig, 1, 1).is_some());
    assert_eq!(offered(&mut rig, &from(1, 2, 1)), None, "another client");
    assert!(declined(&mut rig, 1, 1).is_some());
    assert_eq!(offered(&mut rig, &from(1, 1, 1)), None);
    assert_eq!(quarantined(&rig).len(), 2);
}

/// Made-up clients on a link without agents: how many addresses there are, and how many of them can be out of use.
const SIZES: [(u8, usize); 5] = [(1, 1), (2, 1), (3, 2), (50, 25), (99, 50)];

#[test]
fn half_of_a_subnet_at_most_is_out_of_use_by_the_word_of_clients() {
    for (size, most) in SIZES {
        let mut rig = Rig::new(&with(&format!("10.0.1.1-10.0.1.{size}"), json!({})));
        let mut order = Vec::new();
        for number in 0..300 {
            order.extend(declined(&mut rig, number, 0));
            rig.now += 1;
            assert!(quarantined(&rig).len() <= most, "{size}");
        }
        let early = order.len() - quarantined(&rig).len();
        assert_eq!(
            freed(&rig),
            order[..early],
            "told in their order, of {size}"
        );
        let counters = rig.engine.counters();
        assert_eq!(counters.freed_early, u64::try_from(early).unwrap());
        let last = order.len().saturating_sub(most);
        let last: BTreeSet<_> = order[last..].iter().copied().collect();
        assert_eq!(quarantined(&rig), last, "those declined last, of {size}");
        if size > 1 {
            assert_eq!(order.len(), 300, "{size}");
            assert!(offered(&mut rig, &from(1, 999, 0)).is_some(), "{size}");
        }
        // What comes back early does so on disk as well.
        rig.restart();
        assert_eq!(quarantined(&rig), last, "{size}, after a restart");
    }
}

/// What we found in use ourselves stays out of use, as does what a machine says of its reserved address.
#[test]
fn what_is_known_to_be_in_use_is_not_given_back_early() {
    let mut site: Value = with("10.0.1.0-10.0.1.5", json!({ "probe": "dynamic" }));
    let mut rig = Rig::new(&site);
    assert_eq!(rig.said(&discover(0x99)), "offer 10.0.9.9");
    let reserved = Ipv4Addr::new(10, 0, 9, 9);
    let own = |asked: crate::support::Ask| asked.field(28, &[2, 0, 0, 0, 0, 0x99]);
    assert_eq!(
        rig.said(&choosing(own(from(3, 0, 0)), reserved)),
        "ack 10.0.9.9"
    );
    assert_eq!(rig.said(&choosing(own(from(4, 0, 0)), reserved)), "");
    for last in [0, 1] {
        assert_eq!(rig.said(&from(1, u32::from(last), 0)), "");
        let address = Ipv4Addr::new(10, 0, 1, last);
        rig.input(Input::Answered { address, by: None });
    }
    for probe in std::mem::take(&mut rig.probes) {
        rig.input(Input::Unanswered(probe.address));
    }
    site["vlan/plant/pxe/scope/10.0.0.0/16"]["scope"]["policy"] = json!({});
    rig.configure(&site);
    rig.now += 60;
    rig.input(Input::Tick);
    for number in 10..60 {
        assert!(declined(&mut rig, number, 0).is_some());
    }
    assert_eq!(quarantined(&rig).len(), 6, "half of six, and these");
    let free = Ipv4Addr::new(10, 0, 1, 0);
    for known in [free, Ipv4Addr::new(10, 0, 1, 1), reserved] {
        assert!(quarantined(&rig).contains(&known), "{known}");
    }
}

/// Subnets that come and go keep what is out of use in them.
#[test]
fn another_subnet_counts_what_is_out_of_use_in_it() {
    let site = crate::support::site();
    let mut rig = Rig::new(&site);
    let wide = with("10.0.0.10-10.0.0.12", json!({}));
    for (client, address) in [(1, 10), (2, 11)] {
        assert!(rig.said(&select(client, address)).starts_with("ack"));
        rig.said(&decline(client, address));
        rig.now += 1;
    }
    assert_eq!(quarantined(&rig).len(), 2);
    rig.configure(&wide);
    assert_eq!(rig.said(&select(3, 12)), "ack 10.0.0.12");
    rig.said(&decline(3, 12));
    let left = [11, 12].map(|last| Ipv4Addr::new(10, 0, 0, last));
    assert_eq!(quarantined(&rig), left.into());
}
