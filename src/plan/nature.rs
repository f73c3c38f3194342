//! What a new link has that no site says: the hardware address of its first port, whatever port comes and goes later.

use std::collections::{BTreeMap, BTreeSet};

use super::Inputs;
use crate::base::mac::MacAddr;
use crate::base::name::LinkName;
use crate::state::{Key, Link, LinkFact, LinkKind, Resource};

/// What has a hardware address of another link is made of others so deep: a bridge of tagged links on a bond, and one more.
const DEEPEST: usize = 5;

/// The ports that links are to have, and what is known of them.
pub(super) struct Nature<'a> {
    first_ports: BTreeMap<&'a LinkName, &'a LinkName>,
    desired: BTreeMap<&'a LinkName, &'a Link>,
    facts: &'a BTreeMap<LinkName, LinkFact>,
    /// Bonds that are, and that shall be.
    bonds: BTreeSet<&'a LinkName>,
}

impl<'a> Nature<'a> {
    pub(super) fn new(inputs: Inputs<'a>) -> Self {
        let mut first_ports = BTreeMap::new();
        let mut desired = BTreeMap::new();
        // Keys are ordered, so the first by name comes first.
        for (key, resource) in &inputs.desired.state {
            let (Key::Link { link: name, .. }, Resource::Link(link)) = (key, resource) else {
                continue;
            };
            desired.insert(name, link);
            if let Some(of) = &link.port_of {
                first_ports.entry(of).or_insert(name);
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
            desired,
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
        let mac = kept.or_else(|| self.mac_of_first_port(name, DEEPEST));
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

    fn mac_of_first_port(&self, name: &LinkName, depth: usize) -> Option<MacAddr> {
        self.mac_of(self.first_ports.get(name)?, depth)
    }

    /// What a link has or is to have: of its own, or of what it is made of.
    fn mac_of(&self, name: &LinkName, depth: usize) -> Option<MacAddr> {
        let said = self.desired.get(name);
        let known = || {
            self.facts
                .get(name)
                .and_then(|fact| fact.permanent_mac.or(fact.mac))
        };
        let of = |link: &Link| match &link.kind {
            LinkKind::Tagged(tagged) => self.mac_of(&tagged.on, depth.checked_sub(1)?),
            LinkKind::Bond(_) | LinkKind::Bridge(_) => {
                self.mac_of_first_port(name, depth.checked_sub(1)?)
            }
            LinkKind::Physical | LinkKind::Loopback | LinkKind::Dummy | LinkKind::Vrf(_) => None,
        };
        let told = said.and_then(|link| link.mac);
        told.or_else(known).or_else(|| said.copied().and_then(of))
    }
}
