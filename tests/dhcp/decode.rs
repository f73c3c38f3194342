//! Replies of every kind, as Wireshark reads them: it warns of none, and finds in each what was put there.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use bedplate::base::arch::ClientArch;
use bedplate::base::option::{OPTIONS, OptionKind};
use bedplate::serve::dhcp::{Destination, Reply};
use serde_json::{Value, json};

use crate::support::{Ask, Rig, SERVER, ask, discover, inform, reboot, renew, select, site};

const SCOPE: &str = "vlan/plant/pxe/scope/10.0.0.0/24";

/// A reply, what it is, and what Wireshark must find in it: a field and its values.
struct Sample {
    name: String,
    reply: Reply,
    found: [&'static str; 2],
}

/// What Wireshark has to say against a frame.
const FAULTS: [&str; 2] = ["_ws.expert.message", "_ws.malformed"];

/// What it notes of every use of option 52.
const NOTES: [&str; 2] = [
    "Boot file name option overloaded by DHCP",
    "Server name option overloaded by DHCP",
];

/// What a conversation ends with.
fn sample(site: &Value, asks: &[Ask], found: [&'static str; 2]) -> Sample {
    let mut rig = Rig::new(site);
    let replies = asks.iter().map(|ask| rig.send(ask)).last().unwrap();
    let [reply] = &replies[..] else {
        panic!("{found:?}: {replies:?}");
    };
    Sample {
        name: format!("{} {}", found[0], found[1]),
        reply: reply.clone(),
        found,
    }
}

/// Has Wireshark read all samples at once, each as a datagram of its own.
fn check(samples: &[Sample]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("replies.pcap");
    fs::write(&file, capture(samples)).unwrap();
    let mut tshark = Command::new("tshark");
    tshark
        .args(["-n", "-T", "fields", "-E", "separator=;", "-r"])
        .arg(&file);
    // Of a field that is named twice it tells once.
    let fields: BTreeSet<&str> = samples.iter().map(|sample| sample.found[0]).collect();
    for field in FAULTS.iter().chain(&fields) {
        tshark.args(["-e", field]);
    }
    let said = tshark.output().unwrap();
    assert!(said.status.success(), "{said:?}");
    let lines = String::from_utf8(said.stdout).unwrap();
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), samples.len(), "{lines:?}");
    for (Sample { name, found, .. }, line) in samples.iter().zip(lines) {
        let (faults, values) = line.split_once(";;").expect(name);
        let mut faults = faults.split(',').filter(|fault| !NOTES.contains(fault));
        assert!(faults.all(str::is_empty), "{name}: {line}");
        let [field, expected] = found;
        let mut values = fields.iter().zip(values.split(';'));
        let value = values
            .find(|(own, _)| *own == field)
            .map(|(_, value)| value);
        assert_eq!(value, Some(*expected), "{name}");
    }
}

/// The format of libpcap, with IPv4 for the link (LINKTYPE_IPV4).
fn capture(samples: &[Sample]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 0xffff, 228] {
        file.extend(word.to_le_bytes());
    }
    for Sample { reply, .. } in samples {
        let port: u16 = match reply.to {
            Destination::Address(to) | Destination::BootClient(to) => to.port(),
            Destination::Broadcast | Destination::Link { .. } => 68,
        };
        let length = u16::try_from(reply.bytes.len() + 8).unwrap();
        let mut packet = vec![0x45, 0];
        packet.extend((length + 20).to_be_bytes());
        packet.extend([0, 0, 0, 0, 64, 17, 0, 0]);
        packet.extend(SERVER.octets());
        packet.extend([255; 4]);
        for half in [67, port, length, 0] {
            packet.extend(half.to_be_bytes());
        }
        packet.extend(&reply.bytes);
        let length = u32::try_from(packet.len()).unwrap();
        for word in [0, 0, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(packet);
    }
    file
}

#[test]
fn answers_to_every_message() {
    let site = site();
    let kind = "dhcp.option.dhcp";
    let circuit = "dhcp.option.agent_information_option.agent_circuit_id";
    let behind = |ask: Ask| ask.giaddr([10, 9, 0, 1]).option(82, &[1, 2, 7, 9, 2, 1, 5]);
    let mut bootp = ask(0, 0x99);
    bootp.bytes.truncate(240);
    let id = [255, 1, 2, 3, 4, 0, 3, 0, 1, 2, 0, 0, 0, 0, 1];
    let asked = |ask: Ask| ask.wants(&[1, 3, 6, 12, 15, 51, 58, 59, 119]).id(&id);
    check(&[
        sample(&site, &[asked(discover(1))], [kind, "2"]),
        sample(&site, &[discover(1).broadcast()], [kind, "2"]),
        sample(&site, &[discover(1), select(1, 10)], [kind, "5"]),
        sample(
            &site,
            &[asked(discover(1)), asked(select(1, 10))],
            [kind, "5"],
        ),
        sample(
            &site,
            &[discover(1), select(1, 10), renew(1, 10)],
            [kind, "5"],
        ),
        sample(&site, &[asked(reboot(1, 77))], [kind, "6"]),
        sample(&site, &[asked(inform(1, 200))], [kind, "5"]),
        sample(&site, &[behind(discover(1))], [circuit, "0709"]),
        sample(&site, &[behind(reboot(1, 77))], [circuit, "0709"]),
        sample(&site, &[behind(ask(8, 1))], [circuit, "0709"]),
        sample(
            &site,
            &[discover(0x99).wants(&[12])],
            ["dhcp.option.hostname", "node"],
        ),
        sample(&site, &[bootp.clone()], ["dhcp.ip.your", "10.0.0.50"]),
        sample(
            &site,
            &[bootp.giaddr([10, 0, 0, 7])],
            ["dhcp.ip.relay", "10.0.0.7"],
        ),
    ]);
}

