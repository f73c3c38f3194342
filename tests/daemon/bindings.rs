//! `bedplate bindings`: who is bound to which address, and each change.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use serde_json::Value;

use crate::client::Relay;
use crate::lab::{Lab, PATIENCE};

/// More than the daemon keeps of events and a connection takes of lines.
const TOO_MANY: usize = 16_000;

fn read(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[test]
fn all_bindings_are_told_and_then_each_change() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    lab.applied();
    assert_eq!(lab.run(&["bindings"]).out, "= 0 bound\n");
    let bind = |client: u8| {
        Relay::with(&lab, PATIENCE, |relay| {
            let address = relay.discover(client).unwrap();
            relay.request(client, address).unwrap()
        })
    };
    let first = bind(1);
    Relay::with(&lab, PATIENCE, |relay| relay.discover(9).unwrap());
    let mut command = lab.command("site", &["--json", "bindings", "--follow"]);
    let mut follow = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let mut next = || read(&lines.next().unwrap().unwrap());
    let told = |binding: &Value| {
        let word = |name: &str| binding[name].as_str().unwrap_or_default().to_owned();
        format!(
            "{} {} {}",
            word("binding"),
            word("address"),
            word("hardware")
        )
    };
    let snapshot = next();
    assert_eq!(told(&snapshot), format!("bound {first} 02:ee:00:00:00:01"));
    assert_eq!(
        (&snapshot["vlan"], &snapshot["link"]),
        (&"plant/pxe".into(), &"br0".into())
    );
    assert!(snapshot["expires"].is_u64(), "{snapshot}");
    let complete = next();
    assert_eq!(
        (&complete["binding"], &complete["count"]),
        (&"complete".into(), &1.into())
    );
    let second = bind(2);
    assert_eq!(told(&next()), format!("bound {second} 02:ee:00:00:00:02"));
    lab.json(&["leases", "release", &first.to_string()]);
    assert_eq!(told(&next()), format!("unbound {first} 02:ee:00:00:00:01"));
    Relay::with(&lab, PATIENCE, |relay| relay.decline(2, second));
    assert_eq!(told(&next()), format!("unbound {second} 02:ee:00:00:00:02"));
    // The end of a quarantine binds and frees nobody.
    lab.json(&["leases", "release", &second.to_string()]);
    let third = bind(3);
    assert_eq!(told(&next()), format!("bound {third} 02:ee:00:00:00:03"));
    follow.kill().unwrap();
    follow.wait().unwrap();
    let said = lab.run(&["bindings"]);
    assert_eq!(said.code, 0);
    let mut lines = said.out.lines();
    assert!(
        lines.next().unwrap().starts_with(&format!("+ {third}")),
        "{said:?}"
    );
    assert_eq!(lines.next(), Some("= 1 bound"));
}

#[test]
fn who_reads_too_slowly_is_told_and_cut_off() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    lab.applied();
    let mut reader = UnixStream::connect(lab.path("socket")).unwrap();
    let request =
        "GET /v1/bindings?follow=true HTTP/1.1\r\nhost: bedplate\r\nconnection: close\r\n\r\n";
    reader.write_all(request.as_bytes()).unwrap();
    let mut heard = Vec::new();
    let mut some = [0; 4096];
    while !String::from_utf8_lossy(&heard).contains("complete") {
        let length = reader.read(&mut some).unwrap();
        assert!(length > 0);
        heard.extend(&some[..length]);
    }
    Relay::with(&lab, PATIENCE, |relay| {
        let address = relay.discover(1).unwrap();
        for _ in 0..TOO_MANY {
            assert_eq!(relay.request(1, address), Some(address));
        }
    });
    reader.read_to_end(&mut heard).unwrap();
    let heard = String::from_utf8_lossy(&heard);
    let last = heard.lines().rfind(|line| line.starts_with('{')).unwrap();
    let last = read(last);
    assert_eq!(last["binding"], "lost", "{last}");
    assert!(last["count"].as_u64().unwrap() > 0);
}
