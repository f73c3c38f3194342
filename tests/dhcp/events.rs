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
                Release::Reassigned => " reassigned",
            };
            format!("release {}{how}", lease.address)
        }
        Event::Declined { lease, before, .. } => {
            assert!(before.name.is_some(), "told as it was");
            format!("decline {}", lease.address)
        }
        Event::Conflict { lease, by, .. } => format!("conflict {} by {by:?}", lease.address),
        Event::Contested { lease, host } => format!("conflict {} of {host}", lease.address),
        Event::Replaced { lease } => format!("replace {}", lease.address),
        Event::Reclaimed { lease } => format!("conflict {}", lease.address),
        Event::Threshold {
            threshold,
            used,
            size,
            is_above,
            is_watched,
            ..
        } => {
            let how = match (is_watched, is_above) {
                (false, is_above) => {
                    assert!(!is_above, "{event:?}");
                    "unwatched"
                }
                (true, true) => "above",
                (true, false) => "below",
            };
            format!("{how} {threshold} {used}/{size}")
        }
        Event::Store { trouble } => format!("store {trouble:?}"),
        Event::Bmc { .. } => panic!("{event:?} is none of the engine's"),
        Event::Waiting { vlan, hardware, .. } => format!("waiting {vlan} {hardware}"),
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

fn renewed_twice(heard: &mut Heard) {
    heard.rig.now += 1;
    heard.say(&renew(1, 10));
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
    let cases: [(&str, Turn, &[&str]); 11] = [
        (
            "renewed at once: its end is the same",
            Box::new(saying(renew(1, 10))),
            &[],
        ),
        (
            "renewed a second later, twice",
            Box::new(renewed_twice),
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
            &["conflict 10.0.0.10", "release 10.0.0.10 reassigned"],
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
    filling(100, thresholds)
}

/// A site whose pool of so many addresses has these thresholds.
fn filling(size: u8, thresholds: serde_json::Value) -> serde_json::Value {
    let mut site = site();
    let scope = &mut site["vlan/plant/pxe/scope/10.0.0.0/24"]["scope"];
    // The server's own address and the broadcast address are nobody's to get.
    scope["pools"] = serde_json::json!([
        "10.0.0.1-10.0.0.1",
        format!("10.0.0.101-10.0.0.{}", 100 + size),
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
    let all = ["50%", "99%", "100%"].map(|share| format!("above {share} 100/100"));
    let gone = ["95%", "80%"].map(|share| format!("unwatched {share} 100/100"));
    assert_eq!(turns(&mut heard), [&gone[..], &all].concat());
    swept(&mut heard);
    let none = ["100%", "99%", "50%"].map(|share| format!("below {share} 1/100"));
    assert_eq!(turns(&mut heard), none);
}

/// What was told of thresholds.
fn turns(heard: &mut Heard) -> Vec<String> {
    let told = heard.told().into_iter();
    told.filter(|word| word.contains('%')).collect()
}

/// All leases expire.
fn swept(heard: &mut Heard) {
    heard.rig.now += 2 * LEASE;
    while heard.rig.engine.is_behind(heard.rig.now) {
        heard.input(Input::Tick);
    }
}

/// How many addresses there are and how many clients come, what is told of that, and what when all expire in one sweep.
const FILLINGS: [(u8, u8, &[&str], &[&str]); 4] = [
    (4, 1, &[], &[]),
    (4, 2, &["above 30% 2/4"], &["below 30% 0/4"]),
    (
        4,
        3,
        &["above 30% 2/4", "above 60% 3/4"],
        &["below 60% 0/4", "below 30% 0/4"],
    ),
    (
        1,
        1,
        &["above 30% 1/1", "above 60% 1/1"],
        &["below 60% 0/1", "below 30% 0/1"],
    ),
];

#[test]
fn each_threshold_is_told_of_however_many_are_crossed_at_once() {
    for (size, clients, filled, emptied) in FILLINGS {
        let mut heard = Heard::new(&filling(size, serde_json::json!(["30%", "60%"])));
        for _ in 0..2 {
            for client in 1..=clients {
                heard.say(&select(client, 100 + client));
            }
            assert_eq!(turns(&mut heard), filled, "{clients} of {size}");
            swept(&mut heard);
            assert_eq!(turns(&mut heard), emptied, "{clients} of {size}");
        }
    }
}

/// Four addresses stay in use while the site changes: how many there are, the thresholds, and what is told.
const CHANGES: [(u8, &[&str], &[&str]); 9] = [
    (5, &["80%"], &["above 80% 4/5"]),
    (10, &["80%"], &["below 80% 4/10"]),
    (5, &["50%", "80%"], &["above 50% 4/5", "above 80% 4/5"]),
    (5, &["80%"], &["unwatched 50% 4/5"]),
    (5, &["60%", "80%"], &["above 60% 4/5"]),
    (20, &["60%", "80%"], &["below 80% 4/20", "below 60% 4/20"]),
    // What was not told as reached goes in silence.
    (20, &["60%"], &[]),
    (5, &["60%", "70%"], &["above 60% 4/5", "above 70% 4/5"]),
    (5, &["95%"], &["unwatched 70% 4/5", "unwatched 60% 4/5"]),
];

#[test]
fn what_was_told_of_a_threshold_outlives_a_change_of_the_site() {
    let mut heard = Heard::new(&filling(100, serde_json::json!(["80%"])));
    for client in 1..=4 {
        heard.say(&select(client, 100 + client));
    }
    for (size, thresholds, expected) in CHANGES {
        let site = filling(size, serde_json::json!(thresholds));
        heard.input(Input::Config(config(&site)));
        assert_eq!(turns(&mut heard), expected, "{size}, {thresholds:?}");
    }
}

#[test]
fn a_subnet_that_goes_is_watched_no_more() {
    let mut heard = Heard::new(&filling(5, serde_json::json!(["60%"])));
    for client in 1..=4 {
        heard.say(&select(client, 100 + client));
    }
    assert_eq!(turns(&mut heard), ["above 60% 3/5"]);
    let mut without = filling(5, serde_json::Value::Null);
    let all = without.as_object_mut().unwrap();
    all.retain(|key, _| !key.contains("/scope/"));
    for expected in [&["unwatched 60% 4/5"][..], &[]] {
        heard.input(Input::Config(config(&without)));
        assert_eq!(turns(&mut heard), expected);
    }
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
            "below 95% 2/3",
            "below 80% 2/3",
            "commit 10.0.0.10",
            "above 80% 3/3",
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

/// Leases from before a VLAN was renamed are addresses of it all the same.
#[test]
fn exhaustion_of_a_renamed_vlan_is_told_again() {
    let mut heard = Heard::new(&site());
    for (client, address) in [(1, 10), (2, 11), (3, 12)] {
        heard.say(&select(client, address));
    }
    let renamed = site().to_string().replace("plant/pxe", "plant/boot");
    let renamed = serde_json::from_str(&renamed).unwrap();
    heard.input(Input::Config(config(&renamed)));
    heard.say(&discover(4));
    heard.say(&release(1, 10));
    heard.say(&select(4, 10));
    heard.say(&discover(5));
    let told = heard.told();
    let exhausted = told.iter().filter(|word| word.starts_with("exhaustion"));
    let expected = [
        "exhaustion plant/boot 02:00:00:00:00:04",
        "exhaustion plant/boot 02:00:00:00:00:05",
    ];
    assert_eq!(exhausted.collect::<Vec<_>>(), expected);
}
