//! A certificate is no use without its key: the handshake is verified in both versions of TLS, also where the certificate is pinned.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bedplate::base::secret::Secret;
use bedplate::world::bmc::redfish::{Endpoint, Error, Limits, Session, Target, presented};
use bedplate::world::https::Trusted;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ServerConfig, SupportedProtocolVersion};

use crate::certificates::Authority;
use crate::emulator::{PASSWORD, USER};

/// Shows a certificate, whoever's the key is.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

fn shown(authority: &Authority, certificate: &str, key: &str) -> Shown {
    let read = |name: String| fs::read(authority.path(&name)).unwrap();
    let certificate = CertificateDer::from_pem_slice(&read(format!("{certificate}.crt"))).unwrap();
    let key = PrivateKeyDer::from_pem_slice(&read(format!("{key}.key"))).unwrap();
    let key = ring::sign::any_supported_type(&key).unwrap();
    Shown(Arc::new(CertifiedKey::new(vec![certificate], key)))
}

/// Takes connections, and what is said on them, to the end; how many bytes that were is sent.
async fn served(
    shown: Shown,
    version: &'static SupportedProtocolVersion,
) -> (SocketAddr, tokio::sync::mpsc::Receiver<usize>) {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shown));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (heard, hearing) = tokio::sync::mpsc::channel(8);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut said = Vec::new();
            if let Ok(mut stream) = acceptor.accept(stream).await {
                stream.read_to_end(&mut said).await.ok();
            }
            heard.send(said.len()).await.unwrap();
        }
    });
    (address, hearing)
}

#[tokio::test]
async fn the_key_must_be_there() {
    let authority = Authority::new();
    authority.self_signed("own", "CA:FALSE", "IP:127.0.0.1");
    authority.self_signed("thief", "CA:FALSE", "IP:127.0.0.1");
    let pin = authority.fingerprint("own");
    for version in [&TLS12, &TLS13] {
        for (key, is_there) in [("own", true), ("thief", false)] {
            let (address, mut hearing) = served(shown(&authority, "own", key), version).await;
            let mut endpoint = Endpoint::tls(address.ip(), Trusted::Pinned(pin));
            endpoint.port = address.port();
            let limits = Limits {
                request: Duration::from_millis(300),
                ..Limits::USUAL
            };
            let seen = presented(&endpoint, limits.connect).await;
            assert_eq!(seen.is_ok(), is_there, "{version:?}");
            assert_eq!(
                hearing.recv().await,
                Some(0),
                "nothing is said to one who is only looked at"
            );
            let target = Target {
                endpoint,
                username: USER.to_owned(),
                password: Secret::new(PASSWORD.into()),
                system: None,
                limits,
            };
            let error = Session::open(&target).await.err().unwrap();
            let heard = hearing.recv().await.unwrap();
            match is_there {
                true => assert!(matches!(error, Error::Silent(_)) && heard > 0, "{error}"),
                false => assert!(!matches!(error, Error::Silent(_)) && heard == 0, "{error}"),
            }
        }
    }
}
