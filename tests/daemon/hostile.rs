//! What strangers send: counted and dropped, or refused with a code; the daemon goes on serving.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use crate::lab::{Lab, Said};

const SERVER: &str = "10.70.0.2";

/// Bytes that no protocol means: of every length up to a little beyond a frame, always the same.
fn noise() -> impl Iterator<Item = Vec<u8>> {
    let mut dice: u32 = 7;
    (0..=1600).step_by(13).map(move |length| {
        let roll = |_| {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (dice >> 24) as u8
        };
        (0..length).map(roll).collect()
    })
}

/// A message of each protocol that begins well; each is sent cut off at every length.
fn good_beginnings() -> [(u16, Vec<u8>); 3] {
    let mut discover = vec![0; 236];
    discover[..4].copy_from_slice(&[1, 1, 6, 0]);
    discover.extend([
        99, 130, 83, 99, 53, 1, 1, 81, 200, 1, 94, 255, 61, 0, 82, 4, 1, 200, 255,
    ]);
    let query = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0\x07node-01\x03lab\xc0\x0c\0\x01\0\x01";
    let request = b"\0\x01boot/tiny.efi\0octet\0blksize\x0099999\0tsize\0-1\0";
    [(67, discover), (53, query.to_vec()), (69, request.to_vec())]
}

#[test]
fn noise_on_every_port_is_counted_and_dropped() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    lab.applied();
    lab.serves();
    lab.machines[0].run(|| {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        for (port, message) in good_beginnings() {
            // One that is not there any more refuses; what is counted tells.
            let say = |bytes: &[u8]| drop(socket.send_to(bytes, (SERVER, port)));
            noise().for_each(|bytes| say(&bytes));
            (0..message.len()).for_each(|length| say(&message[..length]));
        }
        for port in [53, 80] {
            for bytes in noise().step_by(10) {
                let mut stream = TcpStream::connect((SERVER, port)).unwrap();
                // The server may have hung up already.
                let _ = stream.write_all(&bytes);
                let _ = stream.shutdown(Shutdown::Write);
                let patience = Some(Duration::from_secs(5));
                stream.set_read_timeout(patience).unwrap();
                let _ = stream.read_to_end(&mut Vec::new());
            }
        }
        // Half a request, a length that lies, a head without end; then gone.
        let halves: [(u16, &[u8]); 4] = [
            (80, b"GET /boot/tiny.efi HTTP/1.1\r\nhost: "),
            (80, b"GET /../../etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n"),
            (53, b"\xff\xff\x12\x34"),
            (53, b"\x00"),
        ];
        for (port, bytes) in halves {
            let mut stream = TcpStream::connect((SERVER, port)).unwrap();
            stream.write_all(bytes).unwrap();
        }
    });
    lab.serves();
    let counters = &lab.status()["counters"];
    for counter in [
        "dhcp.malformed",
        "dns.malformed",
        "tftp.malformed",
        "http.malformed",
    ] {
        assert!(
            counters[counter].as_u64() > Some(0),
            "{counter}: {counters}"
        );
    }
    assert_eq!(lab.unlike(), Default::default());
}

