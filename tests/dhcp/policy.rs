//! How a VLAN's DHCP takes its clients: whether it has the last word, and what tells clients apart.

use serde_json::{Value, json};

use crate::support::{
    Ask, Rig, ask, decline, discover, option, reboot, release, renew, select, site,
};

fn with(policy: Value) -> Value {
    let mut site = site();
    site["vlan/plant/pxe/scope/10.0.0.0/24"]["scope"]["policy"] = policy;
    site
}

/// A client asks for an address: one that is free, another's, out of every pool, and of no subnet here.
fn asked(last: u8, way: fn(Ask, [u8; 4]) -> Ask) -> Vec<Ask> {
    let addresses = [
        [10, 0, 0, 12],
        [10, 0, 0, 11],
        [10, 0, 0, 99],
        [10, 66, 0, 1],
    ];
    addresses.map(|address| way(ask(3, last), address)).into()
}

/// Three ways of asking for four addresses where the server has the last word, and where not.
#[test]
fn a_stranger_is_refused_by_an_authoritative_server_alone() {
    let ways: [fn(Ask, [u8; 4]) -> Ask; 3] = [
        |ask, address| ask.option(50, &address),
        |ask, address| ask.field(12, &address),
        |ask, address| ask.field(12, &address).broadcast(),
    ];
    for (authoritative, stranger) in [(true, "nak"), (false, "")] {
        let site = with(json!({ "authoritative": authoritative }));
        for (way, ask) in ways.into_iter().enumerate() {
            let mut rig = Rig::new(&site);
            assert_eq!(rig.said(&select(1, 10)), "ack 10.0.0.10");
            assert_eq!(rig.said(&select(2, 11)), "ack 10.0.0.11");
            for (address, said) in asked(3, ask).iter().enumerate() {
                let case = format!("{authoritative}, way {way}, address {address}");
                assert_eq!(rig.said(said), stranger, "{case}");
            }
            for said in &asked(1, ask) {
                assert_eq!(rig.said(said), "nak", "{authoritative}, way {way}: known");
            }
        }
    }
}

#[test]
fn a_server_that_was_chosen_answers_strangers_all_the_same() {
    let mut rig = Rig::new(&with(json!({ "authoritative": false })));
    assert_eq!(rig.said(&select(2, 99)), "nak");
    assert_eq!(rig.said(&select(2, 11)), "ack 10.0.0.11");
}

#[test]
fn by_its_mac_a_machine_keeps_its_address_under_every_identifier() {
    let mut rig = Rig::new(&with(json!({ "identity": "mac" })));
    let (rom, system) = (b"\0rom".as_slice(), b"\xff\0\0\0\x01\0\x02abc".as_slice());
    let conversation = [
        (discover(1).id(rom), "offer 10.0.0.10"),
        (select(1, 10).id(rom), "ack 10.0.0.10"),
        (discover(1), "offer 10.0.0.10"),
        (discover(1).id(system), "offer 10.0.0.10"),
        (select(1, 10).id(system), "ack 10.0.0.10"),
        (renew(1, 10), "ack 10.0.0.10"),
        (reboot(1, 10).id(rom), "ack 10.0.0.10"),
        (discover(2).id(system), "offer 10.0.0.11"),
        (decline(1, 10).id(b"other"), ""),
        (discover(1), "offer 10.0.0.12"),
        (select(1, 12).id(rom), "ack 10.0.0.12"),
        (release(1, 12).id(system), ""),
        (select(3, 12), "ack 10.0.0.12"),
    ];
    for (step, (said, heard)) in conversation.iter().enumerate() {
        assert_eq!(rig.said(said), *heard, "step {step}");
    }
    assert!(rig.stored.iter().all(|lease| lease.client.id().is_none()));
}

#[test]
fn times_are_as_the_vlan_says() {
    let mut site = with(json!({
        "least-lease-time": "2m", "boot-lease-time": "3m", "offer-time": "5s", "quarantine-time": "1m"
    }));
    site["vlan/plant/pxe/scope/10.0.0.0/24"]["scope"]["lease_time"] = json!("1h");
    let wish = |ask: Ask, seconds: u32| ask.option(51, &seconds.to_be_bytes());
    let vendor = |class: &[u8]| discover(1).option(60, class);
    let seconds = [
        (discover(1), 3600),
        (wish(discover(1), 1), 120),
        (wish(discover(1), 9999), 3600),
        (discover(1).option(93, &[0, 7]), 180),
        (discover(1).option(93, &[0xff, 0xff]), 180),
        (wish(discover(1), 1).option(93, &[0, 7]), 120),
        (wish(discover(1), 9999).option(93, &[0, 7]), 180),
        (vendor(b"PXEClient:Arch:00000:UNDI:002001"), 180),
        (vendor(b"HTTPClient:Arch:00016:UNDI:003000"), 180),
        (vendor(b"udhcp 1.35.0"), 3600),
        (discover(1).option(77, b"iPXE"), 180),
        (discover(1).option(175, &[1]), 180),
        (discover(1).option(77, b"onie_dhcp_user_class"), 3600),
    ];
    for (case, (asked, expected)) in seconds.iter().enumerate() {
        let reply = Rig::new(&site).send(asked).remove(0);
        let told = option(&reply, 51).unwrap();
        assert_eq!(told, u32::to_be_bytes(*expected), "case {case}");
    }
    let mut rig = Rig::new(&site);
    let rom = |ask: Ask| ask.option(93, &[0, 7]);
    let steps = [
        (0, discover(1), "offer 10.0.0.10"),
        (
            4,
            discover(2).option(50, &[10, 0, 0, 10]),
            "offer 10.0.0.11",
        ),
        (
            1,
            discover(3).option(50, &[10, 0, 0, 10]),
            "offer 10.0.0.10",
        ),
        (0, rom(select(3, 10)), "ack 10.0.0.10"),
        (60, select(3, 10), "ack 10.0.0.10"),
        (3000, renew(3, 10), "ack 10.0.0.10"),
        (0, decline(3, 10), ""),
        (
            59,
            discover(4).option(50, &[10, 0, 0, 10]),
            "offer 10.0.0.12",
        ),
        (
            1,
            discover(4).option(50, &[10, 0, 0, 10]),
            "offer 10.0.0.12",
        ),
        (
            0,
            discover(5).option(50, &[10, 0, 0, 10]),
            "offer 10.0.0.10",
        ),
    ];
    for (step, (seconds, said, heard)) in steps.iter().enumerate() {
        rig.now += seconds;
        assert_eq!(rig.said(said), *heard, "step {step}");
    }
}
