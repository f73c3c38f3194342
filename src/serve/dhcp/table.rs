//! All leases in memory: found at once by address or client, by time when something is due. Must not know of packets.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::circuit::{Circuit, Circuits};
use super::config::Config;
use super::engine::BatchId;
use super::giving::Offers;
use super::lease::{ClientKey, Hardware, Lease, LeaseState};
use super::quarantine::Quarantine;
use super::records::Records;
use super::usage::Usage;
use crate::base::addr::Prefix;
use crate::base::index::{AddressIndex, Addresses};

/// A lease as far as it is promised, and the write under way that would change it.
#[derive(Debug)]
pub(super) struct Record {
    pub lease: Lease,
    pub pending: Option<BatchId>,
    /// Until when the client may count on it: as it was told last, as long as the disk says where that is not known.
    pub promised: u64,
    /// The circuit that its client is behind.
    circuit: Option<Circuit>,
    /// Whether it was reserved for nobody.
    is_open: bool,
    /// Its number among the offers that are listed; 0 for none of them.
    listed: u64,
}

impl Record {
    /// Whether its time is over at `now`, noted or not; not while a write is under way that may change that.
    pub(super) fn is_over(&self, now: u64) -> bool {
        let ends = match self.lease.state {
            LeaseState::Offered | LeaseState::Active | LeaseState::Declined => true,
            LeaseState::Idle => false,
        };
        ends && self.pending.is_none() && self.lease.held_until <= now
    }

    /// The circuit that it counts for.
    pub(super) fn counts_for(&self) -> Option<Circuit> {
        let counts = match self.lease.state {
            LeaseState::Offered | LeaseState::Active => true,
            LeaseState::Idle => false,
            LeaseState::Declined => self.is_declined(),
        };
        self.circuit.filter(|_| counts && self.is_open)
    }

    /// The lease as it stands at `now`.
    pub(super) fn at(&self, now: u64) -> Lease {
        let mut lease = self.lease.clone();
        if self.is_over(now) {
            lease.become_idle();
        }
        lease
    }
}

/// Addresses in the order of a time; as numbers, which compare faster than octets.
type Timed = BTreeSet<(u64, u32)>;

#[derive(Debug, Default)]
pub(super) struct Table {
    records: Records<Record>,
    /// How many of them are active.
    leased: usize,
    clients: AddressIndex,
    /// By hardware address, for those who ask about a machine, whatever it calls itself.
    hardware: AddressIndex,
    /// When leases, offers and quarantines end.
    due: Timed,
    /// Free addresses that had a client, least recently used first, by subnet.
    idle: BTreeMap<Prefix, Timed>,
    subnets: Vec<Prefix>,
    pub(super) usage: Usage,
    circuits: Circuits,
    offers: Offers,
    pub(super) quarantine: Quarantine,
    /// How many offers were listed.
    listed: u64,
    /// Whose addresses are.
    config: Arc<Config>,
}

impl Table {
    pub(super) fn get(&self, address: Ipv4Addr) -> Option<&Record> {
        self.records.get(address)
    }

    /// A client has one address at most in each subnet, so these are few; in their order.
    pub(super) fn addresses_of(&self, client: &ClientKey) -> Addresses {
        self.clients.of(client, client_in(&self.records))
    }

    /// The records of a hardware address.
    pub(super) fn of_hardware(&self, hardware: Hardware) -> impl Iterator<Item = &Record> {
        let own = self.hardware.of(&hardware, hardware_in(&self.records));
        own.into_iter()
            .filter_map(|address| self.records.get(address))
    }

    /// The records from `first` on, in the order of their addresses.
    pub(super) fn from(&self, first: Ipv4Addr) -> impl Iterator<Item = &Record> {
        self.records.from(first)
    }

    pub(super) fn leased(&self) -> usize {
        self.leased
    }

    /// Makes room for as many more.
    pub(super) fn reserve(&mut self, count: usize) {
        self.clients.reserve(count);
        self.hardware.reserve(count);
    }

