//! Durable before promised: no ACK leaves before its lease is on stable storage, and a failed write promises nothing.

use bedplate::serve::dhcp::{Action, BatchId, Engine, Event, Input, Lease, LeaseState, Packet};
use bedplate::store::{Batch, Faulty, Store, StoreError, Write};

use crate::support::{Ask, Rig, SERVER, config, discover, reboot, release, renew, select, site};

#[test]
fn nothing_is_said_before_the_write_ends() {
    let mut rig = Rig::new(&site());
    rig.said(&discover(1));
    rig.hold_writes = true;
    assert_eq!(rig.said(&select(1, 10)), "", "not written yet");
    assert!(rig.names.is_empty());
    assert_eq!(
        rig.said(&select(1, 10)),
        "",
        "a retransmission starts no second write"
    );
    assert_eq!(rig.held.len(), 1);
    assert_eq!(
        rig.said(&discover(2)),
        "offer 10.0.0.11",
        "others are served meanwhile"
    );
    rig.now += 60;
    let other = discover(3).option(50, &[10, 0, 0, 10]);
    assert_eq!(rig.said(&other), "", "new ones are left to other servers");
    let replies = rig.input(Input::Committed(rig.held[0]));
    assert_eq!(replies.len(), 1, "one answer for both");
    rig.input(Input::Tried(true));
    assert_eq!(
        rig.said(&other),
        "offer 10.0.0.12",
        "the address was held however long it took"
    );
    assert_eq!(rig.names, ["+dhcp-10-0-0-10.example 10.0.0.10"]);
    assert!(
        rig.input(Input::Committed(rig.held[0])).is_empty(),
        "told once"
    );
}

#[test]
fn a_failed_write_promises_nothing() {
    let mut rig = Rig::new(&site());
    rig.hold_writes = true;
    rig.said(&discover(1));
    rig.said(&select(1, 10).option(12, b"web"));
    assert!(rig.input(Input::Failed(rig.held[0])).is_empty());
    assert!(rig.names.is_empty());
    assert_eq!(rig.said(&reboot(2, 10)), "nak", "no lease came of it");
    rig.now += 60;
    rig.hold_writes = false;
    rig.input(Input::Tried(true));
    let other = discover(2).option(50, &[10, 0, 0, 10]);
    assert_eq!(
        rig.said(&other),
        "offer 10.0.0.10",
        "the offer lapsed as any other"
    );
    rig.said(&select(2, 10).option(12, b"web"));
    assert_eq!(
        rig.names,
        ["+web.example 10.0.0.10"],
        "and its name is free"
    );
}

/// The site alone does not tell that a reserved address is in use: once it is reserved no longer, only the lease does.
#[test]
fn a_reserved_address_is_promised_on_disk_as_any_other() {
    let mut rig = Rig::new(&site());
    rig.hold_writes = true;
    assert_eq!(rig.said(&discover(0x99)), "offer 10.0.0.50");
    assert_eq!(rig.said(&select(0x99, 50)), "", "not written yet");
    let replies = rig.input(Input::Committed(rig.held[0]));
    assert_eq!(replies.len(), 1);
    rig.hold_writes = false;
    let mut later = site();
    let later = later.as_object_mut().unwrap();
    later.remove("vlan/plant/pxe/reservation/02:00:00:00:00:99");
    later["vlan/plant/pxe/scope/10.0.0.0/24"]["scope"]["pools"] =
        serde_json::json!(["10.0.0.50-10.0.0.50"]);
    rig.configure(&later.clone().into());
    assert_eq!(rig.said(&discover(1)), "", "while the lease runs");
    assert_eq!(rig.said(&renew(0x99, 50)), "ack 10.0.0.50");
}

/// The firmware and the system of a reserved host call themselves differently: who is answered is who was written down.
#[test]
fn a_reserved_host_that_asks_under_another_name_is_written_down_under_it() {
    let mut rig = Rig::new(&site());
    rig.hold_writes = true;
    rig.said(&select(0x99, 50));
    rig.said(&select(0x99, 50).id(b"system"));
    let held = std::mem::take(&mut rig.held);
    let answers: Vec<_> = held
        .into_iter()
        .map(|batch| rig.input(Input::Committed(batch)).len())
        .collect();
    assert_eq!(
        answers,
        [0, 1],
        "the later one is answered, once it is written"
    );
    let lease = &rig.engine.leases(rig.now, [10, 0, 0, 50].into(), 1)[0];
    assert_eq!(lease.client.id(), Some(&b"system"[..]));
}

