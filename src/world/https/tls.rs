//! Begins TLS on a connection, for one who says whom to trust. Must not know what is asked then.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, Error};

use super::certificate::Certificate;
use super::verify::{Trusted, TrustedError, Verifier};

/// Sessions of TLS that one server may take up again: thousands of servers are asked.
const RESUMED: usize = 2;

/// How TLS is spoken with one server.
#[derive(Clone)]
pub struct Tls(Arc<ClientConfig>);

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error(transparent)]
    Trusted(#[from] TrustedError),
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] Error),
}

impl Tls {
    pub async fn new(trusted: &Trusted) -> Result<Self, TlsError> {
        Self::with(Verifier::new(trusted).await?)
    }

    fn with(verifier: Verifier) -> Result<Self, TlsError> {
        let mut config = ClientConfig::builder_with_provider(verifier.provider())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.resumption = Resumption::in_memory_sessions(RESUMED);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    /// Verifies who is at the other end of a connection.
    pub async fn begin<T>(&self, name: ServerName<'static>, stream: T) -> io::Result<TlsStream<T>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let connector = TlsConnector::from(Arc::clone(&self.0));
        connector.connect(name, stream).await
    }
}

/// The certificate that is presented at the other end of a connection, of which nothing is trusted. The handshake proves that its key
/// is there.
pub async fn presented<T>(name: ServerName<'static>, stream: T) -> io::Result<Certificate>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let seen = Arc::new(Mutex::new(None));
    let tls = Tls::with(Verifier::look(Arc::clone(&seen))).map_err(io::Error::other)?;
    tls.begin(name, stream).await?;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    seen.ok_or_else(|| io::ErrorKind::InvalidData.into())
}
