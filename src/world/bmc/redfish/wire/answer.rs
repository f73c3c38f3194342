//! One answer of a BMC, whole.

use hyper::body::Bytes;
use hyper::header::{ETAG, HeaderMap, HeaderName, LOCATION};
use hyper::{Response, StatusCode};
use serde_json::Value;

use super::super::model::link::Link;

/// Head and body. It has no `Debug`: the head may hold a token.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    pub(super) fn new<T>(response: Response<T>, body: Bytes) -> Self {
        let (head, _) = response.into_parts();
        Self {
            status: head.status,
            headers: head.headers,
            body,
        }
    }

    pub(super) fn length(&self) -> usize {
        self.body.len()
    }

    /// The body as a JSON object; bytes that are no UTF-8 cost only themselves.
    pub(crate) fn object(&self) -> Option<Value> {
        let text = String::from_utf8_lossy(&self.body);
        let text = text.trim_start_matches('\u{feff}');
        let read: Value = serde_json::from_str(text).ok()?;
        read.is_object().then_some(read)
    }

    pub(crate) fn text(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn location(&self) -> Option<Link> {
        Link::read(self.text(&LOCATION)?)
    }

    /// What a change of the resource must be conditional on (RFC 9110, section 8.8.3).
    pub(crate) fn etag(&self) -> Option<&str> {
        self.text(&ETAG)
    }
}
