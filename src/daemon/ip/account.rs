//! What each address is: the site's word, what was granted and who was seen, laid over one another. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::part::parts;
use super::row::{
    AddressDetail, Counts, IpOverview, MacDetail, NextAddress, Passed, RangeRow, SubnetListing,
    SubnetRow,
};
use super::spot::Spot;
use crate::base::addr::{AddressRange, Prefix, number, numbered};
use crate::base::mac::MacAddr;
use crate::daemon::lease::LeaseRow;
use crate::serve::dhcp::{Config, Lease, LeaseState, ScopeCounters, ServedSubnet};
use crate::site::inventory::{Inventory, SubnetInventory};
use crate::world::live::Neighbour;

/// Addresses that `next` passes over: whoever granted more than these beside the site has other worries.
const PASSED: usize = 256;

/// What was granted and who was seen, beside the site's word.
#[derive(Clone, Copy)]
pub(in crate::daemon) struct Granted<'a> {
    pub(in crate::daemon) config: &'a Config,
    /// By address; idle ones are left out.
    pub(in crate::daemon) leases: &'a [Lease],
    pub(in crate::daemon) seen: &'a BTreeMap<IpAddr, Neighbour>,
    /// What was asked of DHCP in each subnet.
    pub(in crate::daemon) counted: &'a BTreeMap<Prefix, ScopeCounters>,
    /// Seconds since 1970.
    pub(in crate::daemon) now: u64,
}

/// All of it together.
pub(in crate::daemon) struct Account<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) granted: Granted<'a>,
    pub(super) served: Vec<ServedSubnet>,
}

impl<'a> Account<'a> {
    pub(in crate::daemon) fn new(inventory: &'a Inventory, granted: Granted<'a>) -> Self {
        let served = granted.config.served().collect();
        Self {
            inventory,
            granted,
            served,
        }
    }

    /// Every subnet, how much of it is in use, and what is in dispute.
    pub(in crate::daemon) fn overview(&self) -> IpOverview {
        let mut conflicts = Vec::new();
        let subnets = self
            .inventory
            .subnets
            .iter()
            .map(|subnet| self.summed(subnet, |spot| conflicts.extend(self.conflicts(&spot))));
        let subnets = subnets.collect();
        let outside: Vec<Spot<'_>> = self.outside().collect();
        conflicts.extend(outside.iter().flat_map(|spot| self.conflicts(spot)));
        IpOverview {
            subnets,
            outside: outside.iter().map(Spot::row).collect(),
            conflicts,
        }
    }

