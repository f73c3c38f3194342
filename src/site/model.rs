//! What a site is once every name in it is resolved. Plain values; each object keeps the place that declared it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

pub use super::bmc::{
    Bmc, BmcAccount, BmcManual, BmcProtocol, BmcTrust, BmcWebhook, DeclaredBmc, DeclaredNetwork,
    DeclaredUser,
};
use crate::base::addr::{AddressRange, InterfaceAddr, Prefix};
use crate::base::arch::ClientArch;
use crate::base::bmc::BootOverride;
use crate::base::bond::{BondMode, BondParameter, BondValue};
use crate::base::care::{IgnoreRule, Protection};
use crate::base::class::ClientClass;
use crate::base::digest::Digest;
use crate::base::duration::Seconds;
use crate::base::hook::{HookEvent, ProgramPath};
use crate::base::identity::{Identity, Uuid};
use crate::base::mac::MacAddr;
use crate::base::name::{DomainName, FilePath, HostName, LinkName, Name, UserName};
use crate::base::option::OptionValue;
use crate::base::origin::Origin;
use crate::base::percent::Percent;
use crate::base::policy::DhcpPolicy;
use crate::base::record::RecordData;
use crate::base::route::{Family, RouteKind};
use crate::base::secret::SecretRef;
use crate::base::setting::LinkSetting;
use crate::base::vlan::{VlanPath, VlanProtocol};
use crate::base::webhook::WebhookUrl;
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
    /// How long it is kept who held which address.
    pub history_time: Seconds,
    pub hooks: BTreeMap<Name, Hook>,
    pub webhooks: BTreeMap<Name, Webhook>,
}

/// A program that is run when something happens to a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    pub events: BTreeSet<HookEvent>,
    pub program: ProgramPath,
    pub arguments: Vec<String>,
    pub within: Seconds,
    pub origin: Origin,
}

/// A URL that is told when something happens to a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub events: BTreeSet<HookEvent>,
    pub url: WebhookUrl,
    pub secret: SecretRef,
    pub within: Seconds,
    pub origin: Origin,
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
    pub dhcp: Option<Box<Dhcp>>,
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
    pub policy: DhcpPolicy,
    /// What clients without an image of their own boot.
    pub image: Option<Name>,
    /// In the order in which they count: its own, those of the VLAN that it is relayed to, the site's.
    pub classes: Vec<ClientClass>,
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
    /// How full its dynamic ranges are when that is told.
    pub thresholds: BTreeSet<Percent>,
    /// What its clients are told besides what follows from the site, by code: its own, its VLAN's and the site's.
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
    /// What its clients are told instead of what the subnet says, by code.
    pub options: BTreeMap<u8, OptionValue>,
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
    /// Its own, in the order of their destinations, tables and metrics.
    pub routes: Vec<ControllerRoute>,
    /// In the order of their priorities.
    pub rules: Vec<PolicyRule>,
    pub protection: Option<Protection>,
    pub origin: Origin,
}

/// A route of one controller alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControllerRoute {
    pub destination: Prefix,
    pub kind: RouteKind,
    /// Where packets are sent, in a settled order; none unless the route is unicast.
    pub hops: Vec<RouteHop>,
    /// As written: of an IPv6 route, zero is the kernel's own default.
    pub metric: u32,
    /// Where it names none, that of the VRF whose ports it leads through, else the main one.
    pub table: u32,
    /// The address that the host sends from, an address of its own.
    pub source: Option<IpAddr>,
    pub origin: Origin,
}

/// One of the ways that a route leads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouteHop {
    /// The router, which may be of another address family than the destination (RFC 5549); none where the destination is on the link.
    pub via: Option<IpAddr>,
    /// The link towards it; none where the kernel finds it by the controller's addresses.
    pub link: Option<LinkName>,
    /// How many packets take it for each that takes one of weight one.
    pub weight: u16,
    /// Whether the router is on the link though no address says so.
    pub onlink: bool,
}

