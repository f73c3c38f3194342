//! What is told of renewals: no more than each client can cause once a second, and never an end that is not the last.

use bedplate::serve::dhcp::{Event, Input};

use crate::support::{Ask, LEASE, Rig, release, renew, select, site};

/// What is told of leases, each with how long it lasts after the beginning of all.
fn told(rig: &mut Rig) -> Vec<String> {
    let events = std::mem::take(&mut rig.events).into_iter();
    let words = events.filter_map(|event| {
        let (word, lease) = match event {
            Event::Committed { lease } => ("commit", lease),
            Event::Renewed { lease } => ("renew", lease),
            Event::Released { lease, .. } => ("release", lease),
            other @ (Event::Expired { .. }
            | Event::Declined { .. }
            | Event::Contested { .. }
            | Event::Conflict { .. }
            | Event::Reclaimed { .. }
            | Event::Replaced { .. }
            | Event::Waiting { .. }
            | Event::Store { .. }
            | Event::Bmc { .. }
            | Event::Exhausted { .. }) => panic!("{other:?}"),
            Event::Threshold { .. } => return None,
        };
        Some(format!("{word} {}", lease.expires - BEGAN))
    });
    words.collect()
}

const BEGAN: u64 = 1_000_000;

/// A renewal for so many seconds less than could be.
fn shorter(by: u64) -> Ask {
    let seconds = u32::try_from(LEASE - by).unwrap();
    renew(1, 10).option(51, &seconds.to_be_bytes())
}

/// Seconds that pass, what a client says then, and what is told of it before and after the next tick of the same second.
type Step = (
    u64,
    Vec<Ask>,
    &'static [&'static str],
    &'static [&'static str],
);

fn check(steps: &[Step]) {
    let mut rig = Rig::new(&site());
    assert_eq!(rig.now, BEGAN);
    rig.said(&select(1, 10));
    assert_eq!(told(&mut rig), ["commit 600"]);
    for (number, (wait, said, at_once, later)) in steps.iter().enumerate() {
        rig.now += wait;
        for ask in said {
            rig.said(ask);
        }
        assert_eq!(told(&mut rig), *at_once, "step {number}");
        rig.input(Input::Tick);
        assert_eq!(told(&mut rig), *later, "step {number}, later");
    }
}

#[test]
fn whoever_renews_as_fast_as_it_can_is_told_of_once_a_second() {
    let flood = || vec![renew(1, 10); 1000];
    check(&[
        (0, flood(), &[], &[]),
        (1, flood(), &["renew 601"], &[]),
        (0, flood(), &[], &[]),
        (2, flood(), &["renew 603"], &[]),
        (300, flood(), &["renew 903"], &[]),
    ]);
}

/// Ends that move to and fro within a second.
#[test]
fn whoever_wishes_for_another_time_each_time_is_told_of_once_a_second() {
    let flood = |last: u64| {
        let turns = (0..1000).map(|turn| shorter(turn % 7));
        turns.chain([shorter(last)]).collect::<Vec<_>>()
    };
    check(&[
        (0, vec![shorter(1)], &["renew 599"], &[]),
        (0, flood(3), &[], &[]),
        (1, Vec::new(), &[], &["renew 597"]),
        (1, Vec::new(), &[], &[]),
        (1, flood(5), &["renew 603"], &[]),
        (1, flood(9), &["renew 604"], &[]),
        (1, Vec::new(), &[], &["renew 595"]),
        (9, vec![renew(1, 10)], &["renew 614"], &[]),
    ]);
}

/// What was to be told of a lease that is over is not told any more.
#[test]
fn nothing_is_told_of_a_renewal_after_the_end() {
    let flood = vec![shorter(1), shorter(2), shorter(3), release(1, 10)];
    check(&[
        (0, flood, &["renew 599", "release 597"], &[]),
        (1, Vec::new(), &[], &[]),
        (0, vec![select(1, 10)], &["commit 601"], &[]),
        (1, Vec::new(), &[], &[]),
    ]);
}
