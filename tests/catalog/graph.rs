//! `bedplate graph`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use bedplate::lang::files::MemoryFiles;
use bedplate::site::catalog::Detail;
use bedplate::site::catalog::{Catalog, ObjectKey};
use bedplate::site::compile_catalog;
use bedplate::site::graph::{SiteGraph, View, dot, graph, svg};

use crate::lab::{bedplate, root, said};
use crate::support::golden::{Texts, check};

#[test]
fn graphs_are_drawn_as_golden() {
    let campus = root("examples/campus");
    let mut texts = Texts::new();
    for (name, options) in [
        ("graph.dot", &[][..]),
        ("graph.svg", &["--format", "svg"]),
        ("vlan.dot", &["--of", "plant/pxe", "--depth", "1"]),
        ("machine.dot", &["--of", "52:54:00:0a:00:10"]),
        ("graph.json", &["--of", "noble", "--json"]),
        ("full.dot", &["--of", "login", "--full", "--depth", "2"]),
    ] {
        let arguments = [&["graph"], options].concat();
        texts.insert(name.to_owned(), said(&campus, &arguments));
    }
    check(&root("golden/campus/commands/graph"), &texts, &[]);
}

#[test]
fn what_cannot_be_drawn_is_said() {
    let campus = root("examples/campus");
    for (arguments, err) in [
        (
            &["graph", "--of", "pxe"][..],
            "write one of vlan/plant/pxe, vlan/yard/pxe",
        ),
        (&["graph", "--of", "logn"], "did you mean `login`?"),
        (&["graph", "--of", "9.9.9.9"], "error[C001]"),
        (&["graph", "--depth", "1"], "--of"),
        (&["graph", "--format", "png"], "possible values: dot, svg"),
        (&["graph", "nowhere"], "error[E005]"),
    ] {
        let ran = bedplate(&campus, arguments);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{arguments:?}");
        assert!(ran.err.contains(err), "{arguments:?}: {ran:?}");
    }
    // An address that nobody has stands for its subnet, and the site for all there is.
    let whole = said(&campus, &["graph"]);
    assert_eq!(said(&campus, &["graph", "--of", "campus"]), whole);
    let subnet = said(&campus, &["graph", "--of", "10.10.1.7"]);
    assert_eq!(said(&campus, &["graph", "--of", "10.10.0.0/16"]), subnet);
}

/// A rack of machines, every second one with a second port, in either order.
fn rack(count: usize, backwards: bool) -> Catalog {
    let mut nodes = vec![
        "site \"s\" domain=\"s.example\"".to_owned(),
        "fabric \"f\" { vlan \"v\" { subnet \"10.0.0.0/16\" }; vlan \"w\" id=2 }".to_owned(),
        "image \"i\" { boot \"ipxe\" \"a\" }".to_owned(),
        "profile \"p\" { image \"i\"; ethernet \"e0\" vlan=\"v\" }".to_owned(),
    ];
    for number in 0..count {
        let mac = format!("{:02x}:{:02x}", number / 256, number % 256);
        let mut node = format!(
            "machine \"m{number:04}\" profile=\"p\" {{ ethernet \"e0\" mac=\"52:54:00:00:{mac}\" {{ address \"10.0.{}.{}\" }}",
            number / 200,
            number % 200 + 1
        );
        if number % 2 == 1 {
            write!(
                node,
                "; ethernet \"e1\" vlan=\"w\" mac=\"52:54:01:00:{mac}\""
            )
            .unwrap();
        }
        nodes.push(node + " }");
    }
    if backwards {
        nodes.reverse();
    }
    let mut files = MemoryFiles::default();
    files.insert("site.kdl", nodes.join("\n").into_bytes());
    files.insert("a", b"a".to_vec());
    let (compiled, catalog) = compile_catalog(&files, "site.kdl", Detail::References);
    assert_eq!(compiled.diagnostics, []);
    catalog.unwrap()
}

fn names(graph: &SiteGraph) -> Vec<String> {
    let machines = graph
        .node_weights()
        .filter(|node| node.kind.starts_with("machine"));
    machines.map(|node| node.name.join(", ")).collect()
}

#[test]
fn many_machines_are_one_node_for_each_profile_and_vlan() {
    let view = View::default();
    assert_eq!(names(&graph(&rack(30, false), &view)).len(), 30);
    let catalog = rack(41, false);
    let folded = ["21 of p, in f/v", "20 of p, in f/v, in f/w"];
    assert_eq!(names(&graph(&catalog, &view)), folded);
    let full = View {
        full: true,
        ..View::default()
    };
    assert_eq!(names(&graph(&catalog, &full)).len(), 41);
    // The machine that was asked for stays itself.
    let of = |key: ObjectKey| View {
        of: Some(key),
        ..View::default()
    };
    let one = graph(&catalog, &of(ObjectKey::Machine("m0003".parse().unwrap())));
    assert_eq!(names(&one), ["m0003"]);
    let needing = graph(&catalog, &of(ObjectKey::Profile("p".parse().unwrap())));
    assert_eq!(names(&needing), folded);
}

#[test]
fn the_order_of_nodes_does_not_show() {
    for full in [false, true] {
        let view = View {
            full,
            ..View::default()
        };
        let [here, there] = [false, true].map(|backwards| {
            let graph = graph(&rack(60, backwards), &view);
            (dot("t", &graph), svg("t", &graph))
        });
        assert_eq!(here, there);
    }
}

#[test]
fn some_thousand_nodes_are_drawn() {
    let view = View {
        full: true,
        ..View::default()
    };
    let graph = graph(&rack(1500, false), &view);
    assert!(graph.node_count() > 3000);
    let picture = svg("<t>", &graph);
    assert!(picture.contains("<title>&lt;t&gt;</title>"));
    assert_eq!(
        picture.matches("<g ").count(),
        picture.matches("</g>").count()
    );
    let words: BTreeSet<&str> = picture.split(['<', '>']).collect();
    let mut nodes = graph.node_weights();
    assert!(nodes.all(|node| words.contains(&*node.name[0])));
}
