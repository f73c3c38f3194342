//! Whom the host trusts: its certificate authorities, read anew now and then. Must not know what is asked of whom.

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
pub enum TrustError {
    #[error("the controller's system trusts no certificate authority")]
    Nobody,
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] Error),
}

/// The authorities, how TLS is spoken with them, and until when that is known.
#[derive(Clone)]
struct Known {
    until: Instant,
    roots: Arc<RootCertStore>,
    config: Arc<ClientConfig>,
}

/// The host's authorities, shared by all who ask over TLS.
#[derive(Clone, Default)]
pub struct Trust(Arc<Mutex<Option<Known>>>);

impl Trust {
    /// How TLS is spoken now: certificates are verified, always.
    pub async fn config(&self) -> Result<Arc<ClientConfig>, TrustError> {
        Ok(self.known().await?.config)
    }

    /// Who is trusted now.
    pub async fn roots(&self) -> Result<Arc<RootCertStore>, TrustError> {
        Ok(self.known().await?.roots)
    }

    async fn known(&self) -> Result<Known, TrustError> {
        let mut known = self.0.lock().await;
        if let Some(known) = &*known
            && Instant::now() < known.until
        {
            return Ok(known.clone());
        }
        let read = tokio::task::spawn_blocking(system_roots).await;
        let roots = Arc::new(read.unwrap_or_else(|_| RootCertStore::empty()));
        let fresh = Known {
            until: Instant::now() + KEPT,
            config: configured(Arc::clone(&roots))?,
            roots,
        };
        *known = Some(fresh.clone());
        Ok(fresh)
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

fn configured(roots: Arc<RootCertStore>) -> Result<Arc<ClientConfig>, TrustError> {
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
