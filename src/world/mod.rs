//! The world behind one trait: live, or simulated in memory. Executes steps; decides nothing.

pub mod bmc;
pub mod https;
pub mod live;
pub(crate) mod program;
pub mod secret;
mod sim;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::base::digest::Digest;
use crate::base::name::{HostName, Name};
use crate::diag::code::Code;
use crate::plan::Step;
use crate::serve::{ListenError, dhcp, dns};
use crate::site::model::Bmc;
use crate::state::{Hook, Key, Observation, State, Webhook};

use bmc::Trouble;
use live::{HostError, LedgerError, MachineError};

pub use live::{Awaiting, Heard, Live, Looked, Progress, RefusedBefore, Sought};
pub use sim::Sim;

/// What the site names to be told of events, as it is served.
pub type InForce<T> = Arc<BTreeMap<Name, Arc<T>>>;

/// The hooks that the site names.
pub type HooksInForce = InForce<Hook>;

/// The webhooks that the site names.
pub type WebhooksInForce = InForce<Webhook>;

/// By what machines' BMCs are spoken with.
pub type BmcsInForce = Arc<BTreeMap<HostName, Arc<Bmc>>>;

/// A world that can be looked at and changed.
pub trait World: Send {
    /// What a run of steps leads to, laid out ahead.
    type Ready: Send;

    /// Asks the real thing what is, never what was last sent to it.
    fn observe(&mut self) -> impl Future<Output = Result<Observation, WorldError>> + Send;

    /// Those of `targets` that answer when they are asked, within a time at most.
    fn reach(
        &mut self,
        targets: &BTreeSet<IpAddr>,
        within: Duration,
    ) -> impl Future<Output = BTreeSet<IpAddr>> + Send;

    /// Does all of the steps of one phase that takes long and changes nothing. `after` is what there is once they and all before them
    /// are done.
    fn lay_out(
        &mut self,
        group: &[Step],
        after: &State,
    ) -> impl Future<Output = Result<Self::Ready, StepFailure>> + Send;

    /// Carries out the steps of one phase in order, on the way there or back, and tells `done` of each that took effect. Server steps
    /// are one swap, all or nothing; host steps come one after the other, up to the first that fails. Every step is idempotent. `ready`
    /// is what was laid out for these steps, where that was done.
    fn execute(
        &mut self,
        group: &[Step],
        ready: Option<Self::Ready>,
        way: Way,
        done: &mut (dyn FnMut(&Step) + Send),
    ) -> impl Future<Output = Result<(), StepFailure>> + Send;

    /// Brings machines to what `steps` say, side by side, each until its BMC reports it, and tells `done` the index of each that is so.
    /// Whatever one does keeps nobody from the others; those that are not so come back.
    fn switch(
        &mut self,
        steps: &[Step],
        done: &mut (dyn FnMut(usize) + Send),
    ) -> impl Future<Output = Vec<StepFailure>> + Send;
}

/// Whether an apply brings about what is wanted, or what was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Nothing is touched before it is written down whose it will be.
    There,
    /// What was must come back, also where nothing can be written down.
    Back,
}

/// The step that failed, and why.
#[derive(Debug, thiserror::Error)]
#[error("{key} failed")]
pub struct StepFailure {
    /// Index in the group.
    pub at: usize,
    pub key: Box<Key>,
    #[source]
    pub error: WorldError,
}

/// Why the world could not be seen or changed.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    #[error("{key}: {needed} does not exist")]
    Missing { key: Box<Key>, needed: Box<Key> },
    #[error("the kernel refused")]
    Host(#[from] HostError),
    #[error("an embedded server cannot answer")]
    Listen(#[from] ListenError),
    #[error("the DHCP server has ended")]
    Dhcp(#[from] dhcp::ServerError),
    #[error("the DNS server cannot take the zones")]
    Dns(#[from] dns::LoadError),
    #[error("the ownership of the host's things cannot be kept")]
    Ledger(#[from] LedgerError),
    #[error("{key}: the content with sha256 {digest} was never uploaded")]
    MissingContent { key: Box<Key>, digest: Digest },
    #[error("the machine is not as it should be")]
    Machine(#[source] MachineError),
    #[error("{key}: {why}")]
    Refused { key: Box<Key>, why: &'static str },
    #[error("{key}: this failure was asked for")]
    Injected { key: Box<Key> },
}

impl WorldError {
    /// What to do about it, beside what its code explains.
    pub fn help(&self) -> Option<String> {
        if let Self::Machine(error) = self {
            error.help()
        } else {
            None
        }
    }

    /// The code under which people find help.
    pub fn code(&self) -> Code {
        match self {
            Self::Listen(ListenError::Socket { source, .. })
                if source.kind() == std::io::ErrorKind::AddrInUse =>
            {
                Code::PortBusy
            }
            Self::Listen(ListenError::NoLink { .. }) | Self::Host(HostError::NoLink { .. }) => {
                Code::LinkMissing
            }
            Self::Ledger(_) => Code::StoreFailed,
            Self::MissingContent { .. } => Code::ContentMissing,
            Self::Machine(error) => of_machine(error),
            Self::Missing { .. }
            | Self::Host(_)
            | Self::Listen(_)
            | Self::Dhcp(_)
            | Self::Dns(_)
            | Self::Refused { .. }
            | Self::Injected { .. } => Code::WorldFailed,
        }
    }
}

fn of_machine(error: &MachineError) -> Code {
    match error {
        MachineError::Target { .. }
        | MachineError::Password { .. }
        | MachineError::LongPassword { .. } => Code::BmcSecret,
        MachineError::Bmc { source, .. } => match source.trouble() {
            Trouble::Unreachable => Code::BmcUnreachable,
            Trouble::Closed => Code::BmcClosed,
            Trouble::NoRoute => Code::BmcNoRoute,
            Trouble::Credentials => Code::BmcRefusesUs,
            Trouble::Untrusted => Code::BmcUntrusted,
            Trouble::Failed => Code::BmcFailed,
        },
        MachineError::Refused { .. } => Code::BmcRefusesUs,
        MachineError::NoBmc
        | MachineError::OwnAccount
        | MachineError::Taken { .. }
        | MachineError::NotLetIn { .. }
        | MachineError::NotThere { .. } => Code::BmcFailed,
        MachineError::Ending | MachineError::BrokenOff => Code::WorldFailed,
    }
}
