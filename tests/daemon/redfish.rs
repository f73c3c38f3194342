//! BMCs that speak Redfish, through the real daemon: whom it trusts, which of several systems it means, where their consoles are, their
//! logs, and what it says of those at fault.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use crate::bmc::{ADDRESS, beside, check};
use crate::certificates::{Authority, NOW};
use crate::emulator::{self, Emulator};
use crate::lab::{Lab, PATIENCE, SITE};
use crate::pool::serving;
use crate::sandbox::Namespace;
use crate::shim::hurried;
use crate::watch::{told_of, until};

/// Where the same BMC is as well.
const OTHER: &str = "10.71.0.22";

/// Its systems.
const SYSTEMS: [&str; 2] = [
    "27946b59-9e44-4fa7-8e91-f3527a1ef094",
    "27946b59-9e44-4fa7-8e91-f3527a1ef095",
];

/// A lab with a BMC behind a cable, at both addresses, whose certificate is for the first one.
struct Rig {
    lab: Lab,
    place: Namespace,
    authority: Authority,
    emulator: Emulator,
}

impl Rig {
    fn new(login: &str) -> Self {
        let lab = Lab::new();
        let place = beside(&lab);
        place.ip(&format!("address add {OTHER}/16 dev eth0"));
        Self::over(lab, place, login)
    }

    /// One that is reached already.
    fn over(lab: Lab, place: Namespace, login: &str) -> Self {
        let authority = Authority::new();
        let certificate = authority.signed("bmc", &format!("IP:{ADDRESS}"), NOW);
        let emulator = place.run(|| Emulator::start("0.0.0.0", &certificate, login));
        fs::write(lab.path("password"), emulator::PASSWORD).unwrap();
        fs::write(lab.path("ca.pem"), authority.pem()).unwrap();
        Self {
            lab,
            place,
            authority,
            emulator,
        }
    }

    /// A site with machines: name, where the BMC is, what stands in its block, and in the machine's.
    fn write(&self, machines: &[(&str, &str, &str, &str)]) {
        let (mut site, password) = (SITE.to_owned(), self.lab.path("password"));
        for (name, address, inside, beside) in machines {
            writeln!(
                site,
                "machine \"{name}\" {{ bmc \"redfish\" address=\"{address}\" port={} username=\"{}\" password=(file){password:?} {{ {inside} }}; {beside} }}",
                self.emulator.port(),
                emulator::USER,
            )
            .unwrap();
        }
        self.lab.write(&site);
    }

    fn trust(&self) -> String {
        format!("certificate-authority {:?};", self.lab.path("ca.pem"))
    }

    /// How often a system was told to switch.
    fn switched(&mut self, system: &str) -> usize {
        let told = self.emulator.told();
        let line = format!("POST /redfish/v1/Systems/{system}/Actions/ComputerSystem.Reset");
        let requests = told["requests"].as_array().unwrap();
        requests.iter().filter(|one| **one == line).count()
    }
}

#[test]
fn without_a_word_of_the_site_the_authorities_of_the_system_are_trusted() {
    let rig = Rig::new("sessions");
    let lab = &rig.lab;
    rig.write(&[("node-02", ADDRESS, "", ""), ("node-03", OTHER, "", "")]);
    let why = |status: &Value, row: usize| {
        let why = status["bmcs"]["rows"][row]["why"].as_str();
        why.unwrap_or_default().to_owned()
    };
    let another = lab.path("another.pem");
    fs::write(&another, Authority::new().pem()).unwrap();
    for (file, untrusted) in [(another, 2), (lab.path("ca.pem"), 1)] {
        let mut command = lab.daemon(&[]);
        command
            .env("SSL_CERT_FILE", file)
            .env_remove("SSL_CERT_DIR");
        command.args(["--poll-bmcs", "1s"]);
        let _daemon = lab.ready(command);
        if untrusted == 2 {
            lab.applied();
            let both = [("node-02", "untrusted"), ("node-03", "untrusted")];
            let status = until(lab, &both);
            let unknown = "the name of one that is trusted, and another key: CN=ca";
            assert!(why(&status, 0).contains(unknown), "{status:#}");
            check(lab, "power status node-02", 4, &["D063", unknown]);
            continue;
        }
        // Its name is looked at too.
        let status = until(lab, &[("node-03", "untrusted")]);
        let words = format!("is for {ADDRESS}, not for {OTHER}");
        assert!(why(&status, 0).contains(&words), "{status:#}");
        check(lab, "power on node-02", 0, &["node-02  on"]);
        check(lab, "power on node-03", 4, &["D063", &words]);
    }
}

