//! From declarations to a draft of the site: references are indices, profiles are applied, addresses have found their subnets.
//!
//! A draft may be wrong in any way that the checks look for; what could not be resolved is marked, so that nothing is reported twice.

mod class;
mod domain;
mod host;
mod image;
mod names;
mod option;
mod profile;
mod route;
mod subnet;
mod switch;
mod table;
mod threshold;
mod vlan;
mod wish;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::base::addr::Prefix;
use crate::base::mac::MacAddr;
use crate::base::name::{DomainName, HostName, LinkName, Name};
use crate::base::route::MAIN_TABLE;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::{Sources, Span, Spanned};
use crate::lang::Slot;
use crate::lang::files::Files;
use crate::lang::node::{
    AddressFlags, ControllerNode, Declarations, HostShape, LinkNode, LinkShape, SubnetNode,
    TableRef, VlanNode,
};

use super::model::ImageFile;
use crate::base::name::FilePath;
use crate::base::vlan::VlanPath;

pub(super) use domain::Domain;
pub(super) use names::{Table, refer, several_fabrics, twice};
pub(super) use option::{OptionPlace, Said, nearest};
pub(super) use subnet::SubnetIndex;
pub(super) use switch::{places, requests};
pub(super) use table::Tables;
pub(super) use wish::Wish;

/// A site in the making.
pub(super) struct Draft<'a> {
    pub(super) declarations: &'a Declarations,
    pub(super) vlans: Vec<VlanDraft<'a>>,
    /// For each VLAN, the one whose servers its relay agent forwards to.
    pub(super) relays: Vec<Plug>,
    pub(super) subnets: Vec<SubnetDraft<'a>>,
    /// For each route, the subnet that holds its gateway.
    pub(super) routes: Vec<Option<usize>>,
    pub(super) index: SubnetIndex,
    /// What is asked of the lock, in the order of the hosts.
    pub(super) wishes: Vec<Wish<'a>>,
    /// Controllers first, then machines.
    pub(super) hosts: Vec<Host<'a>>,
    /// Hosts by name.
    pub(super) names: BTreeMap<&'a HostName, usize>,
    /// Names that several hosts have, of which nobody knows which is meant.
    pub(super) repeated: BTreeSet<&'a HostName>,
    pub(super) fabrics: Table<'a, Name>,
    pub(super) spaces: Table<'a, Name>,
    pub(super) images: Table<'a, Name>,
    pub(super) files: BTreeMap<&'a FilePath, ImageFile>,
}

pub(super) struct VlanDraft<'a> {
    pub(super) path: VlanPath,
    pub(super) domain: Domain,
    pub(super) node: &'a VlanNode,
}

pub(super) struct SubnetDraft<'a> {
    pub(super) domain: Domain,
    pub(super) vlan: usize,
    pub(super) node: &'a SubnetNode,
}

pub(super) struct Host<'a> {
    pub(super) name: &'a Spanned<HostName>,
    pub(super) role: Role<'a>,
    /// Names that it had before.
    pub(super) moved: &'a [Spanned<HostName>],
    pub(super) links: Vec<Link>,
    /// Its links in the order of their names, where there are so many that looking at each would take long.
    pub(super) by_name: Vec<usize>,
    /// Whether it has a profile that could not be found, which was reported.
    pub(super) lacks_profile: bool,
}

pub(super) enum Role<'a> {
    Controller(&'a ControllerNode),
    /// With its profile applied.
    Machine(Box<HostShape>),
}

pub(super) struct Link {
    pub(super) node: LinkNode,
    pub(super) plug: Plug,
    pub(super) addresses: Vec<Placed>,
    /// The VLANs of the ports that a filtering bridge speaks of, in their order.
    pub(super) port_plugs: Box<[PortPlugs]>,
    /// Where it asks for whatever DHCP offers.
    pub(super) dhcp: Option<Span>,
    /// Whether it asks for an address that the lock does not have yet.
    pub(super) is_waiting: bool,
}

