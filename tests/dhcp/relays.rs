//! Clients behind relay agents.

use crate::conversation::check;
use crate::support::{Ask, SERVER, ask, discover};

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
                discover(5).option(118, &[10, 0, 0, 0]),
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
