//! Arguments of the commands that speak with BMCs.

use std::fmt;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};

use crate::base::bmc::PowerAction;
use crate::base::name::{HostName, Name, NameError};
use crate::daemon::MachineSelection;

#[derive(Debug, Args)]
pub(in crate::cli) struct PowerArguments {
    /// What to do; `status` only asks
    pub(in crate::cli) deed: PowerDeed,
    /// Machines of the site in force: names, tag:TAG, or all; `status` without any asks all
    #[arg(value_name = "NAME|tag:TAG|all")]
    pub(in crate::cli) who: Vec<Who>,
    /// Do not ask
    #[arg(long)]
    pub(in crate::cli) yes: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct LogArguments {
    /// A machine of the site in force
    pub(in crate::cli) machine: HostName,
    /// Clear the log once it was read
    #[arg(long)]
    pub(in crate::cli) clear: bool,
    /// Do not ask
    #[arg(long, requires = "clear")]
    pub(in crate::cli) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum BmcDeed {
    /// What the machine is made of: its serials, parts and network ports
    Inventory { machine: HostName },
    /// Show the certificate that a Redfish BMC presents, to compare and to pin; nothing is told to the BMC
    Trust { machine: HostName },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum PowerDeed {
    /// Whether machines run
    Status,
    /// Give them power
    On,
    /// Ask their systems to stop, and wait up to five minutes
    SoftOff,
    /// Take their power away
    Off,
    /// Off for a moment, then on
    Cycle,
    /// Restart them without a loss of power
    Reset,
}

impl PowerDeed {
    pub(in crate::cli) fn action(self) -> Option<PowerAction> {
        match self {
            Self::Status => None,
            Self::On => Some(PowerAction::On),
            Self::SoftOff => Some(PowerAction::SoftOff),
            Self::Off => Some(PowerAction::Off),
            Self::Cycle => Some(PowerAction::Cycle),
            Self::Reset => Some(PowerAction::Reset),
        }
    }
}

/// Some machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Who {
    Machine(HostName),
    Tag(Name),
    All,
}

impl FromStr for Who {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text.strip_prefix("tag:") {
            Some(tag) => tag.parse().map(Self::Tag),
            None if text == "all" => Ok(Self::All),
            None => text.parse().map(Self::Machine),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine(host) => host.fmt(f),
            Self::Tag(tag) => write!(f, "tag:{tag}"),
            Self::All => f.write_str("all machines"),
        }
    }
}

impl Who {
    pub(in crate::cli) fn which(who: &[Self]) -> MachineSelection {
        let mut which = MachineSelection::default();
        for one in who {
            match one {
                Self::Machine(host) => which.machines.push(host.clone()),
                Self::Tag(tag) => which.tags.push(tag.clone()),
                Self::All => which.all = true,
            }
        }
        which
    }
}
