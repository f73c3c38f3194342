//! Where edges leave and meet the outlines of nodes: they leave one below the other, so that each has room for its word.

use std::collections::BTreeMap;

use super::layout::{Layout, Point, Size};
use super::style::Shape;

/// Between two edges that leave a node on one side.
pub(super) const STEP: f64 = 12.0;

/// How far the corners of some shapes are cut.
pub(super) const CUT: f64 = 10.0;

/// Which side of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Left,
    Right,
}

/// Moves the ends of all routes to where they leave and meet their nodes.
pub(super) fn dock(
    layout: &mut Layout,
    edges: &[(usize, usize)],
    sizes: &[Size],
    shapes: &[Shape],
) {
    let Layout { nodes, routes, .. } = layout;
    let mut leaving: BTreeMap<(usize, Side), Vec<(f64, usize)>> = BTreeMap::new();
    for (index, ((from, _), route)) in edges.iter().zip(routes.iter()).enumerate() {
        if let (Some(node), [first, next, ..]) = (nodes.get(*from), route.as_slice()) {
            let side = if first.x < node.x {
                Side::Left
            } else {
                Side::Right
            };
            leaving
                .entry((*from, side))
                .or_default()
                .push((next.y, index));
        }
    }
    for ((from, side), mut edges) in leaving {
        let (Some(node), Some(size), Some(shape)) =
            (nodes.get(from), sizes.get(from), shapes.get(from))
        else {
            continue;
        };
        edges.sort_by(|a, b| a.0.total_cmp(&b.0));
        let count = f64::from(u32::try_from(edges.len()).unwrap_or(u32::MAX));
        let step = STEP.min(size.height / count);
        for (place, (_, index)) in (0_u32..).zip(edges) {
            let down = (f64::from(place) - (count - 1.0) / 2.0) * step;
            let end = routes.get_mut(index).and_then(|route| route.first_mut());
            end.into_iter()
                .for_each(|end| *end = outline(*shape, *node, *size, side, down));
        }
    }
    for ((_, to), route) in edges.iter().zip(routes.iter_mut()) {
        if let (Some(node), Some(size), Some(shape), Some(end)) = (
            nodes.get(*to),
            sizes.get(*to),
            shapes.get(*to),
            route.last_mut(),
        ) {
            let side = if end.x < node.x {
                Side::Left
            } else {
                Side::Right
            };
            *end = outline(*shape, *node, *size, side, 0.0);
        }
    }
}

/// The point of an outline that lies `down` below the node's middle.
fn outline(shape: Shape, node: Point, size: Size, side: Side, down: f64) -> Point {
    let (half, tall) = (size.width / 2.0, size.height / 2.0);
    let sign = match side {
        Side::Left => -1.0,
        Side::Right => 1.0,
    };
    let inset = match shape {
        Shape::Box | Shape::Rounded | Shape::Note => 0.0,
        Shape::Ellipse => half * (1.0 - (1.0 - (down / tall).powi(2)).max(0.0).sqrt()),
        Shape::Hexagon => CUT * (down / tall).abs(),
        Shape::Slanted => CUT * (1.0 + sign * down / tall) / 2.0,
    };
    Point {
        x: (node.x + sign * (half - inset)).round(),
        y: (node.y + down).round(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_lie_on_outlines() {
        let node = Point { x: 100.0, y: 100.0 };
        let size = Size {
            width: 80.0,
            height: 40.0,
        };
        for (shape, side, down, x) in [
            (Shape::Box, Side::Right, 20.0, 140.0),
            (Shape::Ellipse, Side::Left, 0.0, 60.0),
            (Shape::Ellipse, Side::Right, 20.0, 100.0),
            (Shape::Hexagon, Side::Right, 0.0, 140.0),
            (Shape::Hexagon, Side::Left, -20.0, 70.0),
            (Shape::Slanted, Side::Right, 20.0, 130.0),
            (Shape::Slanted, Side::Right, -20.0, 140.0),
            (Shape::Slanted, Side::Left, -20.0, 70.0),
        ] {
            let point = outline(shape, node, size, side, down);
            assert_eq!((point.x, point.y), (x, 100.0 + down), "{shape:?} {side:?}");
        }
    }
}
