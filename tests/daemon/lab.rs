//! What these tests share: a controller with its daemon, two machines, and the commands that people use.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::sandbox::{Namespace, Running};

/// A controller with two ports, wired to two machines.
pub(crate) struct Lab {
    pub(crate) folder: TempDir,
    pub(crate) host: Namespace,
    pub(crate) machines: [Namespace; 2],
}

/// How long the daemon may take for what it does by itself, on a machine that does much else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What a finished command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) const SITE: &str = r#"
site "lab" domain="lab.example"
fabric "plant" {
    vlan "pxe" {
        dhcp { controllers "rack-1"; lease-time "2m"; image "tiny" }
        subnet "10.70.0.0/16" {
            gateway "10.70.0.1"
            dynamic-range "10.70.1.0-10.70.1.99"
        }
    }
}
route "10.99.0.0/16" { via "10.70.0.254"; metric 100 }
controller "rack-1" {
    ethernet "port1"
    ethernet "port2"
    bridge "br0" vlan="pxe" { ports "port1" "port2"; address "10.70.0.2" }
}
image "tiny" { boot "x64-uefi" "boot/tiny.efi"; boot "x64-uefi-http" "boot/tiny.efi" }
machine "node-01" {
    image "tiny"
    ethernet "eth0" mac="02:00:00:00:70:01" vlan="pxe" { address "10.70.0.11" }
}
"#;

pub(crate) const MORE: &str = r#"
machine "node-02" { ethernet "eth0" mac="02:00:00:00:70:02" vlan="pxe" { address "10.70.0.12" } }
"#;

/// The lab's site with a larger MTU and many routes, so that an apply takes many steps.
pub(crate) fn with_routes(count: usize) -> String {
    let site = SITE.replace("ethernet \"port2\"", "ethernet \"port2\" mtu=1600");
    let route = |n| format!("route \"10.100.{n}.0/24\" {{ via \"10.70.0.254\" }}\n");
    (0..count)
        .map(route)
        .fold(site, |site, route| site + &route)
}

impl Lab {
    pub(crate) fn new() -> Self {
        let lab = Self {
            folder: TempDir::new().unwrap(),
            host: Namespace::new(),
            machines: [Namespace::new(), Namespace::new()],
        };
        for (index, machine) in lab.machines.iter().enumerate() {
            let number = index + 1;
            lab.host.veth(&format!("port{number}"), machine, "eth0");
            machine.ip("link set eth0 down");
            machine.ip(&format!("link set eth0 address 02:00:00:00:70:0{number}"));
            machine.ip("link set eth0 up");
        }
        fs::create_dir_all(lab.path("site/boot")).unwrap();
        fs::write(
            lab.path("site/boot/tiny.efi"),
            "tiny boot program\n".repeat(500),
        )
        .unwrap();
        lab.write(SITE);
        lab
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, site: &str) {
        fs::write(self.path("site/site.kdl"), site).unwrap();
    }

    /// Starts the daemon and waits until it says that it is ready.
    pub(crate) fn serve(&self) -> Running {
        self.ready(self.daemon(&[]))
    }

    /// Starts a daemon by its command line and waits until it says that it is ready.
    pub(crate) fn ready(&self, mut command: Command) -> Running {
        let mut running = Running::start(command.stdin(Stdio::null()).stderr(Stdio::piped()));
        let mut log = BufReader::new(running.child().stderr.take().unwrap());
        let mut said = String::new();
        loop {
            let mut line = String::new();
            assert!(
                log.read_line(&mut line).unwrap() > 0,
                "the daemon ended before it was ready:\n{said}"
            );
            if line.contains("\"ready\"") {
                break;
            }
            said.push_str(&line);
        }
        // Read on, so that the daemon never waits for room in the pipe.
        let mut kept = File::options()
            .append(true)
            .create(true)
            .open(self.path("log"))
            .unwrap();
        kept.write_all(said.as_bytes()).unwrap();
        std::thread::spawn(move || std::io::copy(&mut log, &mut kept));
        running
    }

