//! Why a BMC did not do what it was asked for, in plain words. Holds nothing that is secret.

use std::io;
use std::time::Duration;

use crate::world::https::{Distrust, TlsError};

/// What can go wrong with one BMC.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the BMC cannot be reached: {0}")]
    Unreachable(#[source] io::Error),
    #[error("the BMC gave no answer within {0:?}")]
    Silent(Duration),
    #[error("the connection with the BMC failed: {0}")]
    Lost(#[source] hyper::Error),
    #[error("the BMC is busy and asks to be left alone for {0:?}")]
    Busy(Duration),
    /// Its certificate is not trusted: nothing was told to it.
    #[error(transparent)]
    Distrust(#[from] Distrust),
    #[error("TLS with the BMC failed: {0}")]
    Tls(#[source] io::Error),
    #[error(transparent)]
    Setup(#[from] TlsError),
    /// Never tried again by itself: accounts are locked after a few.
    #[error("the BMC refuses the user name or the password")]
    Credentials,
    #[error("the BMC does not accept the session that it has just opened")]
    Session,
    #[error("the BMC refuses {0}")]
    Refused(Box<Refusal>),
    #[error("the BMC's answer cannot be used: {link}: {fault}")]
    Malformed { link: String, fault: Malformed },
    #[error("the BMC offers no {0}")]
    Unsupported(&'static str),
    /// It lists what it takes, and this is not in it.
    #[error("the BMC takes no {wanted} as {what}, only {}", listed(allowed))]
    NotAllowed {
        what: &'static str,
        wanted: &'static str,
        allowed: Vec<String>,
    },
    /// Switching off and on again is two steps, and the machine may stay off between them: not done behind anybody's back.
    #[error(
        "the BMC offers no power cycle, only {}; switch off, then on",
        listed(allowed)
    )]
    NoCycle { allowed: Vec<String> },
    #[error("the BMC has no {what} `{wanted}`, only {}", listed(known))]
    Missing {
        what: &'static str,
        wanted: String,
        known: Vec<String>,
    },
    #[error("the BMC has several systems, and none was chosen: {}", listed(known))]
    Ambiguous { known: Vec<String> },
    /// It said that it did.
    #[error("the BMC reported success, but {what} is {found}, not {wanted}")]
    NotDone {
        what: &'static str,
        wanted: String,
        found: String,
    },
    #[error("what the BMC began has not ended within {0:?}")]
    Unfinished(Duration),
}

/// A request that a BMC refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{asked}: {status}{}{}", behind(" ", code), behind(": ", words))]
pub struct Refusal {
    /// The request, without what was sent in it.
    pub asked: String,
    pub status: u16,
    /// The first message's id (DSP0266, section "Error responses").
    pub code: Option<String>,
    /// What the BMC says of it.
    pub words: Option<String>,
}

fn behind(separator: &str, text: &Option<String>) -> String {
    text.as_ref()
        .map_or_else(String::new, |text| format!("{separator}{text}"))
}

/// Why an answer cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("it is no JSON object")]
    Json,
    #[error("it is longer than {} MiB", super::wire::BODY >> 20)]
    Long,
    #[error("it is compressed, which was not asked for")]
    Compressed,
    #[error("it lacks {0}")]
    Lacks(&'static str),
    #[error("it leads to another host")]
    Elsewhere,
    #[error("it leads on and on")]
    Endless,
    #[error("{0} are no request that can be sent")]
    Request(&'static str),
}

fn listed(items: &[String]) -> String {
    match items {
        [] => "none".to_owned(),
        items => items.join(", "),
    }
}

impl Error {
    /// Whether the BMC says that there is nothing at that place, or that it cannot do such a thing at all.
    pub(super) fn is_absent(&self) -> bool {
        self.status()
            .is_some_and(|status| matches!(status, 404 | 405 | 410 | 501))
    }

    /// The status of a refusal.
    pub(super) fn status(&self) -> Option<u16> {
        let Self::Refused(refusal) = self else {
            return None;
        };
        Some(refusal.status)
    }

    /// Whether what else could be read from the BMC is worth asking for.
    pub(super) fn is_of_one_answer(&self) -> bool {
        matches!(
            self,
            Self::Refused(_) | Self::Malformed { .. } | Self::Unsupported(_)
        )
    }

    /// Without what the BMC says of it.
    pub(super) fn without_words(mut self) -> Self {
        if let Self::Refused(refusal) = &mut self {
            refusal.words = None;
        }
        self
    }

    /// Whether it may pass by itself.
    pub(super) fn is_of_the_moment(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_)
                | Self::Silent(_)
                | Self::Lost(_)
                | Self::Busy(_)
                | Self::Unfinished(_)
        )
    }

    /// Whether a connection broke. One that never was is worth another try only after one that was.
    pub(super) fn is_lost(&self, tries: u32) -> bool {
        matches!(self, Self::Lost(_))
            || tries > 1 && matches!(self, Self::Unreachable(_) | Self::Tls(_))
    }
}
