//! Events: what an operator may want to know of, as the engine tells it.

use bedplate::serve::dhcp::{Action, BatchId, Event, Input, Packet};

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
        Event::Released { lease, is_by_hand } => {
            let how = if *is_by_hand { " by hand" } else { "" };
            format!("release {}{how}", lease.address)
        }
        Event::Declined { lease } => format!("decline {}", lease.address),
        Event::Contested { lease, host } => format!("conflict {} of {host}", lease.address),
        Event::Reclaimed { lease } => format!("conflict {}", lease.address),
        Event::Store { trouble } => format!("store {trouble:?}"),
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
                Action::Publish(_) | Action::Send(_) => {}
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

#[test]
fn nothing_is_told_of_a_lease_that_was_not_written() {
    let mut heard = Heard::new(&site());
    heard.rig.hold_writes = true;
    heard.rig.send(&select(1, 10));
    let batch = heard.rig.held[0];
    heard.input(Input::Failed(batch));
    assert_eq!(heard.told(), ["store Some(Failing)"]);
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
        ["release 10.0.0.10", "commit 10.0.0.10", &exhausted(5)]
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
