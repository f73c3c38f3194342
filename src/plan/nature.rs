//! What a new link has that no site says: the hardware address of its first port, whatever port comes and goes later.

use std::collections::{BTreeMap, BTreeSet};

use super::Inputs;
use crate::base::mac::MacAddr;
use crate::base::name::LinkName;
use crate::state::{Key, Link, LinkFact, LinkKind, Resource};

/// The ports that links are to have, and what is known of them.
pub(super) struct Nature<'a> {
    first_ports: BTreeMap<&'a LinkName, &'a LinkName>,
    facts: &'a BTreeMap<LinkName, LinkFact>,
    /// Bonds that are, and that shall be.
    bonds: BTreeSet<&'a LinkName>,
}

impl<'a> Nature<'a> {
    pub(super) fn new(inputs: Inputs<'a>) -> Self {
        let mut first_ports = BTreeMap::new();
        // Keys are ordered, so the first by name comes first.
        for (key, resource) in &inputs.desired.state {
            if let (Key::Link { link: port, .. }, Resource::Link(link)) = (key, resource)
                && let Some(of) = &link.port_of
            {
                first_ports.entry(of).or_insert(port);
            }
        }
        let states = [&inputs.desired.state, &inputs.observed.state];
        let links = states.into_iter().flatten();
        let bonds = links.filter_map(|(key, resource)| match (key, resource) {
            (Key::Link { link: name, .. }, Resource::Link(link)) => {
                matches!(link.kind, LinkKind::Bond(_)).then_some(name)
            }
            (_, _) => None,
        });
        Self {
            first_ports,
            facts: &inputs.observed.facts.links,
            bonds: bonds.collect(),
        }
    }

    /// `wanted` as it is to be made. A bond or bridge left to itself has the address of whichever port it likes, and changes it with them:
    /// a DHCP lease and a switch's port security hang on it. A port that joins a bond has the bond's, and its own again once it leaves.
    pub(super) fn made(&self, key: &Key, wanted: Resource, before: Option<&Resource>) -> Resource {
        let (Key::Link { link: name, .. }, Resource::Link(link)) = (key, &wanted) else {
            return wanted;
        };
        if link.kind == LinkKind::Physical && self.moves(link, before) {
            return Resource::Link(Link {
                mac: None,
                ..link.clone()
            });
        }
        let is_joined = matches!(link.kind, LinkKind::Bond(_) | LinkKind::Bridge(_));
        if matches!(&link.kind, LinkKind::Bond(bond) if bond.has_mac_of_port()) {
            return Resource::Link(Link {
                mac: None,
                ..link.clone()
            });
        }
        if !is_joined || link.mac.is_some() {
            return wanted;
        }
        let kept = match before {
            Some(Resource::Link(before)) => before.mac,
            Some(_) | None => None,
        };
        let mac = kept.or_else(|| self.first_port_of(name));
        Resource::Link(Link {
            mac,
            ..link.clone()
        })
    }

    /// Whether a link becomes or ceases to be a port of a bond.
    fn moves(&self, link: &Link, before: Option<&Resource>) -> bool {
        let before = match before {
            Some(Resource::Link(before)) => before.port_of.as_ref(),
            Some(_) | None => None,
        };
        let after = link.port_of.as_ref();
        let is_bond = |of: Option<&LinkName>| of.is_some_and(|of| self.bonds.contains(of));
        before != after && (is_bond(before) || is_bond(after))
    }

    fn first_port_of(&self, name: &LinkName) -> Option<MacAddr> {
        let fact = self.facts.get(*self.first_ports.get(name)?)?;
        fact.permanent_mac.or(fact.mac)
    }
}
