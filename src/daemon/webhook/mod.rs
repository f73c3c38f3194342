//! Webhooks: tells what happens to leases to the URLs that the site names, one event after another, again and again while nobody takes
//! it. Nobody waits for that.

mod post;
mod retry;
mod secret;
mod sign;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;

use hyper::body::Bytes;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use self::post::{Failure, Poster};
use self::retry::Patience;
use super::event::LeaseEvent;
use super::hook::Board;
use super::hook::lane::{self, Job, Jobs};
use crate::base::name::Name;
use crate::serve::dhcp::Server;
use crate::state::Webhook;
use crate::world::WebhooksInForce;
use crate::world::https::Trust;

/// Tells webhooks of events, until the DHCP server has ended.
pub(super) async fn serve(
    dhcp: Arc<Server>,
    in_force: watch::Receiver<WebhooksInForce>,
    board: Board,
) {
    let start = starter(in_force.clone(), board.clone(), Patience::USUAL);
    lane::serve(dhcp, in_force, board, start).await;
}

/// What begins to tell a webhook.
fn starter(
    in_force: watch::Receiver<WebhooksInForce>,
    board: Board,
    patience: Patience,
) -> impl Fn(Name, Jobs<Webhook>) -> AbortHandle {
    let trust = Trust::default();
    move |name, jobs| {
        let teller = Teller {
            name,
            in_force: in_force.clone(),
            board: board.clone(),
            patience,
            poster: Poster::new(trust.clone()),
        };
        tokio::spawn(teller.work(jobs)).abort_handle()
    }
}

/// A number that nobody foresees: enough to keep apart the tries of several webhooks.
fn chance() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Tells one webhook.
struct Teller {
    name: Name,
    in_force: watch::Receiver<WebhooksInForce>,
    board: Board,
    patience: Patience,
    poster: Poster,
}

impl Teller {
    async fn work(mut self, mut jobs: Jobs<Webhook>) {
        while let Some(job) = jobs.recv().await {
            let ended = self.tell(&job).await;
            if let Err(failure) = &ended {
                tracing::warn!(webhook = %self.name, event = job.event.word(), %failure, "a webhook gave an event up");
            }
            self.board.note(&self.name, |tally| tally.ended(ended));
        }
    }

    /// Tells one event until it is taken, or given up.
    async fn tell(&mut self, job: &Job<Webhook>) -> Result<(), Failure> {
        let id = id(&job.event);
        // Every event has a form as JSON.
        let body = Bytes::from(serde_json::to_vec(&job.event).unwrap_or_default());
        let mut tries = 0;
        loop {
            let webhook = self.current(job);
            let Err(failure) = self.poster.post(&webhook, &id, &body).await else {
                return Ok(());
            };
            tries += 1;
            let jitter = (chance() >> 48) as u16;
            let (age, asked) = (job.since.elapsed(), failure.asked());
            let wait = self.patience.wait(tries, age, asked, jitter);
            let Some(wait) = wait.filter(|_| failure.may_pass()) else {
                return Err(failure);
            };
            tracing::info!(webhook = %self.name, event = job.event.word(), %failure, ?wait, "a webhook tries again");
            self.board
                .note(&self.name, |tally| tally.tries_again(&failure));
            self.pause(wait, &webhook).await;
        }
    }

    /// What the site says of it now: a mended URL counts for what waits already.
    fn current(&self, job: &Job<Webhook>) -> Arc<Webhook> {
        let in_force = self.in_force.borrow();
        Arc::clone(in_force.get(&self.name).unwrap_or(&job.hearer))
    }

    /// Waits, and no longer than the site says the same of it.
    async fn pause(&mut self, wait: std::time::Duration, webhook: &Arc<Webhook>) {
        let name = &self.name;
        let changed = self.in_force.wait_for(|in_force| {
            let now = in_force.get(name);
            now.is_some_and(|now| now != webhook)
        });
        tokio::select! {
            () = sleep(wait) => {}
            Ok(_) = changed => {}
        }
    }
}

/// The same for every try of an event, and for no other event: numbers alone begin anew with each run of the daemon.
fn id(event: &LeaseEvent) -> String {
    // What has none is no event of the server, so that nobody is told.
    let mark = event.mark();
    mark.map_or_else(String::new, |mark| format!("{}-{}", mark.run, mark.number))
}
