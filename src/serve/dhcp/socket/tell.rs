//! What the log says of events. Must not know who else reads them.

use crate::serve::dhcp::event::Event;
use crate::serve::dhcp::strain::StoreTrouble;

pub(super) fn tell(event: &Event) {
    match event {
        Event::Declined { lease, .. } => tracing::warn!(
            address = %lease.address, client = %lease.hardware,
            "an address is in use by a stranger; it is quarantined"
        ),
        Event::Conflict { lease, by } => tracing::warn!(
            address = %lease.address, by = by.as_ref().map(tracing::field::display),
            "an address that was to be offered is in use by a stranger; it is quarantined"
        ),
        Event::Contested { lease, host } => tracing::warn!(
            address = %lease.address, %host,
            "what a stranger uses is reserved for a host"
        ),
        Event::Reclaimed { lease } => tracing::info!(
            address = %lease.address, client = %lease.hardware,
            "a client was told to give up an address that is now reserved for another"
        ),
        Event::Waiting { vlan, hardware } => tracing::info!(
            %vlan, client = %hardware,
            "a client that the site does not know is held"
        ),
        Event::Exhausted { vlan, hardware } => tracing::warn!(
            %vlan, client = %hardware,
            "every address in the dynamic ranges of a VLAN is in use"
        ),
        Event::Threshold {
            subnet,
            threshold,
            is_above: true,
            ..
        } => tracing::warn!(
            %subnet, %threshold,
            "the dynamic ranges of a subnet have become as full as this"
        ),
        Event::Threshold { .. }
        | Event::Bmc { .. }
        | Event::Committed { .. }
        | Event::Renewed { .. }
        | Event::Expired { .. }
        | Event::Replaced { .. }
        | Event::Released { .. } => {}
        Event::Store {
            trouble: Some(StoreTrouble::Slow),
        } => tracing::error!(
            "leases take seconds to be stored; known clients are served for as long as is promised already, new ones are not"
        ),
        Event::Store {
            trouble: Some(StoreTrouble::Failing),
        } => tracing::error!(
            "leases cannot be stored; known clients are served for as long as is promised already, new ones are not"
        ),
        Event::Store { trouble: None } => tracing::info!("leases are stored again"),
    }
}
