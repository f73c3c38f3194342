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
    let host = steps.get_mut(first..last).unwrap_or_default();
    let graph = edges(host, desired, observed, movers);
    arrange(host, &sorted(host, &graph)?);
    Ok(steps)
}

/// Puts in each place what was in the one that `order`, a permutation, names for it. Nothing else moves: beside the host's steps there may
/// be a great many.
fn arrange<T>(steps: &mut [T], order: &[usize]) {
    for (to, from) in order.iter().enumerate() {
        let mut from = *from;
        // What was in a place that is done went where this took its step from.
        while from < to
            && let Some(next) = order.get(from)
        {
            from = *next;
        }
        steps.swap(to, from);
    }
}

/// Whether it comes after all else that is done to machines: what is done to this one is done through its BMC.
fn is_last(step: &Step) -> bool {
    step.phase == Phase::Machines && matches!(step.key, Key::Bmc { .. })
}

/// The places of the steps in the order in which they can be done.
fn sorted(steps: &[Step], graph: &DiGraph<(), ()>) -> Result<Vec<usize>, PlanError> {
    let waits_for = |node| graph.neighbors_directed(node, Direction::Incoming).count();
    let mut waiting: Vec<usize> = graph.node_indices().map(waits_for).collect();
    let mut ready: BTreeSet<NodeIndex> = graph.externals(Direction::Incoming).collect();
    let mut order = Vec::with_capacity(steps.len());
    while let Some(node) = ready.pop_first() {
        order.push(node.index());
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
    if order.len() == steps.len() {
        return Ok(order);
    }
    let done: BTreeSet<usize> = order.into_iter().collect();
    let stuck = steps
        .iter()
        .enumerate()
        .filter(|(at, _)| !done.contains(at));
    Err(PlanError::Cycle(
        stuck.map(|(_, step)| step.key.clone()).collect(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn arranging_puts_everything_where_the_order_says(
            order in (0usize..40).prop_flat_map(|many| Just((0..many).collect::<Vec<_>>()).prop_shuffle())
        ) {
            let mut arranged: Vec<usize> = (0..order.len()).collect();
            arrange(&mut arranged, &order);
            prop_assert_eq!(arranged, order);
        }
    }
}