/// A client that hears nothing of its shorter lease counts on the longer one, however often it asks.
#[test]
fn a_shorter_lease_shortens_nothing_as_long_as_the_client_may_not_know() {
    let short = |ask: Ask| ask.option(51, &60u32.to_be_bytes());
    let mut rig = Rig::new(&site());
    rig.said(&select(1, 10));
    let until = rig.now + 675;
    for asked in [renew, reboot, select, renew] {
        rig.now += 1;
        assert_eq!(rig.said(&short(asked(1, 10))), "ack 10.0.0.10");
    }
    assert_eq!(rig.stored.len(), 1, "the disk promises more already");
    let other = || discover(2).option(50, &[10, 0, 0, 10]);
    for (at, heard) in [
        (until - 500, "offer 10.0.0.11"),
        (until - 1, "offer 10.0.0.11"),
        (until, "offer 10.0.0.10"),
    ] {
        rig.now = at;
        rig.restart();
        rig.configure(&site());
        assert_eq!(rig.said(&other()), heard, "{} s before its end", until - at);
    }
}

/// Nor does it last any longer for being asked for often, or told of in other words.
#[test]
fn a_lease_is_kept_no_longer_than_an_eighth_of_its_time() {
    let mut rig = Rig::new(&site());
    for number in 0..20 {
        rig.now += 1;
        let named = select(1, 10).option(12, &[b'a' + number]);
        assert_eq!(rig.said(&named), "ack 10.0.0.10");
    }
    let stored = rig.stored.last().unwrap();
    assert_eq!(stored.held_until, rig.now + 675);
}

#[test]
fn who_releases_while_a_write_is_under_way_hears_nothing_of_it() {
    let mut rig = Rig::new(&site());
    rig.said(&discover(1));
    rig.said(&select(1, 10));
    rig.now += 300;
    rig.hold_writes = true;
    rig.said(&renew(1, 10));
    rig.said(&release(1, 10));
    assert!(rig.input(Input::Committed(rig.held[0])).is_empty());
    let other = discover(2).option(50, &[10, 0, 0, 10]);
    assert_eq!(rig.said(&other), "offer 10.0.0.10");
}

/// How a write ends.
type Ending = fn(BatchId) -> Input<'static>;

/// A lease whose time is over while a renewal is being written: how the write ends, how the lease stands then, and when it is over. Until
/// then it is what is on disk.
#[test]
fn a_lease_that_is_over_while_it_is_written_has_its_own_end() {
    use bedplate::serve::dhcp::LeaseState::{Active, Idle};
    let ends: [(Ending, LeaseState, u64); 2] =
        [(Input::Failed, Idle, 675), (Input::Committed, Active, 795)];
    for (ends, state, until) in ends {
        let mut rig = Rig::new(&site());
        let began = rig.now;
        let lease = |rig: &Rig| rig.engine.leases(rig.now, SERVER, 1).remove(0);
        rig.said(&select(1, 10));
        rig.now = began + 120;
        rig.hold_writes = true;
        rig.said(&renew(1, 10));
        for after in [122, 674, 675, 676, 700] {
            rig.now = began + after;
            rig.input(Input::Tick);
            assert_eq!(lease(&rig).held_until - began, 675, "after {after} s");
            assert_eq!(lease(&rig).state, Active, "after {after} s");
        }
        rig.events.clear();
        rig.input(ends(rig.held[0]));
        rig.input(Input::Tick);
        let found = lease(&rig);
        assert_eq!((found.state, found.held_until - began), (state, until));
        rig.now = began + until;
        rig.input(Input::Tick);
        let mut over = Vec::new();
        for event in &rig.events {
            if let Event::Expired { lease } = event {
                over.push(lease.held_until - began);
            }
        }
        assert_eq!(over, [until]);
        let found = lease(&rig);
        assert_eq!((found.state, found.since - began), (Idle, until));
        assert!(!rig.engine.is_behind(u64::MAX), "nothing is left to end");
    }
}

/// The engine with the store that loses power: obeys actions as the worker does.
struct Site {
    engine: Engine,
    store: Faulty,
    now: u64,
}

impl Site {
    fn open(store: Faulty) -> Self {
        let pairs = store.range(bedplate::serve::dhcp::PREFIX).unwrap();
        let leases = pairs
            .iter()
            .map(|(key, value)| Lease::decode(key, value).unwrap());
        let (now, mut out) = (1_000_000, Vec::new());
        let mut engine = Engine::restore(leases.collect(), now, &mut out);
        engine.handle(now, Input::Config(config(&site())), &mut out);
        Self { engine, store, now }
    }

