//! Static routes: which subnet holds the gateway of each.

use std::collections::BTreeSet;

use super::names::{refer, several_fabrics};
use super::{Domain, SubnetDraft, SubnetIndex, VlanDraft};
use crate::diag::report::Diagnostic;
use crate::lang::node::Declarations;

/// For each route, the subnet of its gateway; none where no subnet holds it, or where that could not be told.
pub(super) fn routes(
    declarations: &Declarations,
    vlans: &[VlanDraft<'_>],
    subnets: &[SubnetDraft<'_>],
    index: &SubnetIndex,
    out: &mut Vec<Diagnostic>,
) -> Vec<Option<usize>> {
    let routes = declarations.routes.iter();
    routes
        .map(|route| {
            let via = route.via.given()?;
            let fabric_of = |subnet: &usize| {
                let subnet = subnets.get(*subnet)?;
                Some(&vlans.get(subnet.vlan)?.path.fabric)
            };
            let mut holding: Vec<usize> = index.holding(via.value).collect();
            if let Some(fabric) = route.fabric.given() {
                let mut fabrics = declarations.fabrics.iter();
                if !fabrics.any(|known| known.name.value == fabric.value) {
                    let known = declarations
                        .fabrics
                        .iter()
                        .map(|known| known.name.value.as_str());
                    refer("fabric", fabric, known, &declarations.gaps, out);
                    return None;
                }
                holding.retain(|subnet| fabric_of(subnet) == Some(&fabric.value));
            }
            let is_isolated = |subnet: &usize| {
                let subnet = subnets.get(*subnet);
                subnet.is_some_and(|subnet| subnet.domain != Domain::Shared)
            };
            // The shared domain's comes first.
            let is_ambiguous = holding.len() > 1 && holding.first().is_some_and(is_isolated);
            if is_ambiguous {
                let fabrics: BTreeSet<&str> = holding
                    .iter()
                    .filter_map(fabric_of)
                    .map(|name| name.as_str())
                    .collect();
                out.push(several_fabrics("the route's gateway", route.span, &fabrics));
                return None;
            }
            holding.first().copied()
        })
        .collect()
}
