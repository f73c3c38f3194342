//! What the server counts, since hostile and hopeless packets get no answer.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::outcome::{Outcome, Silence};
use super::wire::Kind;

/// Counts since the server started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Packets given to the engine.
    pub received: u64,
    pub offers: u64,
    pub acks: u64,
    pub naks: u64,
    /// Boot programs told where another server gives the addresses.
    pub programs: u64,
    /// Dropped: no message that a client sends.
    pub malformed: u64,
    /// Dropped: from a subnet that no scope serves.
    pub unknown_subnet: u64,
    /// Dropped: not for us, or lacking what its kind must have.
    pub ignored: u64,
    /// Dropped: no address left.
    pub pool_empty: u64,
    /// Dropped: unknown clients where these are held or denied.
    pub unknown: u64,
    /// Offers that nobody had taken up and that gave way to a newcomer, since nothing else was free.
    pub given_way: u64,
    /// Dropped: new clients behind a circuit that has as many leases and offers as it may.
    pub circuit_full: u64,
    /// Dropped: more messages than a client or a circuit may send.
    pub rate_limited: u64,
    /// Messages for which a write or a probe was under way already.
    pub coalesced: u64,
    /// Dropped: too many writes under way, or the store in trouble.
    pub shed: u64,
    /// Leases that the store did not take; their clients were told of no more than it has.
    pub unstored: u64,
    /// Addresses that were found in use when they were to be offered.
    pub conflicts: u64,
    /// Quarantines that ended early, since clients had more than half of a subnet out of use by declining.
    pub freed_early: u64,
    /// Addresses offered without being looked for: too many were at that time.
    pub unprobed: u64,
    /// Ends of leases that are missing from the history.
    pub unrecorded: u64,
    /// Replies without the option 82 of their relay agents, for which there was no room (RFC 3046 2.2).
    pub unechoed: u64,
    /// Replies that the kernel did not take.
    pub unsent: u64,
}

/// What was asked in one scope and what came of it, since the server started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeCounters {
    pub discovers: u64,
    pub requests: u64,
    pub declines: u64,
    pub releases: u64,
    pub informs: u64,
    pub bootps: u64,
    pub offers: u64,
    pub acks: u64,
    pub naks: u64,
    /// Boot programs told where another server gives the addresses.
    #[serde(default)]
    pub programs: u64,
    /// Messages without an answer, by the reason in one word.
    pub silences: BTreeMap<Cow<'static, str>, u64>,
}

impl ScopeCounters {
    /// Counts a message once it is known what came of it.
    pub(super) fn count(&mut self, kind: Kind, outcome: &Outcome) {
        *match kind {
            Kind::Discover => &mut self.discovers,
            Kind::Request => &mut self.requests,
            Kind::Decline => &mut self.declines,
            Kind::Release => &mut self.releases,
            Kind::Inform => &mut self.informs,
            Kind::Bootp => &mut self.bootps,
        } += 1;
        *match outcome {
            Outcome::Offered { .. } => &mut self.offers,
            Outcome::Acknowledged { .. } | Outcome::Informed { .. } => &mut self.acks,
            Outcome::Refused { .. } => &mut self.naks,
            Outcome::ToldProgram(_) => &mut self.programs,
            Outcome::Released { .. } | Outcome::Declined { .. } => return,
            Outcome::Unanswered(silence) => {
                let word = Cow::Borrowed(silence.word());
                self.silences.entry(word).or_default()
            }
        } += 1;
    }
}

impl Counters {
    /// Counts what came of a message. Leases that the store did not take are counted by themselves, since not each has a message.
    pub(super) fn count(&mut self, outcome: &Outcome) {
        let counter = match outcome {
            Outcome::Offered { .. } => &mut self.offers,
            Outcome::Acknowledged { .. } | Outcome::Informed { .. } => &mut self.acks,
            Outcome::Refused { .. } => &mut self.naks,
            Outcome::ToldProgram(_) => &mut self.programs,
            Outcome::Released { .. } | Outcome::Declined { .. } => return,
            Outcome::Unanswered(silence) => match silence {
                Silence::Malformed(_) => &mut self.malformed,
                Silence::UnknownRelay(_) | Silence::NothingServed => &mut self.unknown_subnet,
                Silence::NoRange(_) | Silence::Exhausted(_) | Silence::ReservedTaken { .. } => {
                    &mut self.pool_empty
                }
                Silence::Held(_) | Silence::Denied(_) => &mut self.unknown,
                Silence::CircuitFull(_) => &mut self.circuit_full,
                Silence::ClientRate(_) | Silence::CircuitRate(_) => &mut self.rate_limited,
                Silence::OtherServer(_)
                | Silence::NothingNamed
                | Silence::Stranger(_)
                | Silence::NotItsLease(_)
                | Silence::BootpUnreserved
                | Silence::NamedServer
                | Silence::AddressesElsewhere(_)
                | Silence::NoProgram(_)
                | Silence::NoBootServer
                | Silence::Nowhere => &mut self.ignored,
                Silence::Busy | Silence::Withheld => &mut self.shed,
                Silence::Repeated | Silence::Probing => &mut self.coalesced,
                // Each address is counted by itself.
                Silence::InUse { .. } => return,
                Silence::NotStored | Silence::Overtaken => return,
            },
        };
        *counter += 1;
    }
}
