//! `bedplate lock`: deterministic, and stable under every edit of the site.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

#[path = "support/cases.rs"]
mod cases;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use bedplate::diag::code::Code;
use bedplate::diag::render;
use bedplate::lang::files::MemoryFiles;
use bedplate::site::compile;
use bedplate::site::lock::{LockChange, lock};
use proptest::prelude::*;

/// Where the lock of `site.kdl` lies.
const LOCK_PATH: &str = "bedplate.lock";

const SITE: &str = r#"site "s" domain="s.example"
fabric "f" {
    vlan "v" {
        dhcp { controllers "gate" }
        subnet "10.0.0.0/27" {
            gateway "10.0.0.1"
            dns "10.0.0.4"
            dynamic-range "10.0.0.8-10.0.0.11"
            reserved-range "10.0.0.16-10.0.0.19"
        }
    }
    vlan "other" id=2 {
        subnet "10.1.0.0/28" { managed #false; reserved-range "10.1.0.4-10.1.0.7"; dynamic-range "10.1.0.5-10.1.0.6" }
        subnet "fd01::/64"
    }
    vlan "six" id=3 { subnet "fd02::/64"; subnet "fd03::/120" }
}
controller "gate" { ethernet "e" vlan="v" { address "10.0.0.2" } }
route "10.9.0.0/16" { via "10.0.0.6" }
profile "p" { ethernet "e" vlan="v" { address "auto" } }
"#;

fn files(site: &str, locked: Option<&str>) -> MemoryFiles {
    let mut files = MemoryFiles::default();
    files.insert("site.kdl", site.as_bytes().to_vec());
    if let Some(text) = locked {
        files.insert(LOCK_PATH, text.as_bytes().to_vec());
    }
    files
}

/// The new lock, and what changed; each line without the words that all have.
fn locked(site: &str, before: Option<&str>) -> (String, Vec<LockChange>) {
    let (compiled, lock) = lock(&files(site, before), "site.kdl");
    let shown = render::text(&compiled.diagnostics, &compiled.sources, false);
    let lock = lock.unwrap_or_else(|| panic!("{shown}"));
    let text = lock.text();
    let compiled = compile(&files(site, Some(&text)), "site.kdl");
    let shown = render::text(&compiled.diagnostics, &compiled.sources, false);
    assert!(
        compiled.site.is_some(),
        "a site compiles with its lock\n{text}\n{shown}"
    );
    (text, lock.changes)
}

fn lines(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| line.starts_with("address"));
    let plain = |line: &str| line.trim_start_matches("address ").replace('"', "");
    lines.map(plain).collect()
}

fn machines(names: &[&str]) -> String {
    let machine = |name: &&str| format!("machine \"{name}\" profile=\"p\"\n");
    SITE.to_owned() + &names.iter().map(machine).collect::<String>()
}

#[test]
fn addresses_are_the_lowest_that_nobody_has() {
    let text = SITE.to_owned()
        + r#"
        machine "b" profile="p" { bmc "ipmi" address="10.0.0.7" username="u" password=(env)"P" }
        machine "a" profile="p" {
            ethernet "o" vlan="other" { address "auto"; address "auto" subnet="fd01::/64" }
            ethernet "s" vlan="six" { address "auto" subnet="fd03::/120" }
            ethernet "t" vlan="six" { address "auto" subnet="fd02::/64" }
        }
        machine "c1" profile="p"
        machine "c2" profile="p"
        machine "c3" { ethernet "o" vlan="other" { address "auto" } }
        "#;
    let (text, _) = locked(&text, None);
    assert_eq!(
        lines(&text),
        [
            "a e 10.0.0.0/27 10.0.0.3",
            "a o 10.1.0.0/28 10.1.0.4",
            "a o fd01::/64 fd01::1:0:0",
            "a s fd03::/120 fd03::1",
            "a t fd02::/64 fd02::1:0:0",
            "b e 10.0.0.0/27 10.0.0.5",
            "c1 e 10.0.0.0/27 10.0.0.12",
            "c2 e 10.0.0.0/27 10.0.0.13",
            "c3 o 10.1.0.0/28 10.1.0.7",
        ]
    );
}

