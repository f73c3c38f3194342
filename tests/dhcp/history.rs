//! The past of leases: written behind, kept over restarts, and complete for what ran out while nobody was there.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bedplate::base::mac::MacAddr;
use bedplate::serve::dhcp::{ClientKey, Ending, Hardware, Lease, LeaseState, Past, Server};
use bedplate::store::{Batch, Faulty, Store, Write};

use crate::net::wait;

const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 10);

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

fn hardware() -> Hardware {
    MacAddr([2, 0, 0, 0, 0, 1]).into()
}

/// A store with a lease that is held until then.
fn store(held_until: u64) -> Arc<Faulty> {
    let store = Arc::new(Faulty::default());
    let lease = Lease {
        address: ADDRESS,
        client: ClientKey::of_hardware(hardware()),
        hardware: hardware(),
        state: LeaseState::Active,
        since: held_until - 600,
        expires: held_until,
        held_until,
        name: None,
        vlan: None,
        agent: None,
        known: None,
    };
    let writes = vec![Write::Put {
        key: lease.key(),
        value: lease.encode(),
    }];
    let guards = Vec::new();
    wait(store.commit(Batch { guards, writes })).unwrap();
    store
}

/// The past of the address once there is some of it, by both of its indexes.
fn past(server: &Server, count: usize) -> Vec<Past> {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let past = server.past_at(ADDRESS).unwrap();
        if past.len() >= count {
            assert_eq!(past, server.past_of(hardware()).unwrap());
            return past;
        }
        assert!(Instant::now() < end, "{past:?}");
        std::thread::yield_now();
    }
}

#[test]
fn a_lease_that_ran_out_while_nobody_ran_the_server_is_of_the_past() {
    let until = now() - 100;
    let store = store(until);
    for start in 0..2 {
        let server = Server::start(Arc::clone(&store), |_| {}).unwrap();
        let found = past(&server, 1);
        assert_eq!(found.len(), 1, "start {start}");
        let how = (found[0].lease.since, found[0].until, found[0].how);
        assert_eq!(how, (until - 600, until, Ending::Expired));
        assert_eq!(wait(server.counters()).unwrap().unrecorded, 0);
    }
}

#[test]
fn an_end_that_the_store_does_not_take_is_counted() {
    let store = store(now() + 1000);
    let server = Server::start(Arc::clone(&store), |_| {}).unwrap();
    wait(server.release(ADDRESS)).unwrap();
    let found = past(&server, 1);
    assert_eq!(found[0].how, Ending::Revoked);
    drop(server);
    let store = self::store(now() + 1000);
    let server = Server::start(Arc::clone(&store), |_| {}).unwrap();
    store.fail(true);
    assert!(wait(server.release(ADDRESS)).is_err());
    let end = Instant::now() + Duration::from_secs(30);
    while wait(server.counters()).unwrap().unrecorded == 0 {
        assert!(Instant::now() < end, "it is missing");
    }
    assert_eq!(server.past_at(ADDRESS).unwrap(), []);
}
