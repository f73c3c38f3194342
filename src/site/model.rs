//! What a site is once every name in it is resolved. Plain values; each object keeps the place that declared it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::base::addr::{AddressRange, InterfaceAddr, Prefix};
use crate::base::arch::ClientArch;
use crate::base::bond::BondMode;
use crate::base::care::{IgnoreRule, Protection};
use crate::base::digest::Digest;
use crate::base::duration::Seconds;
use crate::base::mac::MacAddr;
use crate::base::name::{DomainName, FilePath, HostName, LinkName, Name};
use crate::base::option::OptionValue;
use crate::base::origin::Origin;
use crate::base::record::RecordData;
use crate::base::secret::SecretRef;
use crate::base::vlan::VlanPath;
use crate::lang::node::TimeServer;

/// A whole site. Maps are ordered, so that equal sites render equally whatever the order of their nodes and files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    pub name: Name,
    pub domain: DomainName,
    pub origin: Origin,
    /// Resolvers that answer for names outside the site.
    pub forwarders: Vec<IpAddr>,
    /// Where the controllers have the time from.
    pub time_servers: Vec<TimeServer>,
    pub spaces: BTreeMap<Name, Origin>,
    pub fabrics: BTreeMap<Name, Fabric>,
    pub vlans: BTreeMap<VlanPath, Vlan>,
    pub images: BTreeMap<Name, Image>,
    pub routes: Vec<StaticRoute>,
    /// By their full names.
    pub records: BTreeMap<DomainName, Record>,
    pub controllers: BTreeMap<HostName, Controller>,
    pub machines: BTreeMap<HostName, Machine>,
    /// What others may change, in the order of the patterns.
    pub ignored: Vec<IgnoreRule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fabric {
    /// Whether its addresses are its own, whatever other fabrics have.
    pub isolated: bool,
    pub origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vlan {
    /// The 802.1Q id, 1 to 4094; none for the fabric's untagged VLAN.
    pub id: Option<u16>,
    pub mtu: Option<u32>,
    pub space: Option<Name>,
    pub dhcp: Option<Dhcp>,
    pub subnets: BTreeMap<Prefix, Subnet>,
    pub protection: Option<Protection>,
    pub origin: Origin,
}

/// DHCP service on a VLAN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dhcp {
    /// Controllers that serve the VLAN, in the order written; never empty.
    pub controllers: Vec<HostName>,
    /// The VLAN of these controllers, where a relay agent forwards to it.
    pub relay: Option<VlanPath>,
    pub lease_time: Seconds,
    /// What clients without an image of their own boot.
    pub image: Option<Name>,
    /// What its subnets' clients are told besides, by code.
    pub options: BTreeMap<u8, OptionValue>,
    pub origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    pub gateway: Option<IpAddr>,
    /// DNS servers for machines, names of controllers resolved; empty means the controllers that serve the VLAN.
    pub dns: Vec<IpAddr>,
    pub dynamic: Vec<DynamicRange>,
    pub reserved: Vec<ReservedRange>,
    /// Whether addresses here are for this site to give.
    pub managed: bool,
    pub reverse_dns: ReverseDns,
    /// Whether machines here are told of the controllers' name service.
    pub allow_dns: bool,
    pub active_discovery: bool,
    /// Kinds of clients that are not told what to boot.
    pub disabled_boot: BTreeSet<ClientArch>,
    /// What its clients are told besides, by code.
    pub options: BTreeMap<u8, OptionValue>,
    pub protection: Option<Protection>,
    pub origin: Origin,
}

/// How names of a subnet's addresses are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReverseDns {
    /// In the zone that holds the prefix.
    Zone,
    /// In a zone of the prefix alone, to which the zone above points (RFC 2317).
    Rfc2317,
    Off,
}

/// Addresses that DHCP hands out to anyone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DynamicRange {
    pub range: AddressRange,
    pub origin: Origin,
}

/// Addresses that nothing here allocates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservedRange {
    pub range: AddressRange,
    pub purpose: Option<String>,
    pub origin: Origin,
}

/// A route for every controller and machine with an address in the subnet that holds `via`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticRoute {
    pub destination: Prefix,
    pub via: IpAddr,
    /// The VLAN whose subnet holds `via`.
    pub vlan: VlanPath,
    pub metric: u32,
    pub origin: Origin,
}

/// What DNS says of a name that no host has, or besides of one that one has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub ttl: Option<Seconds>,
    /// Names in them are full ones.
    pub values: BTreeSet<RecordData>,
    pub origin: Origin,
}

