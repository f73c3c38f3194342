//! Two namespaces joined by a cable, and the servers that are compared on it: the real `bedplate serve`, and Kea.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::site::{self, POOL, SERVER};
use crate::support::sandbox::{Namespace, Running};

/// Where the clients' packets come from: they ask as relay agents do.
pub(crate) const RELAYS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 50, 0, 2), Ipv4Addr::new(10, 50, 0, 3)];

/// The server's side has the link `srv`, the client's side `cli`.
pub(crate) struct Cable {
    pub(crate) server: Namespace,
    pub(crate) client: Namespace,
}

impl Cable {
    pub(crate) fn new() -> Self {
        let (server, client) = (Namespace::new(), Namespace::new());
        server.veth("srv", &client, "cli");
        server.ip(&format!("address add {SERVER}/8 dev srv"));
        for relay in RELAYS {
            client.ip(&format!("address add {relay}/8 dev cli"));
        }
        Self { server, client }
    }
}

/// A daemon of ours and everything that it keeps, in one folder.
pub(crate) struct Bedplate {
    folder: PathBuf,
}

impl Bedplate {
    /// A daemon in `folder` that has applied a site of `machines` and ended.
    pub(crate) fn prepared(cable: &Cable, folder: &Path, machines: u32) -> Self {
        let folder = folder.to_owned();
        let bedplate = Self { folder };
        bedplate.write_site(machines);
        let mut daemon = bedplate.start(cable);
        let mut log = BufReader::new(daemon.child().stderr.take().unwrap());
        wait_for(&mut log, "\"ready\"");
        let site = bedplate.folder.join("site.kdl");
        let mut apply = bedplate.command(cable);
        apply.args(["apply", "--yes"]).arg(site);
        let done = apply.output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "bedplate apply: {said}");
        bedplate
    }

    pub(crate) fn write_site(&self, machines: u32) {
        fs::write(self.folder.join("site.kdl"), site::text(machines)).unwrap();
    }

    /// The daemon; its log is piped.
    pub(crate) fn start(&self, cable: &Cable) -> Running {
        let mut command = self.command(cable);
        command
            .args(["--json", "serve", "--controller", "rack-1", "--state"])
            .arg(self.folder.join("state"))
            .stderr(Stdio::piped());
        Running::start(&mut command)
    }

    /// Any other command of ours, run beside the daemon and in the site's folder.
    pub(crate) fn command(&self, cable: &Cable) -> Command {
        let mut command = cable.server.command(env!("CARGO_BIN_EXE_bedplate"));
        command
            .arg("--socket")
            .arg(self.folder.join("socket"))
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        command
    }
}

/// Reads until a line holds `word`.
pub(crate) fn wait_for(lines: &mut impl BufRead, word: &str) {
    let mut line = String::new();
    while !line.contains(word) {
        line.clear();
        let read = lines.read_line(&mut line).unwrap();
        assert!(read > 0, "the output ended before `{word}`");
    }
}

/// Kea in `folder`, one thread, which is its fastest way here; it never syncs its lease file.
pub(crate) fn kea(cable: &Cable, folder: &Path, machines: u32) -> Running {
    kea_with(cable, folder, &kea_config(folder, machines))
}

/// Kea without a lease file.
#[allow(dead_code, reason = "not every benchmark asks for it")]
pub(crate) fn kea_in_memory(cable: &Cable, folder: &Path) -> Running {
    let mut config = kea_config(folder, 0);
    *config.pointer_mut("/Dhcp4/lease-database/persist").unwrap() = json!(false);
    kea_with(cable, folder, &config)
}

fn kea_with(cable: &Cable, folder: &Path, config: &Value) -> Running {
    let path = folder.join("kea.json");
    fs::write(&path, config.to_string()).unwrap();
    let mut command = cable.server.command("kea-dhcp4");
    command
        .arg("-c")
        .arg(&path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .env("KEA_PIDFILE_DIR", folder)
        .env("KEA_LOCKFILE_DIR", folder);
    Running::start(&mut command)
}

pub(crate) fn kea_socket(folder: &Path) -> PathBuf {
    folder.join("kea.sock")
}

pub(crate) fn kea_config(folder: &Path, machines: u32) -> Value {
    let reservation = |number| {
        json!({
            "hw-address": site::mac_text(number), "ip-address": site::address(number), "hostname": format!("node-{number:05}")
        })
    };
    let reservations: Vec<Value> = (1..=machines).map(reservation).collect();
    let [first, last] = POOL;
    json!({ "Dhcp4": {
        "interfaces-config": { "interfaces": ["srv"], "dhcp-socket-type": "udp" },
        "control-socket": { "socket-type": "unix", "socket-name": kea_socket(folder) },
        "multi-threading": { "enable-multi-threading": false },
        "lease-database": { "type": "memfile", "persist": true, "name": folder.join("leases.csv"), "lfc-interval": 0 },
        "valid-lifetime": 3600, "expired-leases-processing": { "reclaim-timer-wait-time": 0 },
        "subnet4": [{
            "id": 1, "subnet": "10.0.0.0/8", "pools": [{ "pool": format!("{first} - {last}") }], "reservations": reservations
        }],
        "loggers": [{ "name": "kea-dhcp4", "severity": "ERROR", "output_options": [{ "output": "stdout" }] }]
    } })
}
