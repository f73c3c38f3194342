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
use crate::base::mark::LastKnown;
use crate::daemon::event::LeaseEvent;
use crate::serve::dhcp::{Events, Server};

/// What may stand behind the path.
#[derive(Debug, Deserialize)]
struct Which {
    #[serde(default)]
    follow: bool,
    /// The last event that the caller knows.
    #[serde(default)]
    after: Option<LastKnown>,
}

pub(super) fn routes(path: impl Fn(&str) -> String) -> Router<Context> {
    Router::new().route(&path("events"), get(events))
}

/// Streams events, one JSON object a line.
async fn events(State(context): State<Context>, Asked(which): Asked<Which>) -> Response {
    let reader = Reader {
        news: context.dhcp.news(),
        dhcp: context.dhcp,
        from: which.after.map_or(Begin::Kept, Begin::After),
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
    from: Begin,
    follow: bool,
}

/// Where to go on.
#[derive(Clone, Copy)]
enum Begin {
    /// The first that is kept: what was lost before is lost to all.
    Kept,
    /// The one after this, which may be of an earlier run.
    After(LastKnown),
    /// This number.
    Number(u64),
}

impl Reader {
    /// The next events; none once there will be none. Asked for only as the caller takes them.
    async fn more(&mut self) -> Option<Vec<LeaseEvent>> {
        loop {
            let end = *self.news.borrow_and_update();
            let next = match self.from {
                Begin::Kept => 0,
                Begin::Number(number) => number,
                Begin::After(known) => match self.after(known, end) {
                    Some(number) => number,
                    None => {
                        self.from = Begin::Number(0);
                        let run = self.dhcp.run();
                        return Some(vec![LeaseEvent::Restart { run }]);
                    }
                },
            };
            let page = self.dhcp.events(next).await.ok()?;
            let told = told(&page, matches!(self.from, Begin::Kept));
            self.from = Begin::Number(page.next);
            if !told.is_empty() {
                return Some(told);
            }
            if !self.follow {
                return None;
            }
            self.news.changed().await.ok()?;
        }
    }

    /// The number after an event that the caller knows; none where that is of an earlier run.
    fn after(&self, known: LastKnown, end: u64) -> Option<u64> {
        let next = known.number.saturating_add(1);
        match known.run {
            // Of what has not come yet nothing is left out.
            Some(run) if run == self.dhcp.run() => Some(next.min(end)),
            Some(_) => None,
            None => (next <= end).then_some(next),
        }
    }
}

fn told(page: &Events, is_first: bool) -> Vec<LeaseEvent> {
    let lost = (page.lost > 0 && !is_first).then_some(LeaseEvent::Lost { count: page.lost });
    let events = page.events.iter().map(LeaseEvent::of);
    lost.into_iter().chain(events).collect()
}
