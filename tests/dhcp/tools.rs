//! Programs that operators ask a DHCP server with: each takes what it hears for a sound answer.

use std::process::Command;
use std::sync::Arc;

use bedplate::store::Faulty;

use crate::net::{cable, run, serve};

const SERVER: &str = "10.78.0.1/16";

fn site() -> serde_json::Value {
    serde_json::json!({ "vlan/plant/pxe/scope/10.78.0.0/16": { "scope": {
        "server": "10.78.0.1", "pools": ["10.78.1.0-10.78.9.255"], "lease_time": "1h", "domain": "example",
        "options": {
            "1": { "addresses": ["255.255.0.0"] }, "3": { "addresses": ["10.78.0.1"] },
            "6": { "addresses": ["10.78.0.2"] }, "15": { "text": "example" }
        }, "image": null
    } } })
}

/// Runs a program of a client that has an address already, and demands of each word that it is said.
fn check(command: &'static str, expected: &[&str]) {
    let (server_side, client_side) = cable(SERVER);
    let _server = serve(
        &server_side,
        Arc::new(Faulty::default()),
        &site(),
        SERVER,
        |_| {},
    );
    let said = client_side.run(move || {
        run("ip", "address add 10.78.0.9/16 dev cli");
        let mut words = command.split_whitespace();
        let mut program = Command::new(words.next().unwrap());
        let ran = program.args(words).output().unwrap();
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let said = text(&ran.stdout) + &text(&ran.stderr);
        assert!(ran.status.success(), "{command}: {said}");
        said
    });
    for words in expected {
        assert!(said.contains(words), "{words} in {said}");
    }
}

/// Its status says that no exchange was incomplete; it also looks for addresses that two clients have.
#[test]
fn perfdhcp_completes_every_exchange() {
    check(
        "perfdhcp -4 -u -r 250 -f 50 -R 500 -n 500 -d 20 -W 1000000 -l 10.78.0.9 10.78.0.1",
        &[
            "Malformed packets: 0",
            "DISCOVER-OFFER***\nsent packets: 500\nreceived packets: 500\ndrops: 0\ndrops ratio: 0 %\norphans: 0\nrejected leases: 0\nnon unique addresses: 0",
            "REQUEST-ACK***\nsent packets: 500\nreceived packets: 500\ndrops: 0",
        ],
    );
}

const TOLD: &[&str] = &[
    "Server Identifier: 10.78.0.1",
    "Subnet Mask: 255.255.0.0",
    "Router: 10.78.0.1",
    "Domain Name Server: 10.78.0.2",
    "Domain Name: example",
];

#[test]
fn nmap_asks_by_broadcast() {
    let offer = [
        "Response 1 of 1",
        "DHCP Message Type: DHCPOFFER",
        "IP Offered: 10.78.1.0",
        "IP Address Lease Time: 1h00m00s",
        "Renewal Time Value: 30m00s",
        "Rebinding Time Value: 52m30s",
    ];
    check(
        "nmap -n -e cli --script broadcast-dhcp-discover --script-args broadcast-dhcp-discover.timeout=3",
        &[&offer, TOLD].concat(),
    );
}

#[test]
fn nmap_asks_the_server() {
    check(
        "nmap -n -Pn -sU -p 67 --script dhcp-discover 10.78.0.1",
        &[&["67/udp open  dhcps", "DHCP Message Type: DHCPACK"], TOLD].concat(),
    );
}