    /// Sends a request; `meanwhile` runs once its write waits for the disk. Returns the number of replies, before and after.
    async fn request(
        &mut self,
        mut bytes: Vec<u8>,
        meanwhile: impl FnOnce(&Faulty),
    ) -> (usize, usize) {
        bytes.push(255);
        let mut out = Vec::new();
        let from = "0.0.0.0:68".parse().unwrap();
        let packet = Packet {
            bytes: &bytes,
            from,
            via: &[SERVER],
        };
        self.engine
            .handle(self.now, Input::Packet(packet), &mut out);
        let sent = |out: &[Action]| {
            out.iter()
                .filter(|action| matches!(action, Action::Send(_)))
                .count()
        };
        let before = sent(&out);
        let [Action::Persist { batch, lease }] = &out[..] else {
            panic!("{out:?}");
        };
        let write = Write::Put {
            key: lease.key(),
            value: lease.encode(),
        };
        let commit = self.store.commit(Batch {
            guards: Vec::new(),
            writes: vec![write],
        });
        let (result, ()) = tokio::join!(commit, async {
            self.store.until_waiting(1).await;
            meanwhile(&self.store);
        });
        let mut after = Vec::new();
        match result {
            Ok(()) => self
                .engine
                .handle(self.now, Input::Committed(*batch), &mut after),
            Err(StoreError::Closed) => {}
            Err(_) => self
                .engine
                .handle(self.now, Input::Failed(*batch), &mut after),
        }
        (before, sent(&after))
    }
}

/// What the disk does while a write waits, replies before and after, and the leases found afterwards.
type Fault = (&'static str, fn(&Faulty), (usize, usize), usize);

#[tokio::test]
async fn with_a_disk_that_stalls_fails_and_loses_power() {
    let cases: [Fault; 3] = [
        ("the sync returns", Faulty::release, (0, 1), 1),
        ("power is cut before it does", Faulty::crash, (0, 0), 0),
        (
            "the disk is full",
            |store| {
                store.fail(true);
                store.release();
            },
            (0, 0),
            0,
        ),
    ];
    for (name, meanwhile, replies, leases) in cases {
        let mut site = Site::open(Faulty::default());
        site.store.stall();
        assert_eq!(
            site.request(select(1, 10).bytes, meanwhile).await,
            replies,
            "{name}"
        );
        let again = Site::open(site.store);
        assert_eq!(again.engine.leased(), leases, "{name}: after a restart");
    }
}

#[test]
fn a_restart_keeps_leases_names_and_quarantines() {
    let mut rig = Rig::new(&site());
    rig.said(&select(1, 10).option(12, b"web"));
    rig.said(&select(2, 11));
    rig.said(&crate::support::decline(2, 11));
    rig.said(&select(3, 12));
    rig.said(&release(3, 12));
    let out = rig.restart();
    assert_eq!(out.len(), 1, "one name: {out:?}");
    rig.configure(&site());
    let conversation = [
        (renew(1, 10), "ack 10.0.0.10"),
        (discover(2), "offer 10.0.0.12"),
        (discover(3), ""),
    ];
    for (step, (said, heard)) in conversation.into_iter().enumerate() {
        assert_eq!(rig.said(&said), heard, "step {step}");
    }
}

/// Enough leases to fill the engine with writes under way, each for a client of its own.
#[test]
fn a_request_shed_under_load_takes_no_name() {
    let mut wide = site();
    let wide = wide.as_object_mut().unwrap();
    wide.remove("vlan/plant/pxe/scope/10.0.0.0/24");
    wide.insert(
        "vlan/plant/pxe/scope/10.0.0.0/16".to_owned(),
        serde_json::json!({ "scope": {
            "server": "10.0.0.1", "pools": ["10.0.1.0-10.0.255.254"], "lease_time": "10m", "domain": "example",
            "options": {}, "image": null
        } }),
    );
    let mut rig = Rig::new(&wide.clone().into());
    rig.hold_writes = true;
    let ask_as = |rig: &mut Rig, client: u16, host: &[u8]| {
        let [high, low] = client.to_be_bytes();
        let wish = [10, 0, 1 + high, low];
        let select = select(0, 0).field(28, &[2, 0, 0, 1, high, low]);
        let options = &select.bytes[240..];
        let at = 240 + options.windows(2).position(|two| two == [50, 4]).unwrap();
        rig.send(&select.field(at + 2, &wish).option(12, host))
    };
    for client in 0..16_384 {
        ask_as(&mut rig, client, format!("host-{client}").as_bytes());
    }
    assert_eq!(rig.held.len(), 16_384);
    ask_as(&mut rig, 20_000, b"web");
    assert_eq!(rig.engine.counters().shed, 1);
    for batch in std::mem::take(&mut rig.held) {
        rig.input(Input::Committed(batch));
    }
    rig.names.clear();
    rig.hold_writes = false;
    ask_as(&mut rig, 20_001, b"web");
    assert_eq!(
        rig.names,
        ["+web.example 10.0.79.33"],
        "nobody has the name"
    );
}
