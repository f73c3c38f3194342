//! Controllers and machines, which share one DNS name space: their links plugged into VLANs, their addresses placed in subnets.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::names::{Table, twice};
use super::profile;
use super::vlan::VlanNames;
use super::{Host, Link, Placed, Plug, Role, SubnetIndex, VlanDraft};
use crate::base::name::{HostName, Name};
use crate::diag::report::Diagnostic;
use crate::lang::node::{Declarations, HostShape, LinkNode, MachineNode, ProfileNode};
use crate::lang::{Gaps, Slot};

pub(super) fn hosts<'a>(
    declarations: &'a Declarations,
    vlans: &[VlanDraft<'_>],
    index: &SubnetIndex,
    out: &mut Vec<Diagnostic>,
) -> Vec<Host<'a>> {
    let nodes = &declarations.profiles;
    let table = Table::new("profile", nodes.iter().map(|node| &node.name), out);
    let profiles: BTreeMap<&Name, &ProfileNode> =
        nodes.iter().map(|node| (&node.name.value, node)).collect();
    for node in nodes {
        link_names(&node.shape.interfaces, out);
    }
    let mut resolver = Resolver {
        table,
        profiles,
        vlans: VlanNames::new(vlans),
        index,
        gaps: &declarations.gaps,
        out,
    };
    // A profile that no machine has is checked like any other.
    for node in nodes {
        resolver.links(&node.shape.interfaces, Plug::Nothing);
    }
    let mut hosts = Vec::new();
    for node in &declarations.controllers {
        link_names(&node.links, resolver.out);
        hosts.push(Host {
            name: &node.name,
            role: Role::Controller(node),
            links: resolver.links(&node.links, Plug::Nothing),
        });
    }
    for node in &declarations.machines {
        hosts.push(resolver.machine(node));
    }
    hosts
}

/// Hosts by name; a name given twice is reported.
pub(super) fn by_name<'a>(
    hosts: &[Host<'a>],
    out: &mut Vec<Diagnostic>,
) -> BTreeMap<&'a HostName, usize> {
    let mut names: BTreeMap<&HostName, usize> = BTreeMap::new();
    for (index, host) in hosts.iter().enumerate() {
        let earlier = names
            .get(&host.name.value)
            .and_then(|first| hosts.get(*first));
        match earlier {
            Some(first) => out.push(twice(
                "host",
                &host.name.value,
                host.name.span,
                first.name.span,
            )),
            None => {
                names.insert(&host.name.value, index);
            }
        }
    }
    names
}

fn link_names(links: &[LinkNode], out: &mut Vec<Diagnostic>) {
    Table::new("link", links.iter().map(|link| &link.name), out);
}

struct Resolver<'a, 'b> {
    table: Table<'a, Name>,
    profiles: BTreeMap<&'a Name, &'a ProfileNode>,
    vlans: VlanNames<'b>,
    index: &'b SubnetIndex,
    gaps: &'b Gaps,
    out: &'b mut Vec<Diagnostic>,
}

impl<'a> Resolver<'a, '_> {
    fn machine(&mut self, node: &'a MachineNode) -> Host<'a> {
        link_names(&node.shape.interfaces, self.out);
        let (shape, without) = match &node.profile {
            Slot::Absent => (self.alone(node), Plug::Nothing),
            // An unreadable profile may have given the VLAN.
            Slot::Faulty => (node.shape.clone(), Plug::Unknown),
            Slot::Given(name) => {
                let is_known = self.table.check(name, self.gaps, self.out);
                match self.profiles.get(&name.value).filter(|_| is_known) {
                    Some(found) => {
                        let shape = profile::apply(&node.shape, &found.shape, self.out);
                        (shape, Plug::Nothing)
                    }
                    None => (node.shape.clone(), Plug::Unknown),
                }
            }
        };
        let links = self.links(&shape.interfaces, without);
        Host {
            name: &node.name,
            role: Role::Machine(Box::new(shape)),
            links,
        }
    }

    /// A machine without a profile has nothing to remove.
    fn alone(&mut self, node: &MachineNode) -> HostShape {
        let empty = HostShape::empty(node.shape.span);
        profile::apply(&node.shape, &empty, self.out)
    }

    fn place(&self, vlan: usize, address: IpAddr) -> Option<usize> {
        let domain = self.vlans.domain(vlan)?;
        self.index.place(domain, vlan, address)
    }

    fn links(&mut self, nodes: &[LinkNode], without: Plug) -> Vec<Link> {
        nodes
            .iter()
            .map(|node| {
                let plug = match self.vlans.plug(&node.vlan, self.gaps, self.out) {
                    Plug::Nothing => without,
                    found @ (Plug::Unknown | Plug::Vlan(_)) => found,
                };
                let addresses = node
                    .addresses
                    .iter()
                    .map(|text| Placed {
                        text: *text,
                        subnet: match plug {
                            Plug::Vlan(vlan) => self.place(vlan, text.value.ip),
                            Plug::Nothing | Plug::Unknown => None,
                        },
                    })
                    .collect();
                Link {
                    node: node.clone(),
                    plug,
                    addresses,
                }
            })
            .collect()
    }
}
