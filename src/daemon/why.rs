//! What became of a client's messages, as the daemon tells of it.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::lease::{LeaseRow, disputed, hex};
use crate::base::arch::ClientArch;
use crate::base::identity::Uuid;
use crate::base::mac::MacAddr;
use crate::base::moment::Moment;
use crate::base::name::{HostName, LinkName, Name};
use crate::base::vlan::VlanPath;
use crate::serve::dhcp::{
    Config, Exchange, Heard, InUse, Kind, Lease, LeaseState, NoProgram, Program, Waiting,
};

/// What is known of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    pub mac: MacAddr,
    /// The link of the machine that has this hardware address, where the machine was asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkName>,
    /// The addresses that it has or had.
    pub leases: Vec<LeaseRow>,
    pub reserved: Vec<ReservedRow>,
    /// What it had or was to have, and is in use by another.
    #[serde(default)]
    pub quarantines: Vec<QuarantineRow>,
    /// Its last exchanges, in their order.
    pub exchanges: Vec<ExchangeRow>,
}

/// What is reserved for it in a VLAN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservedRow {
    pub vlan: VlanPath,
    pub host: HostName,
    pub addresses: Vec<Ipv4Addr>,
    /// Which of them it has not, because another has it or it is in quarantine.
    #[serde(default)]
    pub obstacles: Vec<ObstacleRow>,
}

/// Why a machine has not an address that is reserved for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObstacleRow {
    pub address: Ipv4Addr,
    pub because: String,
    /// When that ends, as far as is known.
    pub until: Option<Moment>,
    /// Whether it ends as soon as the machine asks.
    #[serde(default)]
    pub gives_way: bool,
}

/// An address that nobody gets for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineRow {
    pub address: Ipv4Addr,
    pub until: Moment,
    /// Who found it in use.
    pub because: String,
}

/// A client that gets no answer until the site names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingRow {
    pub hardware: String,
    pub vlan: VlanPath,
    /// When it was first heard, and last; since the configuration was last changed.
    pub since: Moment,
    pub heard: Moment,
    pub messages: u64,
}

/// A message and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeRow {
    pub at: Moment,
    /// Such as `discover`; nothing where it could not be read.
    pub message: Option<String>,
    /// In one word.
    pub outcome: String,
    /// The address that the outcome is about.
    pub address: Option<Ipv4Addr>,
    /// Why not, in one word, and in a sentence.
    pub reason: Option<String>,
    pub because: Option<String>,
    pub vlan: Option<VlanPath>,
    /// The link that the message came by, and our address there.
    pub link: Option<LinkName>,
    pub listener: Option<Ipv4Addr>,
    /// The relay agent (giaddr), the subnet that it names, and the circuit that it saw the client on.
    pub relay: Option<Ipv4Addr>,
    pub subnet: Option<Ipv4Addr>,
    pub circuit: Option<String>,
    /// The address that the client has (ciaddr), the one that it asks for (50), and the server that it means (54).
    pub has: Option<Ipv4Addr>,
    pub requested: Option<Ipv4Addr>,
    pub server: Option<Ipv4Addr>,
    pub client_id: Option<String>,
    pub vendor_class: Option<String>,
    /// What its firmware calls the machine (97).
    #[serde(default)]
    pub uuid: Option<String>,
    /// Whether the answer lacks the option 82 that came with it, since that left too little room.
    #[serde(default)]
    pub is_unechoed: bool,
    /// The addresses that were free for it and turned out to be in use, before the outcome.
    #[serde(default)]
    pub in_use: Vec<InUseRow>,
    /// What it was told of booting, where it looked for that.
    #[serde(default)]
    pub boot: Option<BootRow>,
}

/// An address that was looked for before it was offered, and is in quarantine since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InUseRow {
    pub address: Ipv4Addr,
    /// Who answered for it, where that is known.
    pub by: Option<MacAddr>,
}

/// What a client that looks for a boot program was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum BootRow {
    Told {
        /// A path for TFTP, or a URL.
        program: String,
        image: Name,
        architecture: ClientArch,
        /// Whether it told no architecture, and is taken for this one.
        #[serde(default)]
        is_assumed: bool,
    },
    NoProgram {
        /// Why none, in one word, and in a sentence.
        reason: String,
        because: String,
        /// The image that has none for it.
        image: Option<Name>,
        /// Those of the client, as far as they mattered.
        architectures: Vec<ClientArch>,
    },
}

