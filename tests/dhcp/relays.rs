//! Clients behind relay agents.

use bedplate::serve::dhcp::Destination;

use crate::conversation::check;
use crate::support::{Ask, Rig, SERVER, ask, discover, option, relay, select, site};

#[test]
fn relays_choose_the_subnet() {
    let relayed = |ask: Ask| ask.giaddr([10, 9, 0, 1]);
    let selected = discover(4).option(82, &[5, 4, 10, 9, 0, 0]);
    check(
        "by giaddr, link selection and subnet selection",
        &[
            (0, relayed(discover(1)), "offer 10.9.0.100"),
            (0, discover(2).giaddr([10, 77, 0, 1]), ""),
            (0, selected.giaddr([10, 0, 0, 7]), "offer 10.9.0.101"),
            (
                0,
                relayed(discover(5)).option(118, &[10, 0, 0, 0]),
                "offer 10.0.0.10",
            ),
        ],
    );
    let lease = relayed(ask(3, 1)).option(54, &SERVER.octets());
    check(
        "an address of another subnet is refused, and a unicast renewal needs no relay",
        &[
            (0, relayed(discover(1)), "offer 10.9.0.100"),
            (0, lease.clone().option(50, &[10, 0, 0, 10]), "nak"),
            (0, lease.option(50, &[10, 9, 0, 100]), "ack 10.9.0.100"),
            (9, ask(3, 1).field(12, &[10, 9, 0, 100]), "ack 10.9.0.100"),
        ],
    );
}

/// A client told its parameters hears them: where its address can be reached, else through the agent, which must broadcast.
#[test]
fn an_informed_client_behind_a_relay_is_reached() {
    let behind = |ask: Ask| ask.giaddr([10, 9, 0, 1]);
    let own = Destination::Address("10.9.0.7:68".parse().unwrap());
    let cases = [
        (behind(ask(8, 1).field(12, &[10, 9, 0, 7])), own, 0),
        (behind(ask(8, 1)), relay([10, 9, 0, 1]), 128),
    ];
    for (step, (asked, to, flags)) in cases.into_iter().enumerate() {
        let replies = Rig::new(&site()).send(&asked);
        let found: Vec<_> = replies
            .iter()
            .map(|reply| (reply.to, reply.bytes[10]))
            .collect();
        assert_eq!(found, [(to, flags)], "step {step}");
    }
}

/// Clients of the link are served whichever address there listens, also where none lies in a scope.
#[test]
fn the_link_and_not_one_address_says_whose_client_it_is() {
    let [own, beside, before] = [SERVER, [10, 7, 0, 1].into(), [9, 0, 0, 1].into()];
    let mut elsewhere = site();
    elsewhere["vlan/plant/pxe/scope/10.0.0.0/24"]["scope"]["server"] = "10.7.0.1".into();
    elsewhere["vlan/plant/annex/scope/10.9.0.0/24"]["scope"]["server"] = "10.7.0.1".into();
    let cases = [
        (site(), vec![own], "offer 10.0.0.10", own),
        (site(), vec![before, own], "offer 10.0.0.10", own),
        (elsewhere.clone(), vec![beside], "offer 10.0.0.10", beside),
        (elsewhere, vec![before], "", before),
    ];
    for (step, (site, via, heard, from)) in cases.into_iter().enumerate() {
        let mut rig = Rig::new(&site);
        rig.via = via;
        assert_eq!(rig.said(&discover(1)), heard, "step {step}");
        let replies = rig.send(&discover(1));
        assert!(
            replies.iter().all(|reply| reply.via == from),
            "step {step}: {replies:?}"
        );
    }
}

