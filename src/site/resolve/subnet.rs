//! Which subnet holds an address. Prefixes nest or are disjoint, so the subnets of an isolation domain form a forest, and the
//! innermost one leads to all others.

use std::net::IpAddr;

use super::{Domain, SubnetDraft};
use crate::base::addr::Prefix;
use crate::diag::span::Span;

/// Subnets by isolation domain, in the order of their first addresses.
pub(in crate::site) struct SubnetIndex {
    entries: Vec<Entry>,
    /// The domains that have subnets, the shared one first.
    domains: Vec<Domain>,
}

/// Deepest nesting that is looked into: prefixes have at most 129 lengths, so that a deeper one is made of prefixes declared again
/// and again, which is told.
const DEEPEST: usize = 256;

struct Entry {
    domain: Domain,
    prefix: Prefix,
    span: Span,
    vlan: usize,
    subnet: usize,
    /// The smallest entry around this one; an equal prefix counts.
    parent: Option<usize>,
}

impl SubnetIndex {
    pub(super) fn new(subnets: &[SubnetDraft<'_>]) -> Self {
        let mut entries: Vec<Entry> = subnets
            .iter()
            .enumerate()
            .map(|(subnet, draft)| Entry {
                prefix: draft.node.prefix.value,
                span: draft.node.prefix.span,
                domain: draft.domain,
                vlan: draft.vlan,
                subnet,
                parent: None,
            })
            .collect();
        entries.sort_by_key(|entry| {
            let net = entry.prefix.net();
            (entry.domain, net.network(), net.prefix_len(), entry.span)
        });
        let mut around: Vec<(usize, Domain, Prefix)> = Vec::new();
        for (at, entry) in entries.iter_mut().enumerate() {
            while around.last().is_some_and(|(_, domain, outer)| {
                *domain != entry.domain || !outer.overlaps(entry.prefix)
            }) {
                around.pop();
            }
            entry.parent = around.last().map(|(outer, ..)| *outer);
            around.push((at, entry.domain, entry.prefix));
        }
        let mut domains: Vec<Domain> = entries.iter().map(|entry| entry.domain).collect();
        domains.dedup();
        Self { entries, domains }
    }

    /// Whether there are several domains, which may have the same addresses.
    pub(in crate::site) fn is_divided(&self) -> bool {
        self.domains.len() > 1
    }

    /// The innermost subnet of each domain that holds `address`, the shared domain's first.
    pub(in crate::site) fn holding(&self, address: IpAddr) -> impl Iterator<Item = usize> {
        let domains = self.domains.iter();
        domains.filter_map(move |domain| {
            let mut around = self.entries_around(*domain, address);
            around.next().map(|entry| entry.subnet)
        })
    }

    /// The subnet of `vlan`, which lies in `domain`, that holds `address`.
    pub(super) fn place(&self, domain: Domain, vlan: usize, address: IpAddr) -> Option<usize> {
        self.entries_around(domain, address)
            .find(|entry| entry.vlan == vlan)
            .map(|entry| entry.subnet)
    }

    /// Each subnet that lies in another one, with that one: the inner first.
    pub(in crate::site) fn overlaps(
        &self,
    ) -> impl Iterator<Item = ((Prefix, Span), (Prefix, Span))> {
        self.entries.iter().filter_map(|inner| {
            let outer = self.entries.get(inner.parent?)?;
            Some(((inner.prefix, inner.span), (outer.prefix, outer.span)))
        })
    }

    fn entries_around(&self, domain: Domain, address: IpAddr) -> impl Iterator<Item = &Entry> {
        let after = self.entries.partition_point(|entry| {
            (entry.domain, entry.prefix.net().network()) <= (domain, address)
        });
        let last = after
            .checked_sub(1)
            .and_then(|before| self.entries.get(before));
        std::iter::successors(last, |entry| self.entries.get(entry.parent?))
            .take(DEEPEST)
            .filter(move |entry| entry.domain == domain && entry.prefix.contains(address))
    }
}
