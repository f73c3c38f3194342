//! Links that stand on themselves by way of others.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::stack::Stack;
use crate::base::name::LinkName;
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::Spanned;
use crate::site::resolve::Link;

/// As many links of a circle as are shown.
const SHOWN: usize = 8;

pub(super) fn check(stack: &Stack<'_>, out: &mut Vec<Diagnostic>) {
    let mut graph: DiGraph<&Link, &Spanned<LinkName>> = DiGraph::new();
    let indices: BTreeMap<&LinkName, NodeIndex> = stack
        .links
        .iter()
        .map(|(name, link)| (*name, graph.add_node(*link)))
        .collect();
    for (name, link) in &stack.links {
        let Some(from) = indices.get(name) else {
            continue;
        };
        for port in Stack::below(link) {
            if let Some(to) = indices.get(&port.value) {
                graph.add_edge(*from, *to, port);
            }
        }
    }
    // The order of the components is an accident; that of the links' places is not.
    let mut circles: Vec<Vec<NodeIndex>> = kosaraju_scc(&graph);
    circles.retain(|circle| match circle.as_slice() {
        [alone] => graph.contains_edge(*alone, *alone),
        _ => true,
    });
    for circle in circles {
        out.extend(fault(&graph, &circle));
    }
}

fn fault(graph: &DiGraph<&Link, &Spanned<LinkName>>, circle: &[NodeIndex]) -> Option<Diagnostic> {
    let place = |index: &NodeIndex| graph.node_weight(*index).map(|link| link.node.span);
    let mut sorted = circle.to_vec();
    sorted.sort_by_key(place);
    let start = graph.node_weight(*sorted.first()?)?;
    let message = format!("the link `{}` stands on itself", start.node.name.value);
    let mut fault = Diagnostic::new(Code::LinkCycle, message);
    let links = sorted.iter().filter_map(|index| graph.node_weight(*index));
    let inside: BTreeSet<&LinkName> = links.map(|link| &link.node.name.value).collect();
    for index in sorted.iter().take(SHOWN) {
        let below = graph.edges(*index).map(|edge| edge.weight());
        if let Some(port) = below
            .filter(|port| inside.contains(&port.value))
            .min_by_key(|port| port.span)
        {
            fault = fault.label(port.span, "stands on this");
        }
    }
    Some(fault.help("take one of them out"))
}
