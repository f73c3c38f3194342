//! Profiles applied to machines: scalars override, named children merge, unnamed lists replace whole.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::suggest::did_you_mean;
use crate::lang::node::{HostShape, LinkNode, LinkShape};

/// What a machine is once its profile is taken into account.
pub(super) fn apply(own: &HostShape, profile: &HostShape, out: &mut Vec<Diagnostic>) -> HostShape {
    let known: BTreeSet<&str> = profile
        .interfaces
        .iter()
        .map(|link| link.name.value.as_str())
        .collect();
    let mut removed = BTreeSet::new();
    for name in &own.removed {
        if !known.contains(name.value.as_str()) {
            let message = format!("the profile has no interface `{}`", name.value);
            out.push(
                Diagnostic::new(Code::UnknownReference, message)
                    .label(name.span, "there is nothing to remove")
                    .maybe_help(did_you_mean(name.value.as_str(), known.iter().copied())),
            );
        }
        removed.insert(&name.value);
    }
    let inherited = profile
        .interfaces
        .iter()
        .filter(|link| !removed.contains(&link.name.value));
    HostShape {
        image: own.image.clone().or(profile.image.clone()),
        tags: own.tags.clone().or_else(|| profile.tags.clone()),
        interfaces: interfaces(&own.interfaces, inherited),
        removed: Vec::new(),
        span: own.span,
    }
}

fn interfaces<'a>(
    own: &[LinkNode],
    inherited: impl Iterator<Item = &'a LinkNode>,
) -> Vec<LinkNode> {
    let inherited: Vec<&LinkNode> = inherited.collect();
    let by_name: BTreeMap<_, _> = inherited
        .iter()
        .map(|link| (&link.name.value, *link))
        .collect();
    let own_names: BTreeSet<_> = own.iter().map(|link| &link.name.value).collect();
    let merged = own.iter().map(|link| match by_name.get(&link.name.value) {
        Some(base) => merge(link, base),
        None => link.clone(),
    });
    let rest = inherited
        .iter()
        .filter(|link| !own_names.contains(&link.name.value))
        .map(|link| (*link).clone());
    merged.chain(rest).collect()
}

fn merge(own: &LinkNode, base: &LinkNode) -> LinkNode {
    let says_addresses = !own.addresses.is_empty() || own.has_faulty_address;
    let addresses = if says_addresses { own } else { base };
    LinkNode {
        name: own.name.clone(),
        shape: match (&own.shape, &base.shape) {
            (LinkShape::Ethernet { mac }, LinkShape::Ethernet { mac: inherited }) => {
                LinkShape::Ethernet {
                    mac: mac.clone().or(inherited.clone()),
                }
            }
            (shape, _) => shape.clone(),
        },
        vlan: own.vlan.clone().or(base.vlan.clone()),
        mtu: own.mtu.clone().or(base.mtu.clone()),
        addresses: addresses.addresses.clone(),
        has_faulty_address: addresses.has_faulty_address,
        span: own.span,
    }
}
