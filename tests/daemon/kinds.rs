//! BMCs that only switch, through the real daemon: a power switch over HTTP, a card that is woken, a virtual machine.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use crate::certificates::{Authority, NOW};
use crate::lab::{Lab, PATIENCE, SITE, Said};
use crate::sandbox::{Namespace, Running};
use crate::shim::hurried;

const PASSWORD: &str = "hunter2-and-more";
pub(crate) const SWITCH: &str = "10.71.0.31";

/// What a command must say, and its exit code. The password and what is sent for it are never part of that.
fn check(lab: &Lab, arguments: &str, code: i32, parts: &[&str]) -> Said {
    let words: Vec<&str> = arguments.split_whitespace().collect();
    let said = lab.run(&words);
    assert_eq!(said.code, code, "{arguments}: {said:?}");
    for part in parts {
        let is_said = said.out.contains(part) || said.err.contains(part);
        assert!(is_said, "{arguments}: {part}: {said:?}");
    }
    said
}

/// A switch in a place of its own, with a certificate or without; and its port.
pub(crate) fn switch(lab: &Lab, place: &Namespace, certificate: &str) -> (Running, String) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/daemon/switch.py");
    let told = lab.path("asked").display().to_string();
    let mut running = place.spawn("python3", &[script, SWITCH, &told, certificate]);
    let mut said = BufReader::new(running.child().stdout.take().unwrap());
    let mut port = String::new();
    said.read_line(&mut port).unwrap();
    (running, port.trim().to_owned())
}

/// Where a switch runs that the lab's controller reaches.
pub(crate) fn beside(lab: &Lab) -> Namespace {
    let place = Namespace::new();
    lab.host.veth("mgmt", &place, "eth0");
    lab.host.ip("address add 10.71.0.2/16 dev mgmt");
    place.ip(&format!("address add {SWITCH}/16 dev eth0"));
    place
}

/// What the switch was asked last.
fn asked(lab: &Lab) -> Value {
    let text = fs::read_to_string(lab.path("asked")).unwrap_or_default();
    let line = text.lines().last().unwrap_or("null");
    serde_json::from_str(line).unwrap()
}

/// The lab's site with two machines behind one switch, which is trusted as `trust` says.
fn switched(lab: &Lab, port: &str, trust: &str) -> String {
    let password = lab.path("password");
    format!(
        r#"{SITE}
profile "rack" {{
    tag "rack"
    bmc "webhook" address="{SWITCH}" username="admin" password=(file){password:?} {{
        header "Authorization" "Basic {{{{ basic }}}}"
        header "X-Rack" "seven"
        on "PUT" "https://{{{{ address }}}}:{port}/outlets/{{{{ system }}}}" {{ body "{{\"state\": \"ON\", \"for\": \"{{{{ machine }}}}\"}}"; header "x-rack" "8" }}
        off "POST" "https://{{{{ address }}}}:{port}/outlets/{{{{ system }}}}" {{ body "{{\"state\": \"OFF\"}}" }}
        status "GET" "https://{{{{ address }}}}:{port}/outlets/{{{{ system }}}}" {{ pointer "/outlets/0/state"; on "ON"; off "OFF" }}
    {trust}
    }}
}}
machine "node-02" profile="rack" {{ bmc "webhook" {{ system "3" }} }}
machine "node-03" profile="rack" {{ bmc "webhook" {{ system "4" }} }}
"#
    )
}

/// Sees that what was put is what the site says; how the credentials were sent.
fn sent(lab: &Lab, port: &str) -> &'static str {
    let text = fs::read_to_string(lab.path("asked")).unwrap();
    let put = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let put = put
        .into_iter()
        .find(|line| line["method"] == "PUT")
        .unwrap();
    assert_eq!(put["path"], "/outlets/3");
    assert_eq!(put["body"], r#"{"state": "ON", "for": "node-02"}"#);
    let fields = put["fields"].as_object().unwrap();
    let field = |name: &str| {
        let mut fields = fields
            .iter()
            .filter(|(one, _)| one.eq_ignore_ascii_case(name));
        let (_, value) = fields.next().unwrap_or_else(|| panic!("{name}"));
        assert_eq!(fields.next(), None, "{name}");
        value.as_str().unwrap().to_owned()
    };
    // admin:hunter2-and-more
    let basic = "YWRtaW46aHVudGVyMi1hbmQtbW9yZQ==";
    assert_eq!(field("authorization"), format!("Basic {basic}"));
    assert_eq!(field("x-rack"), "8");
    assert_eq!(field("content-type"), "application/json");
    assert_eq!(field("host"), format!("{SWITCH}:{port}"));
    basic
}

