//! What came of a message, and why. Must not know how that was decided.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::engine::BatchId;
use super::lease::Hardware;
use super::program::{Booting, NoProgram, Program};
use super::wire::WireError;
use crate::base::mac::MacAddr;
use crate::base::name::HostName;
use crate::base::vlan::VlanPath;

/// What came of a client's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Offered {
        address: Ipv4Addr,
        boot: Option<Booting>,
    },
    /// Leased or renewed: the ACK left.
    Acknowledged {
        address: Ipv4Addr,
        boot: Option<Booting>,
    },
    /// Told parameters, and no lease (RFC 2131 4.3.5).
    Informed {
        boot: Option<Booting>,
    },
    /// Told what to boot, where another server gives the addresses (PXE 2.1 2.2).
    ToldProgram(Program),
    Released {
        address: Ipv4Addr,
    },
    Declined {
        address: Ipv4Addr,
    },
    /// The NAK left.
    Refused {
        address: Ipv4Addr,
        why: Refusal,
    },
    Unanswered(Silence),
}

/// Why a client may not have an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("it is in no subnet of {}", of(.0.as_ref()))]
    Elsewhere(Option<Arc<VlanPath>>),
    #[error("it is reserved for {0}")]
    Reserved(HostName),
    #[error("it was found in use by a stranger, so that it is in quarantine")]
    Quarantined,
    #[error("{0} has it")]
    Held(Hardware),
    #[error("no dynamic range holds it, and it is not reserved for this client")]
    OutsideRanges,
    #[error("this client has no lease of it, or none any more")]
    NoLease,
}

/// Why a client hears nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Silence {
    #[error("the message is malformed: {0}")]
    Malformed(#[from] Malformed),
    #[error(
        "no subnet that its link leads to holds {0}, which the relay agent names as the client's"
    )]
    UnknownRelay(Ipv4Addr),
    #[error("no subnet is served on the link that it came by")]
    NothingServed,
    #[error("{} has no dynamic range, and nothing there is reserved for this client", of(.0.as_ref()))]
    NoRange(Option<Arc<VlanPath>>),
    #[error("every address in the dynamic ranges of {} is in use", of(.0.as_ref()))]
    Exhausted(Option<Arc<VlanPath>>),
    #[error("{address} is reserved for it, but {why}; and no other address is free")]
    ReservedTaken { address: Ipv4Addr, why: Refusal },
    #[error("VLAN {0} serves only clients that the site knows there, and it waits to be named")]
    Held(Arc<VlanPath>),
    #[error("VLAN {0} serves only clients that the site knows there")]
    Denied(Arc<VlanPath>),
    #[error("its circuit has as many leases and offers as its VLAN lets one have, {0}")]
    CircuitFull(u32),
    #[error("it sends more messages than its VLAN lets a client send, {0} a second")]
    ClientRate(u32),
    #[error("more messages come by its circuit than its VLAN lets one send, {0} a second")]
    CircuitRate(u32),
    #[error("it chose another server, {0}")]
    OtherServer(Ipv4Addr),
    #[error("it names no address: neither option 50 nor ciaddr")]
    NothingNamed,
    #[error(
        "it remembers {0} and is not known here; another server may know it, and we are not authoritative"
    )]
    Stranger(Ipv4Addr),
    #[error("it has no lease of {0}")]
    NotItsLease(Ipv4Addr),
    #[error("neither it nor its relay agent has an address to answer to")]
    Nowhere,
    #[error("it speaks BOOTP, and no address that it could have is reserved for it")]
    BootpUnreserved,
    #[error("it names another server by its host name (sname)")]
    NamedServer,
    #[error(
        "another server gives the addresses of {}: only firmware that looks for a boot program is answered here",
        of(.0.as_ref())
    )]
    AddressesElsewhere(Option<Arc<VlanPath>>),
    #[error("it looks for a boot program, and is told none: {0}")]
    NoProgram(NoProgram),
    #[error(
        "it asks the boot server's port, which answers only firmware (a class `PXEClient`, option 60) that has an address, where another server gives the addresses"
    )]
    NoBootServer,
    #[error("too many leases wait to be written")]
    Busy,
    #[error("leases cannot be stored just now, so that nothing could be promised to a new client")]
    Withheld,
    #[error("the store did not take its lease")]
    NotStored,
    #[error("{address} was free for it, but {} answered for that; it is in quarantine", who(by.as_ref()))]
    InUse {
        address: Ipv4Addr,
        by: Option<MacAddr>,
    },
    #[error("its address was still being looked for on the network; a later message counts")]
    Probing,
    #[error("its lease is being written already; one answer serves both messages")]
    Repeated,
    #[error("its lease ended while it was being written")]
    Overtaken,
}

/// Why a datagram is no message of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct Malformed(pub(super) WireError);

pub(super) fn of(vlan: Option<&Arc<VlanPath>>) -> String {
    vlan.map_or_else(|| "its VLAN".to_owned(), |vlan| format!("VLAN {vlan}"))
}

fn who(by: Option<&MacAddr>) -> String {
    by.map_or_else(|| "somebody".to_owned(), MacAddr::to_string)
}

