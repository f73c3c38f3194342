//! What a new link has that no site says: the hardware address of its first port, whatever port comes and goes later.

use std::collections::BTreeMap;

use super::Inputs;
use crate::base::mac::MacAddr;
use crate::base::name::LinkName;
use crate::state::{Key, Link, LinkFact, LinkKind, Resource};

/// The ports that links are to have, and what is known of them.
pub(super) struct Nature<'a> {
    first_ports: BTreeMap<&'a LinkName, &'a LinkName>,
    facts: &'a BTreeMap<LinkName, LinkFact>,
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
        Self {
            first_ports,
            facts: &inputs.observed.facts.links,
        }
    }

    /// `wanted` as it is to be made. A bond or bridge left to itself has the address of whichever port it likes, and changes it with them:
    /// a DHCP lease and a switch's port security hang on it.
    pub(super) fn made(&self, key: &Key, wanted: Resource, before: Option<&Resource>) -> Resource {
        let (Key::Link { link: name, .. }, Resource::Link(link)) = (key, &wanted) else {
            return wanted;
        };
        let is_joined = matches!(link.kind, LinkKind::Bond(_) | LinkKind::Bridge(_));
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

    fn first_port_of(&self, name: &LinkName) -> Option<MacAddr> {
        let fact = self.facts.get(*self.first_ports.get(name)?)?;
        fact.permanent_mac.or(fact.mac)
    }
}
