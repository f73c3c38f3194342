//! `bedplate bmc media`: images in the virtual drives of a BMC that is not ours, and what cannot be had.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use serde_json::Value;

use crate::bmc::{ADDRESS, beside, check};
use crate::certificates::Authority;
use crate::counterpart::USER;
use crate::emulator::{self, Emulator};
use crate::lab::{Lab, SITE};
use crate::pool::serving;

/// Serves images where the BMC reaches them; their URL.
fn images(lab: &Lab) -> String {
    let listener = lab
        .host
        .run(|| TcpListener::bind(("10.71.0.2", 0)).unwrap());
    let url = format!("http://{}/rescue.iso", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(
                b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nimage",
            );
        }
    });
    url
}

/// A lab with a BMC that lends its machine drives, and a machine that nobody lends any.
fn wired() -> (Lab, Emulator) {
    let lab = Lab::new();
    let authority = Authority::new();
    let certificate = authority.self_signed("bmc", "CA:FALSE", "DNS:bmc");
    let place = beside(&lab);
    let emulator = place.run(|| Emulator::start(ADDRESS, &certificate, "sessions"));
    fs::write(lab.path("password"), emulator::PASSWORD).unwrap();
    let (port, pinned, password) = (
        emulator.port(),
        authority.fingerprint("bmc"),
        lab.path("password"),
    );
    let account = format!("username=\"{USER}\" password=(file){password:?}");
    lab.write(&format!(
        "{SITE}machine \"node-02\" {{ bmc \"redfish\" address=\"{ADDRESS}\" port={port} {account} {{ fingerprint \"{pinned}\" }} }}\n\
         machine \"node-03\" {{ bmc \"wake-on-lan\"; ethernet \"eth0\" mac=\"02:00:00:00:70:03\" vlan=\"pxe\" }}\n"
    ));
    (lab, emulator)
}

#[test]
fn an_image_is_inserted_shown_and_ejected() {
    let (lab, _emulator) = wired();
    let _daemon = serving(&lab, "off");
    lab.applied();
    let url = images(&lab);
    let secret = "?token=hunter2";
    let insert = format!("bmc media insert node-02 --image {url}{secret}");
    let shown = format!(" {url}\n");
    let with_password = "bmc media insert node-02 --image http://a:hunter2@10.71.0.2/a.iso";
    for (arguments, code, parts) in [
        (
            "bmc media status node-02",
            0,
            &["node-02  Cd (CD, DVD)", "empty", "Floppy"][..],
        ),
        (&insert, 0, &[&shown]),
        (
            "bmc media status node-02",
            0,
            &[&shown, "Floppy (Floppy, USBStick)  empty"],
        ),
        (
            "bmc media status",
            0,
            &[
                "skipped 1 machine: Wake-on-LAN only wakes a machine",
                &shown,
            ],
        ),
        ("bmc media eject node-02", 0, &["Cd (CD, DVD)  empty\n"]),
        (
            "bmc media eject node-02 --drive Floppy",
            0,
            &["Floppy (Floppy, USBStick)  empty\n"],
        ),
        (
            "bmc media eject node-02 --drive Tape",
            4,
            &["D064", "no virtual drive `Tape`, only Cd, Floppy"],
        ),
        ("bmc media insert node-02", 1, &["D009", "which image?"]),
        (
            "bmc media eject node-02 --image x",
            1,
            &["D009", "only `insert`"],
        ),
        (
            "bmc media insert --image http://10.71.0.2/a.iso",
            1,
            &["which machines?"],
        ),
        (
            with_password,
            1,
            &["D009", "the URL holds a user name or a password"],
        ),
    ] {
        let said = check(&lab, arguments, code, parts);
        assert!(!format!("{said:?}").contains("hunter2"), "{said:?}");
    }
    let said = check(&lab, "--json bmc media status node-02", 0, &[]).out;
    let line: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    let drives = line["done"]["is"]["media"].as_array().unwrap();
    assert_eq!((drives.len(), &drives[0]["id"]), (2, &"Cd".into()));
    let log = fs::read_to_string(lab.path("log")).unwrap();
    assert!(
        log.contains("insert media") && !log.contains("hunter2"),
        "{log}"
    );
}
