//! Machines: each is a domain of its own. They are switched once all else is in place, and none keeps anybody from anything.

use std::collections::BTreeSet;
use std::mem::discriminant;

use super::report::{Event, Failure};
use crate::base::bmc::PowerState;
use crate::diag::code::Code;
use crate::plan::{Plan, Step, by_domain, undo};
use crate::state::{Domain, Key, Resource};
use crate::world::World;

/// Switches the machines of a plan; returns what is not as it says. First comes what machines boot from, then their power.
pub(super) async fn switch<W: World>(
    world: &mut W,
    plan: &Plan,
    tell: &mut (impl FnMut(Event) + Send),
) -> Vec<Failure> {
    let (held, machines) = by_domain(&plan.steps);
    let mut first = held.len();
    let mut failed: Vec<Failure> = Vec::new();
    for round in machines.chunk_by(same_kind) {
        let mut left = left_out(round, first, &failed);
        let open = |step: &&Step| left.iter().all(|one| one.key != step.key);
        let open: Vec<Step> = round.iter().filter(open).cloned().collect();
        let index = |key: &Key| {
            let at = round.iter().position(|step| step.key == *key);
            first + at.unwrap_or_default()
        };
        let mut done = |at: usize| {
            if let Some(step) = open.get(at) {
                tell(Event::Step {
                    index: index(&step.key),
                    steps: plan.steps.len(),
                    key: step.key.clone(),
                    action: step.action,
                });
            }
        };
        let news = world.switch(&open, &mut done).await;
        left.extend(news.into_iter().map(|one| {
            let at = index(&one.key);
            Failure::of(plan, at, one)
        }));
        left.sort_by_key(|failure| failure.index);
        for failure in &left {
            tell(Event::Failed(failure.clone()));
        }
        failed.append(&mut left);
        first += round.len();
    }
    let undone = undone(world, machines, held.len(), &failed, tell).await;
    failed.extend(undone);
    failed.sort_by_key(|failure| failure.index);
    failed
}

fn same_kind(one: &Step, other: &Step) -> bool {
    discriminant(&one.key) == discriminant(&other.key)
}

/// The steps of machines that failed before: none of these is begun.
fn left_out(round: &[Step], first: usize, failed: &[Failure]) -> Vec<Failure> {
    let steps = round.iter().enumerate();
    let left = steps.filter_map(|(at, step)| {
        let cause = failed
            .iter()
            .find(|one| one.key.of_machine() == step.key.of_machine())?;
        let why = format!("not begun, since {} is not as it should be", cause.key);
        Some(without(step, first + at, cause.code, why))
    });
    left.collect()
}

/// Takes back what was done to machines of which something failed later: each is as it was, but for its power, which is how its BMC
/// reports it.
async fn undone<W: World>(
    world: &mut W,
    machines: &[Step],
    first: usize,
    failed: &[Failure],
    tell: &mut (impl FnMut(Event) + Send),
) -> Vec<Failure> {
    let mut back = Vec::new();
    for (at, step) in machines.iter().enumerate() {
        let is_failed = failed.iter().any(|one| one.key == step.key);
        let cause = failed
            .iter()
            .find(|one| one.key.of_machine() == step.key.of_machine());
        let (Some(cause), Some(machine), false) = (cause, step.key.of_machine(), is_failed) else {
            continue;
        };
        if !undo(std::slice::from_ref(step)).iter().all(may_go_back) {
            continue;
        }
        tell(Event::Undoing {
            domain: Domain::Machine(machine.clone()),
            steps: 1,
        });
        let why = format!("taken back, since {} is not as it should be", cause.key);
        back.push((step.clone(), without(step, first + at, cause.code, why)));
    }
    let (steps, failures): (Vec<Step>, Vec<Failure>) = back.into_iter().unzip();
    if !steps.is_empty() {
        go_back(world, &undo(&steps)).await;
    }
    failures
}

fn without(step: &Step, index: usize, code: Code, why: String) -> Failure {
    Failure {
        index,
        key: step.key.clone(),
        origin: step.origin.clone(),
        code,
        causes: vec![why],
        help: None,
    }
}

/// Takes machines back to what they were before `steps`; returns those that are not. What was turned off is turned on again. What was
/// turned on runs on: nobody agreed to have it stopped, and it may be at work by now. A user that was taken away stays so: nobody knows the
/// password that it had.
pub(super) async fn take_back<W: World>(world: &mut W, steps: &[Step]) -> BTreeSet<Key> {
    let (way_back, rest): (Vec<Step>, Vec<Step>) = undo(steps).into_iter().partition(may_go_back);
    let mut left: BTreeSet<Key> = rest.into_iter().map(|step| step.key).collect();
    left.extend(go_back(world, &way_back).await);
    left
}

fn may_go_back(step: &Step) -> bool {
    match &step.after {
        Some(Resource::Power(power)) => power.state == PowerState::On,
        Some(Resource::User(_)) => step.before.is_some(),
        Some(_) | None => true,
    }
}

/// What a machine boots from first: that counts when it is turned on. Returns what does not go back.
async fn go_back<W: World>(world: &mut W, way_back: &[Step]) -> BTreeSet<Key> {
    let mut left = BTreeSet::new();
    let mut way_back = way_back.to_vec();
    way_back.sort_by(|a, b| a.key.cmp(&b.key));
    for round in way_back.chunk_by(same_kind) {
        for failure in world.switch(round, &mut |_| {}).await {
            tracing::error!(key = %failure.key, error = %failure.error, "undo failed");
            left.insert(*failure.key);
        }
    }
    left
}
