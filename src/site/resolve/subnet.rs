//! Which subnet holds an address. Prefixes nest or are disjoint, so the subnets form a forest, and the innermost one leads to all others.

use std::net::IpAddr;

use super::SubnetDraft;
use crate::base::addr::Prefix;
use crate::diag::span::Span;

/// Subnets in the order of their first addresses.
pub(in crate::site) struct SubnetIndex {
    entries: Vec<Entry>,
}

struct Entry {
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
                vlan: draft.vlan,
                subnet,
                parent: None,
            })
            .collect();
        entries.sort_by_key(|entry| {
            let net = entry.prefix.net();
            (net.network(), net.prefix_len(), entry.span)
        });
        let mut around: Vec<(usize, Prefix)> = Vec::new();
        for (at, entry) in entries.iter_mut().enumerate() {
            while around
                .last()
                .is_some_and(|(_, outer)| !outer.overlaps(entry.prefix))
            {
                around.pop();
            }
            entry.parent = around.last().map(|(outer, _)| *outer);
            around.push((at, entry.prefix));
        }
        Self { entries }
    }

    /// All subnets that hold `address`, the innermost first.
    pub(in crate::site) fn holding(&self, address: IpAddr) -> impl Iterator<Item = usize> {
        self.entries_around(address).map(|entry| entry.subnet)
    }

    /// The subnet of `vlan` that holds `address`.
    pub(super) fn place(&self, vlan: usize, address: IpAddr) -> Option<usize> {
        self.entries_around(address)
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

    fn entries_around(&self, address: IpAddr) -> impl Iterator<Item = &Entry> {
        let after = self
            .entries
            .partition_point(|entry| entry.prefix.net().network() <= address);
        let last = after
            .checked_sub(1)
            .and_then(|before| self.entries.get(before));
        std::iter::successors(last, |entry| self.entries.get(entry.parent?))
            .filter(move |entry| entry.prefix.contains(address))
    }
}
