//! The engine under arbitrary datagrams, by whichever way they come and whatever is served: nothing panics, what leaves is a message that
//! another reader understands, and what is asked of the worker stays within bounds. `tests/long` draws other cases.

use std::net::{Ipv4Addr, SocketAddrV4};

use bedplate::serve::dhcp::{Action, Destination, Engine, Input, Packet, Reply};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use crate::cases::cases;
use crate::support::{Ask, SERVER, ask, config, option, read};

/// More than one datagram may ever ask for: each address that was found in use makes room for the next, and no more than four do.
const ACTIONS_MOST: usize = 200;

/// Codes that mean something to a server, and some that do not.
const CODES: [u8; 28] = [
    0, 1, 12, 43, 50, 51, 52, 53, 54, 55, 57, 60, 61, 66, 77, 81, 82, 93, 94, 97, 118, 119, 121,
    124, 125, 150, 175, 255,
];

/// Addresses that lie in pools, at edges, in other subnets, and nowhere.
const ADDRESSES: [[u8; 4]; 10] = [
    [10, 0, 0, 0],
    [10, 0, 0, 1],
    [10, 0, 0, 10],
    [10, 0, 0, 50],
    [10, 0, 0, 255],
    [10, 9, 0, 1],
    [10, 9, 0, 100],
    [0, 0, 0, 0],
    [255, 255, 255, 255],
    [224, 0, 0, 1],
];

/// What hosts are known by besides hardware addresses, and the ends of their addresses.
const KNOWN_BY: [(&str, u8); 2] = [("client-id:0a000032", 51), ("circuit-id:0a000032", 52)];

/// What is served.
fn site() -> impl Strategy<Value = Value> {
    let policy = (
        any::<bool>(),
        select(vec!["client-id", "mac"]),
        select(vec!["off", "dynamic", "all"]),
        proptest::option::of((1u32..4, 1u32..4)),
    );
    let shape = (any::<bool>(), any::<bool>(), any::<bool>(), 0u8..30);
    let proxy = prop_oneof![4 => Just(false), 1 => Just(true)];
    (policy, shape, proxy).prop_map(
        |((authoritative, identity, probe, bounds), (annex, image, class, extent), proxy)| {
            let mut policy = json!({
                "authoritative": authoritative, "identity": identity, "probe": probe, "proxy": proxy
            });
            if let Some((leases, rate)) = bounds {
                policy["leases-per-circuit"] = leases.into();
                policy["rate-per-circuit"] = rate.into();
            }
            let mut site = crate::support::site();
            let pools = [format!("10.0.0.10-10.0.0.{}", 10 + extent)];
            let classes = json!([{ "name": "c", "matches": [{ "vendor_class": "PXEClient" }], "options": {} }]);
            for key in ["vlan/plant/pxe/scope/10.0.0.0/24", "vlan/plant/annex/scope/10.9.0.0/24"] {
                site[key]["scope"]["policy"] = policy.clone();
            }
            let scope = &mut site["vlan/plant/pxe/scope/10.0.0.0/24"]["scope"];
            scope["pools"] = json!(pools);
            if class {
                scope["classes"] = classes;
            }
            if !image {
                scope["image"] = Value::Null;
            }
            let all = site.as_object_mut().unwrap();
            if !annex {
                all.remove("vlan/plant/annex/scope/10.9.0.0/24");
            }
            for (key, last) in KNOWN_BY {
                let host = json!({ "host": format!("n{last}"), "addresses": [format!("10.0.0.{last}")], "image": null });
                let key = format!("vlan/plant/pxe/reservation/{key}");
                all.insert(key, json!({ "reservation": host }));
            }
            site
        },
    )
}

/// Options, most of which are well-formed.
fn options() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        4 => select(&ADDRESSES[..]).prop_map(|address| address.to_vec()),
        4 => vec(any::<u8>(), 0..40),
        1 => vec(any::<u8>(), 200..256).prop_map(|mut all| { all.truncate(255); all }),
        1 => select(vec![&b"PXEClient"[..], b"HTTPClient"]).prop_map(<[u8]>::to_vec),
        // What a relay agent adds.
        2 => (select(vec![1u8, 2, 5, 11, 12]), select(&ADDRESSES[..]))
            .prop_map(|(code, address)| [&[code, 4][..], &address].concat()),
    ];
    let option = (select(&CODES[..]), value).prop_map(|(code, value)| {
        let length = u8::try_from(value.len()).unwrap();
        [&[code, length][..], &value].concat()
    });
    let long = (select(vec![61u8, 82, 97]), vec(any::<u8>(), 50..450)).prop_map(|(code, value)| {
        let part = |part: &[u8]| [&[code, u8::try_from(part.len()).unwrap()][..], part].concat();
        value.chunks(255).flat_map(part).collect()
    });
    vec(prop_oneof![8 => option, 1 => long], 0..12).prop_map(|all| all.concat())
}

