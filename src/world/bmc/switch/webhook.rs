//! A power switch that speaks HTTP: asked as the site says, over a connection of its own each time. No redirection is followed, and
//! nothing of an answer is shown.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use data_encoding::BASE64;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT,
};
use hyper::{Request, StatusCode};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::ServerName;
use zeroize::Zeroizing;

use crate::base::bmc::{PowerAction, PowerAnswerError, PowerRequest, PowerRequests, PowerState};
use crate::base::secret::Secret;
use crate::base::template::Template;
use crate::base::url::HttpUrl;
use crate::world::https::{self, Certificate, Distrust, Line, Tls, TlsError, Trusted, distrust};

/// What is read of an answer's head, and of its body.
const HEAD: usize = 16 * 1024;
const BODY: usize = 64 * 1024;

/// How long one request may take, from looking up the host to the end of the answer.
pub const WITHIN: Duration = Duration::from_secs(30);

/// Who asks.
const AGENT: &str = concat!("bedplate/", env!("CARGO_PKG_VERSION"));

/// A switch and how to be let in. It has no `Debug`: it holds a password.
pub struct Target {
    pub requests: PowerRequests,
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub trusted: Trusted,
    pub within: Duration,
}

/// Why a switch did not do what it was asked for. Nothing that was sent or answered is part of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("its host cannot be looked up: {0}")]
    Lookup(#[source] io::Error),
    #[error("its host has no address that may be used")]
    NoAddress,
    #[error("{0} cannot be reached: {1}")]
    Unreachable(SocketAddr, #[source] io::Error),
    #[error("it gave no answer within {}s", .0.as_secs())]
    Silent(Duration),
    #[error(transparent)]
    Distrust(#[from] Distrust),
    #[error("TLS with it failed: {0}")]
    Tls(#[source] io::Error),
    #[error(transparent)]
    Setup(#[from] TlsError),
    #[error("HTTP with it failed: {0}")]
    Http(#[from] hyper::Error),
    #[error("it refuses the request with {0}: see the credentials that the site sends")]
    Credentials(StatusCode),
    #[error("it answered {0}, and redirections are not followed")]
    Elsewhere(StatusCode),
    #[error("it answered {0}")]
    Status(StatusCode),
    #[error("its answer is longer than {BODY} bytes")]
    Long,
    #[error(transparent)]
    Answer(#[from] PowerAnswerError),
    #[error("the request cannot be written: {0}")]
    Request(&'static str),
    #[error("the site gives it no request `{0}`, only {1}")]
    Unsupported(&'static str, String),
}

impl Target {
    pub(super) async fn state(&self) -> Result<PowerState, Error> {
        let Some((request, how)) = &self.requests.status else {
            return Ok(PowerState::Unknown);
        };
        Ok(how.read(&self.ask(request).await?)?)
    }

    pub(super) async fn power(&self, action: PowerAction) -> Result<(), Error> {
        let actions = &self.requests.actions;
        let Some(request) = actions.get(&action) else {
            let known: Vec<&str> = actions.keys().map(|one| one.word()).collect();
            return Err(Error::Unsupported(action.word(), known.join(", ")));
        };
        self.ask(request).await.map(drop)
    }

    async fn ask(&self, request: &PowerRequest) -> Result<Bytes, Error> {
        let asked = timeout(self.within, self.exchange(request)).await;
        asked.map_err(|_| Error::Silent(self.within))?
    }

    async fn exchange(&self, request: &PowerRequest) -> Result<Bytes, Error> {
        let url = &request.url;
        let written = self.written(request)?;
        let stream = connected(url).await?;
        let mut line = if url.is_tls() {
            let tls = Tls::new(&self.trusted).await?;
            let stream = tls.begin(name(url)?, stream).await.map_err(failed)?;
            Line::open(stream, HEAD).await?
        } else {
            Line::open(stream, HEAD).await?
        };
        let answer = line.sender.send_request(written).await?;
        let status = answer.status();
        if !status.is_success() {
            return Err(match status {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Error::Credentials(status),
                status if status.is_redirection() => Error::Elsewhere(status),
                status => Error::Status(status),
            });
        }
        let body = Limited::new(answer.into_body(), BODY).collect().await;
        let body = body.map_err(|error| match error.downcast::<hyper::Error>() {
            Ok(error) => Error::Http(*error),
            Err(error) if error.is::<LengthLimitError>() => Error::Long,
            Err(_) => Error::Request("its answer"),
        })?;
        Ok(body.to_bytes())
    }

    fn written(&self, request: &PowerRequest) -> Result<Request<Full<Bytes>>, Error> {
        let mut written = Request::builder()
            .method(request.method.as_str())
            .uri(request.url.target());
        let named = |name: &HeaderName| {
            let mut names = request.fields.iter().map(|(name, _)| name);
            names.any(|one| one.as_str().eq_ignore_ascii_case(name.as_str()))
        };
        let usual = [
            (HOST, request.url.authority()),
            (USER_AGENT, AGENT),
            (ACCEPT_ENCODING, "identity"),
            (CONTENT_TYPE, "application/json"),
            // A switch may wait for a body that it is not told the length of.
            (CONTENT_LENGTH, "0"),
        ];
        for (name, value) in usual {
            let is_meant = match name {
                CONTENT_TYPE => request.body.is_some(),
                CONTENT_LENGTH => request.body.is_none() && request.method != "GET",
                _ => true,
            };
            if is_meant && !named(&name) {
                written = written.header(name, value);
            }
        }
        for (name, value) in &request.fields {
            written = written.header(name.as_str(), self.field(value)?);
        }
        let body = request.body.clone().unwrap_or_default();
        let written = written.body(Full::new(body.into()));
        written.map_err(|_| Error::Request("its method and fields"))
    }

    /// A field with its secrets, which is wiped when the request is gone.
    fn field(&self, template: &Template) -> Result<HeaderValue, Error> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.room(template)));
        if !template.write(&mut bytes, |name, out| self.fill(name, out)) {
            return Err(Error::Request("a field needs a password that there is not"));
        }
        let is_secret = template.places().next().is_some();
        let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(bytes))
            .map_err(|_| Error::Request("a secret with bytes that no field can have"))?;
        value.set_sensitive(is_secret);
        Ok(value)
    }

    /// At least as many bytes as the field has: a vector that grows leaves copies behind.
    fn room(&self, template: &Template) -> usize {
        let password = self.password.as_ref().map_or(0, |one| one.bytes().len());
        let username = self.username.as_ref().map_or(0, String::len);
        let each = 2 * (password + username + 4);
        template.to_string().len() + each * template.places().count()
    }

    fn fill(&self, name: &str, out: &mut Vec<u8>) -> bool {
        let Some(password) = &self.password else {
            return false;
        };
        match name {
            "password" => out.extend_from_slice(password.bytes()),
            "basic" => {
                let username = self.username.as_deref().unwrap_or_default();
                let room = username.len() + 1 + password.bytes().len();
                let mut pair = Zeroizing::new(Vec::with_capacity(room));
                pair.extend_from_slice(username.as_bytes());
                pair.push(b':');
                pair.extend_from_slice(password.bytes());
                let encoded = Zeroizing::new(BASE64.encode(&pair));
                out.extend_from_slice(encoded.as_bytes());
            }
            _ => return false,
        }
        true
    }
}

/// The first address of the host that answers.
async fn connected(url: &HttpUrl) -> Result<TcpStream, Error> {
    let found = lookup_host((url.host(), url.port())).await;
    let found = found.map_err(Error::Lookup)?;
    let mut error = Error::NoAddress;
    // What means the host itself stays there, whatever a resolver makes of its name.
    for address in found.filter(|one| !url.is_own() || one.ip().is_loopback()) {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(refused) => error = Error::Unreachable(address, refused),
        }
    }
    Err(error)
}

/// Whether who is where a URL leads is trusted; nothing is told there.
///
/// # Errors
/// Where it is not, or does not answer.
pub async fn verified(url: &HttpUrl, trusted: &Trusted, within: Duration) -> Result<(), Error> {
    let look = async {
        let tls = Tls::new(trusted).await.map_err(Error::Setup)?;
        let stream = connected(url).await?;
        let begun = tls.begin(name(url)?, stream).await;
        begun.map(drop).map_err(failed)
    };
    timeout(within, look)
        .await
        .map_err(|_| Error::Silent(within))?
}

/// The certificate that is presented where a URL leads, of which nothing is trusted; nothing is told there.
pub async fn presented(url: &HttpUrl, within: Duration) -> Result<Certificate, Error> {
    let look = async {
        let stream = connected(url).await?;
        https::presented(name(url)?, stream).await.map_err(failed)
    };
    timeout(within, look)
        .await
        .map_err(|_| Error::Silent(within))?
}

/// Whom the certificate must be for (RFC 9110, section 4.3.4).
fn name(url: &HttpUrl) -> Result<ServerName<'static>, Error> {
    let name = ServerName::try_from(url.host().to_owned());
    name.map_err(|error| Error::Tls(io::Error::other(error)))
}

fn failed(error: io::Error) -> Error {
    match distrust(&error) {
        Some(why) => Error::Distrust(why),
        None => Error::Tls(error),
    }
}
