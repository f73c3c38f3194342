//! Controllers and machines, which share one DNS name space: their links plugged into VLANs, their addresses placed in subnets.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::names::{Table, twice};
use super::profile;
use super::vlan::VlanNames;
use super::wish::{self, ByVlan, Locked, Wish};
use super::{
    AddressTraits, Host, Link, Placed, Plug, PortPlugs, Role, SubnetDraft, SubnetIndex, VlanDraft,
};
use crate::base::limit;
use crate::base::name::{HostName, Name};
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::{Span, Spanned};
use crate::lang::node::{
    AddressNode, AddressWish, Declarations, LinkNode, LinkShape, MachineNode, PortNode, ProfileNode,
};
use crate::lang::{Gaps, Slot};

/// Where links and addresses find their place.
pub(super) struct Places<'b> {
    pub(super) vlans: &'b [VlanDraft<'b>],
    pub(super) subnets: &'b [SubnetDraft<'b>],
    pub(super) index: &'b SubnetIndex,
}

/// All hosts, and what they ask of the lock.
pub(super) fn hosts<'a>(
    declarations: &'a Declarations,
    places: &Places<'_>,
    out: &mut Faults,
) -> (Vec<Host<'a>>, Vec<Wish<'a>>) {
    let nodes = &declarations.profiles;
    let table = Table::new("profile", nodes.iter().map(|node| &node.name), out);
    // Of one that is declared twice, which was told, nobody knows what it says.
    let mut profiles: BTreeMap<&Name, Option<&ProfileNode>> = BTreeMap::new();
    for node in nodes {
        let known = profiles.entry(&node.name.value);
        known
            .and_modify(|known| *known = None)
            .or_insert(Some(node));
    }
    for node in nodes {
        link_names(&node.shape.interfaces, out);
    }
    let locked = declarations.lock.as_ref();
    let mut resolver = Resolver {
        table,
        profiles,
        vlans: VlanNames::new(places.vlans),
        by_vlan: ByVlan::new(places.vlans.len(), places.subnets),
        locked: Locked::new(locked.map_or(&[], |lock| &lock.entries), out),
        places,
        gaps: &declarations.gaps,
        wishes: Vec::new(),
        inherited: 0,
        out,
    };
    // A profile that no machine has is checked like any other.
    for node in nodes {
        resolver.links(None, node.shape.interfaces.clone(), Plug::Nothing);
    }
    let mut hosts = Vec::new();
    for node in &declarations.controllers {
        link_names(&node.links, resolver.out);
        let links = resolver.links(Some(&node.name.value), node.links.clone(), Plug::Nothing);
        hosts.push(Host {
            name: &node.name,
            role: Role::Controller(node),
            moved: &node.moved,
            lacks_profile: false,
            by_name: by_link_name(&links),
            links,
        });
    }
    for node in &declarations.machines {
        hosts.push(resolver.machine(node));
    }
    (hosts, resolver.wishes)
}

/// The links of a host that has many, in the order of their names.
fn by_link_name(links: &[Link]) -> Vec<usize> {
    if links.len() <= FEW_LINKS {
        return Vec::new();
    }
    let mut order: Vec<usize> = (0..links.len()).collect();
    order.sort_by_key(|index| links.get(*index).map(|link| &link.node.name.value));
    order
}

/// As many links as are looked at one by one.
const FEW_LINKS: usize = 16;

/// Hosts by name, and the names given twice, which are reported.
pub(super) fn by_name<'a>(
    hosts: &[Host<'a>],
    out: &mut Faults,
) -> (BTreeMap<&'a HostName, usize>, BTreeSet<&'a HostName>) {
    let mut names: BTreeMap<&HostName, usize> = BTreeMap::new();
    let mut repeated = BTreeSet::new();
    for (index, host) in hosts.iter().enumerate() {
        let earlier = names
            .get(&host.name.value)
            .and_then(|first| hosts.get(*first));
        match earlier {
            Some(first) => {
                repeated.insert(&host.name.value);
                let (again, first) = (host.name.span, first.name.span);
                out.push(twice("host", &host.name.value, again, first));
            }
            None => {
                names.insert(&host.name.value, index);
            }
        }
    }
    (names, repeated)
}

/// The loopback has no name to give twice.
fn link_names(links: &[LinkNode], out: &mut Faults) {
    let named = links
        .iter()
        .filter(|link| !matches!(link.shape, LinkShape::Loopback));
    Table::new("link", named.map(|link| &link.name), out);
}

fn too_much(span: Span) -> Diagnostic {
    let most = limit::INHERITED_BYTES / 1024 / 1024;
    let message = format!("profiles give machines more than {most} MiB in all");
    Diagnostic::new(Code::Limit, message)
        .label(span, "too much from here on")
        .help("make the profile smaller, or write what few machines have in each of them")
}

/// As far back as the wishes of one interface may lie.
const MANY: usize = 64;

struct Resolver<'a, 'b> {
    table: Table<'a, Name>,
    profiles: BTreeMap<&'a Name, Option<&'a ProfileNode>>,
    vlans: VlanNames<'b>,
    by_vlan: ByVlan,
    locked: Locked<'a>,
    places: &'b Places<'b>,
    gaps: &'b Gaps,
    wishes: Vec<Wish<'a>>,
    /// How much text machines have from profiles.
    inherited: usize,
    out: &'b mut Faults,
}

