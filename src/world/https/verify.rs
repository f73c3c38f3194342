//! Whether a server's certificate is to be trusted, and if not, why not, in words. Must not know what is asked of the server.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

use super::certificate::Certificate;
use super::trust::{Trust, TrustError};
use crate::base::digest::Digest;
use crate::base::moment::Moment;

/// More names than a message shows.
const NAMES: usize = 8;

/// Whose certificates are trusted.
#[derive(Clone)]
pub enum Trusted {
    /// Those of the authorities that the host trusts.
    System(Trust),
    /// Those of the authorities that a site has of its own, as PEM.
    Authority(Arc<[u8]>),
    /// One certificate, whatever it says of names and dates: the SHA-256 of its DER form.
    Pinned(Digest),
}

/// Why a certificate is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    #[error("its certificate expired at {0}")]
    Expired(Moment),
    #[error("its certificate is not valid before {0}")]
    NotYet(Moment),
    #[error("its certificate is signed by itself ({0}); no authority vouches for it")]
    SelfSigned(String),
    #[error("its certificate is of an authority that is not trusted: {0}")]
    Authority(String),
    #[error(
        "its certificate is of an authority that has the name of one that is trusted, and another key: {0}"
    )]
    OtherKey(String),
    #[error("its certificate is for {}, not for {asked}", listed(names))]
    Name { asked: String, names: Vec<String> },
    #[error(
        "its certificate has the SHA-256 fingerprint {0}, which is not the one that was pinned"
    )]
    Pin(Digest),
    #[error("its certificate cannot be used: {0}")]
    Unusable(String),
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "no name".to_owned(),
        names => names.join(", "),
    }
}

/// Why nobody can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustedError {
    #[error(transparent)]
    System(#[from] TrustError),
    #[error("the site's certificate authority is no certificate in PEM form")]
    Pem,
}

/// The reason for which a handshake failed, where it was the certificate.
pub fn distrust(error: &io::Error) -> Option<Distrust> {
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    let Error::InvalidCertificate(why) = error else {
        return None;
    };
    let CertificateError::Other(OtherError(own)) = why else {
        return Some(Distrust::Unusable(why.to_string()));
    };
    own.downcast_ref::<Distrust>().cloned()
}

/// Verifies certificates, and says why one is not trusted.
pub(super) struct Verifier {
    rule: Rule,
    provider: Arc<CryptoProvider>,
}

enum Rule {
    Authorities {
        verifier: Arc<WebPkiServerVerifier>,
        /// Certificates that a site names: one of them vouches for itself too.
        own: Vec<CertificateDer<'static>>,
    },
    Pinned(Digest),
    /// Nothing is trusted with anything: the certificate is only looked at.
    Look(Arc<Mutex<Option<Certificate>>>),
}

impl Verifier {
    pub(super) async fn new(trusted: &Trusted) -> Result<Self, TrustedError> {
        let provider = Arc::new(ring::default_provider());
        let mut own = Vec::new();
        let roots = match trusted {
            Trusted::Pinned(pin) => {
                let rule = Rule::Pinned(*pin);
                return Ok(Self { rule, provider });
            }
            Trusted::System(trust) => trust.roots().await?,
            Trusted::Authority(pem) => {
                own = certificates(pem)?;
                Arc::new(authorities(&own)?)
            }
        };
        let verifier =
            WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
        let verifier = verifier.map_err(|_| TrustedError::Pem)?;
        let rule = Rule::Authorities { verifier, own };
        Ok(Self { rule, provider })
    }

    /// One that keeps the certificate that it is shown.
    pub(super) fn look(seen: Arc<Mutex<Option<Certificate>>>) -> Self {
        Self {
            rule: Rule::Look(seen),
            provider: Arc::new(ring::default_provider()),
        }
    }

