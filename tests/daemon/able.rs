//! What is asked of all machines, or of those of a tag, where some cannot do it; and what a person is asked for.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::bmc::check;
use crate::lab::{Lab, PATIENCE, SITE, Said};
use crate::pool::racked;

/// A lab with machines of every kind that only switches, and two with BMCs.
fn mixed() -> (Lab, crate::support::rack::Rack, crate::sandbox::Namespace) {
    let (lab, rack, place) = racked(2);
    let site = std::fs::read_to_string(lab.path("site/site.kdl")).unwrap();
    let site = site.replace("{ bmc \"ipmi\"", "{ tag \"all-kinds\"; bmc \"ipmi\"");
    lab.write(&format!(
        "{site}\
         profile \"r7\" {{ rack \"r7\" }}\n\
         machine \"hand\" profile=\"r7\" {{ tag \"all-kinds\"; bmc \"manual\" {{ instruction \"the button\" }} }}\n\
         machine \"wake\" {{ rack \"r8\"; tag \"all-kinds\"; bmc \"wake-on-lan\"; ethernet \"eth0\" mac=\"02:00:00:00:70:02\" vlan=\"pxe\" }}\n\
         machine \"hook\" {{ tag \"hooks\"; bmc \"webhook\" {{ on \"POST\" \"http://127.0.0.1:9/on\" }} }}\n"
    ));
    (lab, rack, place)
}

#[test]
fn a_person_is_asked_and_believed() {
    let lab = Lab::new();
    lab.write(&format!(
        "{SITE}machine \"node-02\" {{ tag \"rack\"; bmc \"manual\" {{ instruction \"the button at the front\" }} }}\n"
    ));
    let _daemon = lab.serve();
    lab.applied();
    check(&lab, "power status node-02", 0, &["node-02  unknown"]);
    check(
        &lab,
        "power done node-02",
        1,
        &["D009", "nobody is asked to switch node-02"],
    );
    let mut command = lab.command("site", &["power", "on", "node-02"]);
    let asked = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut asked = asked.unwrap();
    let mut said = BufReader::new(asked.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert_eq!(
        line,
        "node-02 waits for a person: power on: the button at the front\n"
    );
    check(
        &lab,
        "power off node-02 --yes",
        4,
        &["D064", "asked about node-02 already"],
    );
    let events = check(&lab, "events", 0, &["node-02 waits for a person"]).out;
    assert!(
        events.contains("power on: the button at the front"),
        "{events}"
    );
    check(&lab, "power done tag:rack", 0, &["node-02  done"]);
    let said = Said::of(&asked.wait_with_output().unwrap());
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("node-02  on"), "{said:?}");
    let over = "node-02 waits for nobody any more: it is done\n";
    check(&lab, "events", 0, &["  bmc         -  ", over]);
    check(&lab, "power done node-02", 1, &["D009"]);
    check(&lab, "power status node-02", 0, &["node-02  unknown"]);
    check(&lab, "sensors node-02", 1, &["a person has no sensors"]);
}

/// What commands say of machines of every kind: part of it, and the exit code.
const CASES: &[(&str, i32, &[&str])] = &[
    (
        "power off wake bmc-001 --yes",
        4,
        &["D064", "Wake-on-LAN has no off", "bmc-001  off"],
    ),
    (
        "power reset tag:hooks --yes",
        1,
        &[
            "D064",
            "none of these machines can do that",
            "no request `reset`",
        ],
    ),
    (
        "bmc boot status tag:hooks",
        1,
        &["a webhook switches power alone"],
    ),
    (
        "bmc identify hand",
        4,
        &[
            "D064",
            "the BMC of hand has no such thing",
            "a person has no light",
        ],
    ),
    (
        "sensors wake",
        1,
        &[
            "D064",
            "has no such thing",
            "Wake-on-LAN has no sensors",
            "help: `bmc` of wake in the site",
        ],
    ),
    (
        "bmc media status bmc-001",
        4,
        &[
            "D064",
            "IPMI knows no virtual media, Redfish does",
            "help: `bmc \"ipmi\"` of bmc-001 in the site",
        ],
    ),
    (
        "sel rack:r7 --clear --yes",
        1,
        &[
            "none of these machines can do that",
            "power alone",
            "help: `bmc` in the site says how each machine is reached",
        ],
    ),
    (
        "sensors all",
        4,
        &[
            "skipped 1 machine: a webhook switches power alone (hook)\n",
            "bmc-000:\nfailed  D064: ",
            "bmc-001:\nfailed  D064: ",
        ],
    ),
    ("sensors", 1, &["NAME|tag:TAG|rack:RACK|all"]),
    // What is amiss with a machine stands in the table.
    (
        "bmc boot status all",
        4,
        &[
            "skipped 1 machine: a person is asked for power alone (hand)\n",
            "skipped 1 machine: a webhook switches power alone (hook)\n",
            "skipped 1 machine: Wake-on-LAN only wakes a machine (wake)\n",
            "bmc-000  failed  D064: ",
        ],
    ),
    (
        "power status rack:r7",
        0,
        &["hand  unknown  nobody can tell whether it runs\n"],
    ),
    (
        "power status rack:cellar",
        1,
        &[
            "D060",
            "no machine of the site in force stands in rack `cellar`",
            "its racks are `r7`, `r8`",
        ],
    ),
    ("power status rack:r77", 1, &["did you mean `r7`?"]),
    (
        "power status",
        0,
        &["bmc-000  on", "hand     unknown", "wake     unknown"],
    ),
];

