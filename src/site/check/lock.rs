//! The lock: it has every address that is asked for, and none besides; old names are nobody's.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::name::HostName;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::Span;
use crate::site::resolve::{Draft, Host, Wish};

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    moved(draft, out);
    let lock = draft.declarations.lock.as_ref();
    if lock.is_some_and(|lock| lock.is_partial) {
        return;
    }
    // Nothing is allocated for a site with faults, and whoever asked for an address may be among what they hide.
    if out.iter().any(Diagnostic::is_error) {
        return;
    }
    missing(draft, out);
    out.extend(stale(draft));
}

/// Machines that share a profile ask from one place, and are counted.
fn missing(draft: &Draft<'_>, out: &mut Faults) {
    let mut by_place: BTreeMap<Span, Vec<&Wish<'_>>> = BTreeMap::new();
    for wish in draft.wishes.iter().filter(|wish| wish.entry.is_none()) {
        by_place.entry(wish.span).or_default().push(wish);
    }
    for (span, mut wishes) in by_place {
        wishes.sort_by_key(|wish| wish.host);
        let Some(first) = wishes.first() else {
            continue;
        };
        let hosts: BTreeSet<_> = wishes.iter().map(|wish| wish.host).collect();
        let who = match hosts.len() - 1 {
            0 => format!("`{}` has", first.host),
            1 => format!("`{}` and another host have", first.host),
            more => format!("`{}` and {more} other hosts have", first.host),
        };
        out.push(
            Diagnostic::new(
                Code::LockMissing,
                format!("{who} no address in {} yet", draft.declarations.lock_path),
            )
            .label(span, "asked for here")
            .help("run `bedplate lock`, and commit what it writes"),
        );
    }
}

fn stale(draft: &Draft<'_>) -> Option<Diagnostic> {
    let entries = &draft.declarations.lock.as_ref()?.entries;
    let used: BTreeSet<usize> = draft.wishes.iter().filter_map(|wish| wish.entry).collect();
    let key = |index: usize| {
        let entry = entries.get(index)?;
        Some((&entry.host, &entry.link, entry.subnet))
    };
    let used_keys: BTreeSet<_> = used.iter().filter_map(|index| key(*index)).collect();
    // An interface that asks in another subnet than before is told once, as one that has no address yet.
    let missing = draft.wishes.iter().filter(|wish| wish.entry.is_none());
    let moved: BTreeSet<_> = missing.map(|wish| (wish.host, &wish.link)).collect();
    // A line that a merge took from both sides stands for the one that is used.
    let is_stale = |index: &usize| {
        !used.contains(index)
            && key(*index)
                .is_none_or(|key| !used_keys.contains(&key) && !moved.contains(&(key.0, key.1)))
    };
    let mut unused = (0..entries.len()).filter(is_stale);
    let first = entries.get(unused.next()?)?;
    let whose = format!("`{}` of `{}`", first.link, first.host);
    let message = match unused.count() {
        0 => format!("nobody asks for the address of {whose}"),
        more => format!("nobody asks for the address of {whose}, nor for {more} more"),
    };
    Some(
        Diagnostic::new(Code::LockStale, message)
            .label(first.span, "still in the lock")
            .help("run `bedplate lock`, which frees it; after a renaming say so first: moved from=\"…\""),
    )
}

/// An old name is nobody's, or that of a host which has another old name itself.
fn moved(draft: &Draft<'_>, out: &mut Faults) {
    let mut seen: BTreeMap<&HostName, (Span, &Host<'_>)> = BTreeMap::new();
    for host in &draft.hosts {
        for old in host.moved {
            let there = named(draft, &old.value);
            let there = there.filter(|there| there.moved.is_empty() || std::ptr::eq(*there, host));
            let (message, first, label) = match (there, seen.get(&old.value)) {
                (Some(there), _) => (
                    format!("`{}` is no old name: {} has it", old.value, there.title()),
                    there.name.span,
                    "this one has it",
                ),
                (None, Some((first, _))) => (
                    format!("two hosts had the name `{}` before", old.value),
                    *first,
                    "the other one",
                ),
                (None, None) => {
                    seen.insert(&old.value, (old.span, host));
                    continue;
                }
            };
            out.push(
                Diagnostic::new(Code::MovedTwice, message)
                    .label(old.span, "said to be an old name")
                    .label(first, label)
                    .help("remove the `moved`, or the host that still has the name"),
            );
        }
    }
    circles(draft, &seen, out);
}

fn named<'d>(draft: &'d Draft<'_>, name: &HostName) -> Option<&'d Host<'d>> {
    draft.hosts.get(*draft.names.get(name)?)
}

/// Names that change round: once the addresses have followed, the same words would move them again.
fn circles(draft: &Draft<'_>, seen: &BTreeMap<&HostName, (Span, &Host<'_>)>, out: &mut Faults) {
    let new_name = |old: &&HostName| seen.get(*old).map(|(_, host)| &host.name.value);
    // By what their names come to, walked from its first one.
    let mut known: BTreeMap<&HostName, &HostName> = BTreeMap::new();
    for first in seen.keys() {
        let mut path = std::iter::successors(Some(*first), new_name);
        let met = path.find(|name| match known.get(name) {
            Some(_) => true,
            None => known.insert(name, first).is_some(),
        });
        let met = met.filter(|name| known.get(name) == Some(first));
        let Some((there, (span, host))) =
            met.and_then(|old| Some((named(draft, old)?, seen.get(old)?)))
        else {
            continue;
        };
        let message = format!(
            "the names of {} and {} change round",
            there.title(),
            host.title()
        );
        out.push(
            Diagnostic::new(Code::MovedTwice, message)
                .label(*span, "said to be an old name")
                .label(there.name.span, "this one has it, and an old name of another")
                .help("give one of them a name in between and run `bedplate lock`; then give it its last name"),
        );
    }
}
