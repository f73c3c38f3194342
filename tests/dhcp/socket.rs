//! The server's sockets: links that are missing, busy, or vanish, and what leaves them while the disk stalls.

use std::net::UdpSocket;
use std::sync::{Arc, mpsc};

use bedplate::serve::ListenError;
use bedplate::serve::dhcp::NameChange;
use bedplate::state::Service;
use bedplate::store::Faulty;

use crate::load::{ADDRESS, Relay, SERVER, site};
use crate::net::{cable, run, serve, wait};
use crate::support::ask;

#[test]
fn a_link_that_vanishes_is_noticed_and_served_again_when_it_is_back() {
    let (server_side, client_side) = cable(ADDRESS);
    let server = serve(
        &server_side,
        Arc::new(Faulty::default()),
        &site(0),
        ADDRESS,
        |_| {},
    );
    let listening = || {
        wait(server.listening(Service::Dhcp))
            .into_iter()
            .collect::<Vec<_>>()
    };
    let before = listening();
    assert_eq!(before.len(), 1);
    assert_eq!(before[0].0.to_string(), "10.50.0.1");
    assert_eq!(before[0].1.link.as_str(), "srv");
    server_side.run(|| run("ip", "link delete srv"));
    assert_eq!(listening(), [], "its sockets are of no use");
    let open = || {
        wait(server.open(
            Service::Dhcp,
            &"srv".parse().unwrap(),
            ADDRESS.parse().unwrap(),
        ))
    };
    assert!(matches!(open(), Err(ListenError::NoLink { .. })));
    let tid = client_side.run(nix::unistd::gettid).to_string();
    server_side.run(move || {
        run("ip", "link add srv type veth peer name cli");
        run("ip", &format!("link set cli netns {tid}"));
        run("ip", &format!("address add {ADDRESS} dev srv"));
        run("ip", "link set srv up");
    });
    client_side.run(|| run("ip", "link set cli up"));
    open().unwrap();
    assert_eq!(listening(), before);
    let bound = client_side.run(|| Relay::open().bind(3, |_| false));
    assert_eq!(bound.len(), 3);
    wait(server.close(Service::Dhcp, "10.50.0.1".parse().unwrap())).unwrap();
    assert_eq!(listening(), []);
}

#[test]
fn a_busy_port_is_an_error_and_not_shared() {
    let (server_side, _client_side) = cable(ADDRESS);
    let other = server_side.run(|| UdpSocket::bind("0.0.0.0:67").unwrap());
    let server = server_side
        .run(|| bedplate::serve::dhcp::Server::start(Arc::new(Faulty::default()), |_| {}).unwrap());
    let open = || {
        wait(server.open(
            Service::Dhcp,
            &"srv".parse().unwrap(),
            ADDRESS.parse().unwrap(),
        ))
    };
    assert!(matches!(open(), Err(ListenError::Socket { port: 67, .. })));
    drop(other);
    open().unwrap();
}

#[test]
fn no_ack_leaves_before_its_sync_returned_and_its_name_resolves() {
    let (server_side, client_side) = cable(ADDRESS);
    let store = Arc::new(Faulty::default());
    let (tell, names) = mpsc::channel();
    let publish = move |change: NameChange| tell.send(change).unwrap();
    let _server = serve(&server_side, store.clone(), &site(0), ADDRESS, publish);
    store.stall();
    client_side.run(move || {
        let relay = Relay::open();
        relay.say(1, ask(1, 0));
        let (_, _, address) = relay.hear().unwrap();
        relay.say(1, ask(3, 0).option(54, &SERVER).option(50, &address));
        wait(store.until_waiting(1));
        // Whatever left for the first client would be heard before the second one's offer.
        relay.say(2, ask(1, 0));
        let (client, kind, _) = relay.hear().unwrap();
        assert_eq!((client, kind), (2, 2));
        assert!(names.try_recv().is_err());
        store.release();
        assert_eq!(relay.hear(), Some((1, 5, address)));
        assert!(
            matches!(names.try_recv(), Ok(NameChange::Publish { .. })),
            "before the ACK"
        );
    });
}