#[test]
fn edits_move_nobody() {
    let steps: [(&[&str], &[&str]); 4] = [
        (
            &["m", "n"],
            &["m e 10.0.0.0/27 10.0.0.3", "n e 10.0.0.0/27 10.0.0.5"],
        ),
        // A new name that sorts first takes what is free, not what others have.
        (
            &["a", "n", "m"],
            &[
                "a e 10.0.0.0/27 10.0.0.6",
                "m e 10.0.0.0/27 10.0.0.3",
                "n e 10.0.0.0/27 10.0.0.5",
            ],
        ),
        (
            &["a", "n"],
            &["a e 10.0.0.0/27 10.0.0.6", "n e 10.0.0.0/27 10.0.0.5"],
        ),
        // What was freed is free.
        (
            &["a", "n", "z"],
            &[
                "a e 10.0.0.0/27 10.0.0.6",
                "n e 10.0.0.0/27 10.0.0.5",
                "z e 10.0.0.0/27 10.0.0.3",
            ],
        ),
    ];
    // 10.0.0.6 is a router here no more.
    let without_route = |names: &[&str]| machines(names).replace("10.0.0.6", "10.0.0.1");
    let mut before: Option<String> = None;
    for (names, expected) in steps {
        let (text, _) = locked(&without_route(names), before.as_deref());
        assert_eq!(lines(&text), expected, "{names:?}");
        before = Some(text);
    }
}

#[test]
fn a_new_name_keeps_its_addresses() {
    let (before, _) = locked(&machines(&["a", "b"]), None);
    let renamed = machines(&["a"]) + "machine \"c\" profile=\"p\" { moved from=\"b\" }\n";
    let (after, changes) = locked(&renamed, Some(&before));
    assert_eq!(
        lines(&after),
        ["a e 10.0.0.0/27 10.0.0.3", "c e 10.0.0.0/27 10.0.0.5"]
    );
    let [LockChange::Moved { from, .. }] = changes.as_slice() else {
        panic!("{changes:?}");
    };
    assert_eq!(from.host.as_str(), "b");
}

/// Several hosts take each other's names at once, and each keeps its addresses; said once more later, that moves nobody.
#[test]
fn names_that_move_on_keep_their_addresses() {
    let machine = |name: &str, from: &str| match from {
        "" => format!("machine \"{name}\" profile=\"p\"\n"),
        from => format!("machine \"{name}\" profile=\"p\" {{ moved from=\"{from}\" }}\n"),
    };
    let (before, _) = locked(&machines(&["a", "b"]), None);
    assert_eq!(
        lines(&before),
        ["a e 10.0.0.0/27 10.0.0.3", "b e 10.0.0.0/27 10.0.0.5"]
    );
    type Case<'c> = (&'c [(&'c str, &'c str)], &'c [&'c str], usize, usize);
    let cases: [Case<'_>; 5] = [
        // Each has the name of the next.
        (&[("b", "a"), ("c", "b")], &["b .3", "c .5"], 2, 0),
        (
            &[("c", "b"), ("d", "c"), ("b", "a")],
            &["b .3", "c .5", "d .7"],
            2,
            0,
        ),
        // One has the name of another that is gone, or that is another machine now.
        (&[("b", "a")], &["b .3"], 1, 1),
        (&[("b", "a"), ("c", "")], &["b .3", "c .7"], 1, 1),
        // The other way round.
        (&[("a", "b"), ("0", "a")], &["0 .3", "a .5"], 2, 0),
    ];
    for (hosts, expected, moved, freed) in cases {
        let new: String = hosts
            .iter()
            .map(|(name, from)| machine(name, from))
            .collect();
        let site = SITE.to_owned() + &new;
        let (after, changes) = locked(&site, Some(&before));
        let short = |line: &String| line.replace("e 10.0.0.0/27 10.0.0", "");
        let found: Vec<String> = lines(&after).iter().map(short).collect();
        assert_eq!(found, expected, "{hosts:?}");
        let count = |is: fn(&LockChange) -> bool| changes.iter().filter(|one| is(one)).count();
        let of = (
            count(|one| matches!(one, LockChange::Moved { .. })),
            count(|one| matches!(one, LockChange::Freed { .. })),
        );
        assert_eq!(of, (moved, freed), "{changes:?}");
        // What was said stays said for a while.
        assert_eq!(
            locked(&site, Some(&after)),
            (after, Vec::new()),
            "{hosts:?}"
        );
    }
}

