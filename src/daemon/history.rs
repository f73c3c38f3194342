//! What the daemon remembers of applies: who asked for which, when, and what became of it. Knows values, not where they are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::bundle::Bundle;
use super::who::Who;
use crate::apply::{Failure, Outcome};
use crate::base::digest::Digest;
use crate::base::moment::Moment;
use crate::base::name::Name;
use crate::plan::Selection;
use crate::state::Key;

/// Applies that are remembered; older ones are forgotten.
pub const ENTRIES: usize = 100;

/// As many of what the daemon did by itself: somebody who fights it must not have the applies forgotten.
pub const OWN_ENTRIES: usize = 50;

/// Applied states that `rollback` can go back to: their sources are kept with them.
pub const STATES: usize = 20;

/// One apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts applies from 1; never given twice.
    pub number: u64,
    pub plan: String,
    pub site: Name,
    pub who: Who,
    pub at: Moment,
    pub steps: usize,
    /// Digest of the desired state that the plan led to.
    pub target: Digest,
    pub fate: Fate,
    /// Things of machines whose steps failed, which undoes nothing else.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub failed: BTreeSet<Key>,
    /// Whether its sources are kept, so that `rollback` can go back to it.
    #[serde(default)]
    pub has_state: bool,
    /// The daemon put back what was applied, or brought about what waited.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_itself: bool,
    /// The entry whose state it went back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_to: Option<u64>,
    /// What somebody chose of the site; all, where nobody did.
    #[serde(default, skip_serializing_if = "Selection::is_empty")]
    pub selection: Selection,
}

/// On whose behalf something is applied.
pub(super) struct Occasion {
    pub(super) who: Who,
    pub(super) by_itself: bool,
    pub(super) back_to: Option<u64>,
}

impl Entry {
    /// What became of it, how much failed, and what it was beside an apply of a whole site.
    pub fn outcome(&self) -> String {
        // What was undone is told of as a whole.
        let is_there = self.fate.is_kept() || matches!(self.fate, Fate::Unconfirmed { .. });
        let failed = match self.failed.len() {
            count if count > 0 && is_there => format!(", {count} failed"),
            _ => String::new(),
        };
        format!("{}{failed}{}", self.fate, self.occasion())
    }

    /// Whether it was of a part of a site in which nothing was to be done: there is nothing to go back from, and nothing to go back to.
    fn is_void(&self) -> bool {
        self.steps == 0 && !self.selection.is_empty()
    }

    /// What it was beside an apply of a whole site, in brackets; empty where that is all.
    fn occasion(&self) -> String {
        let chosen = |option: &'static str, patterns: &[String]| {
            let one = |pattern: &String| format!("{option} {pattern}");
            patterns.iter().map(one).collect::<Vec<_>>()
        };
        let mut said: Vec<String> = Vec::new();
        said.extend(self.back_to.map(|number| format!("rollback {number}")));
        said.extend(chosen("--only", &self.selection.only));
        said.extend(chosen("--except", &self.selection.except));
        if said.is_empty() {
            return String::new();
        }
        format!(" ({})", said.join(" "))
    }
}

/// What became of an apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Fate {
    Running,
    Done,
    /// Done, and reverted at that moment unless it is confirmed.
    Unconfirmed {
        until: Moment,
    },
    Confirmed {
        by: Who,
        at: Moment,
    },
    /// Was done, and undone again; `left` things could not be brought back.
    Reverted {
        cause: Cause,
        at: Moment,
        left: usize,
    },
    /// A step failed, and what was done was undone.
    Undone {
        failure: Failure,
        left: usize,
    },
    /// All steps were done and `differs` things were not as planned; undone.
    Unverified {
        differs: usize,
        left: usize,
    },
    /// All steps were done, and `lost` could not be reached any more; undone.
    Unreachable {
        lost: BTreeSet<IpAddr>,
        left: usize,
    },
    /// Could not be written down, and was undone.
    NotKept {
        left: usize,
    },
    /// The daemon died in its midst; its next start undid it.
    Interrupted {
        left: usize,
    },
}

/// Why an apply was reverted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Cause {
    /// Nobody confirmed it in time.
    Deadline,
    /// `bedplate rollback`.
    Asked { by: Who },
    /// The daemon was told to stop before anybody confirmed it.
    Stopped,
    /// The daemon was started again before anybody confirmed it.
    Started,
}

/// A state of the past, to plan for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    pub entry: Entry,
    pub bundle: Bundle,
}

impl Fate {
    /// The fate of an apply that ended so; none where nothing was touched, which is not worth remembering.
    pub(super) fn of(outcome: &Outcome) -> Option<Self> {
        match outcome {
            Outcome::Done => Some(Self::Done),
            Outcome::Stale | Outcome::Hazardous { .. } | Outcome::Obstructed { .. } => None,
            Outcome::Undone { failure, left } => Some(Self::Undone {
                failure: failure.clone(),
                left: left.len(),
            }),
            Outcome::Unverified { differs, left } => Some(Self::Unverified {
                differs: differs.len(),
                left: left.len(),
            }),
            Outcome::Unreachable { lost, left } => Some(Self::Unreachable {
                lost: lost.clone(),
                left: left.len(),
            }),
        }
    }