#[test]
fn one_system_of_a_manager_is_switched_and_the_others_left_alone() {
    let mut rig = Rig::new("blades");
    let of = |number: usize| format!("{} system \"{}\";", rig.trust(), SYSTEMS[number]);
    let (first, second) = (of(0), of(1));
    let neither = format!("{} system \"7\";", rig.trust());
    let site = |rig: &Rig, power| {
        rig.write(&[
            ("node-02", ADDRESS, &first, ""),
            ("node-03", ADDRESS, &second, power),
            ("node-04", ADDRESS, &neither, ""),
        ]);
    };
    site(&rig, "");
    let _daemon = hurried(&rig.lab, 8, &["--poll-bmcs", "10m"]);
    rig.lab.applied();
    // One manager is asked one thing at a time, and yet nobody waits for the next round.
    let status = until(&rig.lab, &[("node-04", "failing")]);
    let why = status["bmcs"]["rows"][0]["why"].as_str().unwrap();
    let none = format!(
        "the BMC has no system `7`, only {}, {}",
        SYSTEMS[0], SYSTEMS[1]
    );
    assert_eq!(why, none);
    let both = ["node-02  off", "node-03  off"];
    check(&rig.lab, "power status node-02 node-03", 0, &both);
    // The session that is open is the other system's.
    check(&rig.lab, "power on node-02", 0, &["node-02  on"]);
    let counts = |rig: &mut Rig| SYSTEMS.map(|system| rig.switched(system));
    assert_eq!(counts(&mut rig), [1, 0]);
    let both = ["node-02  on", "node-03  off"];
    check(&rig.lab, "power status node-02 node-03", 0, &both);
    site(&rig, "power \"on\"");
    rig.lab.applied();
    assert_eq!(counts(&mut rig), [1, 1]);
    check(&rig.lab, "power off node-02 --yes", 0, &["node-02  off"]);
    let both = ["node-02  off", "node-03  on"];
    check(&rig.lab, "power status node-02 node-03", 0, &both);
    let open = rig.emulator.told()["open"].as_u64().unwrap();
    assert!(open <= 1, "{open} sessions are open");
}

/// The emulator takes one for the next boot as one that lasts.
#[test]
fn a_boot_order_that_a_failed_command_left_behind_is_drift() {
    let rig = Rig::new("sessions");
    let order = "boot-order \"network\"";
    rig.write(&[("node-02", ADDRESS, &rig.trust(), order)]);
    let _daemon = serving(&rig.lab, "10m");
    rig.lab.applied();
    check(&rig.lab, "status", 0, &[]);
    let failed = &["D064", "not Once Hdd"];
    check(&rig.lab, "bmc boot disk node-02 --uefi --yes", 4, failed);
    let drift = "drift: ~ machine/node-02/boot-order  first network -> disk";
    check(&rig.lab, "status", 4, &[drift]);
}

#[test]
fn a_console_is_where_the_bmc_says() {
    let mut rig = Rig::new("sessions");
    rig.write(&[("node-02", ADDRESS, &rig.trust(), "")]);
    let _daemon = serving(&rig.lab, "off");
    rig.lab.applied();
    let (on, off) = (
        json!({"ServiceEnabled": true}),
        json!({"ServiceEnabled": false}),
    );
    let ssh = json!({"ServiceEnabled": true, "Port": 2200, "ConsoleEntryCommand": "console 1"});
    let elsewhere = "has its console elsewhere: Redfish carries none";
    for (ways, parts) in [
        (
            json!({"SSH": ssh, "Telnet": on}),
            &[
                elsewhere,
                "the BMC offers it by SSH at port 2200, which is on",
                "the BMC offers it by Telnet, which is on",
                "`ssh -p 2200 admin@10.71.0.21`, and type there: console 1",
            ][..],
        ),
        (
            json!({"SSH": off, "Telnet": on}),
            &[
                "the BMC offers it by SSH, which is off",
                "`telnet 10.71.0.21 23`, which hides nothing",
            ],
        ),
        (
            json!({"SSH": ssh, "IPMI": {"ServiceEnabled": true, "Port": 623}}),
            &[
                "the BMC offers it by IPMI at port 623, which is on",
                "`bedplate console node-02 --ipmi` has it here",
            ],
        ),
        (json!({"SSH": off}), &["switch one of them on in the BMC"]),
        (Value::Null, &["tells of no serial console"]),
    ] {
        rig.emulator.show(&json!({ "SerialConsole": ways }));
        let said = check(&rig.lab, "console node-02", 1, parts);
        assert!(said.err.contains("D071"), "{said:?}");
        assert!(!said.err.contains(emulator::PASSWORD), "{said:?}");
    }
}

