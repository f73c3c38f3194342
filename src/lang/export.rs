//! The node tables as a page for people and as JSON for tools: what `schema/` holds.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::node::ROOT;
use super::schema::{Child, Count, Kind, NodeSchema};
use crate::base::arch::ClientArch;
use crate::base::option::{OPTIONS, OptionRow, said_elsewhere};
use crate::diag::suggest::listed;

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
    architectures(&mut out);
    options(&mut out);
    out
}

/// The table of client architectures.
fn architectures(out: &mut String) {
    out.push_str(
        "\n## Client architectures\n\nWhat `boot` and `disable-boot` know, with what such clients say in option 93, and by which way they fetch their program.\n\n\
         | name | is | option 93 | fetches by |\n|---|---|---|---|\n",
    );
    for arch in ClientArch::ALL {
        let codes = arch.codes().iter().map(|code| format!("0x{code:02x}"));
        let codes = codes.collect::<Vec<_>>().join(", ");
        let way = if arch.boots_by_url() { "HTTP" } else { "TFTP" };
        let title = arch.title();
        // Writing to a string cannot fail.
        let _: std::fmt::Result = writeln!(out, "| `{arch}` | {title} | {codes} | {way} |");
    }
}

/// The table of DHCP options that have names.
fn options(out: &mut String) {
    out.push_str(
        "\n## DHCP options\n\nWhat `option` knows by name; any other is written by its code, with `(hex)`.\n\n\
         | name | code | is |\n|---|---|---|\n",
    );
    for row in OPTIONS
        .iter()
        .filter(|row| said_elsewhere(row.code).is_none())
    {
        let OptionRow { code, name, kind } = row;
        // Writing to a string cannot fail.
        let _: std::fmt::Result = writeln!(out, "| `{name}` | {code} | {} |", kind.describe());
    }
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
        let kind = in_words(argument.kind);
        line(format!("| argument, {count} | {kind} | {} |", argument.doc));
    }
    for property in *properties {
        let need = if property.required { ", required" } else { "" };
        let kind = in_words(property.kind);
        line(format!(
            "| `{}=`{need} | {kind} | {} |",
            property.name, property.doc
        ));
    }
    for child in *children {
        section(child, level + 1, out);
    }
}

/// What a value may be: the words of a closed set, or its kind with its bounds.
fn in_words(kind: Kind) -> String {
    if let Some(words) = kind.words() {
        return listed(words.iter().copied());
    }
    match kind.integer_bounds() {
        Some((least, most)) => format!("{}, {least} to {most}", kind.describe()),
        None => kind.describe().to_owned(),
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
