//! Which address a client gets (RFC 2131 4.3.1): the declared one, else its own, else the last that it had, else the one it asks for,
//! else one that nobody had yet, else the one that has been free for longest, else one that it found in use and that is out of
//! quarantine, else one that was only offered to another.

use std::cmp::Reverse;
use std::net::Ipv4Addr;

use smallvec::SmallVec;

use super::ask::Ask;
use super::config::{Config, HostId, Served};
use super::engine::{Action, Engine};
use super::lease::{Agent, ClientKey, Hardware, Known, Lease, LeaseState};
use super::record::Record;

/// Addresses that were found in use which a client is spared while others are free.
const SPARED: usize = 16;

/// Seldom more than one, on the way of every packet.
type Few<T> = SmallVec<[T; 4]>;

/// How far a scope's pools were handed out for the first time.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    last: Option<Ipv4Addr>,
    at_end: bool,
    /// Set by a new configuration, which may have made passed-over addresses free.
    pub may_rewind: bool,
}

/// Who asks.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    pub client: ClientKey,
    pub hardware: Hardware,
    /// The host with reserved addresses that it is, where it came from.
    pub host: Option<HostId>,
    /// What it is that host by, where its lease would not say so by itself.
    pub known: Option<Box<Known>>,
    /// Where its relay agent says that it is.
    pub agent: Option<Box<Agent>>,
}

/// How an address stands to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its own: leased, offered, or formerly leased and still free.
    Own,
    Free,
    Taken,
}

impl Asker {
    /// Whether `address` is declared to be this client's, whatever it calls itself: firmware and system often differ in that.
    pub(super) fn owns(&self, config: &Config, address: Ipv4Addr) -> bool {
        self.host.is_some() && config.owner(address) == self.host
    }

    pub(super) fn holds(&self, config: &Config, record: &Record) -> bool {
        let lease = &record.lease;
        lease.client == self.client
            || ((lease.hardware == self.hardware || self.hangs_where(lease))
                && self.owns(config, lease.address))
    }

    /// Whether its relay agent saw the holder of `lease` on the circuit that it hangs on.
    fn hangs_where(&self, lease: &Lease) -> bool {
        let circuit = |agent: &Option<Box<Agent>>| {
            let agent = agent.as_ref()?;
            (!agent.circuit.is_empty()).then(|| agent.circuit.clone())
        };
        let own = circuit(&self.agent);
        own.is_some() && own == circuit(&lease.agent)
    }
}

impl Engine {
    pub(super) fn standing(&self, asker: &Asker, served: &Served, address: Ipv4Addr) -> Standing {
        let owner = self.config.owner(address);
        if owner.is_some() && owner != asker.host {
            return Standing::Taken;
        }
        let is_open = owner.is_some() || served.pools_hold(address);
        let Some(record) = self.table.get(address) else {
            return if is_open {
                Standing::Free
            } else {
                Standing::Taken
            };
        };
        // What is being written for it is about to be told; anything else of a pool that moved since ends here: an offer promises
        // nothing, and a lease is not renewed.
        let is_open = is_open || self.under_way_for(asker, address).is_some();
        match (record.lease.state, asker.holds(&self.config, record)) {
            (LeaseState::Idle, true) if is_open && record.lease.was_quarantined() => Standing::Free,
            (LeaseState::Active | LeaseState::Offered | LeaseState::Idle, true) if is_open => {
                Standing::Own
            }
            (LeaseState::Idle, false) if is_open => Standing::Free,
            (LeaseState::Offered | LeaseState::Active | LeaseState::Idle, _) => Standing::Taken,
            (LeaseState::Declined, _) => Standing::Taken,
        }
    }

    pub(super) fn is_open(&self, ask: &Ask<'_>, served: &Served, address: Ipv4Addr) -> bool {
        self.standing(&ask.asker, served, address) != Standing::Taken
    }