/// What a link is plugged into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plug {
    Nothing,
    /// A VLAN that could not be found, which was reported.
    Unknown,
    Vlan(usize),
}

/// What a bridge's port takes the frames of.
pub(super) struct PortPlugs {
    pub(super) tagged: Vec<Plug>,
    pub(super) untagged: Plug,
}

/// What the kernel is told of an address.
#[derive(Debug, Clone, Copy)]
pub(super) struct AddressTraits {
    pub(super) prefix_route: bool,
    pub(super) preferred: bool,
    pub(super) duplicate_detection: bool,
}

pub(super) struct Placed {
    pub(super) ip: IpAddr,
    /// The length of its prefix, where one is written.
    pub(super) length: Option<u8>,
    /// Where the address is written: in the site, or in the lock.
    pub(super) span: Span,
    /// Whether the lock has it, so that another can be had.
    pub(super) is_locked: bool,
    pub(super) traits: AddressTraits,
    /// The subnet of the link's VLAN that holds the address.
    pub(super) subnet: Option<usize>,
}

/// Resolves every name; faults of resolution are reported here, those of rules by the checks.
pub(super) fn resolve<'a>(
    declarations: &'a Declarations,
    files: &dyn Files,
    sources: &Sources,
    out: &mut Faults,
) -> Draft<'a> {
    one_site(declarations, sources, out);
    let spaces = Table::new(
        "space",
        declarations.spaces.iter().map(|space| &space.name),
        out,
    );
    let images = Table::new(
        "image",
        declarations.images.iter().map(|image| &image.name),
        out,
    );
    let (fabrics, vlans) = vlan::vlans(declarations, out);
    let relays = vlan::relays(&vlans, &declarations.gaps, out);
    let subnets: Vec<_> = vlans
        .iter()
        .enumerate()
        .flat_map(|(vlan, draft)| {
            let nodes = draft.node.subnets.iter();
            let domain = draft.domain;
            nodes.map(move |node| SubnetDraft { domain, vlan, node })
        })
        .collect();
    let index = SubnetIndex::new(&subnets);
    let places = host::Places {
        vlans: &vlans,
        subnets: &subnets,
        index: &index,
    };
    let (hosts, wishes) = host::hosts(declarations, &places, out);
    let (names, repeated) = host::by_name(&hosts, out);
    let files = image::files(declarations, files, sources, out);
    let routes = route::routes(declarations, &fabrics, &places, out);
    Draft {
        declarations,
        vlans,
        relays,
        subnets,
        routes,
        index,
        wishes,
        hosts,
        names,
        repeated,
        fabrics,
        spaces,
        images,
        files,
    }
}

fn one_site(declarations: &Declarations, sources: &Sources, out: &mut Faults) {
    let mut sites = declarations.sites.iter();
    let Some(first) = sites.next() else {
        if !declarations.gaps.may_hide(&["site"]) {
            let mut fault = Diagnostic::new(Code::SiteCount, "there is no `site` node");
            if let Some(start) = sources.root() {
                fault = fault.label(start, "in this file or one that it includes");
            }
            out.push(fault.help("add site \"name\" domain=\"site.example.net\""));
        }
        return;
    };
    for again in sites {
        out.push(
            Diagnostic::new(Code::SiteCount, "a site has exactly one `site` node")
                .label(again.span, "another one here")
                .label(first.span, "the first one here")
                .help("remove one of them"),
        );
    }
}

/// More links than stand on one another anywhere: Linux has at most eight (`MAX_NEST_DEV`). Higher there are only circles.
const TALLEST: usize = 16;

