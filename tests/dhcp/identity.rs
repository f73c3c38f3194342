//! What a client is known by where an address is reserved for it, and what is remembered of it.

use bedplate::lang::files::MemoryFiles;
use bedplate::site::compile;
use bedplate::state::desired;
use serde_json::{Value, json};

use crate::support::{Ask, Rig, ask, discover, renew, select, site};

/// The site with a host that is known by `identities` too, and gets 10.0.0.51; one more each for what the order is about.
fn known_by(hosts: &[(u8, u8, Value)]) -> Value {
    let mut site = site();
    for (mac, address, identities) in hosts {
        let key = format!("vlan/plant/pxe/reservation/02:00:00:00:01:{mac:02x}");
        site[key] = json!({ "reservation": {
            "host": format!("host-{mac}"), "addresses": [format!("10.0.0.{address}")],
            "identities": identities, "image": null
        } });
    }
    site
}

fn relayed(ask: Ask) -> Ask {
    ask.giaddr([10, 0, 0, 7])
}

const CIRCUIT: [u8; 4] = [1, 2, 7, 7];
const DUID: &[u8] = b"\xff\0\0\0\x01\0\x02abc";

#[test]
fn hosts_are_known_by_any_of_their_identities() {
    let cases = [
        (
            "client identifier",
            json!([{ "client-id": [7, 8] }]),
            discover(1).id(&[7, 8]),
        ),
        (
            "circuit",
            json!([{ "circuit-id": [7, 7] }]),
            relayed(discover(1)).option(82, &CIRCUIT),
        ),
        (
            "DUID",
            json!([{ "duid": [0, 2, 97, 98, 99] }]),
            discover(1).id(DUID),
        ),
        (
            "DUID of another interface",
            json!([{ "duid": [0, 2, 97, 98, 99] }]),
            discover(1).id(b"\xff\0\0\0\x02\0\x02abc"),
        ),
        (
            "machine",
            json!([{ "machine-id": [0, 5, 5] }]),
            discover(1).option(97, &[0, 5, 5]),
        ),
        (
            "another port",
            json!([{ "mac": "02:00:00:00:00:01" }]),
            discover(1),
        ),
        (
            "its own hardware address",
            json!([]),
            discover(1).field(28, &[2, 0, 0, 0, 1, 1]),
        ),
    ];
    for (name, identities, asked) in cases {
        let site = known_by(&[(1, 51, identities)]);
        let mut rig = Rig::new(&site);
        assert_eq!(rig.said(&asked), "offer 10.0.0.51", "{name}");
        assert_eq!(rig.said(&discover(2)), "offer 10.0.0.10", "{name}: others");
        let mut expected: bedplate::state::State = serde_json::from_value(site).unwrap();
        expected.retain(|key, _| !key.to_string().starts_with("zone/"));
        assert_eq!(rig.engine.config().to_state(), expected, "{name}");
    }
}

#[test]
fn the_first_identity_that_is_known_counts() {
    let site = known_by(&[
        (1, 51, json!([{ "machine-id": [0, 5] }])),
        (2, 52, json!([{ "duid": [0, 2, 97, 98, 99] }])),
        (3, 53, json!([{ "circuit-id": [7, 7] }])),
        (4, 54, json!([{ "client-id": DUID }])),
    ]);
    let mac = |ask: Ask| ask.field(28, &[2, 0, 0, 0, 1, 1]);
    let asked = discover(9).option(97, &[0, 5]);
    let steps = [
        (asked.clone(), "offer 10.0.0.51"),
        (
            asked.clone().id(b"\xff\0\0\0\x09\0\x02abc"),
            "offer 10.0.0.52",
        ),
        (
            relayed(asked.clone().id(b"\xff\0\0\0\x09\0\x02abc")).option(82, &CIRCUIT),
            "offer 10.0.0.53",
        ),
        (
            relayed(asked.clone().id(DUID)).option(82, &CIRCUIT),
            "offer 10.0.0.54",
        ),
        (
            mac(relayed(asked.id(DUID)).option(82, &CIRCUIT)),
            "offer 10.0.0.51",
        ),
    ];
    for (asked, heard) in steps {
        assert_eq!(Rig::new(&site).said(&asked), heard);
    }
}

/// What hangs on a circuit gets its address: whoever hung there before, and also where a renewal passes by the agent.
#[test]
fn a_circuit_keeps_its_address() {
    let mut rig = Rig::new(&known_by(&[(1, 51, json!([{ "circuit-id": [7, 7] }]))]));
    let there = |ask: Ask| relayed(ask).option(82, &CIRCUIT);
    let steps = [
        (
            discover(1).option(82, &CIRCUIT),
            "offer 10.0.0.10",
            "no agent said so",
        ),
        (there(select(2, 51)), "ack 10.0.0.51", ""),
        (renew(2, 51), "ack 10.0.0.51", "without its agent"),
        (renew(3, 51), "nak", "a stranger"),
        (
            there(select(4, 51)),
            "ack 10.0.0.51",
            "what is plugged in there next",
        ),
        (renew(2, 51), "nak", "no longer there"),
    ];
    for (asked, heard, why) in steps {
        assert_eq!(rig.said(&asked), heard, "{why}");
    }
}

