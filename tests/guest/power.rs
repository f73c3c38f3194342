//! A power cut under the whole daemon: a guest that serves DHCP from a disk of its own is ended at once, with all that its kernel had not
//! written yet. No acknowledged lease is lost, and no address given twice.
//!
//! The guest tells on its serial line whom it acknowledged what, after the client has heard it; the line outlives it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::start::{bedplate, plugged, serve};
use crate::support::guest;
use crate::support::sandbox::Namespace;

/// Set in the guest: which life of it this is, from 0 on.
const LIFE: &str = "BEDPLATE_TEST_LIFE";

/// Where the guest's disk is.
const DISK: &str = "/disk";

const SITE: &str = r#"
site "lab" domain="lab.example"
fabric "plant" {
    vlan "pxe" {
        dhcp { controllers "rack-1"; lease-time "1d" }
        subnet "10.70.0.0/16" { dynamic-range "10.70.1.0-10.70.40.255" }
    }
}
controller "rack-1" { ethernet "p0" vlan="pxe" { address "10.70.0.2" } }
"#;

/// Acknowledged leases before each cut.
const CUTS: [usize; 2] = [37, 90];

/// Clients that ask at once.
const AT_ONCE: u16 = 16;

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 70, 0, 2);

/// A relay agent speaks for the clients, since it needs no address of theirs.
const RELAY: Ipv4Addr = Ipv4Addr::new(10, 70, 0, 3);

const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;

#[test]
fn acknowledged_leases_outlive_a_power_cut() {
    match env::var(LIFE) {
        Ok(life) => live(life.parse().unwrap()),
        Err(_) => guest::outside(cut_again_and_again),
    }
}

// Here: the guest is started, ended, and asked what it knows.

fn cut_again_and_again() {
    let scratch = TempDir::new().unwrap();
    let disk = scratch.path().join("disk");
    let made = Command::new("mke2fs")
        .args(["-q", "-t", "ext4"])
        .arg(&disk)
        .arg("256m")
        .status();
    assert!(made.unwrap().success());
    let mut acknowledged = BTreeMap::new();
    for (life, cut) in CUTS.into_iter().map(Some).chain([None]).enumerate() {
        let told = one_life(scratch.path(), &disk, life, cut);
        if life > 0 {
            let listed = leases(&told, "lease");
            for (address, client) in &acknowledged {
                assert_eq!(listed.get(address), Some(client), "{address} in {told}");
            }
        }
        for (address, client) in leases(&told, "ack") {
            let before = acknowledged.insert(address, client);
            assert_eq!(before, None, "{address} was given twice: {told}");
        }
    }
    assert!(acknowledged.len() > CUTS.iter().sum());
}

/// What a guest told until its power was cut, after so many leases; or it ended by itself.
fn one_life(scratch: &Path, disk: &Path, life: usize, cut: Option<usize>) -> String {
    let folder = scratch.join(life.to_string());
    fs::create_dir(&folder).unwrap();
    let mut boot = guest::booted(
        "modprobe virtio_pci; modprobe virtio_blk; mkdir /disk; mount -t ext4 /dev/vda /disk",
        &[(LIFE, &life.to_string())],
        &[
            "--exact",
            "power::acknowledged_leases_outlive_a_power_cut",
            "--nocapture",
        ],
    );
    boot.env("BEDPLATE_GUEST_DISK", disk);
    boot.env("BEDPLATE_GUEST_SCRATCH", &folder);
    let (output, complaint) = (folder.join("output"), folder.join("complaint"));
    let log = fs::File::create(&complaint).unwrap();
    boot.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let mut boot = boot.spawn().unwrap();
    let told = || {
        let bytes = fs::read(&output).unwrap_or_default();
        // What it was just saying is no word yet.
        let end = bytes.iter().rposition(|byte| *byte == b'\n');
        String::from_utf8_lossy(&bytes[..end.map_or(0, |end| end + 1)]).into_owned()
    };
    match cut {
        Some(cut) => {
            while leases(&told(), "ack").len() < cut {
                let ended = boot.try_wait().unwrap();
                assert!(ended.is_none(), "{ended:?}: {}", said(&complaint, &told()));
                thread::sleep(Duration::from_millis(5));
            }
            power_cut(&folder, &mut boot);
        }
        None => {
            let status = boot.wait().unwrap();
            assert!(status.success(), "{}", said(&complaint, &told()));
        }
    }
    told()
}

fn said(complaint: &Path, told: &str) -> String {
    let complaint = fs::read_to_string(complaint).unwrap();
    format!("{complaint}{told}")
}

