//! What a client may rely on once it holds a lease.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::ops::Range;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RData, RecordType};

use crate::lab::Lab;

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 70, 0, 2);

/// A relay agent (RFC 2131 4.1) speaks for the clients, since it needs no address of theirs.
const RELAY: Ipv4Addr = Ipv4Addr::new(10, 70, 0, 3);

const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const DECLINE: u8 = 4;
const RELEASE: u8 = 7;
const ACK: u8 = 5;

/// A client's message, with its name.
fn ask(kind: u8, client: u16, address: Option<Ipv4Addr>) -> Vec<u8> {
    let mut bytes = vec![0; 236];
    bytes[..4].copy_from_slice(&[1, 1, 6, 1]);
    let [high, low] = client.to_be_bytes();
    bytes[4..8].copy_from_slice(&[0, kind, high, low]);
    bytes[24..28].copy_from_slice(&RELAY.octets());
    bytes[28..34].copy_from_slice(&[2, 0xee, 0, 0, high, low]);
    bytes.extend([99, 130, 83, 99, 53, 1, kind]);
    let name = format!("client-{client}");
    bytes.extend([12, u8::try_from(name.len()).unwrap()]);
    bytes.extend(name.as_bytes());
    if let Some(address) = address {
        bytes.extend([50, 4]);
        bytes.extend(address.octets());
        bytes.extend([54, 4]);
        bytes.extend(SERVER.octets());
    }
    bytes.push(255);
    bytes
}

/// A relay agent in the first machine's place, which is also a resolver. Used inside that machine's namespace.
pub(crate) struct Relay {
    dhcp: UdpSocket,
    dns: UdpSocket,
}

impl Relay {
    /// Runs `work` with a relay agent that waits for answers as long as `patience`.
    pub(crate) fn with<T: Send>(
        lab: &Lab,
        patience: Duration,
        work: impl FnOnce(&Self) -> T + Send,
    ) -> T {
        let machine = &lab.machines[0];
        machine.ip(&format!("address replace {RELAY}/16 dev eth0"));
        machine.run(|| {
            let connected = |port: u16, to: u16| {
                let socket = UdpSocket::bind((RELAY, port)).unwrap();
                socket.connect((SERVER, to)).unwrap();
                socket.set_read_timeout(Some(patience)).unwrap();
                socket
            };
            work(&Self {
                dhcp: connected(67, 67),
                dns: connected(0, 53),
            })
        })
    }

    /// The address offered to a client.
    pub(crate) fn discover(&self, client: u16) -> Option<Ipv4Addr> {
        self.dhcp.send(&ask(DISCOVER, client, None)).unwrap();
        self.hear(OFFER)
    }

    /// A client asks, and nobody waits for an answer.
    pub(crate) fn send(&self, client: u16) {
        self.dhcp.send(&ask(DISCOVER, client, None)).unwrap();
    }

    /// The address offered to firmware of an architecture (option 93).
    pub(crate) fn boot(&self, client: u16, arch: u8) -> Option<Ipv4Addr> {
        let mut bytes = ask(DISCOVER, client, None);
        bytes.pop();
        bytes.extend(b"\x3c\x09PXEClient\x5d\x02\0");
        bytes.extend([arch, 255]);
        self.dhcp.send(&bytes).unwrap();
        self.hear(OFFER)
    }

    /// The address offered to a client whose circuit has so long a name that no answer has room for it (RFC 3046 2.2, RFC 3396).
    pub(crate) fn crowd(&self, client: u16) -> Option<Ipv4Addr> {
        let mut bytes = ask(DISCOVER, client, None);
        bytes.pop();
        for suboption in [1, 2] {
            bytes.extend([82, 255, suboption, 253]);
            bytes.extend([b'a'; 253]);
        }
        bytes.push(255);
        self.dhcp.send(&bytes).unwrap();
        self.hear(OFFER)
    }

    /// The address acknowledged to a client that was offered `address`.
    pub(crate) fn request(&self, client: u16, address: Ipv4Addr) -> Option<Ipv4Addr> {
        self.dhcp
            .send(&ask(REQUEST, client, Some(address)))
            .unwrap();
        self.hear(ACK)
    }

