//! The real daemon in a namespace: what it applies, `ip`, `dig`, `curl`, `atftp` and `udhcpc` find; what is broken, it says and undoes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Output, Stdio};

use serde_json::Value;
use support::sandbox::{Namespace, Running};
use tempfile::TempDir;

/// A controller with two ports, wired to two machines.
struct Lab {
    folder: TempDir,
    host: Namespace,
    machines: [Namespace; 2],
}

/// What a finished command said.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

const SITE: &str = r#"
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

const MORE: &str = r#"
machine "node-02" { ethernet "eth0" mac="02:00:00:00:70:02" vlan="pxe" { address "10.70.0.12" } }
"#;

impl Lab {
    fn new() -> Self {
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

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, site: &str) {
        fs::write(self.path("site/site.kdl"), site).unwrap();
    }

    /// Starts the daemon and waits until it says that it is ready.
    fn serve(&self) -> Running {
        let mut command = self.host.command(env!("CARGO_BIN_EXE_bedplate"));
        command
            .arg("--socket")
            .arg(self.path("socket"))
            .args(["--json", "serve", "--controller", "rack-1", "--state"])
            .arg(self.path("state"));
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
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::stderr()));
        running
    }

    fn run(&self, arguments: &[&str]) -> Said {
        let mut command = self.host.command(env!("CARGO_BIN_EXE_bedplate"));
        command
            .arg("--socket")
            .arg(self.path("socket"))
            .args(arguments)
            .current_dir(self.path("site"))
            .stdin(Stdio::null());
        Said::of(&command.output().unwrap())
    }

    fn apply(&self) -> Said {
        self.run(&["apply", "--yes"])
    }

    /// Applies, and expects success and an empty second plan.
    fn applied(&self) {
        let said = self.apply();
        assert_eq!(said.code, 0, "{said:?}");
        let again = self.run(&["plan", "--exit-code"]);
        assert_eq!(again.code, 0, "the second plan is not empty: {again:?}");
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.run(&["--json", "status"]).out).unwrap()
    }
}

impl Said {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }
}

/// A client that takes what DHCP says and sets its address; what the server told it, as environment lines.
fn udhcpc(machine: &Namespace, folder: &TempDir) -> String {
    let (hook, told) = (folder.path().join("hook"), folder.path().join("told"));
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = bound ] || exit 0\nenv > {}\nip address replace \"$ip/$mask\" dev \"$interface\"\n",
        told.display()
    );
    fs::write(&hook, script).unwrap();
    fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
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

#[test]
fn a_site_file_becomes_a_network_that_boots_machines() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    let plan = lab.run(&["plan", "--exit-code"]);
    assert_eq!(plan.code, 2, "{plan:?}");
    assert!(
        plan.out.contains("+ link br0") && plan.out.contains("site.kdl:15"),
        "{}",
        plan.out
    );
    lab.applied();
    // The kernel's own word for it.
    let links = lab.host.ip_json("link show dev br0");
    assert_eq!(links[0]["linkinfo"]["info_kind"], "bridge");
    assert_eq!(lab.host.ip_json("link show dev port1")[0]["master"], "br0");
    let addresses = lab.host.ip_json("-4 address show dev br0");
    assert_eq!(
        (
            &addresses[0]["addr_info"][0]["local"],
            &addresses[0]["addr_info"][0]["prefixlen"]
        ),
        (&"10.70.0.2".into(), &16.into())
    );
    let route = &lab.host.ip_json("route show 10.99.0.0/16")[0];
    assert_eq!(
        (&route["gateway"], &route["metric"], &route["protocol"]),
        (&"10.70.0.254".into(), &100.into(), &"98".into())
    );
    // A declared machine and a stranger.
    let told = udhcpc(&lab.machines[0], &lab.folder);
    assert!(
        told.contains("ip=10.70.0.11\n")
            && told.contains("router=10.70.0.1\n")
            && told.contains("dns=10.70.0.2\n"),
        "{told}"
    );
    let told = udhcpc(&lab.machines[1], &lab.folder);
    assert!(told.contains("ip=10.70.1."), "{told}");
    let leases: Value = serde_json::from_str(&lab.run(&["--json", "leases"]).out).unwrap();
    assert!(
        leases
            .as_array()
            .unwrap()
            .iter()
            .any(|lease| lease["hardware"] == "02:00:00:00:70:02"),
        "{leases}"
    );
    let dig = |arguments: &[&str]| {
        let words: Vec<&str> = ["@10.70.0.2", "+short", "+tries=1"]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        Said::of(&lab.machines[0].output("dig", &words))
            .out
            .trim()
            .to_owned()
    };
    assert_eq!(dig(&["node-01.lab.example"]), "10.70.0.11");
    assert_eq!(dig(&["-x", "10.70.0.11"]), "node-01.lab.example.");
    assert_eq!(dig(&["rack-1.lab.example"]), "10.70.0.2");
    let expected = fs::read(lab.path("site/boot/tiny.efi")).unwrap();
    let fetch = |url: &str| {
        lab.machines[0]
            .output("curl", &["-sS", "-m", "10", url])
            .stdout
    };
    assert_eq!(fetch("http://10.70.0.2/boot/tiny.efi"), expected);
    assert_eq!(fetch("tftp://10.70.0.2/boot/tiny.efi"), expected);
}

