//! Changes that the kernel or we refuse, and the words for it.

use bedplate::state::{Bridge, LinkKind};
use caps::{CapSet, Capability};

use crate::rig::{Site, Step, address, bridge, chain, connect, key, link, port, via};
use crate::support::witness;

/// Each step is refused in these words, and changes nothing.
fn check(site: &Site, cases: &[(Step, &str)]) {
    // IPv6 addresses that the kernel makes by itself may still be on their way.
    let kept = || {
        let seen = site.observe();
        (seen.state, seen.marked)
    };
    let before = kept();
    for (step, expected) in cases {
        let error = site.apply(step).expect_err(expected);
        assert_eq!(chain(&error), *expected);
    }
    assert_eq!(kept(), before, "a refused change changes nothing");
}

#[test]
fn a_link_that_cannot_be_changed_says_why() {
    let site = Site::with(&[
        "link add lan0 type bridge",
        "link property add dev lan0 altname bedplate:br9",
    ]);
    let up = || port(true, 1500, None);
    let cases = [
        (
            Step("link/p0", up(), port(true, 70_000, None)),
            "cannot set the MTU of controller/rack-1/link/p0: the kernel answered EINVAL: Invalid argument (mtu greater than device maximum)",
        ),
        (
            Step("link/gone", up(), port(true, 1400, None)),
            "cannot change controller/rack-1/link/gone: this host has no link gone",
        ),
        (
            Step("link/p0", up(), port(true, 1500, Some("br9"))),
            "cannot attach controller/rack-1/link/p0: this host has no link br9",
        ),
        (
            Step("link/p0", up(), port(true, 1500, Some("p1"))),
            "cannot attach controller/rack-1/link/p0: p1 takes no ports",
        ),
        (
            Step(
                "link/br7",
                None,
                link(
                    LinkKind::Bridge(Bridge::plain(false)),
                    true,
                    1500,
                    Some("p1"),
                ),
            ),
            "cannot attach controller/rack-1/link/br7: p1 takes no ports",
        ),
        (
            Step("link/br9", None, bridge(true, 1500)),
            "cannot create controller/rack-1/link/br9: lan0 was made for it and has another name now; rename it back (`ip link set lan0 name br9`), or delete it",
        ),
        (
            Step("link/p0", up(), None),
            "controller/rack-1/link/p0 with these attributes is not a thing of this host's network",
        ),
        (
            Step("link/p0", bridge(true, 1500), None),
            "controller/rack-1/link/p0 with these attributes is not a thing of this host's network",
        ),
    ];
    check(&site, &cases);
}

#[test]
fn an_address_or_route_that_cannot_be_made_says_why() {
    let site = Site::with(&[
        "address add 10.9.0.1/24 dev p0",
        "address add 10.9.0.9/24 dev p0 valid_lft 600 preferred_lft 300",
        "route add 10.95.0.0/16 dev p0",
    ]);
    let cases = [
        (
            Step("address/10.1.0.1/24@gone", None, address()),
            "cannot create controller/rack-1/address/10.1.0.1/24@gone: this host has no link gone",
        ),
        (
            Step("address/10.9.0.9/24@p0", None, address()),
            "cannot create controller/rack-1/address/10.9.0.9/24@p0: a DHCP client or router advertisement holds it; end that first",
        ),
        (
            Step("route/10.50.0.0/16@main/0", None, via("10.77.0.1")),
            "cannot create controller/rack-1/route/10.50.0.0/16@main/0: the kernel answered ENETUNREACH: Network is unreachable (Nexthop has invalid gateway)",
        ),
        (
            Step("route/10.95.0.0/16@main/0", None, via("10.9.0.254")),
            "cannot create controller/rack-1/route/10.95.0.0/16@main/0: the kernel answered EEXIST: File exists",
        ),
    ];
    check(&site, &cases);
}

#[test]
fn undoing_a_refused_change_takes_nothing_from_others() {
    let site = Site::with(&[
        "address add 10.9.0.1/24 dev p0",
        "address add 10.9.0.9/24 dev p0 valid_lft 600 preferred_lft 300",
        "route add default via 10.9.0.254 proto dhcp",
    ]);
    let before = witness::host(&site.inside);
    let refused = [
        ("address/10.9.0.9/24@p0", address()),
        ("route/0.0.0.0/0@main/0", via("10.9.0.254")),
    ];
    for (text, after) in refused {
        site.apply(&Step(text, None, after.clone())).unwrap_err();
        site.apply(&Step(text, after, None)).unwrap();
        assert_eq!(witness::host(&site.inside), before, "{text}");
    }
}

#[test]
fn without_the_capability_the_error_names_it() {
    let site = Site::new();
    let (key, after) = (key("address/10.9.0.1/24@p0"), address());
    let error = site.inside.block_on(async {
        caps::drop(None, CapSet::Effective, Capability::CAP_NET_ADMIN).unwrap();
        connect().apply(&key, None, after.as_ref()).await
    });
    let words = chain(&error.unwrap_err());
    assert!(words.ends_with("needs CAP_NET_ADMIN"), "{words}");
}