    /// The address to offer, with the scope that it lies in.
    pub(super) fn allocate<'a>(
        &mut self,
        ask: &Ask<'a>,
        wish: Option<Ipv4Addr>,
        out: &mut Vec<Action>,
    ) -> Option<(&'a Served, Ipv4Addr)> {
        let (config, asker, first) = (ask.config, &ask.asker, ask.served);
        let scopes: Few<&Served> = config.beside(first).collect();
        let at = |address: Ipv4Addr| {
            let mut scopes = scopes.iter().copied();
            scopes
                .find(|served| served.holds(address))
                .map(|served| (served, address))
        };
        let reserved = asker.host.and_then(|host| config.reservation(host));
        let reserved = reserved
            .iter()
            .flat_map(|reservation| &reservation.addresses);
        let reserved = reserved.copied().filter_map(at);
        let former = self.table.addresses_of(&asker.client).into_iter();
        let former: Few<_> = former.filter_map(at).collect();
        let own = former
            .iter()
            .copied()
            .filter(|(served, address)| self.standing(asker, served, *address) == Standing::Own);
        let own = own.min_by_key(|(_, address)| self.table.get(*address).map(precedence));
        let is_open = |(served, address): &(&Served, Ipv4Addr)| {
            self.standing(asker, served, *address) != Standing::Taken
        };
        // The scope that the client's packet came from counts before its neighbours.
        let mut declared: Few<_> = reserved.filter(is_open).collect();
        declared.sort_by_key(|(served, _)| served.subnet != first.subnet);
        let known = declared
            .into_iter()
            .next()
            .or(own)
            .or_else(|| wish.and_then(at).filter(is_open));
        if known.is_some() {
            return known;
        }
        let spared = former.iter().filter(|(_, address)| {
            let record = self.table.get(*address);
            record.is_some_and(|record| record.lease.was_quarantined())
        });
        let spared: Few<_> = spared.map(|(_, address)| *address).take(SPARED).collect();
        if let Some(found) = self.pooled(asker, &scopes, &spared) {
            return Some(found);
        }
        // What is over and not ended yet is free as well.
        self.expire(ask.now, out);
        self.pooled(asker, &scopes, &spared)
            .or_else(|| self.pooled(asker, &scopes, &[]))
            .or_else(|| self.given_way(ask, scopes.iter().copied()))
    }

    /// An address of any of the ranges, but none of `spared`.
    fn pooled<'a>(
        &mut self,
        asker: &Asker,
        scopes: &[&'a Served],
        spared: &[Ipv4Addr],
    ) -> Option<(&'a Served, Ipv4Addr)> {
        let mut scopes = scopes.iter().copied();
        scopes.find_map(|served| Some((served, self.pool_address(asker, served, spared)?)))
    }

    fn pool_address(
        &mut self,
        asker: &Asker,
        served: &Served,
        spared: &[Ipv4Addr],
    ) -> Option<Ipv4Addr> {
        if let Some(fresh) = self.never_used(asker, served) {
            return Some(fresh);
        }
        if let Some(idle) = self.longest_idle(served, spared) {
            return Some(idle);
        }
        let cursor = self.cursors.get_mut(&served.subnet)?;
        if !std::mem::take(&mut cursor.may_rewind) {
            return None;
        }
        *cursor = Cursor::default();
        self.never_used(asker, served)
    }

    /// Each address is passed once, so that the search costs nothing on average.
    fn never_used(&mut self, asker: &Asker, served: &Served) -> Option<Ipv4Addr> {
        let mut cursor = self.cursors.remove(&served.subnet).unwrap_or_default();
        let mut found = None;
        while found.is_none() && !cursor.at_end {
            let Some((next, end)) = served.pool_after(cursor.last) else {
                cursor.at_end = true;
                break;
            };
            let unknown = self.table.unknown(next, end);
            cursor.last = unknown.or(Some(end));
            found =
                unknown.filter(|address| self.standing(asker, served, *address) == Standing::Free);
        }
        self.cursors.insert(served.subnet, cursor);
        found
    }

    /// What a client had itself is found before.
    fn longest_idle(&self, served: &Served, spared: &[Ipv4Addr]) -> Option<Ipv4Addr> {
        let mut barred: Few<_> = served.barred().chain(spared.iter().copied()).collect();
        barred.sort_unstable();
        let pools = served.pools().iter();
        let oldest = pools
            .filter_map(|(first, last)| self.table.idle().oldest(*first, *last, &barred))
            .min()?;
        Some(oldest.1)
    }
}

/// In which order a client's own addresses count: its lease, what it was offered, what it had last.
fn precedence(record: &Record) -> (u8, Reverse<u64>) {
    let rank = match record.lease.state {
        LeaseState::Active => 0,
        LeaseState::Offered => 1,
        LeaseState::Idle | LeaseState::Declined => 2,
    };
    (rank, Reverse(record.lease.held_until))
}
