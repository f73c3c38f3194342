//! What the compiler says about bad sites, and that it says nothing about good ones.
//!
//! Each case is `tests/bad/NAME.kdl`, or `tests/bad/NAME/site.kdl` with the files beside it, and holds at least two independent faults.
//! A comment below a faulty line states what is expected there: `// error[E012] 8-14: words` means the code, the columns of
//! the primary label, from 1, its end not included, and words that the message holds. Everything expected must be reported,
//! and nothing else may be.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

#[path = "support/cases.rs"]
mod cases;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use bedplate::cli::files::DiskFiles;
use bedplate::diag::code::Code;
use bedplate::diag::render;
use bedplate::diag::report::Diagnostic;
use bedplate::diag::sarif::sarif;
use bedplate::lang::files::MemoryFiles;
use bedplate::site::catalog::Detail;
use bedplate::site::{Compiled, compile, compile_catalog};
use proptest::prelude::*;

/// One line of a report, in the form that the notes use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Note {
    file: String,
    line: u32,
    severity: String,
    code: String,
    columns: (u32, u32),
    message: String,
}

fn root(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}

/// Folder and first source of every case.
fn cases(folder: &str) -> Vec<(PathBuf, String)> {
    let mut cases: Vec<_> = fs::read_dir(root(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| {
            if path.is_dir() {
                let is_case = path.join("site.kdl").exists();
                return is_case.then(|| (path, "site.kdl".to_owned()));
            }
            let is_case = path.extension().is_some_and(|ext| ext == "kdl");
            let name = path.file_name()?.to_str()?.to_owned();
            is_case.then(|| (path.parent().unwrap().to_owned(), name))
        })
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "{folder} holds no case");
    cases
}

/// With the catalog, which is made beside the checks: a draft that breaks a rule must not harm it.
fn compile_at(folder: &Path, source: &str) -> Compiled {
    let files = DiskFiles::open(folder).unwrap();
    let (compiled, catalog) = compile_catalog(&files, source, Detail::Full);
    assert_eq!(catalog.is_some(), compiled.site.is_some());
    compiled
}

fn reported(compiled: &Compiled) -> Vec<Note> {
    compiled
        .diagnostics
        .iter()
        .map(|one| {
            let place = one.place().expect("a fault of a site has a place");
            let (start, end) = (compiled.sources.start(place), compiled.sources.end(place));
            Note {
                file: compiled.sources.path(place.source).to_owned(),
                line: start.line,
                severity: one.severity().as_str().to_owned(),
                code: one.code.to_string(),
                columns: (start.column, end.column),
                message: one.message.clone(),
            }
        })
        .collect()
}

/// The notes in a source; each speaks of the last line before it that is not a note.
fn expected(file: &str, text: &str) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut subject = 0;
    for (line, number) in text.lines().zip(1..) {
        let comment = line.trim().strip_prefix("// ");
        // What is expected in a table stands beside it: `// rack.csv:2 error[E112] 1-9: words`.
        let elsewhere = comment.and_then(|comment| {
            let (place, rest) = comment.split_once(' ')?;
            let (file, line) = place.rsplit_once(':')?;
            Some((file.to_owned(), line.parse().ok()?, note(rest)?))
        });
        let here = || Some((file.to_owned(), subject, comment.and_then(note)?));
        let Some((file, line, note)) = elsewhere.or_else(here) else {
            subject = number;
            continue;
        };
        let (severity, code, columns, message) = note;
        notes.push(Note {
            file,
            line,
            severity,
            code,
            columns,
            message,
        });
    }
    notes
}

fn note(text: &str) -> Option<(String, String, (u32, u32), String)> {
    let (severity, rest) = text.split_once('[')?;
    if !matches!(severity, "error" | "warning") {
        return None;
    }
    let (code, rest) = rest.split_once("] ")?;
    let (columns, message) = rest.split_once(": ")?;
    let (start, end) = columns.split_once('-')?;
    let columns = (start.parse().ok()?, end.parse().ok()?);
    Some((
        severity.to_owned(),
        code.to_owned(),
        columns,
        message.to_owned(),
    ))
}