/// Only a relay agent may choose the subnet, and only one that its own link leads to.
#[test]
fn subnets_are_chosen_by_relays_of_the_link_alone() {
    let mut site = site();
    let other = site["vlan/plant/annex/scope/10.9.0.0/24"].clone();
    let far = &mut site["vlan/plant/far/scope/10.8.0.0/24"];
    *far = other;
    far["scope"]["pools"] = serde_json::json!(["10.8.0.100-10.8.0.101"]);
    far["scope"]["server"] = "10.7.0.1".into();
    far["scope"]["relay"] = "plant/back".into();
    let selected = |code, value: &[u8]| discover(1).option(code, value);
    let link = [5, 4, 10, 9, 0, 0];
    let renews = ask(3, 1).field(12, &[10, 8, 0, 100]);
    let cases = [
        ("82.5, no agent", selected(82, &link), "offer 10.0.0.10"),
        (
            "118, no agent",
            selected(118, &[10, 9, 0, 0]),
            "offer 10.0.0.10",
        ),
        (
            "82.5 of another link",
            selected(82, &[5, 4, 10, 8, 0, 0]).giaddr([10, 9, 0, 1]),
            "",
        ),
        (
            "118 of another link",
            selected(118, &[10, 8, 0, 0]).giaddr([10, 9, 0, 1]),
            "",
        ),
        (
            "giaddr of another link",
            discover(1).giaddr([10, 8, 0, 1]),
            "",
        ),
        ("ciaddr of another link", renews, "nak"),
        (
            "giaddr of this link",
            discover(1).giaddr([10, 9, 0, 1]),
            "offer 10.9.0.100",
        ),
        (
            "118 through an agent",
            selected(118, &[10, 9, 0, 0]).giaddr([10, 0, 0, 7]),
            "offer 10.9.0.100",
        ),
    ];
    for (name, asked, heard) in cases {
        assert_eq!(Rig::new(&site).said(&asked), heard, "{name}");
    }
    let mut rig = Rig::new(&site);
    rig.via = vec![[10, 7, 0, 1].into()];
    assert_eq!(
        rig.said(&discover(1).giaddr([10, 8, 0, 1])),
        "offer 10.8.0.100"
    );
    assert_eq!(rig.said(&discover(1).giaddr([10, 9, 0, 1])), "");
    // Another link in the VLAN of the servers.
    rig.via = vec![[10, 0, 0, 2].into()];
    assert_eq!(
        rig.said(&discover(1).giaddr([10, 9, 0, 1])),
        "offer 10.9.0.100"
    );
}

#[test]
fn a_selected_link_is_answered_through_the_agent() {
    let selected = discover(4).option(82, &[5, 4, 10, 9, 0, 0]);
    let replies = Rig::new(&site()).send(&selected.giaddr([10, 0, 0, 7]));
    assert_eq!(replies[0].to, relay([10, 0, 0, 7]));
    assert_eq!(option(&replies[0], 82).unwrap(), [5, 4, 10, 9, 0, 0]);
}

/// RFC 5107: what the client knows as its server is the agent, in every reply and in all that it says.
#[test]
fn an_agent_stands_in_for_the_server() {
    let agent = [10, 9, 0, 1];
    let through = |ask: Ask| ask.giaddr(agent).option(82, &[11, 4, 10, 9, 0, 1]);
    let chooses = |address: u8| {
        ask(3, 1)
            .option(54, &agent)
            .option(50, &[10, 9, 0, address])
    };
    let gives_back = ask(7, 1).field(12, &[10, 9, 0, 100]).option(54, &agent);
    let mut rig = Rig::new(&site());
    let conversation = [
        (through(discover(1)), "offer 10.9.0.100"),
        (chooses(100).giaddr(agent), ""),
        (through(chooses(100)), "ack 10.9.0.100"),
        (through(chooses(99)), "nak"),
        (
            through(ask(3, 1).field(12, &[10, 9, 0, 100])),
            "ack 10.9.0.100",
        ),
        (through(gives_back), ""),
        (through(discover(2)), "offer 10.9.0.101"),
    ];
    for (step, (said, heard)) in conversation.iter().enumerate() {
        let replies = rig.send(said);
        let told = replies.iter().map(crate::support::tell).collect::<Vec<_>>();
        assert_eq!(told.join(", "), *heard, "step {step}");
        for reply in replies {
            assert_eq!(option(&reply, 54).unwrap(), agent, "step {step}");
            assert_eq!(reply.to, relay(agent), "step {step}");
        }
    }
    assert_eq!(rig.engine.leased(), 0, "it was given back");
    let replies = Rig::new(&site()).send(&discover(1).option(82, &[11, 4, 10, 9, 0, 1]));
    assert_eq!(
        option(&replies[0], 54).unwrap(),
        SERVER.octets(),
        "no agent said so"
    );
    let named = select(1, 10)
        .giaddr([10, 0, 0, 7])
        .option(82, &[11, 4, 10, 0, 0, 7]);
    assert_eq!(
        Rig::new(&site()).said(&named),
        "ack 10.0.0.10",
        "by our own name too"
    );
}