    /// Writes a lease over whatever its address was; nothing is pending for it any more.
    pub(super) fn put(&mut self, lease: Lease) {
        let (address, state, time) = (lease.address, lease.state, lease.held_until);
        let same_client =
            |old: &Record| old.lease.client == lease.client && old.lease.hardware == lease.hardware;
        let is_known = self.records.get(address).is_some_and(same_client);
        if is_known {
            self.unindex_time(address);
        } else {
            self.remove(address);
        }
        self.index_time(address, state, time);
        let record = Record {
            circuit: Circuit::of(lease.agent.as_deref()),
            is_open: self.config.owner(address).is_none(),
            lease,
            pending: None,
            promised: time,
            listed: 0,
        };
        self.circuits.add_from(Some(&record));
        if record.is_declined() && record.is_open {
            self.quarantine.add(self.subnet_of(address), &record.lease);
        }
        if !is_known {
            self.clients.insert(&record.lease.client, address);
            self.hardware.insert(&record.lease.hardware, address);
        }
        self.records.insert(address, record);
        self.index_offer(address);
    }

    pub(super) fn remove(&mut self, address: Ipv4Addr) {
        self.unindex_time(address);
        let Some(old) = self.records.remove(address) else {
            return;
        };
        self.hardware.remove(&old.lease.hardware, address);
        self.clients.remove(&old.lease.client, address);
    }

    /// Marks or clears the write under way.
    pub(super) fn set_pending(&mut self, address: Ipv4Addr, pending: Option<BatchId>) {
        self.unindex_offer(address);
        if let Some(record) = self.records.get_mut(address) {
            record.pending = pending;
        }
        self.index_offer(address);
    }

    /// Notes what the client is told now, within what is on disk already.
    pub(super) fn renew(&mut self, address: Ipv4Addr, expires: u64) {
        if let Some(record) = self.records.get_mut(address) {
            (record.lease.expires, record.promised) = (expires, expires);
        }
    }

    pub(super) fn is_due(&self, now: u64) -> bool {
        self.due.first().is_some_and(|(time, _)| *time <= now)
    }

    /// Takes out the next address whose time has come; it must be put back or postponed.
    pub(super) fn next_due(&mut self, now: u64) -> Option<Ipv4Addr> {
        let (time, address) = *self.due.first()?;
        if time > now {
            return None;
        }
        self.due.pop_first();
        Some(address.into())
    }

    /// Looks at an address again at `time`, for one whose write is under way.
    pub(super) fn postpone(&mut self, address: Ipv4Addr, time: u64) {
        if let Some(record) = self.records.get_mut(address) {
            record.lease.held_until = time;
            self.due.insert((time, address.to_bits()));
        }
    }

    /// Free addresses of a subnet that had a client, least recently used first.
    pub(super) fn idle_in(&self, subnet: Prefix) -> impl Iterator<Item = Ipv4Addr> {
        let idle = self.idle.get(&subnet).into_iter().flatten();
        idle.map(|(_, address)| Ipv4Addr::from(*address))
    }

    /// Sorts free addresses under new subnets; looks at those alone that were not there before.
    pub(super) fn set_subnets(&mut self, subnets: Vec<Prefix>) {
        let is_in = |list: &[Prefix], subnet: &Prefix| list.binary_search(subnet).is_ok();
        self.idle.retain(|subnet, _| is_in(&subnets, subnet));
        let new = subnets
            .iter()
            .filter(|subnet| !is_in(&self.subnets, subnet));
        for subnet in new {
            let free = free_in(&self.records, *subnet).collect();
            self.idle.insert(*subnet, free);
        }
        if self.subnets != subnets {
            self.subnets = subnets;
            let mut offers = std::mem::take(&mut self.offers);
            offers.sort(|address| self.subnet_of(address));
            self.offers = offers;
            let mut quarantine = std::mem::take(&mut self.quarantine);
            quarantine.sort(|address| self.subnet_of(address));
            self.quarantine = quarantine;
        }
    }

    /// Takes the ranges of a new configuration; looks at those alone that were not there before.
    pub(super) fn set_pools(&mut self, config: &Arc<Config>) {
        let records = &self.records;
        self.usage.set(config, |first, last| {
            let within = records.from(first);
            let within = within.take_while(|record| record.lease.address <= last);
            let used = within.filter(|record| is_used(record.lease.state));
            u64::try_from(used.count()).unwrap_or(u64::MAX)
        });
        let before = std::mem::replace(&mut self.config, Arc::clone(config));
        self.count_circuits(&before);
    }

