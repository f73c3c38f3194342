//! A relayed VLAN: its clients are answered through the relay agent, by the servers of another VLAN.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use dhcproto::v4::{DhcpOption, Flags, Message, MessageType, Opcode, OptionCode};
use dhcproto::{Decodable, Decoder, Encodable};

use crate::lab::{Lab, SITE};

const RELAYED: &str = r#"
    vlan "annex" id=300 {
        dhcp { relay-to "pxe" }
        subnet "10.71.0.0/24" { gateway "10.71.0.1"; dns "rack-1"; dynamic-range "10.71.0.100-10.71.0.109" }
    }
"#;

const AGENT: Ipv4Addr = Ipv4Addr::new(10, 71, 0, 1);

#[test]
fn clients_of_a_relayed_vlan_are_answered_through_the_agent() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    let inside = SITE.find("}\nroute").unwrap();
    let (before, after) = SITE.split_at(inside);
    lab.write(&format!("{before}{RELAYED}{after}"));
    lab.applied();
    // The first machine plays the agent: it has the VLAN's gateway, and the host a route to it.
    lab.machines[0].ip("address add 10.70.9.9/16 dev eth0");
    lab.machines[0].ip(&format!("address add {AGENT}/32 dev lo"));
    lab.host.ip(&format!("route add {AGENT}/32 via 10.70.9.9"));
    let socket = lab.machines[0]
        .run(|| UdpSocket::bind((AGENT, 67)))
        .unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    let offer = offer(&socket);
    assert!(
        (100..=109).contains(&offer.yiaddr().octets()[3])
            && offer.yiaddr().octets()[..3] == [10, 71, 0],
        "{offer:?}"
    );
    let routers = DhcpOption::Router(vec![AGENT]);
    let dns = DhcpOption::DomainNameServer(vec![Ipv4Addr::new(10, 70, 0, 2)]);
    assert_eq!(offer.opts().get(OptionCode::Router), Some(&routers));
    assert_eq!(offer.opts().get(OptionCode::DomainNameServer), Some(&dns));
}

/// Asks until answered: the kernel may drop what comes before it knows its neighbour.
fn offer(socket: &UdpSocket) -> Message {
    let mut message = Message::default();
    message
        .set_opcode(Opcode::BootRequest)
        .set_flags(Flags::default())
        .set_giaddr(AGENT)
        .set_chaddr(&[2, 0, 0, 0, 0x71, 1]);
    let kind = DhcpOption::MessageType(MessageType::Discover);
    message.opts_mut().insert(kind);
    let question = message.to_vec().unwrap();
    for _ in 0..10 {
        socket
            .send_to(&question, (Ipv4Addr::new(10, 70, 0, 2), 67))
            .unwrap();
        let mut answer = [0; 1500];
        if let Ok(length) = socket.recv(&mut answer) {
            return Message::decode(&mut Decoder::new(&answer[..length])).unwrap();
        }
    }
    panic!("no answer through the relay agent");
}
