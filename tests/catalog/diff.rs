//! `bedplate diff` between folders.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::lab::{bedplate, copy, edit, root, said};
use crate::support::golden::{Texts, check};

/// The campus in `old/`, and in `new/` with an edit of every sort.
fn sides(folder: &Path) {
    let campus = root("examples/campus");
    copy(&campus, &folder.join("old"));
    let new = folder.join("new");
    copy(&campus, &new);
    let mut more = fs::read_to_string(root("golden/campus/edit.kdl")).unwrap();
    for number in 10..22 {
        writeln!(
            more,
            "machine \"sensor-{number}\" profile=\"sensor\" {{ ethernet \"eth0\" mac=\"52:54:00:0d:01:{number}\" }}"
        )
        .unwrap();
    }
    let site = fs::read_to_string(new.join("site.kdl")).unwrap();
    fs::write(new.join("site.kdl"), site + &more).unwrap();
    let switches = "\"10.10.200.0/24\" for=\"switch management\"";
    for (file, from, to) in [
        (
            "network.kdl",
            "gateway \"10.30.0.1\"",
            "gateway \"10.30.0.254\"",
        ),
        (
            "network.kdl",
            switches,
            "\"10.10.201.0/24\" for=\"switch | `mgmt`\"",
        ),
        ("network.kdl", "dynamic-range \"10.10.20.0/24\"", ""),
        ("network.kdl", "\"5m\"", "\"7m\""),
        (
            "controllers.kdl",
            "lacp-rate \"fast\"",
            "mii-interval \"50ms\"",
        ),
        ("racks/compute.kdl", "10.20.0.12", "10.20.0.22"),
        (
            "racks/other.kdl",
            "machine \"repair\"",
            "machine \"mended\"",
        ),
        (
            "site.kdl",
            "ethernet \"eth0\" vlan=\"yard/pxe\"",
            "ethernet \"eth0\" vlan=\"yard/pxe\" mtu=1400",
        ),
    ] {
        edit(&new.join(file), from, to);
    }
    fs::write(new.join("boot/grub.cfg"), "menu\n").unwrap();
}

#[test]
fn a_change_is_told_as_golden() {
    let scratch = tempfile::tempdir().unwrap();
    sides(scratch.path());
    let mut texts = Texts::new();
    for (name, options) in [
        ("diff.txt", &[][..]),
        ("diff-full.txt", &["--full"]),
        ("diff.md", &["--markdown"]),
        ("diff.json", &["--json"]),
    ] {
        let arguments = [&["diff", "old", "new"], options].concat();
        texts.insert(name.to_owned(), said(scratch.path(), &arguments));
    }
    check(&root("golden/campus/commands/diff"), &texts, &[]);
    let back = said(scratch.path(), &["diff", "new", "old"]);
    assert!(back.contains("13 machines of profile sensor"), "{back}");
    assert!(back.contains("- controller/annex"), "{back}");
}

#[test]
fn what_a_host_network_changes_is_told() {
    // A line of the example, what it becomes, and lines of the difference.
    let cases: [(&str, &str, &[&str]); 8] = [
        (
            "address \"10.20.0.2\"",
            "",
            &["~ controller/edge-1/link/bond0.20", "address - 10.20.0.2"],
        ),
        (
            "address \"10.20.0.3\" preferred=#false",
            "address \"10.20.0.3\"",
            &["address 10.20.0.3 preferred=#false -> 10.20.0.3"],
        ),
        (
            "via \"10.10.0.253\" weight=2",
            "via \"10.10.0.253\" weight=3",
            &[
                "~ controller/edge-1/route/10.50.0.0/16@main/0",
                "via 10.10.0.253 weight 2 -> 10.10.0.253 weight 3",
            ],
        ),
        (
            "table 902 }  //",
            "table \"red\" }  //",
            &["~ controller/edge-1/rule/ipv4/1000", "table 902 -> red"],
        ),
        (
            "rule 1001 { mark 2",
            "rule 1003 { mark 2",
            &[
                "- controller/edge-1/rule/1001",
                "+ controller/edge-1/rule/1003",
            ],
        ),
        (
            "rp-filter \"loose\"  ",
            "rp-filter \"strict\" ",
            &["rp-filter loose -> strict"],
        ),
        (
            "port \"eno6\" { untagged \"annex\" }",
            "port \"eno6\" { tagged \"annex\" }",
            &["port eno6 untagged plant/annex -> eno6 tagged plant/annex"],
        ),
        ("protocol=\"802.1ad\"", "", &["protocol 802.1ad -> 802.1Q"]),
    ];
    let old = root("examples/host-network");
    for (from, to, expected) in cases {
        let scratch = tempfile::tempdir().unwrap();
        copy(&old, scratch.path());
        edit(&scratch.path().join("site.kdl"), from, to);
        let said = said(scratch.path(), &["diff", old.to_str().unwrap()]);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        for line in expected {
            assert!(said.contains(line), "{from}: {line}\n{said}");
        }
    }
}

