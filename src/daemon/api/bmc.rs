//! What is asked of machines' BMCs.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;

use super::Context;
use super::input::Body;
use super::peer::Asker;
use super::routes::Answer;
use super::stream::streamed;
use crate::daemon::bmc::{PowerEvent, PowerOrder};

/// Machines that are told of together.
const AT_ONCE: usize = 256;

pub(super) fn routes(path: impl Fn(&str) -> String) -> Router<Context> {
    Router::new().route(&path("power"), post(power))
}

/// Streams what becomes of each machine, one JSON object a line.
async fn power(
    State(context): State<Context>,
    Asker(who): Asker,
    Body(order): Body<PowerOrder>,
) -> Response {
    if let Some(action) = order.action {
        tracing::info!(%who, "{action} is asked for");
    }
    match context.bmcs.power(&order).await {
        Ok(events) => streamed(events, |mut events| async move {
            let mut told: Vec<PowerEvent> = Vec::new();
            events.recv_many(&mut told, AT_ONCE).await;
            (!told.is_empty()).then_some((told, events))
        }),
        Err(fault) => Answer::<()>::Fault(fault).into_response(),
    }
}
