//! Hooks: hands what happens to leases to the programs that the site names.

mod board;
pub(super) mod lane;
mod run;

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

use self::lane::{Job, Jobs};
use crate::base::name::Name;
use crate::serve::dhcp::Server;
use crate::state::Hook;
use crate::world::HooksInForce;
pub use board::HookTally;
pub(super) use board::{Board, Boards};

/// Programs that run at once, whosever they are.
const AT_ONCE: usize = 4;

/// Hands events to hooks, until the DHCP server has ended.
pub(super) async fn serve(
    dhcp: Arc<Server>,
    in_force: watch::Receiver<HooksInForce>,
    board: Board,
) {
    let start = starter(board.clone());
    lane::serve(dhcp, in_force, board, start).await;
}

/// What begins to run the programs of a hook.
fn starter(board: Board) -> impl Fn(Name, Jobs<Hook>) -> tokio::task::AbortHandle {
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    move |name, jobs| {
        tokio::spawn(work(name, jobs, Arc::clone(&slots), board.clone())).abort_handle()
    }
}

/// Runs a hook's program on one event after another.
async fn work(name: Name, mut jobs: Jobs<Hook>, slots: Arc<Semaphore>, board: Board) {
    // Why it was not run last.
    let mut unguarded = None;
    while let Some(Job { hearer, event, .. }) = jobs.recv().await {
        let Ok(_slot) = slots.acquire().await else {
            return;
        };
        let ended = run::run(&name, &hearer, &event).await;
        let before = unguarded.take();
        if let Err(failure @ run::Failure::Unguarded(_)) = &ended {
            unguarded = Some(failure.to_string());
        }
        // One that is not run is told of once, not at each event.
        if let Err(failure) = &ended
            && (unguarded.is_none() || unguarded != before)
        {
            tracing::warn!(hook = %name, program = %hearer.program, event = event.word(), %failure, "a hook failed");
        }
        board.note(&name, |tally| tally.ended(ended));
    }
}

#[cfg(test)]
mod tests {
    use super::lane::{Lanes, QUEUE};
    use super::*;
    use crate::base::duration::Seconds;
    use crate::base::hook::HookEvent;
    use crate::base::mark::{EventMark, RunId};
    use crate::daemon::event::LeaseEvent;

    fn hook(program: &str) -> Arc<Hook> {
        Arc::new(Hook {
            events: [HookEvent::Store].into(),
            program: program.parse().unwrap(),
            arguments: vec!["600".to_owned()],
            within: Seconds(600),
        })
    }

    fn store() -> LeaseEvent {
        LeaseEvent::Store {
            mark: EventMark {
                run: RunId(0),
                number: 0,
            },
            at: crate::base::moment::Moment(0),
            trouble: None,
        }
    }

    /// One that hangs keeps nobody else waiting, and drops what it cannot keep.
    #[tokio::test]
    async fn a_hook_that_hangs_loses_its_own_events_alone() {
        let board = Board::default();
        let mut lanes = Lanes::new(board.clone(), starter(board.clone()));
        let (slow, quick): (Name, Name) = ("slow".parse().unwrap(), "quick".parse().unwrap());
        let hooks = [
            (slow.clone(), hook("/bin/sleep")),
            (quick.clone(), hook("/bin/true")),
        ];
        lanes.adopt(&Arc::new(hooks.into()));
        let store = store();
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
        let work = lanes.work(&slow);
        lanes.adopt(&Arc::new([(quick.clone(), hook("/bin/true"))].into()));
        assert_eq!(board.told().into_keys().collect::<Vec<_>>(), [quick]);
        while !work.is_finished() {
            tokio::task::yield_now().await;
        }
    }
}
