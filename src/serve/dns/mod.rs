//! DNS: authority for the site's names and leases, and a forwarder for all others (RFC 1034, 1035, 2308, 6891, 7766).

mod engine;
mod forward;
mod leases;
mod reply;
mod socket;
mod zone;

use serde::Serialize;

pub use socket::{LoadError, Prepared, Server};

/// What a DNS server counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A question answered by ourselves, if only with a refusal.
    Answered,
    /// A question passed on.
    Forwarded,
    /// A question passed on that nobody answered.
    Unanswered,
    /// A message that cannot be read.
    Malformed,
    /// A message that is itself an answer.
    Unasked,
    /// A question or a connection beyond what we hold at a time.
    Busy,
}
