//! Serial over LAN: what is typed comes to the machine, what the machine says is shown, whole and in order.

use std::time::Duration;

use bedplate::world::bmc::ipmi::{CipherSuite, Console, IpmiError, Patience, Session, Target};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::counterpart::{Bmc, Limit, Setup};
use crate::relay::{Fault, Relay};

const PATIENCE: Patience = Patience {
    first: Duration::from_millis(60),
    total: Duration::from_secs(10),
};

fn with_console() -> Bmc {
    Bmc::sim(Setup {
        has_console: true,
        ..Setup::default()
    })
}

async fn console(target: &Target) -> Result<Console, IpmiError> {
    Session::open(target).await?.console().await
}

/// As much as is expected of what a console shows.
async fn shown(console: &mut Console, length: usize) -> Vec<u8> {
    let mut shown = Vec::new();
    while shown.len() < length {
        shown.extend(next(console).await.unwrap().unwrap());
    }
    shown
}

/// What a console shows next, which must come in time.
async fn next(console: &mut Console) -> Option<Result<Vec<u8>, IpmiError>> {
    let next = timeout(PATIENCE.total * 2, console.screen.next());
    next.await.expect("the console shows something")
}

/// Text that tells where a piece of it is lost.
fn text(name: &str, lines: usize) -> Vec<u8> {
    let lines = (0..lines).map(|line| format!("{name} line {line}\r\n"));
    lines.collect::<String>().into_bytes()
}

/// Has both ends talk over a network at fault.
fn check(fault: Fault, lines: usize) {
    let bmc = with_console();
    let serial = bmc.serial();
    bmc.place.block_on(async {
        let mut serial = TcpStream::from_std(serial).unwrap();
        let relay = Relay::start(bmc.address, Fault::None).await;
        let target = Target {
            address: relay.address,
            patience: PATIENCE,
            ..bmc.target()
        };
        let mut console = console(&target).await.unwrap();
        relay.turns(fault);
        let (said, typed) = (text("machine", lines), text("person", lines));
        let (mut heard, keys) = (vec![0; typed.len()], console.keys.clone());
        let typing = async { assert!(keys.send(&typed).await, "{fault:?}") };
        let saying = async { serial.write_all(&said).await.unwrap() };
        let (shown, (), ()) = tokio::join!(shown(&mut console, said.len()), typing, saying);
        assert_eq!(shown, said, "{fault:?}");
        serial.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, typed, "{fault:?}");
        relay.turns(Fault::None);
        drop(keys);
        console.close().await;
    });
}

#[test]
fn both_ends_are_heard() {
    check(Fault::None, 400);
}

#[test]
fn a_bad_network_only_costs_time() {
    for fault in [
        Fault::DropsEvery(3),
        Fault::Doubles,
        Fault::Replays,
        Fault::Delays,
    ] {
        check(fault, 20);
    }
}

/// More than waits for a reader: the BMC keeps it, and what is typed meanwhile is heard.
#[test]
fn who_does_not_read_loses_nothing() {
    let bmc = with_console();
    let serial = bmc.serial();
    bmc.place.block_on(async {
        let mut serial = TcpStream::from_std(serial).unwrap();
        let target = Target {
            patience: PATIENCE,
            ..bmc.target()
        };
        let mut console = console(&target).await.unwrap();
        let (said, typed) = (text("machine", 2000), text("person", 50));
        serial.write_all(&said).await.unwrap();
        assert!(console.keys.send(&typed).await);
        let mut heard = vec![0; typed.len()];
        serial.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, typed);
        assert_eq!(shown(&mut console, said.len()).await, said);
        console.close().await;
    });
}

#[test]
fn what_was_typed_before_the_end_is_sent() {
    let bmc = with_console();
    let serial = bmc.serial();
    bmc.place.block_on(async {
        let mut serial = TcpStream::from_std(serial).unwrap();
        let console = console(&bmc.target()).await.unwrap();
        let typed = text("person", 10);
        assert!(console.keys.send(&typed).await);
        console.close().await;
        let mut heard = vec![0; typed.len()];
        serial.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, typed);
    });
}

