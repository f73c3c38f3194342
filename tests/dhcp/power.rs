//! Power that is cut under load, again and again: what was acknowledged is there afterwards, and no address is two clients'.

use std::collections::BTreeMap;
use std::sync::Arc;

use bedplate::store::Faulty;

use crate::load::{ADDRESS, Relay, site};
use crate::net::{cable, serve, wait};

/// Clients that come anew with each cut.
const NEW: u32 = 400;
const CUTS: u32 = 4;

#[test]
fn what_was_acknowledged_survives_a_cut_and_is_nobody_elses() {
    let (server_side, client_side) = cable(ADDRESS);
    let mut site = site(0);
    site["vlan/plant/pxe/scope/10.50.0.0/16"]["scope"]["lease_time"] = "1h".into();
    let store = Arc::new(Faulty::default());
    let relay = Arc::new(client_side.run(Relay::open));
    let mut holders: BTreeMap<[u8; 4], u32> = BTreeMap::new();
    let mut acknowledged: BTreeMap<u32, [u8; 4]> = BTreeMap::new();
    for cut in 1..=CUTS {
        let server = serve(&server_side, store.clone(), &site, ADDRESS, |_| {});
        let (relay, disk) = (relay.clone(), store.clone());
        // All that came before come again, and half of the new ones: then nothing more is synced.
        let enough = (NEW * (cut - 1) + NEW / 2) as usize;
        let bound = client_side.run(move || {
            relay.bind(NEW * cut, |count| {
                if count == enough {
                    disk.stall();
                }
                count >= enough
            })
        });
        assert!(bound.len() >= enough, "{}", bound.len());
        wait(store.until_waiting(1));
        drop(server);
        store.crash();
        for (client, address) in bound {
            let before = acknowledged.insert(client, address);
            assert!(
                before.is_none_or(|before| before == address),
                "{client}'s {before:?} was lost"
            );
            let holder = *holders.entry(address).or_insert(client);
            assert_eq!(holder, client, "{address:?} was given twice");
        }
    }
    let server = serve(&server_side, store, &site, ADDRESS, |_| {});
    let leases = wait(server.leases()).unwrap();
    let kept = |address: &[u8; 4]| {
        leases
            .iter()
            .any(|lease| lease.address.octets() == *address)
    };
    assert!(holders.keys().all(kept), "all is there after the last cut");
}
