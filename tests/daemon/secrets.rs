//! Secrets of every kind through everything that the daemon does: none is in what it says, logs, keeps or runs, nor in what is left of it
//! when it dies.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bedplate::base::secret::Secret;
use bedplate::world::bmc::{Target, ipmi, redfish};
use bedplate::world::https::Trusted;
use data_encoding::BASE64;

use crate::certificates::{Authority, NOW};
use crate::counterpart::{Bmc, PASSWORD as IPMI, Setup, USER};
use crate::emulator::{Emulator, PASSWORD as REDFISH};
use crate::kinds::{SWITCH, beside, switch};
use crate::lab::{Lab, SITE, script};
use crate::sandbox::{Namespace, Running};

const KEY: &str = "kay-gee-of-rig";
const WEBHOOK: &str = "rosebud-and-all-that";
const PROGRAM: &str = "told-by-a-program-42";
const EVENTS: &str = "events-are-signed-by";
/// What is refused is a secret too: it may be right elsewhere.
const WRONG: &str = "once-upon-a-password";

const ALL: [&str; 7] = [IPMI, KEY, REDFISH, WEBHOOK, PROGRAM, EVENTS, WRONG];

const MACHINES: [&str; 4] = ["ipmi", "redfish", "webhook", "program"];

const IPMI_AT: &str = "10.71.0.21";
const REDFISH_AT: &str = "10.71.0.22";

/// The secrets as they are and as they may be written.
fn forms() -> Vec<String> {
    let mut forms = Vec::new();
    for secret in ALL {
        let basic = BASE64.encode(format!("admin:{secret}").as_bytes());
        let base64 = BASE64.encode(secret.as_bytes());
        let hex = secret.bytes().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        let bytes = format!("{:?}", secret.as_bytes());
        let bytes = bytes.trim_matches(['[', ']']).to_owned();
        // Without the end, which depends on what follows.
        let base64 = base64.trim_end_matches('=');
        let base64 = base64[..base64.len() - 1].to_owned();
        forms.extend([
            secret.to_owned(),
            basic,
            base64,
            hex.to_uppercase(),
            hex,
            bytes,
        ]);
    }
    forms
}

/// Sees that no secret is in `said`.
fn clean(what: &str, said: &[u8]) {
    for form in forms() {
        let is_in = said.windows(form.len()).any(|part| part == form.as_bytes());
        assert!(!is_in, "{what} tells {form}");
    }
}

/// Everything that is spoken with, as long as this value.
struct Rig {
    lab: Lab,
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
        ..Setup::default()
    };
    let bmc = Bmc::sim_in(place, setup);
    fs::create_dir(lab.path("kept")).unwrap();
    keep(&lab, "right");
    fs::write(lab.path("ca.pem"), authority.pem()).unwrap();
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
            "machine \"redfish\" {{ bmc \"redfish\" address=\"{REDFISH_AT}\" port={} username=\"admin\" password=(file)\"{kept}/redfish\" {{ certificate-authority {ca:?} }} }}\n",
            emulator.port()
        ),
        webhook("webhook", &format!("(file)\"{kept}/webhook\"")),
        webhook("program", &format!("(exec)\"{kept}/program node\"")),
        format!(
            "webhook \"told\" url=\"https://127.0.0.1:9/\" {{ on \"commit\"; secret (file)\"{kept}/events\" }}\n"
        ),
    ];
    lab.write(&site.concat());
    Rig {
        lab,
        _bmc: bmc,
        _emulator: emulator,
        _switch: running,
    }
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
    command.env("RUST_LOG", "trace").env("LAB_K_G", KEY);
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
fn watch(daemon: u32, done: &AtomicBool) -> usize {
    let mut seen = BTreeSet::new();
    while !done.load(Ordering::Relaxed) {
        for pid in tree(daemon) {
            let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
            clean("the process list", &read("cmdline"));
            if pid != daemon && seen.insert(pid) {
                // Between the two it is still the daemon, by another number.
                let is_own = read("cmdline")
                    .windows(12)
                    .any(|part| part == b"kept/program");
                if is_own {
                    clean("a program's environment", &read("environ"));
                }
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    seen.len()
}

/// Every command that has to do with BMCs, secrets or what is told of them, and some beside.
fn run_all(lab: &Lab, machines: &[&str]) {
    let mut commands: Vec<String> = [
        "check",
        "plan",
        "-v plan",
        "apply --yes",
        "status",
        "-v status",
        "events",
        "leases",
        "history",
        "graph",
        "bmc discover",
        "ip list",
        "power status",
        "explain D065",
    ]
    .map(str::to_owned)
    .to_vec();
    for machine in machines {
        for deed in ["on", "off", "cycle", "reset"] {
            commands.push(format!("power {deed} {machine} --yes"));
        }
        commands.push(format!("sensors {machine}"));
        commands.push(format!("sel {machine}"));
        commands.push(format!("bmc inventory {machine}"));
        commands.push(format!("bmc trust {machine}"));
        commands.push(format!("bmc boot status {machine}"));
        commands.push(format!("bmc identify {machine}"));
        commands.push(format!("show machine/{machine}/bmc"));
    }
    for command in &commands {
        for json in ["", "--json "] {
            let line = format!("{json}{command}");
            let words: Vec<&str> = line.split_whitespace().collect();
            let said = lab.run(&words);
            clean(&line, said.out.as_bytes());
            clean(&line, said.err.as_bytes());
        }
    }
}

/// Every file below a folder.
fn files(folder: &Path, look: &mut impl FnMut(&Path, &[u8])) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => files(&path, look),
            false => look(&path, &fs::read(&path).unwrap_or_default()),
        }
    }
}