    /// Counts what is behind each circuit, where some VLAN bounds it: all of it when that begins, later what is reserved now and was
    /// not, or the other way about.
    fn count_circuits(&mut self, before: &Config) {
        let mut scopes = self.config.scopes();
        let is_bounded = scopes.any(|served| served.scope.policy.leases_per_circuit.is_some());
        let changed: Vec<Ipv4Addr> = match (is_bounded, self.circuits.is_on()) {
            (false, _) => Vec::new(),
            (true, false) => self.from(Ipv4Addr::UNSPECIFIED).map(at).collect(),
            (true, true) => self.config.owned_otherwise(before).collect(),
        };
        for address in &changed {
            self.circuits.take_from(self.records.get(*address));
        }
        self.circuits.set(is_bounded);
        for address in changed {
            let is_open = self.config.owner(address).is_none();
            if let Some(record) = self.records.get_mut(address) {
                record.is_open = is_open;
                self.circuits.add_from(Some(record));
            }
        }
    }

    pub(super) fn offers(&self) -> &Offers {
        &self.offers
    }

    /// How many leases and offers there are behind a circuit, where some VLAN bounds them.
    pub(super) fn behind(&self, circuit: Circuit) -> u32 {
        self.circuits.count(circuit)
    }

    fn index_time(&mut self, address: Ipv4Addr, state: LeaseState, time: u64) {
        match state {
            LeaseState::Offered | LeaseState::Active | LeaseState::Declined => {
                self.leased += usize::from(state == LeaseState::Active);
                self.due.insert((time, address.to_bits()));
                if is_used(state) {
                    self.usage.note(address, true);
                }
            }
            LeaseState::Idle => {
                if let Some(subnet) = self.subnet_of(address) {
                    let idle = self.idle.entry(subnet).or_default();
                    idle.insert((time, address.to_bits()));
                }
            }
        }
    }

    fn unindex_time(&mut self, address: Ipv4Addr) {
        let Some(record) = self.records.get(address) else {
            return;
        };
        self.circuits.take_from(Some(record));
        self.unindex_offer(address);
        let Some(record) = self.records.get(address) else {
            return;
        };
        if record.is_declined() {
            self.quarantine.take(self.subnet_of(address), &record.lease);
        }
        let entry = (record.lease.held_until, address.to_bits());
        match record.lease.state {
            LeaseState::Offered | LeaseState::Active | LeaseState::Declined => {
                self.leased -= usize::from(record.lease.state == LeaseState::Active);
                self.due.remove(&entry);
                if is_used(record.lease.state) {
                    self.usage.note(address, false);
                }
            }
            LeaseState::Idle => {
                if let Some(subnet) = self.subnet_of(address)
                    && let Some(idle) = self.idle.get_mut(&subnet)
                {
                    idle.remove(&entry);
                }
            }
        }
    }

    /// Lists an offer that may give way to others; what is being written may not.
    fn index_offer(&mut self, address: Ipv4Addr) {
        let record = self.records.get(address).filter(|record| {
            let is_free = record.pending.is_none() && record.is_open;
            is_free && record.lease.state == LeaseState::Offered
        });
        if record.is_none() {
            return;
        }
        let subnet = self.subnet_of(address);
        if let Some(record) = self.records.get_mut(address) {
            self.listed += 1;
            record.listed = self.listed;
            let offer = (record.listed, address.to_bits());
            self.offers.add(subnet, record.circuit, offer);
        }
    }

    fn unindex_offer(&mut self, address: Ipv4Addr) {
        let record = self.records.get_mut(address);
        let Some(record) = record.filter(|record| record.listed > 0) else {
            return;
        };
        let offer = (std::mem::take(&mut record.listed), address.to_bits());
        let circuit = record.circuit;
        let subnet = self.subnet_of(address);
        self.offers.take(subnet, circuit, offer);
    }

    /// The subnet that holds `address`; subnets are sorted and do not overlap.
    fn subnet_of(&self, address: Ipv4Addr) -> Option<Prefix> {
        let address = IpAddr::V4(address);
        let after = self
            .subnets
            .partition_point(|subnet| subnet.net().network() <= address);
        let subnet = self.subnets.get(after.checked_sub(1)?)?;
        subnet.contains(address).then_some(*subnet)
    }
}

fn client_in<'r>(
    records: &'r Records<Record>,
) -> impl Fn(Ipv4Addr) -> Option<&'r ClientKey> + use<'r> {
    |address| Some(&records.get(address)?.lease.client)
}

fn hardware_in<'r>(
    records: &'r Records<Record>,
) -> impl Fn(Ipv4Addr) -> Option<&'r Hardware> + use<'r> {
    |address| Some(&records.get(address)?.lease.hardware)
}

fn at(record: &Record) -> Ipv4Addr {
    record.lease.address
}