    /// The same for a time that it wishes.
    pub(crate) fn request_for(
        &self,
        seconds: u32,
        client: u16,
        address: Ipv4Addr,
    ) -> Option<Ipv4Addr> {
        let mut bytes = ask(REQUEST, client, Some(address));
        bytes.pop();
        bytes.extend([51, 4]);
        bytes.extend(seconds.to_be_bytes());
        bytes.push(255);
        self.dhcp.send(&bytes).unwrap();
        self.hear(ACK)
    }

    /// The address acknowledged to a client that renews it, or tries to.
    pub(crate) fn renew(&self, client: u16, address: Ipv4Addr) -> Option<Ipv4Addr> {
        let mut bytes = ask(REQUEST, client, None);
        bytes[12..16].copy_from_slice(&address.octets());
        self.dhcp.send(&bytes).unwrap();
        self.hear(ACK)
    }

    /// Leases of many clients, some at a time.
    pub(crate) fn lease(&self, clients: Range<u16>) -> BTreeMap<Ipv4Addr, u16> {
        let mut leases = BTreeMap::new();
        let clients: Vec<u16> = clients.collect();
        for some in clients.chunks(32) {
            for client in some {
                self.dhcp.send(&ask(DISCOVER, *client, None)).unwrap();
            }
            let mut left = some.len();
            while left > 0 {
                let (kind, client, address) = self.answer().unwrap();
                if kind == OFFER {
                    let request = ask(REQUEST, client, Some(address));
                    self.dhcp.send(&request).unwrap();
                } else {
                    assert_eq!((kind, leases.insert(address, client)), (ACK, None));
                    left -= 1;
                }
            }
        }
        leases
    }

    /// A client finds its address in use by another.
    pub(crate) fn decline(&self, client: u16, address: Ipv4Addr) {
        self.dhcp
            .send(&ask(DECLINE, client, Some(address)))
            .unwrap();
    }

    /// A client gives its address back.
    pub(crate) fn release(&self, client: u16, address: Ipv4Addr) {
        let mut bytes = ask(RELEASE, client, None);
        bytes[12..16].copy_from_slice(&address.octets());
        self.dhcp.send(&bytes).unwrap();
    }

    /// The address in the next answer, which must be of this kind.
    fn hear(&self, kind: u8) -> Option<Ipv4Addr> {
        let (heard, _, address) = self.answer()?;
        assert_eq!(heard, kind);
        Some(address)
    }

    /// The kind of the next answer, its client and its address.
    fn answer(&self) -> Option<(u8, u16, Ipv4Addr)> {
        let mut bytes = [0; 1500];
        let length = self.dhcp.recv(&mut bytes).ok()?;
        assert!(length > 242 && bytes[240..242] == [53, 1]);
        let address: [u8; 4] = bytes[16..20].try_into().unwrap();
        let client = u16::from_be_bytes([bytes[6], bytes[7]]);
        Some((bytes[242], client, address.into()))
    }

    fn resolve(&self, client: u16) -> Option<Ipv4Addr> {
        let mut message = Message::new(client, MessageType::Query, OpCode::Query);
        let name: Name = format!("client-{client}.lab.example.").parse().unwrap();
        message.add_query(Query::query(name, RecordType::A));
        self.dns.send(&message.to_vec().unwrap()).unwrap();
        let mut bytes = [0; 512];
        let length = self.dns.recv(&mut bytes).unwrap();
        let answer = Message::from_vec(&bytes[..length]).unwrap();
        let record = answer.answers.first()?;
        let RData::A(address) = record.data else {
            panic!("{record}")
        };
        Some(address.0)
    }
}

#[test]
fn a_name_resolves_when_its_lease_is_acknowledged() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    lab.applied();
    Relay::with(&lab, Duration::from_secs(5), |relay| {
        for client in 0..60 {
            let address = relay.discover(client).unwrap();
            assert_eq!(relay.resolve(client), None, "an offer is no promise");
            assert_eq!(relay.request(client, address), Some(address));
            assert_eq!(relay.resolve(client), Some(address), "client {client}");
        }
    });
}
