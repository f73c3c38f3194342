//! Machines' consoles: a connection that is switched to frames, and the recordings that are kept.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use hyper::upgrade::{OnUpgrade, on};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::Value;

use super::Context;
use super::input::{Asked, Named};
use super::peer::Asker;
use super::routes::Answer;
use super::stream::streamed;
use crate::base::name::HostName;
use crate::daemon::bmc::{CONSOLE_PROTOCOL, ConsoleOrder, RecordingRow};
use crate::diag::code::Code;
use crate::diag::fault::Fault;

/// Lines of a recording that go out together at most.
const AT_ONCE: usize = 256;

/// What may stand behind the path of a recording.
#[derive(Debug, Deserialize)]
struct Which {
    /// The latest, where none is given.
    #[serde(default)]
    number: Option<u64>,
}

pub(super) fn routes(path: impl Fn(&str) -> String) -> Router<Context> {
    Router::new()
        .route(&path("bmc/{machine}/console"), get(console))
        .route(&path("bmc/{machine}/recordings"), get(recordings))
        .route(&path("bmc/{machine}/recording"), get(recording))
}

/// Opens the console first, so that what keeps it from opening is a fault like any other; then the connection carries frames.
async fn console(
    State(context): State<Context>,
    Asker(who): Asker,
    Named(machine): Named<HostName>,
    Asked(order): Asked<ConsoleOrder>,
    request: Request,
) -> Response {
    if request.extensions().get::<OnUpgrade>().is_none() {
        let message = format!("a console is reached by an upgrade to {CONSOLE_PROTOCOL}");
        return Answer::<()>::Fault(Fault::new(Code::BadRequest, message)).into_response();
    }
    let held = match context.bmcs.console(machine, order, &who).await {
        Ok(held) => held,
        Err(fault) => return Answer::<()>::Fault(fault).into_response(),
    };
    let switched = on(request);
    tokio::spawn(async move {
        // Whoever went away meanwhile needs no console; dropped, it is given back.
        if let Ok(stream) = switched.await {
            held.serve(TokioIo::new(stream)).await;
        }
    });
    let headers = [("connection", "upgrade"), ("upgrade", CONSOLE_PROTOCOL)];
    (StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty()).into_response()
}

async fn recordings(
    State(context): State<Context>,
    Named(machine): Named<HostName>,
) -> Answer<Vec<RecordingRow>> {
    context.bmcs.recordings(machine).await.into()
}

/// Streams a recording as asciicast v2: its header, then what was shown, one JSON value a line.
async fn recording(
    State(context): State<Context>,
    Named(machine): Named<HostName>,
    Asked(which): Asked<Which>,
) -> Response {
    match context.bmcs.recording(machine, which.number).await {
        Ok(lines) => streamed(lines, |mut lines| async move {
            let mut told: Vec<Value> = Vec::new();
            lines.recv_many(&mut told, AT_ONCE).await;
            (!told.is_empty()).then_some((told, lines))
        }),
        Err(fault) => Answer::<()>::Fault(fault).into_response(),
    }
}
