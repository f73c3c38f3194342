//! The stream of bindings: those that there are, and with `follow` each change. Nothing is left out between them, and whoever reads
//! too slowly is told so and cut off.
//!
//! The table is told in pages, each with the number of the event after all that it shows. Before a page, the events since the one
//! before are told of addresses that were told already; all others are in this page or in one to come. So changes come in their
//! order, and nothing has to be kept for later.

use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use tokio::sync::watch;

use super::Context;
use super::input::Asked;
use super::stream::streamed;
use crate::daemon::binding::{BindingChange, BindingRow, Links, lease_of};
use crate::serve::dhcp::{LeaseState, Server, ServerError};
use crate::state::Service;

/// What may stand behind the path.
#[derive(Debug, Deserialize)]
struct Which {
    #[serde(default)]
    follow: bool,
}

pub(super) fn routes(path: impl Fn(&str) -> String) -> Router<Context> {
    Router::new().route(&path("bindings"), get(bindings))
}

/// Streams bindings, one JSON object a line.
async fn bindings(State(context): State<Context>, Asked(which): Asked<Which>) -> Response {
    let reader = Reader {
        news: context.dhcp.news(),
        dhcp: context.dhcp,
        told: 0,
        event: None,
        phase: Phase::Listing(Ipv4Addr::UNSPECIFIED),
        follow: which.follow,
    };
    streamed(reader, |mut reader| async move {
        let told = reader.more().await?;
        Some((told, reader))
    })
}

/// How far one caller has read.
struct Reader {
    dhcp: Arc<Server>,
    news: watch::Receiver<u64>,
    /// Bindings told so far.
    told: u64,
    /// The event to go on from; none before the first page.
    event: Option<u64>,
    phase: Phase,
    follow: bool,
}

#[derive(Clone, Copy)]
enum Phase {
    /// The next page begins here.
    Listing(Ipv4Addr),
    Following,
    Ended,
}

impl Reader {
    /// The next lines; none once there will be none. Asked for only as the caller takes them.
    async fn more(&mut self) -> Option<Vec<BindingChange>> {
        let told = match self.phase {
            Phase::Listing(first) => self.page(first).await,
            Phase::Following => self.changes().await,
            Phase::Ended => return None,
        };
        told.ok()
    }

    async fn page(&mut self, first: Ipv4Addr) -> Result<Vec<BindingChange>, ServerError> {
        let page = self.dhcp.page(first).await?;
        let links = self.links().await?;
        let mut told = Vec::new();
        let from = self.event.unwrap_or(page.event);
        self.between(from, page.event, Some(first), &links, &mut told)
            .await?;
        if matches!(self.phase, Phase::Ended) {
            return Ok(told);
        }
        let active = page.leases.iter();
        let active = active.filter(|lease| lease.state == LeaseState::Active);
        let rows = active.map(|lease| BindingChange::Bound(BindingRow::of(lease, &links)));
        let before = told.len();
        told.extend(rows);
        self.told += u64::try_from(told.len() - before).unwrap_or(0);
        self.event = Some(page.event);
        self.phase = match page.next {
            Some(next) => Phase::Listing(next),
            None => {
                let count = self.told;
                told.push(BindingChange::Complete { count });
                match self.follow {
                    true => Phase::Following,
                    false => Phase::Ended,
                }
            }
        };
        Ok(told)
    }

    /// Adds the changes from one event up to another, where `below` is given those of lower addresses alone.
    async fn between(
        &mut self,
        mut from: u64,
        to: u64,
        below: Option<Ipv4Addr>,
        links: &Links,
        told: &mut Vec<BindingChange>,
    ) -> Result<(), ServerError> {
        while from < to {
            let page = self.dhcp.events(from).await?;
            if page.lost > 0 {
                told.push(BindingChange::Lost { count: page.lost });
                self.phase = Phase::Ended;
                return Ok(());
            }
            let events = page.events.iter().filter(|one| one.number < to);
            let is_told = |address: Ipv4Addr| below.is_none_or(|below| address < below);
            let events =
                events.filter(|one| lease_of(one).is_some_and(|lease| is_told(lease.address)));
            told.extend(events.filter_map(|one| BindingChange::of(one, links)));
            from = page.next;
        }
        Ok(())
    }

    /// Waits for changes.
    async fn changes(&mut self) -> Result<Vec<BindingChange>, ServerError> {
        loop {
            let end = *self.news.borrow_and_update();
            let from = self.event.unwrap_or(end);
            if from < end {
                let links = self.links().await?;
                let mut told = Vec::new();
                self.between(from, end, None, &links, &mut told).await?;
                self.event = Some(end);
                if !told.is_empty() {
                    return Ok(told);
                }
            }
            let changed = self.news.changed().await;
            changed.map_err(|_| ServerError::Stopped)?;
        }
    }

    async fn links(&self) -> Result<Links, ServerError> {
        let config = self.dhcp.config().await?;
        Ok(Links::new(
            &config,
            &self.dhcp.listening(Service::Dhcp).await,
        ))
    }
}
