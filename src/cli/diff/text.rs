//! A comparison as people read it on a terminal.

use super::super::table::Table;
use super::fold::{Entry, fold};
use super::{Comparison, counted};
use crate::site::catalog::{ObjectChange, Sign, ValueChange};
use crate::state::Tally;

/// Characters of a line that says what came or went.
const SUMMARY: usize = 72;

pub(super) fn page(comparison: &Comparison<'_>, full: bool) -> String {
    let caveat = comparison.caveat().map(|caveat| caveat + "\n");
    let caveat = caveat.unwrap_or_default();
    let difference = &comparison.difference;
    if comparison.is_empty() {
        return format!(
            "Nothing changes: {} the same.\n{caveat}",
            be(difference.unchanged, "object")
        );
    }
    let mut text = format!(
        "site {}: {} -> {}\n",
        comparison.site, comparison.old, comparison.new
    );
    let mut folded = false;
    for (group, entries) in fold(difference, full) {
        let mut table = Table::default();
        for entry in entries {
            folded |= matches!(entry, Entry::Many { .. });
            lines(&entry, full, &mut table);
        }
        text.push_str(&format!("\n{}\n{}", group.title(), table.text()));
    }
    if !comparison.consequences.is_empty() {
        let mut table = Table::default();
        for (host, kinds) in &comparison.consequences {
            let kinds = kinds.iter();
            let words: Vec<_> = kinds.map(|(kind, tally)| tallied(kind, *tally)).collect();
            table.row([format!("controller {host}"), words.join(", ")]);
        }
        text.push_str(&format!("\nwhat should exist then\n{}", table.text()));
    }
    text.push_str(&format!("\n{}.", summary(comparison)));
    if folded {
        text.push_str(" --full lists everything.");
    }
    text.push('\n');
    text + &caveat
}

fn be(count: usize, noun: &str) -> String {
    let verb = if count == 1 { "is" } else { "are" };
    format!("{} {verb}", counted(count, noun))
}

/// `+4 -1 ~2 records`.
pub(super) fn tallied(kind: &str, tally: Tally) -> String {
    let Tally {
        created,
        changed,
        deleted,
    } = tally;
    let signs = [('+', created), ('-', deleted), ('~', changed)];
    let signs = signs.into_iter().filter(|(_, count)| *count > 0);
    let counts: Vec<_> = signs
        .map(|(sign, count)| format!("{sign}{count}"))
        .collect();
    let all = counted(created + changed + deleted, kind);
    let noun = all.split_once(' ').map_or(kind, |(_, noun)| noun);
    format!("{} {noun}", counts.join(" "))
}

pub(super) fn summary(comparison: &Comparison<'_>) -> String {
    let difference = &comparison.difference;
    let mut parts: Vec<String> = [Sign::Added, Sign::Removed, Sign::Changed]
        .into_iter()
        .map(|sign| (difference.count(sign), sign.word()))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{} {word}", counted(count, "object")))
        .collect();
    parts.push(format!("{} unchanged", difference.unchanged));
    parts.join(", ")
}

fn lines(entry: &Entry<'_>, full: bool, table: &mut Table) {
    match entry {
        Entry::Many {
            sign,
            what,
            changes,
        } => {
            let head = format!("{} {} {what}", sign.as_char(), changes.len());
            let Some(first) = changes.first() else {
                return;
            };
            if *sign == Sign::Changed {
                table.row([head, String::new(), String::new()]);
                first.values.iter().for_each(|one| value(one, table));
            } else {
                table.row([head, String::new(), format!("{} …", place(first))]);
            }
        }
        Entry::One { change, parts } => {
            let head = format!("{} {}", change.sign.as_char(), change.key);
            if change.sign == Sign::Changed {
                table.row([head, String::new(), String::new()]);
                change.values.iter().for_each(|one| value(one, table));
            } else if full {
                for one in std::iter::once(change).chain(parts) {
                    let head = format!("{} {}", one.sign.as_char(), one.key);
                    table.row([head, String::new(), place(one)]);
                    one.values.iter().for_each(|one| value(one, table));
                }
            } else {
                table.row([head, digest(change, parts), place(change)]);
            }
        }
    }
}

fn place(change: &ObjectChange) -> String {
    let place = change.declared.words();
    match change.sign {
        Sign::Removed => format!("was {place}"),
        Sign::Added | Sign::Changed => place,
    }
}

fn value(change: &ValueChange, table: &mut Table) {
    let ValueChange {
        name,
        old,
        new,
        source,
    } = change;
    let text = match (old, new) {
        (Some(old), Some(new)) => format!("{old} -> {new}"),
        (None, Some(new)) => format!("+ {new}"),
        (Some(old), None) => format!("- {old}"),
        (None, None) => return,
    };
    table.row([format!("    {name}"), text, source.words()]);
}

/// What an object that came or went says itself, and the addresses of its links.
pub(super) fn digest(change: &ObjectChange, parts: &[&ObjectChange]) -> String {
    let own = change.values.iter().filter(|value| value.source.is_own());
    let mut words: Vec<String> = own
        .filter_map(|value| Some(format!("{} {}", value.name, said(value)?)))
        .collect();
    for part in parts {
        let addresses = part.values.iter().filter(|value| value.name == "address");
        let mut name = part.key.short();
        for address in addresses.filter_map(said) {
            name.push_str(&format!(" {address}"));
        }
        words.push(name);
    }
    let whole = words.join(", ");
    if whole.chars().count() <= SUMMARY {
        return whole;
    }
    let short: String = whole.chars().take(SUMMARY - 1).collect();
    format!("{}…", short.trim_end_matches([' ', ',']))
}

fn said(value: &ValueChange) -> Option<&String> {
    value.new.as_ref().or(value.old.as_ref())
}
