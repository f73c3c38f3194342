//! What formatting never does: change a meaning, lose a comment, find work in its own result, panic, or take longer than the text is.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bedplate::base::limit;
use bedplate::diag::code::Code;
use proptest::prelude::*;

use crate::cases::cases;
use crate::format;

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Demands that the text is formatted, that this settles it, and that the result is laid out as promised.
fn check(text: &str) -> Result<(), TestCaseError> {
    let once = match format(text) {
        Ok(once) => once,
        Err(faults) => {
            // Our own refusal to change a meaning would be a fault of the formatter.
            let own = faults.iter().find(|fault| fault.code == Code::Internal);
            prop_assert!(own.is_none(), "{text:?}");
            return Ok(());
        }
    };
    let twice = format(&once);
    prop_assert_eq!(twice.as_deref(), Ok(once.as_str()), "{:?}", text);
    prop_assert!(
        !once.starts_with('\n') && !once.ends_with("\n\n"),
        "{once:?}"
    );
    prop_assert!(once.is_empty() || once.ends_with('\n'), "{once:?}");
    prop_assert!(
        !once.contains('\r') && !once.starts_with('\u{feff}'),
        "{once:?}"
    );
    Ok(())
}

fn suite() -> Vec<String> {
    let inputs = fs::read_dir(root("tests/kdl/input")).unwrap();
    let texts = inputs.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let mut texts: Vec<_> = texts.collect();
    texts.extend(examples().into_iter().map(|(_, text)| text));
    texts
}

/// Every KDL source under examples/, with its path.
fn examples() -> Vec<(PathBuf, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![root("examples")]);
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
        {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "kdl") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(found.len() > 3, "the examples are there");
    found
}

#[test]
fn the_suite_of_kdl_is_formatted_and_keeps_its_meaning() {
    let mut formatted = 0;
    for text in suite() {
        check(&text).unwrap();
        formatted += usize::from(format(&text).is_ok());
    }
    assert!(formatted > 230, "only {formatted} texts");
}

#[test]
fn examples_are_formatted() {
    for (path, text) in examples() {
        assert_eq!(format(&text).unwrap(), text, "{}", path.display());
    }
}

#[test]
fn sites_in_the_readme_are_formatted() {
    let readme = fs::read_to_string(root("README.md")).unwrap();
    let blocks = readme.split("```kdl\n").skip(1);
    let blocks: Vec<_> = blocks
        .filter_map(|rest| Some(rest.split_once("```")?.0))
        .collect();
    assert!(blocks.len() >= 3);
    for block in blocks {
        assert_eq!(format(block).unwrap(), block);
    }
}

#[test]
fn large_and_deep_texts_take_their_length() {
    let levels = limit::NESTING;
    let deep = format!("{}{}\n", "a{".repeat(levels), "}".repeat(levels)).repeat(300);
    let broken = format!("{}b{}\n", "a{\n".repeat(levels), "\n}".repeat(levels)).repeat(300);
    for text in [
        deep,
        broken,
        "machine  \"m\" { ethernet \"e\" { address \"10.0.0.1\" } }   // c\n".repeat(2_000),
        "/* c */ ".repeat(10_000),
        format!("a {}", "/* c\n */ ".repeat(10_000)),
        format!("a {}b", "\\\n".repeat(30_000)),
        format!("a {{{}}}", "\n".repeat(100_000)),
        format!("/*{}*/", "*".repeat(100_000)),
        format!("{}x{}", "/*".repeat(50_000), "*/".repeat(50_000)),
        "a // c\n // d\n".repeat(10_000),
    ] {
        let begin = Instant::now();
        check(&text).unwrap();
        let took = begin.elapsed();
        assert!(
            took < Duration::from_secs(20),
            "{took:?}: {:?}",
            &text[..20]
        );
    }
}

/// What may stand between two words, or be where nobody expects it.
const PARTS: [&str; 26] = [
    " ",
    "\n",
    "\n\n\n",
    "\t",
    "\r\n",
    "\r",
    ";",
    "{",
    "}",
    "// c\n",
    " // c\n",
    "/* c */",
    "/* c\n   d */",
    "\\\n",
    "\\ // c\n",
    "/-",
    " /- ",
    "/-{ x }",
    "{ y }",
    "(t)",
    "=",
    "\"\"\"\n  x\n  \"\"\"",
    "\u{2028}",
    "\u{a0}",
    " 1",
    "a",
];

/// Nodes in every shape, to be put together.
const PIECES: [&str; 24] = [
    "a",
    " b",
    "\"c d\"",
    " 1",
    " k=1",
    " k = \"v\"",
    "(t)a",
    " (t)1",
    " { ",
    " }",
    "\n",
    "\n",
    ";",
    " // c",
    "\n// c\n",
    " /* c */ ",
    "/* c\n d */",
    " \\\n ",
    " \\ // c\n",
    "/-",
    " /-",
    "\n\n",
    "          // c\n",
    "#\"r\"#",
];

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(PIECES.to_vec());
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(cases(4_000))]

    #[test]
    fn a_changed_text_keeps_every_promise(
        text in prop::sample::select(suite()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(PARTS.to_vec()), 0_usize..3), 0..6),
    ) {
        let mut text = text;
        for (at, part, cut) in changes {
            let places: Vec<usize> = (0..=text.len()).filter(|at| text.is_char_boundary(*at)).collect();
            let start = at.index(places.len());
            let end = (start + cut).min(places.len() - 1);
            text.replace_range(places[start]..places[end], part);
        }
        check(&text)?;
    }

    #[test]
    fn a_made_up_text_keeps_every_promise(text in pieces()) {
        check(&text)?;
    }

    #[test]
    fn anything_is_formatted_or_refused(text in prop_oneof![".{0,200}", "[a{}();/*\"\\\\#= \n\r-]{0,60}"]) {
        check(&text)?;
    }
}
