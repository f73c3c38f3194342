//! Where nodes and edges go: columns from left to right, each node left of what it needs (Sugiyama, Tagawa and Toda, 1981).
//!
//! Circles are cut, nodes get columns, edges over several columns get a cell in each, cells are ordered so that few edges cross, and
//! placed so that edges run straight. Every step takes about as long as the drawing has cells, and equal graphs give equal drawings.

use std::collections::BTreeSet;

use petgraph::algo::{greedy_feedback_arc_set, toposort};
use petgraph::graph::DiGraph;
use petgraph::visit::EdgeRef;

use super::order::order;
use super::place::place;

/// Pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A drawing: where each node's centre is, and what each edge runs through, from its beginning to its end.
pub(super) struct Layout {
    pub(super) nodes: Vec<Point>,
    pub(super) routes: Vec<Vec<Point>>,
    pub(super) size: Size,
}

/// A place in a column: a node's, or that of an edge on its way.
pub(super) struct Cell {
    pub(super) rank: usize,
    pub(super) height: f64,
    /// Whether an edge passes here.
    pub(super) is_way: bool,
    /// Cells in the next column to the left, and to the right.
    pub(super) left: Vec<usize>,
    pub(super) right: Vec<usize>,
}

/// Between columns: room for a bend and a word.
const COLUMN_GAP: f64 = 120.0;

/// Around the whole.
pub(super) const MARGIN: f64 = 24.0;

/// Lays out nodes of the given sizes; an edge is a pair of their indices.
pub(super) fn layout(sizes: &[Size], edges: &[(usize, usize)]) -> Layout {
    let (ranks, reversed) = ranks(sizes.len(), edges);
    let mut cells: Vec<Cell> = sizes
        .iter()
        .zip(&ranks)
        .map(|(size, rank)| Cell {
            rank: *rank,
            height: size.height,
            is_way: false,
            left: Vec::new(),
            right: Vec::new(),
        })
        .collect();
    let chains: Vec<Vec<usize>> = edges
        .iter()
        .enumerate()
        .map(|(index, (from, to))| {
            let (from, to) = if reversed.contains(&index) {
                (*to, *from)
            } else {
                (*from, *to)
            };
            chain(from, to, &mut cells)
        })
        .collect();
    let columns = order(&cells);
    let heights = place(&cells, &columns);
    let widths = widths(sizes, &ranks, columns.len());
    let lefts = lefts(&widths);
    let centre = |cell: usize| {
        let rank = cells.get(cell).map_or(0, |cell| cell.rank);
        let (left, width) = (at(&lefts, rank), at(&widths, rank));
        Point {
            x: left + width / 2.0,
            y: at(&heights, cell),
        }
    };
    let routes = chains.iter().enumerate().map(|(index, chain)| {
        let stops = chain.iter().map(|cell| {
            let column = cells.get(*cell).map_or(0, |cell| cell.rank);
            let width = sizes.get(*cell).map(|size| size.width);
            (centre(*cell), width.unwrap_or(at(&widths, column)))
        });
        let mut route = route(&stops.collect::<Vec<_>>());
        if reversed.contains(&index) {
            route.reverse();
        }
        route
    });
    let bottoms = cells.iter().zip(&heights);
    let bottom = bottoms.map(|(cell, y)| y + cell.height / 2.0);
    let size = Size {
        width: at(&lefts, 0) + at(&widths, 0) + MARGIN,
        height: bottom.fold(0.0, f64::max) + MARGIN,
    };
    Layout {
        nodes: (0..sizes.len()).map(centre).collect(),
        routes: routes.collect(),
        size,
    }
}

/// The points of an edge from left to right: it goes level through whatever it meets, given by its middle and its width.
fn route(stops: &[(Point, f64)]) -> Vec<Point> {
    let mut route = Vec::new();
    for (place, (Point { x, y }, width)) in stops.iter().enumerate() {
        let beside = |sign: f64| Point {
            x: x + sign * width / 2.0,
            y: *y,
        };
        if place > 0 {
            route.push(beside(-1.0));
        }
        if place + 1 < stops.len() {
            route.push(beside(1.0));
        }
    }
    route
}

fn at(values: &[f64], index: usize) -> f64 {
    values.get(index).copied().unwrap_or_default()
}