#[test]
fn a_switch_is_asked_over_http_as_the_site_says() {
    let lab = Lab::new();
    let authority = Authority::new();
    let certificate = authority.signed("pdu", &format!("IP:{SWITCH}"), NOW);
    let place = beside(&lab);
    let (_switch, port) = switch(&lab, &place, certificate.to_str().unwrap());
    fs::write(lab.path("password"), format!("{PASSWORD}\n")).unwrap();
    fs::write(lab.path("ca.pem"), authority.pem()).unwrap();
    let site = |trust: &str| switched(&lab, &port, trust);
    let ca = lab.path("ca.pem");
    lab.write(&site(""));
    let _daemon = lab.serve();
    lab.applied();
    let pinned = authority.fingerprint("pdu").to_string();
    check(&lab, "power on node-02", 4, &["D063", "bmc trust node-02"]);
    check(&lab, "bmc trust node-02", 0, &[&pinned, "CN=pdu"]);
    assert_eq!(
        asked(&lab),
        Value::Null,
        "nothing is told to whom nobody trusts"
    );
    lab.write(&site(&format!("fingerprint {pinned:?}")));
    lab.applied();
    check(&lab, "power status node-02", 0, &["node-02  off"]);
    lab.write(&site(&format!("certificate-authority {ca:?}")));
    lab.applied();
    let vouched = format!("The site trusts it: {} vouches for it.\n", ca.display());
    let said = check(&lab, "bmc trust node-02", 0, &[&vouched]);
    assert!(!said.out.contains("fingerprint"), "{said:?}");
    check(&lab, "power on node-02", 0, &["on", "was off"]);
    let basic = sent(&lab, &port);
    for (arguments, code, parts) in [
        (
            "power status tag:rack",
            0,
            &["node-02  on", "node-03  off"][..],
        ),
        ("power off node-02 --yes", 0, &["off", "was on"]),
        ("power cycle node-02 --yes", 4, &["D064", "is off"]),
        ("power on node-02", 0, &["on", "was off"]),
        (
            "power cycle node-02 --yes",
            4,
            &["D064", "no request `cycle`, only on, off"],
        ),
        (
            "sensors node-02",
            1,
            &["D064", "a webhook has no sensors", "tells of power alone"],
        ),
        ("sel node-02", 1, &["no event log"]),
        ("bmc inventory node-02", 1, &["no inventory"]),
    ] {
        let said = check(&lab, arguments, code, parts);
        for text in [&said.out, &said.err] {
            assert!(!text.contains(PASSWORD) && !text.contains(basic), "{text}");
        }
    }
    let log = fs::read_to_string(lab.path("log")).unwrap();
    assert!(log.contains("power on") && !log.contains(PASSWORD), "{log}");
}

/// Each machine's switch misbehaves in its own way; nothing that was sent or answered is repeated, and nobody waits for the others.
#[test]
fn a_switch_that_misbehaves_is_told_of() {
    let lab = Lab::new();
    let place = beside(&lab);
    let (_switch, port) = switch(&lab, &place, "-");
    let machine = |path: &str, how: &str| {
        format!(
            "machine \"{path}\" {{ bmc \"webhook\" {{ on \"POST\" \"http://{SWITCH}:{port}/{path}\"; status \"GET\" \"http://{SWITCH}:{port}/{path}\" {{ {how} on \"relay is on\"; off \"relay is off\" }} }} }}\n"
        )
    };
    let cases = [
        ("text", "", 0, "on"),
        (
            "moved",
            "",
            4,
            "302 Found, and redirections are not followed",
        ),
        (
            "refused",
            "",
            4,
            "401 Unauthorized: see the credentials that the site sends",
        ),
        ("broken", "", 4, "it answered 500"),
        ("long", "", 4, "its answer is longer than 65536 bytes"),
        ("words", "pointer \"/state\";", 4, "its answer is no JSON"),
        ("closed", "", 4, "HTTP with it failed"),
    ];
    let machines = cases.map(|(path, how, _, _)| machine(path, how)).concat();
    let blind = format!(
        "machine \"blind\" {{ bmc \"webhook\" {{ on \"POST\" \"http://{SWITCH}:{port}/text\" }} }}\n\
         machine \"nobody\" {{ bmc \"webhook\" {{ on \"POST\" \"http://{SWITCH}:1/text\" }} }}\n\
         machine \"silent\" {{ bmc \"webhook\" {{ on \"POST\" \"http://{SWITCH}:{port}/silent\" }} }}\n"
    );
    lab.write(&format!("{SITE}{machines}{blind}"));
    let _daemon = hurried(&lab, 8, &[]);
    lab.applied();
    for (path, _, code, said) in cases {
        check(&lab, &format!("power status {path}"), code, &[path, said]);
    }
    check(&lab, "power status blind", 0, &["blind  unknown"]);
    check(&lab, "power on blind", 0, &["blind  unknown"]);
    check(&lab, "power on nobody", 4, &["D066", "cannot be reached"]);
    check(&lab, "bmc trust blind", 1, &["D009", "plain HTTP"]);
    check(
        &lab,
        "power on silent",
        4,
        &["D061", "no answer within 30s"],
    );
}

