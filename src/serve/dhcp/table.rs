//! All leases in memory: found at once by address or client, by time when something is due. Must not know of packets.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::circuit::{Circuit, Circuits};
use super::config::Config;
use super::engine::BatchId;
use super::giving::Offers;
use super::holders::Holders;
use super::idle::Idle;
use super::lease::{ClientKey, Hardware, Lease, LeaseState};
use super::quarantine::Quarantine;
use super::record::Record;
use super::records::Records;
use super::usage::Usage;
use crate::base::addr::Prefix;
use crate::base::index::Addresses;

/// Addresses in the order of a time; as numbers, which compare faster than octets.
type Timed = BTreeSet<(u64, u32)>;

#[derive(Debug, Default)]
pub(super) struct Table {
    records: Records<Record>,
    /// How many of them are active.
    leased: usize,
    holders: Holders,
    /// When leases, offers and quarantines end.
    due: Timed,
    /// Free addresses that had a client and are reserved for nobody.
    idle: Idle,
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

    /// What a client has, and some of what it had or declined: few, whatever it does. In their order.
    pub(super) fn addresses_of(&self, client: &ClientKey) -> Addresses {
        self.holders.of_client(client, &self.records)
    }

    /// The records of a hardware address.
    pub(super) fn of_hardware(&self, hardware: Hardware) -> impl Iterator<Item = &Record> {
        let own = self.holders.of_hardware(hardware, &self.records);
        own.into_iter()
            .filter_map(|address| self.records.get(address))
    }

    /// The records from `first` on, in the order of their addresses.
    pub(super) fn from(&self, first: Ipv4Addr) -> impl Iterator<Item = &Record> {
        self.records.from(first)
    }

    /// The first address from `first` to `last` that has no record.
    pub(super) fn unknown(&self, first: Ipv4Addr, last: Ipv4Addr) -> Option<Ipv4Addr> {
        self.records.gap(first, last)
    }

    pub(super) fn leased(&self) -> usize {
        self.leased
    }

    /// Makes room for as many more.
    pub(super) fn reserve(&mut self, count: usize) {
        self.holders.reserve(count);
    }

    /// Writes a lease over whatever its address was; nothing is pending for it any more.
    pub(super) fn put(&mut self, lease: Lease) {
        let address = lease.address;
        let same_client = |old: &&Record| {
            old.lease.client == lease.client && old.lease.hardware == lease.hardware
        };
        let before = self.records.get(address).filter(same_client);
        let is_found = if let Some(before) = before {
            let was_found = before.is_found;
            self.unindex_time(address);
            self.holders.list(&lease, was_found, &self.records)
        } else {
            self.remove(address);
            self.holders.insert(&lease, &self.records)
        };
        self.write(lease, is_found);
    }

    /// Writes many leases that clients have, in the order of their addresses, each over whatever its own was: quicker than one by one.
    pub(super) fn fill(&mut self, leases: Vec<Lease>) {
        for lease in &leases {
            self.remove(lease.address);
        }
        debug_assert!(leases.is_sorted_by(|a, b| a.address < b.address));
        self.holders.extend(leases.iter());
        for lease in leases {
            self.write(lease, true);
        }
    }

    /// Writes a lease whose address is its holder's already, and has no times.
    fn write(&mut self, lease: Lease, is_found: bool) {
        let (address, state, time) = (lease.address, lease.state, lease.held_until);
        let is_open = self.config.owner(address).is_none();
        self.index_time((address, is_open), state, time);
        let record = Record {
            circuit: Circuit::of(lease.agent.as_deref()),
            is_open,
            lease,
            pending: None,
            may_differ: false,
            is_found,
            listed: 0,
        };
        self.circuits.add_from(Some(&record));
        if record.is_out_of_use() {
            self.quarantine.add(self.subnet_of(address), &record.lease);
        }
        self.records.insert(address, record);
        self.index_offer(address);
    }

    pub(super) fn remove(&mut self, address: Ipv4Addr) {
        self.unindex_time(address);
        let Some(old) = self.records.remove(address) else {
            return;
        };
        self.holders.remove(&old);
    }

    /// Marks or clears the write under way. One that it follows happens all the same.
    pub(super) fn set_pending(&mut self, address: Ipv4Addr, pending: Option<BatchId>) {
        self.unindex_offer(address);
        if let Some(record) = self.records.get_mut(address) {
            record.may_differ |= pending.is_some() && record.pending.is_some();
            record.pending = pending;
            // Its time may have come meanwhile.
            if pending.is_none() && record.ends() {
                self.due
                    .insert((record.lease.held_until, address.to_bits()));
            }
        }
        self.index_offer(address);
    }

