//! What is asked of machines' BMCs.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use super::Context;
use super::input::{Body, Named};
use super::peer::Asker;
use super::routes::Answer;
use super::stream::streamed;
use crate::base::bmc::{LogEntry, Sensor};
use crate::base::name::HostName;
use crate::daemon::bmc::{
    BmcEvent, BmcInventory, BmcOrder, BmcReading, ChosenMachines, MachineSelection, PowerEvent,
    PowerOrder, ShownCertificate, SweepEvent, SweepOrder,
};

/// Machines that are told of together.
const AT_ONCE: usize = 256;

pub(super) fn routes(path: impl Fn(&str) -> String) -> Router<Context> {
    Router::new()
        .route(&path("power"), post(power))
        .route(&path("power/done"), post(done))
        .route(&path("bmc"), post(wish))
        .route(&path("chosen"), post(chosen))
        .route(&path("discover"), post(discover))
        .route(&path("bmc/{machine}/sensors"), get(sensors))
        .route(&path("bmc/{machine}/log"), get(log).post(clear))
        .route(&path("bmc/{machine}/inventory"), get(inventory))
        .route(&path("bmc/{machine}/certificate"), get(certificate))
}

/// Answers with the machines of which more can be asked than whether they run.
async fn chosen(
    State(context): State<Context>,
    Body(which): Body<MachineSelection>,
) -> Answer<ChosenMachines> {
    context.bmcs.readable(&which).await.into()
}

async fn sensors(
    State(context): State<Context>,
    Named(machine): Named<HostName>,
) -> Answer<BmcReading<Vec<Sensor>>> {
    context.bmcs.sensors(machine).await.into()
}

async fn log(
    State(context): State<Context>,
    Named(machine): Named<HostName>,
) -> Answer<BmcReading<Vec<LogEntry>>> {
    context.bmcs.log(machine, false).await.into()
}

/// Answers with what was cleared.
async fn clear(
    State(context): State<Context>,
    Named(machine): Named<HostName>,
) -> Answer<BmcReading<Vec<LogEntry>>> {
    context.bmcs.log(machine, true).await.into()
}

async fn inventory(
    State(context): State<Context>,
    Named(machine): Named<HostName>,
) -> Answer<BmcInventory> {
    context.bmcs.inventory(machine).await.into()
}

async fn certificate(
    State(context): State<Context>,
    Named(machine): Named<HostName>,
) -> Answer<ShownCertificate> {
    context.bmcs.certificate(machine).await.into()
}

/// Answers with the machines that a person was asked about.
async fn done(
    State(context): State<Context>,
    Asker(who): Asker,
    Body(which): Body<MachineSelection>,
) -> Answer<Vec<HostName>> {
    tracing::info!(%who, "what a person was asked for is said to be done");
    context.bmcs.done_by_hand(&which).await.into()
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

/// Streams the same way what becomes of each machine's light, or of its boot override.
async fn wish(
    State(context): State<Context>,
    Asker(who): Asker,
    Body(order): Body<BmcOrder>,
) -> Response {
    tracing::info!(%who, wish = %order.wish, "asked of BMCs");
    match context.bmcs.wish(&order).await {
        Ok(events) => streamed(events, |mut events| async move {
            let mut told: Vec<BmcEvent> = Vec::new();
            events.recv_many(&mut told, AT_ONCE).await;
            (!told.is_empty()).then_some((told, events))
        }),
        Err(fault) => Answer::<()>::Fault(fault).into_response(),
    }
}

/// Streams what a sweep finds, as it does.
async fn discover(
    State(context): State<Context>,
    Asker(who): Asker,
    Body(order): Body<SweepOrder>,
) -> Response {
    tracing::info!(%who, "a sweep for BMCs is asked for");
    match context.bmcs.discover(&order).await {
        Ok(events) => streamed(events, |mut events| async move {
            let mut told: Vec<SweepEvent> = Vec::new();
            events.recv_many(&mut told, AT_ONCE).await;
            (!told.is_empty()).then_some((told, events))
        }),
        Err(fault) => Answer::<()>::Fault(fault).into_response(),
    }
}
