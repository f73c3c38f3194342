//! A network and a BMC at fault: what can be done is done, once, and what cannot is told.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bedplate::base::bmc::{PowerAction, PowerState};
use bedplate::base::secret::Secret;
use bedplate::world::bmc::ipmi::{IpmiError, Patience, Session, Target};

use crate::counterpart::{Bmc, Setup};
use crate::relay::{Fault, Relay};
use crate::sandbox::Namespace;

/// Answers on loopback come at once: a short wait makes a test of many losses short.
const PATIENCE: Patience = Patience {
    first: Duration::from_millis(60),
    total: Duration::from_secs(10),
};

fn by(relay: &Relay, bmc: &Bmc, patience: Patience) -> Target {
    Target {
        address: relay.address,
        patience,
        ..bmc.target()
    }
}

#[test]
fn a_bad_network_only_costs_time() {
    let bmc = Bmc::sim(Setup::default());
    for fault in [
        Fault::DropsEvery(3),
        Fault::DropsEvery(5),
        Fault::Doubles,
        Fault::Replays,
        Fault::Delays,
    ] {
        let told = bmc.place.block_on(async {
            let relay = Relay::start(bmc.address, fault).await;
            let mut session = Session::open(&by(&relay, &bmc, PATIENCE)).await?;
            let on_and_off = [
                (PowerAction::On, PowerState::On),
                (PowerAction::Off, PowerState::Off),
            ];
            for (action, expected) in on_and_off.repeat(10) {
                session.power(action).await?;
                let state = session.chassis_status().await?.power;
                assert_eq!(state, expected, "{fault:?}");
            }
            session.close().await;
            Ok::<_, IpmiError>(())
        });
        assert_eq!(told, Ok(()), "{fault:?}");
    }
}

#[test]
fn no_single_loss_ends_an_opening() {
    for bmc in [Bmc::sim(Setup::default()), Bmc::pyghmi("127.0.0.1", &[])] {
        for lost in 1..=14 {
            let told = bmc.place.block_on(async {
                let relay = Relay::start(bmc.address, Fault::Loses(lost)).await;
                let mut session = Session::open(&by(&relay, &bmc, PATIENCE)).await?;
                let told = session.chassis_status().await;
                session.close().await;
                told
            });
            assert!(told.is_ok(), "{lost}: {told:?}");
        }
    }
}

/// What is asked anew meanwhile is answered twice, by a BMC that goes on from the last that it heard.
#[test]
fn a_slow_bmc_is_waited_for() {
    for bmc in [Bmc::sim(Setup::default()), Bmc::pyghmi("127.0.0.1", &[])] {
        let told = bmc.place.block_on(async {
            let fault = Fault::Slow(Duration::from_millis(150));
            let relay = Relay::start(bmc.address, fault).await;
            let mut session = Session::open(&by(&relay, &bmc, PATIENCE)).await?;
            let told = session.chassis_status().await;
            session.close().await;
            told
        });
        assert!(told.is_ok(), "{told:?}");
    }
}

/// How often pyghmi's machine was reset.
fn resets(bmc: &Bmc) -> usize {
    let said = fs::read_to_string(bmc.file("said")).unwrap();
    said.lines().filter(|line| *line == "reset").count()
}

/// Has pyghmi's machine reset behind a fault, so often: how many are known to be done, and of how many it is not known.
/// ipmi_sim would not do here: it carries out a packet as often as it comes.
fn reset(bmc: &Bmc, fault: Fault, asked: usize) -> (usize, usize) {
    let patience = Patience {
        total: PATIENCE.first * 13,
        ..PATIENCE
    };
    bmc.place.block_on(async {
        let relay = Relay::start(bmc.address, Fault::None).await;
        let mut session = Session::open(&by(&relay, bmc, patience)).await.unwrap();
        relay.turns(fault);
        let (mut sure, mut unsure) = (0, 0);
        for _ in 0..asked {
            match session.power(PowerAction::Reset).await {
                Ok(()) => sure += 1,
                Err(IpmiError::Unconfirmed { .. }) => unsure += 1,
                Err(error) => panic!("{fault:?}: {error}"),
            }
        }
        relay.turns(Fault::None);
        session.close().await;
        (sure, unsure)
    })
}

