//! Takes a domain back to what it was before a plan began.

use std::collections::BTreeSet;

use super::verify::difference;
use crate::plan::{Step, undo};
use crate::state::{Key, Observation};
use crate::world::World;

/// Undoes `steps`, a failed last one included, and returns the keys that are not as in `before`.
/// A step of the way back that fails does not stop the others: what can be brought back is.
pub(super) async fn roll_back<W: World>(
    world: &mut W,
    steps: &[Step],
    before: &Observation,
) -> BTreeSet<Key> {
    let way_back = undo(steps);
    for group in way_back.chunk_by(|a, b| a.phase == b.phase && !a.key.is_host()) {
        if let Err(failure) = world.execute(group).await {
            tracing::error!(key = %failure.key, error = %failure.error, "undo failed");
        }
    }
    match world.observe().await {
        Ok(after) => difference(&before.state, &after.state),
        Err(error) => {
            tracing::error!(%error, "cannot observe after undoing");
            steps.iter().map(|step| step.key.clone()).collect()
        }
    }
}