/// What is heard in a namespace of packets to port 9, from Ethernet's header on.
fn packets(heard: &str) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    for line in heard.lines() {
        match line
            .trim()
            .strip_prefix("0x")
            .and_then(|rest| rest.split_once(": "))
        {
            Some((_, digits)) => {
                let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
                let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16);
                let bytes = digits.chunks(2).map(|pair| byte(pair).unwrap());
                all.last_mut().unwrap().extend(bytes);
            }
            None if !line.trim().is_empty() => all.push(Vec::new()),
            None => {}
        }
    }
    all
}

#[test]
fn a_card_is_woken_by_the_packet_that_others_send() {
    let lab = Lab::new();
    lab.write(&format!(
        "{SITE}fabric \"far\" {{ vlan \"x\" {{ subnet \"10.99.0.0/16\" }} }}\n\
         machine \"node-02\" {{ bmc \"wake-on-lan\"; ethernet \"eth0\" mac=\"02:00:00:00:70:02\" vlan=\"pxe\" }}\n\
         machine \"node-03\" {{ bmc \"wake-on-lan\"; ethernet \"eth0\" mac=\"02:00:00:00:70:03\" vlan=\"x\" }}\n"
    ));
    let _daemon = lab.serve();
    lab.applied();
    let words = [
        "-i", "eth0", "-n", "-l", "-xx", "-c", "4", "udp", "port", "9",
    ];
    let mut heard = lab.machines[1].spawn("tcpdump", &words);
    let mut ready = BufReader::new(heard.child().stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening") {
        line.clear();
        assert!(ready.read_line(&mut line).unwrap() > 0);
    }
    check(&lab, "power status node-02", 0, &["node-02  unknown"]);
    check(
        &lab,
        "power on node-02",
        0,
        &["node-02  unknown  nobody can tell whether it runs"],
    );
    let sent = lab
        .host
        .output("wakeonlan", &["-i", "10.70.255.255", "02:00:00:00:70:02"]);
    assert!(sent.status.success(), "{sent:?}");
    let mut said = String::new();
    std::io::Read::read_to_string(&mut heard.child().stdout.take().unwrap(), &mut said).unwrap();
    let packets = packets(&said);
    assert_eq!(packets.len(), 4, "{said}");
    for ours in &packets[..3] {
        // The standard tool's packet byte by byte, but for the number and the checksums of IP, and the port that it comes from.
        let same = |at: usize| !matches!(at, 18..=21 | 24 | 25 | 34 | 35 | 40 | 41);
        let bytes = |packet: &[u8]| -> Vec<u8> {
            let bytes = packet.iter().enumerate();
            bytes
                .filter(|(at, _)| same(*at))
                .map(|(_, byte)| *byte)
                .collect()
        };
        assert_eq!(bytes(ours), bytes(&packets[3]), "{said}");
        assert_eq!(ours[..6], [0xff; 6]);
        assert_eq!(ours.len(), 14 + 20 + 8 + 102);
    }
    for (arguments, code, parts) in [
        (
            "power off node-02 --yes",
            4,
            &["D064", "Wake-on-LAN has no off", "power on"][..],
        ),
        (
            "power cycle node-02 --yes",
            4,
            &["Wake-on-LAN has no cycle"],
        ),
        ("sensors node-02", 1, &["Wake-on-LAN has no sensors"]),
        ("bmc trust node-02", 1, &["D009", "Wake-on-LAN"]),
        (
            "power on node-03",
            4,
            &["D064", "this controller has no address in 10.99.0.0/16"],
        ),
    ] {
        check(&lab, arguments, code, parts);
    }
}

