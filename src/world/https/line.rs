//! One open connection that HTTP/1.1 is spoken on, and what an answer says of when to ask again.

use std::time::{Duration, SystemTime};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::{HeaderMap, RETRY_AFTER};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;

/// A connection that is open for the next request; it ends with this.
pub struct Line {
    pub sender: SendRequest<Full<Bytes>>,
    work: AbortHandle,
}

impl Line {
    /// Begins to speak HTTP on a connection. At most `head` bytes of an answer's head are read.
    pub async fn open<T>(stream: T, head: usize) -> Result<Self, hyper::Error>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut builder = Builder::new();
        builder.max_buf_size(head);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
        // What fails on it fails for whoever waits for the answer, too.
        let work = tokio::spawn(async { drop(connection.await) }).abort_handle();
        Ok(Self { sender, work })
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.work.abort();
    }
}

/// How long a server wants to be left alone: seconds, or until a date (RFC 9110, section 10.2.3).
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // So many digits that they are no number ask for very long.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    Some(until.duration_since(SystemTime::now()).unwrap_or_default())
}
