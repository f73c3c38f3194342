//! BOOTP clients: reserved hosts are served, for ever and within 300 bytes; nobody else is.

use bedplate::serve::dhcp::{Destination, Engine, Input, Lease};
use serde_json::json;

use crate::support::{Ask, Rig, ask, discover, option, raw_options, read, relay, select, site};

/// A request without a message type, of a host with a reserved address or of another.
fn request(last: u8) -> Ask {
    let mut asked = ask(0, last);
    asked.bytes.truncate(240);
    asked
}

fn address(rig: &mut Rig, asked: &Ask) -> Vec<String> {
    let replies = rig.send(asked);
    let address = |reply| read(reply).yiaddr().to_string();
    replies.iter().map(address).collect()
}

#[test]
fn a_reserved_host_is_told_what_fits_a_bootp_message() {
    let mut rig = Rig::new(&site());
    let replies = rig.send(&request(0x99));
    let [reply] = &replies[..] else {
        panic!("{replies:?}");
    };
    assert_eq!(reply.bytes.len(), 300);
    assert_eq!(reply.bytes[0], 2);
    assert_eq!(reply.bytes[4..8], [0xab, 0xcd, 0, 0x99]);
    assert_eq!(read(reply).yiaddr().to_string(), "10.0.0.50");
    let codes: Vec<u8> = raw_options(reply).iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, [1, 3, 6], "no type, server or time");
    assert_eq!(
        reply.to,
        Destination::Link {
            address: [10, 0, 0, 50].into(),
            mac: "02:00:00:00:00:99".parse().unwrap()
        }
    );
    let behind = rig.send(
        &request(0x99)
            .giaddr([10, 0, 0, 7])
            .option(82, &[1, 2, 7, 7]),
    );
    assert_eq!(behind[0].to, relay([10, 0, 0, 7]));
    assert_eq!(option(&behind[0], 82).unwrap(), [1, 2, 7, 7]);
    let broadcast = rig.send(&request(0x99).broadcast());
    assert_eq!(broadcast[0].to, Destination::Broadcast, "RFC 1542 3.1.1");
}

#[test]
fn what_does_not_fit_the_vendor_area_is_left_out() {
    let mut wide = site();
    let routers: Vec<String> = (1..=14).map(|last| format!("10.0.0.{last}")).collect();
    wide["vlan/plant/pxe/scope/10.0.0.0/24"]["scope"]["options"]["3"] =
        json!({ "addresses": routers });
    let replies = Rig::new(&wide).send(&request(0x99));
    assert_eq!(replies[0].bytes.len(), 300);
    let codes: Vec<u8> = raw_options(&replies[0])
        .iter()
        .map(|(code, _)| *code)
        .collect();
    assert_eq!(codes, [1, 6]);
}

#[test]
fn nobody_else_is_served() {
    let mut rig = Rig::new(&site());
    let asked = [
        request(1),
        request(0x99).field(44, b"other"),
        request(0x99).ciaddr(51),
        request(0x99).giaddr([10, 9, 0, 1]),
    ];
    for (step, asked) in asked.iter().enumerate() {
        assert!(rig.send(asked).is_empty(), "step {step}");
    }
    assert_eq!(rig.engine.counters().ignored, 4);
    assert_eq!(address(&mut rig, &request(0x99).ciaddr(50)), ["10.0.0.50"]);
}

#[test]
fn its_lease_is_durable_and_never_ends() {
    let mut rig = Rig::new(&site());
    rig.hold_writes = true;
    assert!(rig.send(&request(0x99)).is_empty(), "not written yet");
    assert_eq!(rig.input(Input::Committed(rig.held[0])).len(), 1);
    assert_eq!(address(&mut rig, &request(0x99)), ["10.0.0.50"]);
    assert_eq!(rig.held.len(), 1, "written once");
    rig.hold_writes = false;
    rig.now += 10 * 365 * 86_400;
    rig.input(Input::Tick);
    let lease = rig.engine.leases(rig.now, [10, 0, 0, 50].into(), 1)[0].clone();
    assert!(lease.is_infinite());
    let stored = Lease::decode(&lease.key(), &lease.encode()).unwrap();
    rig.engine = Engine::restore(vec![stored], rig.now, &mut Vec::new());
    let mut later = site();
    let later = later.as_object_mut().unwrap();
    later.remove("vlan/plant/pxe/reservation/02:00:00:00:00:99");
    later["vlan/plant/pxe/scope/10.0.0.0/24"]["scope"]["pools"] = json!(["10.0.0.50-10.0.0.50"]);
    rig.configure(&later.clone().into());
    assert_eq!(rig.said(&discover(1)), "", "it is in use");
}

/// Firmware that speaks BOOTP, and a system that speaks DHCP: once that has its lease, the address is held no longer than it.
#[test]
fn a_host_that_goes_on_with_dhcp_has_a_lease_as_any_other() {
    let mut rig = Rig::new(&site());
    assert_eq!(address(&mut rig, &request(0x99)), ["10.0.0.50"]);
    assert_eq!(rig.said(&select(0x99, 50)), "ack 10.0.0.50");
    assert_eq!(rig.said(&select(0x99, 50)), "ack 10.0.0.50");
    assert_eq!(rig.stored.last().unwrap().held_until, rig.now + 675);
}
