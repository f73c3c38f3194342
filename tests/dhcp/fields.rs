//! What replies carry, field by field, and where they go.

use std::net::{Ipv4Addr, SocketAddrV4};

use bedplate::base::mac::MacAddr;
use bedplate::serve::dhcp::{Destination, Reply};

use crate::support::{
    Ask, Rig, SERVER, ask, discover, inform, option, raw_options, read, reboot, relay, renew,
    select, site,
};

fn only(rig: &mut Rig, ask: &Ask) -> Reply {
    let mut replies = rig.send(ask);
    assert_eq!(replies.len(), 1);
    replies.remove(0)
}

fn codes(reply: &Reply) -> Vec<u8> {
    raw_options(reply)
        .into_iter()
        .map(|(code, _)| code)
        .collect()
}

#[test]
fn offer_and_ack_copy_what_they_must() {
    let mut rig = Rig::new(&site());
    let asked = discover(1).ciaddr(77).broadcast().giaddr([10, 0, 0, 7]);
    let asked = asked
        .field(3, &[3])
        .field(8, &[0, 9])
        .field(20, &[9, 9, 9, 9]);
    let offer = only(&mut rig, &asked);
    let message = read(&offer);
    assert_eq!(offer.bytes[..4], [2, 1, 6, 0], "op, htype, hlen, hops");
    assert_eq!(offer.bytes[4..8], asked.bytes[4..8], "xid");
    assert_eq!(offer.bytes[8..12], [0, 0, 128, 0], "secs and flags");
    assert_eq!(offer.bytes[28..44], asked.bytes[28..44], "chaddr");
    assert_eq!(message.ciaddr(), Ipv4Addr::UNSPECIFIED);
    assert_eq!(message.siaddr(), Ipv4Addr::UNSPECIFIED);
    assert_eq!(message.giaddr(), Ipv4Addr::new(10, 0, 0, 7));
    assert_eq!(offer.bytes.len(), 300);
    assert_eq!(offer.to, relay([10, 0, 0, 7]));
    let ack = only(&mut rig, &select(1, 10).wants(&[3, 1, 58, 59, 200]));
    assert_eq!(codes(&ack), [53, 54, 51, 58, 59, 1, 3]);
    let time = |code| u32::from_be_bytes(option(&ack, code).unwrap().try_into().unwrap());
    assert_eq!([51, 58, 59].map(time), [600, 300, 525]);
    assert_eq!(option(&ack, 54).unwrap(), SERVER.octets());
}

#[test]
fn a_nak_promises_nothing() {
    let mut rig = Rig::new(&site());
    let asked = select(1, 99)
        .id(b"\x07me")
        .option(82, &[1, 1, 9])
        .wants(&[1, 3]);
    let nak = only(&mut rig, &asked);
    assert_eq!(codes(&nak), [53, 54, 61, 82]);
    assert_eq!(nak.bytes[12..24], [0; 12], "ciaddr, yiaddr, siaddr");
    assert_eq!(nak.to, Destination::Broadcast);
    let relayed = only(&mut rig, &asked.giaddr([10, 0, 0, 7]));
    assert_eq!(relayed.to, relay([10, 0, 0, 7]));
    assert_eq!(relayed.bytes[10], 128, "the relay must broadcast it");
}

#[test]
fn replies_go_where_the_client_hears_them() {
    let mut rig = Rig::new(&site());
    let own = Ipv4Addr::new(10, 0, 0, 10);
    let mac = MacAddr([2, 0, 0, 0, 0, 1]);
    let client = Destination::Address(SocketAddrV4::new(own, 68));
    let link = Destination::Link { address: own, mac };
    let cases = [
        (discover(1), link),
        (discover(1).broadcast(), Destination::Broadcast),
        (select(1, 10), link),
        (renew(1, 10), client),
        (renew(1, 10).broadcast(), client),
        (reboot(1, 10), link),
        (inform(1, 10), client),
        (renew(1, 10).giaddr([10, 0, 0, 7]), relay([10, 0, 0, 7])),
    ];
    for (step, (asked, to)) in cases.into_iter().enumerate() {
        assert_eq!(only(&mut rig, &asked).to, to, "step {step}");
    }
    let mut from_source = ask(8, 1);
    from_source.from = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 33), 68);
    let to = only(&mut rig, &from_source).to;
    assert_eq!(to, Destination::Address(from_source.from));
}

#[test]
fn echoes_are_verbatim_and_option_82_is_last() {
    let mut rig = Rig::new(&site());
    let agent = [2, 2, 9, 9, 1, 1, 7, 250, 0];
    let machine = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
    for asked in [discover(1), select(1, 10), inform(1, 10)] {
        let asked = asked
            .option(82, &agent)
            .id(b"\xff\0\0")
            .option(97, &machine)
            .wants(&[1, 3, 6]);
        let reply = only(&mut rig, &asked);
        assert_eq!(raw_options(&reply).last(), Some(&(82, agent.to_vec())));
        assert_eq!(option(&reply, 61).unwrap(), b"\xff\0\0");
        assert_eq!(option(&reply, 97).unwrap(), machine);
    }
    let plain = only(&mut rig, &discover(2));
    assert_eq!(
        [61, 82, 97].map(|code| option(&plain, code)),
        [None, None, None]
    );
}

