//! The house layout by example: a text as someone wrote it, and as it is put.

use crate::format;

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (input, expected) in cases {
        let found = format(input).unwrap_or_else(|faults| panic!("{input:?}: {faults:?}"));
        assert_eq!(found, *expected, "{input:?}");
        assert_eq!(format(expected).unwrap(), *expected, "{expected:?}");
    }
}

#[test]
fn spaces() {
    check(&[
        ("a   1\t2  k = 3\n", "a 1 2 k=3\n"),
        ("  a 1;b 2 ;  c", "a 1\nb 2\nc\n"),
        ("(  t ) a ( u )1 k=(v) \"x\"", "(t)a (u)1 k=(v)\"x\"\n"),
        ("\u{feff}a\r\nb\r\n", "a\nb\n"),
        ("a\u{a0}\u{3000}b \u{2028}c", "a b\nc\n"),
        ("a   \nb\t\n", "a\nb\n"),
        ("", ""),
        (" \n\n", ""),
        ("\n\na\n\n\n\nb\n\n", "a\n\nb\n"),
    ]);
}

#[test]
fn blocks() {
    check(&[
        ("a{b;c}", "a { b; c }\n"),
        ("a {  b ;c;  }", "a { b; c }\n"),
        ("a{}", "a {}\n"),
        ("a {\n\n}", "a {}\n"),
        ("a { b { c } }", "a { b { c } }\n"),
        ("a { b\n}", "a {\n    b\n}\n"),
        (
            "a {\n  b; c { d }\n\n\n  e\n\n}\n",
            "a {\n    b\n    c { d }\n\n    e\n}\n",
        ),
        (
            "a {\n\tb {\n\t\tc\n\t}\n}",
            "a {\n    b {\n        c\n    }\n}\n",
        ),
        (
            "bond \"b\" mode=\"802.3ad\" {ports \"eno2\"   \"eno3\";lacp-rate \"fast\"}",
            "bond \"b\" mode=\"802.3ad\" { ports \"eno2\" \"eno3\"; lacp-rate \"fast\" }\n",
        ),
        ("a { b; // c\n}", "a {\n    b // c\n}\n"),
        ("a /- { b } { c }", "a /-{ b } { c }\n"),
    ]);
}

#[test]
fn blocks_that_are_too_long() {
    let argument = "x".repeat(112);
    let (fits, over) = (&argument[1..], &argument[..]);
    check(&[
        (
            &format!("a {{ {fits}; b }}"),
            &format!("a {{ {fits}; b }}\n"),
        ),
        (
            &format!("a {{ {over}; b }}"),
            &format!("a {{\n    {over}\n    b\n}}\n"),
        ),
        // The outer block is broken, the inner one has room.
        (
            &format!("a {{ b {{ {fits} }} }}"),
            &format!("a {{\n    b {{\n        {fits}\n    }}\n}}\n"),
        ),
        (
            &format!("a {{ b {{ {} }} }}", &fits[1..]),
            &format!("a {{\n    b {{ {} }}\n}}\n", &fits[1..]),
        ),
        // A comment behind a block may be as long as it likes.
        (
            &format!("a {{ {fits}; b }} // {over}"),
            &format!("a {{ {fits}; b }} // {over}\n"),
        ),
    ]);
}

#[test]
fn comments() {
    check(&[
        ("//a\n  // b\n\n\n// c\na", "//a\n// b\n\n// c\na\n"),
        ("a {\n// b\n\n// c\n}", "a {\n    // b\n\n    // c\n}\n"),
        ("a { // b\n\n c }", "a { // b\n    c\n}\n"),
        ("a {\n b\n} // c\nd", "a {\n    b\n} // c\nd\n"),
        ("a { b } /* c */ // d\ne", "a { b } /* c */ // d\ne\n"),
        (
            "a/* b */1/* c */k/* d */=/* e */2",
            "a /* b */ 1 /* c */ k /* d */ = /* e */ 2\n",
        ),
        (
            "/* a */ b; /* c */ d /* e */; /* f */\n",
            "/* a */ b\n/* c */ d /* e */ /* f */\n",
        ),
        ("a { /* b */ c; /* d */ }", "a { /* b */ c; /* d */ }\n"),
        (
            "(/* a */t/* b */)/* c */d",
            "(/* a */ t /* b */) /* c */ d\n",
        ),
        // The lines of a comment keep their places to each other.
        (
            "a {\n  /* b\n   * c   \n\n   */\n  d\n}",
            "a {\n    /* b\n     * c\n\n     */\n    d\n}\n",
        ),
        ("/- kdl-version   2  \na", "/- kdl-version   2\na\n"),
        ("/-  a  1 {  b }", "/-a 1 { b }\n"),
        ("/- // why\n\n a { b\n}", "/- // why\na {\n    b\n}\n"),
        (
            "a /-  1   /- k = 2 { /-  b; c }",
            "a /-1 /-k=2 { /-b; c }\n",
        ),
        ("a 1 /- // why\n 2 3", "a 1 /- // why\n    2 3\n"),
    ]);
}