/// When it is known what came of a message.
pub(super) enum Conclusion {
    Now(Outcome),
    /// Once this write has ended.
    AtEnd(BatchId),
    /// Once this address was looked for.
    Probed(Ipv4Addr),
}

impl From<Outcome> for Conclusion {
    fn from(outcome: Outcome) -> Self {
        Self::Now(outcome)
    }
}

impl From<Silence> for Conclusion {
    fn from(silence: Silence) -> Self {
        Self::Now(Outcome::Unanswered(silence))
    }
}

impl Outcome {
    /// The word for one that was told what to boot and nothing else.
    pub const TOLD_PROGRAM: &str = "told-program";

    /// The word for one that may not have an address.
    pub const REFUSED: &str = "refused";

    /// The word for one that heard nothing.
    pub const UNANSWERED: &str = "unanswered";

    /// The outcome in one word, for programs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Offered { .. } => "offered",
            Self::Acknowledged { .. } => "acknowledged",
            Self::Informed { .. } => "informed",
            Self::ToldProgram(_) => Self::TOLD_PROGRAM,
            Self::Released { .. } => "released",
            Self::Declined { .. } => "declined",
            Self::Refused { .. } => Self::REFUSED,
            Self::Unanswered(_) => Self::UNANSWERED,
        }
    }

    /// The address that the outcome is about.
    pub fn address(&self) -> Option<Ipv4Addr> {
        match self {
            Self::Offered { address, .. }
            | Self::Acknowledged { address, .. }
            | Self::Released { address }
            | Self::Declined { address }
            | Self::Refused { address, .. } => Some(*address),
            Self::Unanswered(Silence::InUse { address, .. }) => Some(*address),
            Self::Informed { .. } | Self::ToldProgram(_) | Self::Unanswered(_) => None,
        }
    }

    /// What the client was told to boot, or why nothing; `None` for one that did not look for a program or heard nothing of that.
    pub fn boot(&self) -> Option<Result<&Program, &NoProgram>> {
        match self {
            Self::Offered { boot, .. }
            | Self::Acknowledged { boot, .. }
            | Self::Informed { boot } => boot.as_ref().map(Result::as_ref),
            Self::ToldProgram(program) => Some(Ok(program)),
            Self::Unanswered(Silence::NoProgram(why)) => Some(Err(why)),
            Self::Released { .. } | Self::Declined { .. } => None,
            Self::Refused { .. } | Self::Unanswered(_) => None,
        }
    }

    /// Whether the client got what it came for.
    pub fn is_good(&self) -> bool {
        self.reason().is_none()
    }

    /// The reason in one word, for programs.
    pub fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Refused { why, .. } => Some(why.word()),
            Self::Unanswered(silence) => Some(silence.word()),
            Self::Offered { .. } | Self::Acknowledged { .. } | Self::Informed { .. } => None,
            Self::ToldProgram(_) | Self::Released { .. } | Self::Declined { .. } => None,
        }
    }

    /// The reason in a sentence.
    pub fn because(&self) -> Option<String> {
        match self {
            Self::Refused { why, .. } => Some(why.to_string()),
            Self::Unanswered(silence) => Some(silence.to_string()),
            Self::Offered { .. } | Self::Acknowledged { .. } | Self::Informed { .. } => None,
            Self::ToldProgram(_) | Self::Released { .. } | Self::Declined { .. } => None,
        }
    }
}

impl Refusal {
    fn word(&self) -> &'static str {
        match self {
            Self::Elsewhere(_) => "other-subnet",
            Self::Reserved(_) => "reserved",
            Self::Quarantined => "quarantined",
            Self::Held(_) => "held-by-another",
            Self::OutsideRanges => "outside-ranges",
            Self::NoLease => "no-lease",
        }
    }
}

impl Silence {
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::UnknownRelay(_) => "unknown-relay",
            Self::NothingServed => "nothing-served",
            Self::NoRange(_) => "no-range",
            Self::Exhausted(_) => "exhausted",
            Self::ReservedTaken { .. } => "reserved-taken",
            Self::Held(_) => "held",
            Self::Denied(_) => "denied",
            Self::CircuitFull(_) => "circuit-full",
            Self::ClientRate(_) | Self::CircuitRate(_) => "rate-limited",
            Self::OtherServer(_) => "other-server",
            Self::NothingNamed => "nothing-named",
            Self::Stranger(_) => "not-authoritative",
            Self::NotItsLease(_) => "not-its-lease",
            Self::Nowhere => "nowhere",
            Self::BootpUnreserved => "bootp-unreserved",
            Self::NamedServer => "other-server",
            Self::AddressesElsewhere(_) => "addresses-elsewhere",
            Self::NoProgram(_) => "no-program",
            Self::NoBootServer => "no-boot-server",
            Self::Busy => "busy",
            Self::Withheld => "store-trouble",
            Self::NotStored => "not-stored",
            Self::InUse { .. } => "in-use",
            Self::Probing => "probing",
            Self::Repeated => "repeated",
            Self::Overtaken => "overtaken",
        }
    }
}
