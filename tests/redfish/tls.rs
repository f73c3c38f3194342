//! Who is trusted, who is not, and that nothing is told to the latter.

use std::sync::Arc;

use bedplate::base::digest::Digest;
use bedplate::base::name::DomainName;
use bedplate::world::bmc::redfish::{Error, Session, Target, presented};
use bedplate::world::https::{Distrust, Trust, Trusted};

use crate::certificates::{Authority, NOW, OVER};
use crate::emulator::{Emulator, LIMITS};

/// What became of opening a session.
async fn outcome(target: &Target) -> Result<(), String> {
    match Session::open(target).await {
        Ok(session) => session.close().await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

fn site(authority: &Authority) -> Trusted {
    Trusted::Authority(Arc::from(authority.pem()))
}

/// One certificate, who is trusted, and what is said.
struct Case {
    certificate: std::path::PathBuf,
    trusted: Trusted,
    name: Option<&'static str>,
    expected: Result<(), String>,
}

async fn check(case: Case) {
    let mut emulator = Emulator::start("127.0.0.1", &case.certificate, "sessions");
    let mut target = emulator.target(case.trusted);
    target.endpoint.name = case.name.map(|name| name.parse::<DomainName>().unwrap());
    let outcome = outcome(&target).await;
    assert_eq!(outcome, case.expected);
    let told = emulator.told();
    assert_eq!(told["open"], 0);
    if outcome.is_err() {
        let requests = told["requests"].as_array().unwrap();
        assert!(
            requests.is_empty(),
            "who is not trusted is told nothing: {requests:?}"
        );
    }
}

fn refused(why: impl Into<String>) -> Result<(), String> {
    Err(format!("its certificate {}", why.into()))
}

#[tokio::test]
async fn the_site_s_authority_vouches_for_addresses_and_names() {
    let authority = Authority::new();
    for (name, alternative, asked, expected) in [
        ("address", "IP:127.0.0.1", None, Ok(())),
        (
            "name",
            "DNS:bmc.example.net",
            Some("bmc.example.net"),
            Ok(()),
        ),
        (
            "other",
            "DNS:bmc.example.net,IP:192.0.2.1",
            None,
            refused("is for bmc.example.net, 192.0.2.1, not for 127.0.0.1"),
        ),
        (
            "wrong",
            "IP:127.0.0.1",
            Some("bmc.example.net"),
            refused("is for 127.0.0.1, not for bmc.example.net"),
        ),
    ] {
        check(Case {
            certificate: authority.signed(name, alternative, NOW),
            trusted: site(&authority),
            name: asked,
            expected,
        })
        .await;
    }
}

#[tokio::test]
async fn nobody_else_is_trusted() {
    let (authority, other) = (Authority::new(), Authority::new());
    for (certificate, trusted, expected) in [
        (
            authority.signed("over", "IP:127.0.0.1", OVER),
            site(&authority),
            refused("expired at 2021-01-01 00:00:00 UTC"),
        ),
        (
            authority.self_signed("own", "CA:FALSE", "IP:127.0.0.1"),
            site(&authority),
            refused("is signed by itself (CN=own); no authority vouches for it"),
        ),
        (
            authority.self_signed("ownca", "CA:TRUE", "IP:127.0.0.1"),
            site(&authority),
            refused("is signed by itself (CN=ownca); no authority vouches for it"),
        ),
        (
            other.signed("foreign", "IP:127.0.0.1", NOW),
            Trusted::System(Trust::default()),
            refused("is of an authority that is not trusted: CN=ca"),
        ),
        (
            other.signed("remade", "IP:127.0.0.1", NOW),
            site(&authority),
            refused(
                "is of an authority that has the name of one that is trusted, and another key: CN=ca",
            ),
        ),
    ] {
        check(Case {
            certificate,
            trusted,
            name: None,
            expected,
        })
        .await;
    }
}

/// One that a site names itself vouches for itself, whether or not it may sign others; it is for its own names and its own time.
#[tokio::test]
async fn a_certificate_that_a_site_names_vouches_for_itself() {
    let authority = Authority::new();
    for (name, constraint, alternative, expected) in [
        ("leaf", "CA:FALSE", "IP:127.0.0.1", Ok(())),
        ("root", "CA:TRUE", "IP:127.0.0.1", Ok(())),
        (
            "elsewhere",
            "CA:TRUE",
            "IP:192.0.2.1",
            refused("is for 192.0.2.1, not for 127.0.0.1"),
        ),
    ] {
        let certificate = authority.self_signed(name, constraint, alternative);
        let own = std::fs::read(authority.path(&format!("{name}.crt"))).unwrap();
        check(Case {
            certificate,
            trusted: Trusted::Authority(own.into()),
            name: None,
            expected,
        })
        .await;
    }
}

#[tokio::test]
async fn a_pinned_certificate_is_trusted_whatever_it_says() {
    let authority = Authority::new();
    let certificates = [
        (
            "own",
            authority.self_signed("own", "CA:TRUE", "DNS:other.example"),
        ),
        ("over", authority.signed("over", "DNS:other.example", OVER)),
    ];
    for (name, certificate) in certificates {
        let pin = authority.fingerprint(name);
        let other = Digest::of(b"another certificate");
        for (pinned, expected) in [
            (pin, Ok(())),
            (
                other,
                refused(format!(
                    "has the SHA-256 fingerprint {pin}, which is not the one that was pinned"
                )),
            ),
        ] {
            check(Case {
                certificate: certificate.clone(),
                trusted: Trusted::Pinned(pinned),
                name: None,
                expected,
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_certificate_is_looked_at_without_trust() {
    let authority = Authority::new();
    let certificate = authority.signed("over", "DNS:other.example", OVER);
    let mut emulator = Emulator::start("127.0.0.1", &certificate, "sessions");
    let endpoint = emulator.endpoint(Trusted::Pinned(Digest::of(b"nothing")));
    let seen = presented(&endpoint, LIMITS.connect).await.unwrap();
    assert_eq!(seen.fingerprint, authority.fingerprint("over"));
    assert_eq!(
        (seen.subject.as_str(), seen.issuer.as_str()),
        ("CN=over", "CN=ca")
    );
    assert!(!seen.is_self_signed);
    assert_eq!(
        seen.not_before.unwrap().to_string(),
        "2020-01-01 00:00:00 UTC"
    );
    assert_eq!(
        seen.not_after.unwrap().to_string(),
        "2021-01-01 00:00:00 UTC"
    );
    assert_eq!(emulator.told()["requests"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn the_address_may_be_of_ipv6() {
    let authority = Authority::new();
    let certificate = authority.signed("six", "IP:::1", NOW);
    let mut emulator = Emulator::start("::1", &certificate, "sessions");
    assert_eq!(outcome(&emulator.target(site(&authority))).await, Ok(()));
    assert_eq!(emulator.told()["open"], 0);
}

#[tokio::test]
async fn errors_tell_distrust_apart() {
    let authority = Authority::new();
    let certificate = authority.signed("over", "IP:127.0.0.1", OVER);
    let emulator = Emulator::start("127.0.0.1", &certificate, "sessions");
    let opened = Session::open(&emulator.target(site(&authority))).await;
    assert!(matches!(opened, Err(Error::Distrust(Distrust::Expired(_)))));
    let nonsense = Trusted::Authority(Arc::from(*b"-----BEGIN NONSENSE-----"));
    let opened = Session::open(&emulator.target(nonsense)).await;
    assert!(matches!(opened, Err(Error::Setup(_))));
}
