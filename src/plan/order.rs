//! The order of steps: requirements first, dependants gone before what they need, colliding things gone before their successors.

use std::collections::BTreeSet;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};

use super::edges::edges;
use super::{Phase, PlanError, Step};
use crate::state::{Key, State};

/// Sorts steps by phase and then by what they need; among equals by key, so that equal inputs give equal plans.
pub(super) fn ordered(
    mut steps: Vec<Step>,
    desired: &State,
    observed: &State,
    movers: &BTreeSet<Key>,
) -> Result<Vec<Step>, PlanError> {
    let rank = |step: &Step| (step.phase, is_last(step), step.after.is_some());
    steps.sort_by(|a, b| (rank(a), &a.key).cmp(&(rank(b), &b.key)));
    // A swap takes effect as a whole, so only the host's steps need an order among themselves.
    let [first, last] =
        [Phase::Host, Phase::Publish].map(|phase| steps.partition_point(|step| step.phase < phase));
    let host: Vec<Step> = steps.drain(first..last).collect();
    let graph = edges(&host, desired, observed, movers);
    steps.splice(first..first, sorted(host, &graph)?);
    Ok(steps)
}

/// Whether it comes after all else that is done to machines: what is done to this one is done through its BMC.
fn is_last(step: &Step) -> bool {
    step.phase == Phase::Machines && matches!(step.key, Key::Bmc { .. })
}

fn sorted(steps: Vec<Step>, graph: &DiGraph<(), ()>) -> Result<Vec<Step>, PlanError> {
    let waits_for = |node| graph.neighbors_directed(node, Direction::Incoming).count();
    let mut waiting: Vec<usize> = graph.node_indices().map(waits_for).collect();
    let mut ready: BTreeSet<NodeIndex> = graph.externals(Direction::Incoming).collect();
    let mut order = Vec::with_capacity(steps.len());
    while let Some(node) = ready.pop_first() {
        order.push(node);
        // Two edges to one follower are counted twice, and met twice here.
        for follower in graph.neighbors(node) {
            let Some(left) = waiting.get_mut(follower.index()) else {
                continue;
            };
            *left = left.saturating_sub(1);
            if *left == 0 {
                ready.insert(follower);
            }
        }
    }
    let mut steps: Vec<Option<Step>> = steps.into_iter().map(Some).collect();
    let order: Vec<Step> = order
        .into_iter()
        .filter_map(|node| steps.get_mut(node.index()).and_then(Option::take))
        .collect();
    let stuck: Vec<Key> = steps.into_iter().flatten().map(|step| step.key).collect();
    if stuck.is_empty() {
        Ok(order)
    } else {
        Err(PlanError::Cycle(stuck))
    }
}
