//! Boot programs beside another server (proxyDHCP, PXE 2.1 2.2): firmware is told what to boot, and nobody anything of addresses.

use bedplate::serve::dhcp::{Destination, Event, Input, Packet, Reply};
use serde_json::{Value, json};

use crate::support::{
    Ask, Rig, SERVER, ask, decline, discover, inform, option, raw_options, reboot, relay, release,
    renew, select, site,
};

const SCOPE: &str = "vlan/plant/pxe/scope/10.0.0.0/24";

/// The site with `change` made to the scope whose addresses another server gives.
pub(crate) fn proxied(change: impl FnOnce(&mut Value)) -> Value {
    let mut site = site();
    site[SCOPE]["scope"]["policy"] = json!({ "proxy": true });
    site[SCOPE]["scope"]["pools"] = json!([]);
    change(&mut site);
    site
}

fn firmware(ask: Ask) -> Ask {
    ask.option(60, b"PXEClient:Arch:00007:UNDI:003000")
        .option(93, &[0, 7])
        .option(97, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7])
}

fn http(ask: Ask) -> Ask {
    ask.option(60, b"HTTPClient:Arch:00016:UNDI:003000")
        .option(93, &[0, 16])
}

fn ipxe(ask: Ask) -> Ask {
    ask.option(60, b"PXEClient:Arch:00000:UNDI:002001")
        .option(93, &[0, 0])
        .option(77, b"iPXE")
}

/// What the boot server's port says.
pub(crate) fn boot_server(rig: &mut Rig, ask: &Ask) -> Vec<Reply> {
    let bytes = [&ask.bytes[..], &[255]].concat();
    let via = [SERVER];
    let (bytes, from, via) = (&bytes[..], ask.from, &via[..]);
    rig.input(Input::BootServer(Packet { bytes, from, via }))
}

/// A field of the message as text, up to its first zero.
fn text(reply: &Reply, from: usize, to: usize) -> String {
    let bytes = reply.bytes[from..to].iter().copied();
    String::from_utf8(bytes.take_while(|byte| *byte != 0).collect()).unwrap()
}

/// A reply in a line: its type, addresses, names, options and where it goes.
fn line(reply: &Reply) -> String {
    let address = |at: usize| reply.bytes[at..at + 4].iter().map(u8::to_string);
    let address = |at: usize| address(at).collect::<Vec<_>>().join(".");
    let [client, yours, next] = [12, 16, 20].map(address);
    let codes = raw_options(reply).into_iter().map(|(code, _)| code);
    let codes = codes.collect::<Vec<_>>();
    let kind = option(reply, 53).unwrap()[0];
    let [server, file] = [(44, 108), (108, 236)].map(|(from, to)| text(reply, from, to));
    let to = reply.to;
    format!("{kind} {client} {yours} {next} {server} {file} {codes:?} {to:?}")
}

#[track_caller]
fn check(site: &Value, said: &Ask, expected: &str) -> Option<Reply> {
    let mut rig = Rig::new(site);
    let replies = rig.send(said);
    let lines: Vec<String> = replies.iter().map(line).collect();
    assert_eq!(lines.join("\n"), expected);
    assert_eq!((rig.stored.len(), rig.names.len()), (0, 0));
    assert!(
        rig.events
            .iter()
            .all(|event| !matches!(event, Event::Committed { .. }))
    );
    replies.into_iter().next()
}

const PXE: &str = "2 0.0.0.0 0.0.0.0 10.0.0.1 10.0.0.1 boot/x64.efi [53, 54, 97, 60, 43] Broadcast";

#[test]
fn firmware_is_offered_a_program_without_an_address() {
    let site = proxied(|_| {});
    let reply = check(&site, &firmware(discover(1)), PXE).unwrap();
    assert_eq!(option(&reply, 60).unwrap(), b"PXEClient");
    assert_eq!(option(&reply, 43).unwrap(), [6, 1, 8, 255]);
    assert_eq!(option(&reply, 54).unwrap(), SERVER.octets());
    let wants = firmware(discover(1)).wants(&[1, 3, 6, 15, 51, 58, 66, 67, 119, 150]);
    let told = "2 0.0.0.0 0.0.0.0 10.0.0.1 10.0.0.1 boot/x64.efi [53, 54, 97, 60, 66, 67, 43, 150] Broadcast";
    check(&site, &wants, told);
    let script = "http://10.0.0.1/boot/script.ipxe";
    let told =
        format!("2 0.0.0.0 0.0.0.0 10.0.0.1 10.0.0.1 {script} [53, 54, 60, 67, 43] Broadcast");
    let reply = check(&site, &ipxe(discover(1)), &told).unwrap();
    assert_eq!(
        option(&reply, 60).unwrap(),
        b"PXEClient",
        "or iPXE would not look at it"
    );
    let program = "http://10.0.0.1/boot/x64.efi";
    let told = format!("2 0.0.0.0 0.0.0.0 10.0.0.1 10.0.0.1 {program} [53, 54, 60, 67] Broadcast");
    let reply = check(&site, &http(discover(1)), &told).unwrap();
    assert_eq!(option(&reply, 60).unwrap(), b"HTTPClient");
}

