//! `bedplate console` on a terminal and in pipes, through the real daemon, at the serial line of a BMC that is not ours.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant, SystemTime};

use bedplate::daemon::RECORDING_DAYS;
use bedplate::world::bmc::ipmi::Session;
use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::Pid;

use crate::bmc::{beside, check};
use crate::certificates::Authority;
use crate::counterpart::{Bmc, PASSWORD, Setup, USER};
use crate::emulator::{self, Emulator};
use crate::lab::{Lab, PATIENCE, SITE, Said};
use crate::support::sandbox::Running;

const ADDRESS: &str = "10.71.0.21";

/// Ctrl-] and a dot.
const LEAVE: &[u8] = b"\x1d.";

/// What somebody says as it comes.
pub(crate) struct Heard {
    pieces: Receiver<Vec<u8>>,
    all: String,
}

impl Heard {
    fn of(mut from: impl Read + Send + 'static) -> Self {
        let (tell, pieces) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                if tell.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        let all = String::new();
        Self { pieces, all }
    }

    /// Waits until it was said.
    pub(crate) fn until(&mut self, part: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.all.contains(part) {
            let left = end.saturating_duration_since(Instant::now());
            match self.pieces.recv_timeout(left) {
                Ok(piece) => self.all.push_str(&String::from_utf8_lossy(&piece)),
                Err(_) => panic!("no `{part}` in {:?}", self.all),
            }
        }
    }
}

/// A person at a terminal that runs a command.
pub(crate) struct Person {
    pub(crate) child: Child,
    terminal: File,
    pub(crate) seen: Heard,
    slave: OwnedFd,
    before: Termios,
}

impl Person {
    pub(crate) fn runs(mut command: Command) -> Self {
        let pty = openpty(None, None).unwrap();
        let before = tcgetattr(&pty.slave).unwrap();
        let end = || Stdio::from(pty.slave.try_clone().unwrap());
        command.stdin(end()).stdout(end()).stderr(end());
        let child = command.spawn().unwrap();
        let terminal = File::from(pty.master);
        Self {
            child,
            seen: Heard::of(terminal.try_clone().unwrap()),
            terminal,
            slave: pty.slave,
            before,
        }
    }

    fn types(&mut self, text: &[u8]) {
        self.terminal.write_all(text).unwrap();
    }

    fn is_raw(&self) -> bool {
        tcgetattr(&self.slave).unwrap().local_flags != self.before.local_flags
    }

