//! What is kept of each exchange: its outcome, and for one that a client cannot be content with, the reason.

use std::net::Ipv4Addr;

use bedplate::base::mac::MacAddr;
use bedplate::serve::dhcp::{Exchange, Input, Kind};

use crate::support::*;

fn mac(ask: &Ask) -> MacAddr {
    MacAddr(ask.bytes[28..34].try_into().unwrap())
}

fn last(rig: &Rig, ask: &Ask) -> Exchange {
    rig.engine.exchanges(mac(ask), 1).pop().unwrap()
}

/// The outcome in the words that programs read.
fn told(rig: &Rig, ask: &Ask) -> String {
    let outcome = last(rig, ask).outcome;
    let address = outcome.address().map(|address| address.to_string());
    let words = [
        Some(outcome.word().to_owned()),
        outcome.reason().map(str::to_owned),
        address,
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// What is told of the last of these messages, the clients of which speak one after another.
fn check(what: &str, site: &serde_json::Value, asks: &[Ask], expected: &str) {
    let mut rig = Rig::new(site);
    for ask in asks {
        rig.send(ask);
    }
    assert_eq!(told(&rig, asks.last().unwrap()), expected, "{what}");
}

fn request(last: u8) -> Ask {
    ask(3, last)
}

fn three() -> Vec<Ask> {
    vec![select(1, 10), select(2, 11), select(3, 12)]
}

type Case = (&'static str, Vec<Ask>, &'static str);

fn check_all<const N: usize>(cases: [Case; N]) {
    for (what, asks, expected) in cases {
        check(what, &site(), &asks, expected);
    }
}

/// A message that means another server.
fn foreign(ask: Ask) -> Ask {
    ask.option(54, &[10, 0, 0, 77])
}

#[test]
fn what_a_client_came_for_is_told() {
    let held = || select(1, 10);
    let annex = discover(1).giaddr([10, 9, 0, 1]);
    check_all([
        ("an offer", vec![discover(1)], "offered 10.0.0.10"),
        ("a relayed offer", vec![annex], "offered 10.9.0.100"),
        ("a lease", vec![held()], "acknowledged 10.0.0.10"),
        ("a reserved host", vec![discover(0x99)], "offered 10.0.0.50"),
        ("parameters", vec![inform(1, 20)], "informed"),
    ]);
    let own = select(0x99, 50);
    check_all([
        ("reserved", vec![own], "acknowledged 10.0.0.50"),
        (
            "renewed",
            vec![held(), renew(1, 10)],
            "acknowledged 10.0.0.10",
        ),
        (
            "released",
            vec![held(), release(1, 10)],
            "released 10.0.0.10",
        ),
        (
            "declined",
            vec![held(), decline(1, 10)],
            "declined 10.0.0.10",
        ),
    ]);
}

#[test]
fn each_refusal_has_its_reason() {
    let held = || select(1, 10);
    let annex = request(1).option(54, &SERVER.octets());
    let annex = annex.option(50, &[10, 9, 0, 1]);
    let declined = vec![held(), decline(1, 10), select(2, 10)];
    let leased = vec![held(), select(2, 10)];
    let offered = vec![discover(1), select(2, 10)];
    check_all([
        ("leased", leased, "refused held-by-another 10.0.0.10"),
        ("offered", offered, "refused held-by-another 10.0.0.10"),
        (
            "reserved",
            vec![select(1, 50)],
            "refused reserved 10.0.0.50",
        ),
        ("declined", declined, "refused quarantined 10.0.0.10"),
        ("elsewhere", vec![annex], "refused other-subnet 10.9.0.1"),
        (
            "beside",
            vec![select(1, 77)],
            "refused outside-ranges 10.0.0.77",
        ),
        ("no lease", vec![renew(1, 10)], "refused no-lease 10.0.0.10"),
    ]);
    let known = vec![held(), reboot(1, 11)];
    check_all([("known, and wrong", known, "refused no-lease 10.0.0.11")]);
}

#[test]
fn each_silence_has_its_reason() {
    let held = || select(1, 10);
    let mut full = three();
    full.push(discover(4));
    let other = foreign(request(1)).option(50, &[10, 0, 0, 10]);
    let released = vec![held(), release(2, 10)];
    let declined = vec![held(), decline(2, 10)];
    let elsewhere = vec![held(), foreign(release(1, 10))];
    let unknown = discover(1).giaddr([192, 0, 2, 1]);
    check_all([
        ("no address left", full, "unanswered exhausted"),
        (
            "unknown relay agent",
            vec![unknown],
            "unanswered unknown-relay",
        ),
        ("other server", vec![other], "unanswered other-server"),
        (
            "no address named",
            vec![request(1)],
            "unanswered nothing-named",
        ),
        ("another's", released, "unanswered not-its-lease"),
        ("another's too", declined, "unanswered not-its-lease"),
        ("released there", elsewhere, "unanswered other-server"),
    ]);
    let no_cookie = discover(1).field(236, &[0]);
    let reply = discover(1).field(0, &[2]);
    check_all([
        (
            "nothing released",
            vec![ask(7, 1)],
            "unanswered nothing-named",
        ),
        (
            "nothing declined",
            vec![ask(4, 1)],
            "unanswered nothing-named",
        ),
        ("from nowhere", vec![ask(8, 1)], "unanswered nowhere"),
        ("no cookie", vec![no_cookie], "unanswered malformed"),
        ("no kind", vec![ask(9, 1)], "unanswered malformed"),
        ("a reply", vec![reply], "unanswered malformed"),
    ]);
}

#[test]
fn what_is_not_there_to_give_is_told_apart() {
    let mut rangeless = site();
    let scope = "vlan/plant/pxe/scope/10.0.0.0/24";
    rangeless[scope]["scope"]["pools"] = serde_json::json!([]);
    check(
        "no range",
        &rangeless,
        &[discover(1)],
        "unanswered no-range",
    );
    check(
        "reserved there",
        &rangeless,
        &[discover(0x99)],
        "offered 10.0.0.50",
    );
    let taken = [select(0x99, 50), decline(0x99, 50), discover(0x99)];
    check(
        "quarantined",
        &rangeless,
        &taken,
        "unanswered reserved-taken",
    );
    let stranger = [reboot(1, 10)];
    check("unknown", &site(), &stranger, "refused no-lease 10.0.0.10");
    let mut modest = site();
    modest[scope]["scope"]["policy"] = serde_json::json!({ "authoritative": false });
    check(
        "unknown",
        &modest,
        &stranger,
        "unanswered not-authoritative",
    );
    let mut rig = Rig::new(&site());
    rig.via = vec![Ipv4Addr::new(192, 0, 2, 7)];
    rig.send(&discover(1));
    assert_eq!(told(&rig, &discover(1)), "unanswered nothing-served");
}

#[test]
fn what_waits_for_its_write_is_told_once_that_has_ended() {
    let mut rig = Rig::new(&site());
    rig.hold_writes = true;
    rig.send(&select(1, 10));
    assert!(
        rig.engine.exchanges(mac(&discover(1)), 9).is_empty(),
        "nothing came of it yet"
    );
    rig.send(&select(1, 10));
    assert_eq!(told(&rig, &discover(1)), "unanswered repeated");
    let batch = rig.held[0];
    rig.input(Input::Committed(batch));
    assert_eq!(told(&rig, &discover(1)), "acknowledged 10.0.0.10");
    rig.send(&select(2, 11));
    let batch = rig.held[1];
    rig.input(Input::Failed(batch));
    assert_eq!(told(&rig, &discover(2)), "unanswered not-stored");
    rig.now += LEASE - 1;
    rig.send(&renew(1, 10));
    rig.send(&release(1, 10));
    let words = rig.engine.exchanges(mac(&discover(1)), 2).into_iter();
    let words: Vec<_> = words
        .map(|exchange| exchange.outcome.reason().unwrap_or("good"))
        .collect();
    assert_eq!(words, ["overtaken", "good"]);
}

#[test]
fn what_mattered_of_the_message_is_kept() {
    let mut rig = Rig::new(&site());
    let selection = [1, 2, 7, 8, 5, 4, 10, 9, 0, 0];
    let asked = discover(1)
        .giaddr([10, 0, 0, 9])
        .option(50, &[10, 9, 0, 101])
        .option(60, &[b'x'; 200])
        .id(&[1, 2, 3])
        .option(82, &selection);
    rig.send(&asked);
    let Exchange {
        at,
        kind,
        vlan,
        listener,
        relay,
        said,
        ..
    } = last(&rig, &asked);
    assert_eq!(
        (at, kind, listener),
        (rig.now, Some(Kind::Discover), Some(SERVER))
    );
    assert_eq!(
        (vlan.unwrap().to_string(), relay),
        ("plant/annex".to_owned(), [10, 0, 0, 9].into())
    );
    assert_eq!(
        (said.requested, said.subnet, said.server),
        (
            Some([10, 9, 0, 101].into()),
            Some([10, 9, 0, 0].into()),
            None
        )
    );
    assert_eq!(
        (said.client_id.as_deref(), said.circuit.as_deref()),
        (Some(&[1, 2, 3][..]), Some(&[7, 8][..]))
    );
    assert_eq!(
        said.vendor_class.unwrap().len(),
        64,
        "the rest tells nobody more"
    );
}

/// Ten thousand that went well push nothing out that went wrong; of either the last are kept, and no more.
#[test]
fn what_went_wrong_outlasts_what_went_well() {
    let mut rig = Rig::new(&site());
    rig.send(&select(2, 50));
    rig.send(&select(1, 10));
    for _ in 0..10_000 {
        rig.send(&renew(1, 10));
    }
    assert_eq!(told(&rig, &discover(2)), "refused reserved 10.0.0.50");
    assert_eq!(
        rig.engine.exchanges(mac(&discover(1)), usize::MAX).len(),
        8192
    );
    for _ in 0..10_000 {
        rig.send(&request(3));
    }
    assert!(rig.engine.exchanges(mac(&discover(2)), 1).is_empty());
    let reserved = rig.engine.reserved_for(mac(&discover(0x99)));
    assert_eq!((reserved.len(), reserved[0].host.as_str()), (1, "node"));
}
