//! The lock made anew: what is asked for keeps its address, what is not is freed, and what is new gets one. Writes nothing.

mod free;
mod rename;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;

use serde::Serialize;

pub(super) use self::free::Free;
use self::rename::{Renamed, rename};
use super::resolve::{self, Domain, Draft, SubnetDraft, Wish};
use super::taken::{AllTaken, taken};
use super::{Compiled, check};
use crate::base::addr::Prefix;
use crate::base::name::{HostName, LinkName};
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::Sources;
use crate::lang::files::{Files, Overlay};
use crate::lang::{LockEntry, source};

const HEADER: &str =
    "// Addresses that `bedplate lock` allocated, a line each. Keep this file with the site.\n";

/// What an address is allocated to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LockKey {
    pub host: HostName,
    pub link: LinkName,
    pub subnet: Prefix,
}

/// A lock that fits its site, and how it differs from the one that was there.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lock {
    pub entries: BTreeMap<LockKey, IpAddr>,
    pub changes: Vec<LockChange>,
    /// The text of the one that was there.
    pub before: Option<String>,
}

/// What became of one address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "change")]
pub enum LockChange {
    Allocated {
        key: LockKey,
        address: IpAddr,
    },
    Freed {
        key: LockKey,
        address: IpAddr,
    },
    /// The host, its link or the subnet has another name or size now, and the address stays.
    Moved {
        key: LockKey,
        address: IpAddr,
        from: LockKey,
    },
}

/// Makes the lock of a site; none where the site has faults, since what they hide would lose its addresses.
/// The diagnostics are those of the site, less what the new lock mends.
pub fn lock(files: &dyn Files, root: &str) -> (Compiled, Option<Lock>) {
    let (mut declarations, sources, diagnostics) = source::load(files, root);
    let renamed = rename(&mut declarations);
    let mut faults = Faults::from(diagnostics);
    let draft = resolve::resolve(&declarations, files, &sources, &mut faults);
    check::check(&draft, &mut faults);
    let path = &declarations.lock_path;
    let mut diagnostics = faults.into_vec();
    diagnostics.retain(|one| !is_mended(one, &sources, path));
    let mut faults = Faults::from(diagnostics);
    let lock = if faults.iter().any(Diagnostic::is_error) {
        None
    } else {
        allocate(&draft, &renamed, &mut faults)
    };
    let diagnostics = faults.into_vec();
    let compiled = Compiled {
        site: None,
        diagnostics,
        sources,
    };
    match lock {
        Some(lock) => checked(files, root, path, compiled, lock),
        None => (compiled, None),
    }
}

/// The lock, if the site has no fault with it: what an address does shows only once there is one.
fn checked(
    files: &dyn Files,
    root: &str,
    path: &str,
    before: Compiled,
    mut lock: Lock,
) -> (Compiled, Option<Lock>) {
    let found = before.sources.iter().find(|(name, _)| *name == path);
    lock.before = found.map(|(_, text)| text.to_owned());
    let text = lock.text();
    let with = Overlay {
        files,
        path,
        text: &text,
    };
    let after = super::compile(&with, root);
    if lock.entries.is_empty() {
        (before, Some(lock))
    } else if after.diagnostics.iter().any(Diagnostic::is_error) {
        (after, None)
    } else {
        (after, Some(lock))
    }
}

/// Whether a new lock does away with a fault.
fn is_mended(fault: &Diagnostic, sources: &Sources, path: &str) -> bool {
    let in_lock = || {
        let place = fault.place();
        place.is_some_and(|place| sources.path(place.source) == path)
    };
    matches!(fault.code, Code::LockMissing | Code::LockStale)
        || (fault.code == Code::MergeConflict && in_lock())
}

