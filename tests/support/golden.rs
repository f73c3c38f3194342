//! Reviewed texts under golden/: the one check that they are what the code makes. `BLESS=1` rewrites them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Texts by their file's name below a folder.
pub type Texts = BTreeMap<String, String>;

/// `texts` are what the folder `golden` holds, or become so. It holds nothing else but what begins like one of `others`.
pub fn check(golden: &Path, texts: &Texts, others: &[&str]) {
    for (name, text) in texts {
        let path = golden.join(name);
        if std::env::var_os("BLESS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
        }
        let known = fs::read_to_string(&path).unwrap_or_default();
        let differences = similar::TextDiff::from_lines(&known, text)
            .unified_diff()
            .header("golden", "now")
            .to_string();
        assert!(
            differences.is_empty(),
            "{}: review, then BLESS=1 cargo test\n{differences}",
            path.display()
        );
    }
    let orphans: BTreeSet<String> = files(golden, golden)
        .into_iter()
        .filter(|name| !others.iter().any(|other| name.starts_with(other)))
        .filter(|name| !texts.contains_key(name))
        .collect();
    assert!(
        orphans.is_empty(),
        "golden files that no test makes: {orphans:?}"
    );
}

fn files(folder: &Path, base: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files(&path, base)
            } else {
                vec![path.strip_prefix(base).unwrap().display().to_string()]
            }
        })
        .collect()
}
