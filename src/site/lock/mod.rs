//! The lock made anew: what is asked for keeps its address, what is not is freed, and what is new gets one. Writes nothing.

mod free;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;

use serde::Serialize;

use self::free::Free;
use super::resolve::{self, Domain, Draft, SubnetDraft, Wish};
use super::taken::{Taken, taken};
use super::{Compiled, check};
use crate::base::addr::Prefix;
use crate::base::name::{HostName, LinkName};
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::lang::files::Files;
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
    Moved {
        key: LockKey,
        address: IpAddr,
        from: HostName,
    },
}

/// Makes the lock of a site; none where the site has faults, since what they hide would lose its addresses.
/// The diagnostics are those of the site, less what the new lock mends.
pub fn lock(files: &dyn Files, root: &str) -> (Compiled, Option<Lock>) {
    let (declarations, sources, diagnostics) = source::load(files, root);
    let mut faults = Faults::from(diagnostics);
    let draft = resolve::resolve(&declarations, files, &sources, &mut faults);
    check::check(&draft, &mut faults);
    let mut diagnostics = faults.into_vec();
    diagnostics.retain(|one| !is_mended(one, &sources));
    let mut faults = Faults::from(diagnostics);
    let lock = if faults.iter().any(Diagnostic::is_error) {
        None
    } else {
        allocate(&draft, &mut faults)
    };
    let diagnostics = faults.into_vec();
    let compiled = Compiled {
        site: None,
        diagnostics,
        sources,
    };
    (compiled, lock)
}

/// Whether a new lock does away with a fault.
fn is_mended(fault: &Diagnostic, sources: &crate::diag::span::Sources) -> bool {
    let in_lock = || {
        let place = fault.place();
        place.is_some_and(|place| sources.path(place.source) == crate::lang::LOCK_PATH)
    };
    matches!(fault.code, Code::LockMissing | Code::LockStale)
        || (fault.code == Code::MergeConflict && in_lock())
}

fn allocate(draft: &Draft<'_>, out: &mut Faults) -> Option<Lock> {
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
            Some(address) => drop(lock.entries.insert(key, address)),
            None => wishes.push((key, wish)),
        }
    }
    wishes.sort_by(|a, b| a.0.cmp(&b.0));
    let taken = taken(draft);
    // The draft does not know whose an address is that keeps its owner through a renaming.
    let mut held = Held::new();
    wishes.retain(|(key, wish)| {
        let Some(subnet) = draft.subnets.get(wish.subnet) else {
            return true;
        };
        let may_keep = |address| is_free(subnet, &taken, &held, address);
        let kept = moved(draft, key, may_keep, &mut left, &mut lock);
        held.extend(kept.map(|address| (subnet.domain, address)));
        kept.is_none()
    });
    let mut free = Free::new(taken, held);
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
fn is_free(subnet: &SubnetDraft<'_>, taken: &[Taken<'_>], held: &Held, address: IpAddr) -> bool {
    let place = (subnet.domain, address);
    let taken = taken.binary_search_by_key(&place, |taken| (taken.domain, taken.ip));
    let mut dynamic = subnet.node.dynamic.iter();
    taken.is_err()
        && !held.contains(&place)
        && !subnet.node.prefix.value.is_edge(address)
        && !dynamic.any(|range| range.value.contains(address))
}

/// Takes over what the lock has under an old name of the host; where others have it by now, the host gets another one.
fn moved(
    draft: &Draft<'_>,
    key: &LockKey,
    may_keep: impl Fn(IpAddr) -> bool,
    left: &mut BTreeMap<LockKey, IpAddr>,
    lock: &mut Lock,
) -> Option<IpAddr> {
    let host = draft.names.get(&key.host);
    let host = host.and_then(|index| draft.hosts.get(*index));
    let names = host.map_or(&[][..], |host| host.moved);
    let (from, address) = names.iter().find_map(|name| {
        let old = LockKey {
            host: name.value.clone(),
            ..key.clone()
        };
        let address = left.get(&old).copied().filter(|one| may_keep(*one))?;
        left.remove(&old);
        Some((name.value.clone(), address))
    })?;
    lock.changes.push(LockChange::Moved {
        key: key.clone(),
        address,
        from,
    });
    lock.entries.insert(key.clone(), address);
    Some(address)
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
