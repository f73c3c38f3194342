//! `bedplate bindings`: who is bound to which address, and each change.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use serde_json::Value;

use crate::client::Relay;
use crate::lab::{Lab, PATIENCE, SITE};

fn read(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[test]
fn all_bindings_are_told_and_then_each_change() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    lab.applied();
    assert_eq!(lab.run(&["bindings"]).out, "= 0 bound\n");
    let bind = |client: u16| {
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
    let line = lab.logged("a quarantine was ended by hand");
    assert!(line.contains(&second.to_string()), "{line}");
    let events = lab.run(&["events"]).out;
    let line = events.lines().last().unwrap_or_default();
    assert!(
        line.contains(" release ") && line.ends_with("out of quarantine, by hand"),
        "{events}"
    );
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

/// Listed in many pages while leases begin and end: nobody is left out, and none is told who is bound no more.
#[test]
fn a_long_list_is_whole_whatever_changes_meanwhile() {
    let lab = Lab::new();
    lab.write(&SITE.replace("10.70.1.0-10.70.1.99", "10.70.1.0-10.70.40.255"));
    let _daemon = lab.serve();
    lab.applied();
    let before = Relay::with(&lab, PATIENCE, |relay| relay.lease(0..LONG));
    let mut reader = followed(&lab, "true");
    let mut heard = Vec::new();
    let mut some = [0; 512];
    while !String::from_utf8_lossy(&heard).contains("bound") {
        let length = reader.read(&mut some).unwrap();
        heard.extend(&some[..length]);
    }
    // Told already, told with a later page, and never before.
    let (first, last) = (before.first_key_value(), before.last_key_value());
    let ends = [first, last].map(|one| one.map(|(address, client)| (*address, *client)).unwrap());
    let fresh = Relay::with(&lab, PATIENCE, |relay| {
        for (address, client) in ends {
            relay.release(client, address);
        }
        relay.lease(LONG..LONG + 40)
    });
    let mut expected: BTreeMap<Ipv4Addr, u16> = before.clone();
    for (address, _) in ends {
        expected.remove(&address);
    }
    expected.extend(fresh);
    let told = |told: &str| -> BTreeMap<Ipv4Addr, u16> { bound(told) };
    let end = |said: &str| said.contains("complete") && told(said) == expected;
    while !end(&String::from_utf8_lossy(&heard)) {
        let mut some = vec![0; 1 << 20];
        let length = reader.read(&mut some).unwrap();
        assert!(
            length > 0,
            "it ended: {:?}",
            told(&String::from_utf8_lossy(&heard))
        );
        heard.extend(&some[..length]);
    }
    let said = String::from_utf8_lossy(&heard);
    let (listed, _) = said.split_once("complete").unwrap();
    assert!(
        listed.contains("unbound"),
        "nothing changed while it was listed"
    );
    // The same without a change is what there is.
    let mut list = String::new();
    followed(&lab, "false").read_to_string(&mut list).unwrap();
    assert_eq!(bound(&list), expected);
}

/// More bindings than a page has and a connection takes; twice as many are more than the daemon keeps of events.
const LONG: u16 = 8000;

/// The stream of bindings as it comes.
fn followed(lab: &Lab, follow: &str) -> UnixStream {
    let mut reader = UnixStream::connect(lab.path("socket")).unwrap();
    reader.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!(
        "GET /v1/bindings?follow={follow} HTTP/1.1\r\nhost: bedplate\r\nconnection: close\r\n\r\n"
    );
    reader.write_all(request.as_bytes()).unwrap();
    reader
}

/// Who has which address by what was told so far, whole lines of it.
fn bound(told: &str) -> BTreeMap<Ipv4Addr, u16> {
    let mut bound = BTreeMap::new();
    for line in told.lines().filter(|line| line.starts_with('{')) {
        let Ok(change) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let Some(address) = change["address"].as_str() else {
            continue;
        };
        let address: Ipv4Addr = address.parse().unwrap();
        let hardware = change["hardware"].as_str().unwrap().replace(':', "");
        let client = u16::from_str_radix(&hardware[8..], 16).unwrap();
        let before = match change["binding"].as_str() {
            Some("bound") => bound.insert(address, client).filter(|own| *own != client),
            Some("unbound") => {
                let own = bound.remove(&address);
                assert_eq!(own, Some(client), "{change}");
                None
            }
            _ => panic!("{change}"),
        };
        assert_eq!(before, None, "{change}");
    }
    bound
}

#[test]
fn who_reads_too_slowly_is_told_and_cut_off() {
    let lab = Lab::new();
    lab.write(&SITE.replace("10.70.1.0-10.70.1.99", "10.70.1.0-10.70.40.255"));
    let _daemon = lab.serve();
    lab.applied();
    let mut reader = followed(&lab, "true");
    let mut heard = Vec::new();
    let mut some = [0; 4096];
    while !String::from_utf8_lossy(&heard).contains("complete") {
        let length = reader.read(&mut some).unwrap();
        assert!(length > 0);
        heard.extend(&some[..length]);
    }
    Relay::with(&lab, PATIENCE, |relay| {
        for (address, client) in relay.lease(0..LONG) {
            relay.release(client, address);
        }
        relay.lease(0..LONG);
    });
    reader.read_to_end(&mut heard).unwrap();
    let heard = String::from_utf8_lossy(&heard);
    let last = heard.lines().rfind(|line| line.starts_with('{')).unwrap();
    let last = read(last);
    assert_eq!(last["binding"], "lost", "{last}");
    assert!(last["count"].as_u64().unwrap() > 0);
}