    /// Notes what the client is told now, within what is on disk already; tells whether that is another end than before.
    pub(super) fn renew(&mut self, address: Ipv4Addr, expires: u64) -> bool {
        let Some(record) = self.records.get_mut(address) else {
            return false;
        };
        std::mem::replace(&mut record.lease.expires, expires) != expires
    }

    pub(super) fn is_due(&self, now: u64) -> bool {
        self.first_due().is_some_and(|time| time <= now)
    }

    /// When the next thing is due.
    pub(super) fn first_due(&self) -> Option<u64> {
        self.due.first().map(|(time, _)| *time)
    }

    /// Takes out the next address whose time has come: it must be put anew, or wait for a write that is under way.
    pub(super) fn next_due(&mut self, now: u64) -> Option<Ipv4Addr> {
        let (time, address) = *self.due.first()?;
        if time > now {
            return None;
        }
        self.due.pop_first();
        Some(address.into())
    }

    /// Free addresses that had a client and are reserved for nobody.
    pub(super) fn idle(&self) -> &Idle {
        &self.idle
    }

    /// Sorts what is out of use under new subnets.
    pub(super) fn set_subnets(&mut self, subnets: Vec<Prefix>) {
        if self.subnets != subnets {
            self.subnets = subnets;
            let mut quarantine = std::mem::take(&mut self.quarantine);
            quarantine.sort(|address| self.subnet_of(address));
            self.quarantine = quarantine;
        }
    }

    /// Takes the ranges and reservations of a new configuration; looks at those alone that were not there before, or are no more.
    pub(super) fn set_pools(&mut self, config: &Arc<Config>) {
        let records = &self.records;
        self.usage.set(config, |first, last| {
            let within = records.from(first);
            let within = within.take_while(|record| record.lease.address <= last);
            let used = within.filter(|record| is_used(record.lease.state));
            u64::try_from(used.count()).unwrap_or(u64::MAX)
        });
        let before = std::mem::replace(&mut self.config, Arc::clone(config));
        if !config.has_ranges_of(&before) {
            let mut offers = std::mem::take(&mut self.offers);
            offers.sort(|address| config.range_of(address));
            self.offers = offers;
        }
        for address in config.owned_otherwise(&before) {
            self.set_open(address, config.owner(address).is_none());
        }
        let mut scopes = config.scopes();
        self.count_circuits(scopes.any(|own| own.scope.policy.leases_per_circuit.is_some()));
    }

    /// Notes that an address is reserved for nobody, or no longer so.
    fn set_open(&mut self, address: Ipv4Addr, is_open: bool) {
        self.circuits.take_from(self.records.get(address));
        self.unindex_offer(address);
        let subnet = self.subnet_of(address);
        let Some(record) = self.records.get_mut(address) else {
            return;
        };
        if record.is_out_of_use() {
            self.quarantine.take(subnet, &record.lease);
        }
        record.is_open = is_open;
        if record.is_out_of_use() {
            self.quarantine.add(subnet, &record.lease);
        }
        match (record.lease.state, is_open) {
            (LeaseState::Idle, true) => self.idle.insert(address, record.lease.held_until),
            (LeaseState::Idle, false) => self.idle.remove(address),
            (LeaseState::Offered | LeaseState::Active | LeaseState::Declined, _) => {}
        }
        self.circuits.add_from(Some(record));
        self.index_offer(address);
    }

    /// Counts what is behind each circuit, where some VLAN bounds it: all of it when that begins, later as it comes and goes.
    fn count_circuits(&mut self, is_bounded: bool) {
        let begins = is_bounded && !self.circuits.is_on();
        self.circuits.set(is_bounded);
        let all = begins.then(|| self.records.from(Ipv4Addr::UNSPECIFIED));
        for record in all.into_iter().flatten() {
            self.circuits.add_from(Some(record));
        }
    }

    pub(super) fn offers(&self) -> &Offers {
        &self.offers
    }

    /// How many leases and offers there are behind a circuit, where some VLAN bounds them.
    pub(super) fn behind(&self, circuit: Circuit) -> u32 {
        self.circuits.count(circuit)
    }

