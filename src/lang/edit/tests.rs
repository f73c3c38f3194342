//! Edits of texts in every layout, with comments wherever KDL lets them stand.

use super::*;
use crate::diag::span::Sources;

fn host(more: &[(&'static str, Option<&str>)]) -> NodePath {
    let top = [("host", Some("a"))];
    let all = top.iter().chain(more);
    all.map(|(word, name)| (*word, name.map(str::to_owned)))
        .collect()
}

fn edits(path: NodePath, change: NodeEdit) -> Edits {
    Edits::from([(path, change)])
}

fn child(head: &str) -> NodeEdit {
    NodeEdit {
        children: vec![NewNode::leaf(head)],
        ..NodeEdit::default()
    }
}

#[track_caller]
fn check(before: &str, edits: &Edits, after: &str) {
    let id = Sources::default().add("t.kdl", before.into());
    assert_eq!(edit(id, before, edits).as_deref(), Ok(after), "{before}");
}

#[test]
fn a_child_comes_last_in_the_layout_of_its_block() {
    for (before, after) in [
        ("host \"a\"", "host \"a\" { x 1 }"),
        ("host \"a\" // c\nb\n", "host \"a\" { x 1 } // c\nb\n"),
        ("host \"a\";b", "host \"a\" { x 1 };b"),
        ("host \"a\" {}", "host \"a\" { x 1 }"),
        ("host a { }", "host a { x 1 }"),
        ("host \"A\" { b }", "host \"A\" { b; x 1 }"),
        ("host \"a\" { b; }", "host \"a\" { b; x 1 }"),
        ("host \"a\" { b /* c */ }", "host \"a\" { b /* c */; x 1 }"),
        ("host \"a\" /-{ b } { c }", "host \"a\" /-{ b } { c; x 1 }"),
        ("host \"a\" /-b=1 // c", "host \"a\" /-b=1 { x 1 } // c"),
        (
            "host \"a\" \\ // c\n  {\n}\n",
            "host \"a\" \\ // c\n  {\n      x 1\n}\n",
        ),
        (
            "host \"a\" {\n  b\n  // c\n}\n",
            "host \"a\" {\n  b\n  // c\n  x 1\n}\n",
        ),
        ("host \"a\" { // c\n}\n", "host \"a\" { // c\n    x 1\n}\n"),
        (
            "host \"a\" {\n\tb {\n\t\tc\n\t}\n} // d",
            "host \"a\" {\n\tb {\n\t\tc\n\t}\n\tx 1\n} // d",
        ),
        (
            "host \"a\" {\r\n  b\r\n}\r\n",
            "host \"a\" {\r\n  b\r\n  x 1\r\n}\r\n",
        ),
        ("host \"a\" {\n  b }\n", "host \"a\" {\n  b\n  x 1 }\n"),
        (
            "/-host \"a\"\nhost \"a\" {\n  /-b\n}",
            "/-host \"a\"\nhost \"a\" {\n  /-b\n    x 1\n}",
        ),
        ("host \"b\"\nhost \"a\"", "host \"b\"\nhost \"a\" { x 1 }"),
    ] {
        check(before, &edits(host(&[]), child("x 1")), after);
    }
}

#[test]
fn properties_are_added_and_replaced() {
    let change = NodeEdit {
        properties: BTreeMap::from([("mtu", "9000".to_owned())]),
        ..NodeEdit::default()
    };
    for (before, after) in [
        ("host \"a\" { b }", "host \"a\" mtu=9000 { b }"),
        (
            "host \"a\" mtu = 1500 v=1 // c",
            "host \"a\" mtu = 9000 v=1 // c",
        ),
        (
            "host \"a\" /-mtu=1 // c",
            "host \"a\" mtu=9000 /-mtu=1 // c",
        ),
    ] {
        check(before, &edits(host(&[]), change.clone()), after);
    }
}

#[test]
fn arguments_of_a_child_are_added_and_replaced() {
    let value = |values| NodeEdit {
        values: BTreeMap::from([("ports", values)]),
        ..NodeEdit::default()
    };
    let words = |all: &[&str]| all.iter().map(quoted).collect::<Vec<_>>();
    for (before, values, after) in [
        (
            "host \"a\" { ports \"p\" }",
            Values::Add(words(&["q", "r"])),
            "host \"a\" { ports \"p\" \"q\" \"r\" }",
        ),
        (
            "host \"a\" { ports \"p\"/*c*/ }",
            Values::Set(words(&["q"])),
            "host \"a\" { ports \"q\"/*c*/ }",
        ),
        (
            "host \"a\" { ports p \"r\" }",
            Values::Set(words(&["p", "q"])),
            "host \"a\" { ports p \"q\" }",
        ),
        (
            "host \"a\" {\n  b\n}",
            Values::Add(words(&["q"])),
            "host \"a\" {\n  b\n  ports \"q\"\n}",
        ),
    ] {
        check(before, &edits(host(&[]), value(values)), after);
    }
    let before = "host \"a\" { ports \"p\" \"q\" }";
    let id = Sources::default().add("t.kdl", before.into());
    let fewer = edits(host(&[]), value(Values::Set(words(&["p"]))));
    assert_eq!(edit(id, before, &fewer), Err(EditError::Fewer("ports")));
}

#[test]
fn what_belongs_to_an_inner_node_stands_in_it() {
    let mut all = edits(host(&[]), child("y"));
    let inner = NodeEdit {
        properties: BTreeMap::from([("v", "1".to_owned())]),
        ..child("x")
    };
    all.insert(host(&[("link", Some("b"))]), inner);
    check(
        "host \"a\" { link \"b\" }",
        &all,
        "host \"a\" { link \"b\" v=1 { x }; y }",
    );
    check(
        "host \"a\" {\n  link \"b\" }",
        &all,
        "host \"a\" {\n  link \"b\" v=1 { x }\n  y }",
    );
}

#[test]
fn long_nodes_and_blocks_in_blocks_take_several_lines() {
    let long = "x".repeat(80);
    let node = |children: Vec<NewNode>| NewNode {
        head: "new".to_owned(),
        children,
    };
    let change = NodeEdit {
        children: vec![
            node(vec![NewNode::leaf(&long), NewNode::leaf(&long)]),
            node(vec![node(vec![NewNode::leaf("z")])]),
        ],
        ..NodeEdit::default()
    };
    let after = format!(
        "host \"a\" {{\n    new {{\n        {long}\n        {long}\n    }}\n    new {{\n        new {{ z }}\n    }}\n}}\n"
    );
    check("host \"a\"\n", &edits(host(&[]), change), &after);
}

#[test]
fn what_cannot_be_found_or_read_is_said() {
    for (before, expected) in [
        ("host \"b\"", EditError::Missing("host \"a\"".to_owned())),
        ("host \"a\" {", EditError::Faulty),
    ] {
        let id = Sources::default().add("t.kdl", before.into());
        assert_eq!(
            edit(id, before, &edits(host(&[]), child("x"))),
            Err(expected)
        );
    }
    let id = Sources::default().add("t.kdl", "host \"a\"".into());
    let broken = edits(host(&[]), child("x \"y"));
    assert_eq!(edit(id, "host \"a\"", &broken), Err(EditError::Faulty));
}