/// Firmware of every kind, with what a real one asks for.
#[test]
fn answers_to_firmware() {
    let mut site = site();
    let programs = ClientArch::ALL.map(|arch| (arch.to_string(), json!("boot/program")));
    site["image/linux"]["boot-image"]["programs"] = programs.into_iter().collect();
    let uuid = [0, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2, 3, 4, 5, 6];
    let wants = [
        1, 2, 3, 5, 6, 12, 13, 15, 17, 18, 43, 54, 60, 67, 97, 128, 133, 150, 175, 209,
    ];
    let mut samples: Vec<Sample> = Vec::new();
    for arch in ClientArch::ALL {
        let is_http = arch.boots_by_url();
        let class: &[u8] = if is_http { b"HTTPClient" } else { b"PXEClient" };
        let program = match is_http {
            true => "http://10.0.0.1/boot/program",
            false => "boot/program",
        };
        let mut asked = discover(1)
            .option(60, class)
            .option(97, &uuid)
            .wants(&wants);
        if let Some(code) = arch.codes().first() {
            asked = asked.option(93, &code.to_be_bytes());
        }
        if arch == ClientArch::Ipxe {
            asked = asked.option(77, b"iPXE");
        } else if arch == ClientArch::Onie {
            asked = asked.option(77, b"onie_dhcp_user_class");
        }
        let found = ["dhcp.option.bootfile_name", program];
        let mut sample = sample(&site, &[asked], found);
        sample.name = arch.to_string();
        samples.push(sample);
    }
    site[SCOPE]["scope"]["policy"] = json!({ "proxy": true });
    for class in ["PXEClient", "HTTPClient"] {
        let arch = [0, if class == "PXEClient" { 7 } else { 16 }];
        let asked = discover(1).option(60, class.as_bytes()).option(93, &arch);
        let asked = asked.option(97, &uuid).wants(&wants);
        samples.push(sample(
            &site,
            &[asked],
            ["dhcp.option.vendor_class_id", class],
        ));
    }
    check(&samples);
}

/// Options in `file` and `sname`, whole and in parts.
#[test]
fn options_beyond_their_field() {
    let text: &str = "x".repeat(100).leak();
    let texts = crate::room::texts(text.len());
    let wants = discover(1).wants(&[15, 17, 40]);
    let circuit = [&[1, 88][..], &[7; 88]].concat();
    let echoes = crate::room::with(discover(1), 61, 200);
    let echoes = echoes.option(82, &circuit).wants(&[1, 3, 6]);
    let samples = [
        sample(&texts, &[wants], ["dhcp.option.nis_domain", text]),
        sample(
            &site(),
            &[echoes],
            ["dhcp.option.domain_name_server", "10.0.0.2,10.0.0.3"],
        ),
    ];
    for Sample { name, reply, .. } in &samples {
        assert!(crate::support::option(reply, 52).is_some(), "{name}");
    }
    check(&samples);
}

/// Every option that a site may give, with a value of its kind.
#[test]
fn every_option() {
    let mut samples = Vec::new();
    for option in OPTIONS {
        let value = match option.kind {
            OptionKind::Address => json!({ "addresses": ["10.0.0.9"] }),
            OptionKind::Addresses => json!({ "addresses": ["10.0.0.9", "10.0.0.8"] }),
            OptionKind::Pairs => json!({ "pairs": [["10.7.0.0", "10.0.0.9"]] }),
            OptionKind::Routes => {
                json!({ "routes": [["10.7.0.0/17", "10.0.0.9"], ["0.0.0.0/0", "10.0.0.8"]] })
            }
            OptionKind::Domains => json!({ "domains": ["a.example", "b.a.example"] }),
            OptionKind::Text => json!({ "text": "http://a.example/b" }),
            OptionKind::Flag => json!({ "flag": true }),
            OptionKind::U8 => json!({ "u8": 1 }),
            OptionKind::U16 => json!({ "u16": 1400 }),
            // Of name services there are five (RFC 2937).
            OptionKind::U16s if option.code == 117 => json!({ "u16s": [6, 41] }),
            OptionKind::U16s => json!({ "u16s": [576, 1400] }),
            OptionKind::U32 => json!({ "u32": 7200 }),
            OptionKind::I32 => json!({ "i32": -3600 }),
            // Option 124: an enterprise, and the length of its data, which is made of strings with theirs.
            OptionKind::Bytes => json!({ "bytes": [0, 0, 0, 9, 3, 2, 97, 98] }),
            OptionKind::Encapsulated => {
                json!({ "encapsulated": { "1": { "text": "ab" }, "241": { "addresses": ["10.0.0.9"] } } })
            }
            OptionKind::Identified => {
                json!({ "identified": { "3561": { "1": { "text": "ab" } } } })
            }
        };
        let mut site = site();
        site[SCOPE]["scope"]["options"] = json!({ option.code.to_string(): value });
        let mut sample = sample(
            &site,
            &[discover(1).wants(&[option.code])],
            ["dhcp.option.dhcp", "2"],
        );
        sample.name = option.name.to_owned();
        let has_it = crate::support::option(&sample.reply, option.code).is_some();
        assert!(has_it, "{}", sample.name);
        samples.push(sample);
    }
    check(&samples);
}
