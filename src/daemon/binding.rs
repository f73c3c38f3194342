//! Which client is bound to which address, as those are told who guard a network by it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use super::lease::hex;
use crate::base::addr::Prefix;
use crate::base::name::LinkName;
use crate::base::vlan::VlanPath;
use crate::serve::dhcp::{Config, Event, Lease, LeaseState, Told};
use crate::state::Listener;

/// One line of the stream of bindings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "binding", rename_all = "kebab-case")]
pub enum BindingChange {
    /// The client has the address from now on, or until another time than was told before.
    Bound(BindingRow),
    /// It has it no longer.
    Unbound(BindingRow),
    /// All that there were are told; what follows are changes.
    Complete { count: u64 },
    /// Whoever reads was too slow, and what is told is not all: this is the end.
    Lost { count: u64 },
}

/// A client and its address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindingRow {
    pub address: Ipv4Addr,
    /// The client's hardware address.
    pub hardware: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    pub vlan: Option<VlanPath>,
    /// The link of this controller that leads to it.
    pub link: Option<LinkName>,
    /// Where its relay agent says that it is (option 82), in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circuit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<String>,
    /// When that ends, in seconds since 1970-01-01 UTC; nothing where it never does.
    pub expires: Option<u64>,
}

/// Which of our links leads to a subnet.
pub(super) struct Links(BTreeMap<Prefix, LinkName>);

impl Links {
    pub(super) fn new(config: &Config, listening: &BTreeMap<IpAddr, Listener>) -> Self {
        let served = config.served();
        let links = served.filter_map(|served| {
            let listener = listening.get(&IpAddr::V4(served.server))?;
            Some((served.subnet, listener.link.clone()))
        });
        Self(links.collect())
    }

    fn towards(&self, address: Ipv4Addr) -> Option<&LinkName> {
        let address = IpAddr::V4(address);
        let mut own = self.0.iter();
        let found = own.find(|(subnet, _)| subnet.contains(address));
        found.map(|(_, link)| link)
    }
}

impl BindingRow {
    pub(super) fn of(lease: &Lease, links: &Links) -> Self {
        let agent = lease.agent.as_deref();
        let told = |bytes: &[u8]| (!bytes.is_empty()).then(|| hex(bytes));
        Self {
            address: lease.address,
            hardware: lease.hardware.to_string(),
            client_id: lease.client.id().map(hex),
            vlan: lease.vlan.as_deref().cloned(),
            link: links.towards(lease.address).cloned(),
            circuit: agent.and_then(|agent| told(&agent.circuit)),
            remote: agent.and_then(|agent| told(&agent.remote)),
            expires: (!lease.is_infinite()).then_some(lease.expires),
        }
    }
}

impl BindingChange {
    /// What an event changes; a quarantine that ends binds and frees nobody.
    pub(super) fn of(told: &Told, links: &Links) -> Option<Self> {
        let row = |lease: &Lease| BindingRow::of(lease, links);
        let lease = lease_of(told)?;
        match &told.event {
            Event::Committed { .. } | Event::Renewed { .. } => Some(Self::Bound(row(lease))),
            Event::Expired { .. }
            | Event::Released { .. }
            | Event::Declined { .. }
            | Event::Replaced { .. } => {
                let was_bound = lease.state == LeaseState::Active;
                was_bound.then(|| Self::Unbound(row(lease)))
            }
            // Nobody had what was only offered; what is reclaimed is told as released.
            Event::Contested { .. }
            | Event::Reclaimed { .. }
            | Event::Conflict { .. }
            | Event::Waiting { .. }
            | Event::Store { .. }
            | Event::Bmc { .. }
            | Event::Threshold { .. }
            | Event::Exhausted { .. } => None,
        }
    }
}

/// The lease that an event is about, as it was where it is over.
pub(super) fn lease_of(told: &Told) -> Option<&Lease> {
    match &told.event {
        Event::Committed { lease }
        | Event::Renewed { lease }
        | Event::Expired { lease }
        | Event::Released { lease, .. }
        | Event::Replaced { lease } => Some(lease),
        Event::Declined { before, .. } => Some(before),
        // Told beside the decline that it follows, or the release that follows it.
        Event::Contested { .. }
        | Event::Reclaimed { .. }
        | Event::Conflict { .. }
        | Event::Waiting { .. }
        | Event::Store { .. }
        | Event::Bmc { .. }
        | Event::Threshold { .. }
        | Event::Exhausted { .. } => None,
    }
}
