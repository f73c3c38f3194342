//! Clients that the site does not know, where these are held or denied.

use std::collections::BTreeSet;

use bedplate::base::mac::MacAddr;
use bedplate::serve::dhcp::Event;
use serde_json::{Value, json};

use crate::identity::with_site;
use crate::support::{Ask, Rig, ask, discover, inform, release, renew, select, site};

fn with(unknown: &str) -> Value {
    let mut site = site();
    let policy = json!({ "unknown-clients": unknown });
    site["vlan/plant/pxe/scope/10.0.0.0/24"]["scope"]["policy"] = policy;
    let known = "vlan/plant/pxe/reservation/02:00:00:00:00:02";
    site[known] = json!({ "reservation": { "host": "two", "addresses": [], "image": null } });
    site
}

fn reason(rig: &Rig, last: u8) -> Option<&'static str> {
    let exchanges = rig.engine.exchanges(MacAddr([2, 0, 0, 0, 0, last]), 1);
    exchanges.last().unwrap().outcome.reason()
}

#[test]
fn strangers_are_held_or_denied() {
    for (unknown, word) in [("hold", "held"), ("deny", "denied")] {
        let mut rig = Rig::new(&site());
        assert_eq!(rig.said(&select(1, 10)), "ack 10.0.0.10");
        rig.configure(&with(unknown));
        let bootp = |last| {
            let mut bootp: Ask = ask(1, last);
            bootp.bytes.truncate(240);
            bootp
        };
        let shut_out = [
            discover(1),
            select(1, 11),
            renew(1, 10),
            inform(1, 10),
            bootp(1),
            discover(2).field(28, &[2, 0, 0, 0, 0, 1]),
        ];
        for (number, said) in shut_out.iter().enumerate() {
            assert_eq!(rig.said(said), "", "{unknown} {number}");
            assert_eq!(reason(&rig, 1), Some(word), "{unknown} {number}");
        }
        assert_eq!(rig.engine.counters().unknown, 6);
        let known = discover(9).field(28, &[2, 0, 0, 0, 0, 0x99]);
        assert_eq!(rig.said(&known), "offer 10.0.0.50", "reserved");
        assert_eq!(
            rig.said(&discover(2)),
            "offer 10.0.0.11",
            "known without an address"
        );
        assert_eq!(rig.said(&select(2, 11)), "ack 10.0.0.11");
        assert_eq!(rig.said(&release(1, 10)), "");
        assert_eq!(reason(&rig, 1), None, "what it gives back is taken");
        let elsewhere = discover(3).giaddr([10, 9, 0, 1]);
        assert_eq!(rig.said(&elsewhere), "offer 10.9.0.100", "another VLAN");
    }
}

#[test]
fn who_is_held_is_listed_and_told_of_once_until_the_site_names_it() {
    let mut rig = Rig::new(&with("hold"));
    let began = rig.now;
    for _ in 0..3 {
        assert_eq!(rig.said(&discover(1)), "");
        rig.now += 10;
    }
    assert_eq!(rig.said(&discover(3)), "");
    let waiting = rig.engine.waiting();
    let listed: Vec<_> = waiting
        .iter()
        .map(|one| {
            (
                one.hardware.to_string(),
                one.since - began,
                one.heard - began,
                one.messages,
            )
        })
        .collect();
    let expected = [
        ("02:00:00:00:00:01".to_owned(), 0, 20, 3),
        ("02:00:00:00:00:03".to_owned(), 30, 30, 1),
    ];
    assert_eq!(listed, expected);
    let told = rig.events.iter();
    let told = told.filter(|event| matches!(event, Event::Waiting { .. }));
    assert_eq!(told.count(), 2);
    let mut named = with("hold");
    let key = "vlan/plant/pxe/reservation/02:00:00:00:00:01";
    named[key] = json!({ "reservation": { "host": "one", "addresses": [], "image": null } });
    rig.configure(&named);
    assert_eq!(rig.engine.waiting(), []);
    assert_eq!(rig.said(&discover(1)), "offer 10.0.0.10");
    assert_eq!(rig.said(&discover(3)), "");
    assert_eq!(rig.engine.waiting().len(), 1);
}

/// Who makes up hardware addresses fills no memory.
#[test]
fn the_list_is_bounded() {
    let mut rig = Rig::new(&with("hold"));
    for number in 0..3000u16 {
        let [high, low] = number.to_be_bytes();
        rig.now += 1;
        assert_eq!(
            rig.said(&discover(1).field(28, &[2, 0, 0, 1, high, low])),
            ""
        );
    }
    let waiting = rig.engine.waiting();
    assert_eq!(waiting.len(), 1024);
    let oldest = waiting.iter().map(|one| one.heard).min();
    assert_eq!(oldest, Some(rig.now - 1023), "those heard last are listed");
}

/// A VLAN that serves the known alone knows the machines that are declared in it, and no others.
#[test]
fn machines_that_are_declared_in_the_vlan_are_known() {
    let text = |unknown: &str| {
        format!(
            r#"site "s" domain="example"
            fabric "f" {{
                vlan "v" {{ dhcp {{ controllers "c"; {unknown} }}; subnet "10.0.0.0/24" {{ dynamic-range "10.0.0.10-10.0.0.12" }} }}
                vlan "w" id=2 {{ dhcp {{ controllers "c" }}; subnet "10.1.0.0/24" {{ dynamic-range "10.1.0.10-10.1.0.12" }} }}
            }}
            controller "c" {{ ethernet "e" vlan="v" {{ address "10.0.0.1" }}; ethernet "g" vlan="w" {{ address "10.1.0.1" }} }}
            machine "m" {{
                ethernet "e0" vlan="v" mac="02:00:00:00:00:01" {{ address "dhcp" }}
                ethernet "e1" vlan="v" mac="02:00:00:00:00:02" {{ address "10.0.0.50" }}
                ethernet "e2" vlan="w" mac="02:00:00:00:00:03"
            }}"#
        )
    };
    let reserved = |site: &Value| -> BTreeSet<String> {
        let keys = site.as_object().unwrap().keys();
        keys.filter(|key| key.contains("reservation"))
            .cloned()
            .collect()
    };
    let open = with_site(&text(""));
    let site = with_site(&text("unknown-clients \"hold\""));
    assert_eq!((reserved(&open).len(), reserved(&site).len()), (3, 3));
    let mut rig = Rig::new(&site);
    assert_eq!(rig.said(&discover(1)), "offer 10.0.0.10");
    assert_eq!(rig.said(&discover(2)), "offer 10.0.0.50");
    assert_eq!(rig.said(&discover(3)), "");
}
