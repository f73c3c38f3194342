//! From what was taken over to edits of the site's text.

use std::net::IpAddr;

use super::draft::{Said, Work};
use super::vlan;
use super::words::word;
use crate::base::addr::InterfaceAddr;
use crate::base::name::LinkName;
use crate::lang::edit::{NewNode, NodeEdit, NodePath, Values, quoted};
use crate::site::model::LinkForm;
use crate::state::{Key, Link, LinkKind, Resource};

impl Work<'_> {
    /// Turns what was taken into edits.
    pub(super) fn write(&mut self) {
        let adopted = self.adopted();
        let mut links: Vec<(u8, &Key, NewNode)> = Vec::new();
        let mut gateways = Vec::new();
        let mut routes = Vec::new();
        for key in &adopted {
            match (key, self.adopter.observed.state.get(key)) {
                (Key::Link { link, .. }, Some(Resource::Link(found))) => {
                    if self.adopter.desired.state.contains_key(key) {
                        self.write_drift(key, link, found);
                    } else if let Some(node) = self.new_link(link, found) {
                        links.push((rank(&found.kind), key, node));
                    }
                    self.write_port(link, found);
                }
                (Key::Address { link, address, .. }, _) => self.write_address(key, link, *address),
                (Key::Route { .. }, Some(Resource::Route(route))) => {
                    match self.default_gateway(key) {
                        Some(via) => gateways.push(via),
                        None => routes.extend(self.adopter.route(key, route)),
                    }
                }
                (Key::Rule { .. }, Some(Resource::Rule(rule))) => {
                    routes.extend(self.adopter.rule(key, rule));
                }
                _ => {}
            }
        }
        for (link, mtu) in std::mem::take(&mut self.mtus) {
            if let Some(edit) = self.at_link(&link) {
                edit.properties.insert("mtu", mtu.to_string());
            }
        }
        links.sort_by_key(|(rank, key, _)| (*rank, *key));
        let nodes: Vec<NewNode> = links.into_iter().map(|(_, _, node)| node).collect();
        let gateways = self.gateways(&gateways);
        let top = self.at(Vec::new());
        top.children.extend(nodes.into_iter().chain(routes));
        top.values
            .extend(gateways.map(|all| ("default-gateway", Values::Set(all))));
        self.draft
            .edits
            .retain(|_, edit| *edit != NodeEdit::default());
    }

    /// What was taken over; of a link's addresses those last that others come before, since a host sends from the first.
    fn adopted(&self) -> Vec<Key> {
        let mut adopted: Vec<Key> = self.draft.adopted.keys().cloned().collect();
        let is_later = |key: &Key| match self.adopter.observed.state.get(key) {
            Some(Resource::Address(found)) => found.secondary == Some(true),
            _ => false,
        };
        adopted.sort_by_key(is_later);
        adopted
    }

    /// In a subnet an address has the subnet's length; elsewhere it says its own.
    fn address_node(&self, key: &Key, address: InterfaceAddr, kind: &LinkKind) -> NewNode {
        let mut head = if is_wired(kind) {
            format!("address {}", quoted(address.ip()))
        } else {
            format!("address {}", quoted(address))
        };
        if let Some(Resource::Address(found)) = self.adopter.observed.state.get(key) {
            let flags = [
                ("prefix-route", found.prefix_route),
                ("preferred", found.preferred),
                ("duplicate-detection", found.duplicate_detection),
            ];
            let off = flags.into_iter().filter(|(_, is_on)| !is_on);
            head.extend(off.map(|(name, _)| format!(" {name}=#false")));
        }
        NewNode::leaf(head)
    }

    /// The arguments of `default-gateway` with those that were found: at most one of each address family.
    fn gateways(&self, found: &[IpAddr]) -> Option<Vec<String>> {
        let declared = self.adopter.controller.default_gateways.iter();
        let mut all: Vec<IpAddr> = declared.map(|one| one.via).collect();
        for via in found {
            let same = all.iter_mut().find(|one| one.is_ipv4() == via.is_ipv4());
            match same {
                Some(known) => *known = *via,
                None => all.push(*via),
            }
        }
        (!found.is_empty()).then(|| all.iter().map(quoted).collect())
    }

    /// The edit of the controller's node, or of one below it.
    fn at(&mut self, below: NodePath) -> &mut NodeEdit {
        let mut path = vec![("controller", Some(self.adopter.name.to_string()))];
        path.extend(below);
        self.draft.edits.entry(path).or_default()
    }

    /// The edit of a link that the site names.
    fn at_link(&mut self, link: &LinkName) -> Option<&mut NodeEdit> {
        let name = self.adopter.site_name(link).clone();
        let declared = self.adopter.controller.links.get(&name)?;
        let step = match word(&declared.form) {
            "loopback" => ("loopback", None),
            word => (word, Some(name.to_string())),
        };
        Some(self.at(vec![step]))
    }

    fn new_link(&self, name: &LinkName, found: &Link) -> Option<NewNode> {
        let words = self.adopter.words(name, found, self.plugs.get(name)).ok()?;
        let adopted = self.adopted();
        let addresses = adopted.iter().filter_map(|key| {
            if let Key::Address { link, address, .. } = key {
                (link == name).then(|| self.address_node(key, *address, &found.kind))
            } else {
                None
            }
        });
        let addresses: Vec<NewNode> = addresses.collect();
        if found.kind == LinkKind::Loopback && addresses.is_empty() {
            return None;
        }
        Some(words.node(self.adopter.site_name(name), addresses))
    }

    fn write_drift(&mut self, key: &Key, name: &LinkName, found: &Link) {
        let adopter = self.adopter;
        let Some(resource) = adopter.observed.state.get(key) else {
            return;
        };
        let changes = adopter.changes(&adopter.desired, key, resource);
        let said = changes.iter().filter(|change| change.field != "port-of");
        let said: Vec<Said> = said
            .filter_map(|change| self.changed(name, found, &change.field).ok())
            .collect();
        let Some(edit) = self.at_link(name) else {
            return;
        };
        for said in said {
            match said {
                Said::Property(name, value) => drop(edit.properties.insert(name, value)),
                Said::Value(name, values) => drop(edit.values.insert(name, Values::Set(values))),
            }
        }
    }

    /// Makes a link a port of what the site names, where it is one on the host.
    fn write_port(&mut self, link: &LinkName, found: &Link) {
        let Some(master) = &found.port_of else { return };
        let declared = self
            .adopter
            .controller
            .links
            .get(self.adopter.site_name(master));
        let port = self.adopter.site_name(link).clone();
        let ports = declared.map(|declared| ports(&declared.form));
        if ports.is_some_and(|ports| !ports.contains(&port))
            && let Some(edit) = self.at_link(master)
        {
            let added = edit.values.entry("ports");
            let added = added.or_insert_with(|| Values::Add(Vec::new()));
            if let Values::Add(ports) = added {
                ports.push(quoted(port));
            }
        }
    }

    /// An address of a link that the site names already; those of new links stand in their nodes.
    fn write_address(&mut self, key: &Key, name: &LinkName, address: InterfaceAddr) {
        let adopter = self.adopter;
        let link = adopter.link_key(name);
        let Some(Resource::Link(found)) = adopter.observed.state.get(&link) else {
            return;
        };
        if !adopter.desired.state.contains_key(&link) {
            return;
        }
        let node = self.address_node(key, address, &found.kind);
        let plug = self.plugs.get(name).cloned();
        let declared = adopter.controller.links.get(adopter.site_name(name));
        let says_mtu = declared.is_some_and(|link| link.mtu.is_some());
        let Some(edit) = self.at_link(name) else {
            return;
        };
        edit.children.push(node);
        let Some(plug) = plug else { return };
        edit.properties
            .insert("vlan", vlan::reference(adopter.site, &plug));
        let of_vlan = adopter.site.vlans.get(&plug).and_then(|vlan| vlan.mtu);
        if let (Some(of_vlan), Some(mtu), false) = (of_vlan, found.mtu, says_mtu)
            && of_vlan != mtu
        {
            // The VLAN's would be the link's from now on.
            edit.properties.insert("mtu", mtu.to_string());
        }
    }
}

fn is_wired(kind: &LinkKind) -> bool {
    match kind {
        LinkKind::Physical | LinkKind::Bond(_) | LinkKind::Bridge(_) | LinkKind::Tagged(_) => true,
        LinkKind::Loopback | LinkKind::Dummy | LinkKind::Vrf(_) => false,
    }
}

/// What stands on others is written behind them.
fn rank(kind: &LinkKind) -> u8 {
    match kind {
        LinkKind::Loopback => 0,
        LinkKind::Physical => 1,
        LinkKind::Dummy => 2,
        LinkKind::Bond(_) => 3,
        LinkKind::Tagged(_) => 4,
        LinkKind::Bridge(_) => 5,
        LinkKind::Vrf(_) => 6,
    }
}

fn ports(form: &LinkForm) -> &[LinkName] {
    match form {
        LinkForm::Bond(bond) => &bond.ports,
        LinkForm::Bridge(bridge) => &bridge.ports,
        LinkForm::Vrf { ports, .. } => ports,
        LinkForm::Ethernet | LinkForm::Tagged { .. } | LinkForm::Loopback | LinkForm::Dummy => &[],
    }
}
