//! Events: what an operator may want to know of, as the engine tells it.

use bedplate::serve::dhcp::{Action, BatchId, Event, Input, Packet, Release};

use crate::support::*;

/// A rig whose events are kept, in words.
struct Heard {
    rig: Rig,
    told: Vec<String>,
}

/// What happens to a lease.
type Turn = Box<dyn Fn(&mut Heard)>;

fn word(event: &Event) -> String {
    match event {
        Event::Committed { lease } => format!("commit {}", lease.address),
        Event::Renewed { lease } => format!("renew {}", lease.address),
        Event::Expired { lease } => {
            assert!(lease.name.is_some(), "told as it was");
            format!("expiry {}", lease.address)
        }
        Event::Released { lease, how } => {
            let how = match how {
                Release::ByClient => "",
                Release::ByHand => " by hand",
                Release::Moved => " moved",
                Release::Withdrawn => " withdrawn",
            };
            format!("release {}{how}", lease.address)
        }
        Event::Declined { lease, before } => {
            assert!(before.name.is_some(), "told as it was");
            format!("decline {}", lease.address)
        }
        Event::Conflict { lease, by } => format!("conflict {} by {by:?}", lease.address),
        Event::Contested { lease, host } => format!("conflict {} of {host}", lease.address),
        Event::Replaced { lease } => format!("replace {}", lease.address),
        Event::Reclaimed { lease } => format!("conflict {}", lease.address),
        Event::Threshold {
            threshold,
            used,
            size,
            is_above,
            ..
        } => {
            let how = if *is_above { "above" } else { "below" };
            format!("{how} {threshold} {used}/{size}")
        }
        Event::Store { trouble } => format!("store {trouble:?}"),
        Event::Bmc { .. } => panic!("{event:?} is none of the engine's"),
        Event::Waiting { vlan, hardware } => format!("waiting {vlan} {hardware}"),
        Event::Exhausted { vlan, hardware } => format!("exhaustion {vlan} {hardware}"),
    }
}

impl Heard {
    fn new(site: &serde_json::Value) -> Self {
        let (rig, told) = (Rig::new(site), Vec::new());
        Self { rig, told }
    }

    /// Obeys, with a store that takes every write at once.
    fn obey(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Persist { batch, .. } => self.committed(batch),
                Action::Event(event) => self.told.push(word(&event)),
                Action::Publish(_) | Action::Send(_) | Action::Probe(_) => {}
            }
        }
    }

    fn committed(&mut self, batch: BatchId) {
        self.input(Input::Committed(batch));
    }

    fn input(&mut self, input: Input<'_>) {
        let mut actions = Vec::new();
        self.rig.engine.handle(self.rig.now, input, &mut actions);
        self.obey(actions);
    }

    fn say(&mut self, ask: &Ask) {
        let mut bytes = ask.bytes.clone();
        bytes.push(255);
        let (bytes, from, via) = (&bytes[..], ask.from, &[SERVER][..]);
        self.input(Input::Packet(Packet { bytes, from, via }));
    }

    fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }
}

/// The site gives the client's address to another, before it renews.
fn reserved_elsewhere(heard: &mut Heard) {
    let mut later = site();
    let host = serde_json::json!({ "host": "other", "addresses": ["10.0.0.10"], "image": null });
    later["vlan/plant/pxe/reservation/02:00:00:00:00:77"] =
        serde_json::json!({ "reservation": host });
    heard.input(Input::Config(config(&later)));
    heard.say(&renew(1, 10));
}

#[test]
fn each_turn_of_a_lease_is_told() {
    let over = |heard: &mut Heard| {
        heard.rig.now += 2 * LEASE;
        heard.input(Input::Tick);
    };
    let by_hand = |heard: &mut Heard| {
        let mut actions = Vec::new();
        let now = heard.rig.now;
        heard
            .rig
            .engine
            .revoke(now, [10, 0, 0, 10].into(), &mut actions);
        heard.obey(actions);
    };
    let saying = |ask: Ask| move |heard: &mut Heard| heard.say(&ask);
    let late = |heard: &mut Heard| {
        heard.rig.now += LEASE - 1;
        heard.say(&renew(1, 10));
    };
    let cases: [(&str, Turn, &[&str]); 10] = [
        (
            "renewed at once",
            Box::new(saying(renew(1, 10))),
            &["renew 10.0.0.10"],
        ),
        ("renewed with a write", Box::new(late), &["renew 10.0.0.10"]),
        (
            "released",
            Box::new(saying(release(1, 10))),
            &["release 10.0.0.10"],
        ),
        (
            "released by hand",
            Box::new(by_hand),
            &["release 10.0.0.10 by hand"],
        ),
        (
            "declined",
            Box::new(saying(decline(1, 10))),
            &["decline 10.0.0.10"],
        ),
        ("expired", Box::new(over), &["expiry 10.0.0.10"]),
        (
            "reserved for another",
            Box::new(reserved_elsewhere),
            &["conflict 10.0.0.10"],
        ),
        ("another's", Box::new(saying(release(2, 10))), &[]),
        ("an offer", Box::new(saying(discover(2))), &[]),
        (
            "a reserved host",
            Box::new(saying(select(0x99, 50))),
            &["commit 10.0.0.50"],
        ),
    ];
    for (what, turn, expected) in cases {
        let mut heard = Heard::new(&site());
        heard.say(&select(1, 10));
        assert_eq!(heard.told(), ["commit 10.0.0.10"], "{what}");
        turn(&mut heard);
        assert_eq!(heard.told(), expected, "{what}");
    }
}