    /// The fate of one that the daemon's end left without one, once the next start has undone it.
    pub(super) fn taken_back(&self, at: Moment, left: usize) -> Self {
        match self {
            Self::Running => Self::Interrupted { left },
            Self::Unconfirmed { .. } => Self::Reverted {
                cause: Cause::Started,
                at,
                left,
            },
            ended @ (Self::Done
            | Self::Confirmed { .. }
            | Self::Reverted { .. }
            | Self::Undone { .. }
            | Self::Unverified { .. }
            | Self::Unreachable { .. }
            | Self::NotKept { .. }
            | Self::Interrupted { .. }) => ended.clone(),
        }
    }

    /// Whether the apply's state was in force for good.
    pub fn is_kept(&self) -> bool {
        match self {
            Self::Done | Self::Confirmed { .. } => true,
            Self::Running
            | Self::Unconfirmed { .. }
            | Self::Reverted { .. }
            | Self::Undone { .. }
            | Self::Unverified { .. }
            | Self::Unreachable { .. }
            | Self::NotKept { .. }
            | Self::Interrupted { .. } => false,
        }
    }
}

/// The last apply that somebody asked for and that was one.
pub(super) fn last(entries: &BTreeMap<u64, Entry>) -> Option<&Entry> {
    applies(entries.values()).next_back()
}

fn applies<'a>(
    entries: impl DoubleEndedIterator<Item = &'a Entry>,
) -> impl DoubleEndedIterator<Item = &'a Entry> {
    entries.filter(|entry| !entry.by_itself && !entry.is_void())
}

/// The entry that `rollback` without a number goes back to: the latest that left something else than the last apply did.
/// None where the last apply was undone already, or nothing was there before it.
pub(super) fn before_last(entries: &BTreeMap<u64, Entry>) -> Option<&Entry> {
    let last = last(entries).filter(|last| last.fate.is_kept())?;
    let earlier = entries.range(..last.number).map(|(_, entry)| entry);
    let mut kept = applies(earlier).rev().filter(|entry| entry.fate.is_kept());
    kept.find(|entry| entry.target != last.target)
}

/// Numbers to forget before a further apply, or deed of the daemon's own, is remembered, oldest first: those before that can be gone back
/// to, or many applies that change nothing would leave no way back.
pub(super) fn surplus(entries: &BTreeMap<u64, Entry>, by_itself: bool) -> Vec<u64> {
    let most = if by_itself { OWN_ENTRIES } else { ENTRIES };
    let alike = entries
        .values()
        .filter(|entry| entry.by_itself == by_itself);
    let mut alike: Vec<&Entry> = alike.collect();
    let count = (alike.len() + 1).saturating_sub(most);
    alike.sort_by_key(|entry| entry.has_state);
    let forgotten = alike.into_iter().take(count);
    forgotten.map(|entry| entry.number).collect()
}

