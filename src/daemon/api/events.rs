//! The stream of events: those that are kept, and with `follow` those that come. Whoever reads slowly loses the oldest.

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
use crate::daemon::event::LeaseEvent;
use crate::serve::dhcp::{Events, Server};

/// What may stand behind the path.
#[derive(Debug, Deserialize)]
struct Which {
    #[serde(default)]
    follow: bool,
    /// The last event that the caller knows.
    #[serde(default)]
    after: Option<u64>,
}

pub(super) fn routes(path: impl Fn(&str) -> String) -> Router<Context> {
    Router::new().route(&path("events"), get(events))
}

/// Streams events, one JSON object a line.
async fn events(State(context): State<Context>, Asked(which): Asked<Which>) -> Response {
    let reader = Reader {
        news: context.dhcp.news(),
        dhcp: context.dhcp,
        next: which.after.map(|after| after.saturating_add(1)),
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
    /// The number to go on from; none before the first, when nothing was lost yet.
    next: Option<u64>,
    follow: bool,
}

impl Reader {
    /// The next events; none once there will be none. Asked for only as the caller takes them.
    async fn more(&mut self) -> Option<Vec<LeaseEvent>> {
        loop {
            let end = *self.news.borrow_and_update();
            if self.next.is_some_and(|next| next > end) {
                // Such an event is not of this run of the daemon.
                self.next = None;
                return Some(vec![LeaseEvent::Restart {}]);
            }
            let page = self.dhcp.events(self.next.unwrap_or(0)).await.ok()?;
            let told = told(&page, self.next.is_none());
            self.next = Some(page.next);
            if !told.is_empty() {
                return Some(told);
            }
            if !self.follow {
                return None;
            }
            self.news.changed().await.ok()?;
        }
    }
}

fn told(page: &Events, is_first: bool) -> Vec<LeaseEvent> {
    let lost = (page.lost > 0 && !is_first).then_some(LeaseEvent::Lost { count: page.lost });
    let events = page.events.iter().map(LeaseEvent::of);
    lost.into_iter().chain(events).collect()
}
