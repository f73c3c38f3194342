//! TFTP: boot files for loaders that know nothing better (RFC 1350, 2347, 2348, 2349, 7440). Read only.

mod content;
mod engine;
mod netascii;
mod socket;
mod wire;

use serde::Serialize;

pub use socket::Server;

/// What a TFTP server counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A transfer whose last block was acknowledged.
    Completed,
    /// A transfer whose client fell silent.
    Abandoned,
    /// A transfer that its client ended, as loaders do that asked only for a size.
    Cancelled,
    /// A request for a file that is not served.
    Missing,
    /// A request to write, or to leave the served files.
    Refused,
    /// A request beyond what we hold at a time.
    Busy,
    /// A datagram that is no request, or none that can be read.
    Malformed,
    /// A datagram from another than a transfer's client.
    Stray,
    /// A file whose content could not be read.
    Unreadable,
}
