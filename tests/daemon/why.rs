//! `bedplate why`: what became of a machine's messages.

use serde_json::{Value, json};

use crate::client::Relay;
use crate::lab::{Lab, PATIENCE, SITE};

const ANNEX: &str = r#"
    vlan "annex" id=300 { dhcp { relay-to "pxe" }; subnet "10.71.0.0/24" { gateway "10.71.0.1"; dns "rack-1" } }
"#;

/// A machine whose place is in another VLAN than where it is plugged in.
const MISPLACED: &str = r#"
machine "node-09" {
    ethernet "eth0" mac="02:ee:00:00:00:09" vlan="annex" { address "10.71.0.9" }
    ethernet "eth1" mac="02:ee:00:00:01:09" vlan="annex"
}
machine "node-08" uuid="4c4c4544-0042-3510-8052-b4c04f564d31" { ethernet "eth0" vlan="annex" { address "10.71.0.8" } }
"#;

fn lab() -> Lab {
    let lab = Lab::new();
    let inside = SITE.find("}\nroute").unwrap();
    let (before, after) = SITE.split_at(inside);
    let site = format!("{before}{ANNEX}{after}{MISPLACED}");
    lab.write(&site.replace("10.70.1.0-10.70.1.99", "10.70.1.1-10.70.1.1"));
    lab
}

#[test]
fn a_machine_without_an_address_is_told_why() {
    let lab = lab();
    let _daemon = lab.serve();
    lab.applied();
    let silent = lab.run(&["why", "02:ee:00:00:00:07"]);
    assert!(
        silent.code == 0 && silent.out.contains("nothing was heard of it"),
        "{silent:?}"
    );
    let address = Relay::with(&lab, PATIENCE, |relay| {
        let address = relay.discover(1).unwrap();
        assert_eq!(relay.request(1, address), Some(address));
        relay.send(2);
        // What is answered shows that what came before was heard.
        assert_eq!(relay.discover(1), Some(address));
        relay.send(9);
        assert_eq!(relay.discover(1), Some(address));
        address
    });
    for (client, words) in [
        (
            1,
            &[
                &*format!("has {address}."),
                "DISCOVER    offered 10.70.1.1",
                "REQUEST     acknowledged 10.70.1.1",
                "through relay 10.70.0.3",
                "on br0, VLAN plant/pxe",
                "to server 10.70.0.2",
            ][..],
        ),
        (
            2,
            &["has no address: every address in the dynamic ranges of VLAN plant/pxe is in use."],
        ),
        (
            9,
            &[
                "has no address: every",
                "It is node-09: 10.71.0.9 is reserved for it in VLAN plant/annex.",
                "It came in VLAN plant/pxe, where nothing is reserved for it",
            ],
        ),
    ] {
        let said = lab.run(&["why", &format!("02:ee:00:00:00:0{client}")]);
        for word in words {
            assert!(
                said.code == 0 && said.out.contains(word),
                "{word}: {said:?}"
            );
        }
    }
    named_otherwise(&lab, &address.to_string());
    let told = lab.json(&["why", "02:ee:00:00:00:02"]);
    let last = &told["exchanges"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["message"], &last["outcome"], &last["reason"]),
        (
            &"discover".into(),
            &"unanswered".into(),
            &"exhausted".into()
        )
    );
    assert_eq!(
        (&last["relay"], &last["link"], &last["listener"]),
        (&"10.70.0.3".into(), &"br0".into(), &"10.70.0.2".into())
    );
    assert_eq!(told["leases"], Value::Array(Vec::new()));
}

/// What is said of one, and with which code.
fn says(lab: &Lab, what: &str, (code, words): (i32, &[&str])) {
    let said = lab.run(&["why", what]);
    let all = said.out.clone() + &said.err;
    for word in words {
        assert!(
            said.code == code && all.contains(word),
            "{what}, {word}: {said:?}"
        );
    }
}

