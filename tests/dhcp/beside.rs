//! DHCP clients that people use, on a host whose network Bedplate has: what they get is theirs, and the site's routes wait for it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use bedplate::store::Faulty;
use serde_json::Value;

use crate::net::{Namespace, cable, script, serve};

/// Longer than any of them takes: dhclient alone may wait ten seconds before its first word.
const PATIENCE: Duration = Duration::from_secs(40);

/// Configures the address as the clients' own scripts do, with the lifetimes of the lease.
const HOOK: &str = r#"#!/bin/sh
address=${ip:-$new_ip_address}
case "$1$reason" in
    bound|BOUND|REBOOT) ip address replace "$address/24" dev "$interface" valid_lft 3600 preferred_lft 3600 ;;
    deconfig|RELEASE) ip address flush dev "$interface" dynamic ;;
esac
"#;

const SITE: &str = r#"site "lab" domain="lab.example"
fabric "f" { vlan "u" { subnet "10.78.0.0/24" } }
route "10.90.0.0/16" { via "10.78.0.1" }
controller "rack-1" {
    default-gateway "10.78.0.1"
    ethernet "cli" vlan="u" { address "dhcp" }
}
"#;

const ROUTES: [&str; 2] = [
    "default via 10.78.0.1 dev cli proto 98",
    "10.90.0.0/16 via 10.78.0.1 dev cli proto 98",
];

struct Client {
    command: &'static str,
    release: &'static str,
}

/// A process that ends with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A host with a daemon and a cable to a DHCP server.
struct Host {
    folder: tempfile::TempDir,
    namespace: Namespace,
}

impl Host {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn spawn(&self, mut command: Command) -> Running {
        Running(self.namespace.run(move || command.spawn().unwrap()))
    }

    fn command(&self, words: &str) -> Command {
        let folder = self.folder.path();
        let mut command = Command::new(env!("CARGO_BIN_EXE_bedplate"));
        command.arg("--socket").arg(folder.join("socket"));
        command.args(words.split_whitespace()).current_dir(folder);
        command.stdin(Stdio::null());
        command
    }

    /// What a command that ends well prints.
    #[track_caller]
    fn said(&self, command: Command) -> String {
        self.ends(command, 0)
    }

    #[track_caller]
    fn ends(&self, mut command: Command, code: i32) -> String {
        let out = self.namespace.run(move || command.output().unwrap());
        let fault = String::from_utf8_lossy(&out.stderr);
        let said = String::from_utf8_lossy(&out.stdout);
        assert_eq!(out.status.code(), Some(code), "{said}{fault}");
        String::from_utf8(out.stdout).unwrap()
    }

    fn json(&self, words: &str) -> Value {
        serde_json::from_str(&self.said(self.command(&format!("--json {words}")))).unwrap()
    }

    /// What the daemon tells once it has nothing under way.
    fn settled(&self) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut command = self.command("--json status");
            let out = self.namespace.run(move || command.output().unwrap());
            let status: Value = serde_json::from_slice(&out.stdout).unwrap();
            if status["under_way"].is_null() {
                return status;
            }
            assert!(Instant::now() < deadline, "{status:#}");
        }
    }

    fn ip(&self, words: &str) -> String {
        let mut command = Command::new("ip");
        command.args(words.split_whitespace());
        self.said(command)
    }

    fn routes(&self) -> Vec<String> {
        let said = self.ip("route show");
        let ours = said.lines().filter(|line| line.contains("proto 98"));
        ours.map(|line| line.trim().to_owned()).collect()
    }
}

/// The lines that a child prints.
fn lines(Running(child): &mut Running) -> Receiver<String> {
    let output = BufReader::new(child.stdout.take().unwrap());
    let (tell, lines) = mpsc::channel();
    thread::spawn(move || {
        let mut lines = output.lines().map_while(Result::ok);
        // Ends with the child, or with the test that no longer listens.
        let _ = lines.try_for_each(|line| tell.send(line));
    });
    lines
}

/// Waits for a line that holds every one of `words`.
#[track_caller]
fn heard(lines: &Receiver<String>, words: &[&str]) {
    let mut all = std::iter::from_fn(|| lines.recv_timeout(PATIENCE).ok());
    let found = all.any(|line| words.iter().all(|word| line.contains(word)));
    assert!(found, "nothing said {words:?}");
}

