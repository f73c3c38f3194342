//! An apply from its order to its report: checked, journaled, run, and kept or taken back.

use std::collections::BTreeSet;

use tokio::sync::{mpsc, oneshot};

use super::bundle::Bundle;
use super::draft::{Draft, Look, Planned};
use super::fault;
use super::history::{Fate, Occasion};
use super::reconcile::Reconciler;
use super::record::Applied;
use super::turn::Turn;
use super::who::Who;
use crate::apply::{Event, Failure, Outcome, Report, beside, run, take_back};
use crate::base::duration::Seconds;
use crate::diag::fault::Fault;
use crate::plan::{HazardKind, Plan, Selection, allowing};
use crate::state::{ClientSession, Observation};
use crate::store::Store;

/// What is asked for, by whom.
pub(super) struct Order {
    pub(super) bundle: Bundle,
    /// Id of the plan that was shown.
    pub(super) plan: String,
    pub(super) selection: Selection,
    pub(super) allow: BTreeSet<HazardKind>,
    /// Reverted unless confirmed within this time.
    pub(super) confirm_within: Option<Seconds>,
    /// The entry of the history whose state this goes back to.
    pub(super) back_to: Option<u64>,
    pub(super) who: Who,
    /// The session by which they came.
    pub(super) client: Option<ClientSession>,
    /// Held until the end.
    pub(super) turn: Turn,
}

/// What to do with the plan, beside running it.
struct Terms<'a> {
    allow: &'a BTreeSet<HazardKind>,
    confirm_within: Option<Seconds>,
    occasion: Occasion,
    /// What may fall beside the plan's steps.
    beside: Observation,
}

impl<S: Store> Reconciler<S> {
    /// Why nobody may apply now.
    pub(super) fn refusal(&self) -> Option<Fault> {
        let pending = self.pending.as_ref();
        let pending = pending.map(|pending| fault::unconfirmed(&pending.told()));
        pending.or_else(|| self.hold.as_ref().map(fault::on_hold))
    }

    pub(super) async fn apply(
        &mut self,
        order: Order,
        reply: oneshot::Sender<Result<mpsc::Receiver<Event>, Fault>>,
    ) {
        let Order {
            bundle,
            plan,
            selection,
            allow,
            confirm_within,
            back_to,
            who,
            client,
            turn,
        } = order;
        self.world.asked_by(client);
        let checked = match self.refusal() {
            Some(fault) => Err(fault),
            None => self.checked(&bundle, &selection, &plan).await,
        };
        let draft = match checked {
            Ok(draft) => draft,
            Err(fault) => {
                drop(turn);
                return drop(reply.send(Err(fault)));
            }
        };
        let beside = beside(&draft.planned.plan.steps, &draft.observed);
        let (plan, next) = Applied::of(draft, bundle, &self.controller);
        // What it was made from is about to change.
        self.recent.forget_plan();
        // Room for every event that a plan can make, so that a slow or vanished reader never holds an apply up.
        let (events, receiver) = mpsc::channel(plan.steps.len() + 16);
        drop(reply.send(Ok(receiver)));
        let tell = |event: Event| drop(events.try_send(event));
        let terms = Terms {
            allow: &allow,
            confirm_within,
            occasion: Occasion {
                who: who.clone(),
                by_itself: false,
                back_to,
            },
            beside,
        };
        let ended = self.run(&plan, terms, next, tell).await;
        // Whoever hears the end finds the turn free.
        drop(turn);
        let last = match ended {
            Ok(report) => {
                log_end(&report, &who);
                Event::Finished(report)
            }
            Err(fault) => {
                tracing::error!(plan = plan.id, %who, %fault, "apply failed");
                Event::Broken(fault)
            }
        };
        drop(events.try_send(last));
    }

    /// The plan of this bundle, made anew, if it is the one that was asked for.
    async fn checked(
        &mut self,
        bundle: &Bundle,
        selection: &Selection,
        id: &str,
    ) -> Result<Draft, Fault> {
        let draft = self.plan(bundle, selection, Look::Known).await?;
        let Planned { plan, missing, .. } = &draft.planned;
        if plan.id != id {
            return Err(fault::stale(id, &plan.id));
        }
        if let Some(digest) = missing.first() {
            return Err(fault::missing_content(*digest, missing.len()));
        }
        Ok(draft)
    }