/// By a whole name in DNS, a machine's or a lease's.
fn named_in_dns(lab: &Lab) {
    for (what, code, words) in [
        (
            "node-09.lab.example",
            0,
            &["eth0: 02:ee:00:00:00:09 has no address: every"][..],
        ),
        (
            "node-99.lab.example",
            1,
            &[
                "D060",
                "no lease is called `node-99.lab.example`",
                "did you mean",
            ],
        ),
        (
            "node-09.elsewhere.example",
            1,
            &[
                "D060",
                "no machine of the site in force and no lease is called",
            ],
        ),
        (
            "10.71.0.777",
            1,
            &["neither a MAC, an IPv4 address nor the name of a machine or a client"],
        ),
    ] {
        says(lab, what, (code, words));
    }
    let leases = lab.json(&["leases"]);
    let name = leases[0]["name"].as_str().unwrap();
    // Its first label is enough.
    for name in [name, name.split_once('.').unwrap().0] {
        says(lab, name, (0, &["02:ee:00:00:00:01 has 10.70.1.1."]));
    }
}

/// The same by other names: a machine's, an address, a hardware address as labels have it. `address` is that of the first client.
fn named_otherwise(lab: &Lab, address: &str) {
    for (what, code, words) in [
        (
            "node-09",
            0,
            &[
                "eth0: 02:ee:00:00:00:09 has no address: every",
                "eth1: 02:ee:00:00:01:09 has no address, and nothing was heard of it",
                "It is node-09: 10.71.0.9 is reserved for it in VLAN plant/annex.",
            ][..],
        ),
        (
            "node-08",
            0,
            &["No hardware address of node-08 is known: the site has none"],
        ),
        (
            "node-99",
            1,
            &[
                "D060",
                "no machine of the site in force and no lease is called `node-99`",
            ],
        ),
        (
            "10.71.0.8",
            0,
            &[
                "No DHCP client has 10.71.0.8, and it is reserved for none whose hardware address is known",
            ],
        ),
        (address, 0, &["02:ee:00:00:00:01 has 10.70.1.1."]),
        ("10.71.0.9", 0, &["eth0: 02:ee:00:00:00:09 has no address"]),
        (
            "10.71.0.77",
            0,
            &[
                "No DHCP client has 10.71.0.77, and it is reserved for none whose hardware address is known",
            ],
        ),
        ("02ee00000001", 0, &["02:ee:00:00:00:01 has 10.70.1.1."]),
        (
            "02-EE-00-00-00-01",
            0,
            &["02:ee:00:00:00:01 has 10.70.1.1."],
        ),
        (
            "a_b",
            1,
            &["neither a MAC, an IPv4 address nor the name of a machine or a client"],
        ),
    ] {
        says(lab, what, (code, words));
    }
    named_in_dns(lab);
    let told = lab.json(&["why", "node-09"]);
    let links: Vec<_> = told
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["link"])
        .collect();
    assert_eq!(links, ["eth0", "eth1"]);
}

/// Of the answer, to programs in a count, and in the log once.
#[test]
fn an_answer_without_its_option_82_is_told_of() {
    let lab = lab();
    let _daemon = lab.serve();
    lab.applied();
    let offered = Relay::with(&lab, PATIENCE, |relay| {
        let offered = [relay.crowd(1), relay.crowd(1)].map(Option::unwrap);
        assert_eq!(relay.request(1, offered[1]), Some(offered[1]));
        offered
    });
    lab.json(&["leases", "release", &offered[0].to_string()]);
    // What comes later in the log is there: so is all before it.
    lab.logged("was ended by hand");
    let words = "; the answer went without option 82, for which it had no room";
    says(&lab, "02:ee:00:00:00:01", (0, &[words]));
    assert_eq!(lab.status()["counters"]["dhcp.unechoed"], offered.len());
    let line = lab.logged("an option 82 is too long for a reply");
    assert!(line.contains("10.70.0.3"), "{line}");
    let log = std::fs::read_to_string(lab.path("log")).unwrap();
    assert_eq!(log.matches("an option 82 is too long").count(), 1, "{log}");
}

/// An address of a dynamic range that its client found in use: who asks about either hears of the quarantine.
#[test]
fn an_address_in_quarantine_is_told_of() {
    let lab = lab();
    let _daemon = lab.serve();
    lab.applied();
    let address = Relay::with(&lab, PATIENCE, |relay| {
        let address = relay.discover(1).unwrap();
        assert_eq!(relay.request(1, address), Some(address));
        relay.decline(1, address);
        address.to_string()
    });
    lab.until("it is declined", |status| {
        status["counters"]["dhcp.received"].as_u64() == Some(3)
    });
    for what in [&*address, "02:ee:00:00:00:01"] {
        let said = lab.run(&["why", what]).out;
        let line = said.lines().nth(1).unwrap();
        assert!(
            said.starts_with("02:ee:00:00:00:01 has no address.\n"),
            "{said}"
        );
        assert!(
            line.starts_with("10.70.1.1 is in quarantine until 2"),
            "{said}"
        );
        assert!(
            line.ends_with(" UTC: 02:ee:00:00:00:01 found it in use by another."),
            "{said}"
        );
    }
    let told = lab.json(&["why", &address]);
    let quarantine = &told[0]["quarantines"][0];
    assert_eq!(quarantine["address"], *address);
    assert!(
        quarantine["until"].is_u64() || quarantine["until"].is_string(),
        "{told}"
    );
}

