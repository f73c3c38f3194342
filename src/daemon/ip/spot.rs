//! One address, or a run of them that are alike, with all that is known of it. Pure.

use std::net::IpAddr;

use super::account::Account;
use super::part::{Place, parts};
use super::row::{AddressRow, AddressUse};
use crate::base::addr::{number, numbered};
use crate::serve::dhcp::{Lease, LeaseState};
use crate::site::inventory::{Hold, Holder, SubnetInventory};
use crate::world::live::Neighbour;

/// A run of addresses that are alike, with all that is known of them.
#[derive(Clone, Copy)]
pub(super) struct Spot<'a> {
    pub(super) first: IpAddr,
    pub(super) last: IpAddr,
    pub(super) what: AddressUse,
    /// None in no subnet of the site.
    pub(super) place: Option<Place<'a>>,
    pub(super) holder: Option<&'a Holder>,
    pub(super) lease: Option<&'a Lease>,
    /// Whether the site gives the address to another than leased it.
    pub(super) is_anothers: bool,
    pub(super) seen: Option<Neighbour>,
}

impl<'a> Account<'a> {
    /// Goes over a subnet's addresses in their order, those that are alike at once.
    pub(super) fn walk(&self, subnet: &'a SubnetInventory, mut each: impl FnMut(Spot<'a>)) {
        let is_granted = self.is_granted_in(subnet);
        let known = self.known_in(subnet, is_granted);
        let mut known = known.into_iter().peekable();
        for part in parts(subnet) {
            let blank = |from: u128, to: u128| {
                let is_v4 = part.first.is_ipv4();
                Some(Spot {
                    first: numbered(is_v4, from)?,
                    last: numbered(is_v4, to)?,
                    what: part.place.blank(subnet.managed),
                    place: Some(part.place),
                    holder: None,
                    lease: None,
                    is_anothers: false,
                    seen: None,
                })
            };
            let (mut at, end) = (Some(number(part.first)), number(part.last));
            while let Some(address) = known.next_if(|known| *known <= part.last) {
                let here = number(address);
                // An edge of the subnet is nobody's, whatever was seen there.
                let Some(from) = at.filter(|at| *at <= here) else {
                    continue;
                };
                if from < here {
                    blank(from, here - 1).into_iter().for_each(&mut each);
                }
                each(self.spot(Some((subnet, part.place)), address, is_granted));
                at = here.checked_add(1);
            }
            if let Some(from) = at.filter(|at| *at <= end) {
                blank(from, end).into_iter().for_each(&mut each);
            }
        }
    }

    /// What one address of a subnet is; none at its edges.
    pub(super) fn spot_in(&self, subnet: &'a SubnetInventory, address: IpAddr) -> Option<Spot<'a>> {
        let mut parts = parts(subnet).into_iter();
        let part = parts.find(|part| part.first <= address && address <= part.last)?;
        let is_granted = self.is_granted_in(subnet);
        Some(self.spot(Some((subnet, part.place)), address, is_granted))
    }

    /// Leases in force in no subnet of the site.
    pub(super) fn outside(&self) -> impl Iterator<Item = Spot<'a>> {
        let ends = self.inventory.subnets.iter().map(|subnet| {
            let net = subnet.subnet.net();
            (net.network(), net.broadcast())
        });
        // In the order of their first addresses; of those that overlap, all up to the last of them are held.
        let mut held: Vec<(IpAddr, IpAddr)> = Vec::new();
        for (first, last) in ends {
            match held.last_mut() {
                Some((_, end)) if first <= *end => *end = last.max(*end),
                Some(_) | None => held.push((first, last)),
            }
        }
        let is_held = move |address: IpAddr| {
            let after = held.partition_point(|(first, _)| *first <= address);
            let last = after.checked_sub(1).and_then(|at| held.get(at));
            last.is_some_and(|(_, last)| address <= *last)
        };
        let leases = self.granted.leases.iter();
        let addresses = leases.map(|lease| IpAddr::V4(lease.address));
        let outside = addresses.filter(move |address| !is_held(*address));
        outside.map(|address| self.spot(None, address, true))
    }

    /// The leases of a subnet.
    pub(super) fn leases_in(&self, subnet: &SubnetInventory) -> &'a [Lease] {
        let net = subnet.subnet.net();
        let (first, last) = (net.network(), net.broadcast());
        let leases = self.granted.leases;
        let from = leases.partition_point(|one| IpAddr::V4(one.address) < first);
        let to = leases.partition_point(|one| IpAddr::V4(one.address) <= last);
        leases.get(from..to).unwrap_or_default()
    }

    /// The addresses of a subnet that somebody has or had, in their order.
    fn known_in(&self, subnet: &SubnetInventory, is_granted: bool) -> Vec<IpAddr> {
        let mut known: Vec<IpAddr> = subnet.holders.iter().map(|one| one.address).collect();
        if is_granted {
            let net = subnet.subnet.net();
            let leases = self.leases_in(subnet).iter();
            known.extend(leases.map(|one| IpAddr::V4(one.address)));
            let seen = self.granted.seen.range(net.network()..=net.broadcast());
            known.extend(seen.map(|(ip, _)| *ip));
        }
        known.sort_unstable();
        known.dedup();
        known
    }

    pub(super) fn spot(
        &self,
        at: Option<(&'a SubnetInventory, Place<'a>)>,
        address: IpAddr,
        is_granted: bool,
    ) -> Spot<'a> {
        let leases = self.granted.leases;
        let lease = leases.binary_search_by_key(&address, |one| IpAddr::V4(one.address));
        let lease = lease.ok().and_then(|at| leases.get(at));
        let seen = self.granted.seen.get(&address).copied();
        let holder = at.and_then(|(subnet, _)| subnet.holder(address));
        let lease = lease.filter(|_| is_granted);
        let config = self.granted.config;
        let is_anothers =
            |lease: &Lease| config.is_anothers(lease) || !config.is_owned(lease.address);
        let mut spot = Spot {
            first: address,
            last: address,
            what: AddressUse::Free,
            place: at.map(|(_, place)| place),
            holder,
            lease,
            is_anothers: holder.is_some() && lease.is_some_and(is_anothers),
            seen: seen.filter(|_| is_granted),
        };
        spot.what = spot.found(
            at.is_none_or(|(subnet, _)| subnet.managed),
            self.granted.now,
        );
        spot
    }
}

