//! What is asked of addresses. Answered beside the owner of the world, and so during an apply too.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Deserialize;

use super::Context;
use super::input::{Asked, Body, Named};
use super::peer::Asker;
use super::routes::Answer;
use crate::base::addr::Prefix;
use crate::base::mac::MacAddr;
use crate::daemon::fault;
use crate::daemon::ip::{
    Account, AddressDetail, Granted, IpOverview, MacDetail, NextAddress, Passed, Reclaim,
    Reclaimable, Reclaimed, SubnetListing,
};
use crate::daemon::lease::PastRow;
use crate::daemon::who::now;
use crate::diag::fault::Fault;
use crate::serve::dhcp::{
    Config, Lease, LeaseState, Past, ReleaseError, ScopeCounters, Server, ServerError,
};
use crate::site::inventory::Inventory;
use crate::state::Service;
use crate::store::StoreError;
use crate::world::live::{Neighbour, answering, neighbours};

/// What may stand behind the path.
#[derive(Debug, Deserialize)]
struct Which {
    subnet: Prefix,
}

/// The same, where all may be meant.
#[derive(Debug, Deserialize)]
struct Within {
    #[serde(default)]
    subnet: Option<Prefix>,
}

pub(super) fn routes(path: impl Fn(&str) -> String) -> Router<Context> {
    Router::new()
        .route(&path("ip"), get(overview))
        .route(&path("ip/subnet"), get(subnet))
        .route(&path("ip/next"), get(next))
        .route(&path("ip/address/{address}"), get(address))
        .route(&path("ip/mac/{mac}"), get(mac))
        .route(&path("ip/reclaim"), get(reclaimable).post(reclaim))
}

/// All that an account is made of, at one moment.
struct Facts {
    inventory: Arc<Inventory>,
    config: Arc<Config>,
    leases: Vec<Lease>,
    seen: BTreeMap<IpAddr, Neighbour>,
    counted: BTreeMap<Prefix, ScopeCounters>,
}

impl Facts {
    async fn all(context: &Context) -> Result<Self, Fault> {
        let every = (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST);
        Self::within(context, every).await
    }

    async fn within(context: &Context, ends: (Ipv4Addr, Ipv4Addr)) -> Result<Self, Fault> {
        let inventory = context.in_force.inventory().await?;
        let dhcp = &context.dhcp;
        let world = |error: ServerError| fault::world(&error);
        let config = dhcp.config().await.map_err(world)?;
        let mut leases = dhcp.leases_in(ends).await.map_err(world)?;
        leases.retain(|lease| lease.state != LeaseState::Idle);
        // What nobody tells is not known, and no reason to tell nothing.
        let seen = neighbours().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the kernel tells of no neighbours");
            Vec::new()
        });
        let seen = seen.into_iter().map(|one| (one.address, one)).collect();
        Ok(Self {
            inventory,
            config,
            leases,
            seen,
            counted: dhcp.scopes().await.map_err(world)?,
        })
    }

    fn account(&self) -> Account<'_> {
        let granted = Granted {
            config: &self.config,
            leases: &self.leases,
            seen: &self.seen,
            counted: &self.counted,
            now: now().0,
        };
        Account::new(&self.inventory, granted)
    }
}

async fn overview(State(context): State<Context>) -> Answer<IpOverview> {
    let facts = Facts::all(&context).await;
    facts.map(|facts| facts.account().overview()).into()
}

async fn subnet(
    State(context): State<Context>,
    Asked(Which { subnet }): Asked<Which>,
) -> Answer<Vec<SubnetListing>> {
    some(&context, subnet, |account| account.listings(subnet))
        .await
        .into()
}

async fn next(
    State(context): State<Context>,
    Asked(Which { subnet }): Asked<Which>,
) -> Answer<Vec<NextAddress>> {
    some(&context, subnet, |account| account.next(subnet))
        .await
        .into()
}