#[test]
fn other_names_and_sizes_move_nobody() {
    let (before, _) = locked(&machines(&["a", "b"]), None);
    let wider = machines(&["0", "a", "b"]).replace("10.0.0.0/27", "10.0.0.0/26");
    let renamed = machines(&["0", "a", "b"]).replace(
        "profile \"p\" { ethernet \"e\"",
        "profile \"p\" { ethernet \"eno1\"",
    );
    let both = renamed.replace("10.0.0.0/27", "10.0.0.0/26");
    for (site, link, prefix) in [
        (wider, "e", "10.0.0.0/26"),
        (renamed, "eno1", "10.0.0.0/27"),
        (both, "eno1", "10.0.0.0/26"),
    ] {
        let (after, changes) = locked(&site, Some(&before));
        let expected = [
            format!("0 {link} {prefix} 10.0.0.7"),
            format!("a {link} {prefix} 10.0.0.3"),
            format!("b {link} {prefix} 10.0.0.5"),
        ];
        assert_eq!(lines(&after), expected);
        let moves = changes
            .iter()
            .filter(|one| matches!(one, LockChange::Moved { .. }));
        assert_eq!((moves.count(), changes.len()), (2, 3), "{changes:?}");
    }
}

#[test]
fn what_is_freed_now_is_given_last() {
    let (before, _) = locked(&machines(&["a", "b"]), None);
    let (after, _) = locked(&machines(&["b", "c"]), Some(&before));
    assert_eq!(
        lines(&after),
        ["b e 10.0.0.0/27 10.0.0.5", "c e 10.0.0.0/27 10.0.0.7"]
    );
    // All but the last addresses are held: then what was freed is better than nothing.
    let names: Vec<String> = (0..18).map(|number| format!("m{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (before, _) = locked(&machines(&names), None);
    let next: Vec<&str> = names.iter().skip(1).copied().chain(["x"]).collect();
    let (after, _) = locked(&machines(&next), Some(&before));
    assert!(lines(&after).contains(&"x e 10.0.0.0/27 10.0.0.3".to_owned()));
}

/// Addresses that the site names for others are nobody's to have.
#[test]
fn what_the_site_names_is_not_allocated() {
    let site = machines(&["a"])
        .replace(
            "site \"s\" domain=\"s.example\"",
            "site \"s\" domain=\"s.example\" { ntp { upstream \"10.0.0.3\" }; dns { forward \"10.0.0.5\" } }",
        )
        .replace("dhcp { controllers", "dhcp { option \"log-servers\" \"10.0.0.7\"; controllers")
        + "record \"vip\" { a \"10.0.0.12\" }\n";
    assert_eq!(lines(&locked(&site, None).0), ["a e 10.0.0.0/27 10.0.0.13"]);
    // Nor where it names them for one host, or for those of a profile.
    let site = SITE
        .replace("gateway \"10.0.0.1\"", "")
        .replace(
            "controller \"gate\" {",
            "controller \"gate\" { default-gateway \"10.0.0.1\";",
        )
        .replace(
            "profile \"p\" {",
            "profile \"p\" { option \"ntp-servers\" \"10.0.0.3\";",
        )
        + "machine \"a\" profile=\"p\" { option \"log-servers\" \"10.0.0.5\" }
        machine \"b\" profile=\"p\"\n";
    assert_eq!(
        lines(&locked(&site, None).0),
        ["a e 10.0.0.0/27 10.0.0.7", "b e 10.0.0.0/27 10.0.0.12"]
    );
}

#[test]
fn isolated_fabrics_share_no_addresses() {
    let lab = |machines: &str| {
        SITE.to_owned()
            + "fabric \"lab\" { isolated #true; vlan \"l\" { subnet \"10.0.0.0/27\" } }\n"
            + machines
    };
    let old = "machine \"m1\" { ethernet \"e\" vlan=\"l\" { address \"auto\" } }\n";
    let (before, _) = locked(&lab(old), None);
    assert_eq!(lines(&before), ["m1 e 10.0.0.0/27 10.0.0.1"]);
    let new = "machine \"m9\" { moved from=\"m1\"; ethernet \"e\" vlan=\"l\" { address \"auto\" } }
        machine \"m2\" { ethernet \"e\" vlan=\"l\" { address \"auto\" } }
        machine \"m3\" profile=\"p\"\n";
    assert_eq!(
        lines(&locked(&lab(new), Some(&before)).0),
        [
            "m2 e 10.0.0.0/27 10.0.0.2",
            "m3 e 10.0.0.0/27 10.0.0.3",
            "m9 e 10.0.0.0/27 10.0.0.1"
        ]
    );
}

/// Two branches each add a machine, and both get the lowest free address.
#[test]
fn what_a_merge_left_is_kept_from_both_sides() {
    let (base, _) = locked(&machines(&["a"]), None);
    let [ours, theirs] = ["b", "c"].map(|name| locked(&machines(&["a", name]), Some(&base)).0);
    let added = |text: &str| -> String {
        let new = text.lines().filter(|line| !base.contains(*line));
        new.map(|line| format!("{line}\n")).collect()
    };
    let (mine, other) = (added(&ours), added(&theirs));
    let torn = format!("{base}<<<<<<< ours\n{mine}=======\n{other}>>>>>>> theirs\n");
    let (after, changes) = locked(&machines(&["a", "b", "c"]), Some(&torn));
    assert_eq!(
        lines(&after),
        [
            "a e 10.0.0.0/27 10.0.0.3",
            "b e 10.0.0.0/27 10.0.0.5",
            "c e 10.0.0.0/27 10.0.0.7"
        ]
    );
    let [LockChange::Allocated { key, .. }] = changes.as_slice() else {
        panic!("{changes:?}");
    };
    assert_eq!(key.host.as_str(), "c");
    let apart = other.replace("10.0.0.5", "10.0.0.20");
    let torn = format!("{base}<<<<<<< ours\n{mine}=======\n{apart}>>>>>>> theirs\n");
    let (after, changes) = locked(&machines(&["a", "b", "c"]), Some(&torn));
    assert!(lines(&after).contains(&"c e 10.0.0.0/27 10.0.0.20".to_owned()));
    assert_eq!(changes, []);
    // Both sides added the same machine, beside others.
    let again = mine.replace("10.0.0.5", "10.0.0.6");
    let torn = format!("{base}<<<<<<< ours\n{mine}=======\n{again}>>>>>>> theirs\n");
    let (after, changes) = locked(&machines(&["a", "b"]), Some(&torn));
    assert!(lines(&after).contains(&"b e 10.0.0.0/27 10.0.0.5".to_owned()));
    assert_eq!(changes, []);
}

#[test]
fn sites_of_one_folder_have_locks_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        std::fs::write(folder.path().join(format!("{name}.kdl")), machines(&[name])).unwrap();
    }
    for (verb, name) in [("lock", "a"), ("lock", "b"), ("check", "a"), ("check", "b")] {
        let output = Command::new(env!("CARGO_BIN_EXE_bedplate"))
            .arg(verb)
            .arg(folder.path().join(format!("{name}.kdl")))
            .output()
            .unwrap();
        assert!(output.status.success(), "{verb} {name}: {output:?}");
    }
    assert!(folder.path().join("a.lock").exists() && folder.path().join("b.lock").exists());
}

