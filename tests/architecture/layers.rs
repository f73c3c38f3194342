//! Who may know whom.

use crate::{Files, check};

use crate::imports::{imports, module_of};
use crate::lexer::{code_of, line_of, words};

/// A layer may name those before it, and itself.
const LAYERS: [&str; 13] = [
    "base", "diag", "lang", "site", "state", "plan", "store", "serve", "world", "apply", "watch",
    "daemon", "cli",
];

/// The servers know neither the site language nor plans.
const SERVE_KNOWS: [&str; 5] = ["base", "diag", "state", "store", "serve"];

/// Where code may wait. Below these, time and input are arguments.
const ASYNC_LAYERS: [&str; 6] = ["store", "world", "apply", "watch", "daemon", "cli"];

pub(crate) fn imports_point_up(files: &Files) -> Vec<String> {
    let mut faults = Vec::new();
    for (file, text) in sources(files) {
        let module = module_of(file);
        let rank = |name: &String| LAYERS.iter().position(|layer| layer == name);
        // The crate's root holds the layers and belongs to none.
        let Some((own, from)) = module.first().and_then(|own| Some((own, rank(own)?))) else {
            continue;
        };
        for import in imports(file, text) {
            let Some((name, to)) = import.path.first().and_then(|to| Some((to, rank(to)?))) else {
                continue;
            };
            let is_denied = own == "serve" && !SERVE_KNOWS.contains(&name.as_str());
            if to > from || is_denied {
                faults.push(format!(
                    "{file}:{}: {own} may not import {name}",
                    import.line
                ));
            }
        }
    }
    faults.dedup();
    faults
}

pub(crate) fn servers_stay_apart(files: &Files) -> Vec<String> {
    let protocol = |path: &[String]| match path {
        [serve, protocol, ..] if serve == "serve" => Some(protocol.clone()),
        _ => None,
    };
    // A file beside the protocols' folders is what they share: they may know it, and it none of them.
    let is_protocol = |name: &String| {
        let folder = format!("src/serve/{name}/");
        files.keys().any(|file| file.starts_with(&folder))
    };
    let mut faults = Vec::new();
    for (file, text) in sources(files) {
        let Some(own) = protocol(&module_of(file)) else {
            continue;
        };
        for import in imports(file, text) {
            let other = protocol(&import.path).filter(is_protocol);
            if let Some(other) = other.filter(|other| *other != own) {
                let line = import.line;
                faults.push(format!("{file}:{line}: {own} may not know {other}"));
            }
        }
    }
    faults.dedup();
    faults
}

pub(crate) fn async_stays_in_the_shell(files: &Files) -> Vec<String> {
    let mut faults = Vec::new();
    for (file, text) in sources(files) {
        let is_shell = match file.split('/').collect::<Vec<_>>()[..] {
            ["src", "main.rs"] | ["src", "serve", _, "socket.rs"] => true,
            ["src", "serve", _, "socket", ..] => true,
            ["src", layer, ..] => ASYNC_LAYERS.contains(&layer),
            _ => false,
        };
        if is_shell {
            continue;
        }
        let code = code_of(text);
        let waits = words(&code).find(|(_, word)| matches!(*word, "async" | "await"));
        if let Some((at, word)) = waits {
            faults.push(format!(
                "{file}:{}: `{word}` in a pure layer",
                line_of(&code, at)
            ));
        }
    }
    faults.dedup();
    faults
}

pub(crate) fn only_the_language_knows_kdl(files: &Files) -> Vec<String> {
    let mut faults = Vec::new();
    for (file, text) in sources(files).filter(|(file, _)| !file.starts_with("src/lang/")) {
        let code = code_of(text);
        let crate_path = words(&code).find(|(at, word)| {
            let before = code[..*at].trim_end();
            *word == "kdl" && code[at + word.len()..].starts_with("::") && !before.ends_with("::")
        });
        if let Some((at, _)) = crate_path {
            faults.push(format!(
                "{file}:{}: only lang may use kdl",
                line_of(&code, at)
            ));
        }
    }
    faults.dedup();
    faults
}

fn sources(files: &Files) -> impl Iterator<Item = (&String, &String)> {
    files
        .iter()
        .filter(|(file, _)| file.starts_with("src/") && file.ends_with(".rs"))
}

#[test]
fn an_import_of_a_later_layer_is_refused() {
    let files = [
        ("src/lib.rs", "use crate::cli::X;"),
        ("src/plan/a.rs", "use crate::{base::B, apply::C};"),
        ("src/serve/dns/a.rs", "\nfn f() { crate::site::g() }"),
        ("src/world/a.rs", "use crate::{state::S, world::W};"),
        ("src/site/a.rs", "use super::super::state::S;"),
    ];
    let faults = [
        "src/plan/a.rs:1: plan may not import apply",
        "src/serve/dns/a.rs:2: serve may not import site",
        "src/site/a.rs:1: site may not import state",
    ];
    check(imports_point_up, &files, &faults);
}

#[test]
fn an_import_of_a_sibling_protocol_is_refused() {
    let files = [
        ("src/serve/mod.rs", "use crate::serve::dns::X;"),
        ("src/serve/shared.rs", "use crate::serve::dns::X;"),
        (
            "src/serve/dns/a.rs",
            "use crate::serve::{shared::S, dhcp::X};",
        ),
        ("src/serve/dhcp/b.rs", "use super::super::dns::X;"),
    ];
    let faults = [
        "src/serve/dhcp/b.rs:1: dhcp may not know dns",
        "src/serve/dns/a.rs:1: dns may not know dhcp",
        "src/serve/shared.rs:1: shared may not know dns",
    ];
    check(servers_stay_apart, &files, &faults);
}

#[test]
fn async_below_the_shell_is_refused() {
    let files = [
        ("src/main.rs", "async fn main() {}"),
        ("src/serve/dns/engine.rs", "// async\nfn f() { g().await }"),
        ("src/serve/dns/socket.rs", "async fn run() {}"),
        ("src/serve/dhcp/socket/worker.rs", "async fn run() {}"),
        ("src/serve/dhcp/socket/past/write.rs", "async fn run() {}"),
        ("src/plan/a.rs", "fn f() { async move {} }"),
    ];
    let faults = [
        "src/plan/a.rs:1: `async` in a pure layer",
        "src/serve/dns/engine.rs:2: `await` in a pure layer",
    ];
    check(async_stays_in_the_shell, &files, &faults);
}

#[test]
fn kdl_outside_the_language_is_refused() {
    let files = [
        ("src/lang/a.rs", "use kdl::KdlDocument;"),
        ("src/site/a.rs", "fn f(d: &kdl::KdlDocument) {}"),
        ("src/site/b.rs", "use crate::lang::kdl::X;"),
    ];
    check(
        only_the_language_knows_kdl,
        &files,
        &["src/site/a.rs:1: only lang may use kdl"],
    );
}
