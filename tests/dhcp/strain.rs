//! A store that is slow or full: who has a lease lives on what is on disk, who has none is left to other servers, and both end by
//! themselves.

use bedplate::serve::dhcp::{Event, Input, StoreTrouble};

use crate::support::{Ask, Rig, discover, option, reboot, renew, select, site};

/// A client with a lease of ten minutes, of which the disk holds an eighth more.
fn bound() -> Rig {
    let mut rig = Rig::new(&site());
    assert_eq!(rig.said(&select(1, 10)), "ack 10.0.0.10");
    rig
}

/// Says something whose write fails; returns for how many seconds each answer leases.
fn fails(rig: &mut Rig, said: &Ask) -> Vec<u32> {
    rig.hold_writes = true;
    let mut replies = rig.send(said);
    for batch in std::mem::take(&mut rig.held) {
        replies.extend(rig.input(Input::Failed(batch)));
    }
    rig.hold_writes = false;
    let seconds = replies.iter().map(|reply| option(reply, 51).unwrap());
    seconds
        .map(|bytes| u32::from_be_bytes(bytes.try_into().unwrap()))
        .collect()
}

fn troubles(rig: &Rig) -> Vec<Option<StoreTrouble>> {
    let trouble = |event: &Event| match event {
        Event::Store { trouble } => Some(*trouble),
        Event::Committed { .. }
        | Event::Renewed { .. }
        | Event::Expired { .. }
        | Event::Released { .. }
        | Event::Declined { .. }
        | Event::Contested { .. }
        | Event::Waiting { .. }
        | Event::Reclaimed { .. }
        | Event::Conflict { .. }
        | Event::Replaced { .. }
        | Event::Threshold { .. }
        | Event::Bmc { .. }
        | Event::Exhausted { .. } => None,
    };
    rig.events.iter().filter_map(trouble).collect()
}

#[test]
fn a_renewal_that_cannot_be_written_is_told_the_rest() {
    // Seconds into the lease, what is said, and what is leased then.
    let cases = [
        (300, renew(1, 10), vec![375]),
        (660, renew(1, 10), vec![15]),
        (300, reboot(1, 10), vec![375]),
        (670, renew(1, 10), vec![]),
        (300, select(2, 11), vec![]),
    ];
    for (step, (wait, said, seconds)) in cases.into_iter().enumerate() {
        let mut rig = bound();
        rig.now += wait;
        assert_eq!(fails(&mut rig, &said), seconds, "step {step}");
        assert_eq!(rig.engine.leased(), 1, "step {step}: as it was");
        assert_eq!(rig.said(&renew(1, 10)), "ack 10.0.0.10", "step {step}");
    }
}

#[test]
fn a_renewal_whose_write_takes_too_long_is_told_the_rest() {
    let mut rig = bound();
    rig.now += 300;
    rig.hold_writes = true;
    assert_eq!(rig.said(&renew(1, 10)), "", "it may end yet");
    rig.now += 1;
    assert!(rig.input(Input::Tick).is_empty());
    rig.now += 1;
    let replies = rig.input(Input::Tick);
    assert_eq!(option(&replies[0], 51).unwrap(), 375u32.to_be_bytes());
    assert!(rig.input(Input::Tick).is_empty(), "once");
    assert_eq!(troubles(&rig), [Some(StoreTrouble::Slow)]);
    let replies = rig.send(&renew(1, 10));
    assert_eq!(
        option(&replies[0], 51).unwrap(),
        373u32.to_be_bytes(),
        "who asks again waits no more"
    );
    let replies = rig.input(Input::Committed(rig.held[0]));
    assert!(replies.is_empty(), "it was answered");
    rig.now += 300;
    rig.held.clear();
    assert_eq!(rig.said(&renew(1, 10)), "", "what was written holds on");
    assert_eq!(rig.held.len(), 1);
    let replies = rig.input(Input::Failed(rig.held[0]));
    assert_eq!(option(&replies[0], 51).unwrap(), 373u32.to_be_bytes());
}

