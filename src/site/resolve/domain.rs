//! Isolation domains: which fabrics share one space of addresses, and in which of them an address is.

use std::net::IpAddr;

use super::{Draft, Placed};
use crate::lang::Slot;
use crate::lang::node::{BmcNode, FabricNode};

/// Fabrics whose addresses are one space: all that are not isolated, or a single isolated one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::site) enum Domain {
    Shared,
    /// The fabric of this number.
    Isolated(usize),
}

impl Domain {
    /// That of a fabric, which is the one of this number.
    pub(super) fn of(number: usize, fabric: &FabricNode) -> Self {
        match &fabric.isolated {
            Slot::Absent => Self::Shared,
            Slot::Given(flag) if !flag.value => Self::Shared,
            // Where the flag cannot be read, overlaps prove nothing.
            Slot::Given(_) | Slot::Faulty => Self::Isolated(number),
        }
    }
}

impl Domain {
    pub(in crate::site) fn is_isolated(self) -> bool {
        match self {
            Self::Shared => false,
            Self::Isolated(_) => true,
        }
    }
}

impl Draft<'_> {
    /// Whether an address that names no VLAN is one of the shared domain: it is, unless only isolated fabrics have subnets for it.
    pub(in crate::site) fn is_shared(&self, address: IpAddr) -> bool {
        let domain = self.index.holding(address).next();
        let domain = domain.and_then(|subnet| self.subnets.get(subnet));
        domain.is_none_or(|subnet| subnet.domain == Domain::Shared)
    }

    /// The isolation domain of a BMC's address; none where its fabric is not known, or not said and several may be meant.
    pub(in crate::site) fn domain_of_bmc(&self, bmc: &BmcNode) -> Option<Domain> {
        let address = bmc.address.value()?;
        match &bmc.fabric {
            Slot::Given(fabric) => {
                let number = self.fabrics.number(&fabric.value)?;
                let fabric = self.declarations.fabrics.get(number)?;
                Some(Domain::of(number, fabric))
            }
            Slot::Faulty => None,
            Slot::Absent if self.is_shared(*address) => Some(Domain::Shared),
            Slot::Absent => {
                let mut holding = self.index.holding(*address);
                let only = holding.next().filter(|_| holding.next().is_none())?;
                self.subnets.get(only).map(|subnet| subnet.domain)
            }
        }
    }

    /// The subnet that holds a BMC's address.
    pub(in crate::site) fn subnet_of_bmc(&self, bmc: &BmcNode) -> Option<usize> {
        let domain = self.domain_of_bmc(bmc)?;
        let mut holding = self.index.holding(*bmc.address.value()?);
        holding.find(|subnet| {
            self.subnets
                .get(*subnet)
                .is_some_and(|one| one.domain == domain)
        })
    }

    /// The isolation domain of a host's address.
    pub(in crate::site) fn domain(&self, placed: &Placed) -> Domain {
        let subnet = placed.subnet.and_then(|subnet| self.subnets.get(subnet));
        subnet.map_or(Domain::Shared, |subnet| subnet.domain)
    }
}
