//! Addresses in dispute. Pure.

use super::account::Account;
use super::part::Place;
use super::row::{AddressUse, Conflict, ConflictKind};
use super::spot::Spot;
use crate::daemon::lease::disputed;
use crate::serve::dhcp::{Known, Lease, LeaseState};

impl Account<'_> {
    /// What is in dispute of an address.
    pub(super) fn conflicts(&self, spot: &Spot<'_>) -> Vec<Conflict> {
        let lease = spot.lease.and_then(|lease| self.of_lease(spot, lease));
        let found = [lease, self.seen_elsewhere(spot)].into_iter().flatten();
        let told = found.map(|(kind, because)| Conflict {
            address: spot.first,
            kind,
            because,
        });
        told.collect()
    }

    fn of_lease(&self, spot: &Spot<'_>, lease: &Lease) -> Option<(ConflictKind, String)> {
        let hardware = lease.hardware;
        match lease.state {
            LeaseState::Declined => {
                let kind = match lease.known.as_deref() {
                    Some(Known::Found(_)) => ConflictKind::InUse,
                    Some(Known::By(_) | Known::Untold | Known::Declined) | None => {
                        ConflictKind::Declined
                    }
                };
                return Some((kind, disputed(lease)));
            }
            LeaseState::Active => {}
            LeaseState::Offered | LeaseState::Idle => return None,
        }
        if let Some(holder) = spot.holder {
            let because = format!(
                "{hardware} has leased it, and the site gives it to {}",
                holder.who
            );
            return spot
                .is_anothers
                .then_some((ConflictKind::DeclaredForAnother, because));
        }
        if spot.what != AddressUse::Stranded {
            return None;
        }
        let leased = format!("{hardware} has leased it, and");
        Some(match spot.place {
            None => {
                let because = format!("{leased} no subnet of the site holds it");
                (ConflictKind::OutsideSite, because)
            }
            Some(Place::Reserved(range, purpose)) => {
                let purpose = purpose.map_or_else(String::new, |purpose| format!(" for {purpose}"));
                let because = format!("{leased} {range} is reserved{purpose}");
                (ConflictKind::InReservedRange, because)
            }
            Some(Place::Dynamic(_) | Place::Between) => {
                let because = format!("{leased} no dynamic range that is served holds it");
                (ConflictKind::OutsideRanges, because)
            }
        })
    }

    /// Somebody else answers for the address than has it. What answered long ago proves nothing.
    fn seen_elsewhere(&self, spot: &Spot<'_>) -> Option<(ConflictKind, String)> {
        let seen = spot.seen.filter(|seen| seen.is_fresh)?;
        let leased = spot.lease.filter(|lease| lease.state == LeaseState::Active);
        let leased = leased.and_then(|lease| lease.hardware.mac());
        let declared = spot.holder.and_then(|holder| holder.mac);
        let expected = declared.or(leased)?;
        let host = spot.holder.and_then(|holder| holder.host.as_ref());
        let is_own = [declared, leased].contains(&Some(seen.mac))
            || host.is_some_and(|host| {
                let mut subnets = self.inventory.subnets.iter();
                subnets.any(|subnet| {
                    let mut own = subnet.holders.iter();
                    own.any(|one| one.host.as_ref() == Some(host) && one.mac == Some(seen.mac))
                })
            });
        let because = format!("{} answers there, and it is {expected}'s", seen.mac);
        (!is_own).then_some((ConflictKind::SeenElsewhere, because))
    }
}
