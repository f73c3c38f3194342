//! Boot files over TFTP and HTTP on real sockets: `atftp` and `curl` as clients, hostile bytes, lost sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected should stop there"
)]

mod loopback;

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use bedplate::base::digest::Digest;
use bedplate::serve::{BootFiles, http, tftp};
use bedplate::state::{BootFile, Key, Resource, State};
use loopback::{BOUND, Sockets, corner, interface, link, run, shut_down};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// More blocks of 512 octets than a block number counts.
const WRAPPING: usize = 512 * 66_000 + 7;

/// A folder of blobs and the state that declares them.
fn stored(files: &[(&str, Vec<u8>)]) -> (TempDir, State) {
    let folder = tempfile::tempdir().unwrap();
    let mut state = State::new();
    for (path, content) in files {
        let (digest, size) = (Digest::of(content), content.len() as u64);
        fs::write(folder.path().join(digest.to_string()), content).unwrap();
        let path = path.parse().unwrap();
        let file = Resource::BootFile(BootFile { digest, size });
        state.insert(Key::BootFile { path }, file);
    }
    (folder, state)
}

/// Octets that repeat at no power of two, so that a misplaced block shows.
fn octets(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n % 65_521 % 251) as u8).collect()
}

fn served(folder: &TempDir, state: &State) -> Arc<BootFiles> {
    Arc::new(BootFiles::new(state, folder.path()))
}

async fn serve_tftp(at: SocketAddr, files: Arc<BootFiles>) -> tftp::Server {
    let server = tftp::Server::on_port(at.port());
    server.load(files);
    server.open(&link(), interface(at.ip())).await.unwrap();
    server
}

async fn serve_http(at: SocketAddr, files: Arc<BootFiles>) -> http::Server {
    let server = http::Server::on_port(at.port());
    server.load(files);
    server.open(&link(), interface(at.ip())).await.unwrap();
    server
}

