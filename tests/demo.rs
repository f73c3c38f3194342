//! The demo as a newcomer runs it: as root and as nobody; what its wires carried, and that nothing stays behind.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, getpgid};
use serde_json::Value;

/// Who owns nothing on a Linux host.
const NOBODY: u32 = 65_534;

/// What Ctrl-C makes of an exit code.
const INTERRUPTED: i32 = 130;

/// A machine of the demo, and what its wire must have carried.
struct Expected {
    mac: &'static str,
    /// The address of its last boot.
    address: &'static str,
    name: &'static str,
    /// The request for its boot program: the file of an RRQ, or method and path of an HTTP request.
    request: [&'static str; 3],
}

const MACHINES: [Expected; 3] = [
    Expected {
        mac: "52:54:00:00:00:01",
        address: "10.10.0.11",
        name: "node-01.quickstart.example.net",
        request: ["boot/bootx64.efi", "", ""],
    },
    Expected {
        mac: "52:54:00:00:00:02",
        address: "10.10.0.12",
        name: "node-02.quickstart.example.net",
        request: ["boot/undionly.kpxe", "", ""],
    },
    Expected {
        mac: "52:54:00:00:00:03",
        address: "10.10.0.13",
        name: "node-03.quickstart.example.net",
        request: ["", "GET", "/boot/bootx64.efi"],
    },
];

/// What tshark reads from each frame, in this order.
const FIELDS: [&str; 10] = [
    "eth.src",
    "eth.dst",
    "dhcp.hw.mac_addr",
    "dhcp.option.dhcp",
    "tftp.source_file",
    "http.request.method",
    "http.request.uri",
    "dns.qry.name",
    "dns.a",
    "dns.ptr.domain_name",
];

/// The program where anyone may run it, and a folder for what it leaves behind, which must stay empty.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Self { folder };
        fs::set_permissions(place.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        // By another process: a child that is started meanwhile would inherit the open file, and nobody could run it for that long.
        let mut copy = Command::new("cp");
        copy.arg(env!("CARGO_BIN_EXE_bedplate"))
            .arg(place.program());
        assert!(copy.status().unwrap().success());
        for folder in [place.temporary(), place.results()] {
            fs::create_dir(&folder).unwrap();
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o1777)).unwrap();
        }
        place
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("bedplate")
    }

    fn temporary(&self) -> PathBuf {
        self.folder.path().join("tmp")
    }

    fn results(&self) -> PathBuf {
        self.folder.path().join("results")
    }

    fn demo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.program());
        command.args(arguments).arg("demo");
        command.env("TMPDIR", self.temporary()).stdin(Stdio::null());
        command
    }

    fn assert_clean(&self) {
        let left: Vec<_> = fs::read_dir(self.temporary()).unwrap().collect();
        assert!(left.is_empty(), "left behind: {left:?}");
        let processes = self.processes();
        assert!(processes.is_empty(), "still running: {processes:?}");
    }

    /// Processes that run the program of this place.
    fn processes(&self) -> Vec<i32> {
        let program = self.program();
        let is_ours = |id: &i32| {
            fs::read_link(format!("/proc/{id}/exe")).is_ok_and(|executable| executable == program)
        };
        let entries = fs::read_dir("/proc").unwrap().flatten();
        entries
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(is_ours)
            .collect()
    }
}

fn succeeded(output: &Output) -> String {
    let told = String::from_utf8(output.stdout.clone()).unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{complaints}");
    assert_eq!(complaints, "");
    told
}

/// The host's links without what changes by itself.
fn host_links() -> BTreeSet<(String, String, String)> {
    let output = Command::new("ip").args(["-j", "link"]).output();
    let output = output.expect("the test needs `ip`: apt-get install iproute2");
    let links: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |link: &Value, key: &str| link[key].to_string();
    let links = links.as_array().unwrap().iter();
    links
        .map(|link| {
            (
                text(link, "ifname"),
                text(link, "address"),
                text(link, "operstate"),
            )
        })
        .collect()
}

/// The frames of the machines' protocols, as another program reads them.
fn captured(file: &Path) -> Vec<[String; FIELDS.len()]> {
    let requests = "dhcp || tftp.opcode == 1 || http.request || dns";
    let mut tshark = Command::new("tshark");
    tshark.args(["-n", "-Y", requests, "-T", "fields", "-r"]);
    tshark.arg(file);
    for field in FIELDS {
        tshark.args(["-e", field]);
    }
    let output = tshark.output();
    let output = output.expect("the test needs tshark: apt-get install tshark");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let row = |line: &str| {
        let mut values = line.split('\t').map(str::to_owned);
        FIELDS.map(|field| {
            values
                .next()
                .unwrap_or_else(|| panic!("no {field}: {line}"))
        })
    };
    text.lines().map(row).collect()
}

fn assert_captured(file: &Path) {
    let frames = captured(file);
    for Expected {
        mac,
        address,
        name,
        request,
    } in MACHINES
    {
        // A broadcast passes every port, and what a bridge drops is sent again: the first of each kind counts.
        let mut kinds: Vec<&str> = Vec::new();
        for [_, _, client, kind, ..] in &frames {
            if client == mac && !kinds.contains(&kind.as_str()) {
                kinds.push(kind);
            }
        }
        assert_eq!(kinds, ["1", "2", "3", "5"], "{mac}: no DORA");

        let (mut asks, mut has_address, mut has_name, mut loads) = (false, false, false, false);
        for [from, to, _, _, file, method, path, query, a, ptr] in &frames {
            loads |= from == mac && request == [file, method, path];
            asks |= from == mac && query == name;
            has_address |= to == mac && query == name && a == address;
            has_name |= to == mac && ptr == name;
        }
        assert!(loads, "{mac}: no {request:?}");
        assert!(asks, "{mac}: no query for {name}");
        assert!(has_address, "{mac}: no answer with {address}");
        assert!(has_name, "{mac}: no pointer to {name}");
    }
}

