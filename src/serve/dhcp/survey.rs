//! What is served, for those who account for addresses.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::config::Config;
use super::lease::Lease;
use crate::base::addr::Prefix;
use crate::base::vlan::VlanPath;

/// A subnet that is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedSubnet {
    pub vlan: Arc<VlanPath>,
    pub subnet: Prefix,
    /// Our address towards its clients.
    pub server: Ipv4Addr,
    /// Whether a relay agent forwards from there.
    pub is_relayed: bool,
}

impl Config {
    /// The subnets that are served, in their order.
    pub fn served(&self) -> impl Iterator<Item = ServedSubnet> {
        self.scopes().filter_map(|served| {
            Some(ServedSubnet {
                vlan: self.vlan(served.vlan).cloned()?,
                subnet: served.subnet,
                server: served.scope.server,
                is_relayed: served.scope.relay.is_some(),
            })
        })
    }

    /// Whether the site gives `address` to some client.
    pub fn is_owned(&self, address: Ipv4Addr) -> bool {
        self.owner(address).is_some()
    }

    /// Whether the site gives the address of a lease to another than its client; not where that is in doubt.
    pub fn is_anothers(&self, lease: &Lease) -> bool {
        let owner = self.owner(lease.address);
        owner.is_some_and(|owner| self.is_of_another(owner, lease))
    }
}
