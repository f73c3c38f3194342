//! What replies carry where not everything fits: what the client must have, then the echoes, then what it can least do without; beyond
//! the options field in `file` and `sname`, and never beyond what the client takes.

use bedplate::base::mac::MacAddr;
use bedplate::serve::dhcp::Reply;
use serde_json::{Value, json};

use crate::support::{Ask, Rig, ask, discover, inform, option, raw_options, select, site};

const SCOPE: &str = "vlan/plant/pxe/scope/10.0.0.0/24";

/// Bytes of a value; no two beside each other are the same, so that parts in a wrong order show.
fn bytes(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

/// The message with an option of any length, in parts where it is long; without it where that is 0.
pub(crate) fn with(ask: Ask, code: u8, length: usize) -> Ask {
    let value = bytes(length);
    value
        .chunks(255)
        .fold(ask, |ask, part| ask.option(code, part))
}

/// The only reply, which must be as long as the client takes at most.
fn only(rig: &mut Rig, ask: &Ask, most: usize) -> Reply {
    let mut replies = rig.send(ask);
    assert_eq!(replies.len(), 1);
    let length = replies[0].bytes.len();
    assert!((300..=most).contains(&length), "{length}");
    replies.remove(0)
}

/// Which of the echoes there are, each as it was sent; where the agent's is, it is the last.
fn echoes(reply: &Reply, id: usize, agent: usize) -> [bool; 2] {
    let echo = |code, length: usize| {
        let echo = option(reply, code);
        assert!(echo.iter().all(|echo| *echo == bytes(length)), "{code}");
        echo.is_some()
    };
    let found = [echo(61, id), echo(82, agent)];
    let last = raw_options(reply).last().map(|(code, _)| *code);
    assert!(!found[1] || last == Some(82), "{last:?}");
    found
}

fn starts(reply: &Reply) -> Vec<u8> {
    let codes = raw_options(reply).into_iter().map(|(code, _)| code);
    codes.collect()
}

/// Lengths of options 61 and 82 and the size that the client takes (0 for none named), and which of the two come back.
const ECHOED: [([usize; 3], [bool; 2]); 13] = [
    ([200, 90, 0], [true, true]),
    ([255, 60, 0], [true, true]),
    ([0, 255, 0], [false, true]),
    ([0, 288, 0], [false, true]),
    ([0, 289, 0], [false, false]),
    ([100, 200, 0], [true, true]),
    ([400, 0, 0], [true, false]),
    ([400, 400, 1400], [true, true]),
    ([255, 240, 0], [true, false]),
    ([255, 400, 0], [true, false]),
    ([700, 60, 0], [false, true]),
    ([700, 300, 0], [false, false]),
    ([700, 300, 1400], [true, true]),
];

#[test]
fn what_a_client_must_have_is_always_there() {
    for ([id, agent, size], expected) in ECHOED {
        for asked in [discover(1), select(1, 10)] {
            let asked = with(with(asked, 61, id), 82, agent).wants(&[1, 3, 6]);
            let asked = match u16::try_from(size) {
                Ok(0) | Err(_) => asked,
                Ok(size) => asked.option(57, &size.to_be_bytes()),
            };
            let mut rig = Rig::new(&site());
            let reply = only(&mut rig, &asked, size.max(576) - 28);
            let what = format!("{id} {agent} {size}");
            assert_eq!(echoes(&reply, id, agent), expected, "{what}");
            let own = [53, 54, 51].map(|code| option(&reply, code).map(|value| value.len()));
            assert_eq!(own, [Some(1), Some(4), Some(4)], "{what}");
            assert_eq!(starts(&reply)[..2], [53, 54], "{what}");
            let unechoed = u64::from(agent > 0 && !expected[1]);
            assert_eq!(rig.engine.counters().unechoed, unechoed, "{what}");
            let kept = rig.engine.exchanges(MacAddr([2, 0, 0, 0, 0, 1]), 9);
            let lack: Vec<_> = kept.iter().map(|exchange| exchange.is_unechoed).collect();
            assert_eq!(lack, [unechoed == 1], "{what}");
        }
    }
}

/// RFC 2131 table 3: a refusal has no options in `file` and `sname`, and none but these.
#[test]
fn a_refusal_keeps_its_fields_empty() {
    for (id, agent, expected) in [
        (255, 30, [true, true]),
        (255, 60, [true, false]),
        (0, 289, [false, true]),
        (600, 60, [false, true]),
    ] {
        let asked = with(with(select(1, 99), 61, id), 82, agent).wants(&[1, 3]);
        let mut rig = Rig::new(&site());
        let nak = only(&mut rig, &asked, 548);
        let kept = rig.engine.exchanges(MacAddr([2, 0, 0, 0, 0, 1]), 1);
        assert_eq!(kept[0].is_unechoed, !expected[1], "{id} {agent}");
        assert_eq!(option(&nak, 53).unwrap(), [6]);
        assert_eq!(echoes(&nak, id, agent), expected, "{id} {agent}");
        assert_eq!(nak.bytes[44..236], [0; 192]);
        assert_eq!(option(&nak, 52), None);
    }
}

/// The site with three options of such a length.
pub(crate) fn texts(length: usize) -> Value {
    let mut site = site();
    let options = &mut site[SCOPE]["scope"]["options"];
    for code in ["15", "17", "40"] {
        options[code] = json!({ "text": "x".repeat(length) });
    }
    site
}

/// RFC 2132 9.8: the options come in the order in which they are asked for, and the last is the one that has to go.
#[test]
fn what_is_asked_for_first_is_told() {
    for (asked, left_out) in [
        (&[40, 17, 15][..], 15),
        (&[15, 17, 40], 40),
        (&[6, 15, 40, 17], 17),
    ] {
        for ask in [discover(1), select(1, 10), inform(1, 77)] {
            let reply = only(&mut Rig::new(&texts(200)), &ask.wants(asked), 548);
            for code in [1].iter().chain(asked) {
                let is_told = option(&reply, *code).is_some();
                assert_eq!(is_told, *code != left_out, "{asked:?}: {code}");
            }
        }
    }
}

/// Of a client that boots, the fields have the program and the server: they stay as they are.
#[test]
fn options_are_put_beside_no_program() {
    let site = texts(100);
    let plain = discover(1).wants(&[15, 17, 40]);
    let reply = only(&mut Rig::new(&site), &plain, 548);
    let told = [15, 17, 40].map(|code| option(&reply, code).is_some());
    assert_eq!((told, option(&reply, 52)), ([true; 3], Some(vec![1])));
    let booting = plain.option(60, b"PXEClient").option(93, &[0, 7]);
    let reply = only(&mut Rig::new(&site), &booting, 548);
    let told = [15, 17, 40, 52].map(|code| option(&reply, code).is_some());
    assert_eq!(told, [true, true, false, false]);
    assert_eq!(reply.bytes[108..120], *b"boot/x64.efi");
    let text = [1, 60, 43].map(|code| option(&reply, code).is_some());
    assert_eq!(text, [true; 3]);
}

/// A message of 300 bytes has room for 60 of options, the end mark among them (RFC 951 3).
#[test]
fn a_bootp_client_is_told_no_more_than_it_takes() {
    let mut bootp = ask(0, 0x99);
    bootp.bytes.truncate(240);
    for (agent, echoed, mask) in [(40, true, true), (57, true, false), (58, false, true)] {
        let asked = with(bootp.clone(), 82, agent);
        let reply = only(&mut Rig::new(&site()), &asked, 300);
        assert_eq!(echoes(&reply, 0, agent), [false, echoed], "{agent}");
        assert_eq!(option(&reply, 1).is_some(), mask, "{agent}");
        assert_eq!(option(&reply, 53), None);
    }
}
