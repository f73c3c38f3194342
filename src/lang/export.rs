//! The node tables as a page for people and as JSON for tools: what `schema/` holds.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::node::ROOT;
use super::schema::{Child, Count, Kind, NodeSchema};

const FORMAT_VERSION: u32 = 1;

/// The reference page of the language, in Markdown.
pub fn reference() -> String {
    let mut out = String::from(
        "# The site language\n\n\
         Generated from the compiler's own tables. Each heading is a node, under the node that holds it.\n",
    );
    for child in ROOT.children {
        section(child, 2, &mut out);
    }
    out
}

/// The node tables as JSON.
pub fn json_schema() -> Value {
    json!({
        "format_version": FORMAT_VERSION,
        "language": "Bedplate site, KDL v2",
        "nodes": ROOT.children.iter().map(node).collect::<Vec<_>>(),
    })
}

fn section(child: &Child, level: usize, out: &mut String) {
    let NodeSchema {
        name,
        doc,
        arguments,
        properties,
        children,
    } = child.schema;
    let mut line = |text: String| {
        // Writing to a string cannot fail.
        let _: std::fmt::Result = writeln!(out, "{text}");
    };
    let marks = "#".repeat(level.min(6));
    line(format!("\n{marks} `{name}`\n"));
    line(format!("{doc} Stands {}.\n", times(child.count)));
    line(format!("```kdl\n{}\n```", child.schema.example()));
    if !arguments.is_empty() || !properties.is_empty() {
        line("\n| | is | means |\n|---|---|---|".to_owned());
    }
    for argument in *arguments {
        let count = times(argument.count);
        let kind = argument.kind.describe();
        line(format!("| argument, {count} | {kind} | {} |", argument.doc));
    }
    for property in *properties {
        let need = if property.required { ", required" } else { "" };
        let kind = property.kind.describe();
        line(format!(
            "| `{}=`{need} | {kind}{} | {} |",
            property.name,
            bounds(property.kind),
            property.doc
        ));
    }
    for child in *children {
        section(child, level + 1, out);
    }
}

fn bounds(kind: Kind) -> String {
    match kind.integer_bounds() {
        Some((least, most)) => format!(", {least} to {most}"),
        None => String::new(),
    }
}

fn times(count: Count) -> &'static str {
    match count {
        Count::Optional => "at most once",
        Count::One => "once",
        Count::Many => "at least once",
        Count::Any => "any number of times",
    }
}

fn node(child: &Child) -> Value {
    let NodeSchema {
        name,
        doc,
        arguments,
        properties,
        children,
    } = child.schema;
    let arguments = arguments.iter().map(|argument| {
        json!({
            "doc": argument.doc,
            "type": value_type(argument.kind),
            "count": times(argument.count),
        })
    });
    let properties = properties.iter().map(|property| {
        json!({
            "name": property.name,
            "doc": property.doc,
            "type": value_type(property.kind),
            "required": property.required,
        })
    });
    json!({
        "name": name,
        "doc": doc,
        "count": times(child.count),
        "arguments": arguments.collect::<Vec<_>>(),
        "properties": properties.collect::<Vec<_>>(),
        "children": children.iter().map(node).collect::<Vec<_>>(),
    })
}

fn value_type(kind: Kind) -> Value {
    let mut value = json!({ "is": kind.describe(), "example": kind.example() });
    if let (Value::Object(map), Some((least, most))) = (&mut value, kind.integer_bounds()) {
        map.insert("least".to_owned(), json!(least));
        map.insert("most".to_owned(), json!(most));
    }
    if let (Value::Object(map), Some(words)) = (&mut value, kind.words()) {
        map.insert("words".to_owned(), json!(words));
    }
    value
}
