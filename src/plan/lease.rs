//! Routes through what DHCP clients get: they wait until it is there, since the kernel takes no route to a router that nothing leads to.

use std::net::IpAddr;

use super::{Inputs, Obstruction};
use crate::base::addr::InterfaceAddr;
use crate::base::name::LinkName;
use crate::state::{Ground, Key, Resource, Route};

/// The addresses that others gave the host, and keep.
pub(super) struct Leases<'a> {
    inputs: Inputs<'a>,
    addresses: Vec<(Option<&'a LinkName>, InterfaceAddr)>,
}

impl<'a> Leases<'a> {
    pub(super) fn new(inputs: Inputs<'a>) -> Self {
        let observed = inputs.observed;
        let beside = observed.facts.beside.addresses.iter();
        let foreign = observed.state.keys().filter_map(|key| {
            if let Key::Address { link, address, .. } = key
                && observed.is_foreign(key)
            {
                Some((Some(link), *address))
            } else {
                None
            }
        });
        let beside = beside.map(|found| (found.link.as_ref(), found.address));
        Self {
            inputs,
            addresses: beside.chain(foreign).collect(),
        }
    }

    /// What a route waits for; nothing where it is there as it should be.
    pub(super) fn obstruction(
        &self,
        key: &Key,
        resource: &Resource,
        desired: &Ground<'_>,
    ) -> Option<Obstruction> {
        let Resource::Route(route) = resource else {
            return None;
        };
        let ip = route.lacks(key, desired)?;
        let found = self.inputs.observed.state.get(key);
        let is_there = found.is_some_and(|found| resource.changes_from(found).is_empty());
        (!is_there && !self.leads_to(route, ip)).then_some(Obstruction::NoLease { ip })
    }

    fn leads_to(&self, route: &Route, ip: IpAddr) -> bool {
        let hop = route.hops.iter().find(|hop| hop.via == Some(ip));
        let on = hop.and_then(|hop| hop.link.as_ref());
        let mut addresses = self.addresses.iter();
        addresses.any(|(link, address)| {
            let leads = match hop {
                Some(_) => address.prefix().contains(ip),
                None => address.ip() == ip,
            };
            leads && (on.is_none() || *link == on)
        })
    }
}
