//! The order of steps: requirements first, dependants gone before what they need, colliding things gone before their successors.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};

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

/// One node a step, in the steps' order; an edge from each step to those that must come after it.
fn edges(
    steps: &[Step],
    desired: &State,
    observed: &State,
    movers: &BTreeSet<Key>,
) -> DiGraph<(), ()> {
    let mut graph = DiGraph::<(), ()>::new();
    let nodes: Vec<NodeIndex> = steps.iter().map(|_| graph.add_node(())).collect();
    let index = Index::new(steps, &nodes);
    for (step, node) in steps.iter().zip(&nodes) {
        // What it needs comes before it appears or changes …
        if let Some(after) = &step.after {
            let required = after.requires(&step.key, desired);
            graph.extend_with_edges(
                required
                    .iter()
                    .filter_map(|key| index.making.get(key))
                    .map(|first| (*first, *node)),
            );
        }
        // … and goes only after it has gone or let go. What changes in place and is no port has other support, or it would fall.
        let lets_go = step.after.is_none()
            || matches!(step.key, Key::Link { .. })
            || movers.contains(&step.key);
        if let Some(before) = step.before.as_ref().filter(|_| lets_go) {
            let required = before.requires(&step.key, observed);
            graph.extend_with_edges(
                required
                    .iter()
                    .filter_map(|key| index.removing.get(key))
                    .map(|last| (*node, *last)),
            );
        }
        if step.before.is_none() {
            graph.extend_with_edges(index.removing.get(&step.key).map(|first| (*first, *node)));
            let moved = ip(&step.key).and_then(|ip| index.removing_ip.get(&ip));
            graph.extend_with_edges(moved.into_iter().flatten().map(|first| (*first, *node)));
        }
    }
    graph
}

/// Steps by what they make and take away.
struct Index<'a> {
    making: BTreeMap<&'a Key, NodeIndex>,
    removing: BTreeMap<&'a Key, NodeIndex>,
    /// Two links must not carry one address at a time.
    removing_ip: BTreeMap<IpAddr, Vec<NodeIndex>>,
}

impl<'a> Index<'a> {
    fn new(steps: &'a [Step], nodes: &[NodeIndex]) -> Self {
        let mut index = Self {
            making: BTreeMap::new(),
            removing: BTreeMap::new(),
            removing_ip: BTreeMap::new(),
        };
        for (step, node) in steps.iter().zip(nodes) {
            if step.after.is_some() {
                index.making.insert(&step.key, *node);
            } else {
                index.removing.insert(&step.key, *node);
                if let Some(ip) = ip(&step.key) {
                    index.removing_ip.entry(ip).or_default().push(*node);
                }
            }
        }
        index
    }
}

pub(super) fn ip(key: &Key) -> Option<IpAddr> {
    if let Key::Address { address, .. } = key {
        Some(address.ip())
    } else {
        None
    }
}
