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

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use serde::Serialize;

use super::catalog::{Catalog, Group, ObjectKey, Relation, Source};
use crate::base::route::MAIN_TABLE;

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

/// Who needs whom, by the places of their keys, and as what; sorted, and each once.
type Edges = Vec<(usize, usize, Relation)>;

/// The graph of a catalog, as far as `view` shows it.
pub fn graph(catalog: &Catalog, view: &View) -> SiteGraph {
    // The catalog's keys are sorted, and what is drawn as its host has the host beside it.
    let is_shown = |key: &&ObjectKey| {
        **key != ObjectKey::Site && matches!(shown_as(key, view.full), Cow::Borrowed(_))
    };
    let keys: Vec<&ObjectKey> = catalog.objects.keys().filter(is_shown).collect();
    let places: HashMap<&ObjectKey, usize> = keys
        .iter()
        .enumerate()
        .map(|(place, key)| (*key, place))
        .collect();
    let place = |key: &ObjectKey| places.get(shown_as(key, view.full).as_ref()).copied();
    let mut edges = Edges::new();
    for (key, object) in &catalog.objects {
        let shown = shown_as(key, view.full);
        let Some(from) = places.get(shown.as_ref()).copied() else {
            continue;
        };
        for reference in &object.refers {
            let is_inherited = matches!(reference.source, Source::Profile { .. })
                && key.group() == Group::Machines;
            // Looking for a place is most of the work.
            if is_inherited || shown_as(&reference.to, view.full) == shown {
                continue;
            }
            let to = place(&reference.to);
            edges.extend(to.map(|to| (from, to, reference.relation)));
        }
    }
    edges.sort_unstable();
    edges.dedup();
    without_detours(&keys, &places, &mut edges);
    let kept = view.of.as_ref().and_then(place);
    let shown: Vec<usize> = match (&view.of, kept) {
        (None, _) => (0..keys.len()).collect(),
        (Some(_), None) => Vec::new(),
        (Some(_), Some(of)) => around(of, keys.len(), &edges, view.depth),
    };
    let keys: Vec<(usize, &ObjectKey)> = shown
        .iter()
        .filter_map(|place| Some((*place, *keys.get(*place)?)))
        .collect();
    let folds = fold::folds(catalog, &keys, kept, view.full);
    assembled(catalog, &keys, &edges, &folds)
}

/// The object as which one is drawn: a part of a profile as the profile, and one of a machine as the machine, unless all is shown.
fn shown_as(key: &ObjectKey, full: bool) -> Cow<'_, ObjectKey> {
    let group = key.group();
    let is_folded = group == Group::Profiles || group == Group::Machines && !full;
    let whole = if is_folded { key.parent() } else { None };
    whole.map_or(Cow::Borrowed(key), Cow::Owned)
}

/// Drops that something is in a VLAN where an edge to a subnet of that VLAN says so already.
fn without_detours(keys: &[&ObjectKey], places: &HashMap<&ObjectKey, usize>, edges: &mut Edges) {
    // The VLAN of each subnet, found once.
    let subnets = keys.iter().enumerate().filter_map(|(place, key)| {
        let ObjectKey::Subnet(vlan, _) = key else {
            return None;
        };
        Some((place, *places.get(&ObjectKey::Vlan(vlan.clone()))?))
    });
    let vlans: HashMap<usize, usize> = subnets.collect();
    let through = edges.iter();
    let through: HashSet<(usize, usize)> = through
        .filter_map(|(from, to, _)| Some((*from, *vlans.get(to)?)))
        .collect();
    edges.retain(|(from, to, relation)| {
        *relation != Relation::In || !through.contains(&(*from, *to))
    });
}

/// What `of` needs and what needs it, each however far, but for `depth`; in the order of the keys, of which there are `count`.
fn around(
    of: usize,
    count: usize,
    edges: &[(usize, usize, Relation)],
    depth: Option<usize>,
) -> Vec<usize> {
    let mut graph: DiGraph<(), ()> = DiGraph::with_capacity(count, edges.len());
    for _ in 0..count {
        graph.add_node(());
    }
    for (from, to, _) in edges {
        graph.add_edge(NodeIndex::new(*from), NodeIndex::new(*to), ());
    }
    let mut found = BTreeSet::new();
    for direction in [Direction::Outgoing, Direction::Incoming] {
        let start = NodeIndex::new(of);
        let mut seen = BTreeSet::from([start]);
        let mut queue = VecDeque::from([(start, 0)]);
        while let Some((node, far)) = queue.pop_front() {
            found.insert(node.index());
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
    found.into_iter().collect()
}

/// The graph of what is left, folded nodes in the places of their first members.
fn assembled(
    catalog: &Catalog,
    keys: &[(usize, &ObjectKey)],
    edges: &[(usize, usize, Relation)],
    folds: &fold::Folds<'_>,
) -> SiteGraph {
    let stand = |place: usize| folds.of(place).map_or(place, |fold| fold.first);
    let mut graph = SiteGraph::new();
    let mut nodes: HashMap<usize, NodeIndex> = HashMap::new();
    for (place, key) in keys.iter().filter(|(place, _)| stand(*place) == *place) {
        let node = match folds.of(*place) {
            Some(fold) => fold.node(key),
            None => node(key, catalog),
        };
        nodes.insert(*place, graph.add_node(node));
    }
    let merged = edges.iter().filter_map(|(from, to, relation)| {
        let from = nodes.get(&stand(*from))?;
        Some(((*from, *nodes.get(&stand(*to))?), *relation))
    });
    let mut merged: Vec<((NodeIndex, NodeIndex), Relation)> = merged.collect();
    merged.sort_unstable();
    for group in merged.chunk_by(|a, b| a.0 == b.0) {
        if let Some(((from, to), _)) = group.first() {
            let relations = group.iter().map(|(_, relation)| *relation).collect();
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
        ObjectKey::ControllerRoute(host, destination, MAIN_TABLE, _) => {
            format!("{host} {destination}")
        }
        ObjectKey::ControllerRoute(host, destination, table, _) => {
            format!("{host} {destination} table {table}")
        }
        ObjectKey::ControllerRule(host, priority, _) => format!("{host} {priority}"),
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
