//! Asks a BMC, one request after another: again where that is safe, never for longer or more often than allowed.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderName, HeaderValue,
    LOCATION, USER_AGENT,
};
use hyper::{Method, Request, Response, StatusCode};
use tokio::time::{Instant, sleep, timeout};

use super::super::error::{Error, Malformed};
use super::super::model::link::Link;
use super::super::target::Limits;
use super::{Answer, BODY, Connector};
use crate::world::https::{Line, retry_after};

/// How often a request is made that changes nothing.
const TRIES: u32 = 3;
/// The first wait after a connection was lost; it doubles.
const BACK_OFF: Duration = Duration::from_millis(200);
/// Redirections that are followed for one request.
const REDIRECTIONS: usize = 3;
/// Requests of one call: more than any honest inventory needs.
const REQUESTS: u32 = 2000;
/// Bytes of all answers to one call: what is read is kept as a tree, which takes many times as much.
const BYTES: usize = 4 * BODY;
/// After this a connection may have been closed at the other end, unseen; what changes something is not risked on it.
const IDLE: Duration = Duration::from_secs(1);

/// Who asks.
const AGENT: &str = concat!("bedplate/", env!("CARGO_PKG_VERSION"));

/// One request. It has no `Debug`: it may hold a password.
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) link: Link,
    pub(crate) fields: Vec<(HeaderName, HeaderValue)>,
    /// JSON, or nothing.
    pub(crate) body: Bytes,
}

/// The connection with a BMC, and what is left of the present call.
pub(crate) struct Wire {
    connector: Connector,
    pub(crate) limits: Limits,
    open: Option<(Line, Instant)>,
    until: Instant,
    requests: u32,
    bytes: usize,
}

impl Wire {
    pub(crate) fn new(connector: Connector, limits: Limits) -> Self {
        Self {
            connector,
            limits,
            open: None,
            until: Instant::now() + limits.whole,
            requests: REQUESTS,
            bytes: BYTES,
        }
    }

    /// A call begins: its time, its requests and their answers are counted from here.
    pub(crate) fn begin(&mut self) {
        self.until = Instant::now() + self.limits.whole;
        self.requests = REQUESTS;
        self.bytes = BYTES;
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.connector.is_tls()
    }

    /// Waits within the call's time; false where there is not as much of it.
    pub(crate) async fn pause(&self, wait: Duration) -> bool {
        let is_time = self.left() > wait;
        if is_time {
            sleep(wait).await;
        }
        is_time
    }

    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// Asks, and follows redirections on the same host (RFC 9110, section 15.4).
    pub(crate) async fn send(&mut self, ask: &Ask) -> Result<Answer, Error> {
        let mut link = ask.link.clone();
        for _ in 0..=REDIRECTIONS {
            let answer = self.patient(ask, &link).await?;
            match self.onward(ask, &answer)? {
                Some(next) => link = next,
                None => return Ok(answer),
            }
        }
        Err(malformed(&ask.link, Malformed::Endless))
    }

    fn onward(&self, ask: &Ask, answer: &Answer) -> Result<Option<Link>, Error> {
        let is_followed = match answer.status {
            // The method stays: what changes something was not done yet.
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => ask.method == Method::GET,
            _ => false,
        };
        let Some(text) = answer.text(&LOCATION).filter(|_| is_followed) else {
            return Ok(None);
        };
        let is_here = self.connector.endpoint.is_of(text);
        let link = Link::read(text).filter(|_| is_here);
        let link = link.ok_or_else(|| malformed(&ask.link, Malformed::Elsewhere))?;
        Ok(Some(link))
    }

    /// Asks again after a lost connection, and when a busy BMC wants to be asked; only what changes nothing.
    async fn patient(&mut self, ask: &Ask, link: &Link) -> Result<Answer, Error> {
        let is_safe = ask.method == Method::GET;
        let mut tries = 1;
        loop {
            let (wait, error) = match self.once(ask, link).await {
                Ok(answer) => match busy(&answer) {
                    None => return Ok(answer),
                    Some(wait) => (wait, Error::Busy(wait)),
                },
                Err(error) if error.is_lost(tries) => (BACK_OFF * (1 << (tries - 1)), error),
                Err(error) => return Err(error),
            };
            if !is_safe || tries >= TRIES || !self.pause(wait).await {
                return Err(error);
            }
            tries += 1;
        }
    }

