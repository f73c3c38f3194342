//! Leases that end by an operator's word.

use std::net::Ipv4Addr;

use bedplate::serve::dhcp::{Action, Input, LeaseState};

use crate::support::*;

/// Revokes and, where that does something, lets the write happen; what the lease was, and the names that went.
fn revoked(rig: &mut Rig, address: u8) -> Option<LeaseState> {
    let mut actions = Vec::new();
    let address = Ipv4Addr::new(10, 0, 0, address);
    let (lease, batch) = rig.engine.revoke(rig.now, address, &mut actions)?;
    let persisted = actions.iter().find_map(|action| match action {
        Action::Persist { batch, lease } => Some((*batch, lease.state, lease.address)),
        Action::Publish(_) | Action::Send(_) | Action::Event(_) | Action::Probe(_) => None,
    });
    assert_eq!(persisted, Some((batch, LeaseState::Idle, address)));
    assert!(rig.input(Input::Committed(batch)).is_empty());
    Some(lease.state)
}

#[test]
fn a_revoked_address_is_free() {
    let mut rig = Rig::new(&site());
    rig.said(&select(1, 10));
    assert_eq!(revoked(&mut rig, 10), Some(LeaseState::Active));
    assert_eq!(revoked(&mut rig, 10), None, "it is over");
    assert_eq!(rig.engine.leased(), 0);
    assert_eq!(rig.said(&select(2, 10)), "ack 10.0.0.10");
    assert_eq!(rig.said(&renew(1, 10)), "nak");
}

#[test]
fn its_client_may_have_it_again_where_nobody_else_does() {
    let mut rig = Rig::new(&site());
    rig.said(&select(1, 10));
    revoked(&mut rig, 10);
    assert_eq!(rig.said(&renew(1, 10)), "ack 10.0.0.10");
}

#[test]
fn a_quarantine_ends_by_hand_and_an_offer_does_not() {
    let mut rig = Rig::new(&site());
    rig.said(&select(1, 10));
    rig.said(&decline(1, 10));
    assert_eq!(revoked(&mut rig, 10), Some(LeaseState::Declined));
    assert_eq!(
        rig.said(&discover(2).option(50, &[10, 0, 0, 10])),
        "offer 10.0.0.10"
    );
    assert_eq!(revoked(&mut rig, 10), None, "it is offered");
    for nobodys in [11, 50, 77] {
        assert_eq!(revoked(&mut rig, nobodys), None, "{nobodys}");
    }
}

#[test]
fn a_lease_whose_time_is_over_is_none() {
    let mut rig = Rig::new(&site());
    rig.said(&select(1, 10));
    rig.now += 2 * LEASE;
    assert_eq!(revoked(&mut rig, 10), None);
}

/// The write of a renewal is under way: its answer promises nothing any more, and the end is what lasts.
#[test]
fn a_renewal_under_way_is_taken_back() {
    let mut rig = Rig::new(&site());
    rig.said(&select(1, 10));
    rig.now += LEASE - 1;
    rig.hold_writes = true;
    assert_eq!(rig.said(&renew(1, 10)), "");
    assert_eq!(revoked(&mut rig, 10), Some(LeaseState::Active));
    let renewal = rig.held[0];
    assert!(
        rig.input(Input::Committed(renewal)).is_empty(),
        "nobody is told"
    );
    assert_eq!(rig.engine.leased(), 0);
}
