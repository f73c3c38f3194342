//! The site as a graph: objects, and which needs which. Made from the catalog; knows how neither is written in a site file.
//!
//! Links of machines and profiles are drawn as their hosts. What a machine needs only because of its profile, the profile shows; and an
//! address says by its subnet which VLAN its link is in.

mod dot;

mod fold;
mod layout;
mod order;
mod place;
mod port;
mod style;
mod svg;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use serde::Serialize;

use super::catalog::{Catalog, Group, ObjectKey, Relation, Source};

pub use dot::dot;
pub use svg::svg;

/// An object, or several machines alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Node {
    /// The object's key; that of the first of several.
    pub key: ObjectKey,
    /// What kind of object it is, as its box says.
    pub kind: String,
    /// Its name, and whatever tells several machines from others.
    pub name: Vec<String>,
}

/// Everything that is shown, in the order of keys; what an edge leads to is needed by what it comes from.
pub type SiteGraph = DiGraph<Node, BTreeSet<Relation>>;

/// What to show.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// An object with what it needs and what needs it; the whole site without one.
    pub of: Option<ObjectKey>,
    /// How far from it.
    pub depth: Option<usize>,
    /// Every machine with each of its links, however many there are.
    pub full: bool,
}

/// Who needs whom, and as what.
type Edges = BTreeMap<(ObjectKey, ObjectKey), BTreeSet<Relation>>;

/// The graph of a catalog, as far as `view` shows it.
pub fn graph(catalog: &Catalog, view: &View) -> SiteGraph {
    let stands_for = |key: &ObjectKey| shown_as(key, view.full);
    let keys = catalog.objects.keys();
    let mut keys: BTreeSet<ObjectKey> = keys
        .filter(|key| **key != ObjectKey::Site)
        .map(stands_for)
        .collect();
    let mut edges = Edges::new();
    for (key, object) in &catalog.objects {
        for reference in &object.refers {
            let (from, to) = (stands_for(key), stands_for(&reference.to));
            let is_inherited = matches!(reference.source, Source::Profile { .. })
                && key.group() == Group::Machines;
            if from != to && !is_inherited && keys.contains(&to) {
                edges
                    .entry((from, to))
                    .or_default()
                    .insert(reference.relation);
            }
        }
    }
    without_detours(&mut edges);
    if let Some(of) = &view.of {
        keys = around(&stands_for(of), &keys, &edges, view.depth);
        edges.retain(|(from, to), _| keys.contains(from) && keys.contains(to));
    }
    let kept = view.of.as_ref().map(stands_for);
    let folds = fold::folds(catalog, &keys, kept.as_ref(), view.full);
    assembled(catalog, &keys, &edges, &folds)
}

/// The object as which one is drawn.
fn shown_as(key: &ObjectKey, full: bool) -> ObjectKey {
    match key {
        ObjectKey::MachineLink(..) | ObjectKey::MachineBmc(_) if full => key.clone(),
        ObjectKey::MachineLink(host, _) | ObjectKey::MachineBmc(host) => {
            ObjectKey::Machine(host.clone())
        }
        ObjectKey::ProfileLink(name, _) | ObjectKey::ProfileBmc(name) => {
            ObjectKey::Profile(name.clone())
        }
        ObjectKey::Site
        | ObjectKey::Space(_)
        | ObjectKey::Fabric(_)
        | ObjectKey::Vlan(_)
        | ObjectKey::Subnet(..)
        | ObjectKey::Route(..)
        | ObjectKey::Record(_)
        | ObjectKey::Image(_)
        | ObjectKey::Controller(_)
        | ObjectKey::ControllerLink(..)
        | ObjectKey::Profile(_)
        | ObjectKey::Machine(_) => key.clone(),
    }
}