#[test]
fn a_reset_is_never_done_twice() {
    for (fault, asked) in [
        (Fault::None, 4),
        (Fault::DropsEvery(3), 12),
        (Fault::Doubles, 4),
        (Fault::Replays, 4),
    ] {
        let bmc = Bmc::pyghmi("127.0.0.1", &[]);
        let (sure, unsure) = reset(&bmc, fault, asked);
        let done = resets(&bmc);
        assert_eq!(sure + unsure, asked, "{fault:?}");
        let possible = sure..=asked;
        assert!(
            possible.contains(&done),
            "{fault:?}: {done} done, {sure} told"
        );
    }
}

#[test]
fn a_reset_whose_answer_is_lost_may_have_been_done() {
    let bmc = Bmc::pyghmi("127.0.0.1", &[]);
    assert_eq!(reset(&bmc, Fault::LosesAnswers, 1), (0, 1));
    assert_eq!(resets(&bmc), 1);
}

#[test]
fn a_bmc_that_hangs_is_unreachable_in_time() {
    let bmc = Bmc::sim(Setup::default());
    let patience = Patience {
        total: Duration::from_millis(300),
        ..PATIENCE
    };
    // Nothing at all, the opening cut anywhere, and a session that is open.
    for most in 0..14 {
        let begun = Instant::now();
        let told = bmc.place.block_on(async {
            let relay = Relay::start(bmc.address, Fault::HangsAfter(most)).await;
            let mut session = Session::open(&by(&relay, &bmc, patience)).await?;
            session.chassis_status().await
        });
        assert!(
            matches!(told, Err(IpmiError::Unreachable { .. })),
            "after {most}: {told:?}"
        );
        assert!(begun.elapsed() < Duration::from_secs(3), "after {most}");
    }
}

#[test]
fn a_bmc_that_starts_anew_forgets_the_session_and_opens_another() {
    let mut bmc = Bmc::sim(Setup::default());
    let patience = Patience {
        total: Duration::from_millis(300),
        ..PATIENCE
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let target = Target {
        patience,
        ..bmc.target()
    };
    let mut session = bmc
        .place
        .run(|| runtime.block_on(Session::open(&target)))
        .unwrap();
    bmc.restart();
    let told = bmc.place.run(|| {
        runtime.block_on(async {
            let first = session.chassis_status().await;
            let second = session.power(PowerAction::On).await;
            session.close().await;
            (first.err(), second)
        })
    });
    let lost = IpmiError::SessionLost;
    assert_eq!(told, (Some(lost.clone()), Err(lost)));
    let told = bmc.session(async |session| session.chassis_status().await);
    assert_eq!(told.power, PowerState::Off);
}

/// ipmi_sim has room for 63 sessions: those that were closed, dropped or refused take none.
#[test]
fn no_session_stays_open() {
    let bmc = Bmc::sim(Setup::default());
    for round in 0..210 {
        let opened = bmc.place.block_on(async {
            let mut target = bmc.target();
            if round % 3 == 2 {
                target.password = Secret::new(b"wrong".to_vec());
                return Session::open(&target).await.map(|_| ());
            }
            let session = Session::open(&target).await?;
            if round % 3 == 1 {
                session.close().await;
            }
            Ok(())
        });
        let is_refused = matches!(opened, Err(IpmiError::Credentials(_)));
        assert_eq!(is_refused, round % 3 == 2, "round {round}: {opened:?}");
        assert!(is_refused || opened.is_ok(), "round {round}: {opened:?}");
    }
}

/// A BMC that says much and never what it is asked for.
#[test]
fn a_flood_does_not_keep_a_time_limit_from_being_noticed() {
    let place = Namespace::new();
    let socket = place.run(|| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let address = socket.local_addr().unwrap();
    let has_ended = AtomicBool::new(false);
    let target = Target {
        patience: Patience {
            total: Duration::from_millis(300),
            ..PATIENCE
        },
        ..Target::new(address, b"admin", Secret::new(b"secret12".to_vec()))
    };
    let begun = Instant::now();
    let told = thread::scope(|scope| {
        scope.spawn(|| {
            let (_, client) = socket.recv_from(&mut [0; 64]).unwrap();
            while !has_ended.load(Ordering::Relaxed) {
                let _lost = socket.send_to(&[6, 0, 0xff, 7, 0], client);
            }
        });
        let told = place.block_on(Session::open(&target)).err();
        has_ended.store(true, Ordering::Relaxed);
        told
    });
    let unreachable = IpmiError::Unreachable {
        address,
        within: target.patience.total,
        network: None,
    };
    assert_eq!(told, Some(unreachable));
    assert!(begun.elapsed() < Duration::from_secs(3));
}
