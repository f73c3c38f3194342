//! Addresses on links.

use futures_util::StreamExt as _;
use serde_json::Value;

use crate::rig::{Site, Step, address, check};

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