fn power_cut(folder: &Path, boot: &mut Child) {
    let pid = fs::read_to_string(folder.join("pid")).unwrap();
    let pid = Pid::from_raw(pid.trim().parse().unwrap());
    kill(pid, Signal::SIGKILL).unwrap();
    boot.wait().unwrap();
}

/// The leases of which a guest told by this word: whose each address is.
fn leases(told: &str, word: &str) -> BTreeMap<Ipv4Addr, String> {
    let mut leases = BTreeMap::new();
    for line in told.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [own, address, client] = words[..]
            && own == word
        {
            let before = leases.insert(address.parse().unwrap(), client.to_owned());
            assert_eq!(before, None, "{address} twice in {told}");
        }
    }
    leases
}

// In the guest.

/// Serves from the disk, tells all leases that are known, and leases on until the power is cut; the last time it ends by itself.
fn live(life: usize) {
    let folder = Path::new(DISK);
    let [host, beyond] = [Namespace::new(), Namespace::new()];
    plugged(&host, &beyond, &["p0"]);
    fs::write(folder.join("site.kdl"), SITE).unwrap();
    let _daemon = serve(&host, folder);
    if life == 0 {
        let applied = bedplate(folder).args(["apply", "--yes"]).output().unwrap();
        assert!(applied.status.success(), "{applied:?}");
    }
    let listed = bedplate(folder)
        .args(["--json", "leases"])
        .output()
        .unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    for row in listed.as_array().unwrap() {
        let word = |name: &str| row[name].as_str().unwrap();
        tell(&format!("lease {} {}", word("address"), word("hardware")));
    }
    beyond.ip(&format!("address add {RELAY}/16 dev p0"));
    let first = 1000 * u16::try_from(life).unwrap();
    // The last one shows that new clients get what nobody has.
    let count = if life == CUTS.len() { 32 } else { 900 };
    beyond.run(|| {
        let socket = UdpSocket::bind((RELAY, 67)).unwrap();
        socket.connect((SERVER, 67)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        for clients in (first..first + count).step_by(usize::from(AT_ONCE)) {
            lease(&socket, clients..clients + AT_ONCE);
        }
    });
}

/// Leases for some clients, and tells of each once it was acknowledged.
fn lease(socket: &UdpSocket, clients: std::ops::Range<u16>) {
    let mut left: BTreeSet<u16> = clients.collect();
    let end = Instant::now() + Duration::from_secs(60);
    while !left.is_empty() {
        assert!(Instant::now() < end, "no answer to {left:?}");
        for client in &left {
            socket.send(&ask(DISCOVER, *client, None)).unwrap();
        }
        // Asked again where an answer stays away.
        while let Some((kind, client, address)) = answer(socket) {
            if kind == OFFER {
                socket.send(&ask(REQUEST, client, Some(address))).unwrap();
            } else if kind == ACK && left.remove(&client) {
                let [high, low] = client.to_be_bytes();
                tell(&format!("ack {address} 02:ee:00:00:{high:02x}:{low:02x}"));
            }
            if left.is_empty() {
                return;
            }
        }
    }
}

/// On the serial line, at once.
fn tell(words: &str) {
    let mut line = std::io::stdout().lock();
    writeln!(line, "{words}").unwrap();
    line.flush().unwrap();
}

fn ask(kind: u8, client: u16, address: Option<Ipv4Addr>) -> Vec<u8> {
    let [high, low] = client.to_be_bytes();
    let mut bytes = vec![0; 236];
    bytes[..4].copy_from_slice(&[1, 1, 6, 1]);
    bytes[4..8].copy_from_slice(&[0, kind, high, low]);
    bytes[24..28].copy_from_slice(&RELAY.octets());
    bytes[28..34].copy_from_slice(&[2, 0xee, 0, 0, high, low]);
    bytes.extend([99, 130, 83, 99, 53, 1, kind]);
    if let Some(address) = address {
        bytes.extend([50, 4]);
        bytes.extend(address.octets());
        bytes.extend([54, 4]);
        bytes.extend(SERVER.octets());
    }
    bytes.push(255);
    bytes
}

/// The kind of the next answer, its client and its address.
fn answer(socket: &UdpSocket) -> Option<(u8, u16, Ipv4Addr)> {
    let mut bytes = [0; 1500];
    let length = socket.recv(&mut bytes).ok()?;
    assert!(length > 242 && bytes[240..242] == [53, 1]);
    let address: [u8; 4] = bytes[16..20].try_into().unwrap();
    let client = u16::from_be_bytes([bytes[6], bytes[7]]);
    Some((bytes[242], client, address.into()))
}