impl Spot<'_> {
    fn found(&self, is_managed: bool, now: u64) -> AddressUse {
        if let Some(holder) = self.holder {
            return match holder.how {
                Hold::Declared => AddressUse::Declared,
                Hold::Reserved => AddressUse::Reserved,
                Hold::Auto => AddressUse::Auto,
            };
        }
        let is_home = matches!(self.place, Some(Place::Dynamic(_))) && is_managed;
        if let Some(lease) = self.lease {
            match lease.state {
                LeaseState::Declined => return AddressUse::Quarantined,
                LeaseState::Offered => return AddressUse::Offered,
                LeaseState::Active if !is_home => return AddressUse::Stranded,
                LeaseState::Active if lease.expires <= now => return AddressUse::Held,
                LeaseState::Active => return AddressUse::Leased,
                LeaseState::Idle => {}
            }
        }
        let blank = self
            .place
            .map_or(AddressUse::Free, |place| place.blank(is_managed));
        if blank == AddressUse::Free && self.seen.is_some() {
            AddressUse::Seen
        } else {
            blank
        }
    }

    /// Why an address that the site gives nobody is not to be given.
    pub(super) fn in_use(&self) -> Option<String> {
        if let Some(lease) = self.lease {
            let hardware = lease.hardware;
            return match lease.state {
                LeaseState::Active => Some(format!("{hardware} has leased it")),
                LeaseState::Offered => Some(format!("it is offered to {hardware}")),
                LeaseState::Declined => Some("it is in quarantine".to_owned()),
                LeaseState::Idle => None,
            };
        }
        self.seen.map(|seen| format!("{} answered there", seen.mac))
    }

    pub(super) fn row(&self) -> AddressRow {
        let holder = self.holder;
        let declared = holder
            .and_then(|holder| holder.mac)
            .map(|mac| mac.to_string());
        // Who has what the site gives to another is told of beside it, as a dispute.
        let own = self.lease.filter(|_| !self.is_anothers);
        let leased = || own.map(|lease| lease.hardware.to_string());
        AddressRow {
            first: self.first,
            last: self.last,
            what: self.what,
            range: self.place.and_then(|place| place.range()),
            purpose: self
                .place
                .and_then(|place| place.purpose().map(str::to_owned)),
            who: holder.map(|holder| holder.who.clone()),
            origin: holder.map(|holder| holder.origin.clone()),
            hardware: declared.or_else(leased),
            name: own.and_then(|lease| lease.name.clone()),
            is_quarantined: self
                .lease
                .is_some_and(|own| own.state == LeaseState::Declined),
            expires: self.lease.and_then(|lease| match lease.state {
                LeaseState::Active => own.filter(|own| !own.is_infinite()).map(|own| own.expires),
                LeaseState::Offered | LeaseState::Declined => Some(lease.held_until),
                LeaseState::Idle => None,
            }),
            seen: self.seen.map(|seen| seen.mac),
        }
    }
}