    async fn once(&mut self, ask: &Ask, link: &Link) -> Result<Answer, Error> {
        let time = self.limits.request.min(self.left());
        if time.is_zero() {
            return Err(Error::Unfinished(self.limits.whole));
        }
        let left = self.requests.checked_sub(1);
        self.requests = left.ok_or_else(|| malformed(link, Malformed::Endless))?;
        // What is open after its time is over is not used again.
        let open = self.open.take();
        let exchange = self.exchange(open, ask, link);
        let exchanged = timeout(time, exchange).await;
        let (line, answer) = exchanged.map_err(|_| Error::Silent(time))??;
        let left = self.bytes.checked_sub(answer.length());
        self.bytes = left.ok_or_else(|| malformed(link, Malformed::Endless))?;
        self.open = line.map(|line| (line, Instant::now()));
        Ok(answer)
    }

    async fn exchange(
        &self,
        open: Option<(Line, Instant)>,
        ask: &Ask,
        link: &Link,
    ) -> Result<(Option<Line>, Answer), Error> {
        let mut request = self.request(ask, link)?;
        let is_safe = ask.method == Method::GET;
        let open = open.filter(|(line, since)| {
            !line.sender.is_closed() && (is_safe || since.elapsed() < IDLE)
        });
        if let Some((mut line, _)) = open {
            match line.sender.try_send_request(request).await {
                Ok(response) => return whole(line, response, link).await,
                Err(mut error) => match error.take_message() {
                    // Nothing of it was sent.
                    Some(unsent) => request = unsent,
                    None => return Err(Error::Lost(error.into_error())),
                },
            }
        }
        let mut line = self.connector.open().await?;
        let response = line.sender.send_request(request).await;
        whole(line, response.map_err(Error::Lost)?, link).await
    }

    fn request(&self, ask: &Ask, link: &Link) -> Result<Request<Full<Bytes>>, Error> {
        let mut request = Request::builder()
            .method(ask.method.clone())
            .uri(link.as_str())
            .header(HOST, self.connector.endpoint.authority())
            .header(USER_AGENT, AGENT)
            .header(ACCEPT, "application/json")
            .header(ACCEPT_ENCODING, "identity")
            .header("OData-Version", "4.0");
        if !ask.body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in &ask.fields {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(ask.body.clone()));
        request.map_err(|_| malformed(link, Malformed::Request("its link and fields")))
    }
}

/// Reads an answer to its end; the line is given back if it can be used again.
async fn whole(
    mut line: Line,
    response: Response<Incoming>,
    link: &Link,
) -> Result<(Option<Line>, Answer), Error> {
    let (head, body) = response.into_parts();
    let encoding = head.headers.get(CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| encoding != "identity") {
        return Err(malformed(link, Malformed::Compressed));
    }
    let body = Limited::new(body, BODY).collect().await;
    let body = body.map_err(|error| match error.downcast::<hyper::Error>() {
        Ok(error) => Error::Lost(*error),
        Err(error) if error.is::<LengthLimitError>() => malformed(link, Malformed::Long),
        Err(_) => malformed(link, Malformed::Json),
    })?;
    let answer = Answer::new(Response::from_parts(head, ()), body.to_bytes());
    let is_ready = line.sender.ready().await.is_ok();
    Ok((is_ready.then_some(line), answer))
}

/// How long a BMC wants to be left alone, where it says so (RFC 9110, section 15.6.4; RFC 6585, section 4).
fn busy(answer: &Answer) -> Option<Duration> {
    match answer.status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            retry_after(&answer.headers)
        }
        _ => None,
    }
}

pub(crate) fn malformed(link: &Link, fault: Malformed) -> Error {
    Error::Malformed {
        link: link.to_string(),
        fault,
    }
}
