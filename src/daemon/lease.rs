//! Leases as the daemon tells of them.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::base::name::DomainName;
use crate::serve::dhcp::{Lease, LeaseState};

/// One lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRow {
    pub address: Ipv4Addr,
    /// The client's hardware address.
    pub hardware: String,
    pub name: Option<DomainName>,
    /// Seconds since 1970-01-01 UTC; nothing where it never does.
    pub expires: Option<u64>,
    /// In quarantine, since a client found the address in use by another.
    pub is_declined: bool,
}

impl LeaseRow {
    /// The row of a lease in force or in quarantine.
    pub(super) fn of(lease: &Lease) -> Option<Self> {
        let is_declined = match lease.state {
            LeaseState::Active => false,
            LeaseState::Declined => true,
            LeaseState::Offered | LeaseState::Idle => return None,
        };
        Some(Self {
            address: lease.address,
            hardware: lease.hardware.to_string(),
            name: lease.name.clone(),
            expires: (!lease.is_infinite()).then_some(lease.expires),
            is_declined,
        })
    }
}
