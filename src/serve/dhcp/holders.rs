//! Whose addresses are: found by client and by hardware address. Must not know when anything ends.

use super::lease::{ClientKey, Hardware, Lease, LeaseState};
use super::record::Record;
use super::records::Records;
use crate::base::index::{AddressIndex, Addresses};

/// How many addresses that a client had or declined are found by it: they are looked at with each of its messages.
pub(super) const HAD: usize = 64;

/// Addresses by who is known with them; the records themselves say who that is.
#[derive(Debug, Default)]
pub(super) struct Holders {
    clients: AddressIndex,
    /// By hardware address, for those who ask about a machine, whatever it calls itself.
    hardware: AddressIndex,
}

impl Holders {
    /// Makes room for as many more.
    pub(super) fn reserve(&mut self, count: usize) {
        self.clients.reserve(count);
        self.hardware.reserve(count);
    }

    /// What a client has, and some of what it had or declined: few, whatever it does. In their order.
    pub(super) fn of_client(&self, client: &ClientKey, records: &Records<Record>) -> Addresses {
        let client_of = |address| Some(&records.get(address)?.lease.client);
        self.clients.of(client, client_of)
    }

    /// What is known of a hardware address, in the order of addresses.
    pub(super) fn of_hardware(&self, hardware: Hardware, records: &Records<Record>) -> Addresses {
        let hardware_of = |address| Some(&records.get(address)?.lease.hardware);
        self.hardware.of(&hardware, hardware_of)
    }

    /// Notes whose an address is that was nobody's; tells whether it is found by its client.
    pub(super) fn insert(&mut self, lease: &Lease, records: &Records<Record>) -> bool {
        self.hardware.insert(&lease.hardware, lease.address);
        self.list(lease, false, records)
    }

    /// Notes whose many addresses are that were nobody's, all found by their clients.
    pub(super) fn extend<'l>(&mut self, leases: impl Iterator<Item = &'l Lease> + Clone) {
        let hardware = leases.clone().map(|own| (&own.hardware, own.address));
        self.hardware.extend(hardware);
        self.clients
            .extend(leases.map(|own| (&own.client, own.address)));
    }

    pub(super) fn remove(&mut self, old: &Record) {
        let Lease {
            address,
            client,
            hardware,
            ..
        } = &old.lease;
        self.hardware.remove(hardware, *address);
        if old.is_found {
            self.clients.remove(client, *address);
        }
    }

    /// Lists an address under its client, or takes it off, before its lease is put; `was_found` tells whether it was listed.
    /// Tells whether it is.
    pub(super) fn list(
        &mut self,
        lease: &Lease,
        was_found: bool,
        records: &Records<Record>,
    ) -> bool {
        let (client, address) = (&lease.client, lease.address);
        let is_found =
            is_held(lease) || self.of_client(client, records).len() < HAD + usize::from(was_found);
        match (was_found, is_found) {
            (false, true) => self.clients.insert(client, address),
            (true, false) => self.clients.remove(client, address),
            (false, false) | (true, true) => {}
        }
        is_found
    }

    /// How many addresses are found by clients, and how many by hardware addresses.
    #[cfg(test)]
    pub(super) fn counts(&self) -> [usize; 2] {
        [self.clients.len(), self.hardware.len()]
    }
}

/// Whether a client has the address now, rather than had or declined it.
fn is_held(lease: &Lease) -> bool {
    match lease.state {
        LeaseState::Offered | LeaseState::Active => true,
        LeaseState::Idle | LeaseState::Declined => false,
    }
}