#[test]
fn a_console_is_one_persons_at_a_time() {
    let bmc = with_console();
    bmc.place.block_on(async {
        let first = console(&bmc.target()).await.unwrap();
        let second = console(&bmc.target()).await.err();
        assert_eq!(second, Some(IpmiError::ConsoleInUse));
        first.close().await;
        let third = console(&bmc.target()).await.unwrap();
        drop(third);
        // Given back by its task, which nobody waits for.
        let limit = Limit::new();
        loop {
            limit.check();
            match console(&bmc.target()).await {
                Ok(fourth) => return fourth.close().await,
                Err(error) => assert_eq!(error, IpmiError::ConsoleInUse),
            }
        }
    });
}

/// ipmi_sim remembers the number of the last packet from whoever had the console before, and takes the next one with it for the same.
#[test]
fn whoever_comes_next_is_heard_from_the_first_character() {
    let bmc = with_console();
    let serial = bmc.serial();
    bmc.place.block_on(async {
        let mut serial = TcpStream::from_std(serial).unwrap();
        let target = Target {
            patience: PATIENCE,
            ..bmc.target()
        };
        for packets in [1, 2, 1, 15, 1] {
            let console = console(&target).await.unwrap();
            for _ in 0..packets {
                assert!(console.keys.send(b"x").await);
                let mut heard = [0];
                let read = timeout(PATIENCE.total, serial.read_exact(&mut heard));
                read.await.expect("it is heard").unwrap();
            }
            console.close().await;
        }
    });
}

#[test]
fn a_console_whose_activation_is_not_heard_of_is_ours() {
    let bmc = with_console();
    bmc.place.block_on(async {
        let relay = Relay::start(bmc.address, Fault::None).await;
        let target = Target {
            address: relay.address,
            patience: PATIENCE,
            ..bmc.target()
        };
        let session = Session::open(&target).await.unwrap();
        relay.turns(Fault::LosesOneAnswer);
        session.console().await.unwrap().close().await;
    });
}

#[test]
fn a_machine_without_console_says_so() {
    let bmc = Bmc::sim(Setup::default());
    let refused = bmc.place.block_on(console(&bmc.target())).err();
    assert!(
        matches!(
            refused,
            Some(IpmiError::Unsupported(_) | IpmiError::Refused { .. })
        ),
        "{refused:?}"
    );
}

/// Neither BMC tells by itself: pyghmi's does when something is typed, and ipmi_sim then says nothing.
#[test]
fn a_console_that_somebody_else_ends_has_ended() {
    let patience = Patience {
        total: Duration::from_millis(500),
        ..PATIENCE
    };
    for bmc in [with_console(), Bmc::pyghmi("127.0.0.1", &[])] {
        let target = Target {
            patience,
            ..bmc.target()
        };
        let ended = bmc.place.block_on(async {
            let mut console = console(&target).await.unwrap();
            bmc.ipmitool("sol deactivate");
            assert!(console.keys.send(b"x").await);
            loop {
                match next(&mut console).await {
                    Some(Ok(_)) => {}
                    ended => return ended,
                }
            }
        });
        assert_eq!(ended, Some(Err(IpmiError::ConsoleTaken)));
    }
}

/// pyghmi's machine says again what it is told, and tells of breaks.
#[test]
fn suite_17_has_a_console_too() {
    let bmc = Bmc::pyghmi("127.0.0.1", &[]);
    bmc.place.block_on(async {
        let session = Session::open(&bmc.target()).await.unwrap();
        assert_eq!(session.suite(), CipherSuite::Sha256);
        let mut console = session.console().await.unwrap();
        let typed = text("person", 10);
        assert!(console.keys.send(&typed).await);
        assert_eq!(shown(&mut console, typed.len()).await, typed);
        assert!(console.keys.send_break().await);
        console.close().await;
    });
    let said = std::fs::read_to_string(bmc.file("said")).unwrap();
    assert_eq!(said.lines().filter(|line| *line == "break").count(), 1);
}