/// A host that runs `bedplate serve`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Controller {
    /// At most one of each address family.
    pub default_gateways: Vec<DefaultGateway>,
    /// Who must answer after each apply.
    pub reachable: BTreeSet<IpAddr>,
    pub links: BTreeMap<LinkName, ControllerLink>,
    pub protection: Option<Protection>,
    pub origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultGateway {
    pub via: IpAddr,
    pub origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControllerLink {
    pub form: LinkForm,
    /// The hardware address that a physical link is found by, or that another one is given.
    pub mac: Option<MacAddr>,
    pub vlan: Option<VlanPath>,
    /// The MTU declared on the link, else its VLAN's.
    pub mtu: Option<u32>,
    pub addresses: Vec<PlacedAddress>,
    /// Whether it takes an address that DHCP offers.
    pub dhcp: bool,
    pub protection: Option<Protection>,
    pub origin: Origin,
}

/// What a link of a host is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkForm {
    Ethernet,
    /// Several links of the same host as one.
    Bond(Bond),
    /// The frames of the link's VLAN on another link.
    Tagged {
        on: LinkName,
    },
    /// A bridge over other links of the same host.
    Bridge(Bridge),
    Loopback,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bond {
    pub mode: BondMode,
    pub ports: Vec<LinkName>,
    /// By their names in the language, in the words of their kinds.
    pub parameters: BTreeMap<&'static str, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridge {
    /// Whether Open vSwitch makes it.
    pub is_ovs: bool,
    pub ports: Vec<LinkName>,
    /// The spanning tree protocol; off where the site does not say.
    pub stp: bool,
    pub forward_delay: Option<Seconds>,
}

/// An address with the subnet that it was found in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedAddress {
    pub address: InterfaceAddr,
    pub origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    pub image: Option<Name>,
    pub tags: BTreeSet<Name>,
    /// In the order of their names; the first with an address carries the machine's own DNS name.
    /// Boxed, since a map makes room for eleven and most machines have two: a large site would take half as much memory again.
    pub interfaces: BTreeMap<LinkName, Box<MachineInterface>>,
    pub bmc: Option<Bmc>,
    /// Whether it should run; none where nobody minds.
    pub power: Option<bool>,
    /// Whether the network offers it nothing to boot.
    pub boots_from_disk: bool,
    /// What DHCP tells it besides, by code.
    pub options: BTreeMap<u8, OptionValue>,
    /// The routers that it is told, at most one of each address family; none for the gateway of each subnet.
    pub default_gateways: Vec<IpAddr>,
    /// Its own, else its profile's.
    pub protection: Option<Protection>,
    pub origin: Origin,
}

/// A machine's baseboard management controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bmc {
    pub protocol: BmcProtocol,
    pub address: IpAddr,
    pub username: String,
    pub password: SecretRef,
    pub origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BmcProtocol {
    Redfish {
        /// Which of several systems; none where the BMC has one.
        system: Option<String>,
    },
    Ipmi {
        cipher_suite: Option<u8>,
        privilege: Option<String>,
        key: Option<SecretRef>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineInterface {
    pub form: LinkForm,
    pub mtu: Option<u32>,
    pub mac: Option<MacAddr>,
    pub vlan: Option<VlanPath>,
    pub addresses: Vec<PlacedAddress>,
    /// Whether it takes an address that DHCP offers.
    pub dhcp: bool,
    pub origin: Origin,
}

/// What a machine boots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// First boot program for each class of client.
    pub programs: BTreeMap<ClientArch, FilePath>,
    /// What the kernel is told; `{{ … }}` stands for what differs from machine to machine.
    pub cmdline: Option<String>,
    pub kernel: Option<FilePath>,
    pub initrd: Option<FilePath>,
    /// A template of what a machine is told at its first start.
    pub user_data: Option<FilePath>,
    pub cpu: Option<String>,
    /// Every file that is served for the image, the programs among them; in a git revision those that it holds.
    pub files: BTreeMap<FilePath, ImageFile>,
    pub protection: Option<Protection>,
    pub origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFile {
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    pub origin: Origin,
}

impl Site {
    /// The controllers that serve at least one VLAN, in the order of their names.
    pub fn servers(&self) -> impl Iterator<Item = &HostName> {
        let serves = |host: &&HostName| {
            let mut services = self.vlans.values().filter_map(|vlan| vlan.dhcp.as_ref());
            services.any(|dhcp| dhcp.controllers.contains(host))
        };
        self.controllers.keys().filter(serves)
    }
}

impl Site {
    /// Whether a controller serves a VLAN itself.
    pub fn serves(&self, controller: &HostName, vlan: &VlanPath) -> bool {
        let dhcp = self.vlans.get(vlan).and_then(|vlan| vlan.dhcp.as_ref());
        dhcp.is_some_and(|dhcp| dhcp.relay.is_none() && dhcp.controllers.contains(controller))
    }
}

impl Vlan {
    /// The subnet of this VLAN that holds `address`.
    pub fn subnet_of(&self, address: IpAddr) -> Option<(Prefix, &Subnet)> {
        self.subnets
            .iter()
            .find(|(prefix, _)| prefix.contains(address))
            .map(|(prefix, subnet)| (*prefix, subnet))
    }
}

impl Controller {
    /// The links that are access ports in `vlan`, each with its addresses.
    pub fn links_in<'a>(
        &'a self,
        vlan: &'a VlanPath,
    ) -> impl Iterator<Item = (&'a LinkName, &'a ControllerLink)> {
        self.links
            .iter()
            .filter(move |(_, link)| link.vlan.as_ref() == Some(vlan))
    }

    /// All addresses, in the order of their links' names.
    pub fn addresses(&self) -> impl Iterator<Item = (&LinkName, &PlacedAddress)> {
        self.links
            .iter()
            .flat_map(|(name, link)| link.addresses.iter().map(move |placed| (name, placed)))
    }
}
