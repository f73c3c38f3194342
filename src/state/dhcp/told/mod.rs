//! What an interface of a machine is told over DHCP: each option as every place says it, and whose word counts. What only a client's
//! message tells is left open. The server decides the same of a message, in `serve/dhcp/parameters.rs`.

mod fit;
mod following;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use serde::Serialize;

use super::{Interfaces, Reservation, Scope};
use crate::base::addr::{AddressRange, Prefix};
use crate::base::identity::Identity;
use crate::base::mac::MacAddr;
use crate::base::name::{HostName, LinkName, Name};
use crate::base::policy::UnknownClients;
use crate::base::vlan::VlanPath;
use crate::site::catalog::{Catalog, Source};
use crate::site::model::{Dhcp, Machine, MachineInterface, Site, Vlan};
use crate::state::{Desired, Key, Resource};

/// What an interface is told in one subnet, where it asks for it. What it boots is no part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    pub link: LinkName,
    pub vlan: VlanPath,
    pub subnet: Prefix,
    /// The one that is reserved for it; where none is, it has any of the subnet's ranges.
    pub address: Option<Ipv4Addr>,
    /// By code; of one code from the nearest place to the farthest.
    pub options: Vec<OptionWord>,
}

/// An option as one place says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OptionWord {
    pub code: u8,
    /// The word of the language.
    pub name: String,
    pub text: String,
    /// Which clients of the place it is for, where it is not for all of them.
    #[serde(flatten)]
    pub part: Option<OptionPart>,
    #[serde(flatten)]
    pub standing: OptionStanding,
    pub source: Source,
}

/// Some of a place's clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptionPart {
    ClientClass(Name),
    DynamicRange(AddressRange),
}

/// What becomes of a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "standing")]
pub enum OptionStanding {
    Told,
    /// It is told where this holds and no word before it is told.
    When {
        condition: String,
    },
    /// A nearer place says otherwise.
    Overridden,
    Withheld {
        because: &'static str,
    },
}

/// What a machine is told, or one interface of it alone.
pub fn told(site: &Site, catalog: &Catalog, host: &HostName, link: Option<&LinkName>) -> Vec<Told> {
    let Some(machine) = site.machines.get(host) else {
        return Vec::new();
    };
    let interfaces = machine.interfaces.iter();
    let asked = interfaces.filter(|(name, _)| link.is_none_or(|link| link == *name));
    let served = asked.filter_map(|(link, interface)| {
        let path = interface.vlan.as_ref()?;
        let vlan = site.vlans.get(path)?;
        let client = Client {
            site,
            catalog,
            host,
            machine,
            link,
            interface,
            path,
            vlan,
        };
        Some(client.told(vlan.dhcp.as_deref()?))
    });
    served.flatten().collect()
}

/// An interface where DHCP is served.
struct Client<'a> {
    site: &'a Site,
    catalog: &'a Catalog,
    host: &'a HostName,
    machine: &'a Machine,
    link: &'a LinkName,
    interface: &'a MachineInterface,
    path: &'a VlanPath,
    vlan: &'a Vlan,
}

/// What the controller of its VLAN should hold for it.
struct Held {
    scopes: BTreeMap<Prefix, Scope>,
    reservation: Option<Reservation>,
    /// The hardware addresses that the site knows of it.
    macs: BTreeSet<MacAddr>,
}

impl Client<'_> {
    fn told(&self, dhcp: &Dhcp) -> Vec<Told> {
        let held = self.held(dhcp);
        let address_in = |subnet: &Prefix| {
            let mut reserved = held.reservation.iter().flat_map(|one| &one.addresses);
            let found = reserved.find(|one| subnet.contains(IpAddr::V4(**one)));
            found.copied()
        };
        let is_reserved = held.scopes.keys().any(|one| address_in(one).is_some());
        let told = held.scopes.iter().filter_map(|(subnet, scope)| {
            let address = address_in(subnet);
            let is_answered =
                held.reservation.is_some() || scope.policy.unknown_clients == UnknownClients::Allow;
            let is_given = scope.policy.proxy || !scope.pools.is_empty();
            let is_any = !is_reserved && is_answered && is_given;
            (address.is_some() || is_any).then(|| Told {
                link: self.link.clone(),
                vlan: self.path.clone(),
                subnet: *subnet,
                address,
                options: self.words((*subnet, scope), address, &held),
            })
        });
        told.collect()
    }

    /// What the controller should have, were this the only interface of the site. A VLAN has one that serves it.
    fn held(&self, dhcp: &Dhcp) -> Held {
        let alone = vec![(self.host, self.machine, self.interface)];
        let alone = Interfaces::from([(self.path, alone)]);
        let mut into = Desired::default();
        let mut controllers = dhcp.controllers.iter();
        if let Some(controller) = controllers.find_map(|name| self.site.controllers.get(name)) {
            let vlan = (self.path, self.vlan);
            super::desired(self.site, controller, vlan, dhcp, &alone, &mut into);
        }
        let mut held = Held {
            scopes: BTreeMap::new(),
            reservation: None,
            macs: self.interface.mac.into_iter().collect(),
        };
        for (key, resource) in into.state {
            held.take(key, resource);
        }
        held
    }
}

impl Held {
    fn take(&mut self, key: Key, resource: Resource) {
        match (key, resource) {
            (Key::Scope { subnet, .. }, Resource::Scope(scope)) => {
                self.scopes.insert(subnet, *scope);
            }
            (Key::Reservation { by, .. }, Resource::Reservation(reservation)) => {
                let all = reservation.identities.iter().chain([by.as_ref()]);
                self.macs.extend(all.filter_map(|one| match one {
                    Identity::Mac(mac) => Some(*mac),
                    Identity::ClientId(_)
                    | Identity::CircuitId(_)
                    | Identity::Duid(_)
                    | Identity::MachineId(_) => None,
                }));
                self.reservation = Some(reservation);
            }
            _ => {}
        }
    }
}
