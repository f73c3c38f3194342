//! A stranger on the wire has an address that the server is about to offer: found by ARP and by echo, over a cable.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bedplate::base::mac::MacAddr;
use bedplate::serve::dhcp::{Event, Server};
use bedplate::store::Faulty;
use socket2::{Domain, Protocol, Socket, Type};

use crate::load::{ADDRESS, Relay, site};
use crate::net::{Namespace, cable, run, serve, wait};
use crate::support::{Ask, discover};

/// The first addresses of the pool.
const FIRST: Ipv4Addr = Ipv4Addr::new(10, 50, 128, 0);
const SECOND: Ipv4Addr = Ipv4Addr::new(10, 50, 128, 1);

const STRANGER: MacAddr = MacAddr([2, 0, 0, 0, 0, 0xee]);

fn probing() -> serde_json::Value {
    let mut site = site(0);
    let scope = &mut site["vlan/plant/pxe/scope/10.50.0.0/16"]["scope"];
    scope["policy"] = serde_json::json!({ "probe": "dynamic" });
    site
}

/// A server that probes, and beside it on the wire a stranger that has the first address.
fn lab() -> (Server, Namespace, Namespace) {
    let (server_side, client_side) = cable(ADDRESS);
    client_side.run(|| {
        run("ip", &format!("link set cli address {STRANGER}"));
        run("ip", &format!("address add {FIRST}/16 dev cli"));
    });
    let store = Arc::new(Faulty::default());
    let server = serve(&server_side, store, &probing(), ADDRESS, |_| {});
    (server, server_side, client_side)
}

/// What was found in use, and by whom.
fn conflicts(server: &Server) -> Vec<(Ipv4Addr, Option<MacAddr>)> {
    let told = wait(server.events(0)).unwrap().events;
    let found = told.into_iter().filter_map(|told| match told.event {
        Event::Conflict { lease, by, .. } => Some((lease.address, by)),
        Event::Committed { .. }
        | Event::Renewed { .. }
        | Event::Expired { .. }
        | Event::Released { .. }
        | Event::Declined { .. }
        | Event::Contested { .. }
        | Event::Reclaimed { .. }
        | Event::Replaced { .. }
        | Event::Waiting { .. }
        | Event::Threshold { .. }
        | Event::Store { .. }
        | Event::Bmc { .. }
        | Event::Exhausted { .. } => None,
    });
    found.collect()
}

/// A client on the link says one thing, and hears an offer by broadcast.
fn offered(ask: Ask) -> Ipv4Addr {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.bind_device(Some(b"cli")).unwrap();
    socket.set_broadcast(true).unwrap();
    let at = |address, port| SocketAddr::V4(SocketAddrV4::new(address, port));
    socket.bind(&at(Ipv4Addr::UNSPECIFIED, 68).into()).unwrap();
    let socket = std::net::UdpSocket::from(socket);
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut bytes = ask.broadcast().bytes;
    bytes.push(255);
    socket.send_to(&bytes, at(Ipv4Addr::BROADCAST, 67)).unwrap();
    let mut bytes = [0; 1500];
    socket.recv(&mut bytes).unwrap();
    let address: [u8; 4] = bytes[16..20].try_into().unwrap();
    address.into()
}

#[test]
fn on_the_link_by_arp_with_its_hardware_address() {
    let (server, _server_side, client_side) = lab();
    assert_eq!(client_side.run(|| offered(discover(1))), SECOND);
    assert_eq!(conflicts(&server), [(FIRST, Some(STRANGER))]);
    let heard = wait(server.heard(MacAddr([2, 0, 0, 0, 0, 1]))).unwrap();
    let words = heard.exchanges.iter().map(|(one, _)| one.outcome.reason());
    assert_eq!(words.collect::<Vec<_>>(), [None]);
    // One that was offered a moment ago is its own: it may answer for it itself.
    let again = client_side.run(|| {
        run("ip", &format!("address add {SECOND}/16 dev cli"));
        offered(discover(1))
    });
    assert_eq!(again, SECOND);
    let counters = wait(server.counters()).unwrap();
    assert_eq!((counters.offers, counters.conflicts), (2, 1));
}

#[test]
fn behind_a_relay_agent_by_echo() {
    let (server, _server_side, client_side) = lab();
    let offered = client_side.run(|| {
        let relay = Relay::open();
        relay.say(1, discover(0));
        relay.hear().unwrap()
    });
    assert_eq!(offered, (1, 2, SECOND.octets()));
    assert_eq!(conflicts(&server), [(FIRST, None)]);
}

/// Whoever cannot be asked has no address: nobody waits for ever.
#[test]
fn a_link_that_vanishes_meanwhile_keeps_nobody_waiting() {
    let (server, server_side, client_side) = lab();
    client_side.run(|| {
        let relay = Relay::open();
        relay.say(1, discover(0));
    });
    server_side.run(|| run("ip", "link delete srv"));
    let deadline = Instant::now() + Duration::from_secs(10);
    while wait(server.counters()).unwrap().offers == 0 {
        assert!(Instant::now() < deadline, "the probe has no end");
        std::thread::yield_now();
    }
}
