//! The DNS server on real sockets: `dig` as the client, a second server as the upstream, hostile bytes, lost sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected should stop there"
)]

mod loopback;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bedplate::serve::dns::{Event, Server};
use bedplate::state::{Service, State};
use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RData, RecordType};
use loopback::{BOUND, Sockets, corner, interface, link, run, shut_down};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// A site's zones; `many` has more addresses than a plain datagram holds.
fn site() -> State {
    let many = addresses_as_json("10.10.1", 40);
    let fingerprint = "00ff".repeat(16);
    let text = format!(
        r#"{{
        "zone/ams1.example": {{"zone": {{"servers": ["rack-1.ams1.example"], "ttl": "30s", "negative_ttl": "10s"}}}},
        "zone/ams1.example/rack-1/A": {{"record": {{"ttl": "30s", "values": [{{"A": "10.10.0.2"}}]}}}},
        "zone/ams1.example/www/CNAME": {{"record": {{"ttl": "1h", "values": [{{"CNAME": "rack-1.ams1.example"}}]}}}},
        "zone/ams1.example/away/CNAME": {{"record": {{"ttl": "30s", "values": [{{"CNAME": "www.world.example"}}]}}}},
        "zone/ams1.example/@/MX": {{"record": {{"ttl": "30s", "values": [{{"MX": {{"preference": 10, "target": "rack-1.ams1.example"}}}}]}}}},
        "zone/ams1.example/@/TXT": {{"record": {{"ttl": "30s", "values": [{{"TXT": "v=spf1 mx -all"}}]}}}},
        "zone/ams1.example/_ldap._tcp/SRV": {{"record": {{"ttl": "30s", "values": [{{"SRV": {{"priority": 1, "weight": 2, "port": 389, "target": "rack-1.ams1.example"}}}}]}}}},
        "zone/ams1.example/rack-1/SSHFP": {{"record": {{"ttl": "30s", "values": [{{"SSHFP": {{"algorithm": 4, "digest": 2, "fingerprint": "{fingerprint}"}}}}]}}}},
        "zone/ams1.example/many/A": {{"record": {{"ttl": "30s", "values": [{many}]}}}},
        "zone/10.10.in-addr.arpa": {{"zone": {{"servers": ["rack-1.ams1.example"], "ttl": "30s", "negative_ttl": "10s"}}}},
        "zone/10.10.in-addr.arpa/2.0/PTR": {{"record": {{"ttl": "30s", "values": [{{"PTR": "rack-1.ams1.example"}}]}}}}
    }}"#
    );
    serde_json::from_str(&text).unwrap()
}

/// What an upstream knows; `big` is too long for any datagram.
fn world() -> State {
    let big = addresses_as_json("192.0.2", 100);
    let text = format!(
        r#"{{
        "zone/world.example": {{"zone": {{"servers": ["ns.world.example"], "ttl": "60s", "negative_ttl": "5s"}}}},
        "zone/world.example/www/A": {{"record": {{"ttl": "60s", "values": [{{"A": "192.0.2.80"}}]}}}},
        "zone/world.example/big/A": {{"record": {{"ttl": "60s", "values": [{big}]}}}}
    }}"#
    );
    serde_json::from_str(&text).unwrap()
}

