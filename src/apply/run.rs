//! The executor: generic over the world, so that tests drive the one that runs in production.

use std::collections::BTreeSet;

use super::machines;
use super::reach::Watch;
use super::report::{Event, Failure, Outcome, Report};
use super::rollback::roll_back;
use super::verify::{differing, fallen};
use crate::plan::{HazardKind, Phase, Plan, Step, advance, by_domain, preflight};
use crate::state::Observation;
use crate::world::{StepFailure, Way, World, WorldError};

/// Why an apply could not even begin.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("cannot observe")]
    Observe(#[from] WorldError),
    #[error("cannot compute a digest")]
    Digest(#[from] serde_json::Error),
}

/// Runs `plan` to its end or undoes what it did. `tell` hears every event, the report last.
///
/// # Errors
/// [`ApplyError`], before anything was touched.
pub async fn run<W: World>(
    world: &mut W,
    plan: &Plan,
    allowed: &BTreeSet<HazardKind>,
    mut tell: impl FnMut(Event) + Send,
) -> Result<Report, ApplyError> {
    let before = world.observe().await?;
    let outcome = match refusal(plan, allowed, &before)? {
        Some(outcome) => outcome,
        None => execute(world, plan, &before, &mut tell).await,
    };
    // Where the controller's own part was undone, what machines are switched on for is not there.
    let failed = match outcome {
        Outcome::Done => machines::switch(world, plan, &mut tell).await,
        Outcome::Stale
        | Outcome::Hazardous { .. }
        | Outcome::Obstructed { .. }
        | Outcome::Undone { .. }
        | Outcome::Unverified { .. }
        | Outcome::Unreachable { .. } => Vec::new(),
    };
    let report = Report {
        plan: plan.id.clone(),
        outcome,
        steps: plan.steps.len(),
        waiting: plan.waiting.clone(),
        failed,
        confirm_by: None,
    };
    tell(Event::Finished(report.clone()));
    Ok(report)
}

/// Why `plan` may not run at all.
fn refusal(
    plan: &Plan,
    allowed: &BTreeSet<HazardKind>,
    observed: &Observation,
) -> Result<Option<Outcome>, serde_json::Error> {
    if observed.digest()? != plan.base {
        return Ok(Some(Outcome::Stale));
    }
    let hazards: Vec<_> = plan
        .hazards
        .iter()
        .filter(|hazard| !allowed.contains(&hazard.kind))
        .cloned()
        .collect();
    if !hazards.is_empty() {
        return Ok(Some(Outcome::Hazardous { hazards }));
    }
    let obstacles = preflight(plan, &observed.facts);
    Ok((!obstacles.is_empty()).then_some(Outcome::Obstructed { obstacles }))
}

async fn execute<W: World>(
    world: &mut W,
    plan: &Plan,
    before: &Observation,
    tell: &mut (impl FnMut(Event) + Send),
) -> Outcome {
    let ready = lay_out(world, plan, before).await;
    tell(Event::Started {
        plan: plan.id.clone(),
        steps: plan.steps.len(),
    });
    let ready = match ready {
        Ok(ready) => ready,
        Err((index, failed)) => {
            let (failure, left) = (Failure::of(plan, index, failed), BTreeSet::new());
            tell(Event::Failed(failure.clone()));
            return Outcome::Undone { failure, left };
        }
    };
    let watch = Watch::begin(world, plan).await;
    if !watch.silent().is_empty() {
        let addresses = watch.silent().clone();
        tell(Event::Silent { addresses });
    }
    if let Err((index, failed)) = forward(world, plan, ready, tell).await {
        let failure = Failure::of(plan, index, failed);
        tell(Event::Failed(failure.clone()));
        // The failed step may have taken effect in part, so it is undone too; its whole swap, where it was one of a swap.
        let reached = reached(plan, index);
        tell(Event::Undoing {
            domain: plan.domain(),
            steps: reached.len(),
        });
        let left = roll_back(world, reached, before).await;
        return Outcome::Undone { failure, left };
    }
    tell(Event::Verifying);
    let held = by_domain(&plan.steps).0;
    let differs = match world.observe().await {
        Ok(after) => {
            let mut differs = differing(held, &after);
            differs.extend(fallen(held, before, &after));
            differs
        }
        Err(error) => {
            tracing::error!(%error, "cannot observe after applying");
            held.iter().map(|step| step.key.clone()).collect()
        }
    };
    let lost = if differs.is_empty() {
        watch.lost(world).await
    } else {
        BTreeSet::new()
    };
    if differs.is_empty() && lost.is_empty() {
        return Outcome::Done;
    }
    tell(Event::Undoing {
        domain: plan.domain(),
        steps: held.len(),
    });
    let left = roll_back(world, held, before).await;
    if differs.is_empty() {
        Outcome::Unreachable { lost, left }
    } else {
        Outcome::Unverified { differs, left }
    }
}

/// Lays out what each group leads to, so that what is begun takes no longer than it must.
async fn lay_out<W: World>(
    world: &mut W,
    plan: &Plan,
    before: &Observation,
) -> Result<Vec<W::Ready>, (usize, StepFailure)> {
    let (mut state, mut first) = (before.state.clone(), 0);
    let mut ready = Vec::new();
    for group in plan.groups() {
        advance(&mut state, group);
        let laid_out = world.lay_out(group, &state).await;
        ready.push(laid_out.map_err(|failed| (first + failed.at, failed))?);
        first += group.len();
    }
    Ok(ready)
}

/// Executes group by group; each step is told when it is done.
async fn forward<W: World>(
    world: &mut W,
    plan: &Plan,
    ready: Vec<W::Ready>,
    tell: &mut (impl FnMut(Event) + Send),
) -> Result<(), (usize, StepFailure)> {
    let steps = plan.steps.len();
    let mut index = 0;
    for (group, ready) in plan.groups().zip(ready) {
        let first = index;
        let mut done = |step: &Step| {
            tell(Event::Step {
                index,
                steps,
                key: step.key.clone(),
                action: step.action,
            });
            index += 1;
        };
        let executed = world
            .execute(group, Some(ready), Way::There, &mut done)
            .await;
        executed.map_err(|failed| (first + failed.at, failed))?;
    }
    Ok(())
}

/// The steps that may have taken effect when the `index`-th failed.
fn reached(plan: &Plan, index: usize) -> &[Step] {
    let phase = plan.steps.get(index).map(|step| step.phase);
    let end = match phase {
        Some(Phase::Host) | None => index + 1,
        Some(phase) => plan
            .steps
            .iter()
            .rposition(|step| step.phase == phase)
            .map_or(index + 1, |last| last + 1),
    };
    plan.steps.get(..end).unwrap_or(&plan.steps)
}