#[test]
fn aligned_comments() {
    check(&[
        ("a // b\nccc   // d\n", "a   // b\nccc // d\n"),
        // Between them stands a line without, or a blank one, or another level.
        ("a   // b\nd\nccc  // d\n", "a // b\nd\nccc // d\n"),
        ("a  // b\n\nccc   // d\n", "a // b\n\nccc // d\n"),
        (
            "a {    // b\nc // d\nee  // f\n}  // g",
            "a { // b\n    c  // d\n    ee // f\n} // g\n",
        ),
        // A column that several comments share is kept, far apart too, and where one was pushed out of it.
        (
            "a       // b\n\nccc     // d\n",
            "a       // b\n\nccc     // d\n",
        ),
        (
            "a       // b\na       // b\n\nccc     // d\ne         // f\n",
            "a       // b\na       // b\n\nccc     // d\ne       // f\n",
        ),
        (
            "aaaaa {     // b\n  c {       // d\n e\n}\n}",
            "aaaaa {     // b\n    c {     // d\n        e\n    }\n}\n",
        ),
        // … unless the code has grown into it.
        (
            "a   // b\n\nc   // d\neeeee // f\n",
            "a // b\n\nc     // d\neeeee // f\n",
        ),
        // A comment that goes on below keeps to itself.
        ("a 1   // b\n      // c\nd", "a 1   // b\n      // c\nd\n"),
        (
            "a 1     // b\n        // c\ndddd // e\n// f",
            "a 1  // b\n     // c\ndddd // e\n// f\n",
        ),
        ("é // b\nee   // d", "é  // b\nee // d\n"),
    ]);
}

#[test]
fn words_stay_as_written() {
    check(&[
        (
            "a \"\\u{e9}\\n\"  0xff_  1_000 1.0E+5 #inf \"b\" c",
            "a \"\\u{e9}\\n\" 0xff_ 1_000 1.0E+5 #inf \"b\" c\n",
        ),
        ("a ##\"b\"#c\"##", "a ##\"b\"#c\"##\n"),
        ("a k=1 b=2 k=3", "a k=1 b=2 k=3\n"),
        (
            "a {\n b \"\"\"\n  x   \n\n   y\n  \"\"\" 1\n}",
            "a {\n    b \"\"\"\n  x   \n\n   y\n  \"\"\" 1\n}\n",
        ),
        (
            "a { b \"\"\"\r\n  x\r\n  \"\"\" }",
            "a {\n    b \"\"\"\n  x\n  \"\"\"\n}\n",
        ),
    ]);
}

#[test]
fn continued_lines() {
    check(&[
        (
            "a 1 \\\n2 \\  // c\n   3\nb",
            "a 1 \\\n    2 \\ // c\n    3\nb\n",
        ),
        ("a k= \\\n 1 \\\n\nb", "a k=1\n\nb\n"),
        ("a \\\n {\n b\n}", "a {\n    b\n}\n"),
        ("a \\ // c\n { b }", "a \\ // c\n    { b }\n"),
        ("a \\ // c\n\\\n\nb", "a // c\n\nb\n"),
        ("a { b \\\n c }", "a {\n    b \\\n        c\n}\n"),
        ("\\\na", "a\n"),
    ]);
}

#[test]
fn faults_are_reported_and_nothing_is_formatted() {
    for text in ["a {", "a \"b", "a 10.0.0.1", "}", "a = ", "<<<<<<< HEAD\n"] {
        let faults = format(text).unwrap_err();
        assert!(
            faults.iter().all(|fault| fault.place().is_some()),
            "{text:?}"
        );
    }
}
