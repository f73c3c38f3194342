//! What is asked of applies that are over: to keep them, to go back, to tell of them; and to put further ones on hold.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};

use super::Context;
use super::input::{Body, Named};
use super::peer::Asker;
use super::routes::{Answer, asked};
use crate::daemon::history::{Entry, Past};
use crate::daemon::hold::{Hold, REASON_BYTES};
use crate::daemon::reconcile::Request;
use crate::daemon::who::now;
use crate::diag::code::Code;
use crate::diag::fault::Fault;

/// What `POST /v1/confirm` takes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Confirm {
    /// The plan that is meant; any, where none is named.
    pub plan: Option<String>,
}

/// What `POST /v1/hold` takes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OnHold {
    pub reason: String,
}

pub(super) fn routes(path: impl Fn(&str) -> String) -> Router<Context> {
    Router::new()
        .route(&path("confirm"), post(confirm))
        .route(&path("revert"), post(revert))
        .route(&path("history"), get(history))
        .route(&path("history/previous"), get(previous))
        .route(&path("history/{number}"), get(past))
        .route(&path("hold"), post(hold))
        .route(&path("unlock"), post(unlock))
}

async fn confirm(
    State(context): State<Context>,
    Asker(by): Asker,
    Body(Confirm { plan }): Body<Confirm>,
) -> Answer<Entry> {
    let asked = asked(&context, |reply| Request::Confirm { plan, by, reply });
    asked.await.and_then(|entry| entry).into()
}

async fn revert(State(context): State<Context>, Asker(by): Asker) -> Answer<Entry> {
    let asked = asked(&context, |reply| Request::Revert { by, reply });
    asked.await.and_then(|entry| entry).into()
}

async fn history(State(context): State<Context>) -> Answer<Vec<Entry>> {
    let asked = asked(&context, |reply| Request::History { reply });
    asked.await.and_then(|entries| entries).into()
}

async fn previous(State(context): State<Context>) -> Answer<Past> {
    state(&context, None).await
}

async fn past(State(context): State<Context>, Named(number): Named<u64>) -> Answer<Past> {
    state(&context, Some(number)).await
}

async fn state(context: &Context, number: Option<u64>) -> Answer<Past> {
    let asked = asked(context, |reply| Request::Past { number, reply });
    asked.await.and_then(|past| past).into()
}

async fn hold(
    State(context): State<Context>,
    Asker(who): Asker,
    Body(OnHold { reason }): Body<OnHold>,
) -> Answer<Hold> {
    if let Err(fault) = sayable(&reason) {
        return Answer::Fault(fault);
    }
    let hold = Hold {
        who,
        since: now(),
        reason,
    };
    let asked = asked(&context, |reply| Request::Hold { hold, reply });
    asked.await.and_then(|hold| hold).into()
}

/// A reason stands in one line of everybody's terminal.
fn sayable(reason: &str) -> Result<(), Fault> {
    let is_empty = reason.trim().is_empty();
    if !is_empty && reason.len() <= REASON_BYTES && !reason.chars().any(char::is_control) {
        return Ok(());
    }
    let message = format!("a hold needs a reason: one line of at most {REASON_BYTES} bytes");
    Err(Fault::new(Code::BadRequest, message)
        .help("say what the hold is for, as in `bedplate hold \"maintenance of rack 7\"`"))
}

async fn unlock(State(context): State<Context>, Body(seen): Body<Hold>) -> Answer<Hold> {
    let asked = asked(&context, |reply| Request::Unlock { seen, reply });
    asked.await.and_then(|hold| hold).into()
}