#[test]
fn nobody_new_is_let_in_until_writes_do_again() {
    let mut rig = bound();
    assert!(fails(&mut rig, &select(2, 11)).is_empty());
    let conversation = [
        (None, discover(2), "", "not even to see whether they do"),
        (None, discover(1), "offer 10.0.0.10", "who has a lease"),
        (Some(false), discover(3), "", "they do not"),
        (None, renew(1, 10), "ack 10.0.0.10", "who has a lease"),
        (None, discover(3), "", "a renewal shows nothing"),
        (Some(true), discover(3), "offer 10.0.0.12", "they do"),
        (None, discover(2), "offer 10.0.0.11", "so all are let in"),
    ];
    for (step, (trial, said, heard, why)) in conversation.into_iter().enumerate() {
        rig.now += 1;
        if let Some(is_ok) = trial {
            tries(&mut rig, StoreTrouble::Failing, (0, is_ok));
        }
        assert_eq!(rig.said(&said), heard, "step {step}: {why}");
    }
    assert_eq!(rig.engine.counters().shed, 3);
    assert_eq!(rig.engine.begin_trial(rig.now), None, "all is well");
}

/// A trial that is due for this trouble, and takes so many seconds.
fn tries(rig: &mut Rig, trouble: StoreTrouble, (seconds, is_ok): (u64, bool)) {
    assert_eq!(rig.engine.begin_trial(rig.now), Some(trouble));
    assert_eq!(rig.engine.begin_trial(rig.now), None, "one each second");
    rig.now += seconds;
    assert!(rig.input(Input::Tried(is_ok)).is_empty());
}

/// That a slow write ends does not show that the next one is any faster.
#[test]
fn a_slow_store_is_one_until_it_was_quick_again() {
    let mut rig = bound();
    rig.hold_writes = true;
    rig.send(&select(2, 11));
    rig.now += 2;
    rig.input(Input::Tick);
    let replies = rig.input(Input::Committed(rig.held[0]));
    assert_eq!(replies.len(), 1, "late, and durable");
    rig.hold_writes = false;
    for (trouble, trial) in [
        (StoreTrouble::Slow, (2, true)),
        (StoreTrouble::Slow, (0, false)),
        (StoreTrouble::Failing, (5, true)),
        (StoreTrouble::Slow, (1, true)),
    ] {
        assert_eq!(rig.said(&discover(3)), "", "{trial:?}");
        assert_eq!(rig.said(&discover(2)), "offer 10.0.0.11", "{trial:?}");
        rig.now += 1;
        tries(&mut rig, trouble, trial);
    }
    assert_eq!(rig.said(&discover(3)), "offer 10.0.0.12");
}

#[test]
fn trouble_is_told_once_until_it_is_over() {
    let mut rig = bound();
    for _ in 0..3 {
        fails(&mut rig, &select(2, 11));
        rig.now += 1;
        rig.input(Input::Tick);
    }
    tries(&mut rig, StoreTrouble::Failing, (0, true));
    assert_eq!(rig.said(&select(2, 11)), "ack 10.0.0.11");
    fails(&mut rig, &select(3, 12));
    let now = rig.now;
    assert_eq!(rig.engine.trouble(now), Some(StoreTrouble::Failing));
    assert_eq!(troubles(&rig), [Some(StoreTrouble::Failing)]);
    assert_eq!(rig.said(&select(3, 12)), "ack 10.0.0.12");
    let still = Some(StoreTrouble::Failing);
    assert_eq!(rig.engine.trouble(rig.now), still, "a lease had room");
    rig.now += 1;
    tries(&mut rig, StoreTrouble::Failing, (0, true));
    assert_eq!(rig.engine.trouble(rig.now), None, "writes do again");
    rig.now += 8;
    rig.input(Input::Tick);
    let told = rig.engine.told_trouble();
    assert_eq!(told, Some(StoreTrouble::Failing), "it may come back");
    rig.now += 1;
    rig.input(Input::Tick);
    assert_eq!(rig.engine.told_trouble(), None);
    assert_eq!(troubles(&rig), [Some(StoreTrouble::Failing), None]);
}