#[test]
fn tells_its_story_as_root_and_as_nobody() {
    for user in [0, NOBODY] {
        let place = Place::new();
        let before = host_links();
        let file = place.results().join("wires.pcap");
        let mut demo = place.demo(&[]);
        demo.arg("--capture").arg(&file).uid(user).gid(user);
        let told = succeeded(&demo.output().unwrap());
        let headings = [
            "The sandbox",
            "The site",
            "The plan",
            "The apply",
            "node-01, node-02 and node-03 boot",
            "An edit",
            "The other machines",
            "node-03 boots",
            "Done in",
        ];
        let mut rest = told.as_str();
        for heading in headings {
            let found = rest.split_once(&format!("\n{heading}"));
            rest = found
                .unwrap_or_else(|| panic!("no {heading:?} in\n{rest}"))
                .1;
        }
        assert!(
            told.contains("user namespace") == (user == NOBODY),
            "{told}"
        );
        assert_captured(&file);
        assert_eq!(host_links(), before);
        place.assert_clean();
    }
}

#[test]
fn programs_read_one_event_a_line() {
    let place = Place::new();
    let told = succeeded(&place.demo(&["--json"]).output().unwrap());
    let events: Vec<Value> = told
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let of = |kind: &str| -> Vec<&Value> {
        events
            .iter()
            .filter(|event| event["event"] == kind)
            .collect()
    };
    assert_eq!(of("leased").len(), 4);
    assert_eq!(of("leased")[3]["address"], MACHINES[2].address);
    assert_eq!(of("named")[3]["name"], MACHINES[2].name);
    let renewed = of("renewed")[0];
    assert!(renewed["asked"].as_u64().unwrap() > 1, "{renewed}");
    assert_eq!(renewed["asked"], renewed["answered"]);
    let end = events.last().unwrap();
    assert_eq!(end["event"], "end");
    assert!(end["at"].as_f64().unwrap() < 30.0, "{end}");
    place.assert_clean();
}

/// A demo that has begun to boot its machines: its daemon runs.
fn begun(place: &Place) -> Child {
    let mut demo = place.demo(&[]);
    // A job of its own, as a shell makes it.
    let mut demo = demo
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let mut told = BufReader::new(demo.stdout.take().unwrap()).lines();
    let booting = told.find(|line| line.as_ref().unwrap().contains(" boot  "));
    assert!(booting.is_some(), "the demo ended early");
    // Reading on in the background lets the demo go on as if somebody watched.
    thread::spawn(move || told.count());
    demo
}

#[test]
fn an_interrupted_demo_takes_everything_down() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let place = Place::new();
        let mut demo = begun(&place);
        kill(Pid::from_raw(demo.id().cast_signed()), signal).unwrap();
        assert_eq!(demo.wait().unwrap().code(), Some(INTERRUPTED), "{signal}");
        place.assert_clean();
    }
}

/// A terminal's Ctrl-C goes to the whole job: the daemon would be gone before the demo knows why.
#[test]
fn a_terminals_interrupt_reaches_the_demo_alone() {
    let place = Place::new();
    let mut demo = begun(&place);
    let job = Pid::from_raw(demo.id().cast_signed());
    let in_job = |id: &i32| getpgid(Some(Pid::from_raw(*id))) == Ok(job);
    let reached: Vec<_> = place.processes().into_iter().filter(in_job).collect();
    assert_eq!(reached, [job.as_raw()]);
    killpg(job, Signal::SIGINT).unwrap();
    assert_eq!(demo.wait().unwrap().code(), Some(INTERRUPTED));
    place.assert_clean();
}

#[test]
fn a_killed_demo_leaves_no_daemon() {
    // Orphans become this process's children, so that their end can be waited for.
    set_child_subreaper(true).unwrap();
    let place = Place::new();
    let mut demo = begun(&place);
    let demo_id = demo.id().cast_signed();
    let daemons: Vec<i32> = place
        .processes()
        .into_iter()
        .filter(|id| *id != demo_id)
        .collect();
    assert_eq!(daemons.len(), 1);
    demo.kill().unwrap();
    demo.wait().unwrap();
    let daemon = Pid::from_raw(daemons[0]);
    let (ended, has_ended) = mpsc::channel();
    thread::spawn(move || ended.send(waitpid(daemon, None)));
    let waited = has_ended.recv_timeout(Duration::from_secs(10));
    if waited.is_err() {
        kill(daemon, Signal::SIGKILL).unwrap();
    }
    waited.expect("the daemon goes on alone").unwrap();
}

/// A user namespace of its own forbids further ones in it, as a host's setting does.
#[test]
fn names_the_setting_that_forbids_the_sandbox() {
    let place = Place::new();
    let forbid = "echo 0 > /proc/sys/user/max_user_namespaces && \
                  exec setpriv --bounding-set=-all --inh-caps=-all \"$0\" demo";
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "sh", "-c", forbid])
        .arg(place.program())
        .output()
        .expect("the test needs `unshare` and `setpriv`: apt-get install util-linux");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    for part in [
        "error[D011]: there can be no sandbox on this host",
        "help: /proc/sys/user/max_user_namespaces is 0",
        "sysctl -w user.max_user_namespaces=",
    ] {
        assert!(told.contains(part), "no {part:?} in\n{told}");
    }
}
