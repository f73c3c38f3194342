//! What happens to leases and BMCs, as the daemon tells of it.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::base::addr::Prefix;
use crate::base::bmc::{BmcCondition, BmcNews};
use crate::base::hook::HookEvent;
use crate::base::mac::MacAddr;
use crate::base::mark::{EventMark, RunId};
use crate::base::moment::Moment;
use crate::base::name::{DomainName, HostName};
use crate::base::percent::Percent;
use crate::base::vlan::VlanPath;
use crate::serve::dhcp::{Ending, Event, Hardware, Lease, LeaseState, Release, StoreTrouble, Told};

/// One line of the stream of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum LeaseEvent {
    /// A lease begins, and is durable.
    Commit(EventRow),
    Renew(EventRow),
    Expiry(EventRow),
    Release(EventRow),
    /// A client found the address in use by a stranger; it is in quarantine.
    Decline(EventRow),
    /// The address is reserved for another, and who has it was refused; or a stranger uses it, and whom it is reserved for found out; or it
    /// was to be offered, and `by` answered for it.
    Conflict(EventRow),
    /// The site does not know the client, which is held until it does.
    Waiting(EventRow),
    /// The machine that the address is reserved for took it under another identifier: this lease is over.
    Replace(EventRow),
    /// No dynamic range of the VLAN has an address left.
    Exhaustion(EventRow),
    /// The dynamic ranges of a subnet have become as full as this, or are well below it again; or nobody watches for that any more.
    Threshold {
        #[serde(flatten)]
        mark: EventMark,
        at: Moment,
        vlan: VlanPath,
        subnet: Prefix,
        threshold: Percent,
        used: u64,
        size: u64,
        is_above: bool,
        /// Not where the site has the threshold no more: it was told as reached last, and is never told of again.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        is_watched: bool,
    },
    /// The store that leases are kept in is in trouble, or no longer.
    Store {
        #[serde(flatten)]
        mark: EventMark,
        at: Moment,
        trouble: Option<StoreTrouble>,
    },
    /// A BMC is not as it should be, for another reason than before; or it is fine again, or nobody watches for that any more.
    Bmc {
        #[serde(flatten)]
        mark: EventMark,
        at: Moment,
        machine: HostName,
        /// Nothing of a person, who switches it.
        address: Option<String>,
        condition: Option<BmcCondition>,
        /// How it was before, where that was not fine.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        was: Option<BmcCondition>,
        /// Not where the site has it no more, there: it was told as not fine last, and is never told of again.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        is_watched: bool,
        why: String,
    },
    /// The event to go on after is of an earlier run of the daemon than this one: what else came in that is lost, and numbers begin
    /// anew.
    Restart {
        run: RunId,
    },
    /// Whoever reads was too slow: so many events were lost here.
    Lost {
        count: u64,
    },
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRow {
    #[serde(flatten)]
    pub mark: EventMark,
    pub at: Moment,
    /// The client's hardware address.
    pub hardware: String,
    pub address: Option<Ipv4Addr>,
    /// Of the lease, or of the machine that the address is reserved for.
    pub name: Option<DomainName>,
    pub vlan: Option<VlanPath>,
    /// When the lease, or the quarantine, ends.
    pub expires: Option<u64>,
    /// The host that the address is reserved for, and that found it in use by a stranger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostName>,
    /// Whether an operator did it.
    #[serde(default)]
    pub is_by_hand: bool,
    /// Whether what ended is no lease but a quarantine, which was nobody's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_quarantine: bool,
    /// How a lease was released, by the word of the history: `released`, `revoked`, `moved`, `withdrawn` or `reassigned`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<Ending>,
    /// Who answered for the address, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<MacAddr>,
    /// What is out of quarantine early for it, since more than half of the subnet would be out of use else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freed: Option<Ipv4Addr>,
    /// How many others there were before it, of this kind in this VLAN, that no event tells of: they came too fast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<u64>,
}

/// What is not said otherwise.
fn yes() -> bool {
    true
}

fn is_yes(flag: &bool) -> bool {
    *flag
}

impl LeaseEvent {
    /// By the word that hooks name it with; none for what is no event of the server.
    pub(super) fn kind(&self) -> Option<HookEvent> {
        Some(match self {
            Self::Commit(_) => HookEvent::Commit,
            Self::Renew(_) => HookEvent::Renew,
            Self::Expiry(_) => HookEvent::Expiry,
            Self::Release(_) => HookEvent::Release,
            Self::Decline(_) => HookEvent::Decline,
            Self::Conflict(_) => HookEvent::Conflict,
            Self::Replace(_) => HookEvent::Replace,
            Self::Waiting(_) => HookEvent::Waiting,
            Self::Threshold { .. } => HookEvent::Threshold,
            Self::Exhaustion(_) => HookEvent::Exhaustion,
            Self::Store { .. } => HookEvent::Store,
            Self::Bmc { .. } => HookEvent::Bmc,
            Self::Restart { .. } | Self::Lost { .. } => return None,
        })
    }

