//! One reserved host under two names: what is written down last is what was acknowledged last, however the disk gets on.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use bedplate::serve::dhcp::{Action, BatchId, Engine, Input, Lease, LeaseState, Packet};
use dhcproto::v4::MessageType;
use serde_json::json;

use crate::support::{
    Ask, LEASE, Rig, SERVER, ask, config, decline, discover, read, release, renew, select, site,
};

const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 50);
const HOST: u8 = 0x99;

/// What happens to the host's lease.
enum Step {
    /// The firmware says this.
    Rom(Ask),
    /// The system does.
    System(Ask),
    /// The oldest write ends so.
    Written,
    Lost,
    /// So many seconds pass.
    Pass(u64),
    /// As many other writes as there may be are under way.
    Fill,
}

use Step::{Fill, Lost, Pass, Rom, System, Written};

/// A DISCOVER of BOOTP, as a host that knows no other protocol sends it.
fn bootp() -> Ask {
    let mut asked = ask(0, HOST);
    asked.bytes.truncate(240);
    asked
}

struct Site {
    engine: Engine,
    now: u64,
    under_way: VecDeque<(BatchId, Lease)>,
    disk: Option<Lease>,
}

impl Site {
    fn new() -> Self {
        let mut site = Self {
            engine: Engine::default(),
            now: 1_000_000,
            under_way: VecDeque::new(),
            disk: None,
        };
        let mut wide = crate::support::site();
        wide["vlan/plant/annex/scope/10.9.0.0/16"] = json!({ "scope": {
            "server": "10.0.0.1", "pools": ["10.9.1.0-10.9.255.254"], "lease_time": "10m", "domain": "example",
            "options": {}, "image": null, "relay": "plant/pxe"
        } });
        let scopes = wide.as_object_mut().unwrap();
        scopes.remove("vlan/plant/annex/scope/10.9.0.0/24");
        site.input(Input::Config(config(&wide)));
        site
    }

    /// The answers that leave, in a word each.
    fn input(&mut self, input: Input<'_>) -> String {
        let mut actions = Vec::new();
        self.engine.handle(self.now, input, &mut actions);
        let mut told = Vec::new();
        for action in actions {
            match action {
                Action::Persist { batch, lease } if lease.address == OWN => {
                    self.under_way.push_back((batch, lease));
                }
                Action::Send(reply) => told.push(match read(&reply).opts().msg_type() {
                    Some(MessageType::Ack) | None => "ack",
                    Some(_) => "other",
                }),
                Action::Persist { .. }
                | Action::Publish(_)
                | Action::Event(_)
                | Action::Probe(_) => {}
            }
        }
        told.join(" ")
    }

    fn say(&mut self, ask: &Ask) -> String {
        let mut bytes = ask.bytes.clone();
        bytes.push(255);
        let (bytes, from, via) = (&bytes[..], ask.from, &[SERVER][..]);
        self.input(Input::Packet(Packet { bytes, from, via }))
    }

    fn take(&mut self, step: &Step) -> String {
        match step {
            Rom(ask) => self.say(ask),
            System(ask) => self.say(&ask.clone().id(b"system")),
            Written => {
                let (batch, lease) = self.under_way.pop_front().unwrap();
                self.disk = Some(lease);
                self.input(Input::Committed(batch))
            }
            Lost => {
                let (batch, _) = self.under_way.pop_front().unwrap();
                self.input(Input::Failed(batch))
            }
            Pass(seconds) => {
                self.now += seconds;
                self.input(Input::Tick)
            }
            Fill => {
                let told = (0..16_384).map(|client| self.say(&stranger(client)));
                told.collect()
            }
        }
    }

    /// What is on the disk once all is written.
    fn in_the_end(&self) -> &Lease {
        let last = self.under_way.back().map(|(_, lease)| lease);
        last.or(self.disk.as_ref()).unwrap()
    }
}

/// One of many that take an address each of a subnet behind a relay agent.
fn stranger(number: u32) -> Ask {
    let [_, _, high, low] = number.to_be_bytes();
    ask(3, 0)
        .field(30, &[1, 0, high, low])
        .giaddr([10, 9, 0, 1])
        .option(54, &SERVER.octets())
        .option(50, &[10, 9, high + 1, low])
}

/// Each step with the answers that leave at once. Then all ends in time, but for leases that never do.
fn check(why: &str, steps: &[(Step, &str)], endless: usize) {
    let mut site = Site::new();
    for (number, (step, expected)) in steps.iter().enumerate() {
        let written = site
            .under_way
            .front()
            .map(|(_, lease)| lease.client.clone());
        assert_eq!(site.take(step), *expected, "{why}: step {number}");
        let acknowledged = match step {
            Rom(_) => Some(None),
            System(_) => Some(Some(b"system".to_vec())),
            Written => written.map(|client| client.id().map(Into::into)),
            Lost | Pass(_) | Fill => None,
        };
        if let Some(id) = acknowledged.filter(|_| *expected == "ack") {
            let lease = site.in_the_end();
            let found = (lease.state, lease.client.id().map(Into::into));
            assert_eq!(found, (LeaseState::Active, id), "{why}: step {number}");
        }
    }
    while !site.under_way.is_empty() {
        site.take(&Written);
    }
    site.take(&Pass(3 * LEASE));
    while site.engine.is_behind(site.now) {
        site.input(Input::Tick);
    }
    assert_eq!(site.engine.leased(), endless, "{why}: all is over");
}