    fn index_time(&mut self, (address, is_open): (Ipv4Addr, bool), state: LeaseState, time: u64) {
        match state {
            LeaseState::Offered | LeaseState::Active | LeaseState::Declined => {
                self.leased += usize::from(state == LeaseState::Active);
                self.due.insert((time, address.to_bits()));
                if is_used(state) {
                    self.usage.note(address, true);
                }
            }
            LeaseState::Idle if is_open => self.idle.insert(address, time),
            LeaseState::Idle => {}
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
        self.quarantine.take(self.subnet_of(address), &record.lease);
        let entry = (record.lease.held_until, address.to_bits());
        match record.lease.state {
            LeaseState::Offered | LeaseState::Active | LeaseState::Declined => {
                self.leased -= usize::from(record.lease.state == LeaseState::Active);
                self.due.remove(&entry);
                if is_used(record.lease.state) {
                    self.usage.note(address, false);
                }
            }
            LeaseState::Idle => self.idle.remove(address),
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
        let subnet = self.config.range_of(address);
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
        let subnet = self.config.range_of(address);
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

/// Whether an address in this state is nobody else's for longer than a moment.
fn is_used(state: LeaseState) -> bool {
    match state {
        LeaseState::Active | LeaseState::Declined => true,
        LeaseState::Offered | LeaseState::Idle => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::ops::Range;

    use super::super::holders::HAD;
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

    /// A site that gives these addresses to a host, and bounds what is behind a circuit.
    fn reserving(addresses: Range<u8>) -> Arc<Config> {
        let addresses = addresses.map(|address| Ipv4Addr::new(10, 0, 0, address));
        let state = serde_json::json!({
            "vlan/plant/pxe/scope/10.0.0.0/24": { "scope": {
                "server": "10.0.0.1", "pools": [], "lease_time": "10m", "domain": "example",
                "options": {}, "image": null, "policy": { "leases-per-circuit": 9 }
            } },
            "vlan/plant/pxe/reservation/02:00:00:00:00:99": { "reservation": {
                "host": "node", "addresses": addresses.collect::<Vec<_>>(), "image": null
            } }
        });
        Arc::new(Config::from_state(&serde_json::from_value(state).unwrap()))
    }

    /// However many addresses a client had and declined, it has what it has, and few others are found by it.
    #[test]
    fn what_a_client_had_is_bounded() {
        let mut table = Table::default();
        for round in 0..3 {
            for number in 0..=u8::MAX {
                for state in [LeaseState::Active, LeaseState::Declined, LeaseState::Idle] {
                    let lease = lease(number, 7, state, 9);
                    table.put(lease.clone());
                    let own = table.addresses_of(&lease.client);
                    let has = own.contains(&lease.address) || state != LeaseState::Active;
                    assert!(has && own.len() <= HAD + 1, "{round} {number} {state:?}");
                }
            }
        }
        for number in 0..=u8::MAX {
            table.remove(Ipv4Addr::new(10, 0, 0, number));
        }
        assert_eq!(table.holders.counts(), [0, 0]);
    }

    proptest! {
        /// Whatever is put and removed, the indexes say what the records say.
        #[test]
        fn indexes_agree_with_records(
            steps in prop::collection::vec((0u8..6, 0u8..4, 0u8..7, 0u64..9), 1..60)
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
                        table.set_pools(&reserving(address..address + client));
                        continue;
                    }
                    5 => {
                        // Over what is there: the same client's, another's, or nothing.
                        let state = [LeaseState::Active, LeaseState::Offered][usize::from(time > 4)];
                        let filled = (address..address + client).map(|own| lease(own, own % 3, state, time));
                        table.fill(filled.collect());
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
            let is_open = |lease: &&Lease| table.config.owner(lease.address).is_none();
            let free = leases.iter().filter(idle).copied().filter(is_open);
            let mut expected: Vec<_> = free.map(|lease| (lease.held_until, lease.address)).collect();
            expected.sort_unstable();
            prop_assert_eq!(table.idle.all(), expected);
            let mut behind = HashMap::new();
            for circuit in table.from(Ipv4Addr::UNSPECIFIED).filter_map(Record::counts_for) {
                *behind.entry(circuit).or_default() += 1;
            }
            prop_assert_eq!(table.circuits.all(), behind);
            let declined = leases.iter().filter(|lease| lease.state == LeaseState::Declined);
            let declined = declined.copied().filter(is_open).map(|lease| (table.subnet_of(lease.address), lease.address));
            prop_assert_eq!(table.quarantine.all(), declined.collect());
            let offered = leases.iter().copied().filter(|lease| lease.state == LeaseState::Offered);
            prop_assert_eq!(table.offers.count(), offered.filter(is_open).count());
            prop_assert_eq!(table.holders.counts(), [leases.len(); 2]);
            for lease in leases {
                prop_assert!(table.addresses_of(&lease.client).contains(&lease.address));
                let mut own = table.of_hardware(lease.hardware);
                prop_assert!(own.any(|record| record.lease.address == lease.address));
            }
        }
    }
}