/// Drops that something is in a VLAN where an edge to a subnet of that VLAN says so already.
fn without_detours(edges: &mut Edges) {
    let through: BTreeSet<(ObjectKey, ObjectKey)> = edges
        .keys()
        .filter_map(|(from, to)| {
            if let ObjectKey::Subnet(vlan, _) = to {
                Some((from.clone(), ObjectKey::Vlan(vlan.clone())))
            } else {
                None
            }
        })
        .collect();
    for pair in &through {
        if let Some(relations) = edges.get_mut(pair) {
            relations.remove(&Relation::In);
        }
    }
    edges.retain(|_, relations| !relations.is_empty());
}

/// What `of` needs and what needs it, each however far, but for `depth`.
fn around(
    of: &ObjectKey,
    keys: &BTreeSet<ObjectKey>,
    edges: &Edges,
    depth: Option<usize>,
) -> BTreeSet<ObjectKey> {
    let mut graph: DiGraph<&ObjectKey, ()> = DiGraph::new();
    let nodes: BTreeMap<&ObjectKey, NodeIndex> =
        keys.iter().map(|key| (key, graph.add_node(key))).collect();
    for (from, to) in edges.keys() {
        if let (Some(from), Some(to)) = (nodes.get(from), nodes.get(to)) {
            graph.add_edge(*from, *to, ());
        }
    }
    let mut found = BTreeSet::new();
    let Some(start) = nodes.get(of) else {
        return found;
    };
    for direction in [Direction::Outgoing, Direction::Incoming] {
        let mut seen = BTreeSet::from([*start]);
        let mut queue = VecDeque::from([(*start, 0)]);
        while let Some((node, far)) = queue.pop_front() {
            found.extend(graph.node_weight(node).map(|key| (*key).clone()));
            if depth.is_some_and(|depth| far >= depth) {
                continue;
            }
            for next in graph.neighbors_directed(node, direction) {
                if seen.insert(next) {
                    queue.push_back((next, far + 1));
                }
            }
        }
    }
    found
}

/// The graph of what is left, folded nodes in the places of their first members.
fn assembled(
    catalog: &Catalog,
    keys: &BTreeSet<ObjectKey>,
    edges: &Edges,
    folds: &BTreeMap<ObjectKey, fold::Fold>,
) -> SiteGraph {
    let stand = |key: &ObjectKey| folds.get(key).map_or(key, |fold| &fold.first).clone();
    let mut graph = SiteGraph::new();
    let mut nodes: BTreeMap<ObjectKey, NodeIndex> = BTreeMap::new();
    for key in keys {
        if stand(key) == *key {
            let node = match folds.get(key) {
                Some(fold) => fold.node(),
                None => node(key, catalog),
            };
            nodes.insert(key.clone(), graph.add_node(node));
        }
    }
    let mut merged = Edges::new();
    for ((from, to), relations) in edges {
        let pair = (stand(from), stand(to));
        merged.entry(pair).or_default().extend(relations);
    }
    for ((from, to), relations) in merged {
        if let (Some(from), Some(to)) = (nodes.get(&from), nodes.get(&to)) {
            graph.add_edge(*from, *to, relations);
        }
    }
    graph
}

fn node(key: &ObjectKey, catalog: &Catalog) -> Node {
    let object = catalog.objects.get(key);
    let name = match key {
        ObjectKey::Vlan(path) => path.to_string(),
        ObjectKey::ControllerLink(host, link) | ObjectKey::MachineLink(host, link) => {
            format!("{host} {link}")
        }
        ObjectKey::MachineBmc(host) => host.to_string(),
        ObjectKey::Route(destination, metric, _) if *metric > 0 => {
            format!("{destination} metric {metric}")
        }
        ObjectKey::Site
        | ObjectKey::Space(_)
        | ObjectKey::Fabric(_)
        | ObjectKey::Subnet(..)
        | ObjectKey::Route(..)
        | ObjectKey::Record(_)
        | ObjectKey::Image(_)
        | ObjectKey::Controller(_)
        | ObjectKey::Profile(_)
        | ObjectKey::ProfileLink(..)
        | ObjectKey::ProfileBmc(_)
        | ObjectKey::Machine(_) => key.short(),
    };
    Node {
        key: key.clone(),
        kind: object.map_or("", |object| object.kind).to_owned(),
        name: vec![name],
    }
}
