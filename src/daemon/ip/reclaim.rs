//! Addresses that can be had back: kept for nobody's good. Pure; they end as leases do by an operator's word.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::account::Account;
use super::row::{AddressUse, ReclaimReason, Reclaimable};
use super::spot::Spot;
use crate::base::addr::Prefix;
use crate::base::mac::MacAddr;
use crate::base::moment::Moment;
use crate::base::name::LinkName;
use crate::serve::dhcp::{Lease, LeaseState};
use crate::state::Listener;

/// Quarantined addresses that are asked about at once.
const ASKED: usize = 1024;

/// A lease that can be ended, and why.
pub(in crate::daemon) struct Reasons<'a> {
    pub(in crate::daemon) lease: &'a Lease,
    pub(in crate::daemon) told: Reclaimable,
}

impl<'a> Account<'a> {
    /// The quarantined addresses that somebody can be asked about, each with the link towards it.
    pub(in crate::daemon) fn askable(
        &self,
        within: Option<Prefix>,
        listening: &BTreeMap<IpAddr, Listener>,
    ) -> BTreeSet<(LinkName, IpAddr)> {
        let quarantined = self.leased().filter(|(_, spot)| is_quarantined(spot));
        let askable = quarantined.filter_map(|(subnet, spot)| {
            let subnet = subnet?;
            let mut served = self.served.iter();
            let own = served.find(|one| one.subnet == subnet.subnet && !one.is_relayed)?;
            let listener = listening.get(&IpAddr::V4(own.server))?;
            Some((listener.link.clone(), spot.first))
        });
        let chosen = askable.filter(|(_, ip)| within.is_none_or(|within| within.contains(*ip)));
        chosen.take(ASKED).collect()
    }

    /// What can be had back; `asked` are the quarantined addresses that were asked about, and `answered` those that somebody has.
    pub(in crate::daemon) fn reclaimable(
        &self,
        within: Option<Prefix>,
        asked: &BTreeSet<(LinkName, IpAddr)>,
        answered: &BTreeMap<IpAddr, MacAddr>,
    ) -> Vec<Reasons<'a>> {
        let asked: BTreeSet<IpAddr> = asked.iter().map(|(_, ip)| *ip).collect();
        let is_chosen = |spot: &Spot<'_>| within.is_none_or(|within| within.contains(spot.first));
        let spots = self.leased().map(|(_, spot)| spot).filter(is_chosen);
        let found = spots.filter_map(|spot| {
            let lease = spot.lease?;
            let (reason, because) = self.reason(&spot, lease, &|ip| {
                asked.contains(&ip) && !answered.contains_key(&ip)
            })?;
            let told = Reclaimable {
                address: lease.address,
                hardware: lease.hardware.to_string(),
                reason,
                because,
            };
            Some(Reasons { lease, told })
        });
        found.collect()
    }

    fn reason(
        &self,
        spot: &Spot<'_>,
        lease: &Lease,
        is_silent: &dyn Fn(IpAddr) -> bool,
    ) -> Option<(ReclaimReason, String)> {
        if is_quarantined(spot) {
            let silent = "nobody answers there any more".to_owned();
            return is_silent(spot.first).then_some((ReclaimReason::Quarantined, silent));
        }
        if lease.state != LeaseState::Active {
            return None;
        }
        if lease.expires <= self.granted.now {
            let held = format!(
                "its lease is over by the last answer, and it is kept until {}, for an earlier one may have promised it longer",
                Moment(lease.held_until)
            );
            return Some((ReclaimReason::Held, held));
        }
        let is_stranded = spot.what == AddressUse::Stranded || spot.holder.is_some();
        let mut conflicts = self.conflicts(spot).into_iter();
        let because = conflicts.next().filter(|_| is_stranded)?.because;
        Some((ReclaimReason::Stranded, because))
    }
}

fn is_quarantined(spot: &Spot<'_>) -> bool {
    spot.lease
        .is_some_and(|lease| lease.state == LeaseState::Declined)
}
