//! What the server counts, since hostile and hopeless packets get no answer.

use serde::Serialize;

/// Counts since the server started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Packets given to the engine.
    pub received: u64,
    pub offers: u64,
    pub acks: u64,
    pub naks: u64,
    /// Dropped: no message that a client sends.
    pub malformed: u64,
    /// Dropped: from a subnet that no scope serves.
    pub unknown_subnet: u64,
    /// Dropped: not for us, or lacking what its kind must have.
    pub ignored: u64,
    /// Dropped: no address left.
    pub pool_empty: u64,
    /// Requests for which a write was under way already.
    pub coalesced: u64,
    /// Dropped: too many writes under way, or the store in trouble.
    pub shed: u64,
    /// Leases that the store did not take; their clients were told of no more than it has.
    pub unstored: u64,
    /// Replies that the kernel did not take.
    pub unsent: u64,
}