#[test]
fn the_order_of_a_controllers_addresses_is_told() {
    let old = root("examples/host-network");
    let scratch = tempfile::tempdir().unwrap();
    copy(&old, scratch.path());
    let site = scratch.path().join("site.kdl");
    edit(
        &site,
        "address \"192.0.2.53/32\"; address \"2001:db8::53/128\"",
        "address \"2001:db8::53/128\"; address \"192.0.2.53/32\"",
    );
    let said = said(scratch.path(), &["diff", old.to_str().unwrap()]);
    assert!(
        said.contains("192.0.2.53/32, 2001:db8::53/128 -> 2001:db8::53/128, 192.0.2.53/32"),
        "{said}"
    );
}

/// Changes a copy of the campus.
type Edit = fn(&Path);

#[test]
fn what_means_the_same_is_no_change() {
    let campus = root("examples/campus");
    let edits: [(&str, Edit); 5] = [
        ("nothing", |_| ()),
        ("a comment", |site| {
            edit(
                &site.join("network.kdl"),
                "space \"storage\"",
                "// more\nspace \"storage\"",
            )
        }),
        ("a file's name", |site| {
            fs::rename(site.join("network.kdl"), site.join("wires.kdl")).unwrap();
            edit(&site.join("site.kdl"), "network.kdl", "wires.kdl");
        }),
        ("the order of ranges and nodes", |site| {
            let network = site.join("network.kdl");
            edit(&network, "dynamic-range \"10.10.20.0/24\"", "");
            edit(
                &network,
                "dynamic-range \"10.10.1.0-10.10.9.255\"",
                "dynamic-range \"10.10.20.0/24\"; dynamic-range \"10.10.1.0-10.10.9.255\"",
            );
            edit(
                &network,
                "space \"storage\"\nspace \"management\"",
                "space \"management\"\nspace \"storage\"",
            );
        }),
        ("who says it", |site| {
            edit(
                &site.join("racks/compute.kdl"),
                "ethernet \"eth1\" mac",
                "ethernet \"eth1\" vlan=\"storage\" mac",
            );
        }),
    ];
    for (what, edit) in edits {
        let scratch = tempfile::tempdir().unwrap();
        copy(&campus, scratch.path());
        edit(scratch.path());
        let old = campus.to_str().unwrap();
        let ran = bedplate(scratch.path(), &["diff", old, "--exit-code"]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{what}: {ran:?}");
        assert!(ran.out.starts_with("Nothing changes: "), "{what}: {ran:?}");
        let ran = bedplate(scratch.path(), &["diff", old, "--markdown"]);
        assert!(
            ran.out.ends_with("**Nothing changes.**\n"),
            "{what}: {ran:?}"
        );
    }
}

#[test]
fn exit_codes_and_faults_name_the_side() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    sides(folder);
    fs::write(folder.join("bad.kdl"), "site 5\n").unwrap();
    for (arguments, code, out, err) in [
        (&["diff", "old", "new"][..], 0, "site campus", ""),
        (&["diff", "old", "new", "--exit-code"], 2, "site campus", ""),
        (
            &["diff", "bad.kdl", "new"],
            1,
            "",
            "OLD, bad.kdl, has faults",
        ),
        (
            &["diff", "old", "bad.kdl"],
            1,
            "",
            "NEW, bad.kdl, has faults",
        ),
        (&["diff", "bad.kdl", "new", "--json"], 1, "\"old\": {", ""),
        (
            &["diff", "old", "absent"],
            1,
            "",
            "error[C003]: `absent` is no file or folder here",
        ),
        (&["diff"], 1, "", "required"),
    ] {
        let ran = bedplate(folder, arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
        assert!(ran.out.contains(out), "{arguments:?}: {ran:?}");
        assert!(ran.err.contains(err), "{arguments:?}: {ran:?}");
    }
}
