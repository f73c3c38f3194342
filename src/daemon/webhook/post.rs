//! Tells one event to one URL, once: connects, verifies, signs, asks, and reads little of the answer. Must not know whether it is tried again.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::secret::{self, KeyError};
use super::sign::signature;
use crate::base::duration::Seconds;
use crate::base::secret::SecretRef;
use crate::base::webhook::WebhookUrl;
use crate::daemon::who::now;
use crate::state::Webhook;
use crate::world::https::{Line, Trust, TrustError, retry_after};

/// What is read of an answer's head and of its body; neither is shown to anybody.
const HEAD: usize = 16 * 1024;
const BODY: usize = 64 * 1024;

/// Who tells.
const AGENT: &str = concat!("bedplate/", env!("CARGO_PKG_VERSION"));

/// Why an event was not taken. None of these repeats the URL, the secret or what was answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("its secret {0} cannot be read: {1}")]
    Secret(SecretRef, #[source] KeyError),
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

/// The connection to a URL that is open for the next event.
struct Open {
    url: WebhookUrl,
    line: Line,
}

/// Tells the events of one webhook.
pub(super) struct Poster {
    trust: Trust,
    open: Option<Open>,
}

impl Poster {
    pub(super) fn new(trust: Trust) -> Self {
        Self { trust, open: None }
    }

    /// Tells `body` under `id`, within the webhook's time.
    pub(super) async fn post(
        &mut self,
        webhook: &Webhook,
        id: &str,
        body: &Bytes,
    ) -> Result<(), Failure> {
        // What is open after its time is over is not used again.
        let open = self.open.take();
        let exchange = self.exchange(open, webhook, id, body);
        let time = Duration::from_secs(webhook.within.0.into());
        let (open, status, asked) = timeout(time, exchange)
            .await
            .map_err(|_| Failure::Time(webhook.within))??;
        self.open = open;
        match status.is_success() {
            true => Ok(()),
            false => Err(Failure::Status { status, asked }),
        }
    }

    async fn exchange(
        &self,
        open: Option<Open>,
        webhook: &Webhook,
        id: &str,
        body: &Bytes,
    ) -> Result<(Option<Open>, StatusCode, Option<Duration>), Failure> {
        let request = request(webhook, id, body).await?;
        let reusable = open.filter(|open| open.url == webhook.url && !open.line.sender.is_closed());
        let (mut open, response) = match reusable {
            Some(mut open) => match open.line.sender.send_request(request.clone()).await {
                Ok(response) => (open, response),
                // The receiver closed it meanwhile, which is no fault of its own.
                Err(_) => self.fresh(webhook, request).await?,
            },
            None => self.fresh(webhook, request).await?,
        };
        let (status, asked) = (response.status(), retry_after(response.headers()));
        let is_whole = Limited::new(response.into_body(), BODY)
            .collect()
            .await
            .is_ok();
        let is_ready = is_whole && open.line.sender.ready().await.is_ok();
        Ok((is_ready.then_some(open), status, asked))
    }

    async fn fresh(
        &self,
        webhook: &Webhook,
        request: Request<Full<Bytes>>,
    ) -> Result<(Open, Response<Incoming>), Failure> {
        let url = webhook.url.clone();
        let stream = connected(&url).await?;
        let mut line = if url.is_tls() {
            let connector = TlsConnector::from(self.trust.config().await?);
            let name = ServerName::try_from(url.host().to_owned());
            let name = name.map_err(|error| Failure::Tls(io::Error::other(error)))?;
            let stream = connector.connect(name, stream).await;
            Line::open(stream.map_err(Failure::Tls)?, HEAD).await?
        } else {
            Line::open(stream, HEAD).await?
        };
        let response = line.sender.send_request(request).await?;
        Ok((Open { url, line }, response))
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

async fn request(
    webhook: &Webhook,
    id: &str,
    body: &Bytes,
) -> Result<Request<Full<Bytes>>, Failure> {
    let secret = secret::read(&webhook.secret).await;
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
