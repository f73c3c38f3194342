//! Which options clients are told, by what they ask and by what the places near to them say.

use serde_json::json;

use crate::support::{Ask, Rig, discover, inform, option, select, site};

const SCOPE: &str = "vlan/plant/pxe/scope/10.0.0.0/24";
const HOST: &str = "vlan/plant/pxe/reservation/02:00:00:00:00:99";

/// What one client is told of some options; none where it is not told.
fn told(site: &serde_json::Value, asked: &Ask, codes: &[u8]) -> Vec<Option<Vec<u8>>> {
    let replies = Rig::new(site).send(asked);
    let [reply] = replies.as_slice() else {
        panic!("{} replies", replies.len());
    };
    codes.iter().map(|code| option(reply, *code)).collect()
}

/// 10.99.0.0/16 through .9, and 10.1.128.0/17 through .8.
const ROUTES: [u8; 15] = [16, 10, 99, 10, 0, 0, 9, 17, 10, 1, 128, 10, 0, 0, 8];

/// The same, with the default route through the scope's router before them.
const WITH_DEFAULT: [u8; 20] = [
    0, 10, 0, 0, 1, 16, 10, 99, 10, 0, 0, 9, 17, 10, 1, 128, 10, 0, 0, 8,
];

/// Assertion 55, and what RFC 3442 says of options 3 and 33 beside option 121.
#[test]
fn routes_are_told_to_whoever_asks() {
    let mut routed = site();
    let options = &mut routed[SCOPE]["scope"]["options"];
    options["121"] =
        json!({ "routes": [["10.99.0.0/16", "10.0.0.9"], ["10.1.128.0/17", "10.0.0.8"]] });
    options["33"] = json!({ "pairs": [["10.99.0.1", "10.0.0.9"]] });
    let mut elsewhere = routed.clone();
    elsewhere[HOST]["reservation"]["withheld"] = json!([3]);
    let mut own_default = routed.clone();
    own_default[SCOPE]["scope"]["options"]["121"] =
        json!({ "routes": [["0.0.0.0/0", "10.0.0.9"]] });
    let router = Some(vec![10, 0, 0, 1]);
    let pair = Some(vec![10, 99, 0, 1, 10, 0, 0, 9]);
    for (site, asked, expected) in [
        (
            &routed,
            discover(1).wants(&[1, 3, 33]),
            [router.clone(), pair.clone(), None],
        ),
        (
            &routed,
            discover(1).wants(&[1, 3, 33, 121]),
            [None, None, Some(WITH_DEFAULT.to_vec())],
        ),
        (
            &routed,
            discover(1).wants(&[121]),
            [None, None, Some(WITH_DEFAULT.to_vec())],
        ),
        (
            &routed,
            select(1, 10).wants(&[121]),
            [None, None, Some(WITH_DEFAULT.to_vec())],
        ),
        (
            &routed,
            inform(1, 77).wants(&[121]),
            [None, None, Some(WITH_DEFAULT.to_vec())],
        ),
        (&routed, discover(1), [router.clone(), None, None]),
        (
            &elsewhere,
            discover(0x99).wants(&[3, 121]),
            [None, None, Some(ROUTES.to_vec())],
        ),
        (
            &own_default,
            discover(1).wants(&[3, 121]),
            [None, None, Some(vec![0, 10, 0, 0, 9])],
        ),
        (
            &site(),
            discover(1).wants(&[3, 121]),
            [router.clone(), None, None],
        ),
    ] {
        assert_eq!(told(site, &asked, &[3, 33, 121]), expected);
    }
}

/// A client that would not learn of its router at all is told of it in option 3.
#[test]
fn routes_that_do_not_fit_leave_the_router() {
    let mut site = site();
    let routes: Vec<_> = (0..60)
        .map(|n| json!([format!("10.{n}.0.1/32"), "10.0.0.9"]))
        .collect();
    site[SCOPE]["scope"]["options"]["121"] = json!({ "routes": routes });
    let asked = discover(1).wants(&[3, 121]);
    let router = Some(vec![10, 0, 0, 1]);
    assert_eq!(told(&site, &asked, &[3, 121]), [router, None]);
    let large = asked.option(57, &1400u16.to_be_bytes());
    assert!(told(&site, &large, &[121])[0].is_some());
    assert_eq!(told(&site, &large, &[3]), [None]);
}

/// Of assertion 46: the machine's own word, then the pool's, then the subnet's.
#[test]
fn the_nearest_place_says_it() {
    let mut site = site();
    let scope = &mut site[SCOPE]["scope"];
    scope["options"]["42"] = json!({ "addresses": ["10.0.0.5"] });
    scope["pool_options"] = json!({
        "10.0.0.11-10.0.0.12": { "42": { "addresses": ["10.0.0.6"] }, "17": { "text": "/pool" } },
        "10.0.0.40-10.0.0.60": { "42": { "addresses": ["10.0.0.7"] }, "17": { "text": "/host" } }
    });
    site[HOST]["reservation"]["options"] = json!({ "42": { "addresses": ["10.0.0.8"] } });
    let address = |last: u8| Some(vec![10, 0, 0, last]);
    let text = |text: &str| Some(text.as_bytes().to_vec());
    let wants = |asked: Ask| asked.wants(&[1, 17, 42]);
    for (asked, expected) in [
        (discover(1), [None, address(5)]),
        (
            discover(1).option(50, &[10, 0, 0, 11]),
            [text("/pool"), address(6)],
        ),
        (select(1, 12), [text("/pool"), address(6)]),
        (inform(1, 11), [text("/pool"), address(6)]),
        (discover(0x99), [text("/host"), address(8)]),
    ] {
        assert_eq!(told(&site, &wants(asked), &[17, 42]), expected);
    }
}
