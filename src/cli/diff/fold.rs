//! Changes as a reader wants them: parts with what they are parts of, and many alike as one.

use std::collections::{BTreeMap, BTreeSet};

use crate::site::catalog::{Difference, Group, ObjectChange, ObjectKey, Sign, ValueChange};

/// More alike than this are one entry with a count, unless all are asked for.
const FOLD: usize = 8;

/// What one line, or one line with its values, says.
pub(super) enum Entry<'a> {
    One {
        change: &'a ObjectChange,
        /// Its links and the like, which came or went with it.
        parts: Vec<&'a ObjectChange>,
    },
    Many {
        sign: Sign,
        /// What they are, in the plural: `machines of profile compute`.
        what: String,
        changes: Vec<&'a ObjectChange>,
    },
}

/// The entries of each list, in the order of keys; what is folded stands where its first member would.
pub(super) fn fold(difference: &Difference, full: bool) -> BTreeMap<Group, Vec<Entry<'_>>> {
    let moved: BTreeSet<(&ObjectKey, Sign)> = difference
        .changes
        .iter()
        .filter(|change| change.sign != Sign::Changed)
        .map(|change| (&change.key, change.sign))
        .collect();
    let mut parts: BTreeMap<ObjectKey, Vec<&ObjectChange>> = BTreeMap::new();
    let mut alike: BTreeMap<Likeness<'_>, Vec<&ObjectChange>> = BTreeMap::new();
    for change in &difference.changes {
        match change.key.parent() {
            Some(parent) if moved.contains(&(&parent, change.sign)) && !is_own_list(change) => {
                parts.entry(parent).or_default().push(change);
            }
            Some(_) | None => alike.entry(Likeness::of(change)).or_default().push(change),
        }
    }
    let mut entries: BTreeMap<Group, Vec<(&ObjectKey, Entry<'_>)>> = BTreeMap::new();
    for (likeness, changes) in alike {
        let Some(first) = changes.first() else {
            continue;
        };
        let group = entries.entry(first.key.group()).or_default();
        if changes.len() > FOLD && !full {
            let entry = Entry::Many {
                sign: likeness.sign,
                what: likeness.what(),
                changes: changes.clone(),
            };
            group.push((&first.key, entry));
            continue;
        }
        for change in changes {
            let parts = parts.remove(&change.key).unwrap_or_default();
            group.push((&change.key, Entry::One { change, parts }));
        }
    }
    let mut lists = BTreeMap::new();
    for (group, mut entries) in entries {
        entries.sort_by_key(|(key, _)| *key);
        lists.insert(group, entries.into_iter().map(|(_, entry)| entry).collect());
    }
    lists
}

/// VLANs and subnets have lists of their own, and are told there although they are parts.
fn is_own_list(change: &ObjectChange) -> bool {
    let parent = change.key.parent();
    parent.is_some_and(|parent| parent.group() != change.key.group())
}

/// What changes have in common that are told as one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Likeness<'a> {
    group: Group,
    is_part: bool,
    kind: &'static str,
    sign: Sign,
    profile: Option<&'a str>,
    /// Of changed objects, what changed.
    values: Vec<(&'a str, Option<&'a str>, Option<&'a str>)>,
}

impl<'a> Likeness<'a> {
    fn of(change: &'a ObjectChange) -> Self {
        let values = change.values.iter().map(|value| {
            let ValueChange {
                name,
                old,
                new,
                source: _,
            } = value;
            (&**name, old.as_deref(), new.as_deref())
        });
        Self {
            group: change.key.group(),
            is_part: change.key.parent().is_some(),
            kind: change.kind,
            sign: change.sign,
            profile: change.profile.as_deref(),
            values: match change.sign {
                Sign::Changed => values.collect(),
                Sign::Added | Sign::Removed => Vec::new(),
            },
        }
    }

    fn what(&self) -> String {
        let group = self.group.title();
        let kind = match self.kind {
            _ if !self.is_part || matches!(self.group, Group::Vlans | Group::Subnets) => {
                group.to_owned()
            }
            "bmc" => format!("BMCs of {group}"),
            kind => format!("{kind} links of {group}"),
        };
        match self.profile {
            Some(profile) => format!("{kind} of profile {profile}"),
            None => kind,
        }
    }
}
