//! Paths and what answers them.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Json, State};
use axum::http::{Method, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::input::{Body, By, Named};
use super::peer::Asker;
use super::stream::streamed;
use super::{Context, VERSION, bindings, bmc, console, dhcp, events, ip, keep, peer, why};
use crate::apply::Event;
use crate::base::digest::Digest;
use crate::base::duration::Seconds;
use crate::base::limit;
use crate::base::name::HostName;
use crate::daemon::bundle::{Bundle, FORMAT_VERSION};
use crate::daemon::confirm::WITHIN;
use crate::daemon::doing::Doing;
use crate::daemon::draft::Planned;
use crate::daemon::fault;
use crate::daemon::order::Order;
use crate::daemon::reconcile::Request;
use crate::daemon::status::Status;
use crate::daemon::turn::UnderWay;
use crate::daemon::who::{Who, now};
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::plan::{HazardKind, Selection};
use crate::state::{ClientSession, Observation};

/// Events go out together no more often than this: an apply has thousands of them, and whoever watches sees fifty a second.
const PACE: Duration = Duration::from_millis(20);

/// Events that go out together at most.
const MOST_AT_ONCE: usize = 1024;

/// What `POST /v1/plan` takes: a bundle, and what of it to plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ask {
    #[serde(flatten)]
    pub bundle: Bundle,
    #[serde(default)]
    pub selection: Selection,
}

/// What `POST /v1/apply` takes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Apply {
    pub bundle: Bundle,
    /// Id of the plan that was shown; any other is refused as stale.
    pub plan: String,
    /// What the plan was made of.
    #[serde(default)]
    pub selection: Selection,
    pub allow: BTreeSet<HazardKind>,
    /// Reverted unless somebody confirms within this time.
    #[serde(default)]
    pub confirm_within: Option<Seconds>,
    /// The entry of the history whose state this goes back to, to be remembered so.
    #[serde(default)]
    pub back_to: Option<u64>,
}

/// A value, or why there is none.
pub(super) enum Answer<T> {
    Value(T),
    Fault(Fault),
}

pub(super) fn router(context: Context) -> Router {
    let path = |name: &str| format!("/{VERSION}/{name}");
    Router::new()
        .route(&path("controller"), get(controller))
        .route(&path("plan"), post(plan))
        .route(&path("apply"), post(apply))
        .route(&path("status"), get(status))
        .route(&path("doing"), get(doing))
        .route(&path("observation"), get(observation))
        .merge(keep::routes(path))
        .merge(dhcp::routes(path))
        .merge(why::routes(path))
        .merge(events::routes(path))
        .merge(ip::routes(path))
        .merge(bindings::routes(path))
        .merge(bmc::routes(path))
        .merge(console::routes(path))
        // Sources fit the limit; JSON may double what it escapes.
        .layer(DefaultBodyLimit::max(limit::SOURCE_BYTES * 2))
        .route(
            &path("blobs/{digest}"),
            put(upload).layer(DefaultBodyLimit::disable()),
        )
        .fallback(unknown)
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn_with_state(context.clone(), peer::check))
        .with_state(context)
}

async fn plan(
    State(context): State<Context>,
    Asker(who): Asker,
    By(client): By,
    Body(ask): Body<Ask>,
) -> Answer<Planned> {
    let Ask { bundle, selection } = ask;
    if let Err(fault) = readable(&bundle) {
        return Answer::Fault(fault);
    }
    let planned = asked(&context, |reply| Request::Plan {
        bundle,
        selection,
        client,
        who,
        reply,
    });
    planned.await.and_then(|planned| planned).into()
}

/// Streams the events of the apply, one JSON object a line.
async fn apply(
    State(context): State<Context>,
    Asker(who): Asker,
    By(client): By,
    Body(apply): Body<Apply>,
) -> Response {
    let order = match ordered(&context, who, client, apply) {
        Ok(order) => Box::new(order),
        Err(fault) => return Answer::<()>::Fault(fault).into_response(),
    };
    let asked = asked(&context, |reply| Request::Apply { order, reply });
    match asked.await.and_then(|events| events) {
        Ok(events) => streamed((events, Instant::now()), |(mut events, next)| async move {
            sleep_until(next).await;
            let mut told: Vec<Event> = Vec::new();
            events.recv_many(&mut told, MOST_AT_ONCE).await;
            let next = Instant::now() + PACE;
            (!told.is_empty()).then_some((told, (events, next)))
        }),
        Err(fault) => Answer::<()>::Fault(fault).into_response(),
    }
}

/// The order of an apply, which has the turn from now on.
fn ordered(
    context: &Context,
    who: Who,
    client: Option<ClientSession>,
    apply: Apply,
) -> Result<Order, Fault> {
    let Apply {
        bundle,
        plan,
        selection,
        allow,
        confirm_within,
        back_to,
    } = apply;
    readable(&bundle)?;
    if let Some(within) = confirm_within.filter(|within| !WITHIN.contains(within)) {
        return Err(fault::within(within));
    }
    let wanted = UnderWay {
        plan: plan.clone(),
        who: who.clone(),
        since: now(),
    };
    let turn = context
        .turns
        .take(wanted)
        .map_err(|holder| fault::busy(&holder))?;
    Ok(Order {
        bundle,
        plan,
        selection,
        allow,
        confirm_within,
        back_to,
        who,
        client,
        turn,
    })
}