#[test]
fn who_cannot_do_it_is_left_out_unless_it_was_named() {
    let (lab, rack, _place) = mixed();
    rack.set("10.72.1.1", |bmc| bmc.is_on = true);
    let _daemon = crate::pool::serving(&lab, "off");
    lab.applied();
    for (arguments, code, parts) in CASES {
        check(&lab, arguments, *code, parts);
    }
    // A person is asked for it too, and so this waits.
    let mut asked = lab.command(
        "site",
        &["--json", "power", "off", "tag:all-kinds", "--yes"],
    );
    let mut asked = asked.stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(asked.stdout.take().unwrap()).lines();
    let mut events: Vec<Value> = Vec::new();
    while !events.iter().any(|event| event["asked"].is_object()) {
        events.push(serde_json::from_str(&said.next().unwrap().unwrap()).unwrap());
    }
    let skipped = json!({"skipped": {"why": "Wake-on-LAN only switches on", "machines": ["wake"]}});
    assert_eq!(events[0], json!({"chosen": {"machines": 3}}));
    assert_eq!(events[1], skipped);
    let status = lab.status();
    assert_eq!(status["asked"][0]["machine"], "hand", "{status:#}");
    let told = "hand waits for a person since ";
    let how = "power off: the button; once it is done: bedplate power done hand";
    check(&lab, "status", 0, &[told, how]);
    check(
        &lab,
        "power status hand",
        0,
        &["hand  unknown  waits for a person since ", how],
    );
    check(&lab, "power done hand", 0, &["hand  done"]);
    assert_eq!(asked.wait().unwrap().code(), Some(0));
    assert!(lab.status()["asked"].is_null());
}

/// A command of the lab on a terminal of its own, and what is typed there.
fn typed(lab: &Lab, arguments: &str, until: &str, keys: &[u8]) -> Said {
    let program = env!("CARGO_BIN_EXE_bedplate");
    let (socket, path) = (lab.path("socket"), lab.path("said"));
    let mut terminal: Command = lab.host.command("script");
    terminal.args(["--quiet", "--return", "--flush", "--command"]);
    terminal.arg(format!("'{program}' --socket {socket:?} {arguments}"));
    terminal.arg(&path).stdin(Stdio::piped());
    let _none_before = std::fs::remove_file(&path);
    let mut running = terminal.stdout(Stdio::piped()).spawn().unwrap();
    let mut keyboard = running.stdin.take().unwrap();
    let end = std::time::Instant::now() + PATIENCE;
    loop {
        let said = std::fs::read_to_string(&path).unwrap_or_default();
        if said.contains(until) {
            break;
        }
        assert!(std::time::Instant::now() < end, "{said}");
        std::thread::yield_now();
    }
    keyboard.write_all(keys).unwrap();
    let said = Said::of(&running.wait_with_output().unwrap());
    drop(keyboard);
    said
}

#[test]
fn on_a_terminal_enter_says_that_it_is_done_and_ctrl_c_that_the_daemon_goes_on() {
    let (lab, _rack, _place) = mixed();
    let _daemon = crate::pool::serving(&lab, "off");
    lab.applied();
    let said = typed(
        &lab,
        "power on hand",
        "once it is done: Enter, or bedplate power done hand",
        b"\r",
    );
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("hand  on"), "{said:?}");
    let said = typed(&lab, "power on hand", "once it is done", b"\x03");
    assert_eq!(said.code, 130, "{said:?}");
    assert!(said.out.contains("The daemon goes on with it"), "{said:?}");
    check(&lab, "power done hand", 0, &["hand  done"]);
    assert!(SITE.contains("pxe"));
}
