//! Takes a domain back to what it was before a plan began.

use std::collections::BTreeSet;

use super::verify::{difference, differing};
use crate::plan::{Action, Phase, Reason, Step, undo};
use crate::state::{Key, Observation, Resource};
use crate::world::{World, WorldError};

/// Undoes steps of which nobody knows how many took effect, or whose result could not be kept; returns the keys that
/// are not as before them.
pub async fn take_back<W: World>(world: &mut W, steps: &[Step]) -> BTreeSet<Key> {
    let way_back = undo(steps);
    walk(world, &way_back).await;
    match world.observe().await {
        Ok(after) => differing(&way_back, &after),
        Err(error) => unseen(&error, steps),
    }
}

/// Undoes `steps`, a failed last one included, and returns the keys that are not as in `before`: but for what others made meanwhile.
pub(super) async fn roll_back<W: World>(
    world: &mut W,
    steps: &[Step],
    before: &Observation,
) -> BTreeSet<Key> {
    walk(world, &undo(steps)).await;
    // What fell beside them, or falls again on the way back.
    if let Ok(after) = world.observe().await {
        walk(world, &put_back(before, &after)).await;
    }
    match world.observe().await {
        Ok(after) => {
            let mut left = difference(&before.state, &after.state);
            left.retain(|key| before.state.contains_key(key) || !after.is_foreign(key));
            left
        }
        Err(error) => unseen(&error, steps),
    }
}

/// Steps that make what is missing of ours as it was: addresses first, then routes, as keys are ordered. What others made is theirs to miss.
fn put_back(before: &Observation, after: &Observation) -> Vec<Step> {
    let missing = before.state.iter().filter(|(key, resource)| {
        let is_gone = key.is_host() && !after.state.contains_key(*key);
        is_gone && !matches!(resource, Resource::Link(_)) && !before.is_foreign(key)
    });
    let steps = missing.map(|(key, resource)| Step {
        key: key.clone(),
        action: match before.before_claim(key) {
            Some(_) => Action::Carry,
            None => Action::Create,
        },
        because: Reason::Drift,
        origin: None,
        phase: Phase::Host,
        before: None,
        after: Some(resource.clone()),
        changes: Vec::new(),
        original: None,
    });
    steps.collect()
}

/// A step of the way back that fails does not stop the others: what can be brought back is.
async fn walk<W: World>(world: &mut W, way_back: &[Step]) {
    for group in way_back.chunk_by(|a, b| a.phase == b.phase) {
        let mut rest = group;
        while let Err(failure) = world.execute(rest, &mut |_| {}).await {
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