async fn status(State(context): State<Context>) -> Answer<Status> {
    // The owner of the world has no ear for anybody while it applies.
    if let Some(under_way) = context.turns.holder() {
        let machines = context.doings.machines();
        let mut status = Status::amid(&context.controller, under_way, machines);
        status.asked = context.bmcs.asked_by_hand();
        return Answer::Value(status);
    }
    let status = asked(&context, |reply| Request::Status { reply }).await;
    let (mut status, of_machines) = match status.and_then(|status| status) {
        Ok(status) => status,
        Err(fault) => return Answer::Fault(fault),
    };
    status.bmcs = context.bmcs.summary();
    status.asked = context.bmcs.asked_by_hand();
    status.machines = context.bmcs.machine_drift().await;
    let since = context.turns.ended();
    status.powers = context.bmcs.power_drift(since).await;
    status.boot_orders = context.bmcs.boot_order_drift(since).await;
    let all = of_machines.len();
    let heard = of_machines.into_iter();
    let heard = heard.filter(|key| context.bmcs.is_heard(key, since));
    status.count_machines(all, &heard.collect());
    Answer::Value(status)
}

/// What those wait for whom the owner of the world does not answer yet.
async fn doing(State(context): State<Context>) -> Answer<Option<Doing>> {
    Answer::Value(context.doings.now())
}

async fn observation(State(context): State<Context>) -> Answer<Observation> {
    if let Some(under_way) = context.turns.holder() {
        return Answer::Fault(fault::busy(&under_way));
    }
    asked(&context, |reply| Request::Observe { reply })
        .await
        .and_then(|observed| observed)
        .into()
}

async fn controller(State(context): State<Context>) -> Answer<HostName> {
    Answer::Value(context.controller)
}

async fn upload(
    State(context): State<Context>,
    Named(digest): Named<Digest>,
    body: axum::body::Body,
) -> Answer<()> {
    let kept = context.blobs.put(digest, body.into_data_stream()).await;
    kept.map_err(|error| fault::blob(&error)).into()
}

async fn unknown() -> Answer<()> {
    let message = format!("this daemon speaks version {VERSION} of the API");
    Answer::Fault(
        Fault::new(Code::ApiVersion, message)
            .help("use the same version of bedplate on both sides"),
    )
}

async fn no_such_method(method: Method) -> Answer<()> {
    let message = format!("this path does not take {method}");
    Answer::Fault(Fault::new(Code::BadRequest, message))
}

fn readable(bundle: &Bundle) -> Result<(), Fault> {
    if bundle.format_version == FORMAT_VERSION {
        return Ok(());
    }
    let message = format!(
        "the bundle has format {}, this daemon reads {FORMAT_VERSION}",
        bundle.format_version
    );
    Err(Fault::new(Code::ApiVersion, message)
        .help("use the same version of bedplate on both sides"))
}

/// Asks the owner of the world, and waits for the answer.
pub(super) async fn asked<T>(
    context: &Context,
    request: impl FnOnce(oneshot::Sender<T>) -> Request,
) -> Result<T, Fault> {
    let (reply, answer) = oneshot::channel();
    context
        .requests
        .send(request(reply))
        .await
        .map_err(|_| fault::closing())?;
    answer.await.map_err(|_| fault::closing())
}

impl<T> From<Result<T, Fault>> for Answer<T> {
    fn from(result: Result<T, Fault>) -> Self {
        match result {
            Ok(value) => Self::Value(value),
            Err(fault) => Self::Fault(fault),
        }
    }
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Value(value) => Json(value).into_response(),
            Self::Fault(fault) => (http_status(fault.code), Json(fault)).into_response(),
        }
    }
}

/// What another moment, or another request first, would have allowed.
const CONFLICTS: [Code; 10] = [
    Code::ApplyBusy,
    Code::PlanStale,
    Code::ContentMissing,
    Code::ApplyUnconfirmed,
    Code::NothingToConfirm,
    Code::OnHold,
    Code::NotOnHold,
    Code::NoSuchState,
    Code::NoSuchLease,
    Code::ConsoleInUse,
];

/// The HTTP status beside a fault, for clients that read no further.
fn http_status(code: Code) -> StatusCode {
    if code == Code::PeerRefused {
        StatusCode::FORBIDDEN
    } else if code == Code::ApiVersion {
        StatusCode::NOT_FOUND
    } else if CONFLICTS.contains(&code) {
        StatusCode::CONFLICT
    } else if [
        Code::BadRequest,
        Code::NoSuchController,
        Code::ObjectUnknown,
        Code::NoSuchMachine,
        Code::NoSuchRecording,
    ]
    .contains(&code)
    {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    }
}
