//! A lease, and how it lies in the store. Must not know of packets.

mod client;
mod codec;
mod known;

use std::net::Ipv4Addr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::name::DomainName;
use crate::base::vlan::VlanPath;
pub use client::{ClientKey, Hardware};
pub use codec::LeaseError;
pub use known::Known;
pub(super) use known::duid;

/// Leases of the one isolation domain that there is; never a VLAN's name, so that renaming one keeps its leases.
pub const PREFIX: &[u8] = b"lease/default/";

/// An address and who may use it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lease {
    pub address: Ipv4Addr,
    pub client: ClientKey,
    pub hardware: Hardware,
    pub state: LeaseState,
    /// Since when the address is in this state with this client, in seconds of the wall clock; 0 where that is not known.
    pub since: u64,
    /// When the client was told that its time ends, in seconds of the wall clock, or [`Lease::INFINITE`].
    pub expires: u64,
    /// Until when nobody else gets the address, promised on disk; for an idle lease, since when it is free.
    ///
    /// A little after `expires`, so that renewals within that time need no write.
    pub held_until: u64,
    /// The name in DNS, where the lease has one.
    pub name: Option<DomainName>,
    /// The VLAN that the client was in, for those who look at leases: a renamed one keeps its leases under the old name here.
    pub vlan: Option<Arc<VlanPath>>,
    /// What the relay agent said of the client, where one did.
    pub agent: Option<Box<Agent>>,
    /// What the site knew its client by, where nothing else here tells.
    pub known: Option<Box<Known>>,
}

/// What the address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeaseState {
    /// Offered, and held for a moment; never stored.
    Offered,
    Active,
    /// Free; its former client is preferred (RFC 2131 4.3.1).
    Idle,
    /// A client found it in use by another (RFC 2131 4.3.3).
    Declined,
}

/// Where a relay agent says that a client is (RFC 3046 3.1, 3.2); each as it came, and no longer than a suboption can be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Agent {
    /// Where the agent is (giaddr); unspecified where an older program stored the lease.
    pub relay: Ipv4Addr,
    /// The circuit that the client hangs on: often a switch's port.
    pub circuit: Box<[u8]>,
    /// The remote end of the circuit, or the agent itself.
    pub remote: Box<[u8]>,
}

impl Default for Agent {
    fn default() -> Self {
        Self {
            relay: Ipv4Addr::UNSPECIFIED,
            circuit: [].into(),
            remote: [].into(),
        }
    }
}

impl Agent {
    /// Whether it tells the same of the client. Of two agents that stand in for each other now one forwards a message, now the other.
    pub(super) fn says_as(&self, other: &Self) -> bool {
        (&self.circuit, &self.remote) == (&other.circuit, &other.remote)
    }
}

impl Lease {
    /// When a lease that never expires does (RFC 2131 3.3); also until when it is held.
    pub const INFINITE: u64 = u64::MAX;

    /// The key that this lease is stored under.
    pub fn key(&self) -> Vec<u8> {
        Self::key_of(self.address)
    }

    /// The key that the lease of an address is stored under.
    pub(in crate::serve::dhcp) fn key_of(address: Ipv4Addr) -> Vec<u8> {
        [PREFIX, &address.octets()].concat()
    }

    /// Its time is over: free since then.
    pub(super) fn become_idle(&mut self) {
        self.leave_quarantine();
        self.state = LeaseState::Idle;
        self.since = self.held_until;
        self.name = None;
    }

    /// Notes that a quarantine, where this is one, ends: somebody else may have the address still.
    pub(super) fn leave_quarantine(&mut self) {
        let is_found = matches!(self.known.as_deref(), Some(Known::Found(_)));
        if self.state == LeaseState::Declined && !is_found {
            self.known = Some(Box::new(Known::Declined));
        }
    }

    /// Whether the address was found in use and is free since: it is nobody's own before it was leased again.
    pub(super) fn was_quarantined(&self) -> bool {
        match self.known.as_deref() {
            Some(Known::Found(_) | Known::Declined) => self.state == LeaseState::Idle,
            Some(Known::By(_) | Known::Untold) | None => false,
        }
    }

    /// Whether the address is this client's for ever, unless it gives it back.
    pub fn is_infinite(&self) -> bool {
        self.expires == Self::INFINITE
    }
}
