//! A graph in DOT, the language of Graphviz.

use std::fmt::Write as _;

use petgraph::visit::{EdgeRef, IntoNodeReferences};

use super::style::{FAINT, INK, Shape, style};
use super::{Node, SiteGraph};

/// The graph in DOT, as Graphviz draws it from left to right. Equal graphs give equal texts.
pub fn dot(title: &str, graph: &SiteGraph) -> String {
    let mut text = format!(
        "digraph {} {{\n    rankdir=LR\n    bgcolor=\"white\"\n    \
         node [fontname=\"monospace\", fontsize=11, fontcolor=\"{INK}\", style=\"filled\"]\n    \
         edge [fontname=\"monospace\", fontsize=9, fontcolor=\"{FAINT}\", color=\"{FAINT}\"]\n",
        quoted(title)
    );
    for (_, node) in graph.node_references() {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "    {} [{}]",
            quoted(&node.key.to_string()),
            look(node)
        );
    }
    for edge in graph.edge_references() {
        let ends = [edge.source(), edge.target()].map(|end| graph.node_weight(end));
        let [Some(from), Some(to)] = ends else {
            continue;
        };
        let words: Vec<_> = edge.weight().iter().map(|one| one.as_str()).collect();
        let _ = writeln!(
            text,
            "    {} -> {} [label={}]",
            quoted(&from.key.to_string()),
            quoted(&to.key.to_string()),
            quoted(&words.join(", "))
        );
    }
    text.push_str("}\n");
    text
}

fn look(node: &Node) -> String {
    let style = style(node.key.group());
    let (shape, more) = match style.shape {
        Shape::Box => ("box", ""),
        Shape::Rounded => ("box", ", style=\"filled,rounded\""),
        Shape::Ellipse => ("ellipse", ""),
        Shape::Hexagon => ("hexagon", ""),
        Shape::Slanted => ("parallelogram", ""),
        Shape::Note => ("note", ""),
    };
    let label = format!("{}\n{}", node.kind, node.name.join("\n"));
    format!(
        "label={}, shape={shape}, fillcolor=\"{}\", color=\"{}\"{more}",
        quoted(&label),
        style.fill,
        style.stroke
    )
}

/// A string in which nothing means anything to Graphviz: neither quotes nor escapes such as `\N`.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_quotes() {
        for (text, expected) in [
            ("a", "\"a\""),
            ("\"]; b [\\N", "\"\\\"]; b [\\\\N\""),
            ("a\nb\u{0}c", "\"a\\nb c\""),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }
}
