//! A graph as a picture in SVG: nodes from left to right, dark text on light grounds, every kind with a shape, a colour and its word.

use std::fmt::Write as _;

use petgraph::visit::{EdgeRef, IntoNodeReferences};

use super::layout::{Layout, Point, Size, layout};
use super::port::{CUT, STEP, dock};
use super::style::{FAINT, INK, Shape, style};
use super::{Node, SiteGraph};

/// Of a character of the name, and of a line.
const CHARACTER: f64 = 7.3;
const LINE: f64 = 15.0;

/// Of a character of the smaller words.
const SMALL: f64 = 5.5;

/// Beside and around the text of a node.
const PADDING: f64 = 18.0;

/// With more edges than this, their words are shown only where one points at them.
const WORDS: usize = 300;

/// The graph as an SVG document. Equal graphs give equal texts.
pub fn svg(title: &str, graph: &SiteGraph) -> String {
    let sizes: Vec<Size> = graph
        .node_references()
        .map(|(index, node)| size(node, graph.edges(index).count()))
        .collect();
    let shapes: Vec<Shape> = graph
        .node_weights()
        .map(|node| style(node.key.group()).shape)
        .collect();
    let edges: Vec<(usize, usize)> = graph
        .edge_references()
        .map(|edge| (edge.source().index(), edge.target().index()))
        .collect();
    let mut layout = layout(&sizes, &edges);
    dock(&mut layout, &edges, &sizes, &shapes);
    let mut text = head(title, layout.size);
    arrows(&mut text, graph, &layout);
    for (index, (_, node)) in graph.node_references().enumerate() {
        if let (Some(centre), Some(size)) = (layout.nodes.get(index), sizes.get(index)) {
            draw(&mut text, node, *centre, *size);
        }
    }
    text.push_str("</svg>\n");
    text
}

/// The size of a node that `leaving` edges leave.
fn size(node: &Node, leaving: usize) -> Size {
    let lengths = node.name.iter().map(|line| characters(line) * CHARACTER);
    let widest = lengths.fold(characters(&node.kind) * SMALL, f64::max);
    let (around, height) = match style(node.key.group()).shape {
        Shape::Box | Shape::Rounded | Shape::Note => (PADDING, 0.0),
        Shape::Hexagon | Shape::Slanted => (2.0 * PADDING, 0.0),
        // An ellipse holds a text in its middle only.
        Shape::Ellipse => (2.5 * PADDING, 8.0),
    };
    let lines = number(node.name.len());
    Size {
        width: (widest + around).round(),
        height: (24.0 + lines * LINE + height).max(STEP * number(leaving) + 2.0),
    }
}

