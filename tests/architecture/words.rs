//! What the project's text never mentions: the places where it happened to be written.

use crate::{Files, check};

/// Each in two parts, so that this file does not mention them either.
const FORBIDDEN: [[&str; 2]; 2] = [["/wo", "rk/"], ["../sha", "red/"]];

pub(crate) fn the_workplace_is_not_mentioned(files: &Files) -> Vec<String> {
    let mut faults = Vec::new();
    for (file, text) in files {
        for (number, line) in text.lines().enumerate() {
            for word in FORBIDDEN.map(|parts| parts.concat()) {
                if line.contains(&word) {
                    faults.push(format!("{file}:{}: mentions {word}", number + 1));
                }
            }
        }
    }
    faults
}

#[test]
fn a_path_of_the_workplace_is_refused() {
    let [first, ..] = FORBIDDEN.map(|parts| parts.concat());
    let text = format!("fine, frame/works\nsee {first}notes\n");
    let fault = format!("README.md:2: mentions {first}");
    check(
        the_workplace_is_not_mentioned,
        &[("README.md", &text)],
        &[&fault],
    );
}