/// Firmware that gets an address: with its program, or without one, and why.
#[test]
fn what_firmware_is_told_to_boot_is_told() {
    const TOLD: &str = "told what to boot: boot/tiny.efi of image tiny for x64-uefi";
    const NONE: &str = "told no boot program: image tiny has no program for arm64-uefi";
    let lab = Lab::new();
    let _daemon = lab.serve();
    lab.applied();
    Relay::with(&lab, PATIENCE, |relay| {
        for (client, arch) in [(1, 7), (2, 11)] {
            assert!(relay.boot(client, arch).is_some());
        }
        assert!(relay.discover(3).is_some());
    });
    for (client, words) in [(1, Some(TOLD)), (2, Some(NONE)), (3, None)] {
        let said = lab.run(&["why", &format!("02:ee:00:00:00:0{client}")]).out;
        let lines: Vec<_> = said.lines().collect();
        let Some(words) = words else {
            assert!(lines.len() == 2 && !said.contains("told"), "{said}");
            continue;
        };
        assert_eq!(lines.len(), 3, "{said}");
        let last = format!(" UTC it was {words}.");
        let offer = format!(", {words} (on br0, ");
        assert!(lines[1].ends_with(&last), "{said}");
        assert!(lines[2].contains(&offer), "{said}");
    }
    let boot = |client| {
        let told = lab.json(&["why", &format!("02:ee:00:00:00:0{client}")]);
        told["exchanges"][0]["boot"].clone()
    };
    let told = json!({
        "outcome": "told", "program": "boot/tiny.efi", "image": "tiny", "architecture": "x64-uefi",
        "is_assumed": false
    });
    let none = json!({
        "outcome": "no-program", "reason": "architecture-lacking",
        "because": "image tiny has no program for arm64-uefi",
        "image": "tiny", "architectures": ["arm64-uefi"]
    });
    assert_eq!([boot(1), boot(2), boot(3)], [told, none, Value::Null]);
}

#[test]
fn who_waits_to_be_named_is_listed() {
    let lab = Lab::new();
    let known =
        "machine \"node-03\" { ethernet \"eth0\" mac=\"02:ee:00:00:00:03\" vlan=\"pxe\" }\n";
    let held = "controllers \"rack-1\"; unknown-clients \"hold\"";
    lab.write(&(SITE.replacen("controllers \"rack-1\"", held, 1) + known));
    let _daemon = lab.serve();
    lab.applied();
    let nobody = lab.run(&["why"]);
    assert!(nobody.out.contains("Nobody waits"), "{nobody:?}");
    Relay::with(&lab, PATIENCE, |relay| {
        relay.send(2);
        // What is answered shows that what came before was heard.
        assert!(relay.discover(3).is_some(), "a declared machine is known");
    });
    let listed = lab.json(&["why"]);
    let [one] = listed.as_array().unwrap().as_slice() else {
        panic!("{listed}");
    };
    assert_eq!(
        (&one["hardware"], &one["vlan"], &one["messages"]),
        (&"02:ee:00:00:00:02".into(), &"plant/pxe".into(), &1.into())
    );
    let listed = lab.run(&["why"]);
    for words in [
        "02:ee:00:00:00:02  VLAN plant/pxe",
        "  1 message\n",
        "To name one, ",
    ] {
        assert!(listed.out.contains(words), "{words}: {listed:?}");
    }
    for (client, words) in [
        (
            2,
            "serves only clients that the site knows there, and it waits to be named.",
        ),
        (
            2,
            "machine \"NAME\" { ethernet \"eth0\" vlan=\"plant/pxe\" mac=\"02:ee:00:00:00:02\" }\n",
        ),
        (3, "It is node-03, which is known in VLAN plant/pxe."),
    ] {
        let said = lab.run(&["why", &format!("02:ee:00:00:00:0{client}")]);
        assert!(said.out.contains(words), "{said:?}");
    }
}