fn allocate(draft: &Draft<'_>, renamed: &Renamed, out: &mut Faults) -> Option<Lock> {
    let entries = draft.declarations.lock.as_ref();
    let entries: &[LockEntry] = entries.map_or(&[], |lock| &lock.entries);
    let mut left: BTreeMap<LockKey, IpAddr> = entries
        .iter()
        .rev()
        .map(|entry| (key_of(entry), entry.address.value))
        .collect();
    let mut lock = Lock::default();
    let mut wishes: Vec<(LockKey, &Wish<'_>)> = Vec::new();
    for wish in &draft.wishes {
        let key = LockKey {
            host: wish.host.clone(),
            link: wish.link.clone(),
            subnet: draft.prefix(wish.subnet)?,
        };
        match left.remove(&key) {
            Some(address) => {
                lock.changes.extend(renamed.change(&key, address));
                lock.entries.insert(key, address);
            }
            None => wishes.push((key, wish)),
        }
    }
    wishes.sort_by(|a, b| a.0.cmp(&b.0));
    let taken = taken(draft);
    // The draft does not know whose an address is that keeps its owner under another name.
    let mut held = Held::new();
    wishes.retain(|(key, wish)| {
        let Some(subnet) = draft.subnets.get(wish.subnet) else {
            return true;
        };
        let may_keep = |address| is_free(subnet, &taken, &held, address);
        let kept = moved(draft, key, may_keep, &mut left, &mut lock, renamed);
        held.extend(kept.map(|address| (subnet.domain, address)));
        kept.is_none()
    });
    let left = renamed.freed(left);
    let mut free = Free::new(taken, held, left.values().copied().collect());
    for (key, wish) in wishes {
        let Some(address) = free.take(draft, wish.subnet) else {
            out.push(full(draft, wish, &key));
            continue;
        };
        lock.changes.push(LockChange::Allocated {
            key: key.clone(),
            address,
        });
        lock.entries.insert(key, address);
    }
    let freed = left.into_iter();
    lock.changes
        .extend(freed.map(|(key, address)| LockChange::Freed { key, address }));
    (!out.iter().any(Diagnostic::is_error)).then_some(lock)
}

fn key_of(entry: &LockEntry) -> LockKey {
    LockKey {
        host: entry.host.clone(),
        link: entry.link.clone(),
        subnet: entry.subnet,
    }
}

/// Addresses that are had, each in its isolation domain.
type Held = BTreeSet<(Domain, IpAddr)>;

/// Whether an address that another name had may still be had in a subnet.
fn is_free(subnet: &SubnetDraft<'_>, taken: &AllTaken<'_>, held: &Held, address: IpAddr) -> bool {
    let mut taken = taken.within(subnet.domain, address, address);
    let mut dynamic = subnet.node.dynamic.iter();
    taken.next().is_none()
        && !held.contains(&(subnet.domain, address))
        && !subnet.node.prefix.value.is_edge(address)
        && !dynamic.any(|pool| pool.range.value.contains(address))
}

/// Takes over what the lock has for the host under another key: its old name, an old name of the link, another size of the subnet.
fn moved(
    draft: &Draft<'_>,
    key: &LockKey,
    may_keep: impl Fn(IpAddr) -> bool,
    left: &mut BTreeMap<LockKey, IpAddr>,
    lock: &mut Lock,
    renamed: &Renamed,
) -> Option<IpAddr> {
    let host = draft.names.get(&key.host);
    let host = host.and_then(|index| draft.hosts.get(*index));
    let old = host.map_or(&[][..], |host| host.moved);
    let names = std::iter::once(&key.host).chain(old.iter().map(|name| &name.value));
    let candidates: Vec<LockKey> = names
        .flat_map(|name| of_host(name, left))
        .filter(|(_, address)| key.subnet.contains(**address) && may_keep(**address))
        .map(|(old, _)| old.clone())
        .collect();
    let of_link = candidates.iter().find(|old| old.link == key.link);
    // Of several links with new names nobody can tell which is which.
    let only = candidates.first().filter(|_| candidates.len() == 1);
    let from = of_link.or(only)?.clone();
    let address = left.remove(&from)?;
    lock.changes.push(LockChange::Moved {
        key: key.clone(),
        address,
        from: renamed.before(&from).cloned().unwrap_or(from),
    });
    lock.entries.insert(key.clone(), address);
    Some(address)
}

/// What a lock has for a host.
fn of_host<'l>(
    host: &HostName,
    entries: &'l BTreeMap<LockKey, IpAddr>,
) -> impl Iterator<Item = (&'l LockKey, &'l IpAddr)> {
    let from = entries.iter().skip_while({
        let host = host.clone();
        move |(key, _)| key.host < host
    });
    let host = host.clone();
    from.take_while(move |(key, _)| key.host == host)
}

fn full(draft: &Draft<'_>, wish: &Wish<'_>, key: &LockKey) -> Diagnostic {
    let message = format!("{} has no free address for `{}`", key.subnet, key.host);
    let fault = Diagnostic::new(Code::SubnetFull, message).label(wish.span, "asked for here");
    let fault = match draft.subnets.get(wish.subnet) {
        Some(subnet) => fault.label(subnet.node.prefix.span, "the subnet"),
        None => fault,
    };
    fault.help("make a range smaller, or take the address from a larger subnet")
}

impl Lock {
    /// The lock as it is kept.
    pub fn text(&self) -> String {
        let mut text = HEADER.to_owned();
        for (LockKey { host, link, subnet }, address) in &self.entries {
            // Writing to a string cannot fail. A link's name may hold quotes, and Rust writes them as KDL does.
            let _: std::fmt::Result = writeln!(
                text,
                "address \"{host}\" {:?} \"{subnet}\" \"{address}\"",
                link.as_str()
            );
        }
        text
    }
}