/// How many columns from the right each node stands, and which edges run from right to left.
fn ranks(count: usize, edges: &[(usize, usize)]) -> (Vec<usize>, BTreeSet<usize>) {
    let mut graph: DiGraph<(), usize> = DiGraph::with_capacity(count, edges.len());
    let nodes: Vec<_> = (0..count).map(|_| graph.add_node(())).collect();
    for (index, (from, to)) in edges.iter().enumerate() {
        if let (Some(from), Some(to)) = (nodes.get(*from), nodes.get(*to)) {
            graph.add_edge(*from, *to, index);
        }
    }
    let reversed: BTreeSet<usize> = greedy_feedback_arc_set(&graph)
        .map(|edge| *edge.weight())
        .collect();
    let mut forward: DiGraph<(), ()> = DiGraph::with_capacity(count, edges.len());
    for _ in 0..count {
        forward.add_node(());
    }
    for edge in graph.edge_references() {
        let (from, to) = (edge.source(), edge.target());
        if reversed.contains(edge.weight()) {
            forward.add_edge(to, from, ());
        } else {
            forward.add_edge(from, to, ());
        }
    }
    let mut ranks = vec![0; count];
    let sorted = toposort(&forward, None).unwrap_or_default();
    for node in sorted.iter().rev() {
        let needed = forward.neighbors(*node);
        let ranked = needed.filter_map(|other| ranks.get(other.index()));
        let rank = ranked.max().map_or(0, |rank: &usize| rank + 1);
        if let Some(slot) = ranks.get_mut(node.index()) {
            *slot = rank;
        }
    }
    // What needs nothing stands beside the first that needs it.
    for node in &sorted {
        if forward.neighbors(*node).next().is_some() {
            continue;
        }
        let needing = forward.neighbors_directed(*node, petgraph::Direction::Incoming);
        let nearest = needing.filter_map(|other| ranks.get(other.index())).min();
        let rank = nearest.map_or(0, |rank| rank.saturating_sub(1));
        if let Some(slot) = ranks.get_mut(node.index()) {
            *slot = rank;
        }
    }
    (ranks, reversed)
}

/// The cells that an edge runs through, from left to right; those between its ends are made.
fn chain(from: usize, to: usize, cells: &mut Vec<Cell>) -> Vec<usize> {
    let rank = |cell: usize, cells: &[Cell]| cells.get(cell).map_or(0, |cell| cell.rank);
    let mut chain = vec![from];
    let between = rank(to, cells) + 1..rank(from, cells);
    for rank in between.rev() {
        chain.push(cells.len());
        cells.push(Cell {
            rank,
            height: 0.0,
            is_way: true,
            left: Vec::new(),
            right: Vec::new(),
        });
    }
    chain.push(to);
    for pair in chain.windows(2) {
        if let [left, right] = pair {
            cells
                .get_mut(*left)
                .into_iter()
                .for_each(|cell| cell.right.push(*right));
            cells
                .get_mut(*right)
                .into_iter()
                .for_each(|cell| cell.left.push(*left));
        }
    }
    chain
}

/// The width of each column.
fn widths(sizes: &[Size], ranks: &[usize], columns: usize) -> Vec<f64> {
    let mut widths = vec![0.0; columns];
    for (size, rank) in sizes.iter().zip(ranks) {
        if let Some(width) = widths.get_mut(*rank) {
            *width = f64::max(*width, size.width);
        }
    }
    widths
}

/// Where each column begins: the highest rank at the left.
fn lefts(widths: &[f64]) -> Vec<f64> {
    let mut lefts = vec![0.0; widths.len()];
    let mut x = MARGIN;
    for (left, width) in lefts.iter_mut().zip(widths).rev() {
        *left = x;
        x += width + COLUMN_GAP;
    }
    lefts
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size {
        width: 100.0,
        height: 30.0,
    };

    #[test]
    fn nodes_do_not_overlap_and_edges_meet_their_ends() {
        // A tree, a circle, long edges, a node alone, and a fan.
        let mut edges = vec![
            (0, 1),
            (1, 2),
            (2, 0),
            (0, 3),
            (3, 4),
            (4, 5),
            (0, 5),
            (6, 5),
        ];
        edges.extend((8..40).map(|node| (node, 5)));
        let sizes = vec![SIZE; 40];
        let Layout {
            nodes,
            routes,
            size,
        } = layout(&sizes, &edges);
        for (index, a) in nodes.iter().enumerate() {
            assert!(a.x - 50.0 >= MARGIN - 0.1 && a.x + 50.0 <= size.width - MARGIN + 0.1);
            assert!(a.y - 15.0 >= MARGIN - 0.1 && a.y + 15.0 <= size.height - MARGIN + 0.1);
            for b in &nodes[index + 1..] {
                let apart = (a.x - b.x).abs() >= SIZE.width || (a.y - b.y).abs() > SIZE.height;
                assert!(apart, "{a:?} {b:?}");
            }
        }
        for ((from, to), route) in edges.iter().zip(&routes) {
            for (end, node) in [(route.first(), from), (route.last(), to)] {
                let (end, node) = (end.unwrap(), nodes[*node]);
                assert!(
                    (end.y - node.y).abs() < 0.1 && ((end.x - node.x).abs() - 50.0).abs() < 0.1
                );
            }
        }
        // The circle is cut once; every other edge runs to the right.
        let leftwards = edges
            .iter()
            .filter(|(from, to)| nodes[*from].x > nodes[*to].x);
        assert_eq!(leftwards.count(), 1);
    }

    #[test]
    fn equal_graphs_are_drawn_alike_and_large_ones_in_time() {
        let count = 4000;
        let edges: Vec<_> = (40..count)
            .flat_map(|node| [(node, node % 40), (node, (node * 7) % 40)])
            .chain((1..40).map(|node| (node, 0)))
            .collect();
        let sizes = vec![SIZE; count];
        let first = layout(&sizes, &edges);
        let again = layout(&sizes, &edges);
        assert_eq!(first.nodes, again.nodes);
        assert!(layout(&[], &[]).nodes.is_empty());
    }
}
