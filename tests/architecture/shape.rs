//! How large and how named files and functions are.

use crate::{Files, check};

use crate::lexer::{block_end, code_of, line_of, words};

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 70;

pub(crate) fn files_are_short(files: &Files) -> Vec<String> {
    let lengths = rust(files).map(|(file, text)| (file, text.lines().count()));
    lengths
        .filter(|(_, lines)| *lines > FILE_LINES)
        .map(|(file, lines)| format!("{file}: {lines} lines; split it by noun at {FILE_LINES}"))
        .collect()
}

pub(crate) fn functions_are_short(files: &Files) -> Vec<String> {
    let mut faults = Vec::new();
    for (file, text) in rust(files) {
        let code = code_of(text);
        for (at, _) in words(&code).filter(|(_, word)| *word == "fn") {
            // A signature ends in a body or, in traits and types, without one.
            let Some(open) = body(&code, at) else {
                continue;
            };
            let line = line_of(&code, at);
            let lines = line_of(&code, block_end(&code, open)) - line + 1;
            if lines > FUNCTION_LINES {
                faults.push(format!(
                    "{file}:{line}: a function of {lines} lines; {FUNCTION_LINES} are allowed"
                ));
            }
        }
    }
    faults
}

/// The brace that opens a function's body: the first one outside parentheses and brackets, before any `;` there.
fn body(code: &str, at: usize) -> Option<usize> {
    let mut depth = 0;
    for (offset, c) in code[at..].char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '{' if depth == 0 => return Some(at + offset),
            ';' | ',' | '=' | '}' if depth == 0 && !is_bound(code, at, offset) => return None,
            _ => {}
        }
        if depth < 0 {
            return None;
        }
    }
    None
}

/// Whether the sign at `offset` belongs to generics or a `where` clause rather than ends the signature.
fn is_bound(code: &str, at: usize, offset: usize) -> bool {
    let signature = &code[at..at + offset];
    let opened = signature.matches('<').count();
    let closed = signature.matches('>').count() - signature.matches("->").count();
    opened > closed || words(signature).any(|(_, word)| word == "where")
}

pub(crate) fn files_have_headers(files: &Files) -> Vec<String> {
    let bare = rust(files).filter(|(_, text)| !text.starts_with("//! "));
    bare.map(|(file, _)| format!("{file}: does not open with `//! ` and what the file does"))
        .collect()
}

pub(crate) fn nothing_is_called_util(files: &Files) -> Vec<String> {
    let is_util = |part: &str| matches!(part.split('.').next(), Some("util" | "utils"));
    let named = files.keys().filter(|file| file.split('/').any(is_util));
    named
        .map(|file| format!("{file}: name it after what it holds"))
        .collect()
}

fn rust(files: &Files) -> impl Iterator<Item = (&String, &String)> {
    files.iter().filter(|(file, _)| file.ends_with(".rs"))
}

#[test]
fn a_long_file_is_refused() {
    let (most, more) = ("\n".repeat(500), "\n".repeat(501));
    check(
        files_are_short,
        &[("src/a.rs", &most), ("src/b.rs", &more)],
        &["src/b.rs: 501 lines; split it by noun at 500"],
    );
}

#[test]
fn a_long_function_is_refused() {
    let lines = "x();\n".repeat(69);
    let most = format!("fn f() {{\n{}}}", "x();\n".repeat(68));
    let more = format!(
        "trait T {{ fn a(); fn b<X: Y<Z = W>>(c: [u8; 2]) where X: Z, {{\n// }}\n{lines}}} }}"
    );
    let pointer =
        format!("struct S {{ f: fn(u8) -> u8, }}\nconst C: [u8; 1] = {{\n{lines}{lines}}};");
    check(
        functions_are_short,
        &[("a.rs", &most), ("b.rs", &more), ("c.rs", &pointer)],
        &["b.rs:1: a function of 72 lines; 70 are allowed"],
    );
}

#[test]
fn a_file_without_a_header_is_refused() {
    check(
        files_have_headers,
        &[("src/a.rs", "//! Does a.\n"), ("src/b.rs", "use a;\n//! b")],
        &["src/b.rs: does not open with `//! ` and what the file does"],
    );
}

#[test]
fn a_util_is_refused() {
    let names = [
        ("src/util/a.rs", ""),
        ("src/utils.rs", ""),
        ("src/utility.rs", ""),
    ];
    let faults = [
        "src/util/a.rs: name it after what it holds",
        "src/utils.rs: name it after what it holds",
    ];
    check(nothing_is_called_util, &names, &faults);
}