#[test]
fn what_others_break_shows_and_is_put_back() {
    let lab = Lab::new();
    let daemon = lab.serve();
    lab.applied();
    lab.host.ip("route del 10.99.0.0/16");
    lab.host.ip("link set br0 mtu 1400");
    kill_listener(&lab, &daemon, "HTTP", 80);
    let status = lab.status();
    let drift: Vec<&str> = status["drift"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let expected = [
        "~ controller/rack-1/link/br0",
        "+ controller/rack-1/route/10.99.0.0/16@main/100",
        "+ controller/rack-1/listener/http/10.70.0.2",
    ];
    assert_eq!(drift, expected);
    let plan = lab.run(&["plan"]);
    assert!(
        plan.out.contains("drift (changed outside Bedplate"),
        "{}",
        plan.out
    );
    lab.applied();
    assert_eq!(lab.status()["drift"], Value::Array(Vec::new()));
}

/// Shuts a socket of the daemon down from outside, through a duplicate of its descriptor.
fn kill_listener(lab: &Lab, _daemon: &Running, what: &str, port: u16) {
    const SCRIPT: &str = r"
import ctypes, os, socket, sys
port, state = int(sys.argv[1]), sys.argv[2]
libc = ctypes.CDLL(None, use_errno=True)
for pid in filter(str.isdigit, os.listdir('/proc')):
    try:
        if state.encode() not in open(f'/proc/{pid}/cmdline', 'rb').read():
            continue
        pidfd = os.pidfd_open(int(pid))
        for fd in os.listdir(f'/proc/{pid}/fd'):
            copy = libc.syscall(438, pidfd, int(fd), 0)
            if copy < 0:
                continue
            try:
                one = socket.socket(fileno=copy)
                if one.family == socket.AF_INET and one.getsockname()[1] == port and one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    one.shutdown(socket.SHUT_RDWR)
                    print('shut')
            except OSError:
                pass
    except OSError:
        pass
";
    let state = lab.path("state").display().to_string();
    let output = lab
        .host
        .output("python3", &["-c", SCRIPT, &port.to_string(), &state]);
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("shut"),
        "no {what} listener was found: {:?}",
        Said::of(&output)
    );
}

#[test]
fn withdrawing_the_site_leaves_what_others_made() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    lab.host.ip("address add 10.71.0.1/24 dev port1");
    let before = lab.host.ip_json("address show dev port1")[0]["addr_info"].clone();
    lab.applied();
    lab.write(
        "site \"lab\" domain=\"lab.example\"\ncontroller \"rack-1\" { ethernet \"port1\" }\n",
    );
    let said = lab.run(&[
        "apply",
        "--yes",
        "--allow",
        "mass-delete,foreign-children,strand-leases",
    ]);
    assert_eq!(said.code, 0, "{said:?}");
    let links = lab.host.ip_json("link show");
    assert!(
        links
            .as_array()
            .unwrap()
            .iter()
            .all(|link| link["ifname"] != "br0"),
        "{links}"
    );
    let after = lab.host.ip_json("address show dev port1")[0]["addr_info"].clone();
    assert_eq!(before, after);
}

#[test]
fn the_last_applied_site_is_back_after_a_kill() {
    let lab = Lab::new();
    let daemon = lab.serve();
    lab.applied();
    drop(daemon);
    // As after a reboot: nothing of ours is left.
    lab.host.ip("link del br0");
    let _daemon = lab.serve();
    let status = lab.status();
    assert_eq!(
        (&status["drift"], &status["waiting"]),
        (&Value::Array(Vec::new()), &Value::Array(Vec::new())),
        "{status}"
    );
    assert!(udhcpc(&lab.machines[0], &lab.folder).contains("ip=10.70.0.11\n"));
}