fn addresses_as_json(prefix: &str, count: u8) -> String {
    let values = (0..count).map(|last| format!(r#"{{"A": "{prefix}.{last}"}}"#));
    values.collect::<Vec<_>>().join(",")
}

/// The same, with questions passed on to `upstream`.
fn site_with_upstream(upstream: SocketAddr) -> State {
    let mut state = site();
    let forwarders = format!(
        r#"{{"controller/rack-1/forwarders": {{"forwarders": {{"upstreams": ["{}"]}}}}}}"#,
        upstream.ip()
    );
    state.extend(serde_json::from_str::<State>(&forwarders).unwrap());
    state
}

async fn serve(state: &State, at: SocketAddr, upstream_port: u16) -> Server {
    let server = Server::on_ports(1, at.port(), upstream_port);
    server.load(state).unwrap();
    server.open(&link(), interface(at.ip())).await.unwrap();
    server
}

/// What `dig` was told: the code, the flags, then the records of answer and authority.
async fn dig(at: SocketAddr, question: &str) -> String {
    let (port, server) = (at.port().to_string(), format!("@{}", at.ip()));
    let mut arguments = vec![server.as_str(), "-p", &port, "+time=20", "+tries=1"];
    arguments.extend(question.split_whitespace());
    let (text, _) = run("dig", &arguments).await;
    let mut told = Vec::new();
    for line in text.lines() {
        if let Some((_, rest)) = line.split_once("status: ") {
            told.push(rest.split(',').next().unwrap().to_owned());
        }
        if let Some(rest) = line.strip_prefix(";; flags: ") {
            told.push(rest.split(';').next().unwrap().to_owned());
        }
        if !line.is_empty() && !line.starts_with(';') {
            told.push(line.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    told.join(" | ")
}

fn question(name: &str, kind: RecordType) -> Vec<u8> {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message.to_vec().unwrap()
}

/// Asks from a socket of its own and waits, bounded, for the answer.
async fn ask(at: SocketAddr, bytes: &[u8]) -> Message {
    let socket = UdpSocket::bind((at.ip(), 0)).await.unwrap();
    socket.send_to(bytes, at).await.unwrap();
    let mut reply = [0; 4096];
    let received = timeout(BOUND, socket.recv(&mut reply)).await.unwrap();
    Message::from_vec(&reply[..received.unwrap()]).unwrap()
}

async fn address_of(at: SocketAddr, name: &str) -> Option<Ipv4Addr> {
    let reply = ask(at, &question(name, RecordType::A)).await;
    addresses(&reply).first().copied()
}

fn addresses(reply: &Message) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    for record in &reply.answers {
        let RData::A(address) = &record.data else {
            panic!("no address: {record}");
        };
        found.push(address.0);
    }
    found
}

/// What `dig` asks, and what it is told: code, flags, records. A lease names 10.10.3.4; world.example is the upstream's.
const DIALOGUE: &str = "
rack-1.ams1.example A +norec +noedns => NOERROR | qr aa ra | rack-1.ams1.example. 30 IN A 10.10.0.2
RaCk-1.ams1.EXAMPLE A +norec +noedns => NOERROR | qr aa ra | RaCk-1.ams1.EXAMPLE. 30 IN A 10.10.0.2
-x 10.10.0.2 +norec +noedns => NOERROR | qr aa ra | 2.0.10.10.in-addr.arpa. 30 IN PTR rack-1.ams1.example.
guest.ams1.example A +norec +noedns => NOERROR | qr aa ra | guest.ams1.example. 30 IN A 10.10.3.4
-x 10.10.3.4 +norec +noedns => NOERROR | qr aa ra | 4.3.10.10.in-addr.arpa. 30 IN PTR guest.ams1.example.
none.ams1.example A +norec +noedns => NXDOMAIN | qr aa ra | ams1.example. 10 IN SOA rack-1.ams1.example. hostmaster.ams1.example. 3 3600 600 604800 10
rack-1.ams1.example TYPE65280 +norec +noedns => NOERROR | qr aa ra | ams1.example. 10 IN SOA rack-1.ams1.example. hostmaster.ams1.example. 3 3600 600 604800 10
ams1.example SOA +norec +noedns => NOERROR | qr aa ra | ams1.example. 30 IN SOA rack-1.ams1.example. hostmaster.ams1.example. 3 3600 600 604800 10
ams1.example NS +tcp +norec +noedns => NOERROR | qr aa ra | ams1.example. 30 IN NS rack-1.ams1.example.
rack-1.ams1.example ANY +notcp +norec +noedns => NOERROR | qr aa ra | rack-1.ams1.example. 30 IN A 10.10.0.2
www.ams1.example A +norec +noedns => NOERROR | qr aa ra | www.ams1.example. 3600 IN CNAME rack-1.ams1.example. | rack-1.ams1.example. 30 IN A 10.10.0.2
away.ams1.example A +norec +noedns => NOERROR | qr aa ra | away.ams1.example. 30 IN CNAME www.world.example.
away.ams1.example A +noedns => NOERROR | qr aa rd ra | away.ams1.example. 30 IN CNAME www.world.example. | www.world.example. 60 IN A 192.0.2.80
ams1.example MX +norec +noedns => NOERROR | qr aa ra | ams1.example. 30 IN MX 10 rack-1.ams1.example.
ams1.example TXT +norec +noedns => NOERROR | qr aa ra | ams1.example. 30 IN TXT \"v=spf1 mx -all\"
_ldap._tcp.ams1.example SRV +norec +noedns => NOERROR | qr aa ra | _ldap._tcp.ams1.example. 30 IN SRV 1 2 389 rack-1.ams1.example.
rack-1.ams1.example SSHFP +norec +noedns => NOERROR | qr aa ra | rack-1.ams1.example. 30 IN SSHFP 4 2 00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF 00FF00FF
many.ams1.example A +ignore +norec +noedns => NOERROR | qr aa tc ra
version.bind TXT CH +norec +noedns => REFUSED | qr ra
www.world.example A +norec +noedns => REFUSED | qr ra
www.world.example A +noedns => NOERROR | qr rd ra | www.world.example. 60 IN A 192.0.2.80
none.world.example A +noedns => NXDOMAIN | qr rd ra | world.example. 5 IN SOA ns.world.example. hostmaster.world.example. 2 3600 600 604800 5
rack-1.ams1.example A +edns=1 +noednsneg => BADVERS | qr rd ra
rack-1.ams1.example A +ednsopt=65001:00 +norec => NOERROR | qr aa ra | rack-1.ams1.example. 30 IN A 10.10.0.2
rack-1.ams1.example A +opcode=2 +norec +noedns => NOTIMP | qr
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dig_is_told_what_the_rfcs_say() {
    let (upstream_at, at) = (corner(), corner());
    let upstream = serve(&world(), upstream_at, 1).await;
    let server = serve(&site_with_upstream(upstream_at), at, upstream_at.port()).await;
    server.publish("guest.ams1.example".parse().unwrap(), [10, 10, 3, 4].into());

    for line in DIALOGUE.lines().filter(|line| !line.is_empty()) {
        let (asked, expected) = line.split_once(" => ").unwrap();
        assert_eq!(dig(at, asked).await, expected, "dig {asked}");
    }
    for (asked, records) in [
        ("many.ams1.example A +noedns", 40),
        ("many.ams1.example A +norec", 40),
        // The upstream's answer is itself too long for a datagram, so the forwarder comes back by TCP.
        ("big.world.example A +tcp", 100),
    ] {
        let told = dig(at, asked).await;
        assert_eq!(
            told.matches(" IN A ").count(),
            records,
            "dig {asked}: {told}"
        );
    }
    server.withdraw(
        &"guest.ams1.example".parse().unwrap(),
        [10, 10, 3, 4].into(),
    );
    assert!(dig(at, "-x 10.10.3.4").await.starts_with("NXDOMAIN"));
    drop(upstream);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_upstream_is_a_servfail() {
    let (nobody, at) = (corner(), corner());
    let server = serve(&site_with_upstream(nobody), at, nobody.port()).await;
    assert_eq!(
        dig(at, "www.world.example A +noedns").await,
        "SERVFAIL | qr rd ra"
    );
    assert_eq!(server.counters().get(&Event::Unanswered), Some(&1));
    let alone = site();
    server.load(&alone).unwrap();
    assert_eq!(
        dig(at, "www.world.example A +noedns").await,
        "REFUSED | qr rd"
    );
    assert_eq!(server.serving(), alone);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_bytes_are_counted_and_the_server_goes_on() {
    let at = corner();
    let server = serve(&site(), at, 1).await;
    let whole = question("rack-1.ams1.example.", RecordType::A);
    let socket = UdpSocket::bind((at.ip(), 0)).await.unwrap();
    for length in 0..whole.len() {
        socket.send_to(&whole[..length], at).await.unwrap();
        socket.send_to(&vec![0xff; length], at).await.unwrap();
    }
    // Everything came before this question on the same queue, so its answer ends the wait.
    let expected = Some(Ipv4Addr::new(10, 10, 0, 2));
    assert_eq!(address_of(at, "rack-1.ams1.example.").await, expected);
    let counts = server.counters();
    let all = |event| counts.get(&event).copied().unwrap_or(0);
    let seen = all(Event::Malformed) + all(Event::Unasked);
    assert_eq!(seen, 2 * whole.len() as u64, "{counts:?}");

    // By TCP: a cut message, then two whole ones in one write, then one a byte at a time.
    let mut cut = TcpStream::connect(at).await.unwrap();
    cut.write_all(&[0, 200, 1, 2, 3]).await.unwrap();
    drop(cut);
    let framed = [&(whole.len() as u16).to_be_bytes(), whole.as_slice()].concat();
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(&framed.repeat(2)).await.unwrap();
    for byte in &framed {
        stream.write_all(&[*byte]).await.unwrap();
    }
    for _ in 0..3 {
        let length = timeout(BOUND, stream.read_u16()).await.unwrap().unwrap();
        let mut reply = vec![0; length.into()];
        timeout(BOUND, stream.read_exact(&mut reply))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(Message::from_vec(&reply).unwrap().answers.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_lost_behind_our_back_shows_and_opens_again() {
    let at = corner();
    let server = serve(&site(), at, 1).await;
    let expected = Some(Ipv4Addr::new(10, 10, 0, 2));
    for kind in [Sockets::Udp, Sockets::TcpListening] {
        assert!(server.listening().contains_key(&at.ip()));
        assert_eq!(shut_down(at, kind), 1);
        assert!(server.listening().is_empty());
        server.open(&link(), interface(at.ip())).await.unwrap();
        assert_eq!(address_of(at, "rack-1.ams1.example.").await, expected);
        assert!(
            dig(at, "rack-1.ams1.example +tcp")
                .await
                .starts_with("NOERROR")
        );
    }
    server.close(at.ip()).await;
    assert!(server.listening().is_empty());
    std::net::UdpSocket::bind(at).expect("the port is free once closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_port_or_foreign_address_is_an_error() {
    let at = corner();
    let server = Server::on_ports(1, at.port(), 1);
    let udp = std::net::UdpSocket::bind(at).unwrap();
    let fault = server.open(&link(), interface(at.ip())).await.unwrap_err();
    let expected = format!(
        "{} cannot listen on {} port {}",
        Service::Dns,
        at.ip(),
        at.port()
    );
    assert_eq!(fault.to_string(), expected);
    drop(udp);
    let tcp = std::net::TcpListener::bind(at).unwrap();
    assert!(server.open(&link(), interface(at.ip())).await.is_err());
    drop(tcp);
    server.open(&link(), interface(at.ip())).await.unwrap();
    let elsewhere = "192.0.2.1".parse().unwrap();
    assert!(server.open(&link(), interface(elsewhere)).await.is_err());
    assert_eq!(server.listening().len(), 1);
}

/// What was prepared may be put after something else was.
#[tokio::test]
async fn the_serial_counts_what_changes_and_not_what_is_prepared() {
    let (one, mut other) = (site(), site());
    other.retain(|key, _| !key.to_string().ends_with("/www/CNAME"));
    assert_ne!(one, other);
    let at = corner();
    let server = serve(&one, at, 1).await;
    let serial = async || {
        let reply = ask(at, &question("ams1.example.", RecordType::SOA)).await;
        let Some(RData::SOA(soa)) = reply.answers.first().map(|record| &record.data) else {
            panic!("no SOA: {reply:?}");
        };
        soa.serial
    };
    let begun = serial().await;
    server.load(&one).unwrap();
    assert_eq!(serial().await, begun, "nothing changed");
    let [same, changed] = [&one, &other].map(|state| server.prepare(state).unwrap());
    assert_eq!(serial().await, begun, "nothing is in force");
    server.put(changed);
    assert_eq!(serial().await, begun + 1);
    let before = server.put(same);
    assert_eq!(serial().await, begun + 2, "it was compared with another");
    server.put(before);
    assert_eq!(serial().await, begun + 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_answer_is_wholly_old_or_wholly_new() {
    let configuration = |octet: u8| -> State {
        let values = addresses_as_json(&format!("10.{octet}.0"), 20);
        let record = format!(
            r#"{{"zone/ams1.example/x/A": {{"record": {{"ttl": "30s", "values": [{values}]}}}}}}"#
        );
        let mut state = site();
        state.extend(serde_json::from_str::<State>(&record).unwrap());
        state
    };
    let at = corner();
    let server = serve(&configuration(1), at, 1).await;
    let done = Arc::new(AtomicBool::new(false));
    let asking = tokio::spawn({
        let done = Arc::clone(&done);
        async move {
            let (asked, mut seen) = (question("x.ams1.example.", RecordType::A), BTreeSet::new());
            while !done.load(Ordering::Relaxed) || seen.len() < 2 {
                let reply = ask(at, &asked).await;
                let octets: BTreeSet<u8> = addresses(&reply)
                    .iter()
                    .map(|address| address.octets()[1])
                    .collect();
                assert_eq!((reply.answers.len(), octets.len()), (20, 1), "{octets:?}");
                seen.extend(octets);
            }
        }
    });
    let states = [configuration(1), configuration(2)];
    for round in 0..200 {
        server.load(&states[round % 2]).unwrap();
        // A lease named in between resolves both ways as soon as it is published.
        let (name, address) = (
            format!("guest-{round}.ams1.example"),
            [10, 10, 9, round as u8],
        );
        server.publish(name.parse().unwrap(), address.into());
        assert_eq!(
            address_of(at, &format!("{name}.")).await,
            Some(address.into())
        );
    }
    done.store(true, Ordering::Relaxed);
    timeout(BOUND, asking).await.unwrap().unwrap();
}
