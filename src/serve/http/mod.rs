//! HTTP: the same boot files, for loaders that can (UEFI HTTP boot, iPXE, installers). Read only.

mod engine;
mod socket;

use serde::Serialize;

pub use socket::Server;

/// What an HTTP server counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A request for a file that is served.
    Answered,
    /// A request for a file that is not served.
    Missing,
    /// A request to do anything but read.
    Refused,
    /// A connection beyond what we hold at a time.
    Busy,
    /// A connection that ended in the middle of a request, or spoke no HTTP.
    Malformed,
    /// A file whose content could not be read.
    Unreadable,
}
