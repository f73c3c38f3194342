//! The network side of a simulated firmware: one blocking client a protocol. Knows nothing of sites, plans or the story.

pub(super) mod dhcp;
pub(super) mod dns;
mod firmware;
pub(super) mod http;
pub(super) mod tftp;

use std::time::Duration;

/// How long the first answer is waited for; then the question is asked again and the wait doubles (RFC 2131 4.1). It begins
/// shorter than firmware's 4 s: a bridge drops what comes before its port has noticed the cable.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// How often a question is asked before its client gives up, 16 s later.
const TRIES: u32 = 6;

/// How long a renewal or a connection, which nobody repeats, may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Bytes of a boot file at most: what the stand-ins need, and then some.
const FILE_BYTES: usize = 16 * 1024 * 1024;

/// The waits for the tries of one question.
fn waits() -> impl Iterator<Item = Duration> {
    (0..TRIES).map(|tries| FIRST_WAIT * 2_u32.pow(tries))
}