/// A rule that says which table routes a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRule {
    pub priority: u32,
    /// A rule of both families stands twice.
    pub family: Family,
    pub from: Option<Prefix>,
    pub to: Option<Prefix>,
    pub incoming: Option<LinkName>,
    pub outgoing: Option<LinkName>,
    pub mark: Option<u32>,
    pub action: RuleAction,
    pub origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleAction {
    /// The routes of this table decide.
    Table(u32),
    Blackhole,
    Unreachable,
    Prohibit,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultGateway {
    pub via: IpAddr,
    /// That of the VRF whose port it is reached through, else the main one.
    pub table: u32,
    pub origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControllerLink {
    pub form: LinkForm,
    /// The hardware address that a physical link is found by, or that another one is given.
    pub mac: Option<MacAddr>,
    pub vlan: Option<VlanPath>,
    /// What routes its packets: the table of the VRF that it is, or is a port of, else the main one.
    pub table: u32,
    /// The MTU declared on the link, else its VLAN's.
    pub mtu: Option<u32>,
    /// In the order written: the first of a subnet is what the host sends from.
    pub addresses: Vec<PlacedAddress>,
    /// Whether it takes an address that DHCP offers.
    pub dhcp: bool,
    /// What the kernel is told of it, where the site says.
    pub settings: BTreeMap<LinkSetting, u32>,
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
        protocol: VlanProtocol,
    },
    /// A bridge over other links of the same host.
    Bridge(Bridge),
    Loopback,
    /// Addresses of the host itself, on no wire.
    Dummy,
    /// Links of the same host whose packets another table routes.
    Vrf {
        table: u32,
        ports: Vec<LinkName>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bond {
    pub mode: BondMode,
    pub ports: Vec<LinkName>,
    pub parameters: BTreeMap<BondParameter, BondValue>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridge {
    /// Whether Open vSwitch makes it.
    pub is_ovs: bool,
    pub ports: Vec<LinkName>,
    /// The spanning tree protocol; off where the site does not say.
    pub stp: bool,
    pub forward_delay: Option<Seconds>,
    /// Whether its ports take the frames of their own VLANs only.
    pub vlan_filtering: bool,
    /// The id of untagged frames on ports that say nothing else; 0 for none.
    pub default_pvid: u16,
    /// What ports say of VLANs, the bridge itself among them.
    pub port_vlans: BTreeMap<LinkName, PortVlans>,
}

/// The ids of the VLANs whose frames a bridge's port takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortVlans {
    pub tagged: BTreeSet<u16>,
    /// The id of its untagged frames.
    pub untagged: Option<u16>,
}

/// An address with the subnet that it was found in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedAddress {
    pub address: InterfaceAddr,
    /// Whether the kernel makes a route to its prefix.
    pub prefix_route: bool,
    /// Whether the host sends from it of itself.
    pub preferred: bool,
    /// Whether IPv6 looks for another host with it first.
    pub duplicate_detection: bool,
    pub origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// What its firmware calls it.
    pub uuid: Option<Uuid>,
    pub image: Option<Name>,
    pub tags: BTreeSet<Name>,
    /// The one that it stands in.
    pub rack: Option<Name>,
    /// In the order of their names.
    /// Boxed, since a map makes room for eleven and most machines have two: a large site would take half as much memory again.
    pub interfaces: BTreeMap<LinkName, Box<MachineInterface>>,
    pub bmc: Option<DeclaredBmc>,
    pub bmc_network: Option<Box<DeclaredNetwork>>,
    /// Who else may use its BMC.
    pub bmc_users: BTreeMap<UserName, DeclaredUser>,
    /// Whether it should run; none where nobody minds.
    pub power: Option<bool>,
    /// What its firmware is to try first at every boot; none where nobody minds.
    pub boot_order: Option<BootOverride>,
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

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineInterface {
    pub form: LinkForm,
    pub mtu: Option<u32>,
    pub mac: Option<MacAddr>,
    /// What else its client is recognised by, but for its machine's UUID.
    pub identities: BTreeSet<Identity>,
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

    /// Whether some controller serves DHCP in a VLAN, itself or through a relay agent.
    pub fn offers_dhcp(&self, vlan: &VlanPath) -> bool {
        self.vlans.get(vlan).is_some_and(|vlan| vlan.dhcp.is_some())
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
