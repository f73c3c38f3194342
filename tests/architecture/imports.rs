//! Which modules a file names: `crate::` and `super::` paths, made absolute.

use crate::lexer::{block_end, code_of, is_word, line_of, words};

/// A path as written in a file, without `crate`: `["serve", "dns", "Engine"]`.
pub(crate) struct Import {
    pub(crate) line: usize,
    pub(crate) path: Vec<String>,
}

/// The module that a file under `src/` is: `src/a/b.rs` and `src/a/b/mod.rs` are `a::b`.
pub(crate) fn module_of(file: &str) -> Vec<String> {
    let path = file.trim_start_matches("src/").trim_end_matches(".rs");
    let path = path.strip_suffix("mod").unwrap_or(path);
    let parts = path.split('/').filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}

/// All `crate::` and `super::` paths in a file, each branch of a `{…}` by itself.
pub(crate) fn imports(file: &str, text: &str) -> Vec<Import> {
    let code = code_of(text);
    let inline = inline_modules(&code);
    let mut found = Vec::new();
    for (at, word) in words(&code) {
        let is_first = !code[..at].trim_end().ends_with("::");
        if !is_first || !matches!(word, "crate" | "super") {
            continue;
        }
        let mut module = module_of(file);
        let within = inline
            .iter()
            .filter(|(begin, end)| (*begin..*end).contains(&at));
        module.extend(within.map(|_| "(inline)".to_owned()));
        if word == "crate" {
            module.clear();
        } else {
            module.pop();
        }
        let mut paths = Vec::new();
        follow(&code[at + word.len()..], module, &mut paths);
        let line = line_of(&code, at);
        found.extend(paths.into_iter().map(|path| Import { line, path }));
    }
    found
}

/// Begin and end of each `mod name { … }`.
fn inline_modules(code: &str) -> Vec<(usize, usize)> {
    let modules = words(code).filter(|(_, word)| *word == "mod");
    let bodies = modules.filter_map(|(at, _)| {
        let open = at + code[at..].find(['{', ';'])?;
        code[open..]
            .starts_with('{')
            .then(|| (open, block_end(code, open)))
    });
    bodies.collect()
}

/// Follows `::a::{b, c::d}` from `prefix`; gives back what stands behind it.
fn follow<'a>(rest: &'a str, mut prefix: Vec<String>, paths: &mut Vec<Vec<String>>) -> &'a str {
    let Some(step) = rest.trim_start().strip_prefix("::") else {
        paths.push(prefix);
        return rest;
    };
    let step = step.trim_start();
    let Some(mut branches) = step.strip_prefix('{') else {
        let end = step.find(|c| !is_word(c)).unwrap_or(step.len());
        match &step[..end] {
            "super" => drop(prefix.pop()),
            "" => {}
            word => prefix.push(word.to_owned()),
        }
        return if end == 0 {
            paths.push(prefix);
            step
        } else {
            follow(&step[end..], prefix, paths)
        };
    };
    loop {
        branches = branches.trim_start_matches([' ', '\n', ',']);
        if branches.is_empty() {
            return branches;
        }
        if let Some(behind) = branches.strip_prefix('}') {
            return behind;
        }
        let end = branches.find(|c| !is_word(c)).unwrap_or(branches.len());
        let mut branch = prefix.clone();
        branch.push(branches[..end].to_owned());
        let behind = follow(&branches[end..], branch, paths);
        // An alias or a glob adds nothing to where the path leads.
        let next = behind.find([',', '}']).unwrap_or(behind.len());
        branches = &behind[next..];
    }
}

#[test]
fn paths_are_made_absolute() {
    for (file, text, expected) in [
        ("src/a/b.rs", "use crate::c::D;", "c::D"),
        (
            "src/a/b.rs",
            "use crate::{c::D, e::{F, g::*}, h as i};",
            "c::D e::F e::g h",
        ),
        ("src/a/b.rs", "use super::super::c::D;", "c::D"),
        ("src/a/mod.rs", "let x = super::c::d();", "c::d"),
        ("src/a/b.rs", "mod tests { use super::X; }", "a::b::X"),
        ("src/a/b.rs", "// crate::c\n\"crate::d\"", ""),
        ("src/a/b.rs", "pub(crate) fn f() {}", ""),
    ] {
        let found = imports(file, text);
        let paths = found.iter().map(|import| import.path.join("::"));
        let paths: Vec<String> = paths.filter(|path| !path.is_empty()).collect();
        assert_eq!(paths.join(" "), expected, "{text}");
    }
}
