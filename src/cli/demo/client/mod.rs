//! The network side of a simulated firmware: one blocking client a protocol. Knows nothing of sites, plans or the story.

pub(super) mod dhcp;
pub(super) mod dns;
mod firmware;
pub(super) mod http;
pub(super) mod tftp;

use std::time::Duration;

/// How long one answer is waited for. The other end is on the same host; yet that host may be busy.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often a question is asked before its client gives up.
const TRIES: usize = 3;

/// Bytes of a boot file at most: what the stand-ins need, and then some.
const FILE_BYTES: usize = 16 * 1024 * 1024;