/// Firmware and system of a reserved machine call themselves differently: what one had is over when the other has it.
#[test]
fn a_lease_that_another_identifier_takes_over_is_told_as_over() {
    let mut heard = Heard::new(&site());
    heard.say(&select(0x99, 50).id(b"firmware"));
    heard.say(&select(0x99, 50).id(b"system"));
    let expected = ["commit 10.0.0.50", "replace 10.0.0.50", "commit 10.0.0.50"];
    assert_eq!(heard.told(), expected);
}

#[test]
fn nothing_is_told_of_a_lease_that_was_not_written() {
    let mut heard = Heard::new(&site());
    heard.rig.hold_writes = true;
    heard.rig.send(&select(1, 10));
    let batch = heard.rig.held[0];
    heard.input(Input::Failed(batch));
    assert_eq!(heard.told(), ["store Some(Failing)"]);
}

/// A site whose pool of one hundred addresses has these thresholds.
fn of_a_hundred(thresholds: serde_json::Value) -> serde_json::Value {
    let mut site = site();
    let scope = &mut site["vlan/plant/pxe/scope/10.0.0.0/24"]["scope"];
    // The server's own address and the broadcast address are nobody's to get.
    scope["pools"] = serde_json::json!([
        "10.0.0.1-10.0.0.1",
        "10.0.0.101-10.0.0.200",
        "10.0.0.255-10.0.0.255"
    ]);
    if !thresholds.is_null() {
        scope["thresholds"] = thresholds;
    }
    site
}

#[test]
fn a_subnet_that_fills_up_is_told_of_and_does_not_flap() {
    let bind = |heard: &mut Heard, client: u8| heard.say(&select(client, 100 + client));
    let free = |heard: &mut Heard, client: u8| heard.say(&release(client, 100 + client));
    let mut heard = Heard::new(&of_a_hundred(serde_json::Value::Null));
    let turns = |heard: &mut Heard| {
        let told = heard.told().into_iter();
        told.filter(|word| word.contains('%')).collect::<Vec<_>>()
    };
    for client in 1..=79 {
        bind(&mut heard, client);
    }
    assert_eq!(turns(&mut heard), Vec::<String>::new());
    bind(&mut heard, 80);
    assert_eq!(turns(&mut heard), ["above 80% 80/100"]);
    // One that comes and goes is no news.
    for _ in 0..3 {
        free(&mut heard, 80);
        bind(&mut heard, 80);
    }
    for client in 76..=80 {
        assert_eq!(turns(&mut heard), Vec::<String>::new());
        free(&mut heard, client);
    }
    assert_eq!(turns(&mut heard), ["below 80% 75/100"]);
    for client in 76..=100 {
        bind(&mut heard, client);
    }
    assert_eq!(turns(&mut heard), ["above 80% 80/100", "above 95% 95/100"]);
    // A quarantined address is as good as taken, and other thresholds count from now on.
    heard.say(&decline(100, 200));
    assert_eq!(turns(&mut heard), Vec::<String>::new());
    heard.input(Input::Config(config(&of_a_hundred(serde_json::json!([
        "50%", "99%", "100%"
    ])))));
    assert_eq!(turns(&mut heard), ["above 100% 100/100"]);
    heard.rig.now += 2 * LEASE;
    while heard.rig.engine.is_behind(heard.rig.now) {
        heard.input(Input::Tick);
    }
    assert_eq!(turns(&mut heard), ["below 50% 1/100"]);
}

#[test]
fn exhaustion_is_told_once_until_an_address_is_free_again() {
    let exhausted = |client: u8| format!("exhaustion plant/pxe 02:00:00:00:00:{client:02x}");
    let mut heard = Heard::new(&site());
    for (client, address) in [(1, 10), (2, 11), (3, 12)] {
        heard.say(&select(client, address));
    }
    heard.told();
    for client in [4, 5, 4] {
        heard.say(&discover(client));
    }
    assert_eq!(heard.told(), [exhausted(4)]);
    heard.say(&release(1, 10));
    heard.say(&select(4, 10));
    heard.say(&discover(5));
    assert_eq!(
        heard.told(),
        [
            "release 10.0.0.10",
            "below 80% 2/3",
            "commit 10.0.0.10",
            "above 95% 3/3",
            &exhausted(5)
        ]
    );
    // A client that has an address is no news.
    heard.say(&discover(2));
    heard.say(&discover(5));
    assert_eq!(heard.told(), Vec::<String>::new());
    heard.input(Input::Config(config(&site())));
    heard.say(&discover(6));
    assert_eq!(
        heard.told(),
        [exhausted(6)],
        "what is served may have changed"
    );
}
