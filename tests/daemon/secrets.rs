//! Secrets of every kind through everything that the daemon does: none is in what it says, logs, keeps or runs, nor in what is left of it
//! when it dies.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::certificates::{Authority, NOW};
use crate::counterpart::{Bmc, PASSWORD as IPMI, Setup, USER};
use crate::emulator::{Emulator, PASSWORD as REDFISH};
use crate::kinds::{SWITCH, beside, switch};
use crate::lab::{Lab, SITE, Said, script};
use crate::leaks::Leaks;
use crate::sandbox::{Namespace, Running};

pub(crate) const KEY: &str = "kay-gee-of-rig";
pub(crate) const WEBHOOK: &str = "rosebud-and-all-that";
const PROGRAM: &str = "told-by-a-program-42";
const VARIABLE: &str = "of-the-environment-7";
const EVENTS: &str = "events-are-signed-by";
/// What is refused is a secret too: it may be right elsewhere.
pub(crate) const WRONG: &str = "once-upon-a-password";

pub(crate) const ALL: [&str; 8] = [
    IPMI, KEY, REDFISH, WEBHOOK, PROGRAM, VARIABLE, EVENTS, WRONG,
];

const MACHINES: [&str; 5] = ["ipmi", "redfish", "webhook", "program", "variable"];

/// What the daemon has in its environment, and whoever runs commands may have too.
const ENVIRONMENT: [(&str, &str); 2] = [("LAB_K_G", KEY), ("LAB_VARIABLE", VARIABLE)];

const IPMI_AT: &str = "10.71.0.21";
const REDFISH_AT: &str = "10.71.0.22";

/// Everything that is spoken with, as long as this value.
struct Rig {
    lab: Lab,
    leaks: Leaks,
    /// The machine's end of its serial line.
    serial: TcpStream,
    _bmc: Bmc,
    _emulator: Emulator,
    _switch: Running,
}

fn rig() -> Rig {
    let lab = Lab::new();
    let authority = Authority::new();
    let pdu = authority.signed("pdu", &format!("IP:{SWITCH}"), NOW);
    let redfish = authority.signed("bmc", &format!("IP:{REDFISH_AT}"), NOW);
    let place = beside(&lab);
    for address in [IPMI_AT, REDFISH_AT] {
        place.ip(&format!("address add {address}/16 dev eth0"));
    }
    let emulator = place.run(|| Emulator::start(REDFISH_AT, &redfish, "sessions"));
    let (running, port) = switch(&lab, &place, pdu.to_str().unwrap());
    let setup = Setup {
        address: IPMI_AT,
        key: Some(KEY),
        has_console: true,
        ..Setup::default()
    };
    let bmc = Bmc::sim_in(place, setup);
    let serial = bmc.serial();
    serial.set_nonblocking(false).unwrap();
    fs::create_dir(lab.path("kept")).unwrap();
    keep(&lab, "right");
    fs::write(lab.path("ca.pem"), authority.pem()).unwrap();
    write(&lab, emulator.port(), &port);
    let leaks = Leaks::new(&ALL, lab.folder.path());
    Rig {
        lab,
        leaks,
        serial,
        _bmc: bmc,
        _emulator: emulator,
        _switch: running,
    }
}

/// Writes the site, and beside it another that keeps each secret elsewhere.
fn write(lab: &Lab, redfish: u16, port: &str) {
    let path = |name: &str| lab.path(name).display().to_string();
    let (kept, ca) = (path("kept"), path("ca.pem"));
    let webhook = |name: &str, password: &str| {
        format!(
            r#"machine "{name}" {{
    bmc "webhook" username="admin" password={password} {{
        header "Authorization" "Basic {{{{ basic }}}}"
        header "X-Api-Key" "{{{{ password }}}}"
        on "PUT" "https://{SWITCH}:{port}/outlets/{name}" {{ body "{{\"state\": \"ON\"}}" }}
        off "PUT" "https://{SWITCH}:{port}/broken" {{ body "{{\"state\": \"OFF\"}}" }}
        status "GET" "https://{SWITCH}:{port}/outlets/{name}" {{ pointer "/outlets/0/state"; on "ON"; off "OFF" }}
        certificate-authority {ca:?}
    }}
}}
"#
        )
    };
    let site = [
        SITE.to_owned(),
        format!(
            "machine \"ipmi\" {{ bmc \"ipmi\" address=\"{IPMI_AT}\" username=\"{USER}\" password=(file)\"{kept}/ipmi\" {{ k-g (env)\"LAB_K_G\"; cipher-suite 3 }} }}\n"
        ),
        format!(
            "machine \"redfish\" {{ bmc \"redfish\" address=\"{REDFISH_AT}\" port={redfish} username=\"admin\" password=(file)\"{kept}/redfish\" {{ certificate-authority {ca:?} }} }}\n"
        ),
        webhook("webhook", &format!("(file)\"{kept}/webhook\"")),
        webhook("program", &format!("(exec)\"{kept}/program node\"")),
        webhook("variable", "(env)\"LAB_VARIABLE\""),
        format!(
            "webhook \"told\" url=\"https://127.0.0.1:9/\" {{ on \"commit\"; secret (file)\"{kept}/events\" }}\n"
        ),
    ];
    let site = site.concat();
    lab.write(&site);
    fs::create_dir_all(lab.path("other/boot")).unwrap();
    fs::copy(
        lab.path("site/boot/tiny.efi"),
        lab.path("other/boot/tiny.efi"),
    )
    .unwrap();
    let elsewhere = site
        .replace("(env)\"LAB_K_G\"", &format!("(exec)\"{kept}/program k-g\""))
        .replace(
            &format!("(exec)\"{kept}/program node\""),
            "(env)\"LAB_VARIABLE\"",
        )
        .replace(&format!("(file)\"{kept}/webhook\""), "(env)\"LAB_K_G\"");
    fs::write(lab.path("other/site.kdl"), elsewhere).unwrap();
}

