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

/// Of the only client of an address.
fn hardware(address: Ipv4Addr) -> Hardware {
    let [a, b, c, d] = address.octets();
    MacAddr([2, 0, a, b, c, d]).into()
}

/// A store with a lease that is held until then.
fn store(held_until: u64) -> Arc<Faulty> {
    store_of([lease(ADDRESS, held_until)])
}

fn store_of(leases: impl IntoIterator<Item = Lease>) -> Arc<Faulty> {
    let store = Arc::new(Faulty::default());
    let leases = leases.into_iter().map(|lease| Write::Put {
        key: lease.key(),
        value: lease.encode(),
    });
    let (guards, writes) = (Vec::new(), leases.collect());
    wait(store.commit(Batch { guards, writes })).unwrap();
    store
}

fn lease(address: Ipv4Addr, held_until: u64) -> Lease {
    let hardware = hardware(address);
    Lease {
        address,
        client: ClientKey::of_hardware(hardware),
        hardware,
        state: LeaseState::Active,
        since: held_until - 600,
        expires: held_until,
        held_until,
        name: None,
        vlan: None,
        agent: None,
        known: None,
    }
}

/// The past of the address once there is some of it, by both of its indexes.
fn past(server: &Server, count: usize) -> Vec<Past> {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let past = server.past_at(ADDRESS).unwrap();
        if past.len() >= count {
            assert_eq!(past, server.past_of(hardware(ADDRESS)).unwrap());
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

/// However many run out at once, and when: while nobody ran the server, or as it goes; also where the server is stopped meanwhile.
#[test]
fn whatever_runs_out_at_once_is_of_the_past() {
    const COUNT: u32 = 100_000;
    for (is_stopped, ends) in [
        (false, [-100, -100]),
        (false, [-100, 2]),
        (false, [2, 2]),
        (true, [-100, 2]),
    ] {
        let ends = ends.map(|seconds| now().saturating_add_signed(seconds));
        let leases = (0..COUNT).map(|number| {
            let address = Ipv4Addr::from(u32::from(ADDRESS) + number);
            lease(address, ends[usize::from(number > COUNT * 3 / 4)])
        });
        let store = store_of(leases);
        let count = || {
            let hours = store.range(b"past/hours/").unwrap();
            let hours = hours.iter().map(|(_, count)| count.as_slice().try_into());
            let counts = hours.map(|count| u64::from_be_bytes(count.unwrap()));
            counts.sum::<u64>()
        };
        let start = || Server::start(Arc::clone(&store), |_| {}).unwrap();
        let mut server = start();
        if is_stopped {
            while count() == 0 {}
            drop(server);
            server = start();
        }
        let end = Instant::now() + Duration::from_secs(120);
        let mut found = 0;
        while found < u64::from(COUNT) {
            let unrecorded = wait(server.counters()).unwrap().unrecorded;
            assert_eq!(unrecorded, 0, "{is_stopped} {ends:?}: {found}");
            assert!(Instant::now() < end, "{is_stopped} {ends:?}: {found}");
            found = count();
        }
        drop(server);
        let written = store.range(b"past/at/").unwrap().len();
        assert_eq!(written, usize::try_from(COUNT).unwrap());
        assert_eq!(count(), u64::from(COUNT), "{is_stopped} {ends:?}");
    }
}
