//! Sessions are opened with the suite, the key and the name that are right, and with no others; each try is one try.

use bedplate::base::bmc::PowerAction;
use bedplate::base::secret::Secret;
use bedplate::world::bmc::ipmi::{
    CipherSuite, Completion, IpmiError, Privilege, Refusal, Session, Target, ping,
};

use crate::counterpart::{Bmc, PATIENCE, Setup, USER};
use crate::relay::{Fault, Relay};

const OPEN_REQUEST: u8 = 0x10;
const RAKP1: u8 = 0x12;

/// Who asks for a session, and what comes of it.
struct Case {
    who: &'static str,
    password: &'static str,
    key: Option<&'static str>,
    privilege: Privilege,
    suites: &'static [CipherSuite],
    expected: Result<CipherSuite, IpmiError>,
    /// Open Session Requests, and passwords tried.
    tries: (usize, usize),
}

const BOTH: &[CipherSuite] = &[CipherSuite::Sha256, CipherSuite::Sha1];

const PLAIN: Case = Case {
    who: USER,
    password: "secret12",
    key: None,
    privilege: Privilege::Administrator,
    suites: BOTH,
    expected: Ok(CipherSuite::Sha1),
    tries: (2, 1),
};

const STRONG: Case = Case {
    expected: Ok(CipherSuite::Sha256),
    tries: (1, 1),
    ..PLAIN
};

/// Demands what comes of asking a BMC on IPv4, and how much is said for it.
fn check(bmc: &Bmc, cases: &[Case]) {
    for case in cases {
        let what = format!("{} {} {:?}", case.who, case.password, case.expected);
        let opened = bmc.place.block_on(async {
            let relay = Relay::start(bmc.address, Fault::None).await;
            let target = Target {
                address: relay.address,
                user: case.who.as_bytes().to_vec(),
                password: Secret::new(case.password.as_bytes().to_vec()),
                bmc_key: case.key.map(|key| Secret::new(key.as_bytes().to_vec())),
                privilege: case.privilege,
                suites: case.suites.to_vec(),
                patience: PATIENCE,
            };
            let opened = open(&target).await;
            (opened, (relay.said(OPEN_REQUEST), relay.said(RAKP1)))
        });
        assert_eq!(opened, (case.expected.clone(), case.tries), "{what}");
    }
}

/// Opens a session, uses it, and closes it.
async fn open(target: &Target) -> Result<CipherSuite, IpmiError> {
    let mut session = Session::open(target).await?;
    session.chassis_status().await?;
    let suite = session.suite();
    session.close().await;
    Ok(suite)
}

fn refused(refusal: Refusal) -> Result<CipherSuite, IpmiError> {
    Err(IpmiError::Credentials(refusal))
}

#[test]
fn suite_3_of_ipmi_sim() {
    let only_17 = &[CipherSuite::Sha256];
    let only_3 = &[CipherSuite::Sha1];
    check(
        &Bmc::sim(Setup::default()),
        &[
            PLAIN,
            Case {
                suites: only_3,
                tries: (1, 1),
                ..PLAIN
            },
            Case {
                suites: only_17,
                expected: Err(IpmiError::NoSuite(only_17.to_vec())),
                tries: (1, 0),
                ..PLAIN
            },
            Case {
                password: "secret13",
                expected: refused(Refusal::Password),
                ..PLAIN
            },
            Case {
                who: "nobody",
                expected: refused(Refusal::User),
                ..PLAIN
            },
            Case {
                privilege: Privilege::User,
                ..PLAIN
            },
        ],
    );
}

#[test]
fn suites_3_and_17_of_pyghmi() {
    check(
        &Bmc::pyghmi("127.0.0.1", &[]),
        &[
            Case {
                suites: &[CipherSuite::Sha1],
                expected: Ok(CipherSuite::Sha1),
                ..STRONG
            },
            Case {
                password: "secret13",
                expected: refused(Refusal::Password),
                ..STRONG
            },
            Case {
                who: "reader",
                privilege: Privilege::User,
                ..STRONG
            },
            Case {
                who: "reader",
                privilege: Privilege::Operator,
                expected: refused(Refusal::Privilege),
                ..STRONG
            },
            Case {
                who: "nobody",
                expected: refused(Refusal::User),
                ..STRONG
            },
            Case {
                key: Some("not its key"),
                expected: refused(Refusal::Key),
                ..STRONG
            },
            STRONG,
        ],
    );
}

#[test]
fn a_key_of_the_bmcs_own() {
    let key = "key-of-the-bmc";
    let with_key = |bmc: &Bmc, suite, tries| {
        let case = |key, expected| Case {
            key,
            expected,
            tries,
            ..PLAIN
        };
        check(
            bmc,
            &[
                case(Some(key), Ok(suite)),
                case(Some("another key"), refused(Refusal::Key)),
                case(None, refused(Refusal::NoKey)),
            ],
        );
    };
    let setup = Setup {
        key: Some(key),
        ..Setup::default()
    };
    with_key(&Bmc::sim(setup), CipherSuite::Sha1, (2, 1));
    let bmc = Bmc::pyghmi("127.0.0.1", &["--key", "key-of-the-bmc"]);
    with_key(&bmc, CipherSuite::Sha256, (1, 1));
}

#[test]
fn a_weaker_suite_than_asked_for_is_refused() {
    let downgrade = IpmiError::Downgrade {
        asked: CipherSuite::Sha256,
        answered: [1, 1, 1],
    };
    let case = Case {
        expected: Err(downgrade),
        tries: (1, 0),
        ..PLAIN
    };
    check(&Bmc::pyghmi("127.0.0.1", &["--lie"]), &[case]);
}

/// What a session may do is what it asked for, not what its user could.
#[test]
fn a_session_of_a_user_changes_nothing() {
    let bmc = Bmc::sim(Setup::default());
    let target = Target {
        privilege: Privilege::User,
        ..bmc.target()
    };
    let (read, changed) = bmc.place.block_on(async {
        let mut session = Session::open(&target).await.unwrap();
        let read = session.chassis_status().await;
        let changed = session.power(PowerAction::On).await;
        session.close().await;
        (read, changed)
    });
    assert!(read.is_ok(), "{read:?}");
    let Err(IpmiError::Refused { code, .. }) = changed else {
        panic!("{changed:?}");
    };
    assert_eq!(code, Completion(0xd4));
}

#[test]
fn ipv6() {
    let sim = Setup {
        address: "::1",
        ..Setup::default()
    };
    for (bmc, expected) in [
        (Bmc::sim(sim), CipherSuite::Sha1),
        (Bmc::pyghmi("::1", &[]), CipherSuite::Sha256),
    ] {
        let opened = bmc.place.block_on(open(&bmc.target()));
        assert_eq!(opened, Ok(expected));
    }
}

#[test]
fn a_port_where_nothing_listens_is_told_at_once() {
    let bmc = Bmc::sim(Setup::default());
    let mut target = bmc.target();
    target.address.set_port(9);
    // As often again as it takes, and no longer.
    target.patience.total = PATIENCE.first * 1000;
    let (opened, pinged) = bmc.place.block_on(async {
        let pinged = ping(target.address, target.patience).await;
        (open(&target).await, pinged)
    });
    let closed = IpmiError::Closed(target.address);
    assert_eq!(opened, Err(closed.clone()));
    assert_eq!(pinged, Err(closed));
}