#[test]
fn a_port_in_use_undoes_everything() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    let _thief = lab
        .host
        .run(|| std::net::UdpSocket::bind("0.0.0.0:69").unwrap());
    let before = (
        lab.host.ip_json("link show"),
        lab.host.ip_json("address show"),
        lab.host.ip_json("route show"),
    );
    let said = lab.apply();
    assert_eq!(said.code, 4, "{said:?}");
    assert!(
        said.err.contains("listener/tftp/10.70.0.2") && said.err.contains("in use"),
        "{said:?}"
    );
    assert!(
        said.out.contains("Everything is as it was before."),
        "{said:?}"
    );
    let after = (
        lab.host.ip_json("link show"),
        lab.host.ip_json("address show"),
        lab.host.ip_json("route show"),
    );
    assert_eq!(normalised(before), normalised(after));
}

/// Without what a port's life in a bridge leaves behind: counters of states, and addresses that the kernel itself gave.
fn normalised(host: (Value, Value, Value)) -> String {
    let (links, addresses, routes) = host;
    let link = |link: &Value| {
        format!(
            "{} {} {} {}",
            link["ifname"], link["mtu"], link["master"], link["flags"]
        )
    };
    let address = |link: &Value| {
        let own = link["addr_info"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|address| address["scope"] != "link");
        format!(
            "{} {:?}",
            link["ifname"],
            own.map(|address| &address["local"]).collect::<Vec<_>>()
        )
    };
    let all = |values: &Value, show: &dyn Fn(&Value) -> String| {
        values
            .as_array()
            .unwrap()
            .iter()
            .map(show)
            .collect::<Vec<_>>()
    };
    format!(
        "{:?} {:?} {routes}",
        all(&links, &link),
        all(&addresses, &address)
    )
}

#[test]
fn a_new_machine_is_served_without_a_restart() {
    let lab = Lab::new();
    let daemon = lab.serve();
    lab.applied();
    lab.write(&format!("{SITE}{MORE}"));
    let plan = lab.run(&["plan"]);
    assert!(
        plan.out.contains("reservation 02:00:00:00:70:02") && plan.out.contains("record node-02 A"),
        "{}",
        plan.out
    );
    lab.applied();
    assert!(udhcpc(&lab.machines[1], &lab.folder).contains("ip=10.70.0.12\n"));
    drop(daemon);
}

#[test]
fn plans_are_saved_applied_exactly_and_refused_when_stale() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    assert_eq!(lab.run(&["plan", "--out", "../saved.plan"]).code, 0);
    lab.host.ip("address add 10.70.9.9/32 dev port1");
    let stale = lab.run(&["apply", "--yes", "../saved.plan"]);
    assert_eq!(stale.code, 1, "{stale:?}");
    assert!(stale.err.contains("D003"), "{stale:?}");
    assert_eq!(lab.run(&["plan", "--out", "../saved.plan"]).code, 0);
    let applied = lab.run(&["apply", "--yes", "../saved.plan"]);
    assert_eq!(applied.code, 0, "{applied:?}");
}

#[test]
fn without_a_terminal_an_apply_must_be_told_yes() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    let said = lab.run(&["apply"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("--yes"), "{said:?}");
    assert_eq!(lab.run(&["plan", "--exit-code"]).code, 2);
}

#[test]
fn without_a_daemon_commands_say_what_to_do() {
    let lab = Lab::new();
    for command in ["plan", "apply", "status", "leases"] {
        let said = lab.run(&[command]);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(
            said.err.contains("D001") && said.err.contains("bedplate serve"),
            "{said:?}"
        );
    }
    assert_eq!(lab.run(&["check"]).code, 0);
}

#[test]
fn the_daemon_keeps_three_capabilities() {
    let lab = Lab::new();
    let mut daemon = lab.serve();
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.child().id())).unwrap();
    let sets: Vec<&str> = status
        .lines()
        .filter(|line| {
            line.starts_with("CapPrm") || line.starts_with("CapEff") || line.starts_with("CapBnd")
        })
        .collect();
    // CAP_NET_BIND_SERVICE 10, CAP_NET_ADMIN 12, CAP_NET_RAW 13.
    let expected = format!("{:016x}", (1_u64 << 10) | (1 << 12) | (1 << 13));
    assert_eq!(sets.len(), 3);
    assert!(
        sets.iter().all(|line| line.ends_with(&expected)),
        "{sets:?}"
    );
}
