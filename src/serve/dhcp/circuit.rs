//! Circuits of relay agents, and how many leases and offers there are behind each, so that one cannot have them all; what its clients
//! declined counts as well, so that one cannot put them all out of use. Part of the engine, and as pure.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::Ipv4Addr;

use super::ask::Ask;
use super::engine::Engine;
use super::lease::{Agent, LeaseState};
use super::outcome::Silence;
use super::record::Record;

/// A circuit of one relay agent, as a number: most sites have one for each machine. Whoever could make up two of one number could
/// as well say that it is the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Circuit(u64);

impl Circuit {
    pub(super) fn new(relay: Ipv4Addr, circuit: &[u8], remote: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        (relay, circuit, remote).hash(&mut hasher);
        Self(hasher.finish())
    }

    pub(super) fn of(agent: Option<&Agent>) -> Option<Self> {
        agent.map(|agent| Self::new(agent.relay, &agent.circuit, &agent.remote))
    }
}

/// How many leases, offers and declined addresses there are behind each circuit, reserved ones aside; kept where some VLAN bounds
/// them.
#[derive(Debug, Default)]
pub(super) struct Circuits(Option<HashMap<Circuit, u32>>);

impl Circuits {
    /// Counts from nothing, goes on, or stops.
    pub(super) fn set(&mut self, is_on: bool) {
        self.0 = is_on.then(|| self.0.take().unwrap_or_default());
    }

    pub(super) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn add_from(&mut self, record: Option<&Record>) {
        if let (Some(counts), Some(circuit)) = (&mut self.0, record.and_then(Record::counts_for)) {
            *counts.entry(circuit).or_default() += 1;
        }
    }

    pub(super) fn take_from(&mut self, record: Option<&Record>) {
        let (Some(counts), Some(circuit)) = (&mut self.0, record.and_then(Record::counts_for))
        else {
            return;
        };
        if let Some(count) = counts.get_mut(&circuit) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&circuit);
            }
        }
    }

    pub(super) fn count(&self, circuit: Circuit) -> u32 {
        let counts = self.0.as_ref();
        counts.map_or(0, |counts| counts.get(&circuit).copied().unwrap_or(0))
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> HashMap<Circuit, u32> {
        self.0.clone().unwrap_or_default()
    }
}

impl Engine {
    /// Why a client that has nothing here yet gets nothing: its circuit has as much as its VLAN lets it.
    pub(super) fn why_circuit_is_full(&self, ask: &Ask<'_>) -> Option<Silence> {
        let silence = self.why_full(ask)?;
        let own = self.table.addresses_of(&ask.asker.client);
        let near = |address: &&Ipv4Addr| ask.neighbour(**address).is_some();
        let has_one = own.iter().filter(near).any(|address| self.has(*address));
        let own = own.iter().filter_map(|address| self.table.get(*address));
        let declined = own.filter(|record| record.is_declined()).count();
        // Who finds its address in use has another in its place, once: its circuit may have one alone.
        (!has_one && declined != 1).then_some(silence)
    }

    /// The same where it would be granted `address`.
    pub(super) fn why_circuit_has_enough(
        &self,
        ask: &Ask<'_>,
        address: Ipv4Addr,
    ) -> Option<Silence> {
        self.why_full(ask).filter(|_| !self.has(address))
    }

    /// Whether `address`, which is this client's where it is anybody's, is leased or offered.
    fn has(&self, address: Ipv4Addr) -> bool {
        let record = self.table.get(address);
        record.is_some_and(|record| match record.lease.state {
            LeaseState::Offered | LeaseState::Active => true,
            LeaseState::Idle | LeaseState::Declined => false,
        })
    }

    fn why_full(&self, ask: &Ask<'_>) -> Option<Silence> {
        let most = ask.served.scope.policy.leases_per_circuit?;
        let host = ask.asker.host.and_then(|host| ask.config.reservation(host));
        let is_reserved = host.is_some_and(|host| !host.addresses.is_empty());
        let circuit = Circuit::of(ask.asker.agent.as_deref())?;
        let is_full = !is_reserved && self.table.behind(circuit) >= most;
        is_full.then_some(Silence::CircuitFull(most))
    }
}
