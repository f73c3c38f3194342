//! What can go wrong with a BMC that speaks IPMI. Nothing of a secret is ever part of it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::codec::{CipherSuite, Command, Completion};

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IpmiError {
    /// It may be off, elsewhere, or behind a filter. The last that the network said of it, where it said anything.
    #[error("{address} does not answer within {within:?}{}", reason(.network))]
    Unreachable {
        address: SocketAddr,
        within: Duration,
        network: Option<io::ErrorKind>,
    },
    /// The network carries what is said, and brings back that nobody takes it.
    #[error("{0} refuses: the port is closed, nothing listens there")]
    Closed(SocketAddr),
    /// To try again could lock the user out.
    #[error("{0}")]
    Credentials(Refusal),
    /// The BMC speaks none of the suites that may be used.
    #[error("the BMC speaks none of the cipher suites that may be used ({})", numbers(.0))]
    NoSuite(Vec<CipherSuite>),
    /// Someone between us and the BMC may want weaker algorithms.
    #[error(
        "the BMC answers with algorithms {answered:?} where cipher suite {asked} was asked for"
    )]
    Downgrade {
        asked: CipherSuite,
        answered: [u8; 3],
    },
    /// BMCs have few sessions, often four.
    #[error("the BMC has no room for another session")]
    NoRoom,
    #[error("the BMC refuses to open a session: {0}")]
    NoSession(String),
    /// It started anew, or the session was idle for too long. A new one can be opened.
    #[error("the BMC no longer knows the session")]
    SessionLost,
    #[error("somebody else uses the console")]
    ConsoleInUse,
    /// Under a console that is open.
    #[error("the BMC has been silent for {} seconds", .0.as_secs())]
    ConsoleSilent(Duration),
    #[error("the BMC took the console away: somebody else uses it now, or it was disabled")]
    ConsoleTaken,
    #[error("{command}: the BMC refuses: {code}")]
    Refused { command: Command, code: Completion },
    /// The command was sent, no answer came, and it is not one to be given twice.
    #[error("{command}: the BMC did not answer; whether it did it is not known")]
    Unconfirmed { command: Command },
    #[error("the BMC's answer is not as IPMI has it: {0}")]
    Malformed(&'static str),
    #[error("not supported: {0}")]
    Unsupported(&'static str),
    /// No BMC has it by this protocol.
    #[error("IPMI knows no {0}, Redfish does")]
    Unknown(&'static str),
    /// A user's name has at most 16 bytes, a password and a K_g at most 20.
    #[error("{0} bytes are more than IPMI allows for {1}")]
    TooLong(usize, &'static str),
    #[error("the system has no random numbers")]
    NoRandomness,
    #[error("cannot use the network: {0}")]
    Network(io::ErrorKind),
}

/// What a BMC refuses of who we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the password is not the one that the BMC has for this user")]
    Password,
    #[error("the key K_g is not the BMC's")]
    Key,
    #[error("the BMC has a key K_g, and none is given")]
    NoKey,
    #[error("the BMC knows no such user")]
    User,
    #[error("the user may not act at this privilege level")]
    Privilege,
}

impl IpmiError {
    /// The same, with the time that was waited in all.
    pub(super) fn in_all(mut self, waited: Duration) -> Self {
        if let Self::Unreachable { within, .. } = &mut self {
            *within = waited;
        }
        self
    }
}

fn reason(network: &Option<io::ErrorKind>) -> String {
    network.map_or_else(String::new, |kind| format!(" ({kind})"))
}

fn numbers(suites: &[CipherSuite]) -> String {
    let numbers: Vec<String> = suites.iter().map(CipherSuite::to_string).collect();
    numbers.join(", ")
}