    /// Its exit code once it has ended, and the terminal is as it was.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let code = ended(&mut self.child);
        assert!(
            tcgetattr(&self.slave).unwrap() == self.before,
            "the terminal is not restored"
        );
        code
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ended(child: &mut Child) -> Option<i32> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(Instant::now() < end, "it does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A lab whose site knows a machine with a serial line; the machine's end of it.
fn wired() -> (Lab, Bmc, TcpStream, Running) {
    let lab = Lab::new();
    let setup = Setup {
        address: ADDRESS,
        has_console: true,
        ..Setup::default()
    };
    let bmc = Bmc::sim_in(beside(&lab), setup);
    let serial = bmc.serial();
    serial.set_nonblocking(false).unwrap();
    fs::write(lab.path("password"), PASSWORD).unwrap();
    let password = lab.path("password").display().to_string();
    lab.write(&format!(
        r#"{SITE}machine "node-02" {{ bmc "ipmi" address="{ADDRESS}" username="{USER}" password=(file)"{password}" {{ cipher-suite 3 }} }}
"#
    ));
    let daemon = lab.serve();
    lab.applied();
    (lab, bmc, serial, daemon)
}

fn sits(lab: &Lab, arguments: &[&str]) -> Person {
    let words = [&["console", "node-02"], arguments].concat();
    let mut person = Person::runs(lab.command("site", &words));
    person.seen.until("Console of node-02");
    person
}

/// What comes at the machine.
fn comes(serial: &mut TcpStream, expected: &str) {
    serial.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut read = vec![0; expected.len()];
    serial.read_exact(&mut read).unwrap();
    assert_eq!(String::from_utf8_lossy(&read), expected);
}

#[test]
fn a_person_sits_at_a_console_and_leaves_it() {
    let (lab, _bmc, mut serial, _daemon) = wired();
    for (arguments, leave) in [(&[][..], LEAVE), (&["--escape", "^A"], b"\x01.")] {
        let mut person = sits(&lab, arguments);
        person.seen.until("leaves");
        assert!(person.is_raw());
        serial.write_all(b"login: ").unwrap();
        person.seen.until("login: ");
        // Keys that would end a program or stop a terminal are the machine's.
        person.types(b"root\r\x03\x1a\x11");
        comes(&mut serial, "root\r\x03\x1a\x11");
        person.types(&[leave[0], b'?']);
        person.seen.until("sends itself.\r\n");
        person.types(&[leave[0], b'b', b'y']);
        // A break comes out as telnet has it, as often as it is sent: this BMC does not acknowledge it.
        let (mut came, mut breaks) = ([0], 0);
        while came != [b'y'] {
            serial.read_exact(&mut came).unwrap();
            breaks += usize::from(came == [0xf3]);
            assert!(b"\xff\xf3y".contains(&came[0]), "{came:?}");
        }
        assert!(breaks > 0);
        person.types(leave);
        assert_eq!(person.ended(), Some(0), "{}", person.seen.all);
        assert!(!person.seen.all.contains(PASSWORD));
    }
    let log = fs::read_to_string(lab.path("log")).unwrap();
    for part in ["the console is opened", "the console is closed"] {
        assert!(log.contains(part) && !log.contains(PASSWORD), "{log}");
    }
}

#[test]
fn the_terminal_is_restored_however_it_ends() {
    let (lab, _bmc, mut serial, mut daemon) = wired();
    for signal in [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGQUIT,
    ] {
        let mut person = sits(&lab, &[]);
        person.types(b"x");
        comes(&mut serial, "x");
        assert!(person.is_raw());
        let pid = i32::try_from(person.child.id()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
        assert_eq!(person.ended(), Some(0), "{signal}");
    }
    let mut person = sits(&lab, &[]);
    person.types(b"x");
    comes(&mut serial, "x");
    // An end of the daemon gives the console back first; one that is killed cannot.
    let pid = i32::try_from(daemon.child().id()).unwrap();
    kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
    assert_eq!(person.ended(), Some(1));
    person.seen.until("the daemon ends");
    daemon.child().wait().unwrap();
    let mut daemon = lab.serve();
    let mut person = sits(&lab, &[]);
    person.types(b"x");
    comes(&mut serial, "x");
    daemon.child().kill().unwrap();
    assert_eq!(person.ended(), Some(1));
    person.seen.until("D001");
}

#[test]
fn a_console_ends_where_its_bmc_dies_or_is_another_now() {
    let (lab, bmc, _serial, _daemon) = wired();
    let mut person = sits(&lab, &[]);
    let file = lab.path("site/site.kdl");
    let site = fs::read_to_string(&file).unwrap();
    // What others say of the machine is nothing to the console.
    lab.write(&site.replace("machine \"node-02\" {", "machine \"node-02\" { tag \"a\";"));
    lab.applied();
    lab.write(&site.replace(
        "cipher-suite 3",
        "cipher-suite 3; privilege \"administrator\"",
    ));
    lab.applied();
    person
        .seen
        .until("the site in force says something else of the BMC of node-02 now");
    assert_eq!(person.ended(), Some(1));
    let mut person = sits(&lab, &[]);
    bmc.place.ip("link set eth0 down");
    let begun = Instant::now();
    person.seen.until("the BMC has been silent for 12 seconds");
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(person.ended(), Some(1));
    let status = lab.status();
    assert_eq!(status["bmcs"]["rows"][0]["condition"], "unreachable");
}

#[test]
fn pipes_are_as_good_as_a_terminal() {
    let (lab, _bmc, mut serial, _daemon) = wired();
    let mut command = lab.command("site", &["console", "node-02"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut seen = Heard::of(child.stdout.take().unwrap());
    // Without a terminal there are no keys but the machine's.
    let typed = "uptime\r\u{1d}.x";
    let mut input = child.stdin.take().unwrap();
    input.write_all(typed.as_bytes()).unwrap();
    drop(input);
    comes(&mut serial, typed);
    serial.write_all(b"up 3 days\r\n").unwrap();
    seen.until("up 3 days\r\n");
    let pid = i32::try_from(child.id()).unwrap();
    kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
    assert_eq!(ended(&mut child), Some(0));
    assert_eq!(seen.all, "up 3 days\r\n");
    // Whoever stops reading has read enough.
    let mut json = lab.command("site", &["--json", "console", "node-02"]);
    let mut child = json.stdout(Stdio::piped()).spawn().unwrap();
    let mut seen = Heard::of(child.stdout.take().unwrap());
    seen.until("\"opened\"");
    serial.write_all(b"more\r\n").unwrap();
    seen.until("{\"text\":\"more\\r\\n\"}\n");
    drop(seen);
    let end = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < end, "it does not end");
        let _ = serial.write_all(b"x");
    }
}

#[test]
fn a_console_is_one_persons_and_can_be_taken() {
    let (lab, bmc, mut serial, _daemon) = wired();
    let mut first = sits(&lab, &[]);
    check(
        &lab,
        "console node-02",
        1,
        &["D070", "root (uid 0) has the console", "--take"],
    );
    // It keeps nobody from the machine's power, or from anything else.
    check(&lab, "power on node-02", 0, &["node-02  on"]);
    let mut second = sits(&lab, &["--take"]);
    assert_eq!(first.ended(), Some(1));
    first.seen.until("took the console of node-02");
    second.types(b"y");
    comes(&mut serial, "y");
    second.types(LEAVE);
    assert_eq!(second.ended(), Some(0));
    // Another program has it.
    let target = bmc.target();
    let runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = bmc.place.run(|| {
        let mut runtime = runtime;
        runtime.worker_threads(1).enable_all().build().unwrap()
    });
    let other = bmc
        .place
        .run(|| runtime.block_on(async { Session::open(&target).await.unwrap().console().await }));
    let other = other.unwrap();
    check(&lab, "console node-02", 1, &["D070", "not by this daemon"]);
    let mut third = sits(&lab, &["--take"]);
    third.types(b"z");
    comes(&mut serial, "z");
    third.types(LEAVE);
    assert_eq!(third.ended(), Some(0));
    drop(other);
    for (arguments, parts) in [
        ("console node-01", &["D060", "has no BMC"][..]),
        ("console node-02 --escape ^M", &["a key with Ctrl"]),
    ] {
        check(&lab, arguments, 1, parts);
    }
}

#[test]
fn what_is_recorded_is_kept_in_private() {
    let (lab, _bmc, mut serial, daemon) = wired();
    check(&lab, "console node-02 --recordings", 0, &["No recording"]);
    check(
        &lab,
        "console nosuch --recordings",
        1,
        &["D060", "no machine `nosuch`"],
    );
    check(&lab, "console node-02 --log", 1, &["D072", "--record"]);
    for shown in ["first boot\r\n", "\u{1b}[2Jsecond boot\r\n"] {
        let mut person = sits(&lab, &["--record"]);
        person.seen.until("for 30 days");
        serial.write_all(shown.as_bytes()).unwrap();
        person.seen.until(shown.trim_end());
        person.types(b"typed-secret\r");
        comes(&mut serial, "typed-secret\r");
        person.types(LEAVE);
        assert_eq!(person.ended(), Some(0));
    }
    let listed = lab.json(&["console", "node-02", "--recordings"]);
    assert_eq!(listed[0]["number"], 2);
    assert_eq!(listed[1]["by"], "root (uid 0)");
    for (arguments, out) in [
        (&["console", "node-02", "--log"][..], "second boot\n"),
        (&["console", "node-02", "--log", "1"], "first boot\n"),
        (
            &["console", "node-02", "--replay", "1"],
            "first boot\r\n\u{1b}[0m\r\n",
        ),
    ] {
        let said = lab.run(arguments);
        assert_eq!((said.code, said.out.as_str()), (0, out), "{said:?}");
    }
    let cast = lab.run(&["--json", "console", "node-02", "--log", "2"]).out;
    let (header, event) = cast.split_once('\n').unwrap();
    assert!(header.contains("\"version\":2"), "{cast}");
    assert!(
        event.contains("\"o\",\"\\u001b[2Jsecond boot\\r\\n\"]"),
        "{cast}"
    );
    check(&lab, "console node-02 --log 9", 1, &["D072", "recording 9"]);
    let folder = lab.path("state/consoles/node-02");
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            !text.contains("typed-secret") && !text.contains(PASSWORD),
            "{text}"
        );
        assert_eq!(
            fs::metadata(path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    assert_eq!(
        fs::metadata(&folder).unwrap().permissions().mode() & 0o777,
        0o700
    );
    until_they_are_too_old(&lab, &folder, daemon);
}

/// The next one lets those go that are too old, and so does a start.
fn until_they_are_too_old(lab: &Lab, folder: &Path, daemon: Running) {
    older(folder, "000001-");
    let mut person = sits(lab, &["--record"]);
    person.types(LEAVE);
    assert_eq!(person.ended(), Some(0));
    check(lab, "console node-02 --log 1", 1, &["D072", "recording 1"]);
    let listed = lab.json(&["console", "node-02", "--recordings"]);
    let numbers = listed.as_array().unwrap().iter();
    let numbers: Vec<_> = numbers.map(|one| &one["number"]).collect();
    assert_eq!(numbers, [3, 2]);
    older(folder, "");
    drop(daemon);
    let _daemon = lab.serve();
    let end = Instant::now() + PATIENCE;
    while folder.exists() {
        assert!(Instant::now() < end, "they are kept");
    }
}

/// Has the files of recordings be as old as none is kept.
fn older(folder: &Path, begin: &str) {
    let long_ago = SystemTime::now() - Duration::from_secs((RECORDING_DAYS * 24 + 1) * 3600);
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.file_name().to_str().unwrap().starts_with(begin) {
            let file = File::options().write(true).open(entry.path());
            file.unwrap().set_modified(long_ago).unwrap();
        }
    }
}

/// The BMC speaks Redfish, and IPMI too.
#[test]
fn a_console_elsewhere_is_told_of_and_had_by_ipmi() {
    let lab = Lab::new();
    let authority = Authority::new();
    let certificate = authority.self_signed("bmc", "CA:FALSE", "DNS:bmc");
    let place = beside(&lab);
    let emulator = place.run(|| Emulator::start(ADDRESS, &certificate, "sessions"));
    let setup = Setup {
        address: ADDRESS,
        has_console: true,
        password: emulator::PASSWORD,
        ..Setup::default()
    };
    let bmc = Bmc::sim_in(place, setup);
    let mut serial = bmc.serial();
    serial.set_nonblocking(false).unwrap();
    fs::write(lab.path("password"), emulator::PASSWORD).unwrap();
    lab.write(&format!(
        "{SITE}machine \"node-02\" {{ bmc \"redfish\" address=\"{ADDRESS}\" port={} username=\"{}\" password=(file){:?} {{ fingerprint \"{}\" }} }}\n",
        emulator.port(),
        emulator::USER,
        lab.path("password"),
        authority.fingerprint("bmc"),
    ));
    let _daemon = lab.serve();
    lab.applied();
    let Said { err, .. } = check(&lab, "console node-02", 1, &["D071", "speaks Redfish"]);
    assert!(!err.contains(emulator::PASSWORD), "{err}");
    let mut person = sits(&lab, &["--ipmi"]);
    person.types(b"root\r");
    comes(&mut serial, "root\r");
    serial.write_all(b"Password: ").unwrap();
    person.seen.until("Password: ");
    person.types(LEAVE);
    assert_eq!(person.ended(), Some(0));
    // Whoever asks as for a page is told how a console is reached.
    let socket = lab.path("socket").display().to_string();
    let url = "http://bedplate/v1/bmc/node-02/console";
    let said = lab
        .host
        .output("curl", &["-sS", "-m", "10", "--unix-socket", &socket, url]);
    let told = String::from_utf8(said.stdout).unwrap();
    assert!(told.contains("D009") && told.contains("upgrade"), "{told}");
}
