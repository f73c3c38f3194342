//! A server that is still taking in its leases says what is so, and makes nobody wait for it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bedplate::serve::dhcp::{NameChange, Server};
use bedplate::state::{Service, State};
use bedplate::store::{Batch, Faulty, Store, Write};

use crate::expiry::lease;
use crate::net::wait;

/// Leases with these numbers, each until then.
fn store(leases: &[(u32, u64)]) -> Arc<Faulty> {
    let put = |(number, until): &(u32, u64)| {
        let lease = lease(*number, *until);
        Write::Put {
            key: lease.key(),
            value: lease.encode(),
        }
    };
    let store = Arc::new(Faulty::default());
    let batch = Batch {
        guards: Vec::new(),
        writes: leases.iter().map(put).collect(),
    };
    wait(store.commit(batch)).unwrap();
    store
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs()
}

#[test]
fn what_is_so_is_said_before_all_leases_are_taken_in() {
    let now = now();
    // The last one ran out while nobody ran the server.
    let store = store(&[(1, now + 600), (2, now + 600), (3, now - 600)]);
    let (go_on, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let names = Arc::new(AtomicUsize::new(0));
    let published = Arc::clone(&names);
    let server = Server::start(store, move |_: NameChange| {
        // Ends with the sender.
        assert!(held.lock().unwrap().recv().is_err());
        published.fetch_add(1, Ordering::Relaxed);
    });
    let server = server.unwrap();
    let said = || {
        let config = wait(server.config()).unwrap();
        let listening = wait(server.listening(Service::Dhcp));
        assert_eq!((config.to_state(), listening.len()), (State::new(), 0));
        wait(server.leased()).unwrap()
    };
    assert_eq!(said(), 2);
    assert_eq!(names.load(Ordering::Relaxed), 0, "the worker is held up");
    drop(go_on);
    wait(server.begun()).unwrap();
    assert_eq!(names.load(Ordering::Relaxed), 2);
    assert_eq!(said(), 2);
}

#[test]
fn a_worker_that_does_not_come_up_is_no_server_that_serves_nothing() {
    let store = store(&[(1, now() + 600)]);
    let server = Server::start(store, |_: NameChange| panic!("it does not come up")).unwrap();
    assert!(wait(server.begun()).is_err());
    let end = Instant::now() + Duration::from_secs(20);
    while wait(server.config()).is_ok() || wait(server.leased()).is_ok() {
        assert!(Instant::now() < end, "it goes on to begin");
    }
}
