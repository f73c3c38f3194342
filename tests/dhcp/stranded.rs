//! Leases whose address no range holds any more, and that is reserved for nobody: they last until they end, and are not renewed.

use bedplate::serve::dhcp::{Event, Input, Release};
use serde_json::{Value, json};

use crate::support::{LEASE, Rig, discover, reboot, release, renew, select, site};

/// The site with its addresses elsewhere.
fn moved() -> Value {
    let mut site = site();
    site["vlan/plant/pxe/scope/10.0.0.0/24"]["scope"]["pools"] = json!(["10.0.0.20-10.0.0.22"]);
    site
}

/// A client whose lease lost its range a moment ago.
fn stranded() -> Rig {
    let mut rig = Rig::new(&site());
    assert_eq!(rig.said(&select(1, 10)), "ack 10.0.0.10");
    rig.configure(&moved());
    rig.events.clear();
    rig
}

#[test]
fn whoever_asks_for_it_is_refused_and_gets_another() {
    for (way, asks) in [
        ("renewing", renew(1, 10)),
        ("rebinding", renew(1, 10).broadcast()),
        ("booting", reboot(1, 10)),
        ("choosing", select(1, 10)),
    ] {
        let mut rig = stranded();
        assert_eq!(rig.engine.leased(), 1, "{way}: it lasts");
        assert_eq!(rig.said(&asks), "nak", "{way}");
        assert_eq!(rig.engine.leased(), 0, "{way}: its client knows");
        let [Event::Released { how, .. }] = &rig.events[..] else {
            panic!("{way}: {:?}", rig.events);
        };
        assert_eq!(*how, Release::Withdrawn, "{way}");
        let wish = discover(1).option(50, &[10, 0, 0, 10]);
        assert_eq!(rig.said(&wish), "offer 10.0.0.20", "{way}");
    }
}

#[test]
fn it_is_not_given_anew_to_its_client() {
    let mut rig = stranded();
    assert_eq!(rig.said(&discover(1)), "offer 10.0.0.20", "while it lasts");
    assert_eq!(rig.said(&select(1, 20)), "ack 10.0.0.20");
    rig.now += 2 * LEASE;
    rig.input(Input::Tick);
    let wish = discover(3).option(50, &[10, 0, 0, 10]);
    assert_eq!(rig.said(&wish), "offer 10.0.0.21", "nor to others");
}

#[test]
fn its_client_may_give_it_back() {
    let mut rig = stranded();
    assert_eq!(rig.said(&release(1, 10)), "");
    assert_eq!(rig.engine.leased(), 0);
}

/// What was granted before the range went is told, and is the last of it.
#[test]
fn a_write_that_was_under_way_is_answered() {
    let mut rig = Rig::new(&site());
    rig.hold_writes = true;
    assert_eq!(rig.said(&select(1, 10)), "");
    rig.hold_writes = false;
    rig.configure(&moved());
    assert_eq!(rig.input(Input::Committed(rig.held[0])).len(), 1);
    assert_eq!(rig.said(&renew(1, 10)), "nak");
}

#[test]
fn whom_it_is_reserved_for_keeps_it() {
    let mut rig = Rig::new(&site());
    assert_eq!(rig.said(&select(1, 10)), "ack 10.0.0.10");
    let mut later = moved();
    later["vlan/plant/pxe/reservation/02:00:00:00:00:01"] = json!({ "reservation": {
        "host": "one", "addresses": ["10.0.0.10"], "image": null
    } });
    rig.configure(&later);
    assert_eq!(rig.said(&renew(1, 10)), "ack 10.0.0.10");
    assert_eq!(rig.said(&discover(1)), "offer 10.0.0.10");
    rig.configure(&moved());
    assert_eq!(rig.said(&renew(1, 10)), "nak", "once it is not any more");
}

/// Where the range comes back in time, nothing was lost.
#[test]
fn a_range_that_comes_back_takes_its_leases_back() {
    let mut rig = stranded();
    rig.configure(&site());
    assert_eq!(rig.said(&renew(1, 10)), "ack 10.0.0.10");
}