/// A log with as many entries, which is emptied by who asks for that, or is not.
fn log(entries: u32, is_honest: bool) -> Value {
    let system = format!("/redfish/v1/Systems/{}", SYSTEMS[0]);
    let services = format!("{system}/LogServices");
    let service = format!("{services}/SEL");
    let (clear, list) = (
        format!("{service}/Actions/LogService.ClearLog"),
        format!("{service}/Entries"),
    );
    let entries = (1..=entries).map(|id| {
        json!({
            "@odata.id": format!("{list}/{id}"), "Id": id.to_string(), "EntryType": "SEL", "Severity": "Critical",
            "Created": format!("2024-02-29T12:00:{id:02}Z"), "Message": format!("fan {id} stands still"),
        })
    });
    let entries: Vec<Value> = entries.collect();
    json!({
        &services: {"@odata.id": services, "Members": [{"@odata.id": service}]},
        &service: {
            "@odata.id": service, "Id": "SEL", "LogEntryType": "SEL", "Entries": {"@odata.id": list},
            "Actions": {"#LogService.ClearLog": {"target": clear}},
        },
        &list: {"@odata.id": list, "Members": entries},
        &clear: {"empties": if is_honest { vec![&list] } else { Vec::new() }},
    })
}

#[test]
fn a_log_is_read_and_cleared_and_one_that_stays_is_not_called_clear() {
    let mut rig = Rig::new("sessions");
    rig.write(&[("node-02", ADDRESS, &rig.trust(), "")]);
    let _daemon = serving(&rig.lab, "off");
    rig.lab.applied();
    check(&rig.lab, "sel node-02", 1, &["D064", "event log"]);
    let services = format!("/redfish/v1/Systems/{}/LogServices", SYSTEMS[0]);
    let link = json!({"LogServices": {"@odata.id": services}});
    rig.emulator.show(&link);
    rig.emulator.put(&log(2, false));
    let both = ["critical", "fan 1 stands still", "fan 2 stands still"];
    check(&rig.lab, "sel node-02", 0, &both);
    let clear = "sel node-02 --clear --yes";
    let left = ["D064", "the event log", "left with 2 of its entries"];
    let said = check(&rig.lab, clear, 1, &left);
    assert!(!said.out.contains("Cleared"), "{said:?}");
    rig.emulator.put(&log(2, true));
    let said = ["fan 2 stands still", "Cleared 2 entries."];
    check(&rig.lab, clear, 0, &said);
    check(&rig.lab, "sel node-02", 0, &["The event log is empty."]);
    let end = Instant::now() + PATIENCE;
    let cleared = || {
        let log = fs::read_to_string(rig.lab.path("log")).unwrap();
        log.matches("cleared").count()
    };
    // What is logged comes a moment later; what is not so is not logged.
    while cleared() == 0 {
        assert!(Instant::now() < end, "that it was cleared is not logged");
    }
    assert_eq!(cleared(), 1);
}

/// Takes connections and ends each at once.
fn closing(place: &Namespace) -> u16 {
    let listener = place.run(|| TcpListener::bind(("0.0.0.0", 0)).unwrap());
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().for_each(drop));
    port
}

/// Where nobody answers, and where somebody ends all that is begun.
const HANGS: &str = "10.71.0.23";
const CLOSES: &str = "10.71.0.24";