fn words(folder: &Path, command: &str) -> Command {
    let folder = folder.to_str().unwrap();
    let mut words = command.split_whitespace();
    let mut command = Command::new(words.next().unwrap());
    command.args(words.map(|word| word.replace("FOLDER", folder)));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn check(client: &Client) {
    let scope = serde_json::json!({ "vlan/plant/pxe/scope/10.78.0.0/24": { "scope": {
        "server": "10.78.0.1", "pools": ["10.78.0.100-10.78.0.109"], "lease_time": "1h", "domain": "example",
        "options": { "1": { "addresses": ["255.255.255.0"] } }, "image": null
    } } });
    let (server_side, namespace) = cable("10.78.0.1/24");
    let _server = serve(
        &server_side,
        Arc::new(Faulty::default()),
        &scope,
        "10.78.0.1/24",
        drop,
    );
    let host = Host {
        folder: tempfile::tempdir().unwrap(),
        namespace,
    };
    // As systemd sets it on every host: otherwise the kernel takes a prefix's other addresses along with its first one.
    host.namespace
        .run(|| fs::write("/proc/sys/net/ipv4/conf/cli/promote_secondaries", "1").unwrap());
    script(&host.path("hook"), HOOK);
    fs::write(host.path("site.kdl"), SITE).unwrap();
    let mut monitor = Command::new("stdbuf");
    monitor
        .args(["-oL", "ip", "monitor", "route", "address"])
        .stdout(Stdio::piped());
    let mut monitor = host.spawn(monitor);
    let changes = lines(&mut monitor);
    let mut daemon = host.command("--json serve --controller rack-1 --state state");
    daemon.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut daemon = host.spawn(daemon);
    let mut log = BufReader::new(daemon.0.stderr.take().unwrap()).lines();
    assert!(log.any(|line| line.unwrap().contains("\"ready\"")));

    // Not all of it yet.
    host.ends(host.command("apply --yes"), 4);
    assert!(host.routes().is_empty());
    let _client = host.spawn(words(host.folder.path(), client.command));
    // The second of them, whichever comes first.
    heard(&changes, &["via 10.78.0.1", "proto 98"]);
    heard(&changes, &["via 10.78.0.1", "proto 98"]);
    assert_eq!(host.routes(), ROUTES);
    let status = host.settled();
    assert_eq!(
        (&status["drift"], &status["waiting"]),
        (&Value::Array(vec![]), &Value::Array(vec![])),
        "{status:#}"
    );

    // From DHCP to an address that stays, and to the same one.
    fs::write(
        host.path("site.kdl"),
        SITE.replace("\"dhcp\"", "\"10.78.0.5\""),
    )
    .unwrap();
    host.said(host.command("apply --yes"));
    assert!(
        host.ip("address show dev cli").contains("10.78.0.100/24"),
        "the client's"
    );
    let released = host.said(words(host.folder.path(), client.release));
    assert_eq!(released, "");
    heard(&changes, &["Deleted", "10.78.0.100/24"]);
    assert!(host.ip("address show dev cli").contains("10.78.0.5/24"));
    assert_eq!(host.routes(), ROUTES);
    let plan = host.json("plan");
    assert_eq!(plan["steps"], Value::Array(vec![]), "{plan:#}");
}

#[test]
fn beside_udhcpc() {
    check(&Client {
        command: "udhcpc -f -R -i cli -t 5 -T 1 -s FOLDER/hook -p FOLDER/pid",
        release: "pkill -USR2 -F FOLDER/pid",
    });
}

#[test]
fn beside_dhclient() {
    check(&Client {
        command: "dhclient -4 -d -cf /dev/null -sf FOLDER/hook -lf FOLDER/leases -pf FOLDER/pid cli",
        release: "dhclient -4 -r -cf /dev/null -sf FOLDER/hook -lf FOLDER/leases -pf FOLDER/pid cli",
    });
}

#[test]
fn beside_dhcpcd() {
    check(&Client {
        command: "dhcpcd -4 -B -A -f /dev/null -C resolv.conf cli",
        release: "dhcpcd -4 -k cli",
    });
}