    /// Waits for a line of the daemon's log that has these words.
    pub(crate) fn logged(&self, words: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let log = fs::read(self.path("log")).unwrap();
            // The last line may not be there to its end.
            let mut lines = log.split_inclusive(|byte| *byte == b'\n');
            let whole = lines.by_ref().filter(|line| line.ends_with(b"\n"));
            let mut whole = whole.map(|line| String::from_utf8_lossy(line).into_owned());
            if let Some(line) = whole.find(|line| line.contains(words)) {
                return line;
            }
            assert!(Instant::now() < end, "the log never has: {words}");
            std::thread::yield_now();
        }
    }

    /// The daemon's command line, behind the words of `wrapper`.
    pub(crate) fn daemon(&self, wrapper: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_bedplate");
        let (first, rest) = wrapper.split_first().unwrap_or((&program, &[]));
        let mut command = self.host.command(first);
        command.args(rest);
        if !wrapper.is_empty() {
            command.arg(program);
        }
        command
            .arg("--socket")
            .arg(self.path("socket"))
            .args(["--json", "serve", "--controller", "rack-1", "--state"])
            .arg(self.path("state"));
        command
    }

    /// A command of the site's folder, or of another one beside it.
    pub(crate) fn command(&self, folder: &str, arguments: &[&str]) -> Command {
        let mut command = self.host.command(env!("CARGO_BIN_EXE_bedplate"));
        command
            .arg("--socket")
            .arg(self.path("socket"))
            .args(arguments)
            .current_dir(self.path(folder))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        Said::of(&self.command("site", arguments).output().unwrap())
    }

    pub(crate) fn apply(&self) -> Said {
        self.run(&["apply", "--yes"])
    }

    /// Applies, and expects success and an empty second plan.
    pub(crate) fn applied(&self) {
        let said = self.apply();
        assert_eq!(said.code, 0, "{said:?}");
        let again = self.run(&["plan", "--exit-code"]);
        assert_eq!(again.code, 0, "the second plan is not empty: {again:?}");
    }

    /// What a command says as one document.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let said = self.run(&[&["--json"], arguments].concat());
        serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"))
    }

    pub(crate) fn status(&self) -> Value {
        self.json(&["status"])
    }

    /// What is remembered of applies, the latest first.
    pub(crate) fn history(&self) -> Vec<Value> {
        self.json(&["history"]).as_array().unwrap().clone()
    }

    /// What the kernel tells of links, addresses and routes from now on, line by line; with marks on 192.0.2.1 first.
    pub(crate) fn monitor(&self) -> Receiver<String> {
        let words = ["-o", "monitor", "link", "address", "route"];
        let mut monitor = self.host.spawn("ip", &words);
        let lines = BufReader::new(monitor.child().stdout.take().unwrap()).lines();
        let (heard, told) = mpsc::channel();
        std::thread::spawn(move || {
            let _until_nobody_listens = monitor;
            lines
                .map_while(Result::ok)
                .all(|line| heard.send(line).is_ok())
        });
        loop {
            self.host.ip("address replace 192.0.2.1/32 dev lo");
            self.host.ip("address del 192.0.2.1/32 dev lo");
            if told.recv_timeout(Duration::from_millis(100)).is_ok() {
                return told;
            }
        }
    }

    /// What differs from the applied site, and what waits.
    pub(crate) fn unlike(&self) -> (Vec<String>, Vec<String>) {
        unlike(&self.status())
    }

    /// Asks for the status until `is_so`, or fails.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let status = self.status();
            if is_so(&status) {
                return status;
            }
            assert!(Instant::now() < end, "{what}: {status:#}");
        }
    }

    /// Waits until nothing differs from the applied site, and nothing waits.
    pub(crate) fn settled(&self) {
        self.until("all is as applied", |status| {
            status["site"].is_string() && unlike(status) == Default::default()
        });
    }

    /// Everything that the first machine may ask for is answered.
    pub(crate) fn serves(&self) {
        assert!(udhcpc(&self.machines[0], &self.folder).contains("ip=10.70.0.11\n"));
        assert_eq!(dig(self, &["node-01.lab.example"]), "10.70.0.11");
        assert_eq!(dig(self, &["+tcp", "node-01.lab.example"]), "10.70.0.11");
        let expected = fs::read(self.path("site/boot/tiny.efi")).unwrap();
        for scheme in ["http", "tftp"] {
            let url = format!("{scheme}://10.70.0.2/boot/tiny.efi");
            let fetched = self.machines[0].output("curl", &["-sS", "-m", "10", &url]);
            assert_eq!(fetched.stdout, expected, "{scheme}");
        }
    }
}

/// What a status says of what differs from the applied site, and of what waits.
pub(crate) fn unlike(status: &Value) -> (Vec<String>, Vec<String>) {
    let list = |name: &str| status[name].as_array().unwrap().iter();
    let drift = list("drift").map(|one| {
        let sign = match one["what"]["kind"].as_str().unwrap() {
            "gone" => '+',
            "changed" => '~',
            "foreign" => '=',
            "replaced" => '±',
            "surplus" => '-',
            other => panic!("{other}"),
        };
        format!("{sign} {}", one["key"].as_str().unwrap())
    });
    let word = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
    let waiting = list("waiting").map(|one| format!("{}: {}", word(one, "key"), word(one, "on")));
    (drift.collect(), waiting.collect())
}

/// What the daemon tells the first machine of a name.
pub(crate) fn dig(lab: &Lab, arguments: &[&str]) -> String {
    let words = [&["@10.70.0.2", "+short", "+tries=1"], arguments].concat();
    let said = Said::of(&lab.machines[0].output("dig", &words));
    said.out.trim().to_owned()
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(self.path("log")).unwrap_or_default();
            eprintln!("the daemon's log:\n{log}");
        }
    }
}

impl Said {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }
}

/// A program that a shell runs.
pub(crate) fn script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
}

/// A client that takes what DHCP says and sets its address; what the server told it, as environment lines.
pub(crate) fn udhcpc(machine: &Namespace, folder: &TempDir) -> String {
    let (hook, told) = (folder.path().join("hook"), folder.path().join("told"));
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = bound ] || exit 0\nenv > {}\nip address replace \"$ip/$mask\" dev \"$interface\"\n",
        told.display()
    );
    self::script(&hook, &script);
    let hook = hook.display().to_string();
    let output = machine.output(
        "udhcpc",
        &[
            "-i", "eth0", "-n", "-q", "-t", "5", "-T", "1", "-s", &hook, "-O", "66", "-O", "67",
        ],
    );
    assert!(output.status.success(), "{:?}", Said::of(&output));
    fs::read_to_string(told).unwrap()
}
