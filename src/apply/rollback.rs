//! Takes a domain back to what it was before a plan began.

use std::collections::{BTreeMap, BTreeSet};

use super::beside::beside;
use super::machines;
use super::verify::{difference, differing};
use crate::plan::{Action, Phase, Reason, Step, by_domain, undo};
use crate::state::{Key, Observation, Resource, State};
use crate::world::{Way, World, WorldError};

/// Undoes steps of which nobody knows how many took effect, or whose result could not be kept; returns the keys that
/// are not as before them. `beside` is what may have fallen beside them: see [`beside`](super::beside()).
pub async fn take_back<W: World>(
    world: &mut W,
    steps: &[Step],
    beside: &Observation,
) -> BTreeSet<Key> {
    let (held, switched) = by_domain(steps);
    let is_bmc = |step: &Step| matches!(step.key, Key::Bmc { .. });
    let (bmcs, way_back): (Vec<Step>, Vec<Step>) = undo(held).into_iter().partition(is_bmc);
    go_back(world, &way_back, beside).await;
    // Their BMCs may have been out of reach until now, and are spoken with as when they were switched.
    let mut machines = machines::take_back(world, switched).await;
    walk(world, &bmcs).await;
    match world.observe().await {
        Ok(after) => {
            let mut left = differing(&way_back, &after);
            left.extend(differing(&bmcs, &after));
            left.append(&mut machines);
            let missing = beside.state.keys();
            let missing = missing.filter(|key| !after.state.contains_key(*key));
            left.extend(missing.cloned());
            left
        }
        Err(error) => unseen(&error, steps),
    }
}

/// Undoes `steps`, a failed last one included, and returns the keys that are not as in `before`: but for what others made meanwhile.
pub(super) async fn roll_back<W: World>(
    world: &mut W,
    steps: &[Step],
    before: &Observation,
) -> BTreeSet<Key> {
    go_back(world, &undo(steps), &beside(steps, before)).await;
    match world.observe().await {
        Ok(after) => {
            let mut left = difference(&before.state, &after.state);
            left.retain(|key| before.state.contains_key(key) || !after.is_foreign(key));
            left
        }
        Err(error) => unseen(&error, steps),
    }
}

/// Walks the way back, and makes what fell beside the steps, or falls again on the way.
async fn go_back<W: World>(world: &mut W, way_back: &[Step], beside: &Observation) {
    walk(world, way_back).await;
    if let Ok(after) = world.observe().await {
        walk(world, &put_back(way_back, beside, &after.state)).await;
    }
}

/// Steps that make what is missing as it was: addresses first, then routes, as keys are ordered.
fn put_back(way_back: &[Step], beside: &Observation, after: &State) -> Vec<Step> {
    let is_gone = |key: &Key| key.is_host() && !after.contains_key(key);
    let fell = beside.state.iter().filter(|(key, _)| is_gone(key));
    let mut steps: BTreeMap<&Key, Step> = fell
        .map(|(key, resource)| (key, makes(beside, key, resource)))
        .collect();
    for step in way_back.iter().filter(|step| is_gone(&step.key)) {
        let again = Step {
            before: None,
            changes: Vec::new(),
            ..step.clone()
        };
        match &step.after {
            Some(Resource::Link(_)) | None => drop(steps.remove(&step.key)),
            Some(_) => drop(steps.insert(&step.key, again)),
        }
    }
    steps.into_values().collect()
}

/// The step that makes a thing anew, as whosever it was.
fn makes(beside: &Observation, key: &Key, resource: &Resource) -> Step {
    let original = beside.before_claim(key);
    let action = match original {
        Some(_) => Action::Claim,
        None if beside.is_foreign(key) => Action::Carry,
        None => Action::Create,
    };
    Step {
        key: key.clone(),
        action,
        because: Reason::Drift,
        origin: None,
        phase: Phase::Host,
        before: None,
        after: Some(resource.clone()),
        changes: Vec::new(),
        original: original.cloned().map(Box::new),
    }
}

/// A step of the way back that fails does not stop the others: what can be brought back is.
async fn walk<W: World>(world: &mut W, way_back: &[Step]) {
    for group in way_back.chunk_by(|a, b| a.phase == b.phase) {
        let mut rest = group;
        while let Err(failure) = world.execute(rest, None, Way::Back, &mut |_| {}).await {
            tracing::error!(key = %failure.key, error = %failure.error, "undo failed");
            // A swap fails as a whole.
            let is_swap = rest.first().is_none_or(|step| !step.key.is_host());
            rest = match rest.get(failure.at + 1..) {
                Some(further) if !is_swap => further,
                Some(_) | None => break,
            };
        }
    }
}

fn unseen(error: &WorldError, steps: &[Step]) -> BTreeSet<Key> {
    tracing::error!(%error, "cannot observe after undoing");
    steps.iter().map(|step| step.key.clone()).collect()
}
