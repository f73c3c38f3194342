//! What a lease tells of its client: a machine that has its reserved address is that machine, whatever it calls itself later.

use std::net::Ipv4Addr;

use bedplate::base::identity::Identity;
use bedplate::serve::dhcp::{Engine, Input, Known, Lease};
use serde_json::{Value, json};

use crate::support::{Ask, LEASE, Rig, discover, reboot, renew, select, site};

const DUID: &[u8] = b"\xff\0\0\0\x01\0\x02abc";

/// The site with 10.0.0.51 reserved for whoever shows this, and clients told apart in this way.
fn with(identity: &str, by: &str) -> Value {
    let mut site = site();
    site["vlan/plant/pxe/scope/10.0.0.0/24"]["scope"]["policy"] = json!({ "identity": identity });
    site[format!("vlan/plant/pxe/reservation/{by}")] = json!({ "reservation": {
        "host": "one", "addresses": ["10.0.0.51"], "image": null
    } });
    site
}

/// A way to be recognised, and what shows it.
type Shown = (&'static str, fn(Ask) -> Ask);

const SHOWN: [Shown; 3] = [
    ("client-id:6369642d31", |ask| ask.id(b"cid-1")),
    ("duid:0002616263", |ask| ask.id(DUID)),
    ("machine-id:000505", |ask| ask.option(97, &[0, 5, 5])),
];

/// Another run of the server, on what was stored.
fn restarted(rig: &mut Rig, site: &Value, stored: impl Fn(&Lease) -> Lease) {
    let last = rig.stored.last().unwrap();
    let mut out = Vec::new();
    rig.engine = Engine::restore(vec![stored(last)], rig.now, &mut out);
    rig.configure(site);
}

fn as_stored(lease: &Lease) -> Lease {
    Lease::decode(&lease.key(), &lease.encode()).unwrap()
}

/// As a program stored it that did not say what a client was known by.
fn as_before(lease: &Lease) -> Lease {
    let mut lease = lease.clone();
    lease.known = Some(Box::new(Known::Untold));
    let read = as_stored(&lease);
    assert_eq!(read.known, lease.known);
    read
}

fn is_disputed(rig: &Rig) -> bool {
    let leases = rig.engine.leases(rig.now, Ipv4Addr::UNSPECIFIED, 9);
    leases
        .iter()
        .any(|lease| rig.engine.config().is_anothers(lease))
}

/// Under `identity "mac"` a lease does not have the client's identifier: it remembers what it was granted for.
#[test]
fn the_lease_of_the_rightful_machine_is_not_in_dispute() {
    for (by, shows) in SHOWN {
        let site = with("mac", by);
        let mut rig = Rig::new(&site);
        assert_eq!(rig.said(&shows(select(1, 51))), "ack 10.0.0.51", "{by}");
        let lease = rig.stored.last().unwrap();
        let known: Identity = by.parse().unwrap();
        assert_eq!(lease.known.as_deref(), Some(&Known::By(known)), "{by}");
        assert!(!is_disputed(&rig), "{by}");
        restarted(&mut rig, &site, as_stored);
        assert!(!is_disputed(&rig), "{by}: after a restart");
        restarted(&mut rig, &site, as_before);
        assert!(!is_disputed(&rig), "{by}: from an older program");
        let other = with("mac", "02:00:00:00:00:77");
        rig.configure(&other);
        assert!(is_disputed(&rig), "{by}: the site gives it to another");
    }
}

/// Who has its reserved address has no second one, and keeps that one.
#[test]
fn by_its_mac_a_machine_is_itself_for_as_long_as_it_has_its_address() {
    for (by, shows) in SHOWN {
        let steps = [
            (discover(1), "offer 10.0.0.10", "not known yet"),
            (shows(select(1, 51)), "ack 10.0.0.51", ""),
            (discover(1), "offer 10.0.0.51", "without an identifier"),
            (discover(1).id(b"os"), "offer 10.0.0.51", "with another one"),
            (select(1, 51), "ack 10.0.0.51", ""),
            (renew(1, 51), "ack 10.0.0.51", ""),
            (renew(1, 51).id(b"os"), "ack 10.0.0.51", ""),
            (reboot(1, 51).id(b"os"), "ack 10.0.0.51", ""),
            (discover(2), "offer 10.0.0.11", "another card"),
        ];
        for stored in [as_stored, as_before] {
            let site = with("mac", by);
            let mut rig = Rig::new(&site);
            for (asked, heard, why) in &steps {
                assert_eq!(rig.said(asked), *heard, "{by}: {why}");
            }
            assert_eq!(rig.engine.leased(), 1, "{by}");
            restarted(&mut rig, &site, stored);
            assert_eq!(rig.said(&renew(1, 51)), "ack 10.0.0.51", "{by}: later");
            rig.now += 10_000;
            rig.input(Input::Tick);
            assert_eq!(
                rig.said(&discover(1)),
                "offer 10.0.0.10",
                "{by}: it is over"
            );
        }
    }
}

/// Who has an address that is then reserved for another is not that other, whatever it does not say.
#[test]
fn a_stranger_does_not_become_the_machine_that_its_address_is_reserved_for() {
    for (by, shows) in SHOWN {
        let mut rig = Rig::new(&with("mac", "02:00:00:00:00:77"));
        assert_eq!(rig.said(&select(1, 10)), "ack 10.0.0.10");
        let mut later = with("mac", by);
        later[format!("vlan/plant/pxe/reservation/{by}")]["reservation"]["addresses"] =
            json!(["10.0.0.10"]);
        rig.configure(&later);
        assert!(!is_disputed(&rig), "{by}: it may be that machine");
        assert_eq!(rig.said(&renew(1, 10)), "nak", "{by}: it does not say so");
        assert_eq!(rig.said(&shows(select(2, 10))), "ack 10.0.0.10", "{by}");
    }
}

/// What a client is known by counts in the order of kinds, also where a lease does not tell all of them.
#[test]
fn whoever_is_known_by_its_mac_is_nobody_else() {
    let mut site = with("mac", "machine-id:000505");
    let mut rig = Rig::new(&site);
    assert_eq!(rig.said(&select(1, 10)), "ack 10.0.0.10");
    site["vlan/plant/pxe/reservation/02:00:00:00:00:01"] = json!({ "reservation": {
        "host": "two", "addresses": ["10.0.0.52"], "image": null
    } });
    site["vlan/plant/pxe/reservation/machine-id:000505"]["reservation"]["addresses"] =
        json!(["10.0.0.10"]);
    assert!(!is_disputed(&rig));
    rig.configure(&site);
    assert!(is_disputed(&rig), "its card is another machine's");
}

/// A renewal that the disk covers is not written, and whoever asks after a restart hears of no less than was promised.
#[test]
fn what_was_promised_without_a_write_is_known_after_a_restart() {
    let site = site();
    let mut rig = Rig::new(&site);
    assert_eq!(rig.said(&select(1, 10)), "ack 10.0.0.10");
    rig.now += LEASE / 8 - 1;
    assert_eq!(rig.said(&renew(1, 10)), "ack 10.0.0.10");
    assert_eq!(rig.stored.len(), 1);
    let promised = rig.now + LEASE;
    restarted(&mut rig, &site, as_stored);
    let lease = rig
        .engine
        .leases(rig.now, Ipv4Addr::UNSPECIFIED, 9)
        .remove(0);
    assert!(lease.expires >= promised, "{lease:?} {promised}");
}
