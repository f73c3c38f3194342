//! What is asked of the DHCP server. It answers by itself, beside the owner of the world, and so during an apply too.

use axum::Router;
use axum::extract::State;
use axum::routing::get;

use super::Context;
use super::routes::Answer;
use crate::daemon::fault;
use crate::daemon::lease::LeaseRow;

pub(super) fn routes(path: impl Fn(&str) -> String) -> Router<Context> {
    Router::new().route(&path("leases"), get(leases))
}

async fn leases(State(context): State<Context>) -> Answer<Vec<LeaseRow>> {
    let leases = context.dhcp.leases().await;
    let leases = leases.map_err(|error| fault::world(&error));
    leases
        .map(|leases| leases.iter().filter_map(LeaseRow::of).collect())
        .into()
}
