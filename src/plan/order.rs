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
    steps.sort_by(|a, b| {
        (a.phase, a.after.is_some(), &a.key).cmp(&(b.phase, b.after.is_some(), &b.key))
    });
    // A swap takes effect as a whole, so only the host's steps need an order among themselves.
    let (host, servers): (Vec<Step>, Vec<Step>) = steps
        .into_iter()
        .partition(|step| step.phase == Phase::Host);
    let graph = edges(&host, desired, observed, movers);
    let host = sorted(host, graph)?;
    let (mut ordered, publish): (Vec<Step>, Vec<Step>) = servers
        .into_iter()
        .partition(|step| step.phase == Phase::Withdraw);
    ordered.extend(host);
    ordered.extend(publish);
    Ok(ordered)
}

fn sorted(steps: Vec<Step>, mut graph: DiGraph<(), ()>) -> Result<Vec<Step>, PlanError> {
    let mut ready: BTreeSet<NodeIndex> = graph.externals(Direction::Incoming).collect();
    let mut order = Vec::with_capacity(steps.len());
    while let Some(node) = ready.pop_first() {
        order.push(node);
        let followers: Vec<NodeIndex> = graph.neighbors(node).collect();
        for follower in followers {
            while let Some(edge) = graph.find_edge(node, follower) {
                graph.remove_edge(edge);
            }
            if graph
                .neighbors_directed(follower, Direction::Incoming)
                .next()
                .is_none()
            {
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
