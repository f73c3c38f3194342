//! Routes through gateways.

use std::time::Duration;

use futures_util::StreamExt as _;
use netlink_packet_core::{NLM_F_REPLACE, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use rtnetlink::MulticastGroup;

use crate::rig::{Site, Step, check, connect, key, via};

#[test]
fn routes_are_made_changed_and_removed() {
    let site = Site::with(&[
        "address add 10.9.0.1/24 dev p0",
        "address add fd00:9::1/64 dev p0 nodad",
    ]);
    check(
        &site,
        &[
            Step("route/10.99.0.0/16@main/100", None, via("10.9.0.254")),
            Step("route/10.99.0.0/16@main/200", None, via("10.9.0.253")),
            Step(
                "route/10.99.0.0/16@main/100",
                via("10.9.0.254"),
                via("10.9.0.252"),
            ),
            Step("route/0.0.0.0/0@main/0", None, via("10.9.0.254")),
            Step("route/fd99::/16@main/100", None, via("fd00:9::fe")),
            Step(
                "route/fd99::/16@main/100",
                via("fd00:9::fe"),
                via("fd00:9::fd"),
            ),
            Step("route/::/0@main/1024", None, via("fd00:9::fe")),
        ],
    );
    let said = site.inside.ip_json("route show 10.99.0.0/16");
    let expected = [("10.9.0.252", 100), ("10.9.0.253", 200)];
    for (place, (gateway, metric)) in expected.into_iter().enumerate() {
        assert_eq!(said[place]["gateway"], gateway);
        assert_eq!(said[place]["metric"], metric);
        assert_eq!(said[place]["protocol"], "98");
    }
    check(
        &site,
        &[
            Step("route/10.99.0.0/16@main/100", via("10.9.0.252"), None),
            Step("route/0.0.0.0/0@main/0", via("10.9.0.254"), None),
            Step("route/fd99::/16@main/100", via("fd00:9::fd"), None),
            Step("route/::/0@main/1024", via("fd00:9::fe"), None),
        ],
    );
}

#[test]
fn a_changed_gateway_leaves_no_gap() {
    let site = Site::with(&[
        "address add 10.9.0.1/24 dev p0",
        "address add fd00:9::1/64 dev p0 nodad",
    ]);
    let cases = [
        (
            MulticastGroup::Ipv4Route,
            "route/10.99.0.0/16@main/7",
            "10.9.0.2",
            "10.9.0.3",
        ),
        (
            MulticastGroup::Ipv6Route,
            "route/fd99::/16@main/7",
            "fd00:9::2",
            "fd00:9::3",
        ),
    ];
    for (group, text, old, new) in cases {
        site.apply(&Step(text, None, via(old))).unwrap();
        let events = site.inside.block_on(async {
            let (connection, _handle, mut messages) =
                rtnetlink::new_multicast_connection(&[group]).unwrap();
            tokio::spawn(connection);
            let mut host = connect();
            let (before, after) = (via(old), via(new));
            host.apply(&key(text), before.as_ref(), after.as_ref())
                .await
                .unwrap();
            // Its own removal marks the end of what the change gave rise to.
            host.apply(&key(text), after.as_ref(), None).await.unwrap();
            let mut events = Vec::new();
            while events.last() != Some(&"gone") {
                let next = tokio::time::timeout(Duration::from_secs(5), messages.next());
                let (message, _) = next.await.expect("an event").unwrap();
                let is_replacement = message.header.flags & NLM_F_REPLACE != 0;
                let NetlinkPayload::InnerMessage(change) = message.payload else {
                    panic!("unexpected {message:?}");
                };
                events.push(match (change, is_replacement) {
                    (RouteNetlinkMessage::NewRoute(_), true) => "replaced",
                    (RouteNetlinkMessage::NewRoute(_), false) => "added",
                    (RouteNetlinkMessage::DelRoute(_), _) => "gone",
                    (other, _) => panic!("unexpected {other:?}"),
                });
            }
            events
        });
        assert_eq!(events, ["replaced", "gone"], "{text}");
    }
}
