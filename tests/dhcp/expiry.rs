//! Leases end by time, many at once, and nobody waits for that.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bedplate::base::mac::MacAddr;
use bedplate::serve::dhcp::{ClientKey, Engine, Input, Lease, LeaseState, NameChange, Server};
use bedplate::store::{Batch, Faulty, Store, Write};

use crate::net::wait;
use crate::support::{Rig, decline, discover, reboot, release, select, site};

/// More than these at once would be felt.
const BOUND: usize = 256;

const MANY: u32 = 100_000;

fn address(n: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 64, 0, 0)) + n)
}

/// A lease of the `n`-th address of 10.64.0.0/14, with a name, until `until`.
pub(crate) fn lease(n: u32, until: u64) -> Lease {
    let [_, b, c, d] = n.to_be_bytes();
    let hardware = MacAddr([2, 0, 1, b, c, d]).into();
    Lease {
        address: address(n),
        client: ClientKey::of_hardware(hardware),
        hardware,
        state: LeaseState::Active,
        since: 0,
        expires: until,
        held_until: until,
        name: Some(format!("host-{n}.example").parse().unwrap()),
        vlan: None,
        agent: None,
        known: None,
    }
}

/// The site with a large subnet whose whole pool of `many` addresses is leased until a second from now.
fn crowded(many: u32) -> Rig {
    let last = address(many);
    let mut wide = site();
    wide["vlan/plant/pxe/scope/10.64.0.0/14"] = serde_json::json!({ "scope": {
        "server": "10.0.0.1", "pools": [format!("10.64.0.1-{last}")], "lease_time": "10m", "domain": "example",
        "options": {}, "image": null
    } });
    let mut rig = Rig::new(&wide);
    let until = rig.now + 1;
    let leases = (1..=many).map(|n| lease(n, until)).collect();
    rig.engine = Engine::restore(leases, rig.now, &mut Vec::new());
    rig.configure(&wide);
    for client in 1..=3 {
        rig.said(&select(client, 9 + client));
    }
    rig.names.clear();
    rig
}

#[test]
fn leases_that_end_at_once_hold_up_nobody() {
    let mut rig = crowded(MANY);
    assert_eq!(rig.said(&discover(4)), "", "no address left");
    rig.now += 1;
    let said = rig.said(&discover(4));
    assert!(
        said.starts_with("offer 10.64."),
        "one that is over: {said:?}"
    );
    assert!(rig.names.len() <= BOUND, "{}", rig.names.len());
    let mut rounds = 0;
    while rig.engine.is_behind(rig.now) {
        let before = rig.names.len();
        rig.input(Input::Tick);
        let ended = rig.names.len() - before;
        assert!((1..=BOUND).contains(&ended), "{ended}");
        rounds += 1;
    }
    assert_eq!(rig.names.len(), MANY as usize, "after {rounds} rounds");
}

/// Whether a lease is over is a matter of the time, not of how far the server got with ending it.
#[test]
fn what_is_over_counts_as_over_before_it_is_ended() {
    let last = 1000;
    let own = address(last).octets();
    let of_last = |asked: crate::support::Ask| {
        let [_, b, c, d] = last.to_be_bytes();
        asked.field(28, &[2, 0, 1, b, c, d])
    };
    let cases = [
        (
            "its holder, again",
            of_last(discover(0)),
            "offer 10.64.3.232",
            0,
        ),
        (
            "its holder, rebooting",
            of_last(reboot(0, 0)).option(50, &own),
            "ack 10.64.3.232",
            1,
        ),
        (
            "another, by wish",
            discover(4).option(50, &own),
            "offer 10.64.3.232",
            0,
        ),
        (
            "its holder gives it back",
            of_last(release(0, 0)).field(12, &own),
            "",
            0,
        ),
        (
            "its holder declines it",
            of_last(decline(0, 0)).option(50, &own),
            "",
            0,
        ),
    ];
    for (name, mut asked, heard, stored) in cases {
        let mut rig = crowded(1000);
        rig.now += 1;
        rig.stored.clear();
        // `reboot` and `decline` name an address of their own, which comes first.
        if let Some(at) = asked.bytes[240..]
            .windows(6)
            .position(|six| six == [50, 4, 10, 0, 0, 0])
        {
            asked.bytes.drain(240 + at..240 + at + 6);
        }
        assert_eq!(rig.said(&asked), heard, "{name}");
        assert_eq!(rig.stored.len(), stored, "{name}");
    }
}

