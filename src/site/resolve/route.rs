//! Static routes: which subnet holds the gateway of each.

use std::collections::BTreeSet;

use super::Domain;
use super::host::Places;
use super::names::{Table, several_fabrics};
use crate::base::name::Name;
use crate::diag::report::Faults;
use crate::lang::node::Declarations;

/// For each route, the subnet of its gateway; none where no subnet holds it, or where that could not be told.
pub(super) fn routes(
    declarations: &Declarations,
    fabrics: &Table<'_, Name>,
    places: &Places<'_>,
    out: &mut Faults,
) -> Vec<Option<usize>> {
    let routes = declarations.routes.iter();
    routes
        .map(|route| {
            let via = route.via.given()?;
            let fabric_of = |subnet: &usize| {
                let subnet = places.subnets.get(*subnet)?;
                Some(&places.vlans.get(subnet.vlan)?.path.fabric)
            };
            let mut holding: Vec<usize> = places.index.holding(via.value).collect();
            if let Some(fabric) = route.fabric.given() {
                if !fabrics.check(fabric, &declarations.gaps, out) {
                    return None;
                }
                holding.retain(|subnet| fabric_of(subnet) == Some(&fabric.value));
            }
            let is_isolated = |subnet: &usize| {
                let subnet = places.subnets.get(*subnet);
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