#[test]
fn a_lease_remembers_where_its_client_is_and_since_when() {
    let mut rig = Rig::new(&site());
    let began = rig.now;
    let agent = [1, 2, 7, 7, 2, 1, 9];
    rig.said(&relayed(select(1, 10)).option(82, &agent));
    rig.now += 300;
    rig.said(&renew(1, 10));
    let lease = rig.stored.last().unwrap().clone();
    let agent = lease.agent.unwrap();
    assert_eq!((&*agent.circuit, &*agent.remote), (&[7, 7][..], &[9][..]));
    assert_eq!(lease.vlan.unwrap().to_string(), "plant/pxe");
    assert_eq!((lease.since, lease.expires), (began, rig.now + 600));
    rig.said(&ask(7, 1).ciaddr(10));
    assert_eq!(rig.stored.last().unwrap().since, rig.now, "free since then");
}

/// What the site with these machines comes to.
fn with_machines(machines: &str) -> Value {
    let mut files = MemoryFiles::default();
    let text = r#"site "s" domain="example"
        fabric "f" { vlan "v" {
            dhcp { controllers "c" }
            subnet "10.0.0.0/24" { dynamic-range "10.0.0.10-10.0.0.12" }
        } }
        controller "c" { ethernet "e" vlan="v" { address "10.0.0.1" } }
        profile "p" { ethernet "e0" vlan="v" }
        machines profile="p" from="rack.csv"
    "#;
    let rows = "name,uuid,ethernet.e0.client-id,ethernet.e0.circuit-id,ethernet.e0.duid,ethernet.e0.address\n\
        row-1,,(hex)07:08,,,10.0.0.61\nrow-2,,,port 2,,10.0.0.62\nrow-3,,,,0002616263,10.0.0.63\n\
        row-4,00010203-0405-0607-0809-0a0b0c0d0eff,,,,10.0.0.64\n";
    files.insert("rack.csv", rows.as_bytes().to_vec());
    compiled(files, &(text.to_owned() + machines))
}

/// What a site of one file comes to.
pub(crate) fn with_site(text: &str) -> Value {
    compiled(MemoryFiles::default(), text)
}

fn compiled(mut files: MemoryFiles, text: &str) -> Value {
    files.insert("site.kdl", text.as_bytes().to_vec());
    let compiled = compile(&files, "site.kdl");
    assert_eq!(compiled.diagnostics, []);
    let desired = desired(&compiled.site.unwrap(), &"c".parse().unwrap());
    serde_json::to_value(desired.state).unwrap()
}

/// Option 97 with this last byte, as it is written and as UEFI has it.
fn machine_ids(last: u8) -> [Vec<u8>; 2] {
    let rest = [8, 9, 10, 11, 12, 13, 14, last];
    [[0, 0, 1, 2, 3, 4, 5, 6, 7], [0, 3, 2, 1, 0, 5, 4, 7, 6]]
        .map(|begin| [begin.as_slice(), &rest].concat())
}

#[test]
fn the_site_says_what_clients_are_known_by() {
    let site = with_machines(
        r#"
        machine "a" uuid="00010203-0405-0607-0809-0a0b0c0d0e0f" {
            ethernet "e0" vlan="v" mac="02:00:00:00:01:01" { address "10.0.0.51" }
            ethernet "e1" vlan="v" { address "10.0.0.52" }
            ethernet "e2" vlan="v" client-id="node" { address "10.0.0.53" }
        }
        machine "b" {
            bond "bond0" vlan="v" mode="802.3ad" client-id=(hex)"00:09" { ports "p0" "p1"; address "10.0.0.54" }
            ethernet "p0" mac="02:00:00:00:01:02"
            ethernet "p1" mac="02:00:00:00:01:03"
        }
        machine "c2" uuid="00010203-0405-0607-0809-0a0b0c0d0e10" {
            ethernet "e0" vlan="v" mac="02:00:00:00:01:04" { address "10.0.0.55" }
        }
        "#,
    );
    let port = |last: u8| discover(1).field(28, &[2, 0, 0, 0, 1, last]);
    let circuit = |id: &[u8]| {
        let length = u8::try_from(id.len()).unwrap();
        relayed(discover(1)).option(82, &[&[1, length], id].concat())
    };
    let mut cases = vec![
        (port(1), "10.0.0.51"),
        (discover(1).id(b"node"), "10.0.0.53"),
        (discover(1).id(b"\0node"), "10.0.0.53"),
        (discover(1).id(b"\x01node"), "10.0.0.10"),
        (discover(1).id(&[0, 9]), "10.0.0.54"),
        (discover(1).id(&[9]), "10.0.0.10"),
        (port(2), "10.0.0.54"),
        (port(3), "10.0.0.54"),
        (discover(1).id(&[7, 8]), "10.0.0.61"),
        (circuit(b"port 2"), "10.0.0.62"),
        (circuit(b"\0port 2"), "10.0.0.10"),
        (discover(1).id(DUID), "10.0.0.63"),
        (discover(1).option(97, &machine_ids(17)[0]), "10.0.0.10"),
    ];
    for (last, address) in [(15, "10.0.0.52"), (16, "10.0.0.55"), (255, "10.0.0.64")] {
        let ids = machine_ids(last);
        cases.extend(ids.map(|id| (discover(1).option(97, &id), address)));
    }
    for (number, (asked, address)) in cases.iter().enumerate() {
        let said = Rig::new(&site).said(asked);
        assert_eq!(said, format!("offer {address}"), "case {number}");
    }
    let keys: Vec<_> = site.as_object().unwrap().keys().collect();
    for key in [
        "02:00:00:00:01:01",
        "client-id:6e6f6465",
        "circuit-id:706f72742032",
        "duid:0002616263",
    ] {
        let key = format!("vlan/f/v/reservation/{key}");
        assert!(keys.contains(&&key), "{key} in {keys:?}");
    }
}

