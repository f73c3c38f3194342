//! Hands events to whoever the site names for them, each in a lane of its own: bounded, in order, waited for by nobody. Must not know
//! how they are told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::board::Board;
use crate::base::hook::HookEvent;
use crate::base::name::Name;
use crate::daemon::event::LeaseEvent;
use crate::serve::dhcp::{Events, Server};
use crate::state::{Hook, Webhook};
use crate::world::InForce;

/// Events that wait in one lane.
pub(in crate::daemon) const QUEUE: usize = 256;

/// What is told of events.
pub(in crate::daemon) trait Hearer: PartialEq + Send + Sync + 'static {
    /// What the site calls it.
    const KIND: &str;

    fn events(&self) -> &BTreeSet<HookEvent>;
}

impl Hearer for Hook {
    const KIND: &str = "hook";

    fn events(&self) -> &BTreeSet<HookEvent> {
        &self.events
    }
}

impl Hearer for Webhook {
    const KIND: &str = "webhook";

    fn events(&self) -> &BTreeSet<HookEvent> {
        &self.events
    }
}

/// An event, and who is to hear it: as the site said when it happened.
pub(in crate::daemon) struct Job<T> {
    pub(in crate::daemon) hearer: Arc<T>,
    pub(in crate::daemon) event: LeaseEvent,
    /// When it came into its lane.
    pub(in crate::daemon) since: Instant,
}

/// What waits in one lane.
pub(in crate::daemon) type Jobs<T> = mpsc::Receiver<Job<T>>;

/// What one hearer has to do, in order; it ends with this.
struct Lane<T> {
    queue: mpsc::Sender<Job<T>>,
    work: AbortHandle,
    burst: Burst,
}

/// Events that find no room, one after another: told of once. It lasts until half of the room is free again, since one that empties its
/// full lane event by event is still behind.
#[derive(Debug, Default)]
struct Burst {
    is_on: bool,
}

impl Burst {
    /// Notes an event, and how many more have room after it, or that it had none itself; whether that is to be told of.
    fn begins(&mut self, room: Option<usize>) -> bool {
        match room {
            None => !std::mem::replace(&mut self.is_on, true),
            Some(room) => {
                self.is_on &= room < QUEUE / 2;
                false
            }
        }
    }
}

impl<T> Drop for Lane<T> {
    fn drop(&mut self) {
        self.work.abort();
    }
}

/// Hands events to the hearers in force, until the DHCP server has ended. `start` begins to empty the lane of one.
pub(in crate::daemon) async fn serve<T: Hearer>(
    dhcp: Arc<Server>,
    mut in_force: watch::Receiver<InForce<T>>,
    board: Board,
    start: impl Fn(Name, Jobs<T>) -> AbortHandle,
) {
    let mut lanes = Lanes::new(board, start);
    let mut news = dhcp.news();
    let mut next = 0;
    loop {
        news.borrow_and_update();
        lanes.adopt(&in_force.borrow_and_update());
        if lanes.lanes.is_empty() {
            // The DHCP server is not asked for what nobody hears, and what happens until somebody does is not theirs.
            if in_force.changed().await.is_err() {
                return;
            }
            next = *news.borrow_and_update();
            continue;
        }
        loop {
            let Ok(page) = dhcp.events(next).await else {
                return;
            };
            next = page.next;
            if page.events.is_empty() {
                break;
            }
            lanes.hand_out(&page);
        }
        tokio::select! {
            changed = news.changed() => if changed.is_err() { return },
            changed = in_force.changed() => if changed.is_err() { return },
        }
    }
}

/// The hearers in force, each with its lane.
pub(in crate::daemon) struct Lanes<T, S> {
    hearers: InForce<T>,
    lanes: BTreeMap<Name, Lane<T>>,
    board: Board,
    start: S,
}

impl<T: Hearer, S: Fn(Name, Jobs<T>) -> AbortHandle> Lanes<T, S> {
    pub(in crate::daemon) fn new(board: Board, start: S) -> Self {
        Self {
            hearers: InForce::default(),
            lanes: BTreeMap::new(),
            board,
            start,
        }
    }

    /// Takes up what the site says now. What waits for a hearer that is gone is dropped, and what is being done for it ends.
    pub(in crate::daemon) fn adopt(&mut self, hearers: &InForce<T>) {
        if Arc::ptr_eq(hearers, &self.hearers) {
            return;
        }
        self.hearers = Arc::clone(hearers);
        self.lanes.retain(|name, _| hearers.contains_key(name));
        self.board.keep(hearers.keys());
        for name in hearers.keys() {
            if self.lanes.contains_key(name) {
                continue;
            }
            let (queue, jobs) = mpsc::channel(QUEUE);
            let work = (self.start)(name.clone(), jobs);
            let lane = Lane {
                queue,
                work,
                burst: Burst::default(),
            };
            self.lanes.insert(name.clone(), lane);
        }
    }

    fn hand_out(&mut self, page: &Events) {
        for name in self.lanes.keys().filter(|_| page.lost > 0) {
            tracing::warn!(%name, lost = page.lost, "events came faster than a {} could be handed them, and are lost to it", T::KIND);
            self.board.note(name, |tally| tally.dropped += page.lost);
        }
        for told in &page.events {
            self.hand_one(&LeaseEvent::of(told));
        }
    }

    pub(in crate::daemon) fn hand_one(&mut self, event: &LeaseEvent) {
        let Some(kind) = event.kind() else {
            return;
        };
        for (name, hearer) in self.hearers.iter() {
            let hears = hearer.events().contains(&kind);
            let lane = self.lanes.get_mut(name).filter(|_| hears);
            let Some(lane) = lane else {
                continue;
            };
            let job = Job {
                hearer: Arc::clone(hearer),
                event: event.clone(),
                since: Instant::now(),
            };
            // Before it can have ended.
            self.board.note(name, |tally| tally.waiting += 1);
            let is_kept = lane.queue.try_send(job).is_ok();
            if lane.burst.begins(is_kept.then(|| lane.queue.capacity())) {
                tracing::warn!(%name, "a {} is {QUEUE} events behind: further ones are dropped until it has caught up; `bedplate status` counts them", T::KIND);
            }
            if !is_kept {
                self.board.note(name, |tally| {
                    tally.waiting -= 1;
                    tally.dropped += 1;
                });
            }
        }
    }

    #[cfg(test)]
    pub(in crate::daemon) fn work(&self, name: &Name) -> AbortHandle {
        self.lanes[name].work.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_dropped_events_is_told_of_once() {
        let mut burst = Burst::default();
        for (step, (room, expected)) in [
            (Some(1), false),
            (Some(0), false),
            (None, true),
            (None, false),
            // Still behind.
            (Some(0), false),
            (None, false),
            (Some(QUEUE / 2 - 1), false),
            (None, false),
            // It has caught up.
            (Some(QUEUE / 2), false),
            (Some(0), false),
            (None, true),
            (None, false),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(burst.begins(room), expected, "step {step}");
        }
    }
}
