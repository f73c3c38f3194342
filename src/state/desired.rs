//! From a site to everything that should exist on one controller.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Key, Resource, State, boot, dhcp, dns, link, listener, route};
use crate::base::name::HostName;
use crate::base::origin::Origin;
use crate::site::model::Site;

/// What should exist, and beside it where each thing was declared. Origins take no part in equality, diff or digest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desired {
    pub state: State,
    pub origins: BTreeMap<Key, Origin>,
}

impl Desired {
    pub(super) fn add(&mut self, key: Key, resource: Resource, origin: &Origin) {
        self.origins.insert(key.clone(), origin.clone());
        self.state.insert(key, resource);
    }

    /// Adds what several declarations share; the first one counts as its origin.
    pub(super) fn add_once(&mut self, key: Key, resource: Resource, origin: &Origin) {
        if !self.state.contains_key(&key) {
            self.add(key, resource, origin);
        }
    }
}

/// Everything that should exist on the controller `name`; nothing where the site has no such controller.
pub fn desired(site: &Site, name: &HostName) -> Desired {
    let mut into = Desired::default();
    let Some(controller) = site.controllers.get(name) else {
        return into;
    };
    link::desired(name, controller, &mut into);
    route::desired(site, name, controller, &mut into);
    let mut serves_any = false;
    for (path, vlan) in &site.vlans {
        let Some(served) = vlan
            .dhcp
            .as_ref()
            .filter(|dhcp| dhcp.controllers.contains(name))
        else {
            continue;
        };
        serves_any = true;
        listener::desired(name, controller, path, served, &mut into);
        dhcp::desired(site, controller, path, vlan, served, &mut into);
    }
    if serves_any {
        boot::desired(site, &mut into);
        dns::desired(site, name, &mut into);
    }
    into
}

/// The controllers other than `name`, each with the number of things that it should hold.
pub fn elsewhere(site: &Site, name: &HostName) -> BTreeMap<HostName, usize> {
    let others = site.controllers.keys().filter(|other| *other != name);
    others
        .map(|other| (other.clone(), desired(site, other).state.len()))
        .collect()
}
