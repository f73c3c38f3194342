//! Guests themselves: how they end, and how it is told here.

use std::process::Command;

use crate::support::guest::{filters, outside, verdict};

/// Runs `tests/guest/boot` with a bound in seconds: its status, what the command printed, and what is told besides.
fn boot(command: &str, seconds: &str) -> (Option<i32>, String, String) {
    let mut boot = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guest/boot"));
    boot.arg(command).env("BEDPLATE_GUEST_SECONDS", seconds);
    let ended = boot.output().unwrap();
    let [output, complaint] =
        [ended.stdout, ended.stderr].map(|said| String::from_utf8(said).unwrap());
    (ended.status.code(), output, complaint)
}

#[test]
fn a_guest_ends_as_its_command_does() {
    outside(|| {
        let (status, output, _) = boot("echo a word; exit 7", "300");
        assert_eq!((status, output.trim()), (Some(7), "a word"));
    });
}

#[test]
fn a_guest_that_dies_and_one_that_hangs_are_told() {
    outside(|| {
        let (status, _, complaint) = boot("reboot -f", "300");
        assert_eq!(status, Some(125), "{complaint}");
        // So short a time that none has started.
        let (status, _, complaint) = boot("true", "0.1");
        assert_eq!(status, Some(124));
        assert!(complaint.contains("ended after 0.1 s"), "{complaint}");
    });
}

#[test]
fn a_test_ends_here_as_it_did_there() {
    let output = "
running 3 tests
test fine ... ok
test worse::still ... FAILED
test worse ... FAILED

failures:

---- worse::still stdout ----
left: 1

---- worse stdout ----
left: 2

failures:
    worse
    worse::still
";
    let failure = |said: &str| Err(Some(said.to_owned()));
    let cases = [
        ("fine", Ok(())),
        ("worse", failure("left: 2\n")),
        ("worse::still", failure("left: 1\n")),
        ("never", Err(None)),
    ];
    for (name, expected) in cases {
        assert_eq!(verdict(name, output), expected, "{name}");
    }
}

#[test]
fn the_guest_runs_the_tests_that_were_chosen() {
    let cases = [
        ("", ""),
        ("kinds bonds", "kinds bonds"),
        ("--quiet --test-threads 1 kinds", "kinds"),
        ("--exact kinds::all --nocapture", "--exact kinds::all"),
        ("--skip slow --color always", "--skip slow"),
        ("--skip=slow --format=terse -q", "--skip=slow"),
    ];
    for (given, expected) in cases {
        let words = given.split_whitespace().map(str::to_owned);
        assert_eq!(filters(words).join(" "), expected, "{given}");
    }
}
