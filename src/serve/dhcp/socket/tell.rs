//! What the log says of events: of what strangers can cause without end no more than a line each second, beyond a burst. Must not know
//! who else reads them.

use std::net::Ipv4Addr;

use crate::serve::dhcp::event::Event;
use crate::serve::dhcp::pace::Pace;
use crate::serve::dhcp::strain::StoreTrouble;

/// Tells the log. Events of other kinds than these come no faster than a line each is worth, or were paced before.
#[derive(Debug, Default)]
pub(super) struct Teller {
    declined: Pace<Event>,
    /// The same, where that ended another quarantine early.
    crowded: Pace<Event>,
    contested: Pace<Event>,
    thresholds: Pace<Event>,
    has_told_unechoed: bool,
}

impl Teller {
    /// Tells of a reply that lacks its relay agent's option: once, since the agent's every client may be concerned.
    pub(super) fn tell_unechoed(&mut self, agent: Ipv4Addr) {
        if !std::mem::replace(&mut self.has_told_unechoed, true) {
            // One that puts the option in and is no relay, such as a switch, has no address.
            let agent = (!agent.is_unspecified()).then_some(agent);
            tracing::warn!(
                agent = agent.map(tracing::field::display),
                "an option 82 is too long for a reply, which goes without it; told once"
            );
        }
    }

    pub(super) fn tell(&mut self, now: u64, event: &Event) {
        let paced = match self.pace(event) {
            Some(pace) => pace.take(now, event.clone()),
            None => return write(event, 0),
        };
        if let Some((event, others)) = paced {
            write(&event, others);
        }
    }

    /// Tells of what came too fast.
    pub(super) fn tell_untold(&mut self, now: u64) {
        let Self {
            declined,
            crowded,
            contested,
            thresholds,
            has_told_unechoed: _,
        } = self;
        for pace in [declined, crowded, contested, thresholds] {
            if let Some((event, others)) = pace.rest(now) {
                write(&event, others);
            }
        }
    }

    fn pace(&mut self, event: &Event) -> Option<&mut Pace<Event>> {
        match event {
            Event::Declined { freed: None, .. } => Some(&mut self.declined),
            Event::Declined { freed: Some(_), .. } => Some(&mut self.crowded),
            Event::Contested { .. } => Some(&mut self.contested),
            Event::Threshold { is_above: true, .. } => Some(&mut self.thresholds),
            Event::Threshold { .. }
            | Event::Conflict { .. }
            | Event::Waiting { .. }
            | Event::Exhausted { .. }
            | Event::Reclaimed { .. }
            | Event::Bmc { .. }
            | Event::Committed { .. }
            | Event::Renewed { .. }
            | Event::Expired { .. }
            | Event::Replaced { .. }
            | Event::Released { .. }
            | Event::Store { .. } => None,
        }
    }
}

/// Writes a line; so many others of its kind before it have none.
fn write(event: &Event, untold: u64) {
    let untold = some(untold);
    match event {
        Event::Declined {
            lease, freed: None, ..
        } => tracing::warn!(
            address = %lease.address, client = %lease.hardware, others = untold,
            "an address is in use by a stranger; it is quarantined"
        ),
        Event::Declined {
            lease,
            freed: Some(freed),
            ..
        } => tracing::warn!(
            address = %lease.address, client = %lease.hardware, %freed, others = untold,
            "an address is in use by a stranger; its quarantine ends another early, since clients declined half of the subnet"
        ),
        Event::Conflict { lease, by, others } => tracing::warn!(
            address = %lease.address, by = by.as_ref().map(tracing::field::display), others = some(*others),
            "an address that was to be offered is in use by a stranger; it is quarantined"
        ),
        Event::Contested { lease, host } => tracing::warn!(
            address = %lease.address, %host, others = untold,
            "what a stranger uses is reserved for a host"
        ),
        Event::Reclaimed { lease } => tracing::info!(
            address = %lease.address, client = %lease.hardware,
            "a client was told to give up an address that is now reserved for another"
        ),
        Event::Waiting {
            vlan,
            hardware,
            others,
        } => tracing::info!(
            %vlan, client = %hardware, others = some(*others),
            "a client that the site does not know is held"
        ),
        Event::Exhausted { vlan, hardware } => tracing::warn!(
            %vlan, client = %hardware,
            "every address in the dynamic ranges of a VLAN is in use"
        ),
        Event::Threshold {
            subnet,
            threshold,
            used,
            size,
            is_above: true,
            ..
        } => tracing::warn!(
            %subnet, %threshold, used, size, others = untold,
            "the dynamic ranges of a subnet have filled up to a threshold"
        ),
        Event::Threshold { .. }
        | Event::Bmc { .. }
        | Event::Committed { .. }
        | Event::Renewed { .. }
        | Event::Expired { .. }
        | Event::Replaced { .. }
        | Event::Released { .. } => {}
        Event::Store { trouble } => write_store(*trouble),
    }
}

fn write_store(trouble: Option<StoreTrouble>) {
    match trouble {
        Some(StoreTrouble::Slow) => tracing::error!(
            "leases take seconds to be stored; known clients are served for as long as is promised already, new ones are not"
        ),
        Some(StoreTrouble::Failing) => tracing::error!(
            "leases cannot be stored; known clients are served for as long as is promised already, new ones are not"
        ),
        None => tracing::info!("leases are stored again"),
    }
}

/// How many, where there are any.
fn some(others: u64) -> Option<u64> {
    (others > 0).then_some(others)
}
