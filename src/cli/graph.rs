//! `bedplate graph`: which object of a site needs which, as DOT or as a picture.

use std::process::ExitCode;

use petgraph::visit::EdgeRef;

use super::args::{Format, GraphArguments};
use super::compile;
use super::output::Output;
use super::show::{ambiguous, unknown};
use crate::diag::fault::Fault;
use crate::site::catalog::{Catalog, Detail, Found, ObjectKey, find};
use crate::site::graph::{Node, SiteGraph, View, dot, graph as graph_of, svg};
use crate::site::model::Site;

/// Version of the JSON form.
const FORMAT_VERSION: u32 = 1;

pub(super) fn graph(arguments: &GraphArguments, out: &Output) -> Result<ExitCode, Fault> {
    let (local, all) = compile::cataloged(&arguments.site.site, Detail::References)?;
    let (Some(site), Some(catalog)) = (&local.compiled.site, &all) else {
        compile::show(&local.compiled, out);
        return Ok(ExitCode::from(1));
    };
    let of = match &arguments.of {
        Some(what) => Some(object(what, site, catalog)?),
        None => None,
    };
    let view = View {
        // The site itself needs nothing: it is all of it.
        of: of.filter(|key| *key != ObjectKey::Site),
        depth: arguments.depth,
        full: arguments.full,
    };
    let title = match &view.of {
        Some(key) => format!("site {}: {key}", site.name),
        None => format!("site {}", site.name),
    };
    let graph = graph_of(catalog, &view);
    if out.json {
        out.value(&json(&graph))?;
    } else {
        out.text(&match arguments.format {
            Format::Dot => dot(&title, &graph),
            Format::Svg => svg(&title, &graph),
        });
    }
    // The process ends here: taking a large site apart would be a tenth of its work.
    std::mem::forget(graph);
    std::mem::forget((local, all));
    Ok(ExitCode::SUCCESS)
}

fn json(graph: &SiteGraph) -> serde_json::Value {
    let nodes: Vec<&Node> = graph.node_weights().collect();
    let edges = graph.edge_references().filter_map(|edge| {
        let [from, to] = [edge.source(), edge.target()].map(|end| graph.node_weight(end));
        Some(serde_json::json!({ "from": &from?.key, "to": &to?.key, "relations": edge.weight() }))
    });
    let edges: Vec<_> = edges.collect();
    serde_json::json!({ "format_version": FORMAT_VERSION, "nodes": nodes, "edges": edges })
}

fn object(what: &str, site: &Site, catalog: &Catalog) -> Result<ObjectKey, Fault> {
    match find(what, site, catalog) {
        Found::Object(key) => Ok(key),
        Found::Several(keys) => Err(ambiguous(what, &keys)),
        // An address that nobody has stands for its subnet.
        Found::Place(place) => place.subnet.ok_or_else(|| unknown(what, None, site)),
        Found::Nothing { nearest } => Err(unknown(what, nearest, site)),
    }
}