/// Lays the secrets where they are kept: the right ones, or a wrong one.
fn keep(lab: &Lab, which: &str) {
    let of = |right: &'static str| if which == "right" { right } else { WRONG };
    for (name, secret) in [
        ("ipmi", of(IPMI)),
        ("redfish", of(REDFISH)),
        ("webhook", of(WEBHOOK)),
        ("events", of(EVENTS)),
    ] {
        fs::write(lab.path("kept").join(name), format!("{secret}\n")).unwrap();
    }
    let end = if which == "failing" { "exit 1" } else { "" };
    let secret = of(PROGRAM);
    let text = format!("#!/bin/sh\necho {secret} >&2\nsleep 0.2\necho {secret}\n{end}\n");
    script(&lab.path("kept/program"), &text);
}

/// The daemon, whose log is as talkative as it can be, where a core would be written if one may be.
fn serve(lab: &Lab) -> Running {
    let mut command = lab.daemon(&CORES);
    command.env("RUST_LOG", "trace").envs(ENVIRONMENT);
    command.current_dir(lab.folder.path());
    lab.ready(command)
}

/// Words before a command that let it leave a core.
const CORES: [&str; 3] = ["sh", "-c", "ulimit -c unlimited; exec \"$0\" \"$@\""];

/// The processes below one, and itself.
fn tree(root: u32) -> BTreeSet<u32> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        parents.extend(parent.map(|parent: u32| (pid, parent)));
    }
    let mut all = BTreeSet::from([root]);
    loop {
        let before = all.len();
        let below = parents.iter().filter(|(_, parent)| all.contains(parent));
        let below: Vec<u32> = below.map(|(pid, _)| *pid).collect();
        all.extend(below);
        if all.len() == before {
            return all;
        }
    }
}

/// Ends a watch, however the test ends.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Looks at the daemon's process list until `done`; how many programs of its own it saw.
fn watch(leaks: &Leaks, daemon: u32, done: &AtomicBool) -> usize {
    let mut seen = BTreeSet::new();
    while !done.load(Ordering::Relaxed) {
        for pid in tree(daemon) {
            let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
            leaks.clean("the process list", &read("cmdline"));
            if pid != daemon && seen.insert(pid) {
                // Between the two it is still the daemon, by another number.
                let is_own = read("cmdline")
                    .windows(12)
                    .any(|part| part == b"kept/program");
                if is_own {
                    leaks.clean("a program's environment", &read("environ"));
                }
            }
        }
        thread::sleep(Duration::from_millis(20));
    }
    seen.len()
}

/// What has to do with no machine or with all of them, and some beside.
const COMMANDS: [&str; 22] = [
    "check",
    "plan",
    "plan --full",
    "-v plan",
    "plan --out saved.plan",
    "apply --yes",
    "status",
    "-v status",
    "diff ../other",
    "diff ../other --full",
    "diff ../other --markdown",
    "events",
    "leases",
    "history",
    "graph",
    "bmc discover",
    "ip list",
    "power status",
    "explain D065",
    "completions bash",
    "completions zsh",
    "completions fish",
];

/// What is asked of one machine.
const ASKED: [&str; 15] = [
    "power on M",
    "power off M --yes",
    "power cycle M --yes",
    "power reset M --yes",
    "sensors M",
    "sel M",
    "sel M --clear --yes",
    "bmc inventory M",
    "bmc trust M",
    "bmc boot status M",
    "bmc identify M",
    "bmc media status M",
    "console M --recordings",
    "console M --log",
    "show machine/M/bmc",
];

impl Rig {
    /// What a command says, by somebody whose environment has secrets too.
    fn said(&self, line: &str) -> Said {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut command = self.lab.command("site", &words);
        let said = Said::of(&command.envs(ENVIRONMENT).output().unwrap());
        for text in [&said.out, &said.err] {
            self.leaks.clean(line, text.as_bytes());
        }
        said
    }

