//! Changes a resource, and believes it only when it is read back.

use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Bytes;
use serde_json::Value;

use super::client::{Client, bytes};
use super::error::Error;
use super::model::link::Link;
use super::task::finish;

/// Between two looks at what was changed; it doubles.
const FIRST: Duration = Duration::from_millis(100);

/// A change of one property, and how it is told whether it took place.
pub(super) struct Change<'a> {
    pub(super) what: &'static str,
    pub(super) wanted: String,
    pub(super) body: Value,
    /// Whether a resource says so.
    pub(super) is_so: &'a (dyn Fn(&Value) -> bool + Sync),
    /// What a resource says instead.
    pub(super) said: &'a (dyn Fn(&Value) -> String + Sync),
}

/// Writes to `place`, and reads it back there, or at `shown` where a resource shows what is in force and another what is to be.
pub(super) async fn change(
    client: &mut Client,
    place: &Link,
    shown: &Link,
    change: &Change<'_>,
) -> Result<(), Error> {
    write(client, place, bytes(&change.body)).await?;
    settled(client, place, shown, change).await
}

/// Writes to `place`, whatever comes of it there.
pub(super) async fn write(client: &mut Client, place: &Link, body: Bytes) -> Result<(), Error> {
    let etag = client.get(place).await?.etag;
    let answer = match client.patch(place, body.clone(), etag.as_deref()).await {
        Ok(answer) => answer,
        Err(error) if is_stale(&error) => {
            // Somebody else changed it meanwhile, or the tag is wanted after all: once more, with what it is now. A weak tag never
            // fits (RFC 9110, section 13.1.1), so that those who give one mean a strong one.
            let etag = client.get(place).await?.etag;
            let etag = etag.as_deref().unwrap_or("*").trim_start_matches("W/");
            client.patch(place, body, Some(etag)).await?
        }
        Err(error) => return Err(error),
    };
    finish(client, answer).await
}

/// RFC 9110, section 15.5.13, and RFC 6585, section 3.
fn is_stale(error: &Error) -> bool {
    let status = error
        .status()
        .and_then(|status| StatusCode::from_u16(status).ok());
    matches!(
        status,
        Some(StatusCode::PRECONDITION_FAILED | StatusCode::PRECONDITION_REQUIRED)
    )
}

/// Looks until it is so: some take it at once and show it later.
pub(super) async fn settled(
    client: &mut Client,
    place: &Link,
    shown: &Link,
    change: &Change<'_>,
) -> Result<(), Error> {
    let mut left = client.wire.limits.settle;
    let mut wait = FIRST;
    loop {
        let mut found = client.get(place).await?.value;
        if !(change.is_so)(&found) && !shown.is_same(place) {
            found = client.get(shown).await?.value;
        }
        if (change.is_so)(&found) {
            return Ok(());
        }
        let pause = wait.min(left);
        if pause.is_zero() || !client.wire.pause(pause).await {
            return Err(Error::NotDone {
                what: change.what,
                wanted: change.wanted.clone(),
                found: (change.said)(&found),
            });
        }
        left = left.saturating_sub(pause);
        wait *= 2;
    }
}
