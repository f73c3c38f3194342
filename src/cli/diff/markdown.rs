//! A comparison as Markdown, for a pull request. Whatever a site says stands in code spans, where nothing in it means anything.

use super::Comparison;
use super::fold::{Entry, fold};
use super::text::{digest, summary};
use crate::site::catalog::{ObjectChange, Sign, ValueChange};
use crate::state::Tally;

/// Rows of a list that stands open; a longer one is folded away.
const OPEN: usize = 20;

/// Most objects that a folded entry lists; a comment on a code host is bounded.
const LISTED: usize = 200;

pub(super) fn page(comparison: &Comparison<'_>, full: bool) -> String {
    let mut text = format!(
        "### Site {}: {} → {}\n\n",
        code(&comparison.site),
        code(comparison.old),
        code(comparison.new)
    );
    let caveat = comparison.caveat();
    let caveat = caveat.map_or_else(String::new, |caveat| format!("\n{caveat}\n"));
    if comparison.is_empty() {
        text.push_str("**Nothing changes.**\n");
        return text + &caveat;
    }
    text.push_str(&format!("**{}**\n", summary(comparison)));
    for (group, entries) in fold(&comparison.difference, full) {
        let (mut rows, mut count, mut behind) = (String::new(), 0, String::new());
        for entry in &entries {
            match entry {
                Entry::One { change, parts } => {
                    count += 1;
                    rows.push_str(&row(change, parts));
                }
                Entry::Many {
                    sign,
                    what,
                    changes,
                } => behind.push_str(&many(*sign, what, changes)),
            }
        }
        text.push_str(&format!("\n#### {}\n", group.title()));
        if count > 0 {
            let table = format!("\n| | object | | where |\n|---|---|---|---|\n{rows}");
            if count > OPEN {
                text.push_str(&details(&format!("{count} objects"), &table));
            } else {
                text.push_str(&table);
            }
        }
        text.push_str(&behind);
    }
    text.push_str(&consequences(comparison));
    text + &caveat
}

fn row(change: &ObjectChange, parts: &[&ObjectChange]) -> String {
    let what = match change.sign {
        Sign::Changed => values(&change.values, cell),
        Sign::Added | Sign::Removed => Some(digest(change, parts))
            .filter(|digest| !digest.is_empty())
            .map_or_else(String::new, |digest| cell(&digest)),
    };
    format!(
        "| `{}` | {} | {what} | {} |\n",
        change.sign.as_char(),
        cell(&change.key.to_string()),
        place(change)
    )
}

fn place(change: &ObjectChange) -> String {
    let of_value = change.values.first().map(|value| &value.source);
    let source = match change.sign {
        Sign::Changed => of_value.unwrap_or(&change.declared),
        Sign::Added | Sign::Removed => &change.declared,
    };
    let was = match change.sign {
        Sign::Removed => "was ",
        Sign::Added | Sign::Changed => "",
    };
    format!("{was}{}", cell(&source.words()))
}

fn values(changes: &[ValueChange], code: impl Fn(&str) -> String) -> String {
    let values = changes.iter().map(|change| {
        let name = &change.name;
        match (&change.old, &change.new) {
            (Some(old), Some(new)) => format!("{name} {} → {}", code(old), code(new)),
            (None, Some(new)) => format!("{name} + {}", code(new)),
            (Some(old), None) => format!("{name} − {}", code(old)),
            (None, None) => String::new(),
        }
    });
    values.collect::<Vec<_>>().join("<br>")
}

fn many(sign: Sign, what: &str, changes: &[&ObjectChange]) -> String {
    let head = format!("{} {what} {}", changes.len(), sign.word());
    let mut inside = String::from("\n");
    if let (Sign::Changed, Some(first)) = (sign, changes.first()) {
        inside.push_str(&format!("{}\n\n", values(&first.values, code)));
    }
    for change in changes.iter().take(LISTED) {
        inside.push_str(&format!(
            "- {} {}\n",
            code(&change.key.to_string()),
            code(&change.declared.words())
        ));
    }
    if let Some(more) = changes.len().checked_sub(LISTED).filter(|more| *more > 0) {
        inside.push_str(&format!("- … and {more} more\n"));
    }
    details(&head, &inside)
}

fn details(summary: &str, inside: &str) -> String {
    format!("\n<details><summary>{summary}</summary>\n{inside}\n</details>\n")
}

fn consequences(comparison: &Comparison<'_>) -> String {
    if comparison.consequences.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "\n#### what should exist then\n\n| controller | kind | created | changed | deleted |\n|---|---|---:|---:|---:|\n",
    );
    for (host, kinds) in &comparison.consequences {
        for (kind, tally) in kinds {
            let Tally {
                created,
                changed,
                deleted,
            } = tally;
            let host = cell(host.as_ref());
            text.push_str(&format!(
                "| {host} | {kind} | {created} | {changed} | {deleted} |\n"
            ));
        }
    }
    text
}

/// A code span in a table: a bar does not end the cell (GFM 4.10).
fn cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// A code span: its fence is longer than any inside (CommonMark 6.1).
fn code(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.trim().is_empty() {
        return String::new();
    }
    let runs = text.split(|c| c != '`').map(str::len);
    let fence = "`".repeat(runs.max().unwrap_or(0) + 1);
    let pad = if text.contains('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_a_code_span() {
        for (text, expected) in [
            ("plain", "`plain`"),
            ("a|b", "`a|b`"),
            ("``x` <b>@all", "``` ``x` <b>@all ```"),
            ("line\n# two", "`line # two`"),
            ("", ""),
        ] {
            assert_eq!(code(text), expected);
        }
        assert_eq!(cell("a|b\\|"), "`a\\|b\\\\|`");
    }
}