    /// Which event it is; none for what is no event of the server.
    pub(super) fn mark(&self) -> Option<EventMark> {
        match self {
            Self::Threshold { mark, .. } | Self::Store { mark, .. } | Self::Bmc { mark, .. } => {
                Some(*mark)
            }
            Self::Commit(_)
            | Self::Renew(_)
            | Self::Expiry(_)
            | Self::Release(_)
            | Self::Decline(_)
            | Self::Conflict(_)
            | Self::Replace(_)
            | Self::Waiting(_)
            | Self::Exhaustion(_)
            | Self::Restart { .. }
            | Self::Lost { .. } => self.row().map(|row| row.mark),
        }
    }

    /// The event in one word.
    pub(super) fn word(&self) -> &'static str {
        self.kind().map_or("lost", HookEvent::as_str)
    }

    /// What it is about, where that is a client.
    pub(super) fn row(&self) -> Option<&EventRow> {
        match self {
            Self::Commit(row)
            | Self::Renew(row)
            | Self::Expiry(row)
            | Self::Release(row)
            | Self::Decline(row)
            | Self::Conflict(row)
            | Self::Replace(row)
            | Self::Waiting(row)
            | Self::Exhaustion(row) => Some(row),
            Self::Threshold { .. }
            | Self::Store { .. }
            | Self::Bmc { .. }
            | Self::Restart { .. }
            | Self::Lost { .. } => None,
        }
    }

    pub(super) fn of(told: &Told) -> Self {
        let of = |lease: &Lease| EventRow {
            address: Some(lease.address),
            name: lease.name.clone(),
            vlan: lease.vlan.as_deref().cloned(),
            expires: (!lease.is_infinite()).then_some(lease.expires),
            ..EventRow::blank(told, lease.hardware)
        };
        match &told.event {
            Event::Committed { lease } => Self::Commit(of(lease)),
            Event::Renewed { lease } => Self::Renew(of(lease)),
            Event::Expired { lease } => Self::Expiry(of(lease)),
            Event::Released { lease, how } => Self::Release(EventRow {
                is_by_hand: *how == Release::ByHand,
                is_quarantine: lease.state == LeaseState::Declined,
                how: Some((*how).into()),
                ..of(lease)
            }),
            Event::Declined { lease, freed, .. } => Self::Decline(of(lease).freeing(*freed)),
            Event::Conflict { lease, by, others } => Self::Conflict(EventRow {
                by: *by,
                others: some(*others),
                ..of(lease)
            }),
            Event::Replaced { lease } => Self::Replace(of(lease)),
            Event::Reclaimed { lease } => Self::Conflict(of(lease)),
            Event::Contested { lease, host } => Self::Conflict(EventRow {
                host: Some(host.clone()),
                ..of(lease)
            }),
            Event::Store { trouble } => Self::Store {
                mark: mark(told),
                at: Moment(told.at),
                trouble: *trouble,
            },
            Event::Bmc { news } => Self::of_bmc(told, news),
            Event::Waiting {
                vlan,
                hardware,
                others,
            } => Self::Waiting(EventRow {
                others: some(*others),
                vlan: Some(VlanPath::clone(vlan)),
                ..EventRow::blank(told, *hardware)
            }),
            Event::Threshold {
                vlan,
                subnet,
                threshold,
                used,
                size,
                is_above,
                is_watched,
            } => Self::Threshold {
                mark: mark(told),
                at: Moment(told.at),
                vlan: VlanPath::clone(vlan),
                subnet: *subnet,
                threshold: *threshold,
                used: *used,
                size: *size,
                is_above: *is_above,
                is_watched: *is_watched,
            },
            Event::Exhausted { vlan, hardware } => Self::Exhaustion(EventRow {
                vlan: Some(VlanPath::clone(vlan)),
                ..EventRow::blank(told, *hardware)
            }),
        }
    }
}

impl LeaseEvent {
    fn of_bmc(told: &Told, news: &BmcNews) -> Self {
        let BmcNews {
            machine,
            address,
            condition,
            was,
            is_watched,
            why,
        } = news.clone();
        Self::Bmc {
            mark: mark(told),
            at: Moment(told.at),
            machine,
            address,
            condition,
            was,
            is_watched,
            why,
        }
    }
}

/// How many, where there are any.
fn some(others: u64) -> Option<u64> {
    (others > 0).then_some(others)
}

fn mark(told: &Told) -> EventMark {
    EventMark {
        run: told.run,
        number: told.number,
    }
}

impl EventRow {
    fn freeing(self, freed: Option<Ipv4Addr>) -> Self {
        Self { freed, ..self }
    }

    fn blank(told: &Told, hardware: Hardware) -> Self {
        Self {
            mark: mark(told),
            at: Moment(told.at),
            hardware: hardware.to_string(),
            address: None,
            name: None,
            vlan: None,
            expires: None,
            host: None,
            is_by_hand: false,
            is_quarantine: false,
            how: None,
            by: None,
            freed: None,
            others: None,
        }
    }
}