/// Whether an address in this state is nobody else's for longer than a moment.
fn is_used(state: LeaseState) -> bool {
    match state {
        LeaseState::Active | LeaseState::Declined => true,
        LeaseState::Offered | LeaseState::Idle => false,
    }
}

/// The free addresses of a subnet, with the time since when they are.
fn free_in(records: &Records<Record>, subnet: Prefix) -> impl Iterator<Item = (u64, u32)> {
    let first = match subnet.net().network() {
        IpAddr::V4(first) => first,
        IpAddr::V6(_) => Ipv4Addr::BROADCAST,
    };
    let within = records.from(first).map(|record| &record.lease);
    let within = within.take_while(move |lease| subnet.contains(IpAddr::V4(lease.address)));
    within
        .filter(|lease| lease.state == LeaseState::Idle)
        .map(|lease| (lease.held_until, lease.address.to_bits()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::base::mac::MacAddr;
    use crate::serve::dhcp::lease::Agent;
    use proptest::prelude::*;

    fn lease(address: u8, client: u8, state: LeaseState, time: u64) -> Lease {
        let hardware = MacAddr([2, 0, 0, 0, 0, client]).into();
        Lease {
            address: Ipv4Addr::new(10, 0, 0, address),
            client: ClientKey::of_hardware(hardware),
            hardware,
            state,
            since: 0,
            expires: time,
            held_until: time,
            name: None,
            vlan: None,
            known: None,
            agent: (client > 0).then(|| {
                let circuit = [client / 2].into();
                Box::new(Agent {
                    circuit,
                    ..Agent::default()
                })
            }),
        }
    }

    proptest! {
        /// Whatever is put and removed, the indexes say what the records say.
        #[test]
        fn indexes_agree_with_records(
            steps in prop::collection::vec((0u8..6, 0u8..4, 0u8..6, 0u64..9), 1..60)
        ) {
            let mut table = Table::default();
            table.circuits.set(true);
            table.set_subnets(vec!["10.0.0.0/24".parse().unwrap()]);
            for (address, client, action, time) in steps {
                let state = match action {
                    0 => LeaseState::Offered,
                    1 => LeaseState::Active,
                    2 => LeaseState::Idle,
                    3 => LeaseState::Declined,
                    4 => {
                        // Other subnets, and the same again: nothing is lost.
                        table.set_subnets(vec!["10.0.0.0/30".parse().unwrap()]);
                        table.set_subnets(vec!["10.0.0.0/24".parse().unwrap()]);
                        continue;
                    }
                    _ => {
                        table.remove(Ipv4Addr::new(10, 0, 0, address));
                        continue;
                    }
                };
                table.put(lease(address, client, state, time));
            }
            let leases: Vec<_> =
                table.from(Ipv4Addr::UNSPECIFIED).map(|record| &record.lease).collect();
            let active = |lease: &&&Lease| lease.state == LeaseState::Active;
            prop_assert_eq!(table.leased(), leases.iter().filter(active).count());
            let idle = |lease: &&&Lease| lease.state == LeaseState::Idle;
            let timed = leases.iter().filter(|lease| !idle(lease)).count();
            prop_assert_eq!(table.due.len(), timed);
            let in_order: Vec<_> = table.idle.values().flatten().copied().collect();
            let mut expected: Vec<_> =
                leases.iter().filter(idle).map(|lease| (lease.held_until, lease.address.to_bits())).collect();
            expected.sort_unstable();
            prop_assert_eq!(in_order, expected);
            let mut behind = HashMap::new();
            for circuit in table.from(Ipv4Addr::UNSPECIFIED).filter_map(Record::counts_for) {
                *behind.entry(circuit).or_default() += 1;
            }
            prop_assert_eq!(table.circuits.all(), behind);
            let declined = leases.iter().filter(|lease| lease.state == LeaseState::Declined);
            let declined = declined.map(|lease| (table.subnet_of(lease.address), lease.address));
            prop_assert_eq!(table.quarantine.all(), declined.collect());
            let offered = leases.iter().filter(|lease| lease.state == LeaseState::Offered);
            prop_assert_eq!(table.offers.count(), offered.count());
            prop_assert_eq!(table.clients.len(), leases.len());
            prop_assert_eq!(table.hardware.len(), leases.len());
            for lease in leases {
                prop_assert!(table.addresses_of(&lease.client).contains(&lease.address));
                let mut own = table.of_hardware(lease.hardware);
                prop_assert!(own.any(|record| record.lease.address == lease.address));
            }
        }
    }
}