fn tftp_count(server: &tftp::Server, event: tftp::Event) -> u64 {
    server.counters().get(&event).copied().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_and_atftp_fetch_every_size_byte_for_byte() {
    let sizes = [0, 1, 511, 512, 513, 1468 * 64, 1_000_003];
    let named = sizes.map(|size| (format!("boot/{size}"), octets(size)));
    let files = named
        .each_ref()
        .map(|(path, content)| (path.as_str(), content.clone()));
    let (folder, state) = stored(&files);
    let at = corner();
    let server = serve_tftp(at, served(&folder, &state)).await;
    assert_eq!(server.serving(), state);
    let curls = [
        "--tftp-no-options",
        "--tftp-blksize 1468",
        "--tftp-blksize 65464",
    ];
    let atftps = [
        "",
        "blksize 1468",
        "blksize 8,windowsize 64",
        "blksize 1468,windowsize 16,tsize 0,timeout 2",
        "windowsize 7",
    ];
    for (path, content) in &named {
        for options in curls {
            // curl calls a size of zero invalid, though RFC 2349 allows it.
            let refused = content.is_empty() && options.contains("blksize");
            if !refused {
                fetch_by_curl(at, path, options, content).await;
            }
        }
        for options in atftps {
            let tiny_blocks = options.contains("blksize 8,") && content.len() > 100_000;
            if !tiny_blocks {
                fetch_by_atftp(at, path, options, content).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn block_numbers_wrap_in_large_files() {
    let content = octets(WRAPPING);
    let (folder, state) = stored(&[("boot/large", content.clone())]);
    let at = corner();
    let _server = serve_tftp(at, served(&folder, &state)).await;
    fetch_by_curl(at, "boot/large", "--tftp-no-options", &content).await;
    fetch_by_atftp(at, "boot/large", "blksize 512,windowsize 32", &content).await;
}

async fn fetch_by_curl(at: SocketAddr, path: &str, options: &str, expected: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("fetched");
    let (url, into_text) = (format!("tftp://{at}/{path}"), into.to_str().unwrap());
    let mut arguments = vec!["-sS", "--max-time", "50", "-o", into_text, &url];
    arguments.extend(options.split_whitespace());
    let (text, succeeded) = run("curl", &arguments).await;
    assert!(succeeded, "curl {options} {path}: {text}");
    compare(&into, expected, options, path);
}

async fn fetch_by_atftp(at: SocketAddr, path: &str, options: &str, expected: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("fetched");
    let (host, port) = (at.ip().to_string(), at.port().to_string());
    let mut arguments = Vec::new();
    for option in options.split(',').filter(|option| !option.is_empty()) {
        arguments.extend(["--option", option]);
    }
    arguments.extend([
        "--get",
        "-r",
        path,
        "-l",
        into.to_str().unwrap(),
        &host,
        &port,
    ]);
    let (text, succeeded) = run("atftp", &arguments).await;
    assert!(succeeded, "atftp {options} {path}: {text}");
    compare(&into, expected, options, path);
}

fn compare(into: &Path, expected: &[u8], options: &str, path: &str) {
    // A client that received nothing may not have made the file.
    let fetched = fs::read(into).unwrap_or_default();
    assert!(
        fetched == expected,
        "{path} differs with {options:?}: {} octets",
        fetched.len()
    );
}

/// A TFTP client that sends what a test says.
struct Client {
    socket: UdpSocket,
    server: SocketAddr,
}

impl Client {
    async fn from(address: IpAddr, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((address, 0)).await.unwrap();
        Self { socket, server }
    }

    async fn request(&self, bytes: &[u8]) -> (Vec<u8>, SocketAddr) {
        self.say(bytes, self.server).await;
        self.hear().await
    }

    async fn say(&self, bytes: &[u8], to: SocketAddr) {
        self.socket.send_to(bytes, to).await.unwrap();
    }

    async fn hear(&self) -> (Vec<u8>, SocketAddr) {
        let mut buffer = vec![0; 66_000];
        let received = timeout(BOUND, self.socket.recv_from(&mut buffer)).await;
        let (length, from) = received.unwrap().unwrap();
        buffer.truncate(length);
        (buffer, from)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_answered_as_the_rfcs_say() {
    let (folder, state) = stored(&[("boot/a.cfg", b"one\ntwo\r".to_vec())]);
    let at = corner();
    let _server = serve_tftp(at, served(&folder, &state)).await;
    let cases: [(&[u8], &[u8]); 14] = [
        (b"\0\x01boot/a.cfg\0octet\0", b"\0\x03\0\x01one\ntwo\r"),
        (b"\0\x01\\boot\\\\a.cfg\0OCTET\0", b"\0\x03\0\x01one\ntwo\r"),
        (
            b"\0\x01boot/a.cfg\0netascii\0",
            b"\0\x03\0\x01one\r\ntwo\r\0",
        ),
        (
            b"\0\x01boot/a.cfg\0octet\0tsize\x000\0",
            b"\0\x06tsize\x008\0",
        ),
        (
            b"\0\x01boot/a.cfg\0netascii\0tsize\x000\0",
            b"\0\x06tsize\x0010\0",
        ),
        (
            b"\0\x01boot/a.cfg\0octet\0multicast\0\0blksize\x001024\0timeout\x009\0",
            b"\0\x06blksize\x001024\0timeout\x009\0",
        ),
        (
            b"\0\x01boot/a.cfg\0octet\0blksize\x007\0",
            b"\0\x03\0\x01one\ntwo\r",
        ),
        (b"\0\x01boot/a.cfg\0mail\0", b"\0\x05\0\x04no such mode\0"),
        (b"\0\x01boot/none\0octet\0", b"\0\x05\0\x01no such file\0"),
        (b"\0\x01../a.cfg\0octet\0", b"\0\x05\0\x02no access\0"),
        (b"\0\x02boot/a.cfg\0octet\0", b"\0\x05\0\x02read only\0"),
        (b"\0\x01boot/a.cfg\0octet", b"\0\x05\0\x04not a request\0"),
        (b"\0\x09", b"\0\x05\0\x04not a request\0"),
        (b"", b"\0\x05\0\x04not a request\0"),
    ];
    for (request, expected) in cases {
        let client = Client::from(at.ip(), at).await;
        let (reply, from) = client.request(request).await;
        assert_eq!(
            reply.escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
        assert_eq!(from.ip(), at.ip());
        let refused = expected.starts_with(b"\0\x05");
        assert_eq!(
            from.port() == at.port(),
            refused,
            "a transfer has a port of its own"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_survives_strangers_loss_and_repetition() {
    let content = octets(1200);
    let (folder, state) = stored(&[("boot/a", content.clone())]);
    let at = corner();
    let server = serve_tftp(at, served(&folder, &state)).await;
    let client = Client::from(at.ip(), at).await;
    let request = b"\0\x01boot/a\0octet\0tsize\x000\0";
    client.say(request, at).await;
    // The same request again begins no second transfer, and an unanswered first packet comes again.
    let (first, port) = client.request(request).await;
    let (again, same_port) = client.hear().await;
    assert_eq!((&first, port), (&again, same_port));
    assert_eq!(first, b"\0\x06tsize\x001200\0");

    let stranger = Client::from(at.ip(), port).await;
    let (told, _) = stranger.request(b"\0\x04\0\0").await;
    assert_eq!(told, b"\0\x05\0\x05not your transfer\0");

    let mut fetched = Vec::new();
    for block in 0..3_u8 {
        // Twice, though only one block may answer.
        client.say(&[0, 4, 0, block], port).await;
        client.say(&[0, 4, 0, block], port).await;
        let (data, _) = client.hear().await;
        assert_eq!(data[..4], [0, 3, 0, block + 1]);
        fetched.extend_from_slice(&data[4..]);
    }
    client.say(&[0, 4, 0, 3], port).await;
    assert_eq!(fetched, content);
    let none_more = client.request(b"\0\x01boot/none\0octet\0").await.0;
    assert_eq!(
        none_more[1], 5,
        "nothing but the refusal may have been left to hear"
    );
    assert_eq!(tftp_count(&server, tftp::Event::Stray), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_bytes_and_idle_crowds_leave_room() {
    let (folder, state) = stored(&[("boot/a", b"a".to_vec())]);
    let at = corner();
    let server = serve_tftp(at, served(&folder, &state)).await;
    let client = Client::from(at.ip(), at).await;
    let whole = b"\0\x01boot/a\0octet\0blksize\x001468\0";
    let mut refused = 0;
    for length in 0..whole.len() {
        let (reply, _) = client.request(&whole[..length]).await;
        refused += u64::from(reply[1] == 5);
        if reply[1] != 5 {
            // The options alone were cut: a transfer began, which this ends.
            let (_, port) = client.request(whole).await;
            client.say(b"\0\x05\0\0\0", port).await;
        }
    }
    assert_eq!(tftp_count(&server, tftp::Event::Malformed), refused);

    // One client's idle transfers end where its share does; others are served on.
    let mut idle = Vec::new();
    let refusal = loop {
        let next = Client::from(at.ip(), at).await;
        let (reply, _) = next.request(b"\0\x01boot/a\0octet\0timeout\x00255\0").await;
        idle.push(next);
        if reply[1] == 5 {
            break reply;
        }
        assert!(idle.len() < 1000, "one client took everything");
    };
    assert_eq!(refusal, b"\0\x05\0\0busy, try again\0");
    let other = Client::from("127.0.0.1".parse().unwrap(), at).await;
    assert_eq!(
        other.request(b"\0\x01boot/a\0octet\0").await.0,
        b"\0\x03\0\x01a"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_lost_behind_our_back_show_and_open_again() {
    let (folder, state) = stored(&[("boot/a", b"content".to_vec())]);
    let (tftp_at, http_at) = (corner(), corner());
    let tftp = serve_tftp(tftp_at, served(&folder, &state)).await;
    let http = serve_http(http_at, served(&folder, &state)).await;
    assert_eq!((tftp.listening().len(), http.listening().len()), (1, 1));
    assert_eq!(shut_down(tftp_at, Sockets::Udp), 1);
    assert_eq!(shut_down(http_at, Sockets::TcpListening), 1);
    assert_eq!((tftp.listening().len(), http.listening().len()), (0, 0));
    tftp.open(&link(), interface(tftp_at.ip())).await.unwrap();
    http.open(&link(), interface(http_at.ip())).await.unwrap();
    fetch_by_curl(tftp_at, "boot/a", "", b"content").await;
    assert_eq!(curl(http_at, "-sS", "boot/a").await, "content");
    tftp.close(tftp_at.ip()).await;
    http.close(http_at.ip()).await;
    let busy = std::net::UdpSocket::bind(tftp_at).expect("the port is free once closed");
    let held = std::net::TcpListener::bind(http_at).expect("the port is free once closed");
    assert!(tftp.open(&link(), interface(tftp_at.ip())).await.is_err());
    assert!(http.open(&link(), interface(http_at.ip())).await.is_err());
    drop((busy, held));
}

async fn curl(at: SocketAddr, options: &str, path: &str) -> String {
    let url = format!("http://{at}/{path}");
    let mut arguments: Vec<_> = options.split_whitespace().collect();
    arguments.extend(["--path-as-is", "--max-time", "50", &url]);
    run("curl", &arguments).await.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_serves_ranges_heads_and_conditions() {
    let alphabet = b"abcdefghijklmnopqrstuvwxyz".to_vec();
    let tag = Digest::of(&alphabet);
    let (folder, state) = stored(&[("boot/a.txt", alphabet.clone())]);
    let at = corner();
    let server = serve_http(at, served(&folder, &state)).await;
    assert_eq!(server.serving(), state);
    let code = "-sS -o /dev/null -w %{http_code}";
    let cases = [
        ("-sS".to_owned(), "boot/a.txt", "abcdefghijklmnopqrstuvwxyz"),
        ("-sS -r 2-5".to_owned(), "boot/a.txt", "cdef"),
        ("-sS -r -3".to_owned(), "boot/a.txt", "xyz"),
        (format!("{code} -r 2-5"), "boot/a.txt", "206"),
        (format!("{code} -r 30-"), "boot/a.txt", "416"),
        (format!("{code} -X POST"), "boot/a.txt", "405"),
        (code.to_owned(), "boot/b.txt", "404"),
        (code.to_owned(), "../boot/a.txt", "404"),
        (code.to_owned(), "", "404"),
        (
            format!("{code} -H If-None-Match:\"{tag}\""),
            "boot/a.txt",
            "304",
        ),
        (
            format!("{code} -H If-None-Match:\"other\""),
            "boot/a.txt",
            "200",
        ),
        (
            "-sS -I -w %{header_json} -o /dev/null".to_owned(),
            "boot/a.txt",
            r#""content-length":["26"]"#,
        ),
        (
            "-sS -I -w %{header_json} -o /dev/null".to_owned(),
            "boot/a.txt",
            r#""accept-ranges":["bytes"]"#,
        ),
    ];
    for (options, path, expected) in cases {
        let told = curl(at, &options, path).await;
        assert!(told.contains(expected), "curl {options} {path}: {told}");
    }
    server.load(Arc::default());
    assert_eq!(curl(at, code, "boot/a.txt").await, "404");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_bounds_what_hostile_clients_hold() {
    let (folder, state) = stored(&[("boot/a", b"content".to_vec())]);
    let at = corner();
    let server = serve_http(at, served(&folder, &state)).await;
    for hostile in [
        b"\x16\x03\x01\x02\x00".to_vec(),
        b"GET / HTTP/1.1\r\nX: ".repeat(4000),
        b"GET\r\n\r\n".to_vec(),
    ] {
        let mut stream = TcpStream::connect(at).await.unwrap();
        // The server may close before all is written, which is the point.
        let _ = stream.write_all(&hostile).await;
        let _ = stream.shutdown().await;
        let mut reply = Vec::new();
        match timeout(BOUND, stream.read_to_end(&mut reply))
            .await
            .unwrap()
        {
            Ok(_) => assert!(
                reply.is_empty() || reply.starts_with(b"HTTP/1.1 4"),
                "{}",
                reply.escape_ascii()
            ),
            Err(fault) => assert_eq!(fault.kind(), io::ErrorKind::ConnectionReset),
        }
    }
    // One client holds connections until its share is used; the next is closed, and another client is served.
    let mut held = Vec::new();
    while !server.counters().contains_key(&http::Event::Busy) {
        let stream = timeout(BOUND, TcpStream::connect(at))
            .await
            .unwrap()
            .unwrap();
        held.push(stream);
        assert!(held.len() < 10_000, "connections without bound");
    }
    let other = curl(at, &format!("-sS --interface {}", at.ip()), "boot/a").await;
    assert_eq!(other, "content");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_cuts_off_a_client_that_dawdles_over_its_head() {
    let (folder, state) = stored(&[("boot/a", b"content".to_vec())]);
    let at = corner();
    let server = serve_http(at, served(&folder, &state)).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    let unfinished = b"GET /boot/a HTTP/1.1\r\nHost: x\r\n";
    stream.write_all(unfinished).await.unwrap();
    let mut reply = Vec::new();
    let ended = timeout(BOUND, stream.read_to_end(&mut reply)).await;
    ended.expect("the server waits for ever").unwrap();
    assert_eq!(server.counters().get(&http::Event::Answered), None);
}
