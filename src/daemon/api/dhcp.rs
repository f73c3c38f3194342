//! What is asked of the DHCP server. It answers by itself, beside the owner of the world, and so during an apply too.

use std::net::Ipv4Addr;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};

use super::Context;
use super::input::{Asked, Named};
use super::peer::Asker;
use super::routes::Answer;
use crate::daemon::fault;
use crate::daemon::lease::{LeaseFilter, LeaseRow, is_called};
use crate::daemon::who::Who;
use crate::daemon::why::WaitingRow;
use crate::diag::fault::Fault;
use crate::serve::dhcp::LeaseState;

pub(super) fn routes(path: impl Fn(&str) -> String) -> Router<Context> {
    Router::new()
        .route(&path("leases"), get(leases))
        .route(&path("leases/{address}/release"), post(release))
        .route(&path("waiting"), get(waiting))
}

async fn leases(
    State(context): State<Context>,
    Asked(filter): Asked<LeaseFilter>,
) -> Answer<Vec<LeaseRow>> {
    filtered(&context, &filter).await.into()
}

async fn filtered(context: &Context, filter: &LeaseFilter) -> Result<Vec<LeaseRow>, Fault> {
    let dhcp = &context.dhcp;
    let leases = match (filter.mac, filter.ends()) {
        (_, None) => Ok(Vec::new()),
        (Some(mac), Some(_)) => dhcp.leases_of(mac.into()).await,
        (None, Some(ends)) => dhcp.leases_in(ends).await,
    };
    let leases = leases.map_err(|error| fault::world(&error))?;
    let config = dhcp.config().await.map_err(|error| fault::world(&error))?;
    let taken = leases.iter().filter(|lease| filter.takes(lease, &config));
    let rows: Vec<LeaseRow> = taken.map(|lease| LeaseRow::of(lease, &config)).collect();
    if rows.is_empty() {
        place(context, filter).await?;
    }
    Ok(rows)
}

/// Whether there is such a place: leases of one that is no more are listed all the same.
async fn place(context: &Context, filter: &LeaseFilter) -> Result<(), Fault> {
    if filter.vlan.is_none() && filter.subnet.is_none() {
        return Ok(());
    }
    let site = context.in_force.applied().await?;
    if let Some(vlan) = &filter.vlan
        && !site.subnets.iter().any(|one| is_called(&one.vlan, vlan))
    {
        return Err(fault::no_vlan(vlan, &site));
    }
    if let Some(subnet) = filter.subnet
        && !site.subnets.iter().any(|one| one.subnet.overlaps(subnet))
    {
        return Err(fault::no_subnet(subnet, &site));
    }
    Ok(())
}

/// Ends a lease; answered once that is durable, with the lease as it was.
async fn release(
    State(context): State<Context>,
    Asker(who): Asker,
    Named(address): Named<Ipv4Addr>,
) -> Answer<LeaseRow> {
    released(&context, (address, who)).await.into()
}

async fn released(context: &Context, (address, who): (Ipv4Addr, Who)) -> Result<LeaseRow, Fault> {
    let released = context.dhcp.release(address).await;
    let lease = released.map_err(|error| fault::release(&error))?;
    let client = lease.hardware;
    match lease.state {
        LeaseState::Declined => {
            tracing::info!(%address, %client, by = %who, "a quarantine was ended by hand");
        }
        LeaseState::Offered | LeaseState::Active | LeaseState::Idle => {
            tracing::info!(%address, %client, by = %who, "a lease was ended by hand");
        }
    }
    let config = context.dhcp.config().await;
    let config = config.map_err(|error| fault::world(&error))?;
    Ok(LeaseRow::of(&lease, &config))
}

async fn waiting(State(context): State<Context>) -> Answer<Vec<WaitingRow>> {
    let waiting = context.dhcp.waiting().await;
    let rows = waiting.map(|all| all.iter().map(WaitingRow::of).collect());
    rows.map_err(|error| fault::world(&error)).into()
}