#[test]
fn bad_sites_report_their_faults_and_nothing_else() {
    let mut faults = Vec::new();
    for (folder, source) in cases("tests/bad") {
        let compiled = compile_at(&folder, &source);
        let mut found = reported(&compiled);
        let mut wanted: Vec<Note> = compiled
            .sources
            .iter()
            .flat_map(|(path, text)| expected(path, text))
            .collect();
        if wanted.len() < 2 {
            faults.push(format!(
                "{source}: a case holds at least two faults, this one {}",
                wanted.len()
            ));
        }
        let is_bad = wanted.iter().any(|note| note.severity == "error");
        assert_eq!(compiled.site.is_none(), is_bad, "{source}");
        found.sort();
        wanted.sort();
        let agree = |(found, wanted): (&Note, &Note)| {
            let words = found.message.contains(&wanted.message);
            let message = wanted.message.clone();
            words
                && Note {
                    message,
                    ..found.clone()
                } == *wanted
        };
        if found.len() != wanted.len() || !found.iter().zip(&wanted).all(agree) {
            let shown = render::text(&compiled.diagnostics, &compiled.sources, false);
            let lines: Vec<_> = found
                .iter()
                .map(|one| {
                    let (start, end) = one.columns;
                    format!(
                        "{}:{} // {}[{}] {start}-{end}: {}",
                        one.file, one.line, one.severity, one.code, one.message
                    )
                })
                .collect();
            faults.push(format!(
                "{}/{source}\n{}\n{shown}",
                folder.display(),
                lines.join("\n")
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn every_code_of_a_site_has_a_case() {
    let shown: BTreeSet<String> = cases("tests/bad")
        .iter()
        .flat_map(|(folder, source)| {
            let files = DiskFiles::open(folder).unwrap();
            // Whether a subnet is full shows only when it is allocated from.
            let (locked, _) = bedplate::site::lock::lock(&files, source);
            [reported(&compile(&files, source)), reported(&locked)].concat()
        })
        .map(|note| note.code)
        .collect();
    let missing: Vec<_> = Code::ALL
        .iter()
        .map(|code| code.number())
        // Only in a revision is a boot file unknown, not on disk.
        .filter(|number| !number.starts_with(['D', 'C']) && *number != "W006")
        .filter(|number| !shown.contains(*number))
        .collect();
    assert!(missing.is_empty(), "no case shows {missing:?}");
}

/// What is said of one slip of the pen, and what to do about it.
#[test]
fn help_leads_where_it_should() {
    let link = |address: &str| format!("machine \"m\" {{ ethernet \"e\" {{ {address} }} }}");
    let equals = "E001: a node has no `=`: address \"…\"";
    let option = |code: &str| format!("profile \"p\" {{ option {code} (hex)\"00\" }}");
    for (text, lock, expected) in [
        (
            link("address \"10.0.0.11\" \"10.0.0.12\""),
            "",
            "E016: a node for each: address \"10.0.0.11\"; address \"10.0.0.12\"",
        ),
        (link("address=\"10.0.0.11\""), "", equals),
        (link("address = \"10.0.0.11\""), "", equals),
        (
            link("address=;"),
            "",
            "E001: a node has no `=`: address \"…\" E013: write address \"10.10.0.1\"",
        ),
        (option("999"), "", "E017: -"),
        (option("0"), "", "E017: -"),
        (
            link("rp-filter #true").replace("machine", "controller"),
            "",
            "E015: known are `off`, `strict`, `loose`",
        ),
        (
            "include \".\"".to_owned(),
            "",
            "E005: a folder's files are included by a pattern: \"./*.kdl\"",
        ),
        (
            String::new(),
            "address \"m\" \"e\" \"10.0.0.0/24\"",
            "E013: remove the line and run `bedplate lock`, which allocates another address",
        ),
    ] {
        let mut files = MemoryFiles::default();
        let site = format!("site \"s\" domain=\"s.example\"\n{text}");
        files.insert("site.kdl", site.into_bytes());
        files.insert("bedplate.lock", lock.as_bytes().to_vec());
        let compiled = compile(&files, "site.kdl");
        let told =
            |one: &Diagnostic| format!("{}: {}", one.code, one.help.as_deref().unwrap_or("-"));
        // That there is no VLAN is another matter.
        let told: Vec<String> = compiled
            .diagnostics
            .iter()
            .map(told)
            .filter(|one| !one.starts_with("E06"))
            .collect();
        assert_eq!(told.join(" "), expected, "{text}");
    }
}

#[test]
fn examples_compile_without_a_word() {
    for (folder, source) in cases("examples") {
        let compiled = compile_at(&folder, &source);
        let shown = render::text(&compiled.diagnostics, &compiled.sources, false);
        assert!(
            compiled.diagnostics.is_empty(),
            "{}\n{shown}",
            folder.display()
        );
        assert!(compiled.site.is_some(), "{}", folder.display());
        let opening = fs::read_to_string(folder.join(source)).unwrap();
        assert!(
            opening.starts_with("// "),
            "{}: an example says what it teaches",
            folder.display()
        );
    }
}

#[test]
fn generated_pages_are_up_to_date() {
    let schema = serde_json::to_string_pretty(&bedplate::lang::json_schema()).unwrap() + "\n";
    let pages = [
        ("schema/bedplate.schema.json", schema),
        ("schema/reference.md", bedplate::lang::reference()),
    ];
    for (path, text) in pages {
        let path = root(path);
        if std::env::var_os("BLESS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &text).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == text,
            "{} is stale: BLESS=1 cargo test",
            path.display()
        );
    }
}

/// The quickstart in memory, with another text for its source.
fn quickstart(text: Vec<u8>) -> Compiled {
    let mut files = MemoryFiles::default();
    let folder = root("examples/quickstart/boot");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        files.insert(&format!("boot/{name}"), fs::read(&path).unwrap());
    }
    files.insert("site.kdl", text);
    compile(&files, "site.kdl")
}

fn quickstart_text() -> String {
    fs::read_to_string(root("examples/quickstart/site.kdl")).unwrap()
}

#[test]
fn a_bundle_compiles_as_the_disk_does() {
    let from_disk = compile_at(&root("examples/quickstart"), "site.kdl").site;
    let from_memory = quickstart(quickstart_text().into_bytes()).site;
    assert!(from_disk.is_some());
    assert_eq!(from_disk, from_memory);
}

/// The codes reported, with their number.
fn codes(compiled: &Compiled) -> Vec<Code> {
    let mut codes: Vec<_> = compiled.diagnostics.iter().map(|one| one.code).collect();
    codes.sort_unstable();
    codes
}

#[test]
fn bombs_are_refused_in_time() {
    let deep = [
        ("a {", vec![Code::Limit]),
        ("/*", vec![Code::Syntax]),
        ("/- ", vec![Code::Syntax, Code::Syntax, Code::SiteCount]),
        (
            "a { b \"\n",
            [vec![Code::Limit], vec![Code::Syntax; 64]].concat(),
        ),
    ];
    for (part, expected) in deep {
        let mut found = codes(&quickstart(part.repeat(100_000).into_bytes()));
        found.sort_by_key(|code| code.number());
        let mut expected = expected;
        expected.sort_by_key(|code| code.number());
        assert_eq!(found, expected, "{part}");
    }
    // A text that is nothing but faults is not read to its end.
    let hopeless = quickstart("\" {\n".repeat(100_000).into_bytes());
    let most = bedplate::base::limit::SYNTAX_FAULTS + 1;
    assert_eq!(hopeless.diagnostics.len(), most);
    let large = vec![b'\n'; bedplate::base::limit::SOURCE_BYTES + 1];
    let compiled = quickstart(large);
    assert_eq!(codes(&compiled), [Code::Limit]);
    // Within the bounds, what is left is parsed on a small stack.
    let nested = format!("{}{}", "a {".repeat(64), "}".repeat(64));
    assert!(!quickstart(nested.into_bytes()).diagnostics.is_empty());
    for text in [
        "(".repeat(20_000),
        "\\\n".repeat(20_000),
        "#".repeat(20_000),
        "a ".repeat(5_000),
    ] {
        assert!(quickstart(text.into_bytes()).site.is_none());
    }
}

proptest! {
    #![proptest_config(cases::cases(150))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let compiled = quickstart(bytes);
        render::text(&compiled.diagnostics, &compiled.sources, false);
    }

    #[test]
    fn mutated_sites_never_panic(at in any::<prop::sample::Index>(), cut in 0_usize..40, put in "[ \\n{}\"/*();=#a-z0-9-]{0,8}") {
        let mut text: Vec<char> = quickstart_text().chars().collect();
        let start = at.index(text.len());
        let end = (start + cut).min(text.len());
        text.splice(start..end, put.chars());
        let compiled = quickstart(text.into_iter().collect::<String>().into_bytes());
        prop_assert_eq!(compiled.site.is_none(), compiled.diagnostics.iter().any(|one| one.is_error()));
        render::text(&compiled.diagnostics, &compiled.sources, false);
    }
}

/// A thousand faults in one file, in the order of their lines, after one in a file that sorts before it.
fn a_thousand_faults() -> Compiled {
    let vlans = |number: usize| format!("    vlan \"v{number}\" id={}\n", 5_000 + number);
    let lines: String = (0..999).rev().map(vlans).collect();
    let mut files = MemoryFiles::default();
    let site =
        format!("site \"s\" domain=\"s.example\"\ninclude \"a.kdl\"\nfabric \"f\" {{\n{lines}}}\n");
    files.insert("site.kdl", site.into_bytes());
    files.insert("a.kdl", b"space 1".to_vec());
    compile(&files, "site.kdl")
}

#[test]
fn of_a_thousand_faults_the_first_fifty_are_shown_and_the_rest_counted() {
    let compiled = a_thousand_faults();
    assert_eq!(compiled.diagnostics.len(), 1_000);
    let text = render::text(&compiled.diagnostics, &compiled.sources, false);
    assert!(text.ends_with("… and 950 more not shown\n1000 errors, 0 warnings\n"));
    let heads = |text: &str| text.lines().filter(|line| line.starts_with('E')).count();
    assert_eq!(heads(&text), 50);
    let json = render::json(&compiled.diagnostics, &compiled.sources);
    let counts = serde_json::json!({ "errors": 1_000, "warnings": 0, "hidden": 950 });
    assert_eq!(json["counts"], counts);
    let shown = json["diagnostics"].as_array().unwrap();
    let place = |one: &serde_json::Value| {
        let label = &one["labels"][0];
        let line = label["line"].as_u64().unwrap();
        (label["file"].as_str().unwrap().to_owned(), line)
    };
    let places: Vec<(String, u64)> = shown.iter().map(place).collect();
    let wanted = (4..=52).map(|line| ("site.kdl".to_owned(), line));
    let wanted: Vec<_> = [("a.kdl".to_owned(), 1)]
        .into_iter()
        .chain(wanted)
        .collect();
    assert_eq!(places, wanted);
    // Code hosts show them all.
    let log = sarif(&compiled.diagnostics, &compiled.sources, Path::new("/site"));
    assert_eq!(log["runs"][0]["results"].as_array().unwrap().len(), 1_000);
}

#[test]
fn numbers_of_any_size_are_told_and_never_wrap() {
    let digits = "9".repeat(100_000);
    let numbers = [
        "18446744073709551617", // 2^64 + 1, which would be 1
        "-18446744073709551615",
        "4294967297",
        "170141183460469231731687303715884105727",
        "-170141183460469231731687303715884105728",
        "170141183460469231731687303715884105728",
        "0xffffffffffffffffffffffffffffffff",
        "0b11111111111111111111111111111111111111111111111111111111111111111",
        "1e4096",
        "1e-4096",
        "1.0",
        "#inf",
        &digits,
    ];
    for number in numbers {
        let text = format!(
            "site \"s\" domain=\"s.example\"\nfabric \"f\" {{ vlan \"v\" id={number} mtu={number} }}\nroute \"10.0.0.0/8\" {{ via \"::1\"; metric {number} }}"
        );
        let compiled = quickstart(text.into_bytes());
        let place = |one: &Diagnostic| {
            let at = compiled.sources.start(one.place().unwrap());
            (at.line, one.code)
        };
        let told: Vec<(u32, Code)> = compiled.diagnostics.iter().map(place).collect();
        let of_numbers = told.iter().filter(|(_, code)| {
            matches!(code, Code::Syntax | Code::WrongType | Code::InvalidValue)
        });
        assert_eq!(of_numbers.count(), 3, "{number:.40} {told:?}");
        render::text(&compiled.diagnostics, &compiled.sources, false);
    }
}

#[test]
fn a_thousand_machines_are_read_and_checked() {
    use std::fmt::Write as _;
    let mut text = quickstart_text();
    for number in 0..1_000 {
        let (high, low) = (number / 200, number % 200 + 1);
        writeln!(
            text,
            "machine \"m-{number}\" profile=\"node\" {{ ethernet \"eth0\" mac=\"52:54:01:00:{high:02x}:{low:02x}\" {{ address \"10.10.{}.{low}\" }} }}",
            100 + high
        )
        .unwrap();
    }
    let compiled = quickstart(text.into_bytes());
    assert_eq!(reported(&compiled), []);
    assert_eq!(compiled.site.unwrap().machines.len(), 1_002);
}
