//! Port 67 is open to anyone: whatever comes is dropped and counted, and the next packet is served.

use proptest::prelude::*;

use crate::support::{Ask, Rig, discover, select, site};

fn full() -> Ask {
    select(1, 10)
        .id(b"\x01\x02\0\0\0\0\x01")
        .option(12, b"node\0")
        .option(55, &[1, 3, 6, 15, 66, 67, 119])
        .option(60, b"PXEClient:Arch:00007")
        .option(77, b"\x04iPXE")
        .option(81, &[0, 0, 0])
        .option(82, &[1, 9, 0])
        .option(93, &[0, 7, 0])
        .option(94, &[])
        .option(97, &[])
        .option(57, &[1])
}

#[test]
fn every_truncation_is_survived() {
    let whole = full();
    let mut rig = Rig::new(&site());
    for length in 0..whole.bytes.len() {
        let bytes = whole.bytes[..length].to_vec();
        rig.send(&Ask {
            bytes,
            ..whole.clone()
        });
    }
    assert!(rig.engine.counters().malformed > 240);
    assert_eq!(rig.said(&discover(2)), "offer 10.0.0.11");
}

#[test]
fn odd_names_are_survived() {
    for (code, value) in [
        (12, &[][..]),
        (12, &[0; 255]),
        (12, &[255; 255]),
        (81, &[]),
        (81, &[255; 255]),
    ] {
        let mut rig = Rig::new(&site());
        assert_eq!(
            rig.said(&select(1, 10).option(code, value)),
            "ack 10.0.0.10"
        );
        assert_eq!(rig.names, ["+dhcp-10-0-0-10.example 10.0.0.10"]);
    }
}

#[test]
fn faults_are_counted_and_the_next_packet_is_served() {
    let mut rig = Rig::new(&site());
    let spoilt = [
        discover(1).field(0, &[2]),
        discover(1).field(2, &[17]),
        discover(1).field(236, &[0]),
        discover(1).option(53, &[2]),
        Ask {
            bytes: vec![1; 240],
            ..discover(1)
        },
    ];
    for asked in &spoilt {
        assert_eq!(rig.said(asked), "");
    }
    assert_eq!(rig.engine.counters().malformed, 5);
    assert_eq!(rig.said(&discover(1)), "offer 10.0.0.10");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_options_and_fields_never_panic(
        asks in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..400), any::<[u8; 40]>(), 0u8..10), 1..20)
    ) {
        let mut rig = Rig::new(&site());
        let mut proxy = Rig::new(&crate::proxy::proxied(|_| {}));
        for (options, fixed, kind) in asks {
            let mut asked = crate::support::ask(kind, 1);
            asked.bytes[2..42].copy_from_slice(&fixed);
            asked.bytes[2] %= 18;
            asked.bytes.extend(options);
            rig.now += 7;
            for reply in rig.send(&asked) {
                crate::support::read(&reply);
            }
            let replies = [proxy.send(&asked), crate::proxy::boot_server(&mut proxy, &asked)];
            for reply in replies.concat() {
                let told = crate::support::read(&reply);
                prop_assert!(told.yiaddr().is_unspecified());
            }
        }
    }

    /// Whoever asks for what and when, no address is ever promised to two clients at once.
    #[test]
    fn no_address_has_two_holders(steps in prop::collection::vec((0u8..6, 1u8..6, 10u8..13, 0u64..400), 1..80)) {
        let mut rig = Rig::new(&site());
        let mut held: std::collections::BTreeMap<std::net::Ipv4Addr, (u8, u64)> = std::collections::BTreeMap::new();
        for (kind, client, address, wait) in steps {
            rig.now += wait;
            let own = std::net::Ipv4Addr::new(10, 0, 0, address);
            let holds = held.get(&own).is_some_and(|(holder, _)| *holder == client);
            let asked = match kind {
                0 | 1 => discover(client),
                2 => select(client, address),
                3 => crate::support::reboot(client, address),
                4 => crate::support::renew(client, address),
                _ => crate::support::release(client, address),
            };
            let heard = rig.said(&asked);
            if kind == 5 && holds {
                held.remove(&own);
            }
            if let Some(granted) = heard.strip_prefix("ack ") {
                let granted = granted.parse().unwrap();
                let before = held.insert(granted, (client, rig.now + crate::support::LEASE));
                if let Some((holder, until)) = before {
                    prop_assert!(holder == client || until <= rig.now, "{granted} is {holder}'s until {until}");
                }
            }
        }
    }
}
