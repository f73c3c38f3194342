//! The house rules that a compiler does not check: layers, async, sizes, headers, dependencies.
//!
//! Each rule is a function from files to faults; beside each stands a made-up bad file that it must refuse.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

mod imports;
mod layers;
mod lexer;
mod manifest;
mod shape;
mod words;

use std::collections::BTreeMap;
use std::path::Path;

/// The project's text files: path below its root, and content.
pub(crate) type Files = BTreeMap<String, String>;

/// What is built, fetched or generated is not the project's own text.
const SKIPPED: [&str; 3] = ["target", ".git", "Cargo.lock"];

/// Demands that `rule` finds exactly `faults` in `files`.
#[track_caller]
pub(crate) fn check(rule: fn(&Files) -> Vec<String>, files: &[(&str, &str)], faults: &[&str]) {
    let files = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    assert_eq!(rule(&files.collect()), faults);
}

fn project() -> Files {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut files, mut folders) = (Files::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            if SKIPPED.contains(&name) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                files.insert(name.to_owned(), text);
            }
        }
    }
    files
}

#[test]
fn the_project_keeps_every_rule() {
    let files = project();
    assert!(files.contains_key("src/lib.rs"), "the walk found no source");
    let rules = [
        layers::imports_point_up,
        layers::servers_stay_apart,
        layers::async_stays_in_the_shell,
        layers::only_the_language_knows_kdl,
        shape::files_are_short,
        shape::functions_are_short,
        shape::files_have_headers,
        shape::nothing_is_called_util,
        manifest::dependencies_have_reasons,
        manifest::panics_unwind,
        words::the_workplace_is_not_mentioned,
    ];
    let faults: Vec<String> = rules.iter().flat_map(|rule| rule(&files)).collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