impl Host<'_> {
    pub(super) fn is_controller(&self) -> bool {
        match self.role {
            Role::Controller(_) => true,
            Role::Machine(_) => false,
        }
    }

    /// The first of its links that has a name.
    pub(super) fn link(&self, name: &LinkName) -> Option<&Link> {
        let named = |index: &usize| self.links.get(*index).map(|link| &link.node.name.value);
        if self.by_name.is_empty() {
            return self.links.iter().find(|link| link.node.name.value == *name);
        }
        let at = self
            .by_name
            .partition_point(|index| named(index) < Some(name));
        let index = self
            .by_name
            .get(at)
            .filter(|index| named(index) == Some(name));
        self.links.get(*index?)
    }

    /// The hardware address that a link sends from: its own, else that of the link below it, of a bond or a bridge its first port's.
    /// Faulty where it is not known what the link stands on, which is told elsewhere.
    pub(super) fn mac_of<'l>(&'l self, link: &'l Link) -> &'l Slot<MacAddr> {
        let mut at = link;
        for _ in 0..TALLEST {
            if !at.node.mac.is_absent() {
                return &at.node.mac;
            }
            let below = match &at.node.shape {
                LinkShape::Bond { ports, .. } | LinkShape::Bridge { ports, .. } => {
                    ports.first().map(|port| &port.value)
                }
                LinkShape::Tagged { on, .. } => on.value(),
                LinkShape::Ethernet
                | LinkShape::Loopback
                | LinkShape::Dummy
                | LinkShape::Vrf { .. } => return &Slot::Absent,
            };
            match below.and_then(|below| self.link(below)) {
                Some(below) => at = below,
                None => return &Slot::Faulty,
            }
        }
        &Slot::Faulty
    }

    /// Whether the site says, or tries to say, what its firmware calls it.
    pub(super) fn has_uuid(&self) -> bool {
        match &self.role {
            Role::Machine(shape) => !shape.uuid.is_absent(),
            Role::Controller(_) => false,
        }
    }

    /// The number of a routing table; none where it has no such VRF.
    pub(super) fn table(&self, table: &TableRef) -> Option<u32> {
        match table {
            TableRef::Main => Some(MAIN_TABLE),
            TableRef::Number(number) => Some(*number),
            TableRef::Vrf(name) => match &self.link(name)?.node.shape {
                LinkShape::Vrf { table, .. } => table.value().copied(),
                LinkShape::Ethernet
                | LinkShape::Bond { .. }
                | LinkShape::Tagged { .. }
                | LinkShape::Bridge { .. }
                | LinkShape::Loopback
                | LinkShape::Dummy => None,
            },
        }
    }

    /// Where it sends everything else, as far as it says.
    pub(super) fn default_gateways(&self) -> &[Spanned<IpAddr>] {
        match &self.role {
            Role::Controller(node) => &node.default_gateways,
            Role::Machine(shape) => &shape.default_gateways,
        }
    }

    /// `machine node-01`, as messages name it.
    pub(super) fn title(&self) -> String {
        let kind = if self.is_controller() {
            "controller"
        } else {
            "machine"
        };
        format!("{kind} `{}`", self.name.value)
    }

    /// Its addresses in a VLAN.
    pub(super) fn addresses_in(&self, vlan: usize) -> impl Iterator<Item = &Placed> {
        self.links
            .iter()
            .filter(move |link| link.plug == Plug::Vlan(vlan))
            .flat_map(|link| &link.addresses)
    }

    /// Whether some link or address of it could not be read or resolved, so that it may have more addresses than it shows.
    pub(super) fn is_partial(&self) -> bool {
        let mut links = self.links.iter();
        self.lacks_profile
            || links.any(|link| {
                link.node.has_faulty_address || link.is_waiting || link.plug == Plug::Unknown
            })
    }
}

impl Link {
    /// Whether it has an address of its own, or is to have one from the lock.
    pub(super) fn has_address(&self) -> bool {
        self.is_waiting || !self.addresses.is_empty()
    }
}

impl PortPlugs {
    /// Each VLAN with the word that names it.
    pub(super) fn named(&self) -> impl Iterator<Item = (&'static str, Plug)> {
        let tagged = self.tagged.iter().map(|plug| ("tagged", *plug));
        tagged.chain(std::iter::once(("untagged", self.untagged)))
    }
}

