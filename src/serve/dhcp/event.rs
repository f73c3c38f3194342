//! What an operator may want to know of, as it happens. Part of the engine, and as pure.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::ask::Ask;
use super::engine::{Action, Engine};
use super::lease::{Hardware, Lease};
use super::outcome::Silence;
use super::strain::StoreTrouble;
use crate::base::addr::Prefix;
use crate::base::bmc::BmcNews;
use crate::base::mac::MacAddr;
use crate::base::name::HostName;
use crate::base::percent::Percent;
use crate::base::vlan::VlanPath;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A lease begins, and is durable.
    Committed { lease: Lease },
    /// A lease goes on.
    Renewed { lease: Lease },
    /// Its time is over; told as it was.
    Expired { lease: Lease },
    /// It is over before its time; told as it was.
    Released { lease: Lease, how: Release },
    /// A client found its address in use by another; it is quarantined.
    /// It was the client's as `before` says. Where more than half of the subnet would be out of use by that, `freed` is no longer.
    Declined {
        lease: Lease,
        before: Box<Lease>,
        freed: Option<Ipv4Addr>,
    },
    /// What was declined is reserved for this host.
    Contested { lease: Lease, host: HostName },
    /// An address that was to be offered is in use; it is quarantined, and told with the client that was to have it. Who answered for it,
    /// where that is known. So many others before it were not told of, since they came too fast.
    Conflict {
        lease: Lease,
        by: Option<MacAddr>,
        others: u64,
    },
    /// A reserved address is still leased to another client, which was told to give it up; that it is over then is told beside it.
    Reclaimed { lease: Lease },
    /// A client that the site does not know waits to be named, unanswered. Told once, until the configuration changes. So many others
    /// before it were not told of, since they came too fast.
    Waiting {
        vlan: Arc<VlanPath>,
        hardware: Hardware,
        others: u64,
    },
    /// The machine that an address is reserved for took it under another identifier: this lease is over.
    Replaced { lease: Lease },
    /// The store is in trouble, or no longer: meanwhile known clients are served and new ones are not.
    Store { trouble: Option<StoreTrouble> },
    /// The dynamic ranges of a subnet have become as full as this, or are well below it again; or the threshold is no more, and was told
    /// as reached last. Quarantined addresses count as well.
    Threshold {
        vlan: Arc<VlanPath>,
        subnet: Prefix,
        threshold: Percent,
        used: u64,
        size: u64,
        is_above: bool,
        is_watched: bool,
    },
    /// A BMC is not as it should be, or is so again: told in one stream with the others, and none of the engine's.
    Bmc { news: Box<BmcNews> },
    /// No dynamic range of the VLAN has an address left for this client. Told once, until one is free again.
    Exhausted {
        vlan: Arc<VlanPath>,
        hardware: Hardware,
    },
}

/// How a lease is over before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// Its client gave it back.
    ByClient,
    /// An operator ended it.
    ByHand,
    /// Its client took the address that is reserved for it.
    Moved,
    /// Its address is in no range any more, and its client was told so.
    Withdrawn,
    /// The site gives its address to another, and its client was told so.
    Reassigned,
}

impl Event {
    /// The leases that it tells of, to be told otherwise.
    pub(super) fn leases_mut(&mut self) -> [Option<&mut Lease>; 2] {
        match self {
            Self::Committed { lease }
            | Self::Renewed { lease }
            | Self::Expired { lease }
            | Self::Released { lease, .. }
            | Self::Contested { lease, .. }
            | Self::Conflict { lease, .. }
            | Self::Reclaimed { lease }
            | Self::Replaced { lease } => [Some(lease), None],
            Self::Declined { lease, before, .. } => [Some(lease), Some(before)],
            Self::Waiting { .. }
            | Self::Store { .. }
            | Self::Threshold { .. }
            | Self::Bmc { .. }
            | Self::Exhausted { .. } => [None, None],
        }
    }
}

impl Engine {
    /// Tells of a VLAN that has run out of addresses, the first time.
    pub(super) fn tell_exhausted(
        &mut self,
        ask: &Ask<'_>,
        silence: &Silence,
        out: &mut Vec<Action>,
    ) {
        let Silence::Exhausted(Some(vlan)) = silence else {
            return;
        };
        if self.exhausted.contains(vlan) {
            return;
        }
        // One that comes and goes is told of when there is room for it.
        let pace = self.paces.exhausted.entry(Arc::clone(vlan)).or_default();
        if pace.may(ask.now) {
            self.exhausted.insert(Arc::clone(vlan));
            let (vlan, hardware) = (Arc::clone(vlan), ask.asker.hardware);
            out.push(Action::Event(Event::Exhausted { vlan, hardware }));
        }
    }

    /// An address of the VLAN is free again.
    pub(super) fn freed(&mut self, lease: &Lease) {
        // Nearly always there is none.
        if self.exhausted.is_empty() {
            return;
        }
        // The lease may be older than the name of the VLAN.
        let served = self.config.scope_of(lease.address);
        if let Some(vlan) = served.and_then(|served| self.config.vlan(served.vlan)) {
            self.exhausted.remove(vlan);
        }
    }
}
