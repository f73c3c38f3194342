//! Tells one event to one URL, once: connects, verifies, signs, asks, and reads little of the answer. Must not know whether it is tried again.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::secret::{Secret, SecretError};
use super::sign::signature;
use super::trust::{Trust, TrustError};
use crate::base::duration::Seconds;
use crate::base::secret::SecretRef;
use crate::base::webhook::WebhookUrl;
use crate::daemon::who::now;
use crate::state::Webhook;

/// What is read of an answer's head and of its body; neither is shown to anybody.
const HEAD: usize = 16 * 1024;
const BODY: usize = 64 * 1024;

/// Who tells.
const AGENT: &str = concat!("bedplate/", env!("CARGO_PKG_VERSION"));

/// Why an event was not taken. None of these repeats the URL, the secret or what was answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("its secret {0} cannot be read: {1}")]
    Secret(SecretRef, #[source] SecretError),
    #[error("what is told cannot be signed")]
    Unsigned,
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error("its host cannot be looked up: {0}")]
    Lookup(#[source] io::Error),
    #[error("its host has no address that may be used")]
    NoAddress,
    #[error("{0} cannot be reached: {1}")]
    Connect(SocketAddr, #[source] io::Error),
    #[error("TLS failed: {0}")]
    Tls(#[source] io::Error),
    #[error("HTTP failed: {0}")]
    Http(#[from] hyper::Error),
    #[error("what is told cannot be written: {0}")]
    Request(#[from] hyper::http::Error),
    #[error("no answer came within {0}")]
    Time(Seconds),
    #[error("it answered {status}{}", redirection(*status))]
    Status {
        status: StatusCode,
        /// How long it wants to be left alone.
        asked: Option<Duration>,
    },
}

fn redirection(status: StatusCode) -> &'static str {
    match status.is_redirection() {
        true => ", and redirections are not followed",
        false => "",
    }
}

impl Failure {
    /// Whether it may be otherwise the next time.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Secret(..)
            | Self::Trust(_)
            | Self::Lookup(_)
            | Self::NoAddress
            | Self::Connect(..)
            | Self::Tls(_)
            | Self::Http(_)
            | Self::Time(_) => true,
            Self::Unsigned | Self::Request(_) => false,
            Self::Status { status, .. } => {
                status.is_server_error()
                    || *status == StatusCode::REQUEST_TIMEOUT
                    || *status == StatusCode::TOO_MANY_REQUESTS
            }
        }
    }

    pub(super) fn asked(&self) -> Option<Duration> {
        match self {
            Self::Status { asked, .. } => *asked,
            Self::Secret(..)
            | Self::Unsigned
            | Self::Trust(_)
            | Self::Lookup(_)
            | Self::NoAddress
            | Self::Connect(..)
            | Self::Tls(_)
            | Self::Http(_)
            | Self::Request(_)
            | Self::Time(_) => None,
        }
    }
}

/// A connection that is open for the next event; it ends with this.
struct Line {
    url: WebhookUrl,
    sender: SendRequest<Full<Bytes>>,
    work: AbortHandle,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.work.abort();
    }
}

/// Tells the events of one webhook.
pub(super) struct Poster {
    trust: Trust,
    line: Option<Line>,
}

impl Poster {
    pub(super) fn new(trust: Trust) -> Self {
        Self { trust, line: None }
    }

    /// Tells `body` under `id`, within the webhook's time.
    pub(super) async fn post(
        &mut self,
        webhook: &Webhook,
        id: &str,
        body: &Bytes,
    ) -> Result<(), Failure> {
        // What is open after its time is over is not used again.
        let line = self.line.take();
        let exchange = self.exchange(line, webhook, id, body);
        let time = Duration::from_secs(webhook.within.0.into());
        let (line, status, asked) = timeout(time, exchange)
            .await
            .map_err(|_| Failure::Time(webhook.within))??;
        self.line = line;
        match status.is_success() {
            true => Ok(()),
            false => Err(Failure::Status { status, asked }),
        }
    }

    async fn exchange(
        &self,
        line: Option<Line>,
        webhook: &Webhook,
        id: &str,
        body: &Bytes,
    ) -> Result<(Option<Line>, StatusCode, Option<Duration>), Failure> {
        let request = request(webhook, id, body).await?;
        let reusable = line.filter(|line| line.url == webhook.url && !line.sender.is_closed());
        let (mut line, response) = match reusable {
            Some(mut line) => match line.sender.send_request(request.clone()).await {
                Ok(response) => (line, response),
                // The receiver closed it meanwhile, which is no fault of its own.
                Err(_) => self.fresh(webhook, request).await?,
            },
            None => self.fresh(webhook, request).await?,
        };
        let (status, asked) = (response.status(), asked(response.headers()));
        let is_whole = Limited::new(response.into_body(), BODY)
            .collect()
            .await
            .is_ok();
        let is_ready = is_whole && line.sender.ready().await.is_ok();
        Ok((is_ready.then_some(line), status, asked))
    }

    async fn fresh(
        &self,
        webhook: &Webhook,
        request: Request<Full<Bytes>>,
    ) -> Result<(Line, Response<Incoming>), Failure> {
        let url = &webhook.url;
        let stream = connected(url).await?;
        let mut line = if url.is_tls() {
            let connector = TlsConnector::from(self.trust.config().await?);
            let name = ServerName::try_from(url.host().to_owned());
            let name = name.map_err(|error| Failure::Tls(io::Error::other(error)))?;
            let stream = connector.connect(name, stream).await;
            opened(url, stream.map_err(Failure::Tls)?).await?
        } else {
            opened(url, stream).await?
        };
        let response = line.sender.send_request(request).await?;
        Ok((line, response))
    }
}

/// The first address of the host that answers.
async fn connected(url: &WebhookUrl) -> Result<TcpStream, Failure> {
    let found = lookup_host((url.host(), url.port())).await;
    let found = found.map_err(Failure::Lookup)?;
    let mut failure = Failure::NoAddress;
    // Plain HTTP goes to the host itself, whatever a resolver makes of its name.
    for address in found.filter(|one| url.is_tls() || one.ip().is_loopback()) {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = Failure::Connect(address, error),
        }
    }
    Err(failure)
}

async fn opened<T>(url: &WebhookUrl, stream: T) -> Result<Line, Failure>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new();
    builder.max_buf_size(HEAD);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    // What fails on it fails for whoever waits for the answer, too.
    let work = tokio::spawn(async { drop(connection.await) }).abort_handle();
    let url = url.clone();
    Ok(Line { url, sender, work })
}

async fn request(
    webhook: &Webhook,
    id: &str,
    body: &Bytes,
) -> Result<Request<Full<Bytes>>, Failure> {
    let secret = Secret::read(&webhook.secret).await;
    let secret = secret.map_err(|error| Failure::Secret(webhook.secret.clone(), error))?;
    let at = now();
    let signature = signature(&secret, id, at, body).ok_or(Failure::Unsigned)?;
    let request = Request::post(webhook.url.target())
        .header(HOST, webhook.url.authority())
        .header(USER_AGENT, AGENT)
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", at.0)
        .header("webhook-signature", signature)
        .body(Full::new(body.clone()))?;
    Ok(request)
}

/// How long the receiver wants to be left alone: seconds, or until a date (RFC 9110, section 10.2.3).
fn asked(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // So many digits that they are no number ask for very long.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    Some(until.duration_since(SystemTime::now()).unwrap_or_default())
}