/// A relay agent forwards to both servers, and must broadcast what has no address.
#[test]
fn firmware_behind_a_relay_is_reached() {
    let site = proxied(|site| {
        site["vlan/plant/annex/scope/10.9.0.0/24"]["scope"]["policy"] = json!({ "proxy": true });
        site["vlan/plant/annex/scope/10.9.0.0/24"]["scope"]["image"] = json!("linux");
    });
    let asked = firmware(discover(1)).giaddr([10, 9, 0, 1]);
    let replies = Rig::new(&site).send(&asked.option(82, &[1, 2, 7, 7]));
    assert_eq!((replies.len(), replies[0].to), (1, relay([10, 9, 0, 1])));
    assert_eq!(replies[0].bytes[10], 128);
    assert_eq!(option(&replies[0], 82).unwrap(), [1, 2, 7, 7]);
}

/// What the site says for one machine or kind of machines counts here too.
#[test]
fn a_machine_has_its_own_program() {
    let own = |image: Value, from_disk: bool| {
        proxied(|site| {
            site["image/own"] =
                json!({ "boot-image": { "programs": { "x64-uefi": "boot/own.efi" } } });
            site["vlan/plant/pxe/reservation/02:00:00:00:00:99"]["reservation"] = json!({ "host": "node", "addresses": [], "image": image, "boots_from_disk": from_disk });
        })
    };
    let told = PXE.replace("x64.efi", "own.efi");
    check(&own(json!("own"), false), &firmware(discover(0x99)), &told);
    check(&own(json!("own"), false), &firmware(discover(1)), PXE);
    check(&own(Value::Null, true), &firmware(discover(0x99)), "");
    let disabled = proxied(|site| site[SCOPE]["scope"]["disabled_boot"] = json!(["x64-uefi"]));
    check(&disabled, &firmware(discover(1)), "");
}

/// Nothing is leased, refused or told to anybody else, not even where a lease was once.
#[test]
fn nobody_else_is_answered() {
    let mut rig = Rig::new(&site());
    assert_eq!(rig.said(&discover(1)), "offer 10.0.0.10");
    assert_eq!(rig.said(&select(1, 10)), "ack 10.0.0.10");
    rig.configure(&proxied(|_| {}));
    let mut bootp = ask(0, 0x99);
    bootp.bytes.truncate(240);
    for (step, said) in [
        discover(1),
        select(1, 10),
        renew(1, 10),
        reboot(1, 77),
        inform(1, 10),
        decline(1, 10),
        release(1, 10),
        bootp,
        firmware(select(1, 10)),
        firmware(inform(1, 10)),
        firmware(decline(1, 10)),
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(rig.said(said), "", "step {step}");
    }
    assert_eq!(rig.engine.leased(), 1, "it ends by itself");
    rig.now += 1200;
    rig.input(Input::Tick);
    assert_eq!(rig.engine.leased(), 0);
    let counters = rig.engine.counters();
    assert_eq!(
        (counters.naks, counters.programs, counters.ignored),
        (0, 0, 11)
    );
}

/// Who has its address may ask again, at the boot server's port, and is answered from there.
#[test]
fn the_boot_servers_port_answers_firmware() {
    let site = proxied(|_| {});
    let told = |client: &str, to: &str| {
        let to = Destination::BootClient(to.parse().unwrap());
        format!("5 {client} 0.0.0.0 10.0.0.1 10.0.0.1 boot/x64.efi [53, 54, 97, 60, 43] {to:?}")
    };
    let mut rig = Rig::new(&site);
    let mut rebound = firmware(renew(1, 77));
    rebound.from.set_port(4011);
    let mut unnamed = firmware(ask(3, 1));
    unnamed.from = "10.0.0.77:1068".parse().unwrap();
    let mut unplaced = firmware(renew(1, 77));
    unplaced.from = "0.0.0.0:68".parse().unwrap();
    for (said, expected) in [
        (firmware(renew(1, 77)), told("10.0.0.77", "10.0.0.77:68")),
        (firmware(inform(1, 77)), told("10.0.0.77", "10.0.0.77:68")),
        (rebound, told("10.0.0.77", "10.0.0.77:4011")),
        (unnamed, told("0.0.0.0", "10.0.0.77:1068")),
        (unplaced, told("10.0.0.77", "10.0.0.77:68")),
        (firmware(ask(3, 1)), String::new()),
        (firmware(discover(1)), String::new()),
        (firmware(release(1, 77)), String::new()),
        (renew(1, 77), String::new()),
        (inform(1, 77).option(93, &[0, 7]), String::new()),
    ] {
        let replies = boot_server(&mut rig, &said);
        let lines: Vec<String> = replies.iter().map(line).collect();
        assert_eq!(lines.join("\n"), expected);
    }
    let counters = rig.engine.counters();
    assert_eq!((counters.programs, counters.ignored), (5, 5));
    let elsewhere = boot_server(
        &mut Rig::new(&crate::support::site()),
        &firmware(renew(1, 10)),
    );
    assert_eq!(elsewhere, [], "there DHCP itself tells what to boot");
}

/// Why a client heard nothing is remembered as elsewhere.
#[test]
fn what_came_of_it_is_told() {
    let mut rig = Rig::new(&proxied(|_| {}));
    rig.send(&firmware(discover(1)));
    rig.send(&discover(1));
    rig.send(&discover(1).option(60, b"HTTPClient").option(93, &[0, 19]));
    boot_server(&mut rig, &renew(1, 7));
    let exchanges = rig
        .engine
        .exchanges("02:00:00:00:00:01".parse().unwrap(), 9);
    let told = exchanges
        .iter()
        .map(|one| (one.outcome.word(), one.outcome.reason()));
    let told: Vec<_> = told.collect();
    let silent = |reason| ("unanswered", Some(reason));
    assert_eq!(
        told,
        [
            ("told-program", None),
            silent("addresses-elsewhere"),
            silent("no-program"),
            silent("no-boot-server"),
        ]
    );
}
