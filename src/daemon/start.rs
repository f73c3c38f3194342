//! The daemon's start: the host becomes what the last apply made it, before anything is answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fault;
use super::history::Fate;
use super::meaning::Meaning;
use super::order::{logged, told};
use super::reconcile::Reconciler;
use super::record::{Applied, Compiler};
use super::who::now;
use crate::apply::{Outcome, run, take_back};
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::plan::{HazardKind, Inputs, restoration};
use crate::state::{Desired, Key, State};
use crate::store::Store;

impl<S: Store> Reconciler<S> {
    /// Goes back from an interrupted apply, then to what was applied last.
    pub(super) async fn converge(&mut self) -> Result<(), Fault> {
        let mut ended = None;
        let interrupted = self.records.interrupted()?;
        let was_interrupted = interrupted.is_some();
        if let Some(journal) = interrupted {
            tracing::warn!(
                plan = journal.plan,
                "an apply was interrupted or not confirmed; going back to what was before it"
            );
            let history = self.records.history();
            ended = journal
                .entry
                .and_then(|number| history.get(&number).cloned());
            let waited = matches!(
                ended.as_ref().map(|entry| &entry.fate),
                Some(Fate::Unconfirmed { .. })
            );
            let left = if waited && !journal.is_undone {
                let steps = journal.steps.clone();
                self.go_back(&steps, journal).await
            } else {
                // To look at the host first would forget whose things are that are away for a moment.
                take_back(&mut self.world, &journal.steps, &journal.beside).await
            };
            if !left.is_empty() {
                tracing::error!(
                    ?left,
                    "cannot bring back what was before an interrupted apply"
                );
            }
            if let Some(entry) = &mut ended {
                entry.fate = entry.fate.taken_back(now(), left.len());
            }
        }
        if let Some(applied) = self.applied.clone() {
            self.restore(applied).await?;
        }
        if was_interrupted {
            // A full disk is no reason to serve nobody.
            logged(self.records.end(ended.as_ref()).await);
        }
        Ok(())
    }

    /// Brings back what was applied, as far as the host lets it: what is left out, `status` shows as drift.
    async fn restore(&mut self, mut applied: Applied) -> Result<(), Fault> {
        applied.desired = self.meaning_now(&applied)?;
        self.put_in_force(Some(applied.clone()));
        let (mut desired, mut kept) = (applied.desired, applied.kept);
        let allowed = HazardKind::ALL.into_iter().collect();
        loop {
            let observed = self.observe().await?;
            let elsewhere = BTreeMap::new();
            let inputs = Inputs {
                kept: &kept,
                ..self.inputs(&applied.site, &desired, &observed, &elsewhere)
            };
            let plan = restoration(inputs).map_err(|error| fault::plan(&error))?;
            let report = run(&mut self.world, &plan, &allowed, |_| {})
                .await
                .map_err(|error| fault::world(&error))?;
            if report.is_done() {
                self.mending.awaited = plan.awaited();
                return Ok(());
            }
            let why = told(&report.outcome);
            tracing::error!("cannot bring back what was applied: {why}");
            match report.outcome {
                Outcome::Undone { failure, .. }
                    if leaves_out(&failure.key, &mut desired, &mut kept) => {}
                Outcome::Obstructed { obstacles }
                    if obstacles
                        .iter()
                        .filter(|one| leaves_out(&one.key, &mut desired, &mut kept))
                        .count()
                        > 0 => {}
                Outcome::Done
                | Outcome::Stale
                | Outcome::Hazardous { .. }
                | Outcome::Obstructed { .. }
                | Outcome::Undone { .. }
                | Outcome::Unverified { .. }
                | Outcome::Unreachable { .. } => return Ok(()),
            }
        }
    }

    /// What the applied site means to this version of the program: compiled anew only where another version did it, or for
    /// another controller.
    fn meaning_now(&self, applied: &Applied) -> Result<Arc<Desired>, Fault> {
        if applied.compiled_by == Some(Compiler::here(&self.controller)) {
            return Ok(applied.desired.clone());
        }
        match Meaning::of(&applied.bundle, &self.controller) {
            // What was left out then is not brought in by an upgrade.
            Ok(meaning) if applied.is_part && applied.is_before_bmcs() => {
                let mut desired = applied.desired.clone();
                Arc::make_mut(&mut desired).adopt_bmcs(&meaning.desired);
                Ok(desired)
            }
            Ok(_) if applied.is_part => Ok(applied.desired.clone()),
            Ok(mut meaning) => {
                // What was protected then and is not declared now is remembered on.
                Arc::make_mut(&mut meaning.desired).remember(&applied.desired.protected);
                Ok(meaning.desired)
            }
            Err(fault) if fault.code == Code::NoSuchController => Err(fault),
            Err(fault) => {
                tracing::error!(%fault, "the applied site no longer compiles; its last good state is used");
                Ok(applied.desired.clone())
            }
        }
    }
}

/// Leaves a thing that cannot be made out of the next round: neither a port that another program has nor a thing that only protection
/// keeps may keep the others from being served.
fn leaves_out(key: &Key, desired: &mut Arc<Desired>, kept: &mut State) -> bool {
    let is_listener = matches!(key, Key::Listener { .. });
    kept.remove(key).is_some()
        || (is_listener && Arc::make_mut(desired).state.remove(key).is_some())
}