#[test]
fn a_site_with_faults_and_a_full_subnet_change_nothing() {
    let names: Vec<String> = (0..40).map(|number| format!("m{number}")).collect();
    let full = machines(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let faulty = machines(&["a"]) + "machine \"b\" profile=\"q\"\n";
    for (site, code) in [(full, Code::SubnetFull), (faulty, Code::UnknownReference)] {
        let (compiled, lock) = lock(&files(&site, None), "site.kdl");
        assert!(lock.is_none());
        let codes: BTreeSet<Code> = compiled.diagnostics.iter().map(|one| one.code).collect();
        assert_eq!(codes, BTreeSet::from([code]));
    }
}

#[test]
fn the_command_writes_checks_and_tells() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site.kdl");
    std::fs::write(&site, machines(&["a"])).unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_bedplate"))
            .args(arguments)
            .arg(folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        (output.status.code().unwrap(), said)
    };
    assert_eq!(run(&["lock", "--check"]).0, 1);
    assert!(
        !folder.path().join(LOCK_PATH).exists(),
        "--check writes nothing"
    );
    let (code, said) = run(&["lock"]);
    assert_eq!(
        (code, said.as_str()),
        (0, "+ a e  10.0.0.3\nbedplate.lock: 1 address, written\n")
    );
    assert_eq!(run(&["lock", "--check"]).0, 0);
    assert_eq!(run(&["check"]).0, 0);
    // What means the same in another form is no fault, and not as it is written.
    let path = folder.path().join(LOCK_PATH);
    let written = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, written.clone() + "// by hand\n").unwrap();
    assert_eq!(run(&["check"]).0, 0);
    let other = "bedplate.lock is not in the form that `bedplate lock` writes; run it\n";
    assert_eq!(run(&["lock", "--check"]), (1, other.to_owned()));
    assert_eq!(run(&["lock"]).0, 0);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), written);
    std::fs::write(&site, machines(&["b"])).unwrap();
    assert_eq!(run(&["check"]).0, 1);
    let (code, said) = run(&["lock", "--json"]);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(code, 0);
    let changes = said["changes"].as_array().unwrap();
    let kinds: Vec<_> = changes
        .iter()
        .map(|change| change["change"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["allocated", "freed"]);
    assert_eq!(said["written"], true);
}