#[test]
fn inform_gives_options_and_no_times() {
    let reply = only(
        &mut Rig::new(&site()),
        &inform(1, 77).wants(&[1, 6, 51, 58, 59]),
    );
    assert_eq!(codes(&reply), [53, 54, 1, 6]);
    assert_eq!(read(&reply).ciaddr(), Ipv4Addr::new(10, 0, 0, 77));
}

#[test]
fn wishes_for_lease_times_are_bounded() {
    for (wish, granted) in [(1u32, 60u32), (120, 120), (999_999, 600)] {
        let asked = discover(1).option(51, &wish.to_be_bytes());
        let reply = only(&mut Rig::new(&site()), &asked);
        assert_eq!(option(&reply, 51).unwrap(), granted.to_be_bytes());
    }
}

#[test]
fn retransmissions_are_answered_byte_for_byte() {
    let mut rig = Rig::new(&site());
    let asked = select(1, 10).wants(&[1, 3, 6, 58]);
    let first = only(&mut rig, &asked);
    rig.now += 4;
    assert_eq!(only(&mut rig, &asked), first);
}

#[test]
fn long_options_are_split_and_messages_stay_within_their_size() {
    let mut site = site();
    let servers: Vec<String> = (0..200).map(|n| format!("10.1.0.{n}")).collect();
    let text = "x".repeat(200);
    let options = &mut site["vlan/plant/pxe/scope/10.0.0.0/24"]["scope"]["options"];
    options["6"] = serde_json::json!({ "addresses": servers });
    options["15"] = serde_json::json!({ "text": text });
    for (size, long_fits) in [
        (None, false),
        (Some(576u16), false),
        (Some(1400), true),
        (Some(1), false),
    ] {
        let asked = discover(1).option(82, &[1, 2, 3, 4]).wants(&[1, 6, 15]);
        let asked = match size {
            Some(size) => asked.option(57, &size.to_be_bytes()),
            None => asked,
        };
        let reply = only(&mut Rig::new(&site), &asked);
        let limit = usize::from(size.unwrap_or(576).max(576)) - 28;
        assert!(
            reply.bytes.len() <= limit,
            "{size:?}: {}",
            reply.bytes.len()
        );
        assert_eq!(
            option(&reply, 6).map(|value| value.len()),
            long_fits.then_some(800),
            "{size:?}"
        );
        assert_eq!(
            option(&reply, 15).map(|value| value.len()),
            Some(200),
            "{size:?}"
        );
        assert_eq!(raw_options(&reply).last().unwrap().0, 82);
    }
}

/// What a client is told to boot: next server, file, and options 66, 67 and 60.
#[test]
fn programs_fit_the_client() {
    let pxe = |arch: &[u8]| discover(1).option(60, b"PXEClient:Arch").option(93, arch);
    let http = |arch: &[u8]| discover(1).option(60, b"HTTPClient:Arch").option(93, arch);
    let class = Some("PXEClient");
    let cases = [
        (discover(1), "", "", None),
        (pxe(&[0, 0]), "boot/pxelinux.0", "boot/pxelinux.0", class),
        (
            discover(1).option(60, b"PXEClient"),
            "boot/pxelinux.0",
            "boot/pxelinux.0",
            class,
        ),
        (pxe(&[0, 7]), "boot/x64.efi", "boot/x64.efi", class),
        (pxe(&[0, 9]), "boot/x64.efi", "boot/x64.efi", class),
        (pxe(&[0, 11]), "boot/arm64.efi", "boot/arm64.efi", class),
        (
            pxe(&[0, 99, 0, 11]),
            "boot/arm64.efi",
            "boot/arm64.efi",
            class,
        ),
        (pxe(&[0, 99]), "", "", None),
        (pxe(&[0]), "", "", None),
        (
            http(&[0, 16]),
            "http://10.0.0.1/boot/x64.efi",
            "http://10.0.0.1/boot/x64.efi",
            Some("HTTPClient"),
        ),
        (http(&[0, 19]), "", "", None),
        (
            pxe(&[0, 7]).option(77, b"iPXE"),
            "http://10.0.0.1/boot/script.ipxe",
            "http://10.0.0.1/boot/script.ipxe",
            None,
        ),
        (
            pxe(&[0, 0]).option(175, &[1]),
            "http://10.0.0.1/boot/script.ipxe",
            "http://10.0.0.1/boot/script.ipxe",
            None,
        ),
    ];
    for (step, (asked, file, program, class)) in cases.into_iter().enumerate() {
        let reply = only(&mut Rig::new(&site()), &asked.wants(&[1, 66, 67]));
        let text = |code| option(&reply, code).map(|value| String::from_utf8(value).unwrap());
        let field: Vec<u8> = reply.bytes[108..236]
            .iter()
            .copied()
            .take_while(|byte| *byte != 0)
            .collect();
        assert_eq!(String::from_utf8(field).unwrap(), file, "step {step}");
        assert_eq!(text(67).unwrap_or_default(), program, "step {step}");
        assert_eq!(text(60).as_deref(), class, "step {step}");
        let server = if file.is_empty() {
            Ipv4Addr::UNSPECIFIED
        } else {
            SERVER
        };
        assert_eq!(read(&reply).siaddr(), server, "step {step}");
        assert_eq!(text(66).is_some(), !file.is_empty(), "step {step}");
    }
    let unasked = only(&mut Rig::new(&site()), &pxe(&[0, 7]).wants(&[1]));
    assert_eq!([66, 67].map(|code| option(&unasked, code)), [None, None]);
}

