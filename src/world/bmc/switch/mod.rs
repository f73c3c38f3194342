//! What can switch a machine's power and nothing else: one face for all, which says what each can do where more is asked of it.

pub mod qemu;
pub mod wake;
pub mod webhook;

use std::sync::Arc;

use super::Trouble;
use crate::base::bmc::{ChassisStatus, PowerAction, PowerState};

/// A switch. It has no `Debug`: it may hold a password.
pub enum Target {
    Webhook(Arc<webhook::Target>),
    WakeOnLan(wake::Target),
    /// A person, whom the daemon asks.
    Manual,
    Qemu(qemu::Target),
}

/// A switch that is spoken with.
pub enum Session {
    Webhook(Arc<webhook::Target>),
    WakeOnLan(wake::Target),
    Manual,
    Qemu(Box<qemu::Session>),
}

/// Why a switch did not do what it was asked for. Nothing of a secret is ever part of it.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    #[error(transparent)]
    Webhook(#[from] webhook::Error),
    #[error(transparent)]
    WakeOnLan(#[from] wake::Error),
    #[error(transparent)]
    Qemu(#[from] qemu::Error),
    #[error("{kind} has no {lacks}: {can}")]
    Unsupported {
        kind: &'static str,
        lacks: &'static str,
        can: &'static str,
    },
}

impl Session {
    pub(super) async fn open(target: &Target) -> Result<Self, SwitchError> {
        Ok(match target {
            Target::Webhook(target) => Self::Webhook(Arc::clone(target)),
            Target::WakeOnLan(target) => Self::WakeOnLan(*target),
            Target::Manual => Self::Manual,
            Target::Qemu(target) => Self::Qemu(Box::new(qemu::Session::open(target).await?)),
        })
    }

    /// Whether the next question need not open it anew.
    pub(super) fn is_alive(&self) -> bool {
        match self {
            Self::Webhook(_) | Self::WakeOnLan(_) | Self::Manual => true,
            Self::Qemu(session) => session.is_alive(),
        }
    }

    /// Whether it can tell if the machine runs.
    pub(super) fn tells_power(&self) -> bool {
        match self {
            Self::Webhook(target) => target.requests.status.is_some(),
            Self::WakeOnLan(_) | Self::Manual => false,
            Self::Qemu(_) => true,
        }
    }

    /// How often its machine restarted since it was first spoken with; none where nothing tells that.
    pub(super) fn restarts(&self) -> Option<u64> {
        match self {
            Self::Webhook(_) | Self::WakeOnLan(_) | Self::Manual => None,
            Self::Qemu(session) => Some(session.resets()),
        }
    }

    pub(super) async fn chassis_status(&mut self) -> Result<ChassisStatus, SwitchError> {
        let power = match self {
            Self::Webhook(target) => target.state().await?,
            Self::WakeOnLan(_) | Self::Manual => PowerState::Unknown,
            Self::Qemu(session) => session.state().await?,
        };
        Ok(ChassisStatus {
            power,
            identify: None,
        })
    }

    pub(super) async fn power(&mut self, action: PowerAction) -> Result<(), SwitchError> {
        match self {
            Self::Webhook(target) => target.power(action).await?,
            Self::WakeOnLan(target) => match action {
                PowerAction::On => target.wake().await?,
                PowerAction::Off
                | PowerAction::SoftOff
                | PowerAction::Cycle
                | PowerAction::Reset => return Err(self.lacks(action.word())),
            },
            Self::Manual => return Err(self.lacks(action.word())),
            Self::Qemu(session) => session.power(action).await?,
        }
        Ok(())
    }

    /// What it has not, with what it has.
    pub(super) fn lacks(&self, lacks: &'static str) -> SwitchError {
        let (kind, can) = match self {
            Self::Webhook(_) => (
                "a webhook",
                "it switches as the site says, and tells of power alone",
            ),
            Self::WakeOnLan(_) => (
                "Wake-on-LAN",
                "it wakes a machine by `power on`, and tells nothing",
            ),
            Self::Manual => (
                "a person",
                "`bedplate power` asks for what the machine is to do, and nobody looks at it",
            ),
            Self::Qemu(_) => ("QEMU", "it switches the machine, and tells of power alone"),
        };
        SwitchError::Unsupported { kind, lacks, can }
    }
}

impl SwitchError {
    pub(super) fn trouble(&self) -> Trouble {
        match self {
            Self::Webhook(error) => of_webhook(error),
            Self::WakeOnLan(wake::Error::Elsewhere(_)) | Self::Unsupported { .. } => {
                Trouble::Failed
            }
            Self::WakeOnLan(wake::Error::Send(..)) => Trouble::Unreachable,
            Self::Qemu(error) => match error {
                qemu::Error::Absent(_)
                | qemu::Error::Silent(_)
                | qemu::Error::Lost(_)
                | qemu::Error::Ended => Trouble::Unreachable,
                qemu::Error::Malformed(_) | qemu::Error::Refused(..) => Trouble::Failed,
            },
        }
    }
}

fn of_webhook(error: &webhook::Error) -> Trouble {
    use webhook::Error;
    match error {
        Error::Unreachable(_, error) => Trouble::of_way(error.kind()),
        Error::Lookup(_) | Error::NoAddress | Error::Silent(_) | Error::Tls(_) | Error::Http(_) => {
            Trouble::Unreachable
        }
        Error::Credentials(_) => Trouble::Credentials,
        Error::Distrust(_) | Error::Setup(_) => Trouble::Untrusted,
        Error::Elsewhere(_)
        | Error::Status(_)
        | Error::Long
        | Error::Answer(_)
        | Error::Request(_)
        | Error::Unsupported(..) => Trouble::Failed,
    }
}