    pub(super) fn provider(&self) -> Arc<CryptoProvider> {
        Arc::clone(&self.provider)
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TrustedError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    all.map_err(|_| TrustedError::Pem)
}

fn authorities(own: &[CertificateDer<'static>]) -> Result<RootCertStore, TrustedError> {
    let mut roots = RootCertStore::empty();
    for certificate in own {
        let added = roots.add(certificate.clone());
        added.map_err(|_| TrustedError::Pem)?;
    }
    match roots.is_empty() {
        true => Err(TrustedError::Pem),
        false => Ok(roots),
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier")
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let why = match &self.rule {
            Rule::Authorities { verifier, own } => {
                let verified = verifier.verify_server_cert(
                    end_entity,
                    intermediates,
                    server_name,
                    ocsp_response,
                    now,
                );
                match verified {
                    Ok(verified) => return Ok(verified),
                    Err(_) if own.contains(end_entity) => {
                        match itself(end_entity, server_name, now) {
                            Ok(verified) => return Ok(verified),
                            Err(why) => why,
                        }
                    }
                    Err(error) => why(&error, &Certificate::of(end_entity), server_name),
                }
            }
            Rule::Pinned(pin) => match Digest::of(end_entity) {
                presented if presented == *pin => return Ok(ServerCertVerified::assertion()),
                presented => Distrust::Pin(presented),
            },
            Rule::Look(seen) => {
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                *seen = Some(Certificate::of(end_entity));
                return Ok(ServerCertVerified::assertion());
            }
        };
        Err(CertificateError::Other(OtherError(Arc::new(why))).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// Whether a certificate that is trusted itself holds now, and for this name. Who looks at chains takes none that may sign others for a
/// server's, though many that sign themselves are made so.
fn itself(
    certificate: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<ServerCertVerified, Distrust> {
    let presented = Certificate::of(certificate);
    let now = Moment(now.as_secs());
    match (presented.not_before, presented.not_after) {
        (Some(begin), _) if now < begin => return Err(Distrust::NotYet(begin)),
        (_, Some(end)) if end < now => return Err(Distrust::Expired(end)),
        (Some(_), Some(_)) => {}
        (None, _) | (_, None) => {
            return Err(Distrust::Unusable("its dates cannot be read".to_owned()));
        }
    }
    let parsed = ParsedCertificate::try_from(certificate);
    let named = parsed.and_then(|parsed| verify_server_name(&parsed, name));
    match named {
        Ok(()) => Ok(ServerCertVerified::assertion()),
        Err(error) => Err(why(&error, &presented, name)),
    }
}

/// A name without the kind that rustls writes around it: `DnsName("bmc.example")`, `IpAddress(192.0.2.1)`.
fn bare(name: &str) -> String {
    let inner = name.split_once('(').map_or(name, |(_, inner)| inner);
    inner.trim_end_matches(')').trim_matches('"').to_owned()
}

/// What rustls refuses a certificate for, as people say it.
fn why(error: &Error, presented: &Certificate, asked: &ServerName<'_>) -> Distrust {
    let Error::InvalidCertificate(error) = error else {
        return Distrust::Unusable(error.to_string());
    };
    if let CertificateError::ExpiredContext { not_after, .. } = error {
        return Distrust::Expired(Moment(not_after.as_secs()));
    }
    if let CertificateError::NotValidYetContext { not_before, .. } = error {
        return Distrust::NotYet(Moment(not_before.as_secs()));
    }
    if let CertificateError::NotValidForNameContext { presented, .. } = error {
        return Distrust::Name {
            asked: asked.to_str().into_owned(),
            names: presented.iter().take(NAMES).map(|one| bare(one)).collect(),
        };
    }
    // A certificate that signs itself is often marked as an authority, which rustls names first.
    if presented.is_self_signed {
        return Distrust::SelfSigned(presented.subject.clone());
    }
    let issuer = presented.issuer.clone();
    if error == &CertificateError::UnknownIssuer {
        return Distrust::Authority(issuer);
    }
    // Of the handshake itself others are asked: here the issuer's signature is the bad one.
    match error == &CertificateError::BadSignature {
        true => Distrust::OtherKey(issuer),
        false => Distrust::Unusable(error.to_string()),
    }
}
