//! Hooks: hands what happens to leases to the programs that the site names. Nobody waits for them: each has a bounded queue of its own,
//! and what finds it full is dropped and counted.

mod board;
mod run;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::AbortHandle;

use super::event::LeaseEvent;
use crate::base::name::Name;
use crate::serve::dhcp::{Events, Server};
use crate::state::Hook;
use crate::world::HooksInForce;
pub(super) use board::Board;
pub use board::HookTally;

/// Events that wait for one hook.
const QUEUE: usize = 256;

/// Programs that run at once, whosever they are.
const AT_ONCE: usize = 4;

/// An event, and what is to be run on it: as the site said when it happened.
struct Job {
    hook: Arc<Hook>,
    event: LeaseEvent,
}

/// What one hook has to do, in order; it ends with this.
struct Lane {
    queue: mpsc::Sender<Job>,
    work: AbortHandle,
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.work.abort();
    }
}

/// Hands events to hooks, until the DHCP server has ended.
pub(super) async fn serve(
    dhcp: Arc<Server>,
    mut in_force: watch::Receiver<HooksInForce>,
    board: Board,
) {
    let mut lanes = Lanes::new(board);
    let mut news = dhcp.news();
    let mut next = 0;
    loop {
        let number = *news.borrow_and_update();
        lanes.adopt(&in_force.borrow_and_update());
        if lanes.lanes.is_empty() {
            // Nobody listens: the DHCP server is not asked for what nobody hears.
            next = number;
            match in_force.changed().await {
                Ok(()) => continue,
                Err(_) => return,
            }
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

/// The hooks in force, each with its lane.
struct Lanes {
    hooks: HooksInForce,
    lanes: BTreeMap<Name, Lane>,
    slots: Arc<Semaphore>,
    board: Board,
}

impl Lanes {
    fn new(board: Board) -> Self {
        Self {
            hooks: HooksInForce::default(),
            lanes: BTreeMap::new(),
            slots: Arc::new(Semaphore::new(AT_ONCE)),
            board,
        }
    }

    /// Takes up what the site says now. What waits for a hook that is gone is dropped, and what it runs is killed.
    fn adopt(&mut self, hooks: &HooksInForce) {
        if Arc::ptr_eq(hooks, &self.hooks) {
            return;
        }
        self.hooks = Arc::clone(hooks);
        self.lanes.retain(|name, _| hooks.contains_key(name));
        for name in hooks.keys() {
            if self.lanes.contains_key(name) {
                continue;
            }
            let (queue, jobs) = mpsc::channel(QUEUE);
            let (slots, board) = (Arc::clone(&self.slots), self.board.clone());
            let work = tokio::spawn(work(name.clone(), jobs, slots, board)).abort_handle();
            self.lanes.insert(name.clone(), Lane { queue, work });
        }
        self.board.keep(hooks.keys());
    }

    fn hand_out(&self, page: &Events) {
        for name in self.lanes.keys().filter(|_| page.lost > 0) {
            self.board.note(name, |tally| tally.dropped += page.lost);
        }
        for told in &page.events {
            self.hand_one(&LeaseEvent::of(told));
        }
    }

    fn hand_one(&self, event: &LeaseEvent) {
        let Some(kind) = event.kind() else {
            return;
        };
        for (name, hook) in self.hooks.iter() {
            let lane = self.lanes.get(name).filter(|_| hook.events.contains(&kind));
            let Some(lane) = lane else {
                continue;
            };
            let (hook, event) = (Arc::clone(hook), event.clone());
            // Before it can have ended.
            self.board.note(name, |tally| tally.waiting += 1);
            if lane.queue.try_send(Job { hook, event }).is_err() {
                self.board.note(name, |tally| {
                    tally.waiting -= 1;
                    tally.dropped += 1;
                });
            }
        }
    }
}

/// Runs a hook's program on one event after another.
async fn work(name: Name, mut jobs: mpsc::Receiver<Job>, slots: Arc<Semaphore>, board: Board) {
    while let Some(Job { hook, event }) = jobs.recv().await {
        let Ok(_slot) = slots.acquire().await else {
            return;
        };
        let ended = run::run(&name, &hook, &event).await;
        if let Err(failure) = &ended {
            tracing::warn!(hook = %name, program = %hook.program, event = event.word(), %failure, "a hook failed");
        }
        board.note(&name, |tally| tally.ended(ended));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::duration::Seconds;
    use crate::base::hook::HookEvent;

    fn hook(program: &str) -> Arc<Hook> {
        Arc::new(Hook {
            events: [HookEvent::Store].into(),
            program: program.parse().unwrap(),
            arguments: vec!["600".to_owned()],
            within: Seconds(600),
        })
    }

    /// One that hangs keeps nobody else waiting, and drops what it cannot keep.
    #[tokio::test]
    async fn a_hook_that_hangs_loses_its_own_events_alone() {
        let board = Board::default();
        let mut lanes = Lanes::new(board.clone());
        let (slow, quick): (Name, Name) = ("slow".parse().unwrap(), "quick".parse().unwrap());
        let hooks = [
            (slow.clone(), hook("/bin/sleep")),
            (quick.clone(), hook("/bin/true")),
        ];
        lanes.adopt(&Arc::new(hooks.into()));
        let store = LeaseEvent::Store {
            number: 0,
            at: crate::base::moment::Moment(0),
            trouble: None,
        };
        let sent = QUEUE as u64 + 10;
        for number in 1..=sent {
            lanes.hand_one(&store);
            while board.of(&quick).delivered < number {
                tokio::task::yield_now().await;
            }
        }
        let tally = board.of(&slow);
        // One runs, and as many wait as there is room for.
        assert_eq!((tally.delivered, tally.failed), (0, 0));
        assert_eq!((tally.waiting, tally.dropped), (QUEUE as u64 + 1, 9));
        let tally = board.of(&quick);
        assert_eq!((tally.waiting, tally.dropped), (0, 0));
        // Without the hook there is nothing to tell of it, and nothing runs.
        let work = lanes.lanes[&slow].work.clone();
        lanes.adopt(&Arc::new([(quick.clone(), hook("/bin/true"))].into()));
        assert_eq!(board.told().into_keys().collect::<Vec<_>>(), [quick]);
        while !work.is_finished() {
            tokio::task::yield_now().await;
        }
    }
}