impl Why {
    pub(super) fn new(mac: MacAddr, heard: Heard, (leases, config): (&[Lease], &Config)) -> Self {
        let own = leases
            .iter()
            .filter(|lease| lease.hardware.mac() == Some(mac));
        let declined = own
            .clone()
            .filter(|lease| lease.state == LeaseState::Declined);
        let reserved = heard.reserved.into_iter().map(|reserved| ReservedRow {
            vlan: VlanPath::clone(&reserved.vlan),
            host: reserved.host,
            addresses: reserved.addresses,
            obstacles: reserved
                .obstacles
                .into_iter()
                .map(|obstacle| ObstacleRow {
                    address: obstacle.address,
                    because: obstacle.why.to_string(),
                    until: obstacle.until.map(Moment),
                    gives_way: obstacle.gives_way,
                })
                .collect(),
        });
        let exchanges = heard.exchanges.into_iter();
        Self {
            mac,
            link: None,
            leases: own.map(|lease| LeaseRow::of(lease, config)).collect(),
            reserved: reserved.collect(),
            quarantines: declined.map(QuarantineRow::of).collect(),
            exchanges: exchanges
                .map(|(own, link)| ExchangeRow::of(&own, link))
                .collect(),
        }
    }
}

impl QuarantineRow {
    fn of(lease: &Lease) -> Self {
        Self {
            address: lease.address,
            until: Moment(lease.held_until),
            because: disputed(lease),
        }
    }
}

impl WaitingRow {
    pub(super) fn of(waiting: &Waiting) -> Self {
        Self {
            hardware: waiting.hardware.to_string(),
            vlan: VlanPath::clone(&waiting.vlan),
            since: Moment(waiting.since),
            heard: Moment(waiting.heard),
            messages: waiting.messages,
        }
    }
}

impl ExchangeRow {
    fn of(exchange: &Exchange, link: Option<LinkName>) -> Self {
        let set = |address: Ipv4Addr| (!address.is_unspecified()).then_some(address);
        let (said, outcome) = (&exchange.said, &exchange.outcome);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            at: Moment(exchange.at),
            message: exchange.kind.map(|kind| word(kind).to_owned()),
            outcome: outcome.word().to_owned(),
            address: outcome.address(),
            reason: outcome.reason().map(str::to_owned),
            because: outcome.because(),
            vlan: exchange.vlan.as_deref().cloned(),
            link,
            listener: exchange.listener,
            relay: set(exchange.relay),
            subnet: said.subnet,
            circuit: said.circuit.as_deref().map(hex),
            has: set(exchange.has),
            requested: said.requested,
            server: said.server,
            client_id: said.client_id.as_deref().map(hex),
            vendor_class: said.vendor_class.as_deref().map(text),
            uuid: said
                .machine_id
                .as_deref()
                .and_then(Uuid::of_machine_id)
                .map(|uuid| uuid.to_string()),
            is_unechoed: exchange.is_unechoed,
            in_use: exchange.in_use.iter().map(InUseRow::of).collect(),
            boot: outcome.boot().map(BootRow::of),
        }
    }
}

impl InUseRow {
    fn of(in_use: &InUse) -> Self {
        let InUse { address, by } = *in_use;
        Self { address, by }
    }
}

impl BootRow {
    fn of(boot: Result<&Program, &NoProgram>) -> Self {
        match boot {
            Ok(program) => Self::Told {
                program: program.text().into_owned(),
                image: program.image().clone(),
                architecture: program.arch(),
                is_assumed: program.is_assumed(),
            },
            Err(why) => Self::NoProgram {
                reason: why.word().to_owned(),
                because: why.to_string(),
                image: why.image().cloned(),
                architectures: why.archs().collect(),
            },
        }
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Discover => "discover",
        Kind::Request => "request",
        Kind::Decline => "decline",
        Kind::Release => "release",
        Kind::Inform => "inform",
        Kind::Bootp => "bootp",
    }
}
