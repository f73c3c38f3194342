//! Addresses on links.

use futures_util::StreamExt as _;
use serde_json::Value;

use bedplate::state::{Address, Resource};

use crate::rig::{Site, Step, address, chain, check};

#[test]
fn addresses_are_made_and_removed() {
    let site = Site::new();
    let texts = [
        "address/10.9.0.1/24@p0",
        "address/10.9.0.2/24@p0",
        "address/10.9.1.0/31@p1",
        "address/192.0.2.1/32@p1",
        "address/fd00:9::1/64@p0",
        "address/fd00:9::2/64@p0",
    ];
    check(&site, &texts.map(|text| Step(text, None, address())));
    let of = |address: &str| {
        let said = site.inside.ip_json(&format!("address show to {address}"));
        let links = said.as_array().unwrap().iter();
        let mut addresses = links.flat_map(|link| link["addr_info"].as_array().unwrap());
        addresses.next().unwrap().clone()
    };
    assert_eq!(of("10.9.0.1")["broadcast"], "10.9.0.255");
    assert_eq!(of("10.9.1.0")["broadcast"], Value::Null);
    let protocols = site.inside.block_on(address_protocols());
    assert_eq!(protocols, [98; 6], "those of the six");
    check(&site, &texts.map(|text| Step(text, address(), None)));
}

/// The protocol numbers of all addresses that have one and are not the kernel's. Debian 12's `ip` cannot show them.
async fn address_protocols() -> Vec<u8> {
    use netlink_packet_route::address::AddressAttribute;
    let (connection, handle, _) = rtnetlink::new_connection().unwrap();
    tokio::spawn(connection);
    let mut listed = handle.address().get().execute();
    let mut protocols = Vec::new();
    while let Some(message) = listed.next().await {
        for attribute in message.unwrap().attributes {
            if let AddressAttribute::Protocol(protocol) = attribute {
                protocols.push(u8::from(protocol));
            }
        }
    }
    protocols.retain(|protocol| *protocol > 3);
    protocols
}

#[test]
fn removing_the_first_address_of_a_subnet_keeps_the_others() {
    let site = Site::with(&[
        "address add 10.9.0.1/24 dev p0",
        "address add 10.9.0.2/24 dev p0 label p0:two",
        "address add 10.9.0.3/24 dev p0 valid_lft 600 preferred_lft 300",
        "address add 10.8.0.1/24 dev p0",
    ]);
    let dynamic = || {
        let said = site.inside.ip("address show to 10.9.0.3");
        said.contains("dynamic")
    };
    assert!(dynamic());
    let first = Step("address/10.9.0.1/24@p0", address(), None);
    check(&site, &[first]);
    assert!(dynamic());
    let kept = site.inside.ip("address show to 10.9.0.2");
    assert!(kept.contains("p0:two"), "{kept}");
}

#[test]
fn the_first_of_a_subnet_has_the_others_behind_it_as_they_were() {
    let placed = |secondary| {
        let plain = Address::default();
        Some(Resource::Address(Address { secondary, ..plain }))
    };
    let (first, later) = (|| placed(Some(false)), || placed(Some(true)));
    for promotes in [0, 1] {
        let site = Site::with(&[
            "address add 10.9.0.1/24 dev p0",
            "address add 10.9.0.2/24 dev p0 label p0:two",
            "address add 10.9.0.3/24 dev p0 valid_lft 600 preferred_lft 300",
            "address add 10.9.0.4/24 dev p0 preferred_lft 0",
            "address add 10.8.0.1/24 dev p0",
            "address add 10.8.0.2/24 dev p0",
        ]);
        site.inside.run(|| {
            let setting = "/proc/sys/net/ipv4/conf/p0/promote_secondaries";
            std::fs::write(setting, promotes.to_string()).unwrap();
        });
        let shown = || {
            let found = site.witness("-4 address show dev p0", "/0/addr_info");
            let found = found.as_array().unwrap().iter().map(|one| {
                let is_later = one["secondary"] == true;
                let kind = ["label", "dynamic", "deprecated"].map(|name| one[name].clone());
                (one["local"].as_str().unwrap().to_owned(), is_later, kind)
            });
            // The kernel lists the first ones of all subnets before the others.
            let mut found: Vec<_> = found.collect();
            found.sort_by_key(|(address, is_later, _)| (address.starts_with("10.9."), *is_later));
            found
        };
        let before = shown();
        let steps = [
            Step("address/10.9.0.9/24@p0", None, first()),
            Step("address/10.9.0.2/24@p0", later(), first()),
            Step("address/10.9.0.2/24@p0", first(), later()),
            Step("address/10.9.0.9/24@p0", later(), None),
            Step("address/10.9.0.1/24@p0", later(), first()),
        ];
        let expected = [
            ["10.9.0.9", "10.9.0.1", "10.9.0.2", "10.9.0.3", "10.9.0.4"].as_slice(),
            &["10.9.0.2", "10.9.0.9", "10.9.0.1", "10.9.0.3", "10.9.0.4"],
            // There is nobody that it could come after: another must become the first.
            &["10.9.0.2", "10.9.0.9", "10.9.0.1", "10.9.0.3", "10.9.0.4"],
            &["10.9.0.2", "10.9.0.1", "10.9.0.3", "10.9.0.4"],
            &["10.9.0.1", "10.9.0.2", "10.9.0.3", "10.9.0.4"],
        ];
        for (step, expected) in steps.iter().zip(expected) {
            for _ in 0..2 {
                let applied = site.apply(step);
                applied.unwrap_or_else(|error| panic!("{}: {}", step.0, chain(&error)));
            }
            let found: Vec<_> = shown().into_iter().skip(2).collect();
            let names: Vec<&str> = found.iter().map(|(name, ..)| name.as_str()).collect();
            assert_eq!(names, expected, "{} {promotes}", step.0);
            let later: Vec<bool> = found.iter().map(|(_, is_later, _)| *is_later).collect();
            let all: Vec<bool> = (0..expected.len()).map(|at| at > 0).collect();
            assert_eq!(later, all, "{} {promotes}", step.0);
        }
        assert_eq!(shown(), before, "{promotes}");
    }
}
