//! Arguments of the commands that speak with BMCs.

use std::fmt;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};

use crate::base::addr::Prefix;
use crate::base::bmc::{BootDevice, BootMode, BootOverride, PowerAction};
use crate::base::name::{HostName, Name, NameError};
use crate::daemon::{BmcWish, MachineSelection};

#[derive(Debug, Args)]
pub(in crate::cli) struct PowerArguments {
    /// What to do; `status` only asks
    pub(in crate::cli) deed: PowerDeed,
    /// Machines of the site in force: names, tag:TAG, rack:RACK, or all; `status` without any asks all
    #[arg(value_name = "NAME|tag:TAG|rack:RACK|all")]
    pub(in crate::cli) who: Vec<Who>,
    /// Do not ask
    #[arg(long)]
    pub(in crate::cli) yes: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct LogArguments {
    /// Machines of the site in force: names, tag:TAG, rack:RACK, or all
    #[arg(value_name = "NAME|tag:TAG|rack:RACK|all", required = true)]
    pub(in crate::cli) who: Vec<Who>,
    /// Clear the log once it was read
    #[arg(long)]
    pub(in crate::cli) clear: bool,
    /// Do not ask
    #[arg(long, requires = "clear")]
    pub(in crate::cli) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum BmcDeed {
    /// What machines are made of: serials, parts and network ports, and how each BMC is on its own network
    Inventory {
        /// Machines of the site in force: names, tag:TAG, rack:RACK, or all
        #[arg(value_name = "NAME|tag:TAG|rack:RACK|all", required = true)]
        who: Vec<Who>,
    },
    /// Show the certificate that a Redfish BMC or a webhook presents, to compare and to pin, and whether the site trusts it; nothing is
    /// told to it
    Trust {
        /// A machine of the site in force, by its name
        #[arg(value_name = "NAME")]
        machine: HostName,
    },
    /// Switch the light by which a person finds a machine
    Identify(IdentifyArguments),
    /// Say where machines boot from next, instead of what their firmware is set to
    Boot(BootArguments),
    /// Put an image into a drive that a Redfish BMC lends its machine, take it out, or show what is in such drives
    Media(MediaArguments),
    /// Look for BMCs in subnets: which answer, whose they are, and which of the site's are silent; no password is shown to any
    Discover(DiscoverArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bedplate bmc identify node-01              on until it is switched off
  bedplate bmc identify rack:r7 --for 60     on for a minute, where the BMC can
  bedplate bmc identify all --off")]
pub(in crate::cli) struct IdentifyArguments {
    /// Machines of the site in force: names, tag:TAG, rack:RACK, or all
    #[arg(value_name = "NAME|tag:TAG|rack:RACK|all", required = true)]
    pub(in crate::cli) who: Vec<Who>,
    /// Switch it off
    #[arg(long, conflicts_with = "for")]
    pub(in crate::cli) off: bool,
    /// Switch it on for so many seconds, 1 to 255; Redfish knows no time
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u8).range(1..))]
    pub(in crate::cli) r#for: Option<u8>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Each address is asked by a ping of RMCP and for the service root of Redfish, 256 at a time and 500 a second at most. In IPv6 subnets those are asked whom the controller knows as neighbours. A fingerprint is what was seen, not what is true: compare it before you pin it.

Examples:
  bedplate bmc discover                   the subnets of the site that hold BMCs
  bedplate bmc discover 10.62.0.0/24 10.63.0.0/24
  bedplate --json bmc discover | jq -c 'select(.found and .found.machine == null)'"
)]
pub(in crate::cli) struct DiscoverArguments {
    /// Subnets, together of 65,536 addresses at most; without any those of the site that hold a BMC
    #[arg(value_name = "SUBNET")]
    pub(in crate::cli) subnets: Vec<Prefix>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bedplate bmc media status                   which drives there are, and what is in them, of all machines
  bedplate bmc media insert node-01 --image http://10.10.0.2/rescue.iso
  bedplate bmc boot cd node-01                boots from it once; `bedplate power reset node-01` restarts it
  bedplate bmc media eject node-01

The BMC fetches the image by itself, when it is inserted or as the machine reads it. What the BMC reports afterwards counts.")]
pub(in crate::cli) struct MediaArguments {
    /// What to do; `status` only asks
    pub(in crate::cli) word: MediaWord,
    /// Machines of the site in force: names, tag:TAG, rack:RACK, or all; `status` without any asks all
    #[arg(value_name = "NAME|tag:TAG|rack:RACK|all")]
    pub(in crate::cli) who: Vec<Who>,
    /// Where the image is: a URL of HTTP or HTTPS without a password, which the BMC can reach
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) image: Option<String>,
    /// The drive, by the id that `status` shows; by default the one that a CD goes into
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) drive: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum MediaWord {
    /// What is in the drives now
    Status,
    /// Put an image into one
    Insert,
    /// Take out what is in one
    Eject,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bedplate bmc boot status                      what overrides the boot order, of all machines
  bedplate bmc boot pxe node-01 --uefi          at the next boot; `bedplate power reset node-01` boots it
  bedplate bmc boot disk tag:compute --persistent --yes
  bedplate bmc boot none node-01                as the firmware is set to

An override says what the firmware does instead of its own boot order. What the BMC reports afterwards counts: a BMC that agrees and does not keep it is told of, with exit code 4.")]
pub(in crate::cli) struct BootArguments {
    /// Where to boot from; `none` takes an override away, `status` only asks
    pub(in crate::cli) word: BootWord,
    /// Machines of the site in force: names, tag:TAG, rack:RACK, or all; `status` without any asks all
    #[arg(value_name = "NAME|tag:TAG|rack:RACK|all")]
    pub(in crate::cli) who: Vec<Who>,
    /// For the next boot alone, which is also what is done without a word
    #[arg(long, conflicts_with = "persistent")]
    pub(in crate::cli) once: bool,
    /// For every boot from now on
    #[arg(long)]
    pub(in crate::cli) persistent: bool,
    /// As UEFI boots
    #[arg(long, conflicts_with = "bios")]
    pub(in crate::cli) uefi: bool,
    /// As a BIOS boots; without a word the mode is that of the site's `boot-order`, else UEFI by IPMI, and left alone by Redfish
    #[arg(long)]
    pub(in crate::cli) bios: bool,
    /// Do not ask
    #[arg(long)]
    pub(in crate::cli) yes: bool,
}

impl BootArguments {
    pub(in crate::cli) fn wish(&self) -> BmcWish {
        let device = match self.word {
            BootWord::Status => return BmcWish::ShowBoot,
            BootWord::None => return BmcWish::Boot(None),
            BootWord::Pxe => BootDevice::Network,
            BootWord::UefiHttp => BootDevice::Http,
            BootWord::Disk => BootDevice::Disk,
            BootWord::Cd => BootDevice::Cd,
            BootWord::Setup => BootDevice::Setup,
        };
        let mode = match (self.uefi, self.bios) {
            (true, _) => Some(BootMode::Efi),
            (false, true) => Some(BootMode::Bios),
            (false, false) => None,
        };
        BmcWish::Boot(Some(BootOverride {
            device,
            once: !self.persistent,
            mode,
        }))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum BootWord {
    /// What overrides the boot order now
    Status,
    /// The network, by PXE
    Pxe,
    /// The network, by UEFI HTTP boot; Redfish alone knows it
    UefiHttp,
    /// The disk
    Disk,
    /// A compact disc, or virtual media
    Cd,
    /// The firmware's own settings
    Setup,
    /// Nothing: as the firmware is set to
    None,
}

impl fmt::Display for BootWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
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
    /// Say that what a person was asked for is done, of machines whose BMC is `manual`
    Done,
}

impl PowerDeed {
    pub(in crate::cli) fn action(self) -> Option<PowerAction> {
        match self {
            Self::Status | Self::Done => None,
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
    Rack(Name),
    All,
}

impl FromStr for Who {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text.split_once(':') {
            Some(("tag", tag)) => tag.parse().map(Self::Tag),
            Some(("rack", rack)) => rack.parse().map(Self::Rack),
            None if text == "all" => Ok(Self::All),
            Some(_) | None => text.parse().map(Self::Machine),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine(host) => host.fmt(f),
            Self::Tag(tag) => write!(f, "tag:{tag}"),
            Self::Rack(rack) => write!(f, "rack:{rack}"),
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
                Self::Rack(rack) => which.racks.push(rack.clone()),
                Self::All => which.all = true,
            }
        }
        which
    }
}