/// A site with a BMC that is well, one that is shown a wrong password, one that hangs and one that ends connections.
fn troubled(rig: &Rig, ports: [u16; 2]) {
    let pinned = format!("fingerprint \"{}\"", rig.authority.fingerprint("bmc"));
    rig.write(&[
        ("node-02", ADDRESS, &pinned, ""),
        ("node-03", OTHER, &pinned, ""),
        ("node-04", HANGS, "", ""),
        ("node-05", CLOSES, "", ""),
    ]);
    let path = |name: &str| rig.lab.path(name).display().to_string();
    let (right, wrong) = (path("password"), path("wrong"));
    fs::write(&wrong, "never-this-one").unwrap();
    let own = format!("port={}", rig.emulator.port());
    let [hangs, closes] = ports.map(|port| format!("port={port}"));
    let lines = fs::read_to_string(path("site/site.kdl")).unwrap();
    let lines = lines.lines().map(|line| match line.split('"').nth(1) {
        Some("node-03") => line.replace(&right, &wrong),
        Some("node-04") => line.replace(&own, &hangs),
        Some("node-05") => line.replace(&own, &closes),
        Some(_) | None => line.to_owned(),
    });
    rig.lab.write(&lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn each_fault_has_its_state() {
    let mut rig = Rig::new("sessions");
    for address in [HANGS, CLOSES] {
        rig.place.ip(&format!("address add {address}/16 dev eth0"));
    }
    // The kernel takes what comes, and nobody answers it.
    let silent = rig.place.run(|| TcpListener::bind((HANGS, 0)).unwrap());
    let ports = [silent.local_addr().unwrap().port(), closing(&rig.place)];
    troubled(&rig, ports);
    rig.emulator.show(&json!({ "PowerState": "PoweringOn" }));
    let _daemon = hurried(&rig.lab, 8, &["--poll-bmcs", "15s"]);
    rig.lab.applied();
    let bad = [
        ("node-03", "refused"),
        ("node-04", "unreachable"),
        ("node-05", "unreachable"),
    ];
    stays_between(&mut rig, &[&[("node-02", "unsettled")], &bad[..]].concat());
    rig.emulator.show(&json!({ "PowerState": "Off" }));
    until(&rig.lab, &bad);
    assert_eq!(told_of(&rig.lab, "node-02"), ["unsettled", "fine"]);
    let parts = [
        "bmc node-03 at 10.71.0.22 does not let us in since ",
        "the BMC refuses the user name or the password",
        "bmc node-04 at 10.71.0.23 does not answer since ",
        "bmc node-05 at 10.71.0.24 does not answer since ",
    ];
    check(&rig.lab, "status", 0, &parts);
    // What was refused once was shown once, however often everybody was asked.
    let tries = |rig: &mut Rig| {
        let told = rig.emulator.told();
        let requests = told["requests"].as_array().unwrap().iter();
        let all = requests.filter(|one| *one == "POST /redfish/v1/SessionService/Sessions");
        all.count() as u64 - told["opened"].as_u64().unwrap()
    };
    assert_eq!(tries(&mut rig), 1);
    // Sessions that end amid everything are opened anew.
    for _ in 0..3 {
        check(&rig.lab, "power status node-02", 0, &["node-02  off"]);
        rig.emulator.expire();
    }
    // This one agrees to everything, and stays as it is.
    let lie = "node-02 was told to be on, and is off after 60 seconds";
    check(&rig.lab, "power on node-02", 4, &["D064", lie]);
    until(&rig.lab, &bad);
    assert_eq!(tries(&mut rig), 1);
}

/// For longer than a minute a machine is looked at again and again, and the same is said of it.
fn stays_between(rig: &mut Rig, conditions: &[(&str, &str)]) {
    let since = |status: &Value| status["bmcs"]["rows"][0]["since"].clone();
    let begun = since(&until(&rig.lab, conditions));
    let (state, why) = (
        "bmc node-02 at 10.71.0.21 is between states since ",
        "the power is turning on",
    );
    let parts = ["4 BMCs: 0 fine, 4 not", state, why];
    check(&rig.lab, "status", 0, &parts);
    let mut looks = || rig.emulator.told()["opened"].as_u64().unwrap();
    let (before, end) = (looks(), Instant::now() + PATIENCE);
    while looks() < before + 5 {
        assert!(Instant::now() < end, "nobody looks");
        thread::yield_now();
    }
    assert_eq!(since(&until(&rig.lab, conditions)), begun);
}

#[test]
fn a_network_that_loses_every_third_packet_only_costs_time() {
    let (lab, place) = (Lab::new(), Namespace::new());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/daemon/lossy.py");
    let mut cable = lab.host.spawn("python3", &[script]);
    let mut said = BufReader::new(cable.child().stdout.take().unwrap());
    said.read_line(&mut String::new()).unwrap();
    lab.host.ip(&format!("link set far netns {}", place.path()));
    for (end, link, address) in [(&lab.host, "near", "10.71.0.2"), (&place, "far", ADDRESS)] {
        end.ip(&format!("address add {address}/24 dev {link}"));
        end.ip(&format!("link set {link} up"));
        // What is lost is sent again soon: the wire is short.
        let route = "route replace 10.71.0.0/24 proto kernel scope link";
        end.ip(&format!("{route} src {address} dev {link} rto_min 10ms"));
    }
    let rig = Rig::over(lab, place, "sessions");
    rig.write(&[("node-02", ADDRESS, &rig.trust(), "")]);
    let _daemon = serving(&rig.lab, "off");
    rig.lab.applied();
    check(&rig.lab, "power on node-02", 0, &["node-02  on"]);
    assert_eq!(told_of(&rig.lab, "node-02"), [""; 0]);
}
