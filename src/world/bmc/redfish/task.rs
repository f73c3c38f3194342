//! Waits until what a BMC accepted has been done (DSP0266, section "Asynchronous operations").

use std::time::Duration;

use hyper::StatusCode;
use serde_json::Value;

use super::client::Client;
use super::error::Error;
use super::model::link::Link;
use super::model::read::{link, text};
use super::model::task::{Progress, progress};
use super::wire::Answer;
use crate::world::https::retry_after;

/// Between two looks; it doubles to the most.
const FIRST: Duration = Duration::from_millis(250);
const MOST: Duration = Duration::from_secs(5);

/// Follows an answer to its end, within the call's time.
pub(super) async fn finish(client: &mut Client, mut answer: Answer) -> Result<(), Error> {
    let mut wait = FIRST;
    let mut monitor = None;
    loop {
        let body = answer.object();
        let state = body.as_ref().and_then(progress);
        match state {
            Some(Progress::Done) => return Ok(()),
            Some(Progress::Failed(message)) => {
                let asked = monitor.as_ref().map_or("the task", Link::as_str).to_owned();
                return Err(client.refusal(asked, answer.status, message));
            }
            None if answer.status != StatusCode::ACCEPTED => return Ok(()),
            Some(Progress::Running) | None => {}
        }
        monitor = monitor.or_else(|| answer.location().or_else(|| named(body.as_ref()?)));
        // It was taken, and nobody can say more of it.
        let Some(link) = &monitor else { return Ok(()) };
        let asked = retry_after(&answer.headers).unwrap_or(wait).max(FIRST);
        if !client.wire.pause(asked).await {
            return Err(Error::Unfinished(client.wire.limits.whole));
        }
        wait = (wait * 2).min(MOST);
        answer = match client.fetch(link).await {
            Ok(answer) => answer,
            // A monitor that has told the end may go.
            Err(error) if error.is_absent() => return Ok(()),
            Err(error) => return Err(error),
        };
    }
}

/// The task that a body is of.
fn named(body: &Value) -> Option<Link> {
    let monitor = text(body, &["TaskMonitor"]).and_then(|text| Link::read(&text));
    monitor.or_else(|| link(body, &[]))
}
