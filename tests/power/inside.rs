//! What runs in the guest: the daemon on its disk, and clients behind a relay agent that tell what they got.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, UdpSocket};
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::CUTS;
use crate::daemon::{bedplate, serve};
use crate::support::sandbox::Namespace;

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

/// Clients that ask at once.
const AT_ONCE: u16 = 16;

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 70, 0, 2);

/// A relay agent speaks for the clients, since it needs no address of theirs.
const RELAY: Ipv4Addr = Ipv4Addr::new(10, 70, 0, 3);

const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;

/// Serves from the disk, tells all leases that are known, and leases on until the power is cut; the last time it ends by itself.
pub(crate) fn live(life: usize) {
    let folder = Path::new(DISK);
    let [host, beyond] = [Namespace::new(), Namespace::new()];
    let end = beyond.path();
    // A NIC has its hardware address before and after.
    host.ip(&format!(
        "link add p0 address 02:00:00:00:01:00 type veth peer name p0 netns {end}"
    ));
    host.ip("link set p0 up");
    beyond.ip("link set p0 up");
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
fn lease(socket: &UdpSocket, clients: Range<u16>) {
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