/// Firmware tells the machine's number and systems do not: whose firmware got the address, its system has it too.
#[test]
fn a_system_has_the_address_of_its_firmware() {
    let uuid = &machine_ids(15)[1];
    let site = known_by(&[(1, 51, json!([{ "machine-id": uuid }]))]);
    let rom = |ask: Ask| ask.option(97, uuid);
    let steps = [
        (discover(1), "offer 10.0.0.10", "not known yet"),
        (rom(discover(1)), "offer 10.0.0.51", ""),
        (
            discover(1).id(b"os"),
            "offer 10.0.0.11",
            "an offer is no lease",
        ),
        (rom(select(1, 51)), "ack 10.0.0.51", ""),
        (discover(1).id(b"os"), "offer 10.0.0.51", "its system"),
        (select(1, 51).id(b"os"), "ack 10.0.0.51", ""),
        (renew(1, 51).id(b"os"), "ack 10.0.0.51", ""),
        (
            discover(1).id(b"os").option(97, &machine_ids(9)[0]),
            "offer 10.0.0.11",
            "another machine",
        ),
        (discover(2).id(b"os2"), "offer 10.0.0.12", "another card"),
        (
            rom(discover(1)),
            "offer 10.0.0.51",
            "and the firmware again",
        ),
    ];
    let mut rig = Rig::new(&site);
    for (asked, heard, why) in steps {
        assert_eq!(rig.said(&asked), heard, "{why}");
    }
}

#[test]
fn it_is_told_what_is_reserved_for_a_client_by_what_it_showed() {
    let site = known_by(&[
        (1, 51, json!([{ "machine-id": [0, 5] }])),
        (2, 52, json!([{ "duid": [0, 2, 97, 98, 99] }])),
        (3, 53, json!([{ "circuit-id": [7, 7] }])),
    ]);
    let cases = [
        (discover(1), None),
        (discover(1).option(97, &[0, 5]), Some("host-1")),
        (discover(1).id(DUID), Some("host-2")),
        (relayed(discover(1)).option(82, &CIRCUIT), Some("host-3")),
        (discover(1).field(28, &[2, 0, 0, 0, 1, 1]), Some("host-1")),
    ];
    for (asked, expected) in cases {
        let mut rig = Rig::new(&site);
        rig.said(&asked);
        let mac: [u8; 6] = asked.bytes[28..34].try_into().unwrap();
        let reserved = rig.engine.reserved_for(bedplate::base::mac::MacAddr(mac));
        let hosts: Vec<_> = reserved.iter().map(|one| one.host.to_string()).collect();
        assert_eq!(hosts, expected.into_iter().collect::<Vec<_>>());
    }
}

/// What another has on its circuit it gets at once when it asks; what a stranger has elsewhere it waits for.
#[test]
fn it_is_told_what_gives_way_to_a_client() {
    let site = known_by(&[(1, 51, json!([{ "circuit-id": [7, 7] }]))]);
    let there = |ask: Ask| relayed(ask).option(82, &CIRCUIT);
    let mac = bedplate::base::mac::MacAddr([2, 0, 0, 0, 0, 2]);
    for (holder, gives_way) in [
        (there(select(1, 51)), true),
        (select(1, 51).field(28, &[2, 0, 0, 0, 1, 1]), false),
    ] {
        let mut rig = Rig::new(&site);
        assert_eq!(rig.said(&holder), "ack 10.0.0.51");
        let heard = rig.said(&there(discover(2)));
        let obstacles = &rig.engine.reserved_for(mac)[0].obstacles;
        assert_eq!(obstacles.len(), 1);
        assert_eq!(obstacles[0].gives_way, gives_way);
        assert_eq!(heard == "offer 10.0.0.51", gives_way, "as is told: {heard}");
    }
}