/// A datagram: a message, one that was damaged, or nothing of the kind.
fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let places = [12usize, 16, 20, 24];
    let named = vec((select(places.to_vec()), select(&ADDRESSES[..])), 0..3);
    let damage = vec((any::<Index>(), any::<u8>()), 0..4);
    let cut = prop_oneof![6 => Just(None), 1 => any::<Index>().prop_map(Some)];
    let message = (0u8..10, 0u8..6, named, options(), damage, cut).prop_map(
        |(kind, client, named, options, damage, cut)| {
            let Ask { mut bytes, .. } = ask(kind, client);
            for (at, address) in named {
                bytes[at..at + 4].copy_from_slice(&address);
            }
            bytes.extend(options);
            bytes.push(255);
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            bytes
        },
    );
    prop_oneof![9 => message, 1 => vec(any::<u8>(), 0..700)]
}

/// What happens to the engine.
#[derive(Debug, Clone)]
enum Step {
    Datagram {
        bytes: Vec<u8>,
        from: [u8; 4],
        link: usize,
        /// Whether it comes to the boot server's port.
        to_boot_server: bool,
    },
    /// What waits is written, or not.
    Written(bool),
    /// Of an address that may be looked for, or not.
    Looked(Ipv4Addr, bool),
    Wait(u64),
    Serve(Box<Value>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (datagram(), select(&ADDRESSES[..]), 0usize..3, 0u8..8).prop_map(
            |(bytes, from, link, port)| {
                let to_boot_server = port == 0;
                Step::Datagram { bytes, from, link, to_boot_server }
            }
        ),
        3 => any::<bool>().prop_map(Step::Written),
        3 => (select(&ADDRESSES[..]), any::<bool>())
            .prop_map(|(address, used)| Step::Looked(address.into(), used)),
        1 => (0u64..2000).prop_map(Step::Wait),
        1 => site().prop_map(|site| Step::Serve(Box::new(site))),
    ]
}

/// The links that datagrams come by: the servers' own, one without service, one without an address.
const LINKS: [&[Ipv4Addr]; 3] = [&[SERVER], &[Ipv4Addr::new(192, 0, 2, 1)], &[]];

/// What may leave: a message that another codec reads, no longer than a frame takes, to somewhere.
fn judge(reply: &Reply) -> Result<(), TestCaseError> {
    let message = read(reply);
    prop_assert!((300..=1500 - 28).contains(&reply.bytes.len()));
    prop_assert_eq!(message.opcode(), dhcproto::v4::Opcode::BootReply);
    judge_options(reply)?;
    match reply.to {
        Destination::Address(to) => {
            prop_assert!([67, 68].contains(&to.port()) || message.yiaddr().is_unspecified());
        }
        Destination::Broadcast => {}
        Destination::BootClient(_) => prop_assert!(message.yiaddr().is_unspecified()),
        Destination::Link { address, mac } => {
            prop_assert_eq!(address, message.yiaddr());
            prop_assert!(!mac.is_group());
        }
    }
    Ok(())
}

/// What RFC 2131 (table 3) and RFC 951 have each reply say.
fn judge_options(reply: &Reply) -> Result<(), TestCaseError> {
    let lengths = [53, 54, 51].map(|code| option(reply, code).map(|value| value.len()));
    let leases = reply.bytes[16..20] != [0; 4];
    match option(reply, 53).as_deref() {
        Some([2 | 5]) if leases => prop_assert_eq!(lengths, [Some(1), Some(4), Some(4)]),
        // A refusal, parameters, or a program.
        Some([2 | 5 | 6]) => prop_assert_eq!(lengths, [Some(1), Some(4), None]),
        kind => {
            prop_assert_eq!((kind, lengths), (None, [None; 3]));
            prop_assert!(leases && reply.bytes.len() == 300, "no reply to BOOTP");
        }
    }
    Ok(())
}

fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let (mut engine, mut now) = (Engine::default(), 1_000_000);
    let (mut waiting, mut actions) = (Vec::new(), Vec::new());
    engine.handle(
        now,
        Input::Config(config(&crate::support::site())),
        &mut actions,
    );
    for step in steps {
        match step {
            Step::Datagram {
                bytes,
                from,
                link,
                to_boot_server,
            } => {
                let (bytes, via) = (&bytes[..], LINKS[link]);
                let from = SocketAddrV4::new(from.into(), 68);
                let packet = Packet { bytes, from, via };
                let input = if to_boot_server {
                    Input::BootServer(packet)
                } else {
                    Input::Packet(packet)
                };
                engine.handle(now, input, &mut actions);
            }
            Step::Written(is_done) => {
                for batch in std::mem::take(&mut waiting) {
                    let input = if is_done {
                        Input::Committed(batch)
                    } else {
                        Input::Failed(batch)
                    };
                    engine.handle(now, input, &mut actions);
                }
            }
            Step::Looked(address, true) => {
                let by = None;
                engine.handle(now, Input::Answered { address, by }, &mut actions);
            }
            Step::Looked(address, false) => {
                engine.handle(now, Input::Unanswered(address), &mut actions);
            }
            Step::Wait(seconds) => {
                now += seconds;
                engine.handle(now, Input::Tick, &mut actions);
            }
            Step::Serve(site) => engine.handle(now, Input::Config(config(&site)), &mut actions),
        }
        prop_assert!(actions.len() <= ACTIONS_MOST, "{}", actions.len());
        for action in actions.drain(..) {
            match action {
                Action::Send(reply) => judge(&reply)?,
                Action::Persist { batch, .. } => waiting.push(batch),
                Action::Publish(_) | Action::Event(_) | Action::Probe(_) => {}
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn dhcp_packets(steps in vec(step(), 1..40)) {
        run(steps)?;
    }
}
