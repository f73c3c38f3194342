//! Isolated fabrics: where their prefixes overlap, nobody is in both, since neither a kernel nor a DHCP server could tell them apart.

use std::collections::BTreeSet;

use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::Span;
use crate::site::resolve::{Draft, Host, Plug};

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    if !draft.index.is_divided() {
        return;
    }
    for host in &draft.hosts {
        let addresses = host.links.iter().flat_map(|link| &link.addresses);
        let mut subnets: BTreeSet<usize> = addresses.filter_map(|placed| placed.subnet).collect();
        let is_seen = subnets.clone();
        subnets.extend(served(draft, host));
        for (inner, outer) in meeting(draft, &subnets) {
            let is_in = is_seen.contains(&inner) && is_seen.contains(&outer);
            out.extend(fault(draft, host, (inner, outer), is_in));
        }
    }
}

/// The subnets whose DHCP a controller serves, through relay agents too.
fn served(draft: &Draft<'_>, host: &Host<'_>) -> Vec<usize> {
    // Most hosts are machines, and there may be many subnets.
    if !host.is_controller() {
        return Vec::new();
    }
    let serves = |vlan: usize| {
        let served = match draft.relays.get(vlan) {
            Some(Plug::Vlan(target)) => *target,
            Some(Plug::Nothing | Plug::Unknown) | None => vlan,
        };
        draft.serves_vlan(host, served)
    };
    let subnets = draft.subnets.iter().enumerate();
    let subnets = subnets.filter(|(_, subnet)| serves(subnet.vlan));
    subnets.map(|(index, _)| index).collect()
}

/// Pairs of subnets of different domains that overlap: neighbours in the order of their addresses.
fn meeting(draft: &Draft<'_>, subnets: &BTreeSet<usize>) -> Vec<(usize, usize)> {
    let mut sorted: Vec<usize> = subnets.iter().copied().collect();
    sorted.sort_by_key(|subnet| {
        let net = draft.prefix(*subnet).map(|prefix| prefix.net());
        (net.map(|net| (net.network(), net.prefix_len())), *subnet)
    });
    let pairs = sorted.windows(2).filter_map(|pair| match pair {
        [outer, inner] => Some((*inner, *outer)),
        _ => None,
    });
    let overlap = |(inner, outer): &(usize, usize)| {
        let (Some(inner), Some(outer)) = (draft.subnets.get(*inner), draft.subnets.get(*outer))
        else {
            return false;
        };
        let (here, there) = (inner.node.prefix.value, outer.node.prefix.value);
        inner.domain != outer.domain && here.overlaps(there)
    };
    pairs.filter(overlap).collect()
}

fn fault(
    draft: &Draft<'_>,
    host: &Host<'_>,
    (inner, outer): (usize, usize),
    is_in: bool,
) -> Option<Diagnostic> {
    let span =
        |subnet: usize| -> Option<Span> { Some(draft.subnets.get(subnet)?.node.prefix.span) };
    let does = if is_in { "is in" } else { "serves" };
    let message = format!(
        "{} {does} {} of `{}` and {} of `{}`, which overlap",
        host.title(),
        draft.prefix(inner)?,
        draft.vlan_of(inner)?.path,
        draft.prefix(outer)?,
        draft.vlan_of(outer)?.path,
    );
    Some(
        Diagnostic::new(Code::IsolationMeets, message)
            .label(host.name.span, "one address would mean two hosts here")
            .label(span(inner)?, "this subnet")
            .label(span(outer)?, "and this one")
            .help("let another host do one of them, or give the fabrics different prefixes"),
    )
}