#[test]
fn no_secret_is_ever_told() {
    let rig = rig();
    let lab = &rig.lab;
    let mut daemon = serve(lab);
    let pid = daemon.child().id();
    let done = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let watching = scope.spawn(|| watch(pid, &done));
        let over = Done(&done);
        lab.applied();
        // They do reach whom they are for.
        for machine in MACHINES {
            let said = lab.run(&["power", "on", machine]);
            assert_eq!(said.code, 0, "{machine}: {said:?}");
        }
        run_all(lab, &MACHINES);
        keep(lab, "wrong");
        run_all(lab, &MACHINES);
        keep(lab, "failing");
        run_all(lab, &["program"]);
        keep(lab, "right");
        let said = lab.run(&["power", "status", "program"]);
        assert_eq!(said.code, 0, "{said:?}");
        drop(over);
        watching.join().unwrap()
    });
    assert!(seen > 0, "the program that tells a secret was never seen");
    let asked = fs::read_to_string(lab.path("asked")).unwrap();
    for secret in [WEBHOOK, PROGRAM] {
        assert!(asked.contains(secret), "{secret} was sent where it belongs");
    }
    let log = fs::read(lab.path("log")).unwrap();
    let is_told = log.windows(9).any(|part| part == b"power off");
    assert!(is_told, "the log tells what is done");
    clean("the log", &log);
    let mut count = 0;
    files(&lab.path("state"), &mut |path, bytes| {
        count += 1;
        clean(&path.display().to_string(), bytes);
    });
    assert!(count > 0, "the daemon keeps something");
    // While sessions are open, whose secrets it has in mind.
    assert!(
        !core(daemon.child(), pid),
        "the daemon leaves its memory behind"
    );
}

/// Whether a process that dies of a fault of its own leaves its memory in a file.
fn core(child: &mut std::process::Child, pid: u32) -> bool {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGABRT).unwrap();
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
        std::thread::yield_now();
    }
    assert!(
        core(sleep.child(), pid),
        "see /proc/sys/kernel/core_pattern"
    );
}

/// What a panic says is what errors say of themselves, at their most talkative.
#[tokio::test]
async fn no_panic_tells_a_secret() {
    let nobody = ([127, 0, 0, 1], 1);
    let mut ipmi = ipmi::Target::new(nobody.into(), b"admin", Secret::new(IPMI.into()));
    ipmi.bmc_key = Some(Secret::new(KEY.into()));
    let redfish = redfish::Target {
        endpoint: redfish::Endpoint {
            address: nobody.0.into(),
            port: nobody.1,
            name: None,
            transport: redfish::Transport::Tls(Trusted::Authority(WRONG.as_bytes().into())),
        },
        username: "admin".to_owned(),
        password: Secret::new(REDFISH.into()),
        system: None,
        limits: redfish::Limits::USUAL,
    };
    for target in [Target::Ipmi(ipmi), Target::Redfish(redfish)] {
        let opened = tokio::spawn(async move {
            let error = target.open().await.err();
            panic!("{error:?}");
        });
        let panic = opened.await.unwrap_err().into_panic();
        let said = panic.downcast_ref::<String>().unwrap();
        assert!(said.starts_with("Some("), "{said}");
        clean("a panic", said.as_bytes());
    }
}
