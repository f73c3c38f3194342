//! Machines: each is a domain of its own. They are switched once all else is in place, and none keeps anybody from anything.

use std::collections::BTreeSet;

use super::report::{Event, Failure};
use crate::base::bmc::PowerState;
use crate::plan::{Plan, Step, by_domain, undo};
use crate::state::{Key, Resource};
use crate::world::World;

/// Switches the machines of a plan; returns those that are not as it says. What failed is not undone: a machine is how its BMC reports
/// it, and nothing was done to it that a step back would mend.
pub(super) async fn switch<W: World>(
    world: &mut W,
    plan: &Plan,
    tell: &mut (impl FnMut(Event) + Send),
) -> Vec<Failure> {
    let (held, machines) = by_domain(&plan.steps);
    let (first, steps) = (held.len(), plan.steps.len());
    let mut done = |at: usize| {
        if let Some(step) = machines.get(at) {
            tell(Event::Step {
                index: first + at,
                steps,
                key: step.key.clone(),
                action: step.action,
            });
        }
    };
    let failed = world.switch(machines, &mut done).await;
    let failed = failed.into_iter();
    let mut failed: Vec<Failure> = failed
        .map(|one| Failure::of(plan, first + one.at, one))
        .collect();
    failed.sort_by_key(|failure| failure.index);
    for failure in &failed {
        tell(Event::Failed(failure.clone()));
    }
    failed
}

/// Takes machines back to what they were before `steps`; returns those that are not. What was turned off is turned on again. What was
/// turned on runs on: nobody agreed to have it stopped, and it may be at work by now.
pub(super) async fn take_back<W: World>(world: &mut W, steps: &[Step]) -> BTreeSet<Key> {
    let mut way_back = undo(steps);
    let mut left = BTreeSet::new();
    way_back.retain(|step| {
        let is_meant = may_go_back(step);
        if !is_meant {
            left.insert(step.key.clone());
        }
        is_meant
    });
    if !way_back.is_empty() {
        let failed = world.switch(&way_back, &mut |_| {}).await;
        for failure in failed {
            tracing::error!(key = %failure.key, error = %failure.error, "undo failed");
            left.insert(*failure.key);
        }
    }
    left
}

fn may_go_back(step: &Step) -> bool {
    matches!(&step.after, Some(Resource::Power(power)) if power.state == PowerState::On)
}