/// What is told of the subnets with this prefix, where there are any.
async fn some<T>(
    context: &Context,
    subnet: Prefix,
    tell: impl FnOnce(&Account<'_>) -> Vec<T>,
) -> Result<Vec<T>, Fault> {
    context.in_force.applied().await?;
    let facts = Facts::all(context).await?;
    let told = tell(&facts.account());
    if told.is_empty() {
        return Err(fault::no_subnet(subnet, &facts.inventory));
    }
    Ok(told)
}

async fn address(
    State(context): State<Context>,
    Named(address): Named<IpAddr>,
) -> Answer<AddressDetail> {
    one(&context, address).await.into()
}

async fn one(context: &Context, address: IpAddr) -> Result<AddressDetail, Fault> {
    context.in_force.applied().await?;
    let IpAddr::V4(v4) = address else {
        let facts = Facts::all(context).await?;
        return known(facts.account().address(address, None), address);
    };
    let facts = Facts::within(context, (v4, v4)).await?;
    let leases = context.dhcp.leases_in((v4, v4)).await;
    let leases = leases.map_err(|error| fault::world(&error))?;
    let history = past(&context.dhcp, move |dhcp| dhcp.past_at(v4)).await?;
    let detail = AddressDetail {
        history,
        ..facts.account().address(address, leases.first())
    };
    known(detail, address)
}

/// What is told of an address, where there is anything.
fn known(detail: AddressDetail, address: IpAddr) -> Result<AddressDetail, Fault> {
    let is_known = detail.subnet.is_some() || detail.lease.is_some() || !detail.history.is_empty();
    is_known
        .then_some(detail)
        .ok_or_else(|| fault::no_address(address))
}

async fn mac(State(context): State<Context>, Named(mac): Named<MacAddr>) -> Answer<MacDetail> {
    of_mac(&context, mac).await.into()
}

async fn of_mac(context: &Context, mac: MacAddr) -> Result<MacDetail, Fault> {
    context.in_force.applied().await?;
    let facts = Facts::all(context).await?;
    let leases = context.dhcp.leases_of(mac.into()).await;
    let leases = leases.map_err(|error| fault::world(&error))?;
    let history = past(&context.dhcp, move |dhcp| dhcp.past_of(mac.into())).await?;
    Ok(MacDetail {
        history,
        ..facts.account().mac(mac, &leases)
    })
}

/// Reads the past from the disk.
async fn past(
    dhcp: &Arc<Server>,
    read: impl FnOnce(&Server) -> Result<Vec<Past>, StoreError> + Send + 'static,
) -> Result<Vec<PastRow>, Fault> {
    let dhcp = Arc::clone(dhcp);
    let read = tokio::task::spawn_blocking(move || read(&dhcp)).await;
    let pasts = read.map_err(|_| fault::closing())?;
    let pasts = pasts.map_err(|error| fault::unread(&error))?;
    Ok(pasts.iter().map(PastRow::of).collect())
}

/// Addresses that are kept for nobody's good, with the lease that each ends with.
async fn found(
    context: &Context,
    within: Option<Prefix>,
) -> Result<Vec<(Lease, Reclaimable)>, Fault> {
    let facts = Facts::all(context).await?;
    if let Some(within) = within
        && !facts.inventory.has(within)
    {
        return Err(fault::no_subnet(within, &facts.inventory));
    }
    let listening = context.dhcp.listening(Service::Dhcp).await;
    let account = facts.account();
    let asked = account.askable(within, &listening);
    let answered = if asked.is_empty() {
        BTreeMap::new()
    } else {
        answering(&asked).await
    };
    let found = account.reclaimable(within, &asked, &answered).into_iter();
    Ok(found.map(|one| (one.lease.clone(), one.told)).collect())
}

async fn reclaimable(
    State(context): State<Context>,
    Asked(Within { subnet }): Asked<Within>,
) -> Answer<Vec<Reclaimable>> {
    let found = found(&context, subnet).await;
    let told = found.map(|found| found.into_iter().map(|(_, told)| told).collect());
    told.into()
}

/// Ends the leases of these addresses, those of them that can still be had back.
async fn reclaim(
    State(context): State<Context>,
    Asker(who): Asker,
    Asked(Within { subnet }): Asked<Within>,
    Body(Reclaim { addresses }): Body<Reclaim>,
) -> Answer<Reclaimed> {
    let found = match found(&context, subnet).await {
        Ok(found) => found,
        Err(fault) => return Answer::Fault(fault),
    };
    let mut reclaimed = Reclaimed::default();
    for address in addresses {
        let lease = found.iter().find(|(lease, _)| lease.address == address);
        let ended = match lease {
            Some((lease, _)) => context.dhcp.release_as_seen(lease).await.map(drop),
            None => Err(ReleaseError::Changed(address)),
        };
        match ended {
            Ok(()) => reclaimed.freed.push(address),
            Err(error) => reclaimed.kept.push(Passed {
                address: address.into(),
                because: error.to_string(),
            }),
        }
    }
    let (freed, kept) = (reclaimed.freed.len(), reclaimed.kept.len());
    tracing::info!(freed, kept, by = %who, "addresses were reclaimed by hand");
    Answer::Value(reclaimed)
}
