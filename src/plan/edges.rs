//! Which steps must come before which: what is needed first, what depends gone before what it needs, what collides gone before its
//! successor, and sizes from the outside in.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use petgraph::graph::{DiGraph, NodeIndex};

use super::Step;
use super::fall::takes_down;
use super::first::{is_first, place};
use super::place::ip;
use crate::base::addr::Prefix;
use crate::base::name::LinkName;
use crate::base::vlan::VlanProtocol;
use crate::state::{Ground, Key, Link, LinkKind, Resource, State, Table};

/// One node a step, in the steps' order; an edge from each step to those that must come after it.
pub(super) fn edges(
    steps: &[Step],
    desired: &State,
    observed: &State,
    movers: &BTreeSet<Key>,
) -> DiGraph<(), ()> {
    let mut graph = DiGraph::<(), ()>::new();
    let nodes: Vec<NodeIndex> = steps.iter().map(|_| graph.add_node(())).collect();
    let index = Index::new(steps, &nodes);
    let web = Web {
        steps,
        index: &index,
        desired,
        after: Ground::new(desired),
        before: Ground::new(observed),
    };
    let mut last: BTreeMap<&Key, NodeIndex> = BTreeMap::new();
    for (step, node) in steps.iter().zip(&nodes) {
        // Two steps of one thing come in their own order.
        graph.extend_with_edges(last.insert(&step.key, *node).map(|first| (first, *node)));
        graph.extend_with_edges(web.needed(step, *node));
        // What depends goes only after it has gone or let go. What changes in place and is no port has other support, or it would fall.
        let lets_go = step.after.is_none()
            || matches!(step.key, Key::Link { .. })
            || movers.contains(&step.key);
        if let Some(before) = step.before.as_ref().filter(|_| lets_go) {
            let required = before.requires(&step.key, &web.before);
            let goes = required.iter().filter_map(|key| index.removing.get(key));
            graph.extend_with_edges(goes.map(|last| (*node, *last)));
            // What others hold goes with their standing back.
            let behind = required.iter().filter_map(place);
            let firsts = behind.filter_map(|at| index.becoming_first.get(&at));
            let firsts = firsts.filter(|first| *first != node);
            graph.extend_with_edges(firsts.map(|first| (*node, *first)));
            if movers.contains(&step.key) {
                // Before the link goes down that it leaves.
                let later = web.links_of(step, &required, observed);
                graph.extend_with_edges(later.into_iter().map(|last| (*node, last)));
            }
        }
        if step.before.is_none() {
            let place = Place::of(&step.key, &step.after);
            let taken = place.and_then(|place| index.leaving.get(&place));
            let earlier = taken.into_iter().flatten().filter(|first| *first != node);
            graph.extend_with_edges(earlier.map(|first| (*first, *node)));
        }
    }
    graph
}

/// The steps with all that tells how they hang together.
struct Web<'a> {
    steps: &'a [Step],
    index: &'a Index<'a>,
    desired: &'a State,
    after: Ground<'a>,
    before: Ground<'a>,
}