fn characters(text: &str) -> f64 {
    number(text.chars().count())
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn head(title: &str, size: Size) -> String {
    let Size { width, height } = size;
    let title = escaped(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\">\n\
         <title>{title}</title>\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
         <path d=\"M0 0.5L8 4L0 7.5z\" fill=\"{FAINT}\"/></marker></defs>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    )
}

/// All edges below all of their words, so that no line runs through one.
fn arrows(text: &mut String, graph: &SiteGraph, layout: &Layout) {
    let _ = writeln!(
        text,
        "<g fill=\"none\" stroke=\"{FAINT}\" stroke-width=\"1.1\">"
    );
    let mut labels = String::new();
    for (edge, route) in graph.edge_references().zip(&layout.routes) {
        let ends = [edge.source(), edge.target()].map(|end| graph.node_weight(end));
        let (Some(path), [Some(from), Some(to)]) = (path(route), ends) else {
            continue;
        };
        let words: Vec<_> = edge.weight().iter().map(|one| one.as_str()).collect();
        let words = words.join(", ");
        let tip = escaped(&format!("{} {words} {}", from.key, to.key));
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "<path d=\"{path}\" marker-end=\"url(#tip)\"><title>{tip}</title></path>"
        );
        if let [first, second, ..] = route.as_slice() {
            let (anchor, aside) = if second.x < first.x {
                ("end", -6.0)
            } else {
                ("start", 6.0)
            };
            let (x, y) = (first.x + aside, first.y + 3.0);
            let _ = writeln!(
                labels,
                "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{}</text>",
                escaped(&words)
            );
        }
    }
    text.push_str("</g>\n");
    if layout.routes.len() <= WORDS {
        let _ = writeln!(
            text,
            "<g font-size=\"9\" fill=\"{FAINT}\" stroke=\"#ffffff\" stroke-width=\"3\" paint-order=\"stroke\">\n{labels}</g>"
        );
    }
}

/// A curve through all points of a route, level at each.
fn path(route: &[Point]) -> Option<String> {
    let (first, rest) = route.split_first()?;
    let mut path = format!("M{} {}", first.x, first.y);
    let mut from = first;
    for to in rest {
        let half = f64::midpoint(from.x, to.x);
        if from.y.to_bits() == to.y.to_bits() {
            let _ = write!(path, "L{} {}", to.x, to.y);
        } else {
            let (x, y) = (to.x, to.y);
            let _ = write!(path, "C{half} {} {half} {y} {x} {y}", from.y);
        }
        from = to;
    }
    Some(path)
}

fn draw(text: &mut String, node: &Node, centre: Point, size: Size) {
    let look = style(node.key.group());
    let Point { x, y } = centre;
    let outline = outline(look.shape, centre, size);
    let _ = writeln!(
        text,
        "<g text-anchor=\"middle\" fill=\"{INK}\"><title>{}</title>\n<{outline} fill=\"{}\" stroke=\"{}\" stroke-width=\"1.2\"/>",
        escaped(&node.key.to_string()),
        look.fill,
        look.stroke
    );
    let lines = number(node.name.len());
    let mut baseline = y - (lines * LINE) / 2.0;
    let _ = writeln!(
        text,
        "<text x=\"{x}\" y=\"{baseline}\" font-size=\"9\">{}</text>",
        escaped(&node.kind)
    );
    for line in &node.name {
        baseline += LINE;
        let _ = writeln!(
            text,
            "<text x=\"{x}\" y=\"{baseline}\" font-size=\"12\">{}</text>",
            escaped(line)
        );
    }
    text.push_str("</g>\n");
}

/// The element of a node's outline, less its colours.
fn outline(shape: Shape, centre: Point, size: Size) -> String {
    let Point { x, y } = centre;
    let (w, h) = (size.width / 2.0, size.height / 2.0);
    let (left, right, top, bottom) = (x - w, x + w, y - h, y + h);
    let rect = |radius: f64| {
        let Size { width, height } = size;
        format!(
            "rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"{radius}\""
        )
    };
    let cut = CUT;
    let points = |points: &[(f64, f64)]| {
        let points: Vec<_> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
        format!("polygon points=\"{}\"", points.join(" "))
    };
    match shape {
        Shape::Box => rect(2.0),
        Shape::Rounded => rect(h.min(14.0)),
        Shape::Ellipse => format!("ellipse cx=\"{x}\" cy=\"{y}\" rx=\"{w}\" ry=\"{h}\""),
        Shape::Hexagon => points(&[
            (left, y),
            (left + cut, top),
            (right - cut, top),
            (right, y),
            (right - cut, bottom),
            (left + cut, bottom),
        ]),
        Shape::Slanted => points(&[
            (left + cut, top),
            (right, top),
            (right - cut, bottom),
            (left, bottom),
        ]),
        Shape::Note => points(&[
            (left, top),
            (right - cut, top),
            (right, top + cut),
            (right, bottom),
            (left, bottom),
        ]),
    }
}

/// Text in which nothing is markup; characters that XML 1.0 does not have (2.2) become blanks.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_markup() {
        assert_eq!(
            escaped("<a b='c'>&\"\u{0}\u{1b}"),
            "&lt;a b=&#39;c&#39;&gt;&amp;&quot;  "
        );
    }
}
