//! What the DHCP tests share: a site, clients that speak bytes, and an engine with a clock of its own.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use bedplate::serve::dhcp::{
    Action, BatchId, Config, Destination, Engine, Event, Input, Lease, NameChange, Packet, Probe,
    Reply,
};
use bedplate::state::State;
use dhcproto::{Decodable, Decoder, v4};
use serde_json::json;

pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub(crate) const LEASE: u64 = 600;

/// Two subnets: the server's own with three addresses for any client and one reserved, and one behind a relay.
pub(crate) fn site() -> serde_json::Value {
    json!({
        "vlan/plant/pxe/scope/10.0.0.0/24": { "scope": {
            "server": "10.0.0.1", "pools": ["10.0.0.10-10.0.0.12"], "lease_time": "10m", "domain": "example",
            "options": {
                "1": { "addresses": ["255.255.255.0"] }, "3": { "addresses": ["10.0.0.1"] },
                "6": { "addresses": ["10.0.0.2", "10.0.0.3"] }, "15": { "text": "example" },
                "119": { "domains": ["example"] }
            },
            "image": "linux"
        } },
        "vlan/plant/annex/scope/10.9.0.0/24": { "scope": {
            "server": "10.0.0.1", "pools": ["10.9.0.100-10.9.0.101"], "lease_time": "10m", "domain": "example",
            "options": { "1": { "addresses": ["255.255.255.0"] } }, "image": null, "relay": "plant/pxe"
        } },
        "vlan/plant/pxe/reservation/02:00:00:00:00:99": { "reservation": {
            "host": "node", "addresses": ["10.0.0.50"], "image": null
        } },
        "image/linux": { "boot-image": { "programs": {
            "x86-bios": "boot/pxelinux.0", "x64-uefi": "boot/x64.efi", "arm64-uefi": "boot/arm64.efi",
            "x64-uefi-http": "boot/x64.efi", "ipxe": "boot/script.ipxe"
        } } },
        "zone/example/declared/A": { "record": { "ttl": "30s", "values": [{ "A": "10.0.0.60" }] } }
    })
}

pub(crate) fn config(site: &serde_json::Value) -> Arc<Config> {
    let state: State = serde_json::from_value(site.clone()).unwrap();
    Arc::new(Config::from_state(&state))
}

/// A message from a client, as bytes.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) bytes: Vec<u8>,
    pub(crate) from: SocketAddrV4,
}

/// A client whose hardware address ends in `last`.
pub(crate) fn ask(kind: u8, last: u8) -> Ask {
    let mut bytes = vec![0; 240];
    bytes[..4].copy_from_slice(&[1, 1, 6, 0]);
    bytes[4..8].copy_from_slice(&[0xab, 0xcd, 0, last]);
    bytes[28..34].copy_from_slice(&[2, 0, 0, 0, 0, last]);
    bytes[236..240].copy_from_slice(&[99, 130, 83, 99]);
    bytes.extend([53, 1, kind]);
    let from = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 68);
    Ask { bytes, from }
}

pub(crate) fn discover(last: u8) -> Ask {
    ask(1, last)
}

/// REQUEST that chooses our offer of `10.0.0.address`.
pub(crate) fn select(last: u8, address: u8) -> Ask {
    ask(3, last)
        .option(54, &SERVER.octets())
        .option(50, &[10, 0, 0, address])
}

pub(crate) fn reboot(last: u8, address: u8) -> Ask {
    ask(3, last).option(50, &[10, 0, 0, address])
}

pub(crate) fn renew(last: u8, address: u8) -> Ask {
    ask(3, last).ciaddr(address)
}

pub(crate) fn release(last: u8, address: u8) -> Ask {
    ask(7, last).ciaddr(address)
}

pub(crate) fn decline(last: u8, address: u8) -> Ask {
    ask(4, last)
        .option(54, &SERVER.octets())
        .option(50, &[10, 0, 0, address])
}

pub(crate) fn inform(last: u8, address: u8) -> Ask {
    ask(8, last).ciaddr(address)
}

impl Ask {
    pub(crate) fn option(mut self, code: u8, value: &[u8]) -> Self {
        self.bytes.push(code);
        self.bytes.push(u8::try_from(value.len()).unwrap());
        self.bytes.extend(value);
        self
    }

    pub(crate) fn id(self, id: &[u8]) -> Self {
        self.option(61, id)
    }

    pub(crate) fn wants(self, codes: &[u8]) -> Self {
        self.option(55, codes)
    }

    pub(crate) fn field(mut self, at: usize, bytes: &[u8]) -> Self {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    pub(crate) fn ciaddr(mut self, address: u8) -> Self {
        self.from = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, address), 68);
        self.field(12, &[10, 0, 0, address])
    }

    pub(crate) fn giaddr(self, address: [u8; 4]) -> Self {
        self.field(24, &address)
    }

    pub(crate) fn broadcast(self) -> Self {
        self.field(10, &[128, 0])
    }
}

