//! Answers that go on: one JSON object a line, made as the caller takes them.

use std::convert::Infallible;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;

/// Streams what `more` makes of `state`, one part after another; ends with the first that is none or cannot be written.
pub(super) fn streamed<S, T, F>(state: S, mut more: impl FnMut(S) -> F + Send + 'static) -> Response
where
    S: Send + 'static,
    T: Serialize + Send,
    F: Future<Output = Option<(Vec<T>, S)>> + Send + 'static,
{
    let parts = stream::unfold(state, move |state| {
        let part = more(state);
        async move {
            let (told, state) = part.await?;
            Some((Ok::<_, Infallible>(lines(&told).ok()?), state))
        }
    });
    let kind = [("content-type", "application/x-ndjson")];
    (kind, Body::from_stream(parts)).into_response()
}

fn lines<T: Serialize>(told: &[T]) -> serde_json::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for one in told {
        serde_json::to_writer(&mut lines, one)?;
        lines.push(b'\n');
    }
    Ok(lines)
}