#[test]
fn hosts_learn_their_declared_name_when_they_ask() {
    let mut rig = Rig::new(&site());
    let reply = only(&mut rig, &discover(0x99).wants(&[1, 12]));
    assert_eq!(option(&reply, 12).unwrap(), b"node");
}

#[test]
fn a_reservation_says_it_its_own_way() {
    let mut site = site();
    let own = &mut site["vlan/plant/pxe/reservation/02:00:00:00:00:99"]["reservation"];
    own["options"] = serde_json::json!({
        "6": { "addresses": ["10.0.0.9"] }, "17": { "text": "/srv" }, "224": { "bytes": [7, 8] }
    });
    let wanted = [1, 3, 6, 12, 17, 224];
    let reply = only(&mut Rig::new(&site), &discover(0x99).wants(&wanted));
    let told = [3, 6, 12, 17, 224].map(|code| option(&reply, code).unwrap());
    let expected: [&[u8]; 5] = [&[10, 0, 0, 1], &[10, 0, 0, 9], b"node", b"/srv", &[7, 8]];
    assert_eq!(told.each_ref().map(Vec::as_slice), expected);
    let other = only(&mut Rig::new(&site), &discover(1).wants(&wanted));
    assert_eq!(option(&other, 6).unwrap(), [10, 0, 0, 2, 10, 0, 0, 3]);
    assert_eq!(option(&other, 224), None);
}

#[test]
fn what_does_not_boot_here_is_told_no_program() {
    let x64 = |last: u8| discover(last).option(93, &[0, 7]).wants(&[67]);
    let told =
        |site: &serde_json::Value, asked: &Ask| option(&only(&mut Rig::new(site), asked), 67);
    let (mut of_kind, mut of_host) = (site(), site());
    let scope = &mut of_kind["vlan/plant/pxe/scope/10.0.0.0/24"]["scope"];
    scope["disabled_boot"] = serde_json::json!(["x64-uefi"]);
    let host = &mut of_host["vlan/plant/pxe/reservation/02:00:00:00:00:99"]["reservation"];
    host["boots_from_disk"] = true.into();
    assert!(told(&site(), &x64(0x99)).is_some());
    assert_eq!(told(&of_kind, &x64(0x99)), None);
    let bios = discover(1).option(93, &[0, 0]).wants(&[67]);
    assert!(told(&of_kind, &bios).is_some());
    assert_eq!(told(&of_host, &x64(0x99)), None);
    assert!(told(&of_host, &x64(1)).is_some());
}

#[test]
fn arm_boots_by_url_too() {
    let mut site = site();
    let image = &mut site["image/linux"]["boot-image"]["programs"];
    image["arm64-uefi-http"] = "boot/arm64.efi".into();
    let asked = discover(1)
        .option(60, b"HTTPClient:Arch")
        .option(93, &[0, 19]);
    let reply = only(&mut Rig::new(&site), &asked);
    assert_eq!(
        option(&reply, 67).unwrap(),
        b"http://10.0.0.1/boot/arm64.efi"
    );
    assert_eq!(option(&reply, 60).unwrap(), b"HTTPClient");
}

/// What the field of the fixed part cannot hold is told as an option alone.
#[test]
fn a_long_path_is_told_as_an_option() {
    let mut site = site();
    let path = "b/".repeat(64) + "boot.efi";
    site["image/linux"]["boot-image"]["programs"]["x64-uefi"] = path.clone().into();
    let asked = discover(1).option(93, &[0, 7]).wants(&[1]);
    let reply = only(&mut Rig::new(&site), &asked);
    assert_eq!(option(&reply, 67).unwrap(), path.as_bytes());
    assert_eq!(reply.bytes[108..236], [0; 128]);
}
