//! Applies that wait to be confirmed: kept when somebody does, reverted when the time is over. The timer lives here, not in the client.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use tokio::time::{Duration, Instant};

use super::fault;
use super::history::{Cause, Entry, Fate};
use super::order::logged;
use super::reconcile::Reconciler;
use super::record::{Applied, Journal};
use super::who::{Who, now};
use crate::apply::take_back;
use crate::base::duration::Seconds;
use crate::base::moment::Moment;
use crate::diag::fault::Fault;
use crate::plan::Step;
use crate::state::Key;
use crate::store::Store;
use crate::world::World;

/// How long an apply may wait: long enough to type a command, short enough to be remembered.
pub const WITHIN: RangeInclusive<Seconds> = Seconds(10)..=Seconds(86_400);

/// An apply that is done and waits to be confirmed, for those who ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unconfirmed {
    pub plan: String,
    pub who: Who,
    pub since: Moment,
    /// When it is reverted, by the wall clock as it was then.
    pub until: Moment,
}

/// The same, with both ways on from it.
pub(super) struct Pending {
    pub(super) entry: Entry,
    until: Moment,
    /// What counts: a wall clock that jumps neither confirms nor reverts.
    deadline: Instant,
    /// All of them: the journal has the host's alone.
    steps: Vec<Step>,
    journal: Journal,
    previous: Option<Applied>,
}

impl Pending {
    pub(super) fn told(&self) -> Unconfirmed {
        Unconfirmed {
            plan: self.entry.plan.clone(),
            who: self.entry.who.clone(),
            since: self.entry.at,
            until: self.until,
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    fn is_over(&self) -> bool {
        self.deadline <= Instant::now()
    }
}

impl<S: Store> Reconciler<S> {
    /// Holds an apply that is done until it is confirmed. Until then the journal stays, and with it the way back of the next start;
    /// what was applied before stays in the store, and what is applied now is known here only.
    ///
    /// # Errors
    /// Where the store cannot take it down; nothing waits then.
    pub(super) async fn await_confirmation(
        &mut self,
        mut entry: Entry,
        within: Seconds,
        (steps, mut journal): (Vec<Step>, Journal),
        next: &Applied,
    ) -> Result<Moment, Fault> {
        let deadline = Instant::now() + Duration::from_secs(within.0.into());
        let until = now().after(within);
        entry.fate = Fate::Unconfirmed { until };
        journal.done();
        self.records.wait(&entry, &journal).await?;
        self.pending = Some(Pending {
            entry,
            until,
            deadline,
            steps,
            journal,
            previous: self.put_in_force(Some(next.clone())),
        });
        Ok(until)
    }

    /// Keeps what waits. Where the store fails, it waits on.
    pub(super) async fn confirm(&mut self, plan: Option<&str>, by: Who) -> Result<Entry, Fault> {
        if self.pending.as_ref().is_some_and(Pending::is_over) {
            self.revert(Cause::Deadline).await;
        }
        let (Some(pending), Some(applied)) = (&self.pending, &self.applied) else {
            return Err(fault::nothing_to_confirm(self.last()));
        };
        let mut entry = pending.entry.clone();
        if plan.is_some_and(|plan| plan != entry.plan) {
            return Err(fault::other_unconfirmed(&pending.told()));
        }
        entry.fate = Fate::Confirmed { by, at: now() };
        self.records
            .keep(applied, &entry)
            .await
            .map_err(|fault| fault::not_confirmed(fault, pending.until))?;
        entry.has_state = !applied.is_part;
        tracing::info!(plan = entry.plan, "confirmed");
        self.pending = None;
        Ok(entry)
    }

    /// Reverts what waits, because somebody asks for it.
    pub(super) async fn take_back_pending(&mut self, by: Who) -> Result<Entry, Fault> {
        let reverted = self.revert(Cause::Asked { by }).await;
        match reverted {
            Some(entry) => Ok(entry),
            None => Err(fault::nothing_to_confirm(self.last())),
        }
    }

    /// Reverts what waits, if anything does. A store that fails keeps nothing from being reverted: the next start would do it again.
    pub(super) async fn revert(&mut self, cause: Cause) -> Option<Entry> {
        let pending = self.pending.take()?;
        let mut entry = pending.entry;
        tracing::warn!(plan = entry.plan, %cause, "reverting an apply");
        let left = self.go_back(&pending.steps, pending.journal).await;
        if !left.is_empty() {
            let left: Vec<String> = left.iter().map(ToString::to_string).collect();
            let left = left.join(", ");
            tracing::error!(left, "not all is as it was before");
        } else {
            tracing::warn!(
                plan = entry.plan,
                "reverted: everything is as it was before"
            );
        }
        self.put_in_force(pending.previous);
        entry.fate = Fate::Reverted {
            cause,
            at: now(),
            left: left.len(),
        };
        logged(self.records.end(Some(&entry)).await);
        Some(entry)
    }

    /// Undoes the steps of an apply that is done.
    pub(super) async fn go_back(&mut self, steps: &[Step], mut journal: Journal) -> BTreeSet<Key> {
        if let Ok(now) = self.world.observe().await {
            journal.undone(&now);
            logged(self.records.amend(&journal).await);
        }
        take_back(&mut self.world, steps, &journal.beside).await
    }

    /// The last apply that is remembered.
    fn last(&self) -> Option<&Entry> {
        self.records.history().values().next_back()
    }
}