#[test]
fn the_name_of_a_lease_that_is_over_is_free() {
    let mut rig = crowded(1000);
    let named = |client| select(client, 9 + client).option(12, b"host-1000");
    rig.said(&named(1));
    assert_eq!(rig.names, [""; 0], "another has it");
    rig.now += 1;
    rig.said(&release(1, 10));
    rig.names.clear();
    rig.said(&named(1));
    let expected = [
        "-host-1000.example 10.64.3.232",
        "+host-1000.example 10.0.0.10",
    ];
    assert_eq!(rig.names, expected);
}

#[test]
fn an_infinite_lease_never_ends() {
    let mut rig = Rig::new(&site());
    let endless = Lease {
        address: Ipv4Addr::new(10, 0, 0, 11),
        ..lease(1, Lease::INFINITE)
    };
    rig.engine = Engine::restore(vec![endless.clone()], rig.now, &mut Vec::new());
    rig.configure(&site());
    rig.now = u64::from(u32::MAX) * 2;
    rig.input(Input::Tick);
    assert!(!rig.engine.is_behind(rig.now));
    assert_eq!(
        rig.engine.leases(rig.now, Ipv4Addr::UNSPECIFIED, 9),
        [endless]
    );
    let other = discover(2).option(50, &[10, 0, 0, 11]);
    assert_eq!(rig.said(&other), "offer 10.0.0.10");
}

/// What is listed is what is true now, page by page.
#[test]
fn leases_are_listed_as_they_stand() {
    let mut rig = crowded(1000);
    let active = |rig: &Rig| {
        let page = rig.engine.leases(rig.now, address(998), 2);
        let told = page
            .into_iter()
            .map(|lease| (lease.address.octets()[3], lease.state));
        told.collect::<Vec<_>>()
    };
    assert_eq!(
        active(&rig),
        [(230, LeaseState::Active), (231, LeaseState::Active)]
    );
    assert_eq!(rig.engine.leased(), 1000 + 3);
    rig.now += 1;
    assert_eq!(
        active(&rig),
        [(230, LeaseState::Idle), (231, LeaseState::Idle)]
    );
    while rig.engine.is_behind(rig.now) {
        rig.input(Input::Tick);
    }
    assert_eq!(rig.engine.leased(), 3);
}

/// A running server goes on until nothing is left that is over, and says how far it is meanwhile.
#[test]
fn a_server_ends_thousands_of_leases_in_moments() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let until = now.as_secs() + 5;
    let put = |n| {
        let lease = lease(n, until);
        Write::Put {
            key: lease.key(),
            value: lease.encode(),
        }
    };
    let store = Arc::new(Faulty::default());
    let batch = Batch {
        guards: Vec::new(),
        writes: (1..=10_000).map(put).collect(),
    };
    wait(store.commit(batch)).unwrap();
    let names = Arc::new(AtomicUsize::new(0));
    let ended = Arc::clone(&names);
    let publish = move |change: NameChange| match change {
        NameChange::Publish { .. } => {}
        NameChange::Withdraw { .. } => drop(ended.fetch_add(1, Ordering::Relaxed)),
    };
    let server = Server::start(store, publish).unwrap();
    assert_eq!(wait(server.leased()).unwrap(), 10_000);
    let end = Instant::now() + Duration::from_secs(20);
    while wait(server.leased()).unwrap() > 0 {
        assert!(Instant::now() < end, "{names:?} of 10,000");
    }
    assert_eq!(names.load(Ordering::Relaxed), 10_000);
    assert_eq!(wait(server.leases()).unwrap().len(), 10_000, "page by page");
}
