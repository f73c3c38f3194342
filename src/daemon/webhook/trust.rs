//! Whom webhooks trust: the certificate authorities of the host, read anew now and then. Must not know what is told.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, Error, RootCertStore};

/// How long what was read is used: authorities change, and reading them takes its time.
const KEPT: Duration = Duration::from_secs(300);

/// Why nobody can be trusted.
#[derive(Debug, thiserror::Error)]
pub(super) enum TrustError {
    #[error("the controller's system trusts no certificate authority")]
    Nobody,
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] Error),
}

/// How TLS is spoken, and until when that is known.
type Known = Option<(Instant, Arc<ClientConfig>)>;

/// The host's authorities, shared by all webhooks.
#[derive(Clone, Default)]
pub(super) struct Trust(Arc<Mutex<Known>>);

impl Trust {
    /// How TLS is spoken now: certificates are verified, always.
    pub(super) async fn config(&self) -> Result<Arc<ClientConfig>, TrustError> {
        let mut known = self.0.lock().await;
        if let Some((until, config)) = &*known
            && Instant::now() < *until
        {
            return Ok(Arc::clone(config));
        }
        let read = tokio::task::spawn_blocking(system_roots).await;
        let config = configured(read.unwrap_or_else(|_| RootCertStore::empty()))?;
        *known = Some((Instant::now() + KEPT, Arc::clone(&config)));
        Ok(config)
    }
}

/// The authorities of the host, or of `SSL_CERT_FILE` and `SSL_CERT_DIR`; those that cannot be read are nobody's.
fn system_roots() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a certificate authority cannot be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    roots
}

fn configured(roots: RootCertStore) -> Result<Arc<ClientConfig>, TrustError> {
    if roots.is_empty() {
        return Err(TrustError::Nobody);
    }
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