impl<'a> Resolver<'a, '_> {
    fn machine(&mut self, node: &'a MachineNode) -> Host<'a> {
        link_names(&node.shape.interfaces, self.out);
        let (mut shape, without) = match &node.profile {
            Slot::Absent => (profile::alone(&node.shape, self.out), Plug::Nothing),
            // An unreadable profile may have given the VLAN.
            Slot::Faulty => (node.shape.clone(), Plug::Unknown),
            Slot::Given(name) => {
                let is_known = self.table.check(name, self.gaps, self.out);
                let found = self.profiles.get(&name.value).copied().flatten();
                let found = found.filter(|found| is_known && self.affords(name, found));
                match found {
                    Some(found) => {
                        let shape = profile::apply(&node.shape, &found.shape, self.out);
                        (shape, Plug::Nothing)
                    }
                    None => (node.shape.clone(), Plug::Unknown),
                }
            }
        };
        let interfaces = std::mem::take(&mut shape.interfaces);
        let links = self.links(Some(&node.name.value), interfaces, without);
        Host {
            name: &node.name,
            role: Role::Machine(Box::new(shape)),
            moved: &node.moved,
            by_name: by_link_name(&links),
            links,
            lacks_profile: without == Plug::Unknown,
        }
    }

    /// Whether another machine may have what a profile says; the first that may not is reported.
    fn affords(&mut self, name: &Spanned<Name>, profile: &ProfileNode) -> bool {
        let before = self.inherited;
        self.inherited = before.saturating_add(profile.length);
        if self.inherited <= limit::INHERITED_BYTES {
            return true;
        }
        if before <= limit::INHERITED_BYTES {
            self.out.push(too_much(name.span));
        }
        false
    }

    fn place(&self, vlan: usize, address: IpAddr) -> Option<usize> {
        let domain = self.vlans.domain(vlan)?;
        self.places.index.place(domain, vlan, address)
    }

    /// The links of `host`; of a profile, where there is none.
    fn links(
        &mut self,
        host: Option<&'a HostName>,
        nodes: Vec<LinkNode>,
        without: Plug,
    ) -> Vec<Link> {
        let links = nodes.into_iter().map(|mut node| {
            let plug = match self.vlans.plug(&node.vlan, self.gaps, self.out) {
                Plug::Nothing => without,
                found @ (Plug::Unknown | Plug::Vlan(_)) => found,
            };
            // What is asked for goes where it belongs, and the node keeps it.
            let asked = std::mem::take(&mut node.addresses);
            let mut link = Link {
                node,
                plug,
                addresses: Vec::with_capacity(asked.len()),
                port_plugs: Box::default(),
                dhcp: None,
                is_waiting: false,
            };
            for address in &asked {
                self.address(host, &mut link, address);
            }
            link.node.addresses = asked;
            if let LinkShape::Bridge {
                filter: Some(filter),
                ..
            } = &link.node.shape
            {
                let ports = filter.ports.iter().map(|port| self.port(port));
                link.port_plugs = ports.collect();
            }
            link
        });
        links.collect()
    }

    /// What a filtering bridge's port takes the frames of.
    fn port(&mut self, port: &PortNode) -> PortPlugs {
        let tagged = port.tagged.iter().map(|vlan| {
            let vlan = Slot::Given(vlan.clone());
            self.vlans.plug(&vlan, self.gaps, self.out)
        });
        PortPlugs {
            tagged: tagged.collect(),
            untagged: self.vlans.plug(&port.untagged, self.gaps, self.out),
        }
    }

    /// What a link has by way of one `address`.
    fn address(&mut self, host: Option<&'a HostName>, link: &mut Link, address: &AddressNode) {
        match address.wish {
            AddressWish::Fixed { ip, length } => {
                let subnet = match link.plug {
                    Plug::Vlan(vlan) => self.place(vlan, ip),
                    Plug::Nothing | Plug::Unknown => None,
                };
                link.addresses.push(Placed {
                    ip,
                    length,
                    span: address.span,
                    is_locked: false,
                    traits: AddressTraits::of(address.flags.as_deref()),
                    subnet,
                });
            }
            AddressWish::Dhcp => link.dhcp = link.dhcp.or(Some(address.span)),
            // On no wire that is a fault of its own.
            AddressWish::Auto if !link.node.shape.is_wired() => {}
            AddressWish::Auto => self.auto(host, link, address),
        }
    }

    /// Takes an address from the lock.
    fn auto(&mut self, host: Option<&'a HostName>, link: &mut Link, address: &AddressNode) {
        link.is_waiting = true;
        let subnets = self.places.subnets;
        let found = self
            .by_vlan
            .auto(&link.node, link.plug, address, subnets, self.gaps);
        let (subnet, host) = match (found, host) {
            (Ok(Some(subnet)), Some(host)) => (subnet, host),
            (Ok(_), _) => return,
            (Err(fault), _) => return self.out.push(fault),
        };
        let prefix = subnets.get(subnet).map(|subnet| subnet.node.prefix.value);
        let is_same = |wish: &&Wish<'_>| {
            wish.host == host && wish.link == link.node.name.value && wish.subnet == subnet
        };
        if let Some(first) = self.wishes.iter().rev().take(MANY).find(is_same) {
            let message = format!(
                "the interface `{}` asks for two addresses of a subnet",
                link.node.name.value
            );
            let fault =
                Diagnostic::new(Code::AddressesMany, message).label(address.span, "a second one");
            return self.out.push(
                fault
                    .label(first.span, "the first one")
                    .help("keep one of them"),
            );
        }
        let name = link.node.name.value.clone();
        let entry = prefix.and_then(|prefix| self.locked.find(host, &name, prefix));
        if let Some((ip, span)) = entry.and_then(|entry| self.locked.address(entry)) {
            link.addresses.push(wish::placed(ip, span, subnet, address));
            link.is_waiting = false;
        }
        self.wishes.push(Wish {
            host,
            link: name,
            subnet,
            span: address.span,
            entry,
        });
    }
}
