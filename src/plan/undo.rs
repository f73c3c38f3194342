//! The way back: each step's opposite, in reverse order.

use super::{Action, Step};

/// The steps that undo `done`. Each is idempotent, so undoing a step that never took effect does no harm.
pub fn undo(done: &[Step]) -> Vec<Step> {
    done.iter().rev().map(opposite).collect()
}

fn opposite(step: &Step) -> Step {
    let action = match step.action {
        Action::Create => Action::Delete,
        Action::Update => Action::Update,
        Action::Delete => Action::Create,
        Action::Claim => Action::Release,
        Action::Release => Action::Claim,
        Action::Carry => Action::Carry,
    };
    let changes = match (&step.before, &step.after) {
        (Some(before), Some(after)) => before.changes_from(after),
        (None, _) | (_, None) => Vec::new(),
    };
    Step {
        action,
        before: step.after.clone(),
        after: step.before.clone(),
        changes,
        ..step.clone()
    }
}