impl AddressTraits {
    pub(super) fn of(flags: Option<&AddressFlags>) -> Self {
        let flag = |flag: &Slot<bool>| flag.value().copied().unwrap_or(true);
        Self {
            prefix_route: flags.is_none_or(|flags| flag(&flags.prefix_route)),
            preferred: flags.is_none_or(|flags| flag(&flags.preferred)),
            duplicate_detection: flags.is_none_or(|flags| flag(&flags.duplicate_detection)),
        }
    }
}

impl Placed {
    pub(super) fn ip(&self) -> IpAddr {
        self.ip
    }

    pub(super) fn span(&self) -> Span {
        self.span
    }
}

/// The full name that a record leads to: one without a dot is a name of the site's domain.
pub(super) fn absolute(domain: &DomainName, written: &DomainName) -> Option<DomainName> {
    if written.as_str().contains('.') {
        return Some(written.clone());
    }
    domain.child(written.as_str()).ok()
}

impl Draft<'_> {
    /// Whether DHCP is served in the VLAN of a link; of a controller, whether it serves there itself.
    pub(super) fn is_served(&self, host: &Host<'_>, link: &Link) -> bool {
        let Plug::Vlan(vlan) = link.plug else {
            return false;
        };
        let vlan_draft = self.vlans.get(vlan);
        match host.is_controller() {
            true => self.serves_vlan(host, vlan),
            false => vlan_draft.is_some_and(|vlan| vlan.node.dhcp.is_some()),
        }
    }

    /// Whether a VLAN's DHCP names a host.
    pub(super) fn serves_vlan(&self, host: &Host<'_>, vlan: usize) -> bool {
        let dhcp = self
            .vlans
            .get(vlan)
            .and_then(|vlan| vlan.node.dhcp.as_ref());
        host.is_controller()
            && dhcp.is_some_and(|dhcp| {
                let mut controllers = dhcp.controllers.iter();
                controllers.any(|one| one.value == host.name.value)
            })
    }

    /// The domain that the site's names are in.
    pub(super) fn domain_name(&self) -> Option<&DomainName> {
        self.declarations.sites.first()?.domain.value()
    }

    pub(super) fn prefix(&self, subnet: usize) -> Option<Prefix> {
        self.subnets
            .get(subnet)
            .map(|subnet| subnet.node.prefix.value)
    }

    pub(super) fn vlan_of(&self, subnet: usize) -> Option<&VlanDraft<'_>> {
        let subnet = self.subnets.get(subnet)?;
        self.vlans.get(subnet.vlan)
    }

    pub(super) fn controller(&self, name: &HostName) -> Option<&Host<'_>> {
        let host = self.hosts.get(*self.names.get(name)?)?;
        host.is_controller().then_some(host)
    }

    /// The address of a controller that hosts in `subnet` reach it at: one in the subnet, else one of its family in its VLAN,
    /// else in the VLAN that its DHCP is relayed to.
    pub(super) fn address_towards(&self, controller: &Host<'_>, subnet: usize) -> Option<IpAddr> {
        let draft = self.subnets.get(subnet)?;
        let is_v4 = draft.is_v4();
        let inside = controller
            .addresses_in(draft.vlan)
            .find(|placed| placed.subnet == Some(subnet));
        let nearby = || {
            let mut addresses = controller.addresses_in(draft.vlan);
            addresses.find(|placed| placed.ip().is_ipv4() == is_v4)
        };
        let relayed = || {
            let Some(Plug::Vlan(target)) = self.relays.get(draft.vlan) else {
                return None;
            };
            let mut addresses = controller.addresses_in(*target);
            addresses.find(|placed| placed.ip().is_ipv4() == is_v4)
        };
        inside.or_else(nearby).or_else(relayed).map(Placed::ip)
    }
}

impl SubnetDraft<'_> {
    pub(super) fn is_v4(&self) -> bool {
        self.node.prefix.value.net().network().is_ipv4()
    }
}
