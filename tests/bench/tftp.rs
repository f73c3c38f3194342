//! TFTP throughput beside atftpd's, in one run: `cargo bench --bench tftp`. Each line is one figure as JSON, in MiB/s.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that meets the unexpected should stop there"
)]

mod figure;

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bedplate::base::addr::InterfaceAddr;
use bedplate::base::digest::Digest;
use bedplate::serve::{BootFiles, tftp};
use bedplate::state::{BootFile, Key, Resource, State};

const FILE_OCTETS: usize = 32 * 1024 * 1024;
const ROUNDS: usize = 3;
/// How often a silent server is asked again before it counts as dead.
const TRIES: usize = 20;
const SILENCE: Duration = Duration::from_millis(300);

/// Block size, window, clients at a time.
const CASES: [(usize, u16, usize); 7] = [
    (512, 1, 1),
    (1468, 1, 1),
    (1468, 4, 1),
    (1468, 16, 1),
    (1468, 64, 1),
    (1468, 1, 16),
    (1468, 16, 16),
];

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let content: Vec<u8> = (0..FILE_OCTETS).map(|n| (n % 251) as u8).collect();
    let ours = free_port("127.60.0.1");
    let peer = free_port("127.60.0.2");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = tftp::Server::on_port(ours.port());
    server.load(Arc::new(boot_files(folder.path(), &content)));
    let address = InterfaceAddr::new(ours.ip(), 8).unwrap();
    let link = "lo".parse().unwrap();
    runtime.block_on(server.open(&link, address)).unwrap();
    let _peer = Peer(start_peer(folder.path(), peer, &content));
    for (block_size, window, clients) in CASES {
        // In turns, so that other load on the machine meets both alike.
        let mut rates = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            rates[0].push(rate(ours, block_size, window, clients));
            rates[1].push(rate(peer, block_size, window, clients));
        }
        let name = format!("tftp: {clients} x {block_size}, window {window}");
        figure::print(&name, "MiB/s", &rates[0], "atftpd", &rates[1]);
    }
}

/// The peer's process, which ends with us even where we fail.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port(address: &str) -> SocketAddr {
    let socket = UdpSocket::bind((address, 0)).unwrap();
    socket.local_addr().unwrap()
}

fn boot_files(folder: &Path, content: &[u8]) -> BootFiles {
    let (digest, size) = (Digest::of(content), content.len() as u64);
    fs::write(folder.join(digest.to_string()), content).unwrap();
    let key = Key::BootFile {
        path: "file".parse().unwrap(),
    };
    let state = State::from([(key, Resource::BootFile(BootFile { digest, size }))]);
    BootFiles::new(&state, folder)
}

fn start_peer(folder: &Path, at: SocketAddr, content: &[u8]) -> Child {
    let root = folder.join("peer");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("file"), content).unwrap();
    let (address, port) = (at.ip().to_string(), at.port().to_string());
    let libraries = folder.join("atftpd/usr/lib/x86_64-linux-gnu");
    Command::new(peer_program(folder))
        .env("LD_LIBRARY_PATH", libraries)
        .args(["--daemon", "--no-fork", "--user", "root", "--group", "root"])
        .args(["--bind-address", &address, "--port", &port])
        .arg(root)
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// atftpd conflicts with other packages, so it is unpacked rather than installed.
fn peer_program(folder: &Path) -> PathBuf {
    let fetch =
        "apt-get -q download atftpd libwrap0 >&2 && for deb in *.deb; do dpkg -x $deb atftpd; done";
    let mut shell = Command::new("sh");
    let status = shell.args(["-c", fetch]).current_dir(folder).status();
    assert!(status.unwrap().success(), "atftpd cannot be fetched");
    folder.join("atftpd/usr/sbin/atftpd")
}

fn rate(server: SocketAddr, block_size: usize, window: u16, clients: usize) -> f64 {
    let began = Instant::now();
    let threads: Vec<_> = (0..clients)
        .map(|_| thread::spawn(move || fetch(server, block_size, window)))
        .collect();
    let octets: usize = threads.into_iter().map(|one| one.join().unwrap()).sum();
    assert_eq!(octets, clients * FILE_OCTETS);
    octets as f64 / (1024.0 * 1024.0) / began.elapsed().as_secs_f64()
}

/// Fetches the file; returns the octets received in order.
fn fetch(server: SocketAddr, block_size: usize, window: u16) -> usize {
    let socket = UdpSocket::bind((server.ip(), 0)).unwrap();
    socket.set_read_timeout(Some(SILENCE)).unwrap();
    let request = format!("\0\x01file\0octet\0blksize\0{block_size}\0windowsize\0{window}\0");
    let mut buffer = vec![0; block_size + 4];
    let (mut octets, mut last, mut unacknowledged) = (0, 0_u16, 0);
    socket.send_to(request.as_bytes(), server).unwrap();
    let (mut peer, mut silences) = (None, 0);
    loop {
        let answer = |block: u16| [[0, 4], block.to_be_bytes()].concat();
        let Ok((length, from)) = socket.recv_from(&mut buffer) else {
            silences += 1;
            assert!(silences < TRIES, "{server} is silent");
            match peer {
                None => socket.send_to(request.as_bytes(), server).unwrap(),
                Some(peer) => socket.send_to(&answer(last), peer).unwrap(),
            };
            continue;
        };
        if *peer.get_or_insert(from) != from {
            continue;
        }
        let block = u16::from_be_bytes([buffer[2], buffer[3]]);
        if buffer[1] == 3 && block == last.wrapping_add(1) {
            (last, octets, unacknowledged) = (block, octets + length - 4, unacknowledged + 1);
            let ends = length < block_size + 4;
            if ends || unacknowledged == window {
                socket.send_to(&answer(last), from).unwrap();
                unacknowledged = 0;
            }
            if ends {
                return octets;
            }
        } else if buffer[1] == 6 || unacknowledged > 0 {
            // The options, or a gap: say what came last in order.
            socket.send_to(&answer(last), from).unwrap();
            unacknowledged = 0;
        }
    }
}
