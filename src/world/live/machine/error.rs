//! Why machines are not as they should be, and what that says of their BMCs. Asks nobody.

use std::error::Error as _;

use crate::base::name::UserName;
use crate::base::secret::SecretRef;
use crate::diag::fault::chain;
use crate::site::model::Bmc;
use crate::state::{Silence, Unreached};
use crate::world::bmc::{BmcError, PoolError, TargetError, Trouble};

/// Why a machine is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    #[error("no BMC of it is known")]
    NoBmc,
    #[error("what the BMC at {at} is asked with is not there")]
    Target {
        at: String,
        #[source]
        source: TargetError,
    },
    #[error("the password of `{name}` is not there")]
    Password {
        name: UserName,
        #[source]
        source: TargetError,
    },
    #[error("the password of `{name}` is too long for IPMI")]
    LongPassword {
        name: UserName,
        #[source]
        source: TooLong,
    },
    #[error("the BMC at {at}")]
    Refused {
        at: String,
        #[source]
        source: RefusedBefore,
    },
    #[error("Bedplate itself is let in by that account")]
    OwnAccount,
    #[error("somebody made a user `{name}` meanwhile; plan anew")]
    Taken { name: UserName },
    #[error(
        "the BMC at {at} took the password of `{name}`, and does not let it in by that, which was tried once"
    )]
    NotLetIn { at: String, name: UserName },
    #[error("the daemon ends")]
    Ending,
    #[error("what saw to it broke off; how it is now is not known")]
    BrokenOff,
    #[error("the BMC at {at}")]
    Bmc {
        at: String,
        #[source]
        source: BmcError,
    },
    #[error(
        "it was told to be {wanted}, and is {found} after {seconds} seconds, as its BMC reports"
    )]
    NotThere {
        wanted: String,
        found: String,
        seconds: u64,
    },
}

/// What a BMC refused is not shown to it again by itself: accounts are locked after a few tries.
#[derive(Debug, thiserror::Error)]
#[error(
    "it refused these credentials before; they are tried again once the site or the secret changes, or by `bedplate power status`"
)]
pub struct RefusedBefore;

/// What IPMI has no room for.
#[derive(Debug, thiserror::Error)]
#[error("{reference} has more than {most} bytes")]
pub struct TooLong {
    pub reference: SecretRef,
    pub most: usize,
}

impl MachineError {
    /// What to do about it, where that is known.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Target { source, .. } | Self::Password { source, .. } => Some(source.help()),
            Self::LongPassword { source, .. } => {
                Some(format!("keep one there of at most {} bytes", source.most))
            }
            Self::NoBmc
            | Self::Refused { .. }
            | Self::OwnAccount
            | Self::Taken { .. }
            | Self::NotLetIn { .. }
            | Self::Ending
            | Self::BrokenOff
            | Self::Bmc { .. }
            | Self::NotThere { .. } => None,
        }
    }

    /// Why nothing is known of a machine, and what to do about it.
    pub(super) fn untold(&self, bmc: &Bmc) -> Unreached {
        Unreached {
            help: self.help(),
            ..unreached(bmc, silence(self), inner(self))
        }
    }

    /// Whether the BMC may be back in a moment: one that starts anew is silent, or has its port closed, before it answers.
    pub(super) fn is_away(&self) -> bool {
        matches!(silence(self), Silence::Unreachable | Silence::Closed)
    }

    /// Whether it tells how the BMC does, and not what one thing came to that it was asked for.
    pub(super) fn is_of_the_bmc(&self) -> bool {
        match self {
            Self::Target { .. } => true,
            Self::Bmc { source, .. } => source.trouble() != Trouble::Failed,
            Self::NoBmc
            | Self::Password { .. }
            | Self::LongPassword { .. }
            | Self::Refused { .. }
            | Self::OwnAccount
            | Self::Taken { .. }
            | Self::NotLetIn { .. }
            | Self::Ending
            | Self::BrokenOff
            | Self::NotThere { .. } => false,
        }
    }
}

/// What who met it makes of it.
pub(super) fn met(bmc: &Bmc, error: PoolError<MachineError>) -> MachineError {
    let at = bmc.place();
    match error {
        PoolError::Own(error) => error,
        PoolError::Target(source) => MachineError::Target { at, source },
        PoolError::Bmc(source) => MachineError::Bmc { at, source },
        PoolError::Refused => MachineError::Refused {
            at,
            source: RefusedBefore,
        },
        // The first two happen to those who ask by themselves alone.
        PoolError::NotBefore(_) | PoolError::Busy | PoolError::Ending => MachineError::Ending,
    }
}

/// What a BMC answers that is of no use.
pub(super) fn failed(bmc: &Bmc, error: &BmcError) -> Unreached {
    unreached(bmc, Silence::Failed, error.to_string())
}

pub(super) fn unreached(bmc: &Bmc, why: Silence, cause: String) -> Unreached {
    Unreached {
        bmc: bmc.place(),
        why,
        cause,
        help: None,
    }
}

fn silence(error: &MachineError) -> Silence {
    match error {
        MachineError::Target { .. } => Silence::Secret,
        MachineError::Password { .. } => Silence::Password,
        MachineError::LongPassword { .. } => Silence::LongPassword,
        MachineError::Bmc { source, .. } => match source.trouble() {
            Trouble::Unreachable => Silence::Unreachable,
            Trouble::Closed => Silence::Closed,
            Trouble::NoRoute => Silence::NoRoute,
            Trouble::Credentials => Silence::Credentials,
            Trouble::Untrusted => Silence::Untrusted,
            Trouble::Failed => Silence::Failed,
        },
        MachineError::Refused { .. } => Silence::Credentials,
        MachineError::NoBmc
        | MachineError::OwnAccount
        | MachineError::Taken { .. }
        | MachineError::NotLetIn { .. }
        | MachineError::Ending
        | MachineError::BrokenOff
        | MachineError::NotThere { .. } => Silence::Failed,
    }
}

/// What lies behind an error, in the words of who met it.
pub(super) fn inner(error: &MachineError) -> String {
    error.source().map(chain).unwrap_or_default().join(": ")
}