/// A second monitor of a virtual machine, which hears what the first one does.
struct Witness(BufReader<UnixStream>);

impl Witness {
    fn open(path: &Path) -> Self {
        let end = Instant::now() + PATIENCE;
        let stream = loop {
            match UnixStream::connect(path) {
                Ok(stream) => break stream,
                Err(error) => assert!(Instant::now() < end, "{error}"),
            }
        };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut witness = Self(BufReader::new(stream));
        witness.line();
        witness.ask("qmp_capabilities");
        witness
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    fn ask(&mut self, command: &str) -> Value {
        let asked = json!({ "execute": command }).to_string();
        self.0.get_mut().write_all(asked.as_bytes()).unwrap();
        loop {
            let line = self.line();
            if line.get("event").is_none() {
                return line["return"].clone();
            }
        }
    }

    fn status(&mut self) -> String {
        self.ask("query-status")["status"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    fn hears(&mut self, event: &str) {
        while self.line()["event"] != event {}
    }
}

fn qemu(lab: &Lab) -> (Running, Witness) {
    let mut qemu = Command::new("setpriv");
    // The guest ends with the test, however that one ends.
    qemu.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]);
    qemu.args(["-S", "-accel", "tcg", "-m", "64", "-nodefaults"]);
    qemu.args(["-no-user-config", "-display", "none"]);
    for monitor in ["qmp", "witness"] {
        let path = lab.path(monitor);
        qemu.arg("-qmp")
            .arg(format!("unix:{},server=on,wait=off", path.display()));
    }
    let running = Running::start(qemu.stdin(Stdio::null()));
    let witness = Witness::open(&lab.path("witness"));
    (running, witness)
}

/// What commands say of a virtual machine, their exit codes, and what QEMU says then.
const MONITORED: &[(&str, i32, &[&str], &str)] = &[
    ("power status node-02", 0, &["node-02  off"], "prelaunch"),
    ("power on node-02", 0, &["on", "was off"], "running"),
    ("power on node-02", 0, &["node-02  on"], "running"),
    ("power cycle node-02 --yes", 0, &["on"], "running"),
    (
        "power reset node-02 --yes",
        0,
        &["on  restarted: its BMC tells of it"],
        "running",
    ),
    (
        "power off node-02 --yes",
        0,
        &["off", "was on"],
        "prelaunch",
    ),
    (
        "power reset node-02 --yes",
        4,
        &["D064", "is off"],
        "prelaunch",
    ),
    ("power on node-02", 0, &["on", "was off"], "running"),
    ("sensors node-02", 1, &["QEMU has no sensors"], "running"),
    ("bmc trust node-02", 1, &["D009", "QMP"], "running"),
];

#[test]
fn a_virtual_machine_is_switched_through_its_monitor() {
    let lab = Lab::new();
    let socket = lab.path("qmp");
    lab.write(&format!(
        "{SITE}machine \"node-02\" {{ bmc \"qemu\" {{ socket {socket:?} }} }}\n"
    ));
    let _daemon = lab.serve();
    lab.applied();
    check(
        &lab,
        "power on node-02",
        4,
        &[
            "D061",
            "no QEMU listens there",
            "starts none",
            "start QEMU with this socket as its monitor",
        ],
    );
    let (_qemu, mut witness) = qemu(&lab);
    for (arguments, code, parts, after) in MONITORED {
        check(&lab, arguments, *code, parts);
        assert_eq!(witness.status(), *after, "{arguments}");
    }
    // The guest hears that it should stop, and does.
    let asked = lab.command("site", &["power", "soft-off", "node-02", "--yes"]);
    let mut asked = asked;
    let asked = asked
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    witness.hears("POWERDOWN");
    witness.ask("quit");
    let said = Said::of(&asked.wait_with_output().unwrap());
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("was on"), "{said:?}");
    check(
        &lab,
        "power on node-02",
        4,
        &["D061", "no QEMU listens there"],
    );
}