/// An engine with a clock, whose store takes every write at once unless it is held.
pub(crate) struct Rig {
    pub(crate) engine: Engine,
    pub(crate) now: u64,
    pub(crate) held: Vec<BatchId>,
    pub(crate) stored: Vec<Lease>,
    pub(crate) names: Vec<String>,
    pub(crate) events: Vec<Event>,
    pub(crate) probes: Vec<Probe>,
    pub(crate) hold_writes: bool,
    /// The addresses on the link that packets come to.
    pub(crate) via: Vec<Ipv4Addr>,
}

impl Rig {
    pub(crate) fn new(site: &serde_json::Value) -> Self {
        let mut rig = Self {
            engine: Engine::default(),
            now: 1_000_000,
            held: Vec::new(),
            stored: Vec::new(),
            names: Vec::new(),
            events: Vec::new(),
            probes: Vec::new(),
            hold_writes: false,
            via: vec![SERVER],
        };
        rig.configure(site);
        rig
    }

    pub(crate) fn configure(&mut self, site: &serde_json::Value) {
        assert!(self.input(Input::Config(config(site))).is_empty());
    }

    /// A new engine takes up what is on disk: of each address the last lease that was written. Returns what it wants done.
    pub(crate) fn restart(&mut self) -> Vec<Action> {
        let written = self.stored.iter();
        let latest: BTreeMap<_, _> = written.map(|own| (own.key(), own.encode())).collect();
        let leases = { latest.iter() }.map(|(key, value)| Lease::decode(key, value).unwrap());
        let mut actions = Vec::new();
        self.engine = Engine::restore(leases.collect(), self.now, &mut actions);
        actions
    }

    /// Sends bytes; returns the replies that leave.
    pub(crate) fn send(&mut self, ask: &Ask) -> Vec<Reply> {
        let mut bytes = ask.bytes.clone();
        bytes.push(255);
        let via = self.via.clone();
        let (bytes, from, via) = (&bytes[..], ask.from, &via[..]);
        self.input(Input::Packet(Packet { bytes, from, via }))
    }

    pub(crate) fn input(&mut self, input: Input<'_>) -> Vec<Reply> {
        let mut actions = Vec::new();
        self.engine.handle(self.now, input, &mut actions);
        let mut replies = Vec::new();
        for action in actions {
            match action {
                Action::Persist { batch, lease } => {
                    if self.hold_writes {
                        self.held.push(batch);
                    } else {
                        self.stored.push(lease);
                        replies.extend(self.input(Input::Committed(batch)));
                    }
                }
                Action::Publish(NameChange::Publish { name, address }) => {
                    self.names.push(format!("+{name} {address}"));
                }
                Action::Publish(NameChange::Withdraw { name, address }) => {
                    self.names.push(format!("-{name} {address}"));
                }
                Action::Send(reply) => replies.push(reply),
                Action::Event(event) => self.events.push(event),
                Action::Probe(probe) => self.probes.push(probe),
            }
        }
        replies
    }

    /// Sends and tells in a word or two what came of it: `offer 10.0.0.10`, `nak`, `` for silence.
    pub(crate) fn said(&mut self, ask: &Ask) -> String {
        let replies = self.send(ask);
        let told: Vec<_> = replies.iter().map(tell).collect();
        told.join(", ")
    }
}

/// A reply as an independent codec reads it.
pub(crate) fn read(reply: &Reply) -> v4::Message {
    v4::Message::decode(&mut Decoder::new(&reply.bytes)).unwrap()
}

/// A reply in a word or two.
pub(crate) fn tell(reply: &Reply) -> String {
    let message = read(reply);
    let address = message.yiaddr();
    let kind = message.opts().msg_type().unwrap();
    if kind == v4::MessageType::Nak {
        return "nak".to_owned();
    }
    format!("{kind:?} {address}").to_lowercase()
}

/// The options of a reply's own field in their order, unread.
pub(crate) fn raw_options(reply: &Reply) -> Vec<(u8, Vec<u8>)> {
    options_in(&reply.bytes[240..])
}

fn options_in(mut rest: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut options = Vec::new();
    while let [code, length, after @ ..] = rest {
        if *code == 255 {
            break;
        }
        let (value, next) = after.split_at(usize::from(*length));
        options.push((*code, value.to_vec()));
        rest = next;
    }
    options
}

/// An option of a reply, its parts joined wherever they lie (RFC 3396 5: options, `file`, `sname`).
pub(crate) fn option(reply: &Reply, code: u8) -> Option<Vec<u8>> {
    let mut options = raw_options(reply);
    let overload = options.iter().find(|(own, _)| *own == 52);
    let overload = overload.map_or(0, |(_, value)| value[0]);
    for (flag, field) in [(1, 108..236), (2, 44..108)] {
        if overload & flag != 0 {
            let field = &reply.bytes[field];
            assert!(field.contains(&255), "no end mark");
            options.extend(options_in(field));
        }
    }
    let mut parts = options.into_iter().filter(|(own, _)| *own == code);
    let (_, mut value) = parts.next()?;
    value.extend(parts.flat_map(|(_, part)| part));
    Some(value)
}

pub(crate) fn relay(address: [u8; 4]) -> Destination {
    Destination::Address(SocketAddrV4::new(address.into(), 67))
}