/// The system has a lease, and the firmware's SELECT is under way.
fn contested(later: impl IntoIterator<Item = (Step, &'static str)>) -> Vec<(Step, &'static str)> {
    let first = [
        (System(select(HOST, 50)), ""),
        (Written, "ack"),
        (Rom(select(HOST, 50)), ""),
    ];
    first.into_iter().chain(later).collect()
}

#[test]
fn who_asks_last_is_written_last() {
    let again = || System(renew(HOST, 50));
    let both = [(again(), ""), (Written, ""), (Written, "ack")];
    check("in turn", &contested(both), 0);
    let steps = [(again(), ""), (Written, ""), (Lost, ""), (again(), "")];
    let steps = contested(
        steps
            .into_iter()
            .chain([(Written, "ack"), (again(), "ack")]),
    );
    check("the last one is lost", &steps, 0);
    let steps = [
        (again(), ""),
        (Lost, ""),
        (Written, "ack"),
        (again(), "ack"),
    ];
    check("the first one is lost", &contested(steps), 0);
    let steps = [
        (again(), ""),
        (Pass(2), ""),
        (Written, ""),
        (Written, "ack"),
    ];
    check("a slow disk", &contested(steps), 0);
    let steps = [(again(), ""), (Rom(select(HOST, 50)), ""), (again(), "")];
    let written = [
        (Written, ""),
        (Written, ""),
        (Written, ""),
        (Written, "ack"),
    ];
    check("by turns", &contested(steps.into_iter().chain(written)), 0);
    let steps = [(Fill, ""), (again(), ""), (Written, "ack")];
    check("no room", &contested(steps), 0);
    let steps = [
        (again(), ""),
        (Written, ""),
        (Lost, ""),
        (Fill, ""),
        (again(), ""),
    ];
    check("no room after a loss", &contested(steps), 0);
    for end in [release(HOST, 50), decline(HOST, 50)] {
        let steps = [(System(end), ""), (Written, ""), (Written, "")];
        check("given back", &contested(steps), 0);
    }
}

#[test]
fn a_lease_for_ever_is_written_as_any_other() {
    let contested = |later: [(Step, &'static str); 3]| {
        let first = [
            (Rom(bootp()), ""),
            (Written, "ack"),
            (System(select(HOST, 50)), ""),
        ];
        first.into_iter().chain(later).collect::<Vec<_>>()
    };
    let both = [(Rom(bootp()), ""), (Written, ""), (Written, "ack")];
    check("in turn", &contested(both), 1);
    let full = [(Fill, ""), (Rom(bootp()), ""), (Written, "ack")];
    check("no room", &contested(full), 1);
}

/// A renewal that is overtaken takes nothing from the lease that it would have renewed.
#[test]
fn a_name_in_force_is_kept() {
    let named = |ask: Ask| ask.option(12, b"web");
    let mut rig = Rig::new(&site());
    assert_eq!(rig.said(&named(select(1, 10))), "ack 10.0.0.10");
    rig.now += LEASE - 1;
    rig.hold_writes = true;
    assert_eq!(rig.said(&named(renew(1, 10))), "");
    let mut later = site();
    later["vlan/plant/pxe/reservation/02:00:00:00:00:01"] = json!({ "reservation": {
        "host": "one", "addresses": ["10.0.0.10"], "image": null
    } });
    rig.configure(&later);
    assert_eq!(rig.said(&select(1, 10).id(b"system")), "");
    rig.hold_writes = false;
    assert_eq!(rig.said(&named(select(2, 11))), "ack 10.0.0.11");
    let expected = [
        "+web.example 10.0.0.10",
        "+dhcp-10-0-0-11.example 10.0.0.11",
    ];
    assert_eq!(rig.names, expected);
}

/// What is written down for one identifier keeps no address for the other once that is reserved no longer.
#[test]
fn a_write_under_way_is_for_its_own_client() {
    let mut rig = Rig::new(&site());
    let system = |ask: Ask| ask.id(b"system");
    assert_eq!(rig.said(&system(select(HOST, 50))), "ack 10.0.0.50");
    rig.hold_writes = true;
    assert_eq!(rig.said(&select(HOST, 50)), "");
    let mut later = site();
    let keys = later.as_object_mut().unwrap();
    keys.remove("vlan/plant/pxe/reservation/02:00:00:00:00:99");
    rig.configure(&later);
    assert_eq!(rig.said(&system(discover(HOST))), "offer 10.0.0.10");
    assert_eq!(rig.said(&system(renew(HOST, 50))), "nak");
}