proptest! {
    #![proptest_config(cases::cases(64))]

    /// Whatever machines come and go, in whatever order they stand: who stays keeps what he has, and the lock is a function of both.
    #[test]
    fn who_stays_keeps_the_address(
        rounds in proptest::collection::vec(proptest::collection::btree_set(0_u8..20, 0..12), 1..6),
        seed in any::<u64>(),
    ) {
        let mut before: Option<String> = None;
        let mut held: BTreeMap<String, String> = BTreeMap::new();
        for round in rounds {
            let mut names: Vec<String> = round.iter().map(|number| format!("m{number}")).collect();
            let site = machines(&names.iter().map(String::as_str).collect::<Vec<_>>());
            let (text, changes) = locked(&site, before.as_deref());
            let by = usize::try_from(seed % 7).unwrap().min(names.len());
            names.rotate_left(by);
            let shuffled = machines(&names.iter().map(String::as_str).collect::<Vec<_>>());
            prop_assert_eq!(&locked(&shuffled, before.as_deref()), &(text.clone(), changes));
            let lines = lines(&text);
            let now: BTreeMap<String, String> = lines.iter().map(|line| {
                let (host, address) = (line.split(' ').next().unwrap(), line.rsplit(' ').next().unwrap());
                (host.to_owned(), address.to_owned())
            }).collect();
            for (host, address) in &held {
                prop_assert!(now.get(host).is_none_or(|kept| kept == address), "{} moved", host);
            }
            let distinct: BTreeSet<&String> = now.values().collect();
            prop_assert_eq!(distinct.len(), now.len());
            held = now;
            before = Some(text);
        }
    }
}