/// What the API answers to these bytes, after which the caller may hang up.
fn api(lab: &Lab, request: &[u8], hang_up: bool) -> String {
    let mut stream = UnixStream::connect(lab.path("socket")).unwrap();
    // It may answer and close before it has read all.
    let _ = stream.write_all(request);
    if hang_up {
        stream.shutdown(Shutdown::Write).unwrap();
    }
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: b\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[test]
fn requests_that_make_no_sense_are_refused_with_a_code() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    lab.applied();
    let bundle = |version: u32| {
        format!(r#"{{"format_version":{version},"root":"site.kdl","sources":{{}},"files":{{}}}}"#)
    };
    let apply = format!(r#"{{"bundle":{},"plan":"p-0","allow":[]}}"#, bundle(99));
    let bare = |line: &str| {
        format!("{line} HTTP/1.1\r\nhost: b\r\nconnection: close\r\n\r\n").into_bytes()
    };
    let digest = "0".repeat(64);
    let wrong = format!(
        "PUT /v1/blobs/{digest} HTTP/1.1\r\nhost: b\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc"
    );
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("another version", bare("GET /v2/status"), "D008"),
        ("an unknown path", bare("GET /v1/nothing"), "D008"),
        ("a wrong method", bare("DELETE /v1/plan"), "D009"),
        ("no JSON", post("/v1/plan", "hello"), "D009"),
        (
            "JSON cut off",
            post("/v1/plan", r#"{"format_version":1,"#),
            "D009",
        ),
        ("other JSON", post("/v1/apply", "[]"), "D009"),
        ("no type", bare("POST /v1/plan"), "D009"),
        (
            "deep JSON",
            post("/v1/plan", &"[".repeat(1_000_000)),
            "D009",
        ),
        (
            "huge JSON",
            post("/v1/plan", &" ".repeat(129 << 20)),
            "D009",
        ),
        (
            "a bundle of another format",
            post("/v1/plan", &bundle(99)),
            "D008",
        ),
        ("the same to apply", post("/v1/apply", &apply), "D008"),
        ("an empty bundle", post("/v1/plan", &bundle(1)), "D009"),
        (
            "a name that is no digest",
            bare("PUT /v1/blobs/..%2f..%2fpasswd"),
            "D009",
        ),
        ("content of another digest", wrong.into_bytes(), "D009"),
        (
            "no HTTP",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n".to_vec(),
            "HTTP/1.1 400",
        ),
        (
            "half a request",
            b"POST /v1/apply HTTP/1.1\r\nhost: b\r\ncontent-length: 500\r\n\r\n{".to_vec(),
            "",
        ),
        ("nothing", Vec::new(), ""),
    ];
    for (what, request, expected) in cases {
        let answer = api(&lab, &request, expected.is_empty());
        assert!(answer.contains(expected), "{what}: {answer}");
    }
    assert_eq!(lab.unlike(), Default::default());
    lab.serves();
}

#[test]
fn strangers_of_this_host_are_refused() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    let mode = |path: &str, mode: u32| {
        fs::set_permissions(lab.path(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("", 0o755);
    let ask = || {
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "curl",
            "-sS",
            "--unix-socket",
        ]);
        command
            .arg(lab.path("socket"))
            .arg("http://bedplate/v1/status");
        Said::of(&command.output().unwrap())
    };
    let refused = ask();
    assert!(
        refused.code != 0 && refused.out.is_empty(),
        "the kernel lets it in: {refused:?}"
    );
    // Were the socket open to all, the daemon still asks who it is.
    mode("socket", 0o666);
    let refused = ask();
    assert!(refused.out.contains("D007"), "{refused:?}");
}

#[test]
fn hopeless_site_files_are_refused_with_a_code() {
    let lab = Lab::new();
    let deep = "a {".repeat(100_000);
    let cases: [(&str, Vec<u8>, &str); 6] = [
        ("deep", deep.into_bytes(), "E0"),
        ("huge", vec![b'a'; 65 << 20], "E0"),
        ("no text", (0..=255).cycle().take(100_000).collect(), "E0"),
        ("one quote", b"site \"lab".to_vec(), "E0"),
        ("empty", Vec::new(), "E0"),
        (
            "includes nothing",
            b"site \"lab\" domain=\"lab.example\"\ninclude \"none.kdl\"".to_vec(),
            "E0",
        ),
    ];
    for (what, text, expected) in cases {
        fs::write(lab.path("site/site.kdl"), text).unwrap();
        let said = lab.run(&["check"]);
        assert_eq!(said.code, 1, "{what}: {}", said.err);
        let told = format!("{}{}", said.out, said.err);
        assert!(told.contains(expected), "{what}: {told}");
        assert!(
            told.len() < 1 << 20,
            "{what}: {} bytes of answer",
            told.len()
        );
    }
    fs::remove_file(lab.path("site/site.kdl")).unwrap();
    let said = lab.run(&["check"]);
    assert_eq!(said.code, 1, "{said:?}");
}
