//! `bedplate show`.

use crate::lab::{bedplate, root, said};
use crate::support::golden::{Texts, check};

/// Keys and names shown, each with its golden file's name.
const SHOWN: [(&str, &str); 12] = [
    ("site", "site"),
    ("vlan/plant/pxe", "vlan"),
    ("plant/annex", "relayed-vlan"),
    ("10.10.0.0/16", "subnet"),
    ("bond0", "bond"),
    ("machine/login", "machine"),
    ("52:54:00:0a:00:01", "interface"),
    ("login/bmc", "bmc"),
    ("image/rescue", "image"),
    ("10.10.1.7", "dynamic-address"),
    ("vlan/plant/pxe/scope/10.10.0.0/16", "scope"),
    ("zone/campus.example.net/login/A", "record"),
];

#[test]
fn objects_are_shown_as_golden() {
    let campus = root("examples/campus");
    let mut texts = Texts::new();
    for (what, name) in SHOWN {
        texts.insert(format!("{name}.txt"), said(&campus, &["show", what]));
    }
    for (what, name) in [
        ("login/eth0", "interface"),
        ("10.10.1.7", "dynamic-address"),
    ] {
        texts.insert(
            format!("{name}.json"),
            said(&campus, &["show", what, "--json"]),
        );
    }
    check(&root("golden/campus/commands/show"), &texts, &[]);
}

/// Of the example with every part of a host network.
const NETWORK: [(&str, &str); 7] = [
    ("bond0.20", "tagged"),
    ("br0", "bridge"),
    ("red", "vrf"),
    ("anycast0", "dummy"),
    ("10.50.0.0/16", "route"),
    ("controller/edge-1/route/0.0.0.0/0@1001/0", "vrf-route"),
    ("edge-1/rule/1002", "rule"),
];

#[test]
fn parts_of_a_host_network_are_shown_as_golden() {
    let example = root("examples/host-network");
    let shown = NETWORK.map(|(what, name)| {
        let text = said(&example, &["show", what]);
        (format!("{name}.txt"), text)
    });
    let texts = Texts::from(shown);
    check(&root("golden/host-network/commands/show"), &texts, &[]);
}

#[test]
fn what_is_meant_is_found_or_named() {
    // What is typed, and a part of the first line of the answer, or of the fault.
    let cases = [
        ("campus", "site  ("),
        ("login", "machine/login  ("),
        ("login.campus.example.net", "machine/login  ("),
        (
            "controller/gate/link/bond0",
            "controller/gate/link/bond0  (",
        ),
        ("gate/bond0", "controller/gate/link/bond0  ("),
        ("bond0.20", "controller/gate/link/bond0.20  ("),
        ("annex", "vlan/plant/annex  ("),
        ("fabric/plant", "fabric/plant  ("),
        ("10.97.0.0/16", "C001"),
        ("10.98.0.0/16", "route/10.98.0.0/16/0  ("),
        (
            "10.99.0.0/16",
            "write one of route/10.99.0.0/16/100, route/10.99.0.0/16/200",
        ),
        ("fd00:10::2", "controller/rack-1/link/br-pxe  ("),
        (
            "10.10.200.9",
            "in the reserved range 10.10.200.0-10.10.200.255 for switch management of",
        ),
        ("10.10.50.1", "in none of its ranges; no host has it"),
        ("9.9.9.9", "is in no subnet of the site"),
        ("8.8.8.8", "C001"),
        ("52:54:00:0A:00:01", "machine/compute-01/link/eth0  ("),
        ("52:54:00:ff:ff:ff", "C001"),
        ("pxe", "write one of vlan/plant/pxe, vlan/yard/pxe"),
        ("eth0", "or of 1 more"),
        ("machine/logn", "did you mean `machine/login`?"),
        ("rescu", "did you mean `rescue`?"),
        (
            "zone/campus.example.net/logn/A",
            "did you mean `zone/campus.example.net/login/A`?",
        ),
        ("", "C001"),
        ("/", "C001"),
        ("machine/", "C001"),
        ("link/eth0/", "C001"),
        ("\u{1b}[2J", "C001"),
    ];
    let campus = root("examples/campus");
    for (what, expected) in cases {
        let ran = bedplate(&campus, &["show", what]);
        let is_fault = !expected.contains("  (") && !expected.contains("in ");
        assert_eq!(ran.code, i32::from(is_fault), "{what}: {ran:?}");
        let said = if is_fault { &ran.err } else { &ran.out };
        assert!(said.contains(expected), "{what}: {ran:?}");
    }
}

#[test]
fn a_faulty_site_shows_its_faults() {
    let ran = bedplate(&root("."), &["show", "x", "tests/bad/leases.kdl"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(
        ran.err.contains("error[") || ran.err.contains("E0"),
        "{}",
        ran.err
    );
}