    /// The addresses of the subnets with this prefix, of which isolated fabrics may have several.
    pub(in crate::daemon) fn listings(&self, prefix: Prefix) -> Vec<SubnetListing> {
        let own = self.with_prefix(prefix);
        let listing = |subnet: &'a SubnetInventory| {
            let (mut addresses, mut conflicts) = (Vec::new(), Vec::new());
            let row = self.summed(subnet, |spot| {
                conflicts.extend(self.conflicts(&spot));
                addresses.push(spot.row());
            });
            SubnetListing {
                subnet: row,
                addresses,
                conflicts,
            }
        };
        own.map(listing).collect()
    }

    /// The next address of each subnet with this prefix.
    pub(in crate::daemon) fn next(&self, prefix: Prefix) -> Vec<NextAddress> {
        self.with_prefix(prefix)
            .map(|subnet| self.next_in(subnet))
            .collect()
    }

    /// What `address` is; `lease` is the one in force there, or the last one.
    pub(in crate::daemon) fn address(
        &self,
        address: IpAddr,
        lease: Option<&Lease>,
    ) -> AddressDetail {
        let subnet = self.home_of(address);
        let spot = match subnet {
            Some(subnet) => self.spot_in(subnet, address),
            None => self.outside().find(|spot| spot.first == address),
        };
        AddressDetail {
            vlan: subnet.map(|subnet| subnet.vlan.clone()),
            subnet: subnet.map(|subnet| subnet.subnet),
            address: spot.as_ref().map(Spot::row),
            lease: lease.map(|lease| self.told(lease)),
            conflicts: spot.iter().flat_map(|spot| self.conflicts(spot)).collect(),
            history: Vec::new(),
        }
    }

    /// What `mac` has; `leases` are its own, idle ones too.
    pub(in crate::daemon) fn mac(&self, mac: MacAddr, leases: &[Lease]) -> MacDetail {
        let subnets = self.inventory.subnets.iter();
        let declared = subnets.flat_map(|subnet| {
            let own = subnet.holders.iter();
            let own = own.filter(move |holder| holder.mac == Some(mac));
            own.filter_map(move |holder| self.spot_in(subnet, holder.address))
        });
        let declared: Vec<Spot<'_>> = declared.collect();
        let seen = self.granted.seen.values();
        let seen: Vec<IpAddr> = seen
            .filter(|one| one.mac == mac)
            .map(|one| one.address)
            .collect();
        let active = leases.iter().filter(|one| one.state != LeaseState::Idle);
        let mut about: BTreeSet<IpAddr> = active.map(|one| one.address.into()).collect();
        about.extend(declared.iter().map(|spot| spot.first));
        about.extend(&seen);
        let spots = about.into_iter().filter_map(|address| {
            let subnet = self.home_of(address);
            subnet.and_then(|subnet| self.spot_in(subnet, address))
        });
        MacDetail {
            mac,
            conflicts: spots.flat_map(|spot| self.conflicts(&spot)).collect(),
            declared: declared.iter().map(Spot::row).collect(),
            leases: leases.iter().map(|lease| self.told(lease)).collect(),
            history: Vec::new(),
            seen,
        }
    }

    fn told(&self, lease: &Lease) -> LeaseRow {
        LeaseRow::of(lease, self.granted.config)
    }

    /// Leases in force, each where it is.
    pub(super) fn leased(&self) -> impl Iterator<Item = (Option<&'a SubnetInventory>, Spot<'a>)> {
        let subnets = self.inventory.subnets.iter();
        let granted = subnets.filter(|subnet| self.is_granted_in(subnet));
        let inside = granted.flat_map(move |subnet| {
            let leases = self.leases_in(subnet).iter();
            leases.filter_map(move |lease| {
                let spot = self.spot_in(subnet, lease.address.into())?;
                Some((Some(subnet), spot))
            })
        });
        inside.chain(self.outside().map(|spot| (None, spot)))
    }

    fn with_prefix(&self, prefix: Prefix) -> impl Iterator<Item = &'a SubnetInventory> {
        let subnets = self.inventory.subnets.iter();
        subnets.filter(move |subnet| subnet.subnet == prefix)
    }

    /// The subnet that what was granted and seen at `address` is of.
    fn home_of(&self, address: IpAddr) -> Option<&'a SubnetInventory> {
        let mut holding = self.inventory.subnets.iter();
        let granted = holding.find(|one| one.subnet.contains(address) && self.is_granted_in(one));
        granted.or_else(|| self.inventory.holding(address))
    }

    /// Whether what was granted and seen in this prefix is of this subnet: others may have the same one.
    pub(super) fn is_granted_in(&self, subnet: &SubnetInventory) -> bool {
        let mut served = self
            .served
            .iter()
            .filter(|one| one.subnet.overlaps(subnet.subnet));
        match served.next() {
            Some(first) => std::iter::once(first)
                .chain(served)
                .any(|one| *one.vlan == subnet.vlan && one.subnet == subnet.subnet),
            None => !subnet.isolated,
        }
    }

    fn summed(&self, subnet: &'a SubnetInventory, mut each: impl FnMut(Spot<'a>)) -> SubnetRow {
        let mut counts = Counts::default();
        let mut of_ranges: BTreeMap<AddressRange, Counts> = BTreeMap::new();
        of_ranges.extend(
            subnet
                .dynamic
                .iter()
                .map(|range| (*range, Counts::default())),
        );
        self.walk(subnet, |spot| {
            let count = number(spot.last) - number(spot.first) + 1;
            counts.add(spot.what, count);
            let range = spot.place.and_then(|place| place.range());
            if let Some(counts) = range.and_then(|range| of_ranges.get_mut(&range)) {
                counts.add(spot.what, count);
            }
            each(spot);
        });
        let (first, last) = subnet.subnet.host_ends();
        let size = (number(last) - number(first)).saturating_add(1);
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        let is_own = |one: &ServedSubnet| *one.vlan == subnet.vlan && one.subnet == subnet.subnet;
        let is_served = self.served.iter().any(is_own);
        let counted = self.granted.counted.get(&subnet.subnet);
        SubnetRow {
            vlan: subnet.vlan.clone(),
            subnet: subnet.subnet,
            size,
            used_percent: counts.used_percent(size),
            counts,
            ranges: of_ranges.into_iter().map(RangeRow::of).collect(),
            is_served,
            dhcp: counted.filter(|_| is_served).cloned(),
        }
    }

    fn next_in(&self, subnet: &'a SubnetInventory) -> NextAddress {
        let (mut passed, mut found) = (Vec::new(), None);
        'runs: for (first, last) in &subnet.free {
            let mut at = Some(*first);
            while let Some(address) = at.filter(|at| at <= last) {
                let spot = self.spot_in(subnet, address);
                let in_use = spot.as_ref().and_then(|spot| spot.in_use());
                let (Some(because), true) = (in_use, passed.len() < PASSED) else {
                    found = Some(address);
                    break 'runs;
                };
                passed.push(Passed { address, because });
                let after = number(address).checked_add(1);
                at = after.and_then(|after| numbered(address.is_ipv4(), after));
            }
        }
        let place = found.and_then(|address| {
            let mut parts = parts(subnet).into_iter();
            parts.find(|part| part.first <= address && address <= part.last)
        });
        let place = place.map(|part| part.place);
        NextAddress {
            vlan: subnet.vlan.clone(),
            subnet: subnet.subnet,
            address: found,
            range: place.and_then(|place| place.range()),
            purpose: place.and_then(|place| place.purpose().map(str::to_owned)),
            passed,
        }
    }
}

impl RangeRow {
    fn of((range, counts): (AddressRange, Counts)) -> Self {
        let size = u64::try_from(range.count()).unwrap_or(u64::MAX);
        Self {
            range,
            size,
            used_percent: counts.used_percent(size),
            counts,
        }
    }
}
