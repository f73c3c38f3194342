//! What one host alone has: whoever says that it is theirs too is told. A host that is declared twice was told as such, and counts once.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::span::Span;
use crate::site::resolve::Host;

/// A host that says something is its own.
pub(super) struct Claim<'d, K> {
    pub(super) key: K,
    /// Claims of a higher rank come after those of a lower one.
    pub(super) rank: u8,
    pub(super) span: Span,
    pub(super) host: &'d Host<'d>,
    /// Whether the lock says so, and not the site.
    pub(super) is_locked: bool,
}

/// A claim of what another one has.
pub(super) struct Shared<'c, 'd, K> {
    pub(super) first: &'c Claim<'d, K>,
    pub(super) again: &'c Claim<'d, K>,
    /// Whether the host itself has it by a claim of a lower rank.
    pub(super) is_own: bool,
}

/// Each claim of what another one before it has. What many hosts have from one place, their profile, comes before the rest, so that it is
/// told as such wherever it stands.
pub(super) fn shared<'c, 'd, K: Ord>(claims: &'c mut [Claim<'d, K>]) -> Vec<Shared<'c, 'd, K>> {
    claims.sort_by(|a, b| a.key.cmp(&b.key));
    let mut all = Vec::new();
    for group in claims.chunk_by_mut(|a, b| a.key == b.key) {
        if group.len() > 1 {
            sort(group);
            among(group, &mut all);
        }
    }
    all
}

fn sort<K>(group: &mut [Claim<'_, K>]) {
    let mut counts: BTreeMap<Span, usize> = BTreeMap::new();
    for claim in group.iter() {
        *counts.entry(claim.span).or_default() += 1;
    }
    group.sort_by_key(|claim| {
        let is_single = counts.get(&claim.span) == Some(&1);
        (claim.rank, is_single, claim.span, claim.host.name.span)
    });
}

fn among<'c, 'd, K>(group: &'c [Claim<'d, K>], all: &mut Vec<Shared<'c, 'd, K>>) {
    let [first, others @ ..] = group else {
        return;
    };
    let mut ranks = BTreeMap::from([(std::ptr::from_ref(first.host), first.rank)]);
    let mut names = BTreeSet::from([&first.host.name.value]);
    for again in others {
        let own = *ranks
            .entry(std::ptr::from_ref(again.host))
            .or_insert(u8::MAX);
        let is_new_name = names.insert(&again.host.name.value);
        if own != u8::MAX || is_new_name {
            let is_own = own < again.rank;
            all.push(Shared {
                first,
                again,
                is_own,
            });
        }
        ranks.insert(std::ptr::from_ref(again.host), own.min(again.rank));
    }
}