impl Web<'_> {
    /// The edges between a step and those that make what it needs, or what that stands on.
    fn needed(&self, step: &Step, node: NodeIndex) -> Vec<(NodeIndex, NodeIndex)> {
        let Some(after) = &step.after else {
            return Vec::new();
        };
        let mut makers = BTreeSet::new();
        let mut open = after.requires(&step.key, &self.after);
        while let Some(key) = open.pop() {
            match (self.index.making.get(&key), self.desired.get(&key)) {
                (Some(maker), _) => drop(makers.insert(*maker)),
                // What does not change itself may stand on what goes down and comes back.
                (None, Some(resource)) => open.extend(resource.requires(&key, &self.after)),
                (None, None) => {}
            }
        }
        let ordered = |maker: NodeIndex| {
            if self.shrinks_first(step, maker) {
                (node, maker)
            } else {
                (maker, node)
            }
        };
        let others = makers.into_iter().filter(|maker| *maker != node);
        others.map(ordered).collect()
    }

    /// The steps that take down links of what a route stood on, and does no longer.
    fn links_of(&self, step: &Step, stood_on: &[Key], observed: &State) -> Vec<NodeIndex> {
        let after = step.after.iter();
        let stays = after.flat_map(|after| after.requires(&step.key, &self.after));
        let stays: BTreeSet<Key> = stays.filter_map(|key| on(&key)).collect();
        let links = stood_on.iter().filter_map(on);
        let links: BTreeSet<Key> = links.filter(|link| !stays.contains(link)).collect();
        let changing = links.iter().filter_map(|link| self.index.making.get(link));
        let goes_down = |node: &NodeIndex| {
            let step = self.steps.get(node.index());
            step.is_some_and(|step| takes_down(step, observed, self.desired))
        };
        changing.copied().filter(goes_down).collect()
    }

    /// Whether `step` changes a link that is larger than the one below it is to be: then the upper one shrinks first.
    fn shrinks_first(&self, step: &Step, below: NodeIndex) -> bool {
        let Some(below) = self.steps.get(below.index()) else {
            return false;
        };
        let (Some(before), Some(after)) = (link(&step.before), link(&step.after)) else {
            return false;
        };
        let is_below =
            matches!(&below.key, Key::Link { link, .. } if after.kind.on() == Some(link));
        let smaller = link(&below.after).and_then(|below| below.mtu);
        is_below && smaller.is_some() && before.mtu > smaller
    }
}

/// The link of an address.
fn on(key: &Key) -> Option<Key> {
    if let Key::Address {
        controller, link, ..
    } = key
    {
        Some(Key::link(controller, link))
    } else {
        None
    }
}

fn link(resource: &Option<Resource>) -> Option<&Link> {
    match resource {
        Some(Resource::Link(link)) => Some(link),
        Some(_) | None => None,
    }
}

/// What only one thing can have at a time.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place<'a> {
    /// Two links must not carry one address.
    Address(IpAddr),
    /// The kernel has one link for a tag (`vlan_newlink`).
    Tag(&'a LinkName, VlanProtocol, u16),
    /// A table serves one VRF.
    Table(Table),
}

impl<'a> Place<'a> {
    pub(super) fn of(key: &Key, resource: &'a Option<Resource>) -> Option<Self> {
        if let Some(address) = ip(key) {
            return Some(Self::Address(address));
        }
        match &link(resource)?.kind {
            LinkKind::Tagged(tagged) => Some(Self::Tag(&tagged.on, tagged.protocol, tagged.id)),
            LinkKind::Vrf(vrf) => Some(Self::Table(vrf.table)),
            LinkKind::Physical
            | LinkKind::Loopback
            | LinkKind::Bond(_)
            | LinkKind::Bridge(_)
            | LinkKind::Dummy => None,
        }
    }
}

/// Steps by what they make and take away.
struct Index<'a> {
    making: BTreeMap<&'a Key, NodeIndex>,
    removing: BTreeMap<&'a Key, NodeIndex>,
    leaving: BTreeMap<Place<'a>, Vec<NodeIndex>>,
    /// What makes an address the first of its prefix.
    becoming_first: BTreeMap<(LinkName, Prefix), NodeIndex>,
}

impl<'a> Index<'a> {
    fn new(steps: &'a [Step], nodes: &[NodeIndex]) -> Self {
        let mut index = Self {
            making: BTreeMap::new(),
            removing: BTreeMap::new(),
            leaving: BTreeMap::new(),
            becoming_first: BTreeMap::new(),
        };
        for (step, node) in steps.iter().zip(nodes) {
            if let Some(after) = &step.after {
                index.making.insert(&step.key, *node);
                let at = place(&step.key).filter(|_| is_first(after));
                index.becoming_first.extend(at.map(|at| (at, *node)));
                continue;
            }
            index.removing.insert(&step.key, *node);
            if let Some(place) = Place::of(&step.key, &step.before) {
                index.leaving.entry(place).or_default().push(*node);
            }
        }
        index
    }
}
