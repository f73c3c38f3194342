//! Rates behind a relay agent that people use (ISC's dhcrelay), whose clients are told apart by the circuits that it names.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bedplate::base::mac::MacAddr;
use bedplate::serve::dhcp::Server;
use bedplate::store::Faulty;

use crate::net::{Namespace, join, run, serve, wait};
use crate::support::discover;

const PATIENCE: Duration = Duration::from_secs(30);

/// Messages sent at once: several times what any of the rates lets through.
const MANY: u8 = 60;

/// Seconds' worth of a rate that may come at once.
const BURST: u64 = 10;

/// A server, a relay agent, and a client's network on each of its two circuits.
struct Network {
    server: Server,
    clients: [Namespace; 2],
    relay: Child,
    _others: [Namespace; 2],
}

impl Drop for Network {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.relay.kill();
        let _ = self.relay.wait();
    }
}

fn site(policy: &serde_json::Value) -> serde_json::Value {
    let scope = |circuit: u8| {
        let pool = format!("10.{circuit}.0.100-10.{circuit}.0.250");
        serde_json::json!({ "scope": {
            "server": "10.77.0.1", "relay": "plant/servers", "pools": [pool], "lease_time": "10m", "domain": "example",
            "options": { "1": { "addresses": ["255.255.255.0"] } }, "image": null, "policy": policy
        } })
    };
    serde_json::json!({
        "vlan/plant/pxe/scope/10.78.0.0/24": scope(78), "vlan/plant/pxe/scope/10.79.0.0/24": scope(79)
    })
}

fn network(policy: &serde_json::Value) -> Network {
    let [server, agent, first, second] = [(); 4].map(|()| Namespace::new());
    join((&server, "srv"), (&agent, "north"));
    join((&agent, "south"), (&first, "cli"));
    join((&agent, "east"), (&second, "cli"));
    server.run(|| {
        run("ip", "address add 10.77.0.1/24 dev srv");
        run("ip", "route add 10.78.0.0/15 via 10.77.0.2");
    });
    for (circuit, client) in [(78, &first), (79, &second)] {
        client.run(move || {
            run("ip", &format!("address add 10.{circuit}.0.9/24 dev cli"));
            run("ip", "route add 255.255.255.255/32 dev cli");
        });
    }
    let relay = agent.run(|| {
        run("ip", "address add 10.77.0.2/24 dev north");
        run("ip", "address add 10.78.0.1/24 dev south");
        run("ip", "address add 10.79.0.1/24 dev east");
        let mut relay = Command::new("dhcrelay");
        relay.args(["-4", "-d", "--no-pid", "-a", "-D"]);
        relay.args(["-id", "south", "-id", "east", "-iu", "north", "10.77.0.1"]);
        relay.stdin(Stdio::null()).stderr(Stdio::null());
        relay.spawn().unwrap()
    });
    let (store, site) = (Arc::new(Faulty::default()), site(policy));
    let handle = serve(&server, store, &site, "10.77.0.1/24", |_| {});
    Network {
        server: handle,
        clients: [first, second],
        relay,
        _others: [server, agent],
    }
}

impl Network {
    /// Clients whose addresses end in these ask on a circuit, each once.
    fn send(&self, circuit: usize, clients: Vec<u8>) {
        self.clients[circuit].run(move || {
            let socket = UdpSocket::bind(("0.0.0.0", 68)).unwrap();
            socket.set_broadcast(true).unwrap();
            for client in clients {
                let mut bytes = discover(client).bytes;
                bytes.push(255);
                bytes.resize(300, 0);
                socket.send_to(&bytes, ("255.255.255.255", 67)).unwrap();
            }
        });
    }

    fn received(&self) -> u64 {
        wait(self.server.counters()).unwrap().received
    }

    /// Clients ask, and all of it has come: a few at a time, as the agent takes them.
    fn ask(&self, circuit: usize, clients: &[u8]) {
        for some in clients.chunks(5) {
            let expected = self.received() + u64::try_from(some.len()).unwrap();
            self.send(circuit, some.to_vec());
            let end = Instant::now() + PATIENCE;
            while self.received() < expected {
                assert!(Instant::now() < end, "the agent forwards nothing");
            }
        }
    }

    /// What a client that was not answered is told of that.
    fn reasons(&self, client: u8) -> Vec<String> {
        let mac = MacAddr([2, 0, 0, 0, 0, client]);
        let told = wait(self.server.heard(mac)).unwrap().exchanges;
        told.iter()
            .filter_map(|(one, _)| one.outcome.because())
            .collect()
    }

    /// Waits for the relay agent: what it does not take yet is sent again, and all that it took has come once what was sent after that has.
    fn ready(&self, [first, last]: [u8; 2]) {
        let end = Instant::now() + PATIENCE;
        while self.received() == 0 {
            assert!(Instant::now() < end, "no relay agent");
            self.send(0, vec![first]);
            std::thread::sleep(Duration::from_millis(50));
        }
        self.send(0, vec![last]);
        let last = MacAddr([2, 0, 0, 0, 0, last]);
        while wait(self.server.heard(last)).unwrap().exchanges.is_empty() {
            assert!(Instant::now() < end, "the agent forwards nothing");
        }
    }
}

/// How many of `asking` clients' messages are answered on the first circuit: as many as the rate lets through, and no more; and what
/// the others are told.
fn check(policy: &serde_json::Value, rate: u64, asking: &[u8], because: &str) -> Network {
    let network = network(policy);
    network.ready([250, 251]);
    let before = wait(network.server.counters()).unwrap();
    let began = Instant::now();
    network.ask(0, asking);
    let after = wait(network.server.counters()).unwrap();
    let (answered, dropped) = (
        after.offers - before.offers,
        after.rate_limited - before.rate_limited,
    );
    let sent = u64::try_from(asking.len()).unwrap();
    assert_eq!(answered + dropped, sent, "{after:?}");
    // What the first client used up, and what came back meanwhile.
    let most = rate * (BURST + began.elapsed().as_secs() + 1);
    let least = (rate * BURST).saturating_sub(before.received);
    assert!((least..=most).contains(&answered), "{answered} of {sent}");
    // Told once a second, of whoever asked then.
    let reasons: BTreeSet<String> = asking
        .iter()
        .flat_map(|client| network.reasons(*client))
        .collect();
    assert_eq!(reasons, [because.to_owned()].into());
    network
}

#[test]
fn one_client_behind_an_agent_is_held_to_its_rate_and_others_are_not() {
    let because = "it sends more messages than its VLAN lets a client send, 1 a second";
    let policy = serde_json::json!({ "rate-per-client": 1 });
    let network = check(&policy, 1, &[7; MANY as usize], because);
    let before = wait(network.server.counters()).unwrap();
    network.ask(0, &[1, 2, 3, 4, 5]);
    let after = wait(network.server.counters()).unwrap();
    assert_eq!(after.offers - before.offers, 5);
}

#[test]
fn a_circuit_is_held_to_its_rate_whoever_its_clients_say_they_are_and_others_are_not() {
    let because = "more messages come by its circuit than its VLAN lets one send, 2 a second";
    let policy = serde_json::json!({ "rate-per-circuit": 2 });
    let asking: Vec<u8> = (0..MANY).collect();
    let network = check(&policy, 2, &asking, because);
    let before = wait(network.server.counters()).unwrap();
    network.ask(1, &[101, 102, 103, 104, 105]);
    let after = wait(network.server.counters()).unwrap();
    assert_eq!(after.offers - before.offers, 5, "another circuit");
}