    /// Every command that has to do with BMCs, secrets or what is told of them.
    fn run_all(&self, machines: &[&str]) {
        let both = |line: &str| {
            self.said(line);
            self.said(&format!("--json {line}"));
        };
        thread::scope(|scope| {
            for machine in machines {
                scope.spawn(move || {
                    ASKED
                        .iter()
                        .for_each(|line| both(&line.replace('M', machine)));
                });
            }
            COMMANDS.into_iter().for_each(both);
        });
    }

    /// Consoles that cannot be had, whose reason is told.
    fn no_console(&self, machines: &[&str]) {
        for machine in machines {
            for words in ["", " --record"] {
                let said = self.said(&format!("console {machine}{words}"));
                assert_ne!(said.code, 0, "{said:?}");
            }
        }
    }

    /// One that is recorded, and where something comes and goes.
    fn console(&mut self) {
        for json in [&[][..], &["--json"]] {
            let words = [json, &["console", "ipmi", "--record"]].concat();
            let mut command = self.lab.command("site", &words);
            command.envs(ENVIRONMENT).stdin(Stdio::piped());
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let mut shown = BufReader::new(child.stdout.take().unwrap());
            let mut typed = child.stdin.take().unwrap();
            typed.write_all(b"x").unwrap();
            self.serial.read_exact(&mut [0]).unwrap();
            self.serial.write_all(b"ready to log in\r\n").unwrap();
            let mut all = String::new();
            while !all.contains("ready to log in") {
                assert!(shown.read_line(&mut all).unwrap() > 0, "{all}");
            }
            let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
            kill(pid, Signal::SIGTERM).unwrap();
            let said = Said::of(&child.wait_with_output().unwrap());
            assert_eq!(said.code, 0, "{said:?}");
            for text in [&all, &said.out, &said.err] {
                self.leaks.clean("console", text.as_bytes());
            }
        }
        let kept = self.said("console ipmi --replay").out;
        assert!(kept.contains("ready to log in"), "{kept}");
    }
}

#[test]
fn no_secret_is_ever_told() {
    let mut rig = rig();
    let mut daemon = serve(&rig.lab);
    let pid = daemon.child().id();
    rig.lab.applied();
    // They do reach whom they are for.
    for machine in MACHINES {
        let said = rig.said(&format!("power on {machine}"));
        assert_eq!(said.code, 0, "{machine}: {said:?}");
    }
    let changed = rig.said("diff ../other").out;
    for part in ["(env)\"LAB_VARIABLE\"", "(exec)", "(file)"] {
        assert!(changed.contains(part), "{part}: {changed}");
    }
    rig.console();
    let (done, rig) = (AtomicBool::new(false), &rig);
    let seen = thread::scope(|scope| {
        let watching = scope.spawn(|| watch(&rig.leaks, pid, &done));
        let over = Done(&done);
        rig.run_all(&MACHINES);
        rig.no_console(&MACHINES[1..]);
        keep(&rig.lab, "wrong");
        rig.run_all(&MACHINES);
        rig.no_console(&MACHINES);
        keep(&rig.lab, "failing");
        rig.run_all(&["program"]);
        keep(&rig.lab, "right");
        let said = rig.said("power status program");
        assert_eq!(said.code, 0, "{said:?}");
        drop(over);
        watching.join().unwrap()
    });
    assert!(seen > 0, "the program that tells a secret was never seen");
    let asked = fs::read_to_string(rig.lab.path("asked")).unwrap();
    for secret in [WEBHOOK, PROGRAM, VARIABLE] {
        assert!(asked.contains(secret), "{secret} was sent where it belongs");
    }
    let log = fs::read_to_string(rig.lab.path("log")).unwrap();
    assert!(log.contains("power off"), "the log tells what is done");
    rig.leaks.clean_file(&rig.lab.path("log"));
    rig.leaks.clean_file(&rig.lab.path("site/saved.plan"));
    rig.leaks.clean_below(&rig.lab.path("state"));
    // While sessions are open, whose secrets it has in mind.
    assert!(
        !core(daemon.child(), pid),
        "the daemon leaves its memory behind"
    );
}

/// Whether a process that dies of a fault of its own leaves its memory in a file.
fn core(child: &mut std::process::Child, pid: u32) -> bool {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap());
    kill(pid, Signal::SIGABRT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(6), "{status:?}");
    status.core_dumped()
}

/// Here a process that is not the daemon does: the test above can fail.
#[test]
fn a_core_is_written_where_nothing_forbids_it() {
    let folder = tempfile::tempdir().unwrap();
    let place = Namespace::new();
    let mut command = place.command(CORES[0]);
    command.args(&CORES[1..]).args(["sleep", "600"]);
    command.current_dir(folder.path()).stdin(Stdio::null());
    let mut sleep = Running::start(&mut command);
    let pid = sleep.child().id();
    let comm = format!("/proc/{pid}/comm");
    while fs::read_to_string(&comm).unwrap() != "sleep\n" {
        thread::yield_now();
    }
    assert!(
        core(sleep.child(), pid),
        "see /proc/sys/kernel/core_pattern"
    );
}