    /// Runs a plan; only when its end is on stable storage is the report there. All events but the last are told.
    async fn run(
        &mut self,
        plan: &Plan,
        terms: Terms<'_>,
        mut next: Applied,
        mut tell: impl FnMut(Event) + Send,
    ) -> Result<Report, Fault> {
        let begun = self.records.begin(plan, terms.beside, terms.occasion);
        let (mut entry, journal) = begun.await?;
        let report = run(&mut self.world, plan, terms.allow, |event| {
            if !matches!(event, Event::Finished(_)) {
                tell(event);
            }
        })
        .await;
        let mut report = match report {
            Ok(report) => report,
            Err(error) => {
                self.records.forget(&entry).await?;
                return Err(fault::world(&error));
            }
        };
        let Some(fate) = Fate::of(&report.outcome) else {
            logged(self.records.forget(&entry).await);
            return Ok(report);
        };
        entry.fate = fate;
        let failed = report.failed.iter().map(|failure| failure.key.clone());
        entry.failed = failed.collect();
        if !report.is_done() {
            logged(self.records.end(Some(&entry)).await);
            return Ok(report);
        }
        next.leave_out(plan.deferred().chain(&entry.failed));
        let failed = plan.steps.iter();
        next.keep_on(failed.filter(|step| entry.failed.contains(&step.key)));
        // What changes nothing needs no way back.
        let within = terms.confirm_within.filter(|_| !plan.is_empty());
        let kept = match within {
            Some(within) => {
                let mut steps = plan.steps.clone();
                steps.retain(|step| !entry.failed.contains(&step.key));
                let back = (steps, journal.clone());
                let waits = self.await_confirmation(entry.clone(), within, back, &next);
                waits.await.map(|until| report.confirm_by = Some(until))
            }
            None => self.records.keep(&next, &entry).await,
        };
        if let Err(fault) = kept {
            tell(Event::Undoing {
                domain: plan.domain(),
                steps: plan.steps.len(),
            });
            let left = take_back(&mut self.world, &plan.steps, &journal.beside).await;
            entry.fate = Fate::NotKept { left: left.len() };
            logged(self.records.end(Some(&entry)).await);
            return Err(fault::not_kept(fault, &left));
        }
        if within.is_none() {
            self.put_in_force(Some(next));
        }
        self.mending.awaited.extend(plan.awaited());
        Ok(report)
    }
}

/// How an apply ended, for those who read the log.
fn log_end(report: &Report, who: &Who) {
    let (plan, steps) = (&report.plan, report.steps);
    if report.outcome != Outcome::Done {
        let why = told(&report.outcome);
        tracing::warn!(plan, %who, steps, "not applied: {why}");
        return;
    }
    for Failure { key, causes, .. } in &report.failed {
        tracing::warn!(plan, %key, "not applied: {}", causes.join(": "));
    }
    let failed = report.failed.len();
    let (applied, failed) = match failed {
        0 => ("applied", None),
        _ => ("applied but for what failed", Some(failed)),
    };
    if let Some(until) = report.confirm_by {
        tracing::info!(plan, %who, steps, failed, "{applied}; goes back at {until} unless it is confirmed");
    } else {
        tracing::info!(plan, %who, steps, failed, "{applied}");
    }
}

/// An outcome in words.
pub(super) fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Stale => "the plan is stale".to_owned(),
        Outcome::Hazardous { hazards } => {
            format!("hazards are not allowed: {}", allowing(hazards))
        }
        Outcome::Obstructed { obstacles } => {
            let obstacles: Vec<String> = obstacles.iter().map(ToString::to_string).collect();
            format!("it could only fail: {}", obstacles.join("; "))
        }
        Outcome::Done
        | Outcome::Undone { .. }
        | Outcome::Unverified { .. }
        | Outcome::Unreachable { .. } => {
            let mut words = Fate::of(outcome).map_or_else(String::new, |fate| fate.to_string());
            if let Outcome::Undone { failure, .. } = outcome {
                words += &format!(": {}", failure.causes.join(": "));
            }
            words
        }
    }
}

/// What became of the apply is still true, and is written with the next thing that is.
pub(super) fn logged(written: Result<(), Fault>) {
    if let Err(fault) = written {
        tracing::error!(%fault, "cannot write down that the apply is over: the next start goes back once more, which does no harm");
    }
}