/// The entries whose sources go before those of a further one, which leads to `target`, are kept. First those whose state the next one
/// left too, so that applying the same again and again loses no other state; then the oldest.
pub(super) fn outdated<'a>(entries: &'a BTreeMap<u64, Entry>, target: &Digest) -> Vec<&'a Entry> {
    let with_state = entries.values().filter(|entry| entry.has_state);
    let mut with_state: Vec<&Entry> = with_state.collect();
    let count = (with_state.len() + 1).saturating_sub(STATES);
    let next = with_state.iter().skip(1).map(|entry| entry.target);
    let next: Vec<Digest> = next.chain([*target]).collect();
    let mut outdated: Vec<(bool, &Entry)> = with_state
        .drain(..)
        .zip(next)
        .map(|(entry, next)| (entry.target != next, entry))
        .collect();
    outdated.sort_by_key(|(differs, _)| *differs);
    let outdated = outdated.into_iter().take(count);
    outdated.map(|(_, entry)| entry).collect()
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, left) = match self {
            Self::Running => ("running".to_owned(), 0),
            Self::Done => ("done".to_owned(), 0),
            Self::Unconfirmed { until } => (format!("to be confirmed by {until}"), 0),
            Self::Confirmed { by, .. } => (format!("confirmed by {by}"), 0),
            Self::Reverted { cause, left, .. } => (format!("reverted: {cause}"), *left),
            Self::Undone { failure, left } => {
                let place = failure.origin.as_ref();
                let place = place.map_or_else(String::new, |origin| format!(" ({origin})"));
                let step = failure.index + 1;
                (
                    format!("undone: step {step}, {}{place}, failed", failure.key),
                    *left,
                )
            }
            Self::Unverified { differs, left } => {
                (format!("undone: {differs} things not as planned"), *left)
            }
            Self::Unreachable { lost, left } => {
                let lost: Vec<String> = lost.iter().map(ToString::to_string).collect();
                (format!("undone: no answer from {}", lost.join(", ")), *left)
            }
            Self::NotKept { left } => ("undone: the store failed".to_owned(), *left),
            Self::Interrupted { left } => {
                ("interrupted; undone at the next start".to_owned(), *left)
            }
        };
        f.write_str(&text)?;
        if left > 0 {
            write!(f, "; {left} things are not as they were before")?;
        }
        Ok(())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deadline => f.write_str("not confirmed in time"),
            Self::Asked { by } => write!(f, "by {by}"),
            Self::Stopped => f.write_str("the daemon was stopped before it was confirmed"),
            Self::Started => f.write_str("the daemon was started again before it was confirmed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64, target: &str, fate: Fate) -> (u64, Entry) {
        let entry = Entry {
            number,
            plan: format!("p-{number}"),
            site: "lab".parse().unwrap(),
            who: Who { uid: 0, name: None },
            at: Moment(number),
            steps: 1,
            target: Digest::of(target.as_bytes()),
            has_state: fate.is_kept(),
            fate,
            failed: BTreeSet::new(),
            by_itself: false,
            back_to: None,
            selection: Selection::default(),
        };
        (number, entry)
    }

    #[test]
    fn going_back_skips_what_was_never_kept_and_what_is_the_same() {
        // Each apply by the state that it led to; in capitals, one that was undone; a dot, what the daemon put back; a comma, a part in which
        // nothing was to be done, after the state of a, and a semicolon, after that of b.
        for (applies, expected) in [
            ("", None),
            ("a", None),
            ("ab", Some(1)),
            ("abb", Some(1)),
            ("aXb", Some(1)),
            // To go further back must be asked for by number.
            ("abX", None),
            ("aba", Some(2)),
            // What was put back is no state of its own.
            ("ab.", Some(1)),
            ("abX.", None),
            // A part of nothing is neither undone nor in the way.
            ("a,b", Some(1)),
            ("a,,b", Some(1)),
            ("ab;", Some(1)),
            ("ab;;", Some(1)),
            ("abX;", None),
            ("a,", None),
        ] {
            let numbered = applies.chars().zip(1..);
            let entries = numbered.map(|(target, number)| {
                let fate = match target.is_uppercase() {
                    true => Fate::Interrupted { left: 0 },
                    false => Fate::Done,
                };
                let led_to = match target {
                    ',' => 'a',
                    ';' => 'b',
                    other => other,
                };
                let (number, mut entry) = entry(number, &led_to.to_string(), fate);
                entry.by_itself = target == '.';
                if led_to != target {
                    entry.steps = 0;
                    entry.selection.only = vec!["zone/**".to_owned()];
                    entry.has_state = false;
                }
                (number, entry)
            });
            let entries = entries.collect();
            let found = before_last(&entries).map(|entry| entry.number);
            assert_eq!(found, expected, "{applies}");
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        for (count, forgotten, without_state) in
            [(0, 0, 0), (19, 0, 0), (20, 0, 1), (99, 0, 80), (100, 1, 81)]
        {
            let entries = (1..=count)
                .map(|number| entry(number, "a", Fate::Done))
                .collect();
            assert_eq!(surplus(&entries, false).len(), forgotten, "{count}");
            assert_eq!(surplus(&entries, true), Vec::<u64>::new());
            let target = Digest::of(b"a");
            assert_eq!(outdated(&entries, &target).len(), without_state, "{count}");
        }
    }

    #[test]
    fn applying_the_same_again_loses_no_other_state() {
        // Applies by the state that each leads to, one letter each.
        for (applies, kept) in [
            ("abb".to_owned(), "abb".to_owned()),
            // What came before the last state stays, however often that is applied.
            (
                format!("ab{}", "c".repeat(300)),
                format!("ab{}", "c".repeat(18)),
            ),
            // Of states that differ, the last ones stay.
            (
                "abcdefghijklmnopqrstuvwxyz".to_owned(),
                "ghijklmnopqrstuvwxyz".to_owned(),
            ),
            (
                format!("{}b", "a".repeat(30)),
                format!("{}b", "a".repeat(19)),
            ),
        ] {
            let mut entries = BTreeMap::new();
            for (target, number) in applies.chars().zip(1..) {
                let (number, next) = entry(number, &target.to_string(), Fate::Done);
                for number in surplus(&entries, false) {
                    entries.remove(&number);
                }
                let old: Vec<u64> = outdated(&entries, &next.target)
                    .iter()
                    .map(|entry| entry.number)
                    .collect();
                for number in old {
                    entries.get_mut(&number).unwrap().has_state = false;
                }
                entries.insert(number, next);
            }
            let letter = |entry: &Entry| {
                let letters = ('a'..='z').map(|letter| letter.to_string());
                let mut same =
                    letters.filter(|letter| Digest::of(letter.as_bytes()) == entry.target);
                same.next().unwrap()
            };
            let with_state = entries.values().filter(|entry| entry.has_state);
            assert_eq!(
                with_state.map(letter).collect::<String>(),
                kept,
                "{applies}"
            );
            assert!(entries.len() <= ENTRIES);
        }
    }
}
